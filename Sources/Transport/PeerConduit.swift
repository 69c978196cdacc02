public import Hashing
public import NIOCore
public import PeerWire
public import Units

/// What a connection tells its owner, on the connection's event loop.
public protocol PeerConduitOwner: AnyObject, Sendable {
    /// The peer's handshake is here. The owner answers with `accept`, `migrate` or `close`.
    func conduit(_ conduit: PeerConduit, received handshake: Handshake)
    /// Messages that were read at once, in order.
    func conduit(_ conduit: PeerConduit, received messages: [PeerMessage])
    /// The connection has ended; nothing follows.
    func conduitClosed(_ conduit: PeerConduit, reason: ConduitClosure)
}

/// Why a connection ended.
public enum ConduitClosure: Hashable, Sendable {
    /// The peer broke the protocol or its time ran out.
    case wire(PeerError)
    /// The peer closed it or the network did.
    case lost
    /// We closed it.
    case ours
}

/// One connection to a peer: the last handler of its channel, which owns the wire's machine. It
/// takes bytes in and gives messages to its owner, and encodes what it is given.
///
/// Use it only on its channel's event loop.
// SAFETY: every method runs on the channel's event loop, which `assert`s check in debug builds;
// only the reference travels between threads.
public final class PeerConduit: ChannelInboundHandler, @unchecked Sendable {
    public typealias InboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    /// Distinguishes connections of one process.
    public let id: UInt64
    /// The other end.
    public let remote: Endpoint
    public let isIncoming: Bool
    public let channel: any Channel
    /// For the owner: what it knows the peer by once it has admitted it.
    public var tag: UInt64 = .max

    private var owner: (any PeerConduitOwner)?
    private var session: PeerSession
    private var context: ChannelHandlerContext?
    private var events = ActionBuffer<PeerSession.Event>()
    private var messages: [PeerMessage] = []
    private var outbound = ByteBuffer()
    private var timer: NIOScheduledCallback?
    private var timerAt: Instant?
    private var isClosed = false
    /// The connection came about, whatever became of it.
    public private(set) var wasOpen = false
    private var needsFlush = false
    private var isDelivering = false
    /// What is on its way into the kernel besides blocks, which the owner counts.
    private var controlBytesPending = 0
    private var ourHandshake: Handshake?

    /// A connection that we dialled speaks first.
    public init(
        id: UInt64, channel: any Channel, remote: Endpoint, dialledWith handshake: Handshake,
        alternateInfoHash: SHA1Digest?, pieceCount: Int?, owner: any PeerConduitOwner
    ) {
        self.id = id
        self.channel = channel
        self.remote = remote
        self.isIncoming = false
        self.owner = owner
        self.ourHandshake = handshake
        self.session = PeerSession(
            .initiating(
                handshake, alternateInfoHash: alternateInfoHash, pieceCount: pieceCount),
            now: MonotonicClock.now)
    }

    /// A connection that was accepted waits for the peer to name a torrent.
    public init(
        id: UInt64, accepted channel: any Channel, remote: Endpoint, owner: any PeerConduitOwner
    ) {
        self.id = id
        self.channel = channel
        self.remote = remote
        self.isIncoming = true
        self.owner = owner
        self.session = PeerSession(.accepting, now: MonotonicClock.now)
    }

    // MARK: What the owner does

    /// A connection that came in on another loop and already named its torrent.
    public init(
        id: UInt64, moved channel: any Channel, from conduit: PeerConduit,
        owner: any PeerConduitOwner
    ) {
        self.id = id
        self.channel = channel
        self.remote = conduit.remote
        self.isIncoming = true
        self.owner = owner
        self.session = conduit.session
    }

    /// The torrent takes an accepted connection and answers its handshake. What the peer sent
    /// meanwhile is handed out by `resume`.
    public func accept(
        _ handshake: Handshake, pieceCount: Int?, v2InfoHash: SHA1Digest? = nil,
        owner: any PeerConduitOwner
    ) {
        self.owner = owner
        guard isIncoming else { return }
        handshake.encode(into: &outbound)
        session.accept(handshake: handshake, pieceCount: pieceCount, v2InfoHash: v2InfoHash)
    }

    /// Whether hashes may be asked for here (BEP 52), once the handshakes are done.
    public var supportsV2: Bool { session.supportsV2 }

    /// The metadata showed that the torrent is v2, by this form of its info-hash.
    /// Lets the connection wait, with `owner` told should it end meanwhile. Nothing more is read
    /// until `setReading`.
    public func hold(for owner: any PeerConduitOwner) {
        self.owner = owner
        setReading(false)
    }

    public func setV2InfoHash(_ infoHash: SHA1Digest) { session.setV2InfoHash(infoHash) }

