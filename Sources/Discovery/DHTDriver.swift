public import Kademlia
public import Logging
import NIOCore
import Transport
public import Units

/// A node of the DHT at this machine's UDP sockets: it carries out what a `DHTNode` decides, finds
/// the way into the network, keeps the table between runs, and looks for the peers of torrents
/// again and again.
public actor DHTDriver {
    public nonisolated let configuration: Configuration
    nonisolated let sockets: [UDPSocket]
    nonisolated let logger: Logger
    nonisolated let resolver: NameResolver
    private let socket4: UDPSocket?
    private let socket6: UDPSocket?

    var node: DHTNode
    var output = DHTOutput()
    private var timer: DatagramLoop.Alarm?
    private var timerAt = Instant.distantFuture
    private var isStopped = false

    /// Whoever waits for the events of a piece of work.
    private var streams: [WorkID: AsyncStream<DHTEvent>.Continuation] = [:]
    private var joined: Set<AddressFamily> = []
    private var knownSizes = (ipv4: 0, ipv6: 0)
    private var joinWaiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var lastWaiter: UInt64 = 0

    /// Look-ups of nodes' names.
    var lookUps: [UInt64: Task<Void, Never>] = [:]
    var lastLookUp: UInt64 = 0

    var bootstrap = DHTBootstrap()
    var waysIn: DHTWaysIn
    /// What the file holds.
    private var saved: DHTState
    private var saveAt: Instant
    /// The last writing of the file, which the next one waits for.
    private var saving: Task<Void, Never>?

    var torrents: [TorrentID: JoinedTorrent] = [:]
    var lastTorrent: UInt64 = 0
    var schedule = DHTSchedule()
    /// Searches for torrents' peers that are under way.
    var searches: [WorkID: TorrentSearch] = [:]
    /// Spreads announces, so that those that began together do not stay together.
    var chance = SystemRandomNumberGenerator()

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        DatagramLoop.shared.asUnownedSerialExecutor()
    }

    /// Starts a node.
    ///
    /// - Parameter sockets: at most one of each address family. They stay open when the node is
    ///   shut down.
    public static func start(
        _ configuration: Configuration, sockets: [UDPSocket], logger: Logger
    ) async -> DHTDriver? {
        await start(configuration, sockets: sockets, resolver: NameResolver(), logger: logger)
    }

    static func start(
        _ configuration: Configuration, sockets: [UDPSocket], resolver: NameResolver,
        logger: Logger
    ) async -> DHTDriver? {
        guard !sockets.isEmpty else { return nil }
        var saved: DHTState?
        if let path = configuration.stateFile {
            saved = await Task.detached { DHTState.load(path) }.value
        }
        let driver = DHTDriver(
            configuration, saved: saved, sockets: sockets, resolver: resolver, logger: logger)
        for socket in sockets { await socket.add(driver) }
        await driver.begin()
        return driver
    }

    private init(
        _ configuration: Configuration, saved: DHTState?, sockets: [UDPSocket],
        resolver: NameResolver, logger: Logger
    ) {
        self.configuration = configuration
        self.sockets = sockets
        self.logger = logger
        self.resolver = resolver
        socket4 = sockets.first { $0.localEndpoint.isIPv4 }
        socket6 = sockets.first { !$0.localEndpoint.isIPv4 }
        var generator = SystemRandomNumberGenerator()
        var settings = DHTNode.Configuration(using: &generator)
        // Only who keeps the table has its ids: two nodes with one id would not see each other.
        if let saved, configuration.savesTable {
            settings.id = saved.id
            settings.id6 = saved.id6
        }
        settings.families = []
        if socket4 != nil { settings.families.insert(.ipv4) }
        if socket6 != nil { settings.families.insert(.ipv6) }
        settings.version = Limits.dhtVersion
        settings.isReadOnly = configuration.isReadOnly
        settings.limits.isOff = configuration.limitsOff
        settings.isTracing = configuration.isTracing
        let waysIn = DHTWaysIn(
            configuration.bootstrapNodes, saved: saved?.contacts ?? [],
            bound: sockets.map(\.localEndpoint))
        settings.acceptsLocalAddresses =
            configuration.acceptsLocalAddresses ?? waysIn.acceptsLocalAddresses
        self.waysIn = waysIn
        if configuration.madeUpNodeCount > 0 { settings.rootCapacity = .max }
        node = DHTNode(settings, seed: generator.next())
        let madeUp = (0..<max(0, configuration.madeUpNodeCount)).map { number in
            NodeContact(
                id: .random(using: &generator),
                endpoint: Endpoint(
                    ipv4: 0x7F01_0000 | UInt32(truncatingIfNeeded: number & 0xFFFF), port: 6881))
        }
        node.adopt(madeUp, now: MonotonicClock.now)
        self.saved = saved ?? DHTState(id: settings.id, id6: settings.id6)
        saveAt = MonotonicClock.now + Limits.dhtSaveInterval
    }

    private func begin() {
        let now = MonotonicClock.now
        node.restore(saved.contacts, now: now, into: &output)
        // Nodes that are kept for strangers are spared where we still know our own.
        let isOurs = configuration.bootstrapNodes != Configuration.publicBootstrapNodes
        bootstrap.begin(at: saved.contacts.isEmpty || isOurs ? now : now + Limits.dhtWarmWait)
        run(now: now)
    }

    /// Saves the table, and ends what is under way.
    public func shutdown() async {
        guard !isStopped else { return }
        isStopped = true
        timer?.cancel()
        timer = nil
        for socket in sockets { await socket.remove(self) }
        for stream in streams.values { stream.finish() }
        streams = [:]
        torrents = [:]
        searches = [:]
        for waiter in joinWaiters.values { waiter.resume() }
        joinWaiters = [:]
        for task in lookUps.values { task.cancel() }
        for task in lookUps.values { await task.value }
        lookUps = [:]
        await resolver.shutdown()
        await saving?.value
        if configuration.savesTable, let path = configuration.stateFile {
            await Self.write(currentState, to: path, logger)
        }
    }

    // MARK: One turn

    /// What has gathered in `output` is carried out, and the timer set.
    func run(now: Instant) {
        guard !isStopped else { return output.removeAll() }
        noticeGrowth(now: now)
        startSearches(now: now)
        var place = 0
        while place < output.events.count {
            take(output.events[place], now: now)
            place += 1
        }
        for packet in output.packets {
            guard let socket = packet.endpoint.isIPv4 ? socket4 : socket6 else { continue }
            output.bytes.withUnsafeBytes(of: packet.range) {
                socket.write($0, to: packet.endpoint)
            }
        }
        output.removeAll()
        socket4?.flush()
        socket6?.flush()
        setTimer(now: now)
    }

    private func setTimer(now: Instant) {
        var next = min(bootstrap.dueAt ?? .distantFuture, saveAt)
        if let due = node.nextDeadline()?.0 { next = min(next, due) }
        if let due = schedule.next, searches.count < Limits.dhtSearchesMax { next = min(next, due) }
        // A timer that comes early is set again then: most deadlines only move away.
        guard next < timerAt else { return }
        timer?.cancel()
        timerAt = max(next, now + Limits.dhtTickMin)
        timer = DatagramLoop.shared.schedule(at: timerAt) { [weak self] in
            self?.assumeIsolated { $0.tick() }
        }
    }

    private func tick() {
        timer = nil
        timerAt = .distantFuture
        let now = MonotonicClock.now
        node.tick(now: now, into: &output)
        if bootstrap.isDue(nodeCount: nodeCount, now: now) { askBootstrapNodes() }
        if now >= saveAt { save(now: now) }
        run(now: now)
    }

    var nodeCount: Int { node.tableSizes.ipv4 + node.tableSizes.ipv6 }

    private func take(_ event: DHTEvent, now: Instant) {
        switch event {
        case .peers(let id, let peers, _) where searches[id] != nil: found(peers, by: id)
        case .finished(let id, let result) where searches[id] != nil:
            ended(id, result, now: now)
        case .peers(let id, _, _), .item(let id, _), .samples(let id, _, _), .scraped(let id, _, _),
            .answered(let id, _, _, _), .hop(let id, _):
            streams[id]?.yield(event)
        case .finished(let id, _):
            let stream = streams.removeValue(forKey: id)
            stream?.yield(event)
            stream?.finish()
        case .joined(let family, let count): joined(family, count: count, now: now)
        case .externalAddress(let endpoint):
            logger.debug("address seen by DHT nodes", metadata: ["address": "\(endpoint)"])
        case .idChanged(let family, let id):
            logger.info("DHT id changed", metadata: ["family": "\(family)", "id": "\(id)"])
            saveAt = now
        }
    }

    private func joined(_ family: AddressFamily, count: Int, now: Instant) {
        logger.debug("DHT joined", metadata: ["family": "\(family)", "nodes": "\(count)"])
        guard count > 0 else { return }
        if joined.insert(family).inserted { saveAt = min(saveAt, now + Limits.dhtFirstSaveWait) }
        searchSoon(family, now: now)
        for waiter in joinWaiters.values { waiter.resume() }
        joinWaiters = [:]
    }

    /// While the network is small, every node that is new in it may be the one that has what we
    /// look for, or that should have what we announce.
    private func noticeGrowth(now: Instant) {
        let sizes = node.tableSizes
        defer { knownSizes = sizes }
        if sizes.ipv4 > knownSizes.ipv4, knownSizes.ipv4 < Limits.dhtNodesWanted {
            searchSoon(.ipv4, now: now)
        }
        if sizes.ipv6 > knownSizes.ipv6, knownSizes.ipv6 < Limits.dhtNodesWanted {
            searchSoon(.ipv6, now: now)
        }
    }

    // MARK: The table between runs

    /// What is worth keeping; a run that met nobody forgets nobody.
    private var currentState: DHTState {
        let contacts = node.savedContacts
        return DHTState(
            id: node.id(.ipv4), id6: node.id(.ipv6),
            contacts: contacts.isEmpty ? saved.contacts : contacts)
    }

    private func save(now: Instant) {
        saveAt = now + Limits.dhtSaveInterval
        guard configuration.savesTable, let path = configuration.stateFile else { return }
        let state = currentState
        guard state != saved else { return }
        saved = state
        saving = Task.detached { [logger, saving] in
            await saving?.value
            await Self.write(state, to: path, logger)
        }
    }

    private static func write(_ state: DHTState, to path: String, _ logger: Logger) async {
        let failure = await Task.detached { state.save(path) }.value
        guard failure != 0 else { return }
        logger.warning("DHT table not saved", metadata: ["path": "\(path)", "errno": "\(failure)"])
    }
}

