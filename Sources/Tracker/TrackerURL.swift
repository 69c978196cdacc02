public import Units

/// The address of a tracker, parsed, checked and normalised.
///
/// It comes from a metainfo file or a magnet link, so from strangers: only `http`, `https` and
/// `udp` lead anywhere, nothing in it can break a request line, and it cannot carry parameters
/// that a client itself sets, with which a stranger could forge a request to a web service.
public struct TrackerURL: Hashable, Sendable {
    public enum Scheme: String, Hashable, Sendable { case http, https, udp }

    public struct Credentials: Hashable, Sendable {
        public let user: String
        public let password: String
    }

    /// In one place for all who have a copy: thousands of torrents may have the same tracker.
    private final class Parts: Sendable {
        let scheme: Scheme
        let host: String
        let port: UInt16
        let path: String
        let query: String?
        let credentials: Credentials?
        /// Where it is not what the others make.
        let given: String?

        init(
            scheme: Scheme, host: String, port: UInt16, path: String, query: String?,
            credentials: Credentials?, given: String?
        ) {
            self.scheme = scheme
            self.host = host
            self.port = port
            self.path = path
            self.query = query
            self.credentials = credentials
            self.given = given
        }
    }

    private var parts: Parts

    public var scheme: Scheme { parts.scheme }
    /// A name in lower case, or an address without brackets.
    public var host: String { parts.host }
    public var port: UInt16 { parts.port }
    /// Percent-encoded; empty or beginning with `/`.
    public var path: String { parts.path }
    /// Percent-encoded, without its `?`.
    public var query: String? { parts.query }
    /// What stood before `@`. It is never part of `text`; HTTP carries it in a header, and only
    /// to this very host.
    public var credentials: Credentials? { parts.credentials }

    /// Parses `text`. Surrounding white space is dropped, as is a fragment; bytes that no URL may
    /// hold are percent-encoded in path and query.
    ///
    /// - Parameter allowsInternationalNames: whether host names beyond ASCII, in their `xn--`
    ///   form, are taken. They allow look-alikes, so the default is no.
    public init(
        _ text: some StringProtocol, allowsInternationalNames: Bool = false
    ) throws(TrackerURLError) {
        let parts = try URLParts(text)
        guard let scheme = Scheme(rawValue: parts.scheme) else {
            throw .unknownScheme(TrackerText.clean(parts.scheme.utf8))
        }
        let query = parts.query.map { PercentCoding.normalized($0) }
        self.init(
            scheme: scheme,
            host: try URLParts.checkedHost(
                parts.host, allowsInternationalNames: allowsInternationalNames),
            port: try parts.port ?? Self.defaultPort(of: scheme),
            path: PercentCoding.normalizedPath(parts.path), query: query,
            credentials: parts.credentials, given: String(text))
        if let name = query.flatMap(Self.reservedParameter(in:)) { throw .reservedParameter(name) }
    }

    init(
        scheme: Scheme, host: String, port: UInt16, path: String, query: String?,
        credentials: Credentials?, given: String? = nil
    ) {
        parts = Parts(
            scheme: scheme, host: host, port: port, path: path, query: query,
            credentials: credentials, given: nil)
        guard let given, given != text else { return }
        parts = Parts(
            scheme: scheme, host: host, port: port, path: path, query: query,
            credentials: credentials, given: given)
    }

    public static func == (a: TrackerURL, b: TrackerURL) -> Bool {
        guard a.parts !== b.parts else { return true }
        return a.scheme == b.scheme && a.host == b.host && a.port == b.port && a.path == b.path
            && a.query == b.query && a.credentials == b.credentials
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(host)
        hasher.combine(port)
        hasher.combine(path)
        hasher.combine(query)
    }

    /// UDP trackers have no standard port; 80 is what the BEPs' examples use.
    static func defaultPort(of scheme: Scheme) -> UInt16 { scheme == .https ? 443 : 80 }

    /// The address that the host is, if it is no name.
    public var hostAddress: Endpoint? { Endpoint(addressText: host, port: port) }

    /// The URL in full, secrets in path and query included; for requests, not for logs.
    public var text: String { origin + path + (query.map { "?\($0)" } ?? "") }

    /// The URL as it was given, passkey and password included: for who has given it.
    public var given: String { parts.given ?? text }

    /// Scheme, host and port: who is asked.
    public var origin: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        let suffix = port == Self.defaultPort(of: scheme) && scheme != .udp ? "" : ":\(port)"
        return "\(scheme.rawValue)://\(shown)\(suffix)"
    }

    public func hasSameOrigin(as other: TrackerURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// The same URL with `parameters`, which are percent-encoded, after those that it has.
    func appending(query parameters: String) -> TrackerURL {
        let joined = query.map { $0.isEmpty ? parameters : "\($0)&\(parameters)" } ?? parameters
        return TrackerURL(
            scheme: scheme, host: host, port: port, path: path.isEmpty ? "/" : path,
            query: joined, credentials: credentials)
    }

    /// Parameters that every client sets itself. A URL that brings them along is made to look
    /// like a request that it is not.
    private static let reservedParameters: Set<String> = [
        "info_hash", "peer_id", "port", "uploaded", "downloaded", "left", "corrupt", "event",
        "key",
    ]

    private static func reservedParameter(in query: String) -> String? {
        for parameter in query.split(separator: "&") {
            let name = parameter.prefix { $0 != "=" }
            let plain = String(decoding: PercentCoding.decoded(name), as: UTF8.self).lowercased()
            if reservedParameters.contains(plain) { return plain }
        }
        return nil
    }
}