    /// Gives the connection up without closing it for the peer: it goes on elsewhere.
    public func abandon() {
        isClosed = true
        timer?.cancel()
        owner = nil
        context = nil
    }

    /// Goes on reading after `accept`: messages that came with the handshake are handed out.
    public func resume() {
        var nothing = ByteBuffer()
        receive(&nothing)
    }

    /// The metadata came. What the peer said before of what it has is checked and handed out.
    public func setPieceCount(_ count: Int) {
        session.setPieceCount(count, into: &events)
        deliver()
    }

    /// Encodes a message; it leaves with the next `flush`.
    public func send(_ message: PeerMessage) {
        if case .extensionHandshake(let said) = message { session.advertise(said.extensions) }
        session.encode(message, into: &outbound)
    }

    /// Sends encoded blocks. `promise` succeeds when the kernel has them.
    public func sendBlocks(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        guard let context, !isClosed else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        writeOutbound(context)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
        session.sent(now: MonotonicClock.now)
    }

    /// Lets go of all that was encoded.
    public func flush() {
        needsFlush = false
        guard let context, !isClosed, outbound.readableBytes > 0 else { return }
        writeOutbound(context)
        context.flush()
        session.sent(now: MonotonicClock.now)
    }

    public func setReading(_ isReading: Bool) {
        guard let context, !isClosed else { return }
        session.setReading(isReading, now: MonotonicClock.now)
        try? context.channel.syncOptions?.setOption(.autoRead, value: isReading)
        if isReading { context.read() }
    }

    public func close() { close(.ours) }

    /// Marks the connection as written to; false if it was already.
    public func markForFlush() -> Bool {
        defer { needsFlush = true }
        return !needsFlush
    }

    // MARK: What the channel does

    public func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    public func channelActive(context: ChannelHandlerContext) {
        wasOpen = true
        begin(context)
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        receive(&bytes)
    }

    public func channelInactive(context: ChannelHandlerContext) { close(.lost) }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) { close(.lost) }

    private func begin(_ context: ChannelHandlerContext) {
        if let ourHandshake {
            ourHandshake.encode(into: &outbound)
            self.ourHandshake = nil
            flush()
        }
        rearm()
    }

    private func receive(_ bytes: inout ByteBuffer) {
        guard !isClosed else { return }
        session.receive(&bytes, now: MonotonicClock.now, into: &events)
        deliver()
    }

    /// Hands the machine's events to the owner. Messages go together, so that the owner takes
    /// one turn for everything that was read at once. What the owner sets off meanwhile, as by
    /// `resume`, is appended and handed out by the same loop.
    private func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        var position = 0
        while position < events.count {
            switch events[position] {
            case .message(let message): messages.append(message)
            case .send(let message): send(message)
            case .handshake(let handshake):
                owner?.conduit(self, received: handshake)
            case .close(let error):
                deliverMessages()
                close(.wire(error))
            }
            position += 1
        }
        events.removeAll()
        isDelivering = false
        deliverMessages()
        flush()
        rearm()
    }

    private func deliverMessages() {
        guard !messages.isEmpty, !isClosed else { return }
        owner?.conduit(self, received: messages)
        messages.removeAll(keepingCapacity: true)
    }

    private func writeOutbound(_ context: ChannelHandlerContext) {
        let count = outbound.readableBytes
        guard count > 0 else { return }
        controlBytesPending += count
        guard controlBytesPending <= Limits.controlBacklogMax else { return close(.lost) }
        let written = context.eventLoop.makePromise(of: Void.self)
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in me.value.controlBytesPending -= count }
        context.write(wrapOutboundOut(outbound), promise: written)
        outbound = context.channel.allocator.buffer(capacity: 1024)
    }

    private func close(_ reason: ConduitClosure) {
        guard !isClosed else { return }
        if reason == .ours { flush() }
        isClosed = true
        timer?.cancel()
        let owner = self.owner
        self.owner = nil
        owner?.conduitClosed(self, reason: reason)
        context?.close(promise: nil)
        context = nil
    }

    public func handlerRemoved(context: ChannelHandlerContext) { close(.lost) }
}

// MARK: - The machine's clock

extension PeerConduit: NIOScheduledCallbackHandler {
    private func rearm() {
        guard !isClosed, let (deadline, _) = session.nextDeadline() else { return }
        // A timer that is early costs one needless turn; a new one for each message costs more.
        if let timerAt, timerAt <= deadline { return }
        timer?.cancel()
        timerAt = deadline
        timer = try? channel.eventLoop.scheduleCallback(at: NIODeadline(deadline), handler: self)
    }

    public func handleScheduledCallback(eventLoop: some EventLoop) {
        timer = nil
        timerAt = nil
        guard !isClosed else { return }
        session.tick(now: MonotonicClock.now, into: &events)
        deliver()
    }
}
