public import Hashing
public import Units

/// The machine of all trackers of one torrent: who is told what, and when.
///
/// **Tiers (BEP 12).** One tracker of each tier is kept informed: the first in the tier's order
/// that works. A tier's order is shuffled once; a tracker that answers moves to the front, one
/// that fails is passed over until its back-off has ended. All tiers are announced to, not only
/// the first that works, because tiers are in practice lists of trackers that share nothing.
///
/// **Info-hashes.** A hybrid torrent is in two swarms (BEP 52), so it has two wire info-hashes,
/// and all state is kept for each tracker and info-hash.
///
/// **Events.** `started` comes first and until it is answered. `completed` goes to the tracker in
/// use of each tier, once, if the download ended while we ran; to others when they come into
/// use. `stopped` goes once to each tracker that was told, or may have been told, `started`.
public struct TrackerSchedule: Sendable {
    /// Names a tracker as long as the schedule lives.
    public struct TrackerKey: Hashable, Comparable, Sendable {
        public let rawValue: UInt32
        public static func < (a: TrackerKey, b: TrackerKey) -> Bool { a.rawValue < b.rawValue }
    }

    /// Names one try to announce or scrape. Answers to tries that are over are ignored.
    public struct AttemptID: Hashable, Comparable, Sendable {
        public let rawValue: UInt64
        public static func < (a: AttemptID, b: AttemptID) -> Bool { a.rawValue < b.rawValue }
    }

    /// An announce that is to be made now. Its counters are the caller's to fill in.
    public struct Announce: Hashable, Sendable {
        public let attempt: AttemptID
        public let tracker: TrackerKey
        public let url: TrackerURL
        public let infoHash: SHA1Digest
        public let event: AnnounceEvent
        public let numWant: Int
        /// What the tracker gave as its id.
        public let trackerID: [UInt8]?
    }

    /// A scrape that is to be made now.
    public struct Scrape: Hashable, Sendable {
        public let attempt: AttemptID
        public let tracker: TrackerKey
        public let url: TrackerURL
        public let infoHashes: [SHA1Digest]
    }

    public enum Input: Sendable {
        /// The torrent begins to take part. Its first announces come within `spread`, at random,
        /// so that a program with many torrents does not ask for all at once.
        case start(isComplete: Bool, spread: Interval)
        /// The torrent leaves. Ends with the action `stopped`.
        case stop
        /// The download has just ended.
        case completed
        case announced(AttemptID, AnnounceResponse)
        case scraped(AttemptID, ScrapeResponse)
        case failed(AttemptID, TrackerError)
        /// There are too few peers. Announces come sooner, as far as the trackers allow.
        case needPeers
        /// The user wants to announce now: as `needPeers`, and failing trackers are tried too.
        case reannounce
        /// The user wants to know the counts.
        case scrape
        /// There is no time to wait for what is under way.
        case abandon
        case setTrackers([[TrackerURL]])
        case tick
    }

    public enum Action: Hashable, Sendable {
        /// To be answered by `announced` or `failed`.
        case announce(Announce)
        /// To be answered by `scraped` or `failed`.
        case scrape(Scrape)
        /// The answer to this try is not wanted any more.
        case cancel(AttemptID)
        /// Peers of the swarm with this info-hash.
        case peers([Endpoint], named: [NamedPeer], SHA1Digest, from: TrackerKey)
        case externalAddress(Endpoint, from: TrackerKey)
        /// All who had to know have been told that we left, or cannot be.
        case stopped
    }

    public enum Reason: Hashable, Sendable { case announce }

    /// What is known of a tracker for one info-hash.
    struct Swarm: Sendable {
        /// Whether the tracker knows that we are here.
        var isStarted = false
        /// Whether it knows that the download has ended.
        var isCompleted = false
        var isDisabled = false
        /// Failures since the last answer.
        var failCount: UInt16 = 0
        /// When the next announce is due.
        var next = Instant.distantPast
        /// Before this nothing is announced, whoever wishes it.
        var earliest = Instant.distantPast
        var attempt: AttemptID?
        var lastError: TrackerError?
        var warning: String?
        var lastAnswer: Instant?
        /// When it last answered, or did not.
        var lastTry: Instant?
        var counts = SwarmCounts()
    }