extension TrackerURL: CustomStringConvertible {
    /// The URL without what may be secret (a passkey in path or query): fit for logs.
    public var description: String {
        (path.isEmpty || path == "/" || path == "/announce") && query == nil
            ? text : "\(origin)/…"
    }
}

/// Why a text is not the URL of a tracker that we would ask.
public enum TrackerURLError: Error, Hashable, Sendable {
    case tooLong(byteCount: Int)
    case controlCharacter(offset: Int)
    case noScheme
    case unknownScheme(String)
    case noHost
    case badHost(String)
    /// The host's name is not ASCII or in the `xn--` form of such a name.
    case internationalHost(String)
    case badPort(String)
    /// The query already holds a parameter that only the client sets.
    case reservedParameter(String)
    /// A redirect from HTTPS to HTTP, or to a scheme that is not HTTP at all.
    case downgrade(to: String)
}

extension TrackerURLError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let count): "the URL has \(count) bytes, over \(Limits.urlByteCountMax)"
        case .controlCharacter(let offset): "the URL has a control character at byte \(offset)"
        case .noScheme: "the URL has no scheme"
        case .unknownScheme(let scheme): "no tracker is reached by the scheme \"\(scheme)\""
        case .noHost: "the URL has no host"
        case .badHost(let host): "\"\(host)\" is no host name"
        case .internationalHost(let host): "the host \"\(host)\" has an international name"
        case .badPort(let port): "\"\(port)\" is no port"
        case .reservedParameter(let name): "the URL already holds the parameter \"\(name)\""
        case .downgrade(let scheme): "the redirect leads to \(scheme)"
        }
    }
}

// MARK: - Rules of where a tracker may lead

extension TrackerURL {
    /// The URL to scrape: the last `announce` that begins a part of the path becomes `scrape`
    /// (BEP 48). `nil` if there is none, and the tracker then cannot be scraped over HTTP.
    public var scrapeURL: TrackerURL? {
        guard scheme != .udp else { return self }
        let needle = Array("/announce".utf8)
        let bytes = Array(path.utf8)
        guard bytes.count >= needle.count else { return nil }
        for start in (0...bytes.count - needle.count).reversed()
        where bytes[start..<start + needle.count].elementsEqual(needle) {
            let changed = bytes[..<start] + Array("/scrape".utf8) + bytes[(start + needle.count)...]
            return TrackerURL(
                scheme: scheme, host: host, port: port,
                path: String(decoding: changed, as: UTF8.self), query: query,
                credentials: credentials)
        }
        return nil
    }

    /// Whether the path begins with `/announce` or `/announce.php` or the like, as a tracker's
    /// does and a web service's does not.
    public var hasAnnouncePath: Bool {
        guard path.hasPrefix("/announce"), !path.lowercased().contains("%2f") else { return false }
        let next = path.dropFirst("/announce".count).first
        return next == nil || next == "/" || next == "."
    }

    /// Whether this tracker may be asked at `address`, to which its host has led.
    ///
    /// A stranger's metainfo file must not make us send requests of his choice to machines that
    /// only we can reach. So an address near to us is asked over HTTP only if the path looks like
    /// a tracker's. A UDP tracker gets no byte that the URL chose before it has answered in the
    /// tracker's protocol.
    public func mayConnect(to address: Endpoint) -> Bool {
        if address.isMulticast { return false }
        return scheme == .udp || hasAnnouncePath || !address.isNear
    }

    /// Where an answer with this `Location` leads (RFC 9110, section 10.2.2). It must stay with
    /// HTTP and must not give up TLS; credentials go along to the same origin only.
    public func redirected(
        to location: some StringProtocol, allowsInternationalNames: Bool = false
    ) throws(TrackerURLError) -> TrackerURL {
        let parts = try URLParts(location, relativeTo: self)
        guard let next = Scheme(rawValue: parts.scheme) else {
            throw .unknownScheme(TrackerText.clean(parts.scheme.utf8))
        }
        guard next != .udp, next == .https || scheme == .http else {
            throw .downgrade(to: next.rawValue)
        }
        let host = try URLParts.checkedHost(
            parts.host, allowsInternationalNames: allowsInternationalNames)
        let target = TrackerURL(
            scheme: next, host: host, port: try parts.port ?? Self.defaultPort(of: next),
            path: PercentCoding.normalizedPath(parts.path),
            query: parts.query.map { PercentCoding.normalized($0) }, credentials: nil)
        guard hasSameOrigin(as: target) else { return target }
        return TrackerURL(
            scheme: next, host: host, port: target.port, path: target.path, query: target.query,
            credentials: credentials)
    }
}

extension Endpoint {
    /// Whether the address is this machine's or this network's, in any of the forms that lead
    /// there: also `0.0.0.0/8`, IPv4 within IPv6 (RFC 4291, section 2.5.5.1) and NAT64
    /// (RFC 6052).
    public var isNear: Bool {
        if isLocal { return true }
        if let ipv4 { return ipv4 >> 24 == 0 || ipv4 == .max }
        let isCompatible = high == 0 && low >> 32 == 0
        let isTranslated = high == 0x0064_FF9B_0000_0000 && low >> 32 == 0
        guard isCompatible || isTranslated else { return false }
        return Endpoint(ipv4: UInt32(truncatingIfNeeded: low), port: port).isNear || isCompatible
    }
}
