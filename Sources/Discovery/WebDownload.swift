import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import NIOPosix
import Tracker
public import Units

/// Why something could not be fetched from the web.
public enum WebError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server answered with another status than 200.
    case status(UInt)
    case tooLarge(maxBytes: Int)
    /// The name leads to an address of a private network, and may not.
    case privateAddress(Endpoint)
    case unknownName(String)
    case failed(reason: String)

    public var description: String {
        switch self {
        case .status(404): "not found (404)"
        case .status(let code): "the server answered \(code)"
        case .tooLarge(let maxBytes): "larger than \(maxBytes) bytes"
        case .privateAddress(let endpoint):
            "leads to \(endpoint.addressText), an address of a private network"
        case .unknownName(let host): "the name \(host) is not known"
        case .failed(let reason): reason
        }
    }

    /// What the libraries say of it is for programmers.
    init(_ error: any Error) {
        switch error {
        case TrackerError.forbiddenAddress(let endpoint): self = .privateAddress(endpoint)
        case let error as NIOConnectionError:
            guard let first = error.connectionErrors.first else {
                self = .unknownName(error.host)
                return
            }
            self.init(first.error)
        case let error as IOError:
            let words = String(cString: strerror(error.errnoCode))
            self = .failed(reason: words.prefix(1).lowercased() + words.dropFirst())
        case let error as HTTPClientError: self = .failed(reason: Self.words(error))
        case ChannelError.connectTimeout: self = .failed(reason: "the server does not answer")
        default: self = .failed(reason: "\(error)")
        }
    }

    private static func words(_ error: HTTPClientError) -> String {
        switch error {
        case .deadlineExceeded, .readTimeout, .writeTimeout, .connectTimeout,
            .tlsHandshakeTimeout, .getConnectionFromPoolTimeout:
            "the server does not answer"
        case .remoteConnectionClosed: "the server closed the connection without an answer"
        default: error.shortDescription
        }
    }
}

/// Fetches a small document that the user asked for by its URL.
public enum WebDownload {
    /// The document's bytes, after at most `Limits.redirectsMax` redirects.
    ///
    /// - Parameter mayBeNear: whether it may be on this machine or one near to it. Not for a URL
    ///   that somebody else can have chosen: what answers there may take a request for an order.
    public static func bytes(
        at url: String, maxBytes: Int, mayBeNear: Bool = true
    ) async throws(WebError) -> [UInt8] {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .follow(max: Limits.redirectsMax, allowCycles: false),
            timeout: HTTPClient.Configuration.Timeout(
                connect: TimeAmount(Limits.connectTimeMax), read: TimeAmount(Limits.readTimeMax)),
            decompression: .enabled(limit: .size(maxBytes)))
        settings.connectionPool.retryConnectionEstablishment = false
        if !mayBeNear { settings.refuseNearAddresses() }
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: settings)
        let outcome = await fetch(url, maxBytes: maxBytes, client)
        try? await client.shutdown()
        return try outcome.get()
    }

    private static func fetch(
        _ url: String, maxBytes: Int, _ client: HTTPClient
    ) async -> Result<[UInt8], WebError> {
        do {
            var request = HTTPClientRequest(url: url)
            request.headers = ["user-agent": "swarm/0.1", "accept": "*/*"]
            let limit = TimeAmount(Limits.readTimeMax)
            let response = try await client.execute(request, timeout: limit)
            guard response.status == .ok else { return .failure(.status(response.status.code)) }
            var bytes: [UInt8] = []
            for try await part in response.body {
                guard bytes.count + part.readableBytes <= maxBytes else {
                    return .failure(.tooLarge(maxBytes: maxBytes))
                }
                bytes.append(contentsOf: part.readableBytesView)
            }
            return .success(bytes)
        } catch {
            return .failure(WebError(error))
        }
    }
}