    struct Tracker: Sendable {
        let key: TrackerKey
        /// Peers that it named in its last answer; nil before it was asked.
        var peersFound: UInt32?
        let url: TrackerURL
        var tier: Int
        var trackerID: [UInt8]?
        /// One for each info-hash.
        var swarms: [Swarm]
        var scrapeAttempt: AttemptID?
        var nextScrape = Instant.distantPast
        var scrapeError: TrackerError?

        mutating func update(_ swarm: Int, _ change: (inout Swarm) -> Void) {
            if swarm < swarms.count { change(&swarms[swarm]) }
        }
    }

    /// A tier as one info-hash sees it: its trackers in the order in which they are tried.
    struct Lane: Sendable {
        let tier: Int
        let swarm: Int
        var order: [TrackerKey]
    }

    struct Attempt: Sendable {
        let tracker: TrackerKey
        /// `nil` for scrapes, which are for all.
        let swarm: Int?
        let event: AnnounceEvent
    }

    enum Phase: Sendable {
        case idle
        case running
        /// Waiting for the answers to `stopped`, and then perhaps starting again.
        case stopping(restart: (isComplete: Bool, spread: Interval)?)
    }

    public let infoHashes: [SHA1Digest]
    /// How many peers an announce asks for; `stopped` asks for none.
    public var numWant: Int

    /// In the order of their keys. An array, since most torrents have few, and are many.
    var trackers: [Tracker] = []
    var lanes: [Lane] = []
    var attempts: [AttemptID: Attempt] = [:]
    var phase = Phase.idle
    /// Whether trackers must hear that the download has ended while we ran.
    var owesCompleted = false
    private var beganComplete = false
    private var lastKey: UInt32 = 0
    private var lastAttempt: UInt64 = 0
    var generator: SeededGenerator

    /// - Parameters:
    ///   - tiers: the trackers, as in the metainfo file; those past the first 200 are not used,
    ///     and each URL once.
    ///   - infoHashes: the wire forms of the torrent's info-hash.
    ///   - generator: the source of shuffling and jitter.
    public init(
        tiers: [[TrackerURL]], infoHashes: [SHA1Digest], numWant: Int = 100,
        generator: SeededGenerator
    ) {
        self.infoHashes = infoHashes
        self.numWant = max(0, numWant)
        self.generator = generator
        for (tier, urls) in Self.distinct(tiers).enumerated() {
            for url in urls { add(url, tier: tier, next: .distantPast) }
        }
        makeLanes()
    }

    public var isRunning: Bool {
        if case .running = phase { true } else { false }
    }

    // MARK: Inputs

    public mutating func handle(
        _ input: Input, now: Instant, into actions: inout ActionBuffer<Action>
    ) {
        switch input {
        case .start(let isComplete, let spread):
            start(isComplete: isComplete, spread: spread, now: now)
        case .stop: stop(into: &actions)
        case .completed: owesCompleted = isRunning && !beganComplete
        case .announced(let id, let response): announced(id, response, now: now, into: &actions)
        case .scraped(let id, let response): scraped(id, response, now: now)
        case .failed(let id, let error): failed(id, error, now: now, into: &actions)
        case .needPeers: hasten(failing: false, now: now)
        case .reannounce: hasten(failing: true, now: now)
        case .scrape: scrape(now: now, into: &actions)
        case .abandon: abandon(now: now, into: &actions)
        case .setTrackers(let tiers): setTrackers(tiers, now: now, into: &actions)
        case .tick: break
        }
        announceWhatIsDue(now: now, into: &actions)
    }

    /// When the next announce is due.
    public func nextDeadline() -> (Instant, Reason)? {
        guard isRunning else { return nil }
        return lanes.compactMap { due(in: $0)?.at }.min().map { ($0, .announce) }
    }

    private mutating func start(isComplete: Bool, spread: Interval, now: Instant) {
        switch phase {
        case .running: return
        case .stopping:
            phase = .stopping(restart: (isComplete, spread))
            return
        case .idle: phase = .running
        }
        beganComplete = isComplete
        owesCompleted = false
        let first = now + random(upTo: spread)
        for index in trackers.indices {
            for swarm in infoHashes.indices {
                trackers[index].update(swarm) { state in
                    state.isStarted = false
                    state.isCompleted = false
                    // Events wait for no min interval, but a failing tracker's back-off holds.
                    state.next = state.failCount > 0 ? max(first, state.earliest) : first
                    state.earliest = state.next
                }
            }
        }
    }

