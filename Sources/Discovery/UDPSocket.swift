public import NIOCore
import NIOPosix
import Transport
public import Units

/// Takes datagrams from a `UDPSocket`, on the socket's event loop.
public protocol DatagramReceiver: AnyObject, Sendable {
    /// Takes in `datagram`, if it is for this receiver; if not, false, and the next is asked.
    ///
    /// Datagrams that were read together share storage: copy what is kept.
    func receive(_ datagram: ByteBuffer, from sender: Endpoint) -> Bool
}

/// One bound UDP socket of one address family, for all that speak over UDP from our port:
/// trackers now, the DHT and uTP beside them. It does not know their protocols; each datagram is
/// offered to the receivers in their order until one takes it.
///
/// The socket is not connected, so that it outlives the errors of single destinations, and it
/// opens itself again if it breaks.
public final class UDPSocket: Sendable {
    public let eventLoop: any EventLoop
    /// Where the socket is bound; its port is the one that the system chose if none was asked for.
    public let localEndpoint: Endpoint
    let core: NIOLoopBound<Core>

    private init(eventLoop: any EventLoop, localEndpoint: Endpoint, core: NIOLoopBound<Core>) {
        self.eventLoop = eventLoop
        self.localEndpoint = localEndpoint
        self.core = core
    }

    /// Binds a socket. An IPv6 socket takes IPv6 only, so that both families can have one port.
    public static func bind(
        to endpoint: Endpoint, on eventLoop: any EventLoop
    ) async throws -> UDPSocket {
        let core = try await eventLoop.submit {
            NIOLoopBound(Core(eventLoop: eventLoop), eventLoop: eventLoop)
        }.get()
        let local = try await eventLoop.flatSubmit { core.value.bind(to: endpoint) }.get()
        return UDPSocket(eventLoop: eventLoop, localEndpoint: local, core: core)
    }

    /// Adds a receiver behind those that are there. It is not kept alive.
    public func add(_ receiver: any DatagramReceiver) async {
        await onLoop { $0.add(receiver) }
    }

    public func remove(_ receiver: any DatagramReceiver) async {
        await onLoop { $0.remove(receiver) }
    }

    /// Sends a datagram at the next `flush`. On the event loop only. What cannot be sent is lost,
    /// as any datagram may be.
    public func write(_ bytes: ByteBuffer, to destination: Endpoint) {
        core.value.write(bytes, to: destination)
    }

    /// Sends what was written. On the event loop only.
    public func flush() { core.value.flush() }

    public func close() async {
        try? await eventLoop.flatSubmit { [core] in core.value.close() }.get()
    }

    private func onLoop(_ body: @escaping @Sendable (Core) -> Void) async {
        try? await eventLoop.submit { [core] in body(core.value) }.get()
    }
}

extension UDPSocket {
    /// The socket's state, which lives on its event loop.
    final class Core {
        private struct Slot {
            weak var receiver: (any DatagramReceiver)?
        }

        let eventLoop: any EventLoop
        private(set) var channel: (any Channel)?
        private var slots: [Slot] = []
        private var isClosed = false

        init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

        func bind(to endpoint: Endpoint) -> EventLoopFuture<Endpoint> {
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            let messageCount = Limits.datagramsPerRead
            let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
                low: Limits.datagramBytesWaitingMax / 2, high: Limits.datagramBytesWaitingMax)
            var bootstrap = DatagramBootstrap(group: eventLoop)
                .channelOption(.writeBufferWaterMark, value: waterMark)
                .channelOption(.datagramVectorReadMessageCount, value: messageCount)
                // The buffer is cut into as many parts as datagrams are read.
                .channelOption(
                    .recvAllocator,
                    value: FixedSizeRecvByteBufferAllocator(
                        capacity: messageCount * Limits.datagramByteCountMax)
                )
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Demultiplexer(bound.value))
                    }
                }
            if !endpoint.isIPv4 {
                let only6 = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
                bootstrap = bootstrap.channelOption(only6, value: 1)
            }
            let address: SocketAddress
            do {
                address = try SocketAddress(endpoint)
            } catch {
                return eventLoop.makeFailedFuture(error)
            }
            return bootstrap.bind(to: address).flatMapThrowing { channel in
                guard let address = channel.localAddress, let local = Endpoint(address) else {
                    throw ChannelError.unknownLocalAddress
                }
                bound.value.opened(channel, at: local)
                return local
            }
        }

        private func opened(_ channel: any Channel, at local: Endpoint) {
            guard !isClosed else {
                channel.close(promise: nil)
                return
            }
            self.channel = channel
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            channel.closeFuture.whenComplete { _ in bound.value.broke(at: local) }
        }

        private func broke(at local: Endpoint) {
            channel = nil
            guard !isClosed else { return }
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.scheduleTask(in: .nanoseconds(Limits.rebindWait.nanoseconds)) {
                guard !bound.value.isClosed else { return }
                bound.value.bind(to: local).whenFailure { _ in bound.value.broke(at: local) }
            }
        }

        func add(_ receiver: any DatagramReceiver) {
            slots.removeAll { $0.receiver == nil }
            guard slots.count < Limits.datagramReceiversMax else { return }
            slots.append(Slot(receiver: receiver))
        }

        func remove(_ receiver: any DatagramReceiver) {
            slots.removeAll { $0.receiver == nil || $0.receiver === receiver }
        }

        func receive(_ datagram: ByteBuffer, from sender: SocketAddress) {
            guard let endpoint = Endpoint(sender) else { return }
            for slot in slots where slot.receiver?.receive(datagram, from: endpoint) == true {
                return
            }
        }

        func write(_ bytes: ByteBuffer, to destination: Endpoint) {
            guard let channel, channel.isWritable,
                let address = try? SocketAddress(destination)
            else { return }
            let envelope = AddressedEnvelope(remoteAddress: address, data: bytes)
            channel.pipeline.syncOperations.write(NIOAny(envelope), promise: nil)
        }

        func flush() { channel?.pipeline.syncOperations.flush() }

        func close() -> EventLoopFuture<Void> {
            isClosed = true
            slots = []
            return channel?.close() ?? eventLoop.makeSucceededVoidFuture()
        }
    }

    private final class Demultiplexer: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let core: Core

        init(_ core: Core) { self.core = core }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            core.receive(envelope.data, from: envelope.remoteAddress)
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            core.flush()
            context.fireChannelReadComplete()
        }

        /// A datagram that could not be sent or was refused says nothing about the socket.
        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
