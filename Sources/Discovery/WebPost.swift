import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
public import Units

/// Posts small documents to servers that the user named.
public struct WebPost: Sendable {
    private let client: HTTPClient
    private let timeMax: Interval

    /// - Parameters:
    ///   - mayBeNear: whether servers on this machine or near it may be told.
    ///   - timeMax: how long one request may take, from looking up the name to the answer's end.
    public init(mayBeNear: Bool, timeMax: Interval) {
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(
                connect: TimeAmount(Limits.connectTimeMax), read: TimeAmount(timeMax)))
        settings.connectionPool.retryConnectionEstablishment = false
        if !mayBeNear { settings.refuseNearAddresses() }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        self.timeMax = timeMax
    }

    public func shutdown() async { try? await client.shutdown() }

    /// The status of the answer. Redirects are not followed.
    public func post(
        _ body: [UInt8], to url: String, type: String
    ) async throws(WebError) -> UInt {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = ["content-type": type, "user-agent": "swarm"]
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await client.execute(request, timeout: TimeAmount(timeMax))
            // What is not read would keep the connection busy; more than this closes it.
            _ = try? await response.body.collect(upTo: Limits.refusalByteCountMax)
            return response.status.code
        } catch {
            throw WebError(error)
        }
    }
}
