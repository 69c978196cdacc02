import CLinux
import Glibc
import HTTPTypes
import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization
import Units

/// Serves routes over TCP and a Unix socket. Everything that must hold for any request is seen to
/// here, so that a route cannot forget it: names, origins, passwords, sizes, times and headers.
public final class HTTPServer: Service {
    struct Rules: Sendable {
        let gate: Gate
        let proxies: [AddressRange]
        let basePath: String

        init(_ settings: Settings.API) {
            gate = Gate(settings)
            proxies = settings.trustedProxies.compactMap(AddressRange.init)
            basePath = settings.basePath
        }
    }

    let router: Router
    let authority: Authority
    let connections: Connections
    let logger: Logger
    private let settings: Settings.API
    private let rules: Mutex<Rules>
    let refusedHosts = Mutex<Set<String>>([])
    private let ports = Mutex<[Int]>([])

    public convenience init(
        routes: [Route], settings: Settings.API, authority: Authority, logger: Logger
    ) {
        self.init(
            routes: routes, settings: settings, authority: authority,
            connections: Connections(), logger: logger)
    }

    init(
        routes: [Route], settings: Settings.API, authority: Authority, connections: Connections,
        logger: Logger
    ) {
        self.router = Router(routes)
        self.settings = settings
        self.rules = Mutex(Rules(settings))
        self.authority = authority
        self.connections = connections
        self.logger = logger
    }

    /// The TCP ports that are listened at, once they are.
    public var boundPorts: [Int] { ports.withLock { $0 } }

    /// Takes the names, origins and proxies of these settings for requests that come from now on.
    public func reload(_ settings: Settings.API) { rules.withLock { $0 = Rules(settings) } }

    var currentRules: Rules { rules.withLock { $0 } }

    /// Serves until the service is shut down; requests that are being answered are answered.
    public func run() async throws {
        try await run(onListening: {})
    }

    /// - Parameter onListening: Called once all places are listened at.
    public func run(onListening: @escaping @Sendable () async -> Void) async throws {
        if let listen = settings.listen, !listen.isLoopback, !authority.hasSecrets {
            throw SeedboxError.badValue(
                field: "api.listen",
                reason: "\(listen) can be reached by others: set api.password-file or a token "
                    + "first, or listen at 127.0.0.1")
        }
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: Limits.httpThreads)
        for loop in loops.makeIterator() {
            loop.execute { LoopPriority.take(on: loop) }
        }
        do {
            try await withTaskExecutorPreference(LoopExecutor(loops.next())) {
                try await listen(on: loops, onListening)
            }
        } catch {
            try? await loops.shutdownGracefully()
            throw error
        }
        try await loops.shutdownGracefully()
    }

    private func listen(
        on loops: any EventLoopGroup, _ onListening: @escaping @Sendable () async -> Void
    ) async throws {
        let places = [settings.listen.map(Listener.tcp), settings.socket.map(Listener.socket)]
            .compactMap(\.self)
        let waiting = Mutex(places.count)
        let isListening: @Sendable () async -> Void = {
            let isLast = waiting.withLock { count in
                count -= 1
                return count == 0
            }
            if isLast { await onListening() }
        }
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup { tasks in
                for place in places {
                    tasks.addTask { try await self.serve(place, on: loops, isListening) }
                }
                // One that cannot be listened at ends the others.
                for try await _ in tasks {}
            }
        } onGracefulShutdown: {
            self.connections.closeEndless()
            loops.next().scheduleTask(in: .seconds(Limits.lastAnswersSeconds)) {
                self.connections.closeAll()
            }
        }
    }

    private enum Listener: Sendable {
        case tcp(HostPort)
        case socket(String)
    }

    private func serve(
        _ listener: Listener, on loops: any EventLoopGroup,
        _ isListening: @escaping @Sendable () async -> Void
    ) async throws {
        switch listener {
        case .tcp(let place):
            let address = BindAddress.hostname(place.host, port: Int(place.port))
            try await serve(at: address, on: loops, isSocket: false) { channel in
                if let port = channel.localAddress?.port {
                    self.ports.withLock { $0.append(port) }
                }
                await isListening()
            }
        case .socket(let path):
            let socket = try SocketPlace(path, mode: settings.socketMode)
            defer { socket.remove() }
            let address = BindAddress.unixDomainSocket(path: socket.bindPath)
            try await serve(at: address, on: loops, isSocket: true) { _ in
                do {
                    try socket.publish()
                    await isListening()
                } catch {
                    self.logger.error("the socket cannot be opened", metadata: ["why": "\(error)"])
                }
            }
        }
    }

    private func serve(
        at address: BindAddress, on loops: any EventLoopGroup, isSocket: Bool,
        _ onRunning: @escaping @Sendable (any Channel) async -> Void
    ) async throws {
        let http = HTTP1Channel(
            responder: { request, writer, channel in
                try await self.exchange(request, writer, channel, isSocket: isSocket)
            },
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [PartWatch()],
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: Limits.headerBytesMax,
                    maxHeaderListSize: Limits.headerBytesMax,
                    maxHeaderFieldCount: Limits.headerCountMax)))
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let server = Server(
            childChannelSetup: WatchedChannel(http: http, connections: connections),
            configuration: ServerConfiguration(address: address), onServerRunning: onRunning,
            eventLoopGroup: loops, logger: quiet)
        try await server.run()
    }
}

/// An HTTP connection with the watch that ends it when it makes no progress.
private struct WatchedChannel: ServerChildChannel {
    let http: HTTP1Channel
    let connections: Connections

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        guard connections.admit(channel) else {
            return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        return channel.eventLoop.makeCompletedFuture {
            // What a reader does not take waits in the kernel only up to here.
            try? channel.syncOptions?.setOption(
                .socketOption(.so_sndbuf), value: Limits.unreadAnswerBytesMax)
            let watch = ConnectionWatch(connections)
            try channel.pipeline.syncOperations.addHandler(watch)
        }.flatMap { http.setup(channel: channel, logger: logger) }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
            await http.handle(value: value, logger: logger)
        }
    }
}
