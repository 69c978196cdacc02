import AsyncHTTPClient
import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import NIOPosix
import NIOSSL
import Tracker
import Transport
import Units

/// Fetches replies of HTTP trackers, by the rules for what strangers' URLs may make us do.
struct HTTPTrackerClient: Sendable {
    enum Family: Sendable {
        case ipv4
        case ipv6
    }

    /// How a request is sent.
    struct Route: Sendable {
        let family: Family
        /// Whether addresses near to us may be asked.
        let mayBeNear: Bool
        /// Whether the tracker itself is near, so that its redirects may stay near.
        let isTrackerNear: Bool
    }

    private let configuration: TrackerClient.Configuration
    private let resolver: NameResolver
    private let logger: Logger
    /// Asks any address. For URLs with a tracker's path only.
    private let open: HTTPClient
    /// Asks far addresses only. It looks at the address that was connected to, not at what the
    /// name led to some time before: a name may be bound to another address between the two.
    private let guarded: HTTPClient

    init(
        configuration: TrackerClient.Configuration, resolver: NameResolver,
        group: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.resolver = resolver
        self.logger = logger
        var settings = Self.settings(configuration)
        open = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: settings)
        settings.refuseNearAddresses()
        guarded = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: settings)
    }

    func shutdown() async {
        try? await open.shutdown()
        try? await guarded.shutdown()
    }

    private static func settings(
        _ configuration: TrackerClient.Configuration
    ) -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.additionalTrustRoots = configuration.trustedCertificateFiles.map { .file($0) }
        let gate = configuration.gate
        var settings = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(
                connect: TimeAmount(Limits.connectTimeMax), read: TimeAmount(Limits.readTimeMax)),
            connectionPool: HTTPClient.Configuration.ConnectionPool(
                idleTimeout: TimeAmount(Limits.idleTimeMax),
                // The gate knows who may have how many.
                concurrentHTTP1ConnectionsPerHostSoftLimit: max(
                    gate.staying.concurrentPerTrackerMax, gate.leaving.concurrentPerTrackerMax)),
            decompression: .enabled(limit: .size(HTTPTracker.replyByteCountMax)))
        // A tracker that refuses connections is to fail at once, so that the next is asked.
        settings.connectionPool.retryConnectionEstablishment = false
        settings.httpVersion = .http1Only
        return settings
    }

    /// The reply's body at `url`, after redirects.
    func get(_ url: TrackerURL, _ route: Route) async throws(TrackerError) -> [UInt8] {
        var url = url
        var mayBeNear = route.mayBeNear
        for _ in 0...Limits.redirectsMax {
            switch try await fetch(url, route.family, mayBeNear: mayBeNear) {
            case .body(let body): return body
            case .redirect(let location):
                let target: TrackerURL
                do {
                    target = try url.redirected(
                        to: location,
                        allowsInternationalNames: configuration.allowsInternationalNames)
                } catch {
                    throw .badRedirect(error)
                }
                mayBeNear =
                    (route.isTrackerNear || mayBeNear && target.hasSameOrigin(as: url))
                    && target.hasAnnouncePath
                try await check(target, mayBeNear: mayBeNear)
                url = target
            }
        }
        throw .tooManyRedirects(limit: Limits.redirectsMax)
    }

    /// Refuses a redirect to where it must not lead, before anything is sent there.
    private func check(_ url: TrackerURL, mayBeNear: Bool) async throws(TrackerError) {
        let addresses = try await resolver.addresses(of: url.host)
        if mayBeNear { return }
        if let near = addresses.first(where: \.isNear), addresses.allSatisfy(\.isNear) {
            throw .forbiddenAddress(near)
        }
    }

    private enum Outcome {
        case body([UInt8])
        case redirect(String)
    }

    private func fetch(
        _ url: TrackerURL, _ family: Family, mayBeNear: Bool
    ) async throws(TrackerError) -> Outcome {
        var request = HTTPClientRequest(url: url.text)
        request.headers = [
            "User-Agent": configuration.userAgent, "Accept-Encoding": "gzip", "Accept": "*/*",
        ]
        if let credentials = url.credentials {
            request.setBasicAuth(username: credentials.user, password: credentials.password)
        }
        request.localAddress =
            family == .ipv4 ? configuration.sourceIPv4 : configuration.sourceIPv6
        let client = mayBeNear ? open : guarded
        do {
            return try await execute(request, by: client)
        } catch let error where Self.isClosedConnection(error) {
            // Trackers close connections when it suits them, also one that was kept open for the
            // next announce and is just being used for it. A new one then serves.
            do {
                return try await execute(request, by: client)
            } catch {
                throw Self.trackerError(error, host: url.host)
            }
        } catch {
            throw Self.trackerError(error, host: url.host)
        }
    }

    private func execute(
        _ request: HTTPClientRequest, by client: HTTPClient
    ) async throws -> Outcome {
        let response = try await client.execute(
            request, timeout: TimeAmount(Limits.requestTimeMax), logger: logger)
        return try await outcome(of: response)
    }

    private func outcome(of response: HTTPClientResponse) async throws -> Outcome {
        let status = Int(response.status.code)
        if (300..<400).contains(status), let location = response.headers.first(name: "Location") {
            return .redirect(location)
        }
        if status == 200 {
            let body = try await response.body.collect(upTo: HTTPTracker.replyByteCountMax)
            return .body(Array(body.readableBytesView))
        }
        let words = try? await response.body.collect(upTo: Limits.refusalByteCountMax)
        throw HTTPTracker.refusal(
            status: status, retryAfter: response.headers.first(name: "Retry-After"),
            body: words.map { Array($0.readableBytesView) } ?? [])
    }

    // MARK: Errors

    private static func isClosedConnection(_ error: any Error) -> Bool {
        switch error {
        case ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed, ChannelError.eof,
            ChannelError.outputClosed:
            true
        case let error as HTTPClientError: error == .remoteConnectionClosed
        case let error as IOError: error.errnoCode == ECONNRESET || error.errnoCode == EPIPE
        default: false
        }
    }

    private static func trackerError(_ error: any Error, host: String) -> TrackerError {
        switch error {
        case let error as TrackerError: return error
        case is CancellationError: return .cancelled
        case is NIOTooManyBytesError, NIOHTTPDecompression.DecompressionError.limit:
            return .replyTooLarge(limit: HTTPTracker.replyByteCountMax)
        case let error as NIOConnectionError: return connectionError(error, host: host)
        case let error as IOError: return ioError(error)
        case let error as HTTPClientError: return clientError(error)
        case let error as NIOSSLError: return .insecure(shortened(error))
        case let error as NIOSSLExtraError: return .insecure(shortened(error))
        case let error as BoringSSLError: return .insecure(shortened(error))
        default: return .unreachable(shortened(error))
        }
    }

    private static func clientError(_ error: HTTPClientError) -> TrackerError {
        switch error {
        case .cancelled: .cancelled
        case .deadlineExceeded, .readTimeout, .writeTimeout, .connectTimeout,
            .tlsHandshakeTimeout, .getConnectionFromPoolTimeout:
            .timedOut
        default: .unreachable(error.shortDescription)
        }
    }

    private static func connectionError(
        _ error: NIOConnectionError, host: String
    ) -> TrackerError {
        if let first = error.connectionErrors.first {
            if let error = first.error as? IOError { return ioError(error) }
            if case ChannelError.connectTimeout = first.error { return .timedOut }
            return .unreachable(shortened(first.error))
        }
        return .nameNotFound(host)
    }

    private static func ioError(_ error: IOError) -> TrackerError {
        error.errnoCode == ETIMEDOUT
            ? .timedOut : .unreachable(String(cString: strerror(error.errnoCode)))
    }

    private static func shortened(_ error: any Error) -> String {
        String(String(describing: error).prefix(200))
    }
}

extension TimeAmount {
    init(_ interval: Interval) { self = .nanoseconds(interval.nanoseconds) }
}