extension DHTDriver: DatagramReceiver {
    public nonisolated func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant
    ) -> Bool {
        // All messages are dictionaries, and nothing else on this port begins with a "d".
        guard datagram.first == UInt8(ascii: "d") else { return false }
        // SAFETY: the socket calls on its loop, which is this actor's executor, and the
        // bytes are read before this returns.
        nonisolated(unsafe) let bytes = datagram
        assumeIsolated { $0.node.receive(bytes, from: sender, now: now, into: &$0.output) }
        return true
    }

    public nonisolated func receivedAll() {
        // Also where there is nothing to say: what was heard may bring a deadline nearer.
        assumeIsolated { $0.run(now: MonotonicClock.now) }
    }
}

// MARK: - One piece of work

extension DHTDriver {
    /// Does something once. The stream ends with `finished`; who stops listening ends the work.
    public func perform(_ operation: Operation) -> AsyncStream<DHTEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: DHTEvent.self)
        guard !isStopped else {
            continuation.finish()
            return stream
        }
        let now = MonotonicClock.now
        let id = begin(operation, now: now)
        streams[id] = continuation
        continuation.onTermination = { [weak self] reason in
            guard case .cancelled = reason else { return }
            Task { await self?.cancel(id) }
        }
        run(now: now)
        return stream
    }

    private func begin(_ operation: Operation, now: Instant) -> WorkID {
        switch operation {
        case .ping(let endpoint): node.ping(endpoint, now: now, into: &output)
        case .lookup(let target, let family):
            node.lookup(target, family, now: now, into: &output)
        case .getPeers(let infoHash, let family, let announcement):
            node.getPeers(
                infoHash, announcing: announcement, family, now: now, into: &output)
        case .scrape(let infoHash, let family):
            node.scrape(infoHash, family, now: now, into: &output)
        case .sample(let target, let family):
            node.sample(near: target, family, now: now, into: &output)
        case .getImmutable(let target, let family):
            node.get(immutable: target, family, now: now, into: &output)
        case .getMutable(let key, let salt, let family):
            node.get(signedBy: key, salt: salt, family, now: now, into: &output)
        case .put(let item, let salt, let expected, let family):
            node.put(
                item, salt: salt, expecting: expected, family, now: now, into: &output)
        }
    }

    private func cancel(_ id: WorkID) {
        streams.removeValue(forKey: id)
        node.cancel(id)
    }

    /// Waits until the node has found its neighbours in a family, and then a little for the other
    /// one, if there is a way into it.
    ///
    /// - Returns: the families in which it has.
    public func waitUntilJoined(
        within limit: Interval, other grace: Interval
    ) async -> Set<AddressFamily> {
        await wait(until: MonotonicClock.now + limit) { !joined.isEmpty }
        await wait(until: MonotonicClock.now + grace) {
            let ours = Set(sockets.map(\.localEndpoint.family))
            return waysIn.mayHaveFamilies.intersection(ours).isSubset(of: joined)
        }
        return joined
    }

    private func wait(until end: Instant, _ isDone: () -> Bool) async {
        while !isDone(), !isStopped {
            let rest = end - MonotonicClock.now
            guard rest > .zero else { return }
            lastWaiter += 1
            let id = lastWaiter
            let timer = Task {
                try? await Task.sleep(for: .nanoseconds(rest.nanoseconds))
                if !Task.isCancelled { wake(id) }
            }
            await withCheckedContinuation { joinWaiters[id] = $0 }
            timer.cancel()
            await timer.value
        }
    }

    private func wake(_ id: UInt64) { joinWaiters.removeValue(forKey: id)?.resume() }

    public var status: Status {
        var status = Status()
        for (family, socket) in [(AddressFamily.ipv4, socket4), (.ipv6, socket6)] {
            guard let socket else { continue }
            status.ids[family] = node.id(family)
            status.localEndpoints.append(socket.localEndpoint)
            status.nodeCounts[family] = node.table(family).count
            status.networkSizes[family] = node.networkSize(family)
            if let address = node.externalAddress(family) {
                status.externalAddresses.append(address)
            }
        }
        status.counters = node.counters
        status.torrentCount = torrents.count
        status.joined = joined
        return status
    }
}
