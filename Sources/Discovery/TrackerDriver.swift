public import Hashing
public import NIOCore
public import Tracker
import Transport
public import Units

/// Runs the trackers of one torrent: carries out what a `TrackerSchedule` decides, through the
/// session's `TrackerClient`.
///
/// It lives on the event loop that it is given, the torrent's, so that the torrent's actor can
/// call it, and be called, without a hop.
public actor TrackerDriver {
    /// What trackers are told of the torrent's progress.
    public struct Counters: Hashable, Sendable {
        /// Bytes of payload sent since the start.
        public var uploaded: Int64
        /// Bytes of payload received since the start.
        public var downloaded: Int64
        /// Bytes still to get; `nil` while the metadata is not known.
        public var left: Int64?

        public init(uploaded: Int64, downloaded: Int64, left: Int64?) {
            self.uploaded = uploaded
            self.downloaded = downloaded
            self.left = left
        }
    }

    /// Who we are for the trackers of this torrent.
    public struct Identity: Hashable, Sendable {
        /// 20 bytes.
        public var peerID: [UInt8]
        /// Where we accept peers.
        public var port: UInt16
        /// Stays the same while the torrent runs, and no other torrent's is like it.
        public var key: UInt32

        public init(peerID: [UInt8], port: UInt16, key: UInt32) {
            self.peerID = peerID
            self.port = port
            self.key = key
        }
    }

    /// What the driver asks of, and tells, the torrent. Called on the driver's event loop.
    public struct Hooks: Sendable {
        public var counters: @Sendable () async -> Counters
        /// Peers of the swarm with this info-hash, from the tracker at this URL.
        public var found: @Sendable ([Endpoint], SHA1Digest, TrackerURL) -> Void
        /// Our address as a tracker sees it; its port is 0.
        public var externalAddress: @Sendable (Endpoint, TrackerURL) -> Void
        /// An announce has failed; it will be tried again, or the tier's next tracker will.
        public var failed: @Sendable (TrackerURL, TrackerError) -> Void
        /// What a tracker wants its users to know.
        public var warned: @Sendable (TrackerURL, String) -> Void
        /// No announce or scrape is under way any more.
        public var quiet: @Sendable () -> Void

        public init(
            counters: @escaping @Sendable () async -> Counters,
            found: @escaping @Sendable ([Endpoint], SHA1Digest, TrackerURL) -> Void,
            externalAddress: @escaping @Sendable (Endpoint, TrackerURL) -> Void = { _, _ in },
            failed: @escaping @Sendable (TrackerURL, TrackerError) -> Void = { _, _ in },
            warned: @escaping @Sendable (TrackerURL, String) -> Void = { _, _ in },
            quiet: @escaping @Sendable () -> Void = {}
        ) {
            self.counters = counters
            self.found = found
            self.externalAddress = externalAddress
            self.failed = failed
            self.warned = warned
            self.quiet = quiet
        }
    }

    /// What is known of the trackers at one moment.
    public struct Snapshot: Hashable, Sendable {
        public let trackers: [TrackerStatus]
        /// The moment, on the clock of the instants in `trackers`.
        public let now: Instant
    }

    private let eventLoop: any EventLoop
    private let client: TrackerClient
    private var hooks: Hooks
    private var identity: Identity
    private var schedule: TrackerSchedule
    private var actions = ActionBuffer<TrackerSchedule.Action>()
    private var tasks: [TrackerSchedule.AttemptID: Task<Void, Never>] = [:]
    private var timer: Scheduled<Void>?
    private var timerAt = Instant.distantFuture
    private var stopWaiters: [CheckedContinuation<Void, Never>] = []
    /// What was given up to stop; it ends by itself, and soon.
    private var givenUp: [Task<Void, Never>] = []

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        eventLoop.executor.asUnownedSerialExecutor()
    }

    /// - Parameters:
    ///   - tiers: the torrent's trackers (BEP 12).
    ///   - infoHash: of the torrent; a hybrid torrent's two wire forms are both announced.
    ///   - numWant: how many peers an announce asks for.
    ///   - generator: the source of shuffling and jitter.
    public init(
        tiers: [[TrackerURL]], infoHash: InfoHash, identity: Identity, numWant: Int = 100,
        client: TrackerClient, eventLoop: any EventLoop, hooks: Hooks, generator: SeededGenerator
    ) {
        self.eventLoop = eventLoop
        self.client = client
        self.hooks = hooks
        self.identity = identity
        schedule = TrackerSchedule(
            tiers: tiers, infoHashes: infoHash.wireForms, numWant: numWant, generator: generator)
    }

    /// Goes on from where another driver was laid by, with `resume`.
    public init(
        _ memory: TrackerMemory, port: UInt16, client: TrackerClient, eventLoop: any EventLoop,
        hooks: Hooks
    ) {
        self.eventLoop = eventLoop
        self.client = client
        self.hooks = hooks
        identity = memory.identity
        identity.port = port
        schedule = memory.schedule
    }

    // MARK: Laying by

    /// Lets others be told from now on.
    public func setHooks(_ hooks: Hooks) { self.hooks = hooks }

    /// What is known, to be gone on from later; nil while anything is under way. Nothing is
    /// announced from then on, unless by `resume`.
    public func layBy() -> TrackerMemory? {
        guard tasks.isEmpty, stopWaiters.isEmpty else { return nil }
        timer?.cancel()
        timer = nil
        timerAt = .distantFuture
        schedule.shrink()
        return TrackerMemory(schedule: schedule, identity: identity)
    }

    /// Goes on: what is due by now is announced.
    public func resume() {
        handle(.tick)
        if tasks.isEmpty { hooks.quiet() }
    }

    // MARK: What the torrent says

    /// The torrent begins to take part; its first announces come within `spread`.
    public func start(isComplete: Bool, spread: Interval = .zero) {
        handle(.start(isComplete: isComplete, spread: spread))
    }

    /// The download has just ended.
    public func completed() { handle(.completed) }

    /// There are too few peers.
    public func needPeers() { handle(.needPeers) }

    /// The user wants to announce now.
    public func reannounce() { handle(.reannounce) }

    /// The user wants to know how many peers there are.
    public func scrape() { handle(.scrape) }

    public func setTrackers(_ tiers: [[TrackerURL]]) { handle(.setTrackers(tiers)) }

    public func setPort(_ port: UInt16) { identity.port = port }

    /// How many peers an announce asks for.
    public func setNumWant(_ numWant: Int) { schedule.numWant = max(0, numWant) }

    public func snapshot() -> Snapshot {
        Snapshot(trackers: schedule.status, now: MonotonicClock.now)
    }

    /// Tells the trackers that we leave, and waits until they have heard it, but not long.
    public func stop() async { await stop(within: Limits.stopTimeMax) }

    public func stop(within limit: Interval) async {
        let alarm = eventLoop.scheduleTask(in: TimeAmount(limit)) { [weak self] in
            self?.assumeIsolated { $0.handle(.abandon) }
        }
        defer { alarm.cancel() }
        await withCheckedContinuation { waiter in
            stopWaiters.append(waiter)
            handle(.stop)
        }
        // Their last step is made on our loop, which may end when this returns.
        let ending = givenUp
        givenUp = []
        for task in ending { await task.value }
    }

    // MARK: The machine

    private func handle(_ input: TrackerSchedule.Input) {
        schedule.handle(input, now: MonotonicClock.now, into: &actions)
        for action in actions.take() { carryOut(action) }
        setTimer()
    }

    private func carryOut(_ action: TrackerSchedule.Action) {
        switch action {
        case .announce(let announce):
            tasks[announce.attempt] = Task { await self.announce(announce) }
        case .scrape(let scrape):
            tasks[scrape.attempt] = Task { await self.scrape(scrape) }
        case .cancel(let attempt):
            guard let task = tasks.removeValue(forKey: attempt) else { break }
            task.cancel()
            if !stopWaiters.isEmpty { givenUp.append(task) }
        case .peers(let peers, named: _, let infoHash, let tracker):
            if let url = schedule.url(of: tracker) { hooks.found(peers, infoHash, url) }
        case .externalAddress(let address, let tracker):
            if let url = schedule.url(of: tracker) { hooks.externalAddress(address, url) }
        case .stopped:
            for waiter in stopWaiters { waiter.resume() }
            stopWaiters = []
        }
    }

    private func announce(_ announce: TrackerSchedule.Announce) async {
        let counters = await hooks.counters()
        schedule.countPeersAnew(from: announce.tracker)
        let request = AnnounceRequest(
            infoHash: announce.infoHash, peerID: identity.peerID, port: identity.port,
            uploaded: counters.uploaded, downloaded: counters.downloaded,
            // Without metadata nothing is known but that something is missing.
            left: counters.left ?? Limits.leftUnknown, event: announce.event,
            numWant: announce.numWant, key: identity.key, trackerID: announce.trackerID)
        do {
            var response = try await client.announce(request, to: announce.url, announce.priority) {
                [weak self] peers in
                await self?.found(peers, announce)
            }
            response.peers = []
            if let warning = response.warning, tasks[announce.attempt] != nil {
                hooks.warned(announce.url, warning)
            }
            end(announce.attempt, .announced(announce.attempt, response))
        } catch {
            if tasks[announce.attempt] != nil { hooks.failed(announce.url, error) }
            end(announce.attempt, .failed(announce.attempt, error))
        }
    }

    private func scrape(_ scrape: TrackerSchedule.Scrape) async {
        do {
            let response = try await client.scrape(scrape.infoHashes, at: scrape.url)
            end(scrape.attempt, .scraped(scrape.attempt, response))
        } catch {
            end(scrape.attempt, .failed(scrape.attempt, error))
        }
    }

    /// Peers are passed on as they come, before the announce has ended over both families.
    private func found(_ peers: [Endpoint], _ announce: TrackerSchedule.Announce) {
        guard tasks[announce.attempt] != nil, announce.event != .stopped else { return }
        schedule.count(peers.count, from: announce.tracker)
        hooks.found(peers, announce.infoHash, announce.url)
    }

    private func end(_ attempt: TrackerSchedule.AttemptID, _ input: TrackerSchedule.Input) {
        tasks[attempt] = nil
        handle(input)
        if tasks.isEmpty { hooks.quiet() }
    }

    private func tick() {
        timer = nil
        timerAt = .distantFuture
        handle(.tick)
    }

    private func setTimer() {
        let next = schedule.nextDeadline()?.0 ?? .distantFuture
        guard next != timerAt else { return }
        timer?.cancel()
        timer = nil
        timerAt = next
        guard next != .distantFuture else { return }
        timer = eventLoop.scheduleTask(deadline: NIODeadline(next)) { [weak self] in
            self?.assumeIsolated { $0.tick() }
        }
    }
}

extension TrackerSchedule.Announce {
    fileprivate var priority: AnnounceGate.Priority {
        switch event {
        case .stopped: .leaving
        case .started, .completed: .event
        case .none: .regular
        }
    }
}
