/// The path and query of a request, decoded once. A path that another program behind or before us
/// could read differently is none: what it might name is not there.
struct RequestTarget: Sendable {
    /// Begins with a slash; the base path is taken off.
    let path: String
    let segments: [String]
    let query: [(name: String, value: String)]

    /// Nil for a path that names nothing here, whatever routes there are.
    init?(_ target: String, basePath: String = "") {
        let (rawPath, rawQuery) = Self.split(target)
        guard rawPath.hasPrefix(basePath) else { return nil }
        var rest = rawPath.dropFirst(basePath.count)
        // transmission-remote writes this path so, and this path alone.
        if rest == TransmissionRPC.path + "/" { rest.removeLast() }
        guard rest.first == "/" else { return nil }
        var segments: [String] = []
        if rest != "/" {
            for raw in rest.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
                guard let segment = Self.segment(raw) else { return nil }
                segments.append(segment)
            }
        }
        guard let query = Self.query(rawQuery) else { return nil }
        self.path = "/" + segments.joined(separator: "/")
        self.segments = segments
        self.query = query
    }

    private static func split(_ target: String) -> (path: Substring, query: Substring) {
        guard let mark = target.firstIndex(of: "?") else { return (target[...], "") }
        return (target[..<mark], target[target.index(after: mark)...])
    }

    /// One segment: no separator of any system, no way up, nothing that is still encoded, and
    /// nothing that ends a string.
    private static func segment(_ raw: Substring) -> String? {
        guard !raw.isEmpty, raw != ".", raw != ".." else { return nil }
        // Most of what is asked for is nothing but what always stands for itself.
        if raw.utf8.allSatisfy(\.isUnreservedInURL) { return String(raw) }
        guard let text = decoded(raw, plusIsSpace: false), text != ".", text != ".." else {
            return nil
        }
        let isHarmless = text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && $0.value != 0x7F && $0 != "/" && $0 != "\\" && $0 != "#"
        }
        return isHarmless && !isEncodedStill(text) ? text : nil
    }

    private static func isEncodedStill(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.indices.contains { index in
            bytes[index] == UInt8(ascii: "%") && index + 2 < bytes.count
                && digit(bytes[index + 1]) != nil && digit(bytes[index + 2]) != nil
        }
    }

    private static func query(_ raw: Substring) -> [(name: String, value: String)]? {
        var query: [(name: String, value: String)] = []
        for part in raw.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = pair.first, let name = decoded(first, plusIsSpace: true),
                let value = decoded(pair.count > 1 ? pair[1] : "", plusIsSpace: true)
            else { return nil }
            query.append((name, value))
        }
        return query
    }

    /// Nil for what is not encoded as it should be, or no UTF-8.
    private static func decoded(_ raw: Substring, plusIsSpace: Bool) -> String? {
        guard raw.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") })
        else { return String(raw) }
        let raw = Array(raw.utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            switch raw[index] {
            case UInt8(ascii: "%"):
                guard index + 2 < raw.count, let high = digit(raw[index + 1]),
                    let low = digit(raw[index + 2])
                else { return nil }
                bytes.append(high << 4 | low)
                index += 3
                continue
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(0x20)
            case let byte: bytes.append(byte)
            }
            index += 1
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
