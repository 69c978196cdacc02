public import HTTPTypes
import Units

/// What a request must show before anything else is looked at: that it calls us by a name of ours,
/// and that no other site's page has made a browser send it.
struct Gate: Sendable {
    private let names: Set<String>
    /// `.example.org` for all names under it.
    private let endings: [String]
    private let origins: Set<String>

    init(_ settings: Settings.API) {
        let hosts = settings.allowedHosts.map { $0.lowercased() }
        names = Set(hosts.filter { !$0.hasPrefix("*.") })
        endings = hosts.filter { $0.hasPrefix("*.") }.map { String($0.dropFirst()) }
        origins = Set(settings.allowedOrigins.map { $0.lowercased() })
    }

    /// Why it is refused; nil if it is not.
    func refusal(of request: HTTPRequest) -> HTTPFailure? {
        guard request.headerFields[values: .host].isEmpty, let authority = request.authority,
            isOurs(authority)
        else {
            let name = (request.authority ?? "").shownInLog
            return HTTPFailure(
                .misdirectedRequest, "foreign-host",
                "'\(name)' is not a name of this seedbox: add it to api.allowed-hosts")
        }
        let fields = request.headerFields
        if let origin = fields[.origin], !isFriend(origin: origin, of: authority) {
            return HTTPFailure(
                .forbidden, "foreign-origin",
                "pages of '\(origin.shownInLog)' may not ask: add it to api.allowed-origins")
        }
        guard let site = fields[.secFetchSite], site != "same-origin", site != "none" else {
            return nil
        }
        if let origin = fields[.origin], origins.contains(origin.lowercased()) { return nil }
        // A link that somebody follows to us: its page never sees what we answer.
        let isLink =
            request.method == .get && fields[.secFetchMode] == "navigate"
            && fields[.secFetchDestination] == "document"
        guard !isLink else { return nil }
        return HTTPFailure(.forbidden, "cross-site", "another site's page may not ask")
    }

    /// Of a request that changes something: that it has what a form cannot send, and what a script
    /// of another site may not without asking us first.
    func forgery(of request: HTTPRequest) -> HTTPFailure? {
        switch request.method {
        case .get, .head, .options: return nil
        default: break
        }
        let fields = request.headerFields
        if fields[.authorization]?.lowercased().hasPrefix("bearer ") == true { return nil }
        if fields[.swarmRequest] != nil { return nil }
        let parts = fields[.contentType]?.split(separator: ";", omittingEmptySubsequences: false)
        if let type = parts?.first {
            let simple = [
                "text/plain", "multipart/form-data", "application/x-www-form-urlencoded",
            ]
            let name = type.lowercased().filter { $0 != " " && $0 != "\t" }
            if !name.isEmpty, !simple.contains(name) { return nil }
        }
        return HTTPFailure(
            .forbidden, "forgery",
            "send 'Content-Type: application/json', a token, or the header 'X-Swarm-Request: 1'")
    }

    /// The origin whose pages may read the answer, if there is one and it is not our own.
    func friendlyOrigin(of request: HTTPRequest) -> String? {
        guard let origin = request.headerFields[.origin], origins.contains(origin.lowercased())
        else { return nil }
        return origin
    }

    private func isOurs(_ authority: String) -> Bool {
        guard let host = Self.host(of: authority.lowercased()) else { return false }
        if host == "localhost" || names.contains(host) { return true }
        if Endpoint(addressText: host, port: 0) != nil { return true }
        return endings.contains { host.count > $0.count && host.hasSuffix($0) }
    }

    /// Without the port, brackets, and a dot at the end.
    private static func host(of authority: String) -> String? {
        var host = authority[...]
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            guard rest.isEmpty || isPort(rest) else { return nil }
            return String(host[host.index(after: host.startIndex)..<end])
        }
        if let colon = host.lastIndex(of: ":") {
            guard isPort(host[colon...]) else { return nil }
            host = host[..<colon]
        }
        if host.last == "." { host.removeLast() }
        return host.isEmpty ? nil : String(host)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.first == ":" && (text.count == 1 || UInt16(text.dropFirst()) != nil)
    }

    private func isFriend(origin: String, of authority: String) -> Bool {
        let origin = origin.lowercased()
        if origins.contains(origin) { return true }
        return ["http://", "https://"].contains { origin == $0 + authority.lowercased() }
    }
}

extension HTTPField.Name {
    /// What our own page and command line send with what changes something.
    public static let swarmRequest = named("X-Swarm-Request")
    static let host = named("Host")
    static let secFetchSite = named("Sec-Fetch-Site")
    static let secFetchMode = named("Sec-Fetch-Mode")
    static let secFetchDestination = named("Sec-Fetch-Dest")
    static let forwardedFor = named("X-Forwarded-For")
    static let forwarded = named("Forwarded")

    /// Only for names that are written in code.
    static func named(_ name: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name("\(name)") else {
            // SAFETY: names come from our code alone, and each of them is used by the tests.
            preconditionFailure("no name of a header field: \(name)")
        }
        return name
    }
}

extension String {
    /// What a stranger sent, on one line of bounded length.
    var shownInLog: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.prefix(100).map {
                    $0.value < 0x20 || $0.value >= 0x7F || $0 == "'" ? "?" : $0
                }))
    }
}
