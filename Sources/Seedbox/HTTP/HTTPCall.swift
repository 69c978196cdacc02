public import HTTPTypes
public import JSONText
public import Units

/// A request that has passed every check of the server: its host and origin are ours, its path is
/// decoded and harmless, its body is within the route's bound, and its sender may do this.
public struct HTTPCall: Sendable {
    public var method: HTTPRequest.Method
    /// Decoded once, without the base path.
    public var path: String
    /// What stands in the route's braces.
    public var parameters: [String: String]
    /// In the order given, decoded.
    public var query: [(name: String, value: String)]
    public var headers: HTTPFields
    public var body: [UInt8]
    public var remote: Remote
    public var grant: Grant

    public init(
        method: HTTPRequest.Method, path: String, parameters: [String: String] = [:],
        query: [(name: String, value: String)] = [], headers: HTTPFields = [:],
        body: [UInt8] = [], remote: Remote = .unixSocket, grant: Grant = .everything
    ) {
        self.method = method
        self.path = path
        self.parameters = parameters
        self.query = query
        self.headers = headers
        self.body = body
        self.remote = remote
        self.grant = grant
    }

    /// The first value of that name in the query.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// The body as JSON, read strictly.
    public func json() throws(HTTPFailure) -> JSON {
        do {
            return try JSON(parsing: body)
        } catch {
            throw HTTPFailure(.badRequest, "bad-json", "the body is no JSON: \(error)")
        }
    }
}

/// Who sends a request.
public enum Remote: Hashable, Sendable, CustomStringConvertible {
    /// An IP address, without its port; the one that a trusted proxy names, if one does.
    case address(Endpoint)
    /// Somebody on this machine whom the file's mode lets in.
    case unixSocket
    /// Somebody who has left already.
    case nobody

    public var description: String {
        switch self {
        case .address(let address): address.addressText
        case .unixSocket: "socket"
        case .nobody: "nobody"
        }
    }
}

/// How much a route does, or a token allows. Each includes those before it.
public enum Scope: String, Comparable, CaseIterable, Sendable {
    /// For anybody, without a password: whether the service lives.
    case open
    case read
    /// Everything that is done to torrents.
    case control
    /// Settings, too.
    case admin

    public static func < (a: Scope, b: Scope) -> Bool { a.level < b.level }

    private var level: Int {
        switch self {
        case .open: 0
        case .read: 1
        case .control: 2
        case .admin: 3
        }
    }
}

/// What the sender of a request may do.
public struct Grant: Hashable, Sendable {
    /// Whose it is, for logs: the token's name, `password`, or how it came in without either.
    public var name: String
    public var scope: Scope

    public init(name: String, scope: Scope) {
        self.name = name
        self.scope = scope
    }

    public static let everything = Grant(name: "local", scope: .admin)
}