    private mutating func stop(into actions: inout ActionBuffer<Action>) {
        guard isRunning else {
            if case .stopping = phase { phase = .stopping(restart: nil) }
            if case .idle = phase { actions.append(.stopped) }
            return
        }
        phase = .stopping(restart: nil)
        for id in attempts.keys.sorted() { giveUp(id, into: &actions) }
        for tracker in trackers { leave(tracker.key, into: &actions) }
        if attempts.isEmpty {
            phase = .idle
            actions.append(.stopped)
        }
    }

    private mutating func abandon(now: Instant, into actions: inout ActionBuffer<Action>) {
        for id in attempts.keys.sorted() { giveUp(id, into: &actions) }
        switch phase {
        case .idle: break
        case .running:
            phase = .idle
            actions.append(.stopped)
        case .stopping: finishStopping(now: now, into: &actions)
        }
    }

    private mutating func finishStopping(now: Instant, into actions: inout ActionBuffer<Action>) {
        guard case .stopping(let restart) = phase, attempts.isEmpty else { return }
        phase = .idle
        actions.append(.stopped)
        if let restart {
            start(isComplete: restart.isComplete, spread: restart.spread, now: now)
        }
    }

    /// Forgets a try that is under way. Its tracker may have heard it all the same.
    mutating func giveUp(_ id: AttemptID, into actions: inout ActionBuffer<Action>) {
        guard let attempt = attempts.removeValue(forKey: id) else { return }
        actions.append(.cancel(id))
        guard let swarm = attempt.swarm else {
            update(attempt.tracker) { $0.scrapeAttempt = nil }
            return
        }
        update(attempt.tracker, swarm) { state in
            state.attempt = nil
            if attempt.event == .started { state.isStarted = true }
        }
    }

    /// Tells a tracker that we leave, where it knows that we are here.
    mutating func leave(_ key: TrackerKey, into actions: inout ActionBuffer<Action>) {
        guard let tracker = tracker(key) else { return }
        for (index, swarm) in tracker.swarms.enumerated() where swarm.isStarted {
            update(key, index) { $0.isStarted = false }
            guard !swarm.isDisabled else { continue }
            announce(to: key, index, event: .stopped, into: &actions)
        }
    }

    // MARK: Answers

    private mutating func announced(
        _ id: AttemptID, _ response: AnnounceResponse, now: Instant,
        into actions: inout ActionBuffer<Action>
    ) {
        guard let attempt = attempts.removeValue(forKey: id), let swarm = attempt.swarm else {
            return
        }
        guard attempt.event != .stopped else {
            return finishStopping(now: now, into: &actions)
        }
        let asked = max(response.interval, response.minInterval ?? .zero)
        let wait = max(Limits.intervalMin, min(asked, Limits.intervalMax))
        let next = now + wait + random(upTo: min(wait / Limits.jitterDivisor, Limits.jitterMax))
        let minWait = min(response.minInterval ?? Limits.minIntervalDefault, wait)
        update(attempt.tracker, swarm) { state in
            state.attempt = nil
            state.isStarted = true
            if attempt.event == .completed { state.isCompleted = true }
            state.failCount = 0
            state.lastError = nil
            (state.lastAnswer, state.lastTry) = (now, now)
            state.next = next
            state.earliest = now + minWait
            state.warning = response.warning
            state.counts = response.counts.filled(from: state.counts)
        }
        if let trackerID = response.trackerID {
            update(attempt.tracker) { $0.trackerID = trackerID }
        }
        moveToFront(attempt.tracker, swarm)
        if !response.peers.isEmpty || !response.namedPeers.isEmpty {
            actions.append(
                .peers(
                    response.peers, named: response.namedPeers, infoHashes[swarm],
                    from: attempt.tracker))
        }
        if let address = response.externalAddress {
            actions.append(.externalAddress(address, from: attempt.tracker))
        }
    }

