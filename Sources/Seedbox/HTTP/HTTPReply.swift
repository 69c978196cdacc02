public import HTTPTypes
public import JSONText

/// What is answered. The server adds what every answer has: its length, and the headers that keep
/// a browser from doing harm with it.
public struct HTTPReply: Sendable {
    public enum Body: Sendable {
        case bytes([UInt8])
        /// Parts that are sent as they come; the next is asked for when the last has left.
        case stream(any AsyncSequence<[UInt8], Never> & Sendable)
    }

    public var status: HTTPResponse.Status
    public var headers: HTTPFields
    public var body: Body
    /// Whether the stream ends only when its reader leaves. The connection is then for it alone,
    /// and there are a few such at a time.
    public var isEndless = false

    public init(
        _ status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], body: Body = .bytes([])
    ) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public init(_ status: HTTPResponse.Status = .ok, type: String, _ bytes: [UInt8]) {
        self.init(status, headers: [.contentType: type], body: .bytes(bytes))
    }

    public static func json(_ value: JSON, _ status: HTTPResponse.Status = .ok) -> HTTPReply {
        HTTPReply(status, type: "application/json", Array(value.text.utf8))
    }

    public static func text(_ text: String, _ status: HTTPResponse.Status = .ok) -> HTTPReply {
        HTTPReply(status, type: "text/plain; charset=utf-8", Array(text.utf8))
    }

    public static let empty = HTTPReply(.noContent)
}

/// Why a request is not done: its status, and an error as the command line writes it.
public struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    public var status: HTTPResponse.Status
    /// One word for programs, such as `no-such-torrent`.
    public var code: String
    /// One line for people, with what to do where that is known.
    public var message: String
    public var headers: HTTPFields

    public init(
        _ status: HTTPResponse.Status, _ code: String, _ message: String,
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    public var description: String { "\(status.code) \(message)" }

    public var reply: HTTPReply {
        var reply = HTTPReply.json(
            ["error": ["code": .string(code), "message": .string(message)]], status)
        for field in headers { reply.headers.append(field) }
        return reply
    }

    public static let notFound = HTTPFailure(
        .notFound, "not-found", "there is nothing at this path")
}

extension HTTPFailure {
    public init(_ error: SeedboxError) {
        let (status, code): (HTTPResponse.Status, String) =
            switch error {
            case .noSuchTorrent: (.notFound, "no-such-torrent")
            case .noSuchFile: (.badRequest, "no-such-file")
            case .noSuchCategory: (.notFound, "no-such-category")
            case .noSuchGroup: (.notFound, "no-such-group")
            case .badValue: (.badRequest, "bad-value")
            case .badSource: (.badRequest, "bad-source")
            case .forbiddenPath: (.forbidden, "forbidden-path")
            case .exists: (.conflict, "exists")
            case .storage: (.internalServerError, "storage")
            case .noMetadata, .lacksHashes: (.conflict, "no-metadata")
            case .diskMissing: (.conflict, "disk-missing")
            case .stopping: (.serviceUnavailable, "stopping")
            }
        self.init(status, code, "\(error)")
    }
}
