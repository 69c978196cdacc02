public import Hashing
public import Logging
public import NIOCore
import NIOPosix
import Tracker
import Transport
public import Units

/// Finds peers of our torrents on the local network, and lets them find us (BEP 14): carries out
/// what a `LocalAnnounceMachine` decides, over one socket for each interface and address family.
///
/// Interfaces may come and go: they are looked at again and again. Other clients of this host may
/// listen at the same port.
public actor LocalDiscovery {
    public struct Configuration: Sendable {
        /// Only the interface that has this address, in numbers; nil is every one.
        public var bindAddress: String?
        /// Also the interfaces that say they cannot, such as loopback: for tests on one host.
        public var usesEveryInterface = false
        /// Between two looks at the interfaces.
        public var interfaceInterval = Interval.seconds(30)

        public init() {}
    }

    public nonisolated let eventLoop: any EventLoop
    private let configuration: Configuration
    private let found: @Sendable (SHA1Digest, Endpoint) -> Void
    private let log: Logger
    private var machine: LocalAnnounceMachine
    private var actions = ActionBuffer<LocalAnnounceMachine.Action>()
    private var links: [LocalLink: any Channel] = [:]
    /// Sockets that are being opened.
    private var opening: Set<LocalLink> = []
    private var timer: Scheduled<Void>?
    private var timerAt = Instant.distantFuture
    private var nextLookAt = Instant.distantPast
    private var isClosed = false

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        eventLoop.executor.asUnownedSerialExecutor()
    }

    /// - Parameters:
    ///   - seed: makes the cookie by which our own announces are known; new for each.
    ///   - found: told on the event loop of a peer of one of our torrents.
    public init(
        _ configuration: Configuration = Configuration(), on eventLoop: any EventLoop,
        seed: UInt64, logger: Logger, found: @escaping @Sendable (SHA1Digest, Endpoint) -> Void
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.machine = LocalAnnounceMachine(seed: seed)
        self.log = logger
        self.found = found
    }

    // MARK: Torrents

    /// Announces a torrent whose peers are accepted at `port`, every five minutes from now on. A
    /// private one must never come here (BEP 27).
    public nonisolated func announce(_ infoHash: SHA1Digest, port: UInt16) {
        onLoop { $0.machine.add(infoHash, port: port, now: MonotonicClock.now) }
    }

    /// Ends that.
    public nonisolated func withdraw(_ infoHash: SHA1Digest) {
        onLoop { $0.machine.remove(infoHash) }
    }

    /// In the order of the calls, whichever thread they come from.
    private nonisolated func onLoop(
        _ body: @escaping @Sendable (isolated LocalDiscovery) -> Void
    ) {
        eventLoop.execute {
            self.assumeIsolated { me in
                guard !me.isClosed else { return }
                body(me)
                me.run()
            }
        }
    }

    /// What is announced.
    public var announced: Set<SHA1Digest> { machine.infoHashes }

    /// What was heard and not heeded.
    public var counters: LocalCounters {
        LocalCounters(machine.counters, openSockets: links.count)
    }

    // MARK: Life

    /// Joins the groups on all interfaces, and begins to announce what there is.
    public func start() {
        guard !isClosed, nextLookAt == .distantPast else { return }
        run()
    }

    public func shutdown() async {
        isClosed = true
        timer?.cancel()
        let channels = links.values
        links = [:]
        for channel in channels { try? await channel.close() }
    }

    private func tick() {
        timer = nil
        timerAt = .distantFuture
        guard !isClosed else { return }
        run()
    }

    /// Does what is due, and sets the timer to what is due next.
    private func run() {
        let now = MonotonicClock.now
        if now >= nextLookAt {
            nextLookAt = now + configuration.interfaceInterval
            lookAtInterfaces()
        }
        // What nobody can hear is not said: it is due as soon as there is a network.
        if !links.isEmpty { machine.tick(now: now, into: &actions) }
        carryOut()
        setTimer()
    }

    private func carryOut() {
        for index in 0..<actions.count {
            switch actions[index] {
            case .found(let infoHash, let endpoint): found(infoHash, endpoint)
            case .announce(let announce):
                for (link, channel) in links { send(announce, over: channel, link) }
            }
        }
        actions.removeAll()
    }

    private func setTimer() {
        let due = links.isEmpty ? nil : machine.nextDeadline()
        let next = min(due ?? .distantFuture, nextLookAt)
        guard next != timerAt else { return }
        timer?.cancel()
        timerAt = next
        timer = eventLoop.scheduleTask(deadline: NIODeadline(next)) { [weak self] in
            self?.assumeIsolated { $0.tick() }
        }
    }

    // MARK: Datagrams

    private func send(_ announce: LocalAnnounce, over channel: any Channel, _ link: LocalLink) {
        guard let group = try? SocketAddress(link.group.endpoint) else { return }
        let bytes = ByteBuffer(bytes: announce.encoded(for: link.group))
        let log = log
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: group, data: bytes))
            .whenFailure { error in
                log.debug(
                    "local announce not sent",
                    metadata: ["interface": "\(link.name)", "error": "\(error)"])
            }
    }

    fileprivate func take(_ datagram: ByteBuffer, from sender: Endpoint) {
        guard !isClosed else { return }
        machine.receive(
            Array(datagram.readableBytesView), from: sender, now: MonotonicClock.now,
            into: &actions)
        carryOut()
    }

    // MARK: Interfaces

    private func lookAtInterfaces() {
        guard let devices = try? System.enumerateDevices() else { return }
        let wanted = LocalLink.all(
            among: devices, bindAddress: configuration.bindAddress,
            usesEveryInterface: configuration.usesEveryInterface)
        let names = Set(wanted.map(\.name))
        machine.networks = devices.filter { names.contains($0.name) }.compactMap(\.network)
        for (link, channel) in links where !wanted.contains(link) {
            links[link] = nil
            channel.close(promise: nil)
            log.debug("left a network", metadata: ["interface": "\(link.name)"])
        }
        for link in wanted where links[link] == nil && !opening.contains(link) { open(link) }
    }

    private func open(_ link: LocalLink) {
        opening.insert(link)
        let receiver = LocalReceiver(owner: self)
        link.open(on: eventLoop, receiver).whenComplete { result in
            self.assumeIsolated { $0.opened(link, result) }
        }
    }

    private func opened(_ link: LocalLink, _ result: Result<any Channel, any Error>) {
        opening.remove(link)
        switch result {
        case .failure(let error):
            log.debug(
                "cannot announce on a network",
                metadata: ["interface": "\(link.name)", "error": "\(error)"])
        case .success(let channel):
            guard !isClosed else { return channel.close(promise: nil) }
            links[link] = channel
            machine.networkAppeared(now: MonotonicClock.now)
            channel.closeFuture.whenComplete { _ in
                self.assumeIsolated { $0.broke(link, channel) }
            }
            log.debug("joined a network", metadata: ["interface": "\(link.name)"])
            setTimer()
        }
    }

    /// It is opened again at the next look.
    private func broke(_ link: LocalLink, _ channel: any Channel) {
        guard links[link] === channel else { return }
        links[link] = nil
    }
}

/// What local discovery has to do with, for those who wonder why nobody is found.
public struct LocalCounters: Hashable, Sendable {
    /// Interfaces times address families.
    public var openSockets: Int
    public var received: Int
    /// Not heeded: from afar, too many, or no announce.
    public var ignored: Int

    init(_ counters: LocalAnnounceMachine.Counters, openSockets: Int) {
        self.openSockets = openSockets
        self.received = counters.received
        self.ignored = counters.notLocal + counters.tooMany + counters.malformed
    }
}

private final class LocalReceiver: ChannelInboundHandler, Sendable {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private weak let owner: LocalDiscovery?

    init(owner: LocalDiscovery) { self.owner = owner }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let sender = Endpoint(envelope.remoteAddress) else { return }
        owner?.assumeIsolated { $0.take(envelope.data, from: sender) }
    }

    /// A datagram that could not be sent says nothing about the socket.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
