public import HTTPTypes

/// One thing that can be asked for over HTTP. All that the server needs to know of it is here, so
/// that nothing can be reached without its checks, and the description of the API cannot lie.
public struct Route: Sendable {
    public typealias Handler = @Sendable (HTTPCall) async throws(HTTPFailure) -> HTTPReply

    /// What keeps another site's page from making a browser send this.
    public enum ForgeryGuard: Sendable {
        /// The server: a request that changes something needs a token, the header
        /// `X-Swarm-Request`, or a content type that no form can send.
        case header
        /// The handler, by a secret of its own that the request must repeat.
        case own
    }

    public var method: HTTPRequest.Method
    /// `/api/v1/torrents/{id}`: what is in braces stands for one segment of the path.
    public var pattern: String
    public var scope: Scope
    /// One line for the description.
    public var summary: String
    /// Names of the query that are understood, with what each is.
    public var query: [(name: String, schema: Schema)]
    public var body: Schema?
    /// Of the body of a 2xx answer; nil if there is none, or it is no JSON.
    public var reply: Schema?
    /// Of the answer, where it is not JSON.
    public var replyType: String?
    /// More is refused before it is read.
    public var bodyBytesMax: Int
    public var forgeryGuard: ForgeryGuard
    public var handler: Handler

    public init(
        _ method: HTTPRequest.Method, _ pattern: String, _ scope: Scope, _ summary: String,
        query: [(name: String, schema: Schema)] = [], body: Schema? = nil, reply: Schema? = nil,
        replyType: String? = nil, bodyBytesMax: Int? = nil,
        forgeryGuard: ForgeryGuard = .header, handler: @escaping Handler
    ) {
        self.method = method
        self.pattern = pattern
        self.scope = scope
        self.summary = summary
        self.query = query
        self.body = body
        self.reply = reply
        self.replyType = replyType
        self.bodyBytesMax = bodyBytesMax ?? Limits.bodyBytesMax
        self.forgeryGuard = forgeryGuard
        self.handler = handler
    }
}
