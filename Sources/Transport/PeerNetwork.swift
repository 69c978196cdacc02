public import NIOCore
import NIOPosix
import PeerWire
import Synchronization
public import Units

/// Dials and accepts peers over TCP.
public final class PeerNetwork: Sendable {
    private let group: any EventLoopGroup
    private let nextID = Atomic<UInt64>(0)
    private let listeners = Mutex<[any Channel]>([])
    /// The address that outgoing connections leave from, if one was asked for.
    private let bindAddress: String?

    public init(group: any EventLoopGroup, bindAddress: String?) {
        self.group = group
        self.bindAddress = bindAddress
    }

    public func newID() -> UInt64 { nextID.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Listens at `port` (0: any) and gives the port. Both IPv4 and IPv6 unless the address to
    /// bind says otherwise. `accepted` is called on the connection's loop; where it gives nothing
    /// the connection is closed.
    ///
    /// - Parameter replaces: closes what was listened at before, once the new port is open.
    public func listen(
        port: UInt16, insteadOfBefore replaces: Bool = false,
        accepted: @escaping @Sendable (any Channel, Endpoint) -> (any ChannelHandler & Sendable)?
    ) async throws -> UInt16 {
        guard replaces else { return try await open(port, accepted: accepted) }
        let before = takeListeners()
        do {
            let bound = try await open(port, accepted: accepted)
            for channel in before { try? await channel.close() }
            return bound
        } catch {
            await close()
            listeners.withLock { $0 = before }
            throw error
        }
    }

    private func open(
        _ port: UInt16,
        accepted: @escaping @Sendable (any Channel, Endpoint) -> (any ChannelHandler & Sendable)?
    ) async throws -> UInt16 {
        var bound = port
        for host in hosts {
            do {
                let channel = try await bind(host, port: bound, accepted: accepted)
                listeners.withLock { $0.append(channel) }
                bound = UInt16(clamping: channel.localAddress?.port ?? 0)
            } catch {
                // A host without IPv6 is served over IPv4 alone.
                guard host == "::", bindAddress == nil, bound != port || bound != 0 else {
                    throw error
                }
            }
        }
        return bound
    }

    private var hosts: [String] { bindAddress.map { [$0] } ?? ["0.0.0.0", "::"] }

    private func bind(
        _ host: String, port: UInt16,
        accepted: @escaping @Sendable (any Channel, Endpoint) -> (any ChannelHandler & Sendable)?
    ) async throws -> any Channel {
        let isIPv6 = host.contains(":")
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(Limits.listenBacklog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                guard isIPv6 else { return channel.eventLoop.makeSucceededVoidFuture() }
                let only = ChannelOptions.Types.SocketOption(
                    level: .ipv6, name: .ipv6_v6only)
                return channel.setOption(only, value: 1)
            }
            .childChannelInitializer { channel in
                Self.configure(channel) {
                    let remote = Endpoint(channel.remoteAddress) ?? Endpoint(ipv4: 0, port: 0)
                    return accepted(channel, remote) ?? Refusal()
                }
            }
            .bind(host: host, port: Int(port)).get()
    }

    /// Dials a peer from `loop`. `handler` is made once the connection stands.
    public func dial(
        _ endpoint: Endpoint, on loop: any EventLoop,
        handler: @escaping @Sendable (any Channel) -> any ChannelHandler & Sendable
    ) -> EventLoopFuture<Void> {
        do {
            var bootstrap = ClientBootstrap(group: loop)
                .connectTimeout(Limits.dialTime)
                .channelInitializer { channel in
                    Self.configure(channel) { handler(channel) }
                }
            if let bindAddress, bindAddress.contains(":") != endpoint.isIPv4 {
                let local = try SocketAddress(ipAddress: bindAddress, port: 0)
                bootstrap = bootstrap.bind(to: local)
            }
            return bootstrap.connect(to: try SocketAddress(endpoint)).map { _ in }
        } catch {
            return loop.makeFailedFuture(error)
        }
    }

    /// Puts an open connection on another loop. The descriptor is doubled, because a channel
    /// cannot change its loop; the old channel then closes its own copy without a word to the peer.
    public func move(
        _ channel: any Channel, to loop: any EventLoop,
        handler: @escaping @Sendable (any Channel) -> any ChannelHandler & Sendable
    ) {
        channel.eventLoop.assertInEventLoop()
        let copy = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { Descriptor.duplicate($0) }
        channel.close(promise: nil)
        guard let copy, let copy else { return }
        ClientBootstrap(group: loop)
            .channelInitializer { moved in Self.configure(moved) { handler(moved) } }
            .withConnectedSocket(copy)
            .whenFailure { _ in Descriptor.close(copy) }
    }

    public func close() async {
        for channel in takeListeners() { try? await channel.close() }
    }

    private func takeListeners() -> [any Channel] {
        listeners.withLock { channels in
            defer { channels = [] }
            return channels
        }
    }

    private static func configure(
        _ channel: any Channel, _ handler: () -> any ChannelHandler & Sendable
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let options = channel.syncOptions
            try options?.setOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: Limits.receiveBufferMin, initial: Limits.receiveBufferStart,
                    maximum: Limits.receiveBufferMax))
            try options?.setOption(.maxMessagesPerRead, value: UInt(Limits.readsPerTurn))
            try channel.pipeline.syncOperations.addHandler(handler())
        }
    }
}

/// Closes the connection, with nothing said or read.
private final class Refusal: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    func channelActive(context: ChannelHandlerContext) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
