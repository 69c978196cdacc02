import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import NIOPosix

/// Why something could not be fetched from the web.
public enum WebError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server answered with another status than 200.
    case status(UInt)
    case tooLarge(maxBytes: Int)
    case failed(reason: String)

    public var description: String {
        switch self {
        case .status(404): "not found (404)"
        case .status(let code): "the server answered \(code)"
        case .tooLarge(let maxBytes): "larger than \(maxBytes) bytes"
        case .failed(let reason): reason
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
            return .failure(.failed(reason: "\(error)"))
        }
    }
}