    private mutating func failed(
        _ id: AttemptID, _ error: TrackerError, now: Instant,
        into actions: inout ActionBuffer<Action>
    ) {
        guard let attempt = attempts.removeValue(forKey: id) else { return }
        guard let swarm = attempt.swarm else {
            update(attempt.tracker) { tracker in
                tracker.scrapeAttempt = nil
                tracker.scrapeError = error
                tracker.nextScrape = now + Limits.scrapeRetry
            }
            return
        }
        guard attempt.event != .stopped else {
            return finishStopping(now: now, into: &actions)
        }
        // A status is about the URL; words may be about this info-hash alone.
        let isAboutAll = if case .httpStatus = error { true } else { false }
        let failCount = tracker(attempt.tracker)?.swarms[swarm].failCount ?? 0
        let wait = backOff(after: error, failCount: Int(failCount))
        update(attempt.tracker, swarm) { state in
            state.attempt = nil
            if state.failCount < .max { state.failCount += 1 }
            // What was not even sent says less than what came before it.
            if error.ending != .withdrawn || state.lastError == nil { state.lastError = error }
            if error.ending != .withdrawn { state.lastTry = now }
            state.warning = nil
            state.next = now + wait
            state.earliest = now + Limits.unreachableRetryMin
            if case .after(let advised) = error.retry { state.earliest = now + advised }
        }
        guard error.retry == .never else { return }
        for index in infoHashes.indices where isAboutAll || index == swarm {
            update(attempt.tracker, index) { $0.isDisabled = true }
        }
    }

    /// The wait after a failure: doubled with each one, up to an hour, and up to a quarter longer
    /// so that those who failed together do not come back together.
    private mutating func backOff(after error: TrackerError, failCount: Int) -> Interval {
        let first = error.isRefusal ? Limits.refusedRetryMin : Limits.unreachableRetryMin
        let doublings = min(failCount, Limits.retryDoublingsMax)
        var wait = min(first * (1 << Int64(doublings)), Limits.retryMax)
        if case .after(let advised) = error.retry { wait = max(advised, Limits.intervalMin) }
        return wait + random(upTo: wait / 4)
    }

    // MARK: Helpers

    /// Takes no more memory than what there is.
    public mutating func shrink() { if attempts.isEmpty { attempts = [:] } }

    /// An announce is made: the peers that its answer names are counted from 0.
    public mutating func countPeersAnew(from tracker: TrackerKey) {
        update(tracker) { $0.peersFound = 0 }
    }

    /// A tracker has named peers, perhaps before its whole answer has come.
    public mutating func count(_ peers: Int, from tracker: TrackerKey) {
        update(tracker) { tracker in
            tracker.peersFound = UInt32(clamping: Int(tracker.peersFound ?? 0) + peers)
        }
    }

    mutating func add(_ url: TrackerURL, tier: Int, next: Instant) {
        lastKey += 1
        let key = TrackerKey(rawValue: lastKey)
        var swarm = Swarm()
        swarm.next = next
        trackers.append(
            Tracker(
                key: key, url: url, tier: tier,
                swarms: Array(repeating: swarm, count: infoHashes.count)))
    }

    mutating func newAttempt(
        _ tracker: TrackerKey, _ swarm: Int?, _ event: AnnounceEvent
    ) -> AttemptID {
        lastAttempt += 1
        let id = AttemptID(rawValue: lastAttempt)
        attempts[id] = Attempt(tracker: tracker, swarm: swarm, event: event)
        return id
    }

    func tracker(_ key: TrackerKey) -> Tracker? { trackers.first { $0.key == key } }

    mutating func update(_ key: TrackerKey, _ change: (inout Tracker) -> Void) {
        if let index = trackers.firstIndex(where: { $0.key == key }) { change(&trackers[index]) }
    }

    mutating func update(_ key: TrackerKey, _ swarm: Int, _ change: (inout Swarm) -> Void) {
        update(key) { $0.update(swarm, change) }
    }

    mutating func random(upTo limit: Interval) -> Interval {
        guard limit > .zero else { return .zero }
        return Interval(nanoseconds: Int64.random(in: 0..<limit.nanoseconds, using: &generator))
    }
}
