import Units

/// A URL cut at its delimiters (RFC 3986, section 3), with nothing checked but bytes that may be
/// nowhere in it.
struct URLParts {
    private(set) var scheme = ""
    private(set) var credentials: TrackerURL.Credentials?
    private(set) var host: Substring = ""
    private(set) var path = ""
    private(set) var query: String?
    private var portText: Substring?

    /// The port that is named; `nil` if none is.
    var port: UInt16? {
        get throws(TrackerURLError) {
            guard let portText, !portText.isEmpty else { return nil }
            guard portText.utf8.count <= 5, portText.utf8.allSatisfy({ (48...57).contains($0) }),
                let port = UInt16(portText), port != 0
            else { throw .badPort(TrackerText.clean(portText.utf8)) }
            return port
        }
    }

    /// An absolute URL.
    init(_ text: some StringProtocol) throws(TrackerURLError) {
        let rest = try Self.trimmed(text)
        guard let (scheme, afterScheme) = Self.cutScheme(rest), afterScheme.hasPrefix("//") else {
            throw .noScheme
        }
        self.scheme = scheme
        try readAuthority(afterScheme.dropFirst(2))
    }

    /// A reference that may leave out what `base` has (RFC 3986, section 5.2).
    init(
        _ text: some StringProtocol, relativeTo base: TrackerURL
    ) throws(TrackerURLError) {
        let rest = try Self.trimmed(text)
        if let (scheme, afterScheme) = Self.cutScheme(rest) {
            guard afterScheme.hasPrefix("//") else {
                throw .unknownScheme(TrackerText.clean(scheme.utf8))
            }
            self.scheme = scheme
            try readAuthority(afterScheme.dropFirst(2))
            return
        }
        scheme = base.scheme.rawValue
        if rest.hasPrefix("//") {
            try readAuthority(rest.dropFirst(2))
            return
        }
        host = Substring(base.host)
        portText = Substring(String(base.port))
        if rest.isEmpty || rest.hasPrefix("?") || rest.hasPrefix("#") {
            readPath(Substring(base.path) + rest)
            if query == nil { query = base.query }
        } else if rest.hasPrefix("/") {
            readPath(rest)
        } else {
            let folder = base.path.lastIndex(of: "/").map { base.path[...$0] } ?? "/"
            readPath(folder + rest)
        }
    }

    private static func trimmed(_ text: some StringProtocol) throws(TrackerURLError) -> Substring {
        let count = text.utf8.count
        guard count <= Limits.urlByteCountMax else { throw .tooLong(byteCount: count) }
        let isSpace = { (byte: UInt8) in byte == 32 || (9...13).contains(byte) }
        var bytes = Array(text.utf8)[...]
        bytes = bytes.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        if let offset = bytes.firstIndex(where: { $0 < 32 || $0 == 127 }) {
            throw .controlCharacter(offset: offset)
        }
        return Substring(decoding: bytes, as: UTF8.self)
    }

    private static func cutScheme(_ text: Substring) -> (String, Substring)? {
        guard let colon = text.firstIndex(where: { ":/?#".contains($0) }), text[colon] == ":"
        else { return nil }
        return (text[..<colon].lowercased(), text[text.index(after: colon)...])
    }

    private mutating func readAuthority(_ text: Substring) throws(TrackerURLError) {
        let end = text.firstIndex { "/?#".contains($0) } ?? text.endIndex
        var authority = text[..<end]
        if let at = authority.lastIndex(of: "@") {
            credentials = Self.credentials(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }
        if authority.first == "[" {
            guard let close = authority.firstIndex(of: "]") else {
                throw .badHost(TrackerText.clean(authority.utf8))
            }
            host = authority[...close]
            let rest = authority[authority.index(after: close)...]
            guard rest.isEmpty || rest.first == ":" else {
                throw .badPort(TrackerText.clean(rest.utf8))
            }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        } else {
            host = authority
        }
        readPath(text[end...])
    }

    private mutating func readPath(_ text: Substring) {
        let noFragment = text.prefix { $0 != "#" }
        guard let mark = noFragment.firstIndex(of: "?") else {
            path = String(noFragment)
            return
        }
        path = String(noFragment[..<mark])
        query = String(noFragment[noFragment.index(after: mark)...])
    }

    private static func credentials(_ text: Substring) -> TrackerURL.Credentials? {
        let user = text.prefix { $0 != ":" }
        let password = text.dropFirst(user.count + 1)
        let plain = { (part: Substring) in
            String(decoding: PercentCoding.decoded(part), as: UTF8.self)
        }
        return TrackerURL.Credentials(user: plain(user), password: plain(password))
    }
}

// MARK: - Hosts

extension URLParts {
    /// A host name in lower case, or an address in its usual form.
    static func checkedHost(
        _ text: Substring, allowsInternationalNames: Bool
    ) throws(TrackerURLError) -> String {
        guard !text.isEmpty else { throw .noHost }
        if text.first == "[" {
            let inner = text.dropFirst().dropLast()
            guard inner.contains(":"), let address = Endpoint(addressText: inner, port: 0) else {
                throw .badHost(TrackerText.clean(text.utf8))
            }
            return address.addressText
        }
        let name = (text.last == "." ? text.dropLast() : text).lowercased()
        guard name.utf8.allSatisfy({ $0 < 128 }) else {
            throw .internationalHost(TrackerText.clean(name.utf8))
        }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= Limits.hostByteCountMax, labels.allSatisfy(isLabel) else {
            throw .badHost(TrackerText.clean(name.utf8))
        }
        if !allowsInternationalNames, labels.contains(where: { $0.hasPrefix("xn--") }) {
            throw .internationalHost(name)
        }
        // Resolvers read `127.1`, `2130706433` and `0x7f.1` as addresses; we read only the usual
        // form, so that a host's address is what it looks like.
        if let last = labels.last, looksLikeNumber(last),
            Endpoint(addressText: name, port: 0) == nil
        {
            throw .badHost(name)
        }
        return name
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...Limits.hostLabelByteCountMax).contains(label.utf8.count)
            && label.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func looksLikeNumber(_ label: Substring) -> Bool {
        label.utf8.allSatisfy { (48...57).contains($0) }
            || label.hasPrefix("0x") && label.dropFirst(2).allSatisfy(\.isHexDigit)
    }
}
