import Discovery
import PeerWire
import Storage
import SwarmScheduler
import Tracker
import Units

/// What a torrent takes along when it falls asleep and when it wakes, so that nobody outside
/// notices either.
struct Continuity: Sendable {
    enum Announcing: Sendable {
        /// Trackers have not heard of it yet.
        case notYet
        indirect case laidBy(TrackerMemory)
        case underWay(TrackerDriver)

        /// Where the first of its trackers is, if that is known.
        var firstTracker: String? {
            guard case .laidBy(let memory) = self else { return nil }
            return memory.firstTracker?.origin
        }
    }

    var announcing = Announcing.notYet
    /// All trackers, where some of them cannot be asked.
    var trackers: NamedTrackers?
    /// What trackers know us by for this torrent.
    var peerID: PeerID?
    /// Payload bytes since trackers were told that we have come.
    var uploaded: Int64 = 0
    var downloaded: Int64 = 0
    /// When it was last woken to dial peers who may be seeds themselves.
    var triedAt: Instant?
    /// Who is to be dialled.
    var named: [NamedSources] = []
}

/// Peers, and who has named them.
struct NamedSources: Sendable {
    var peers: [Endpoint]
    var origin: PeerOrigins
    var source: Endpoint?
}

/// The dormant seeds of a session: when each is announced, and what wakes it.
struct SleeperTable: Sendable {
    struct Sleeper: Sendable {
        let seed: DormantSeed
        var continuity: Continuity
        /// When it has to be seen to: to begin with, or to announce.
        fileprivate(set) var dueAt: Instant
        /// Its owner was told to wake it.
        fileprivate(set) var isWanted = false
        /// Trackers have to hear of it as soon as they allow.
        fileprivate(set) var hasNews = false
    }

    enum Due: Sendable {
        /// Nobody knows of it yet.
        case begin(DormantSeed)
        case announce(DormantSeed, TrackerMemory, hasNews: Bool)
    }

    enum Ending: Hashable, Sendable {
        /// It is awake, or was removed.
        case gone
        case sleepsOn
        /// Its owner is to wake it.
        case wanted
    }

    private(set) var sleepers: [TorrentRecord.ID: Sleeper] = [:]
    private var calendar = SleeperCalendar()
    private var nextBeginning = Instant.distantPast

    var count: Int { sleepers.count }

    // MARK: Falling asleep

    /// A seed that nobody knows of yet. They begin one after the other, so that ten thousand of
    /// them do not all announce at once.
    mutating func lay(_ seed: DormantSeed, now: Instant) {
        let dueAt = takeTurn(now: now)
        sleepers[seed.record] = Sleeper(seed: seed, continuity: Continuity(), dueAt: dueAt)
        calendar.note(seed.record, at: dueAt)
    }

    private mutating func takeTurn(now: Instant) -> Instant {
        let turn = max(now, nextBeginning)
        nextBeginning = turn + Limits.sleeperBeginningSpacing
        return turn
    }

    /// A torrent that was awake until now. What its driver has under way ends with `laidBy`.
    mutating func lay(_ seed: DormantSeed, _ continuity: Continuity) {
        sleepers[seed.record] = Sleeper(
            seed: seed, continuity: continuity, dueAt: .distantFuture)
    }

    /// Takes it out, to be a torrent again or to be no more.
    mutating func take(_ record: TorrentRecord.ID) -> Sleeper? {
        sleepers.removeValue(forKey: record)
    }

    mutating func takeAll() -> [Sleeper] {
        defer { self = SleeperTable() }
        return Array(sleepers.values)
    }

    // MARK: Announcing

    /// Those that have to be seen to now. Each is told of once.
    mutating func takeDue(now: Instant) -> [Due] {
        calendar.take(until: now).compactMap { record in
            // It may have been put off since, or have gone.
            guard let sleeper = sleepers[record], sleeper.dueAt <= now else { return nil }
            sleepers[record]?.dueAt = .distantFuture
            sleepers[record]?.hasNews = false
            switch sleeper.continuity.announcing {
            case .notYet: return .begin(sleeper.seed)
            case .laidBy(let memory):
                return .announce(sleeper.seed, memory, hasNews: sleeper.hasNews)
            case .underWay: return nil
            }
        }
    }

    /// A driver announces it from now on. False if there is no such sleeper, or if it has one.
    mutating func announces(
        _ record: TorrentRecord.ID, by driver: TrackerDriver, as peerID: PeerID? = nil,
        named trackers: NamedTrackers? = nil
    ) -> Bool {
        guard let sleeper = sleepers[record] else { return false }
        if case .underWay = sleeper.continuity.announcing { return false }
        sleepers[record]?.continuity.announcing = .underWay(driver)
        if let peerID { sleepers[record]?.continuity.peerID = peerID }
        if let trackers { sleepers[record]?.continuity.trackers = trackers }
        return true
    }

    /// The driver has nothing under way any more.
    mutating func laidBy(
        _ record: TorrentRecord.ID, _ memory: TrackerMemory, now: Instant
    ) -> Ending {
        guard let sleeper = sleepers[record] else { return .gone }
        sleepers[record]?.continuity.announcing = .laidBy(memory)
        setDue(record, at: memory.nextAnnounce ?? .distantFuture)
        guard !sleeper.continuity.named.isEmpty, !sleeper.isWanted else { return .sleepsOn }
        return wakes(record, leechers: memory.leechers, now: now)
    }

    /// It has to be seen to now.
    mutating func hasten(_ record: TorrentRecord.ID, now: Instant) {
        guard let sleeper = sleepers[record], case .notYet = sleeper.continuity.announcing,
            sleeper.dueAt != .distantFuture
        else { return }
        setDue(record, at: now)
    }

    /// Trackers are not used any more.
    ///
    /// - Returns: those that they have heard of, as they were.
    mutating func forgetTrackers() -> [Sleeper] {
        let known = sleepers.values.filter { sleeper in
            if case .notYet = sleeper.continuity.announcing { false } else { true }
        }
        for sleeper in known {
            var forgotten = sleeper
            forgotten.continuity.announcing = .notYet
            (forgotten.continuity.uploaded, forgotten.continuity.downloaded) = (0, 0)
            forgotten.dueAt = .distantFuture
            sleepers[sleeper.seed.record] = forgotten
        }
        return Array(known)
    }

    /// Trackers are used from now on: all begin, one after the other.
    mutating func beginAll(now: Instant) {
        for (record, sleeper) in sleepers where sleeper.dueAt == .distantFuture {
            if case .underWay = sleeper.continuity.announcing { continue }
            setDue(record, at: takeTurn(now: now))
        }
    }

    /// All that trackers know of are announced anew, one after the other.
    mutating func tellAll(now: Instant) {
        for (record, sleeper) in sleepers {
            guard case .laidBy = sleeper.continuity.announcing else { continue }
            sleepers[record]?.hasNews = true
            setDue(record, at: takeTurn(now: now))
        }
    }

    /// Those that others have been told of.
    var begun: [DormantSeed] {
        sleepers.values.compactMap { sleeper in
            if case .notYet = sleeper.continuity.announcing, sleeper.dueAt != .distantFuture {
                return nil
            }
            return sleeper.seed
        }
    }

    private mutating func setDue(_ record: TorrentRecord.ID, at instant: Instant) {
        sleepers[record]?.dueAt = instant
        if instant != .distantFuture { calendar.note(record, at: instant) }
    }

    // MARK: Waking

    /// Somebody waits for it. True if its owner is to be told.
    mutating func want(_ record: TorrentRecord.ID) -> Bool {
        guard let sleeper = sleepers[record], !sleeper.isWanted else { return false }
        sleepers[record]?.isWanted = true
        return true
    }

    /// A tracker names peers in an announce that is under way; how many of them fetch is known
    /// when that is over.
    mutating func named(_ named: NamedSources, for record: TorrentRecord.ID) {
        guard var sleeper = sleepers[record], !named.peers.isEmpty,
            sleeper.continuity.named.count < Limits.sleeperSourcesMax
        else { return }
        var named = named
        named.peers = Array(named.peers.prefix(Limits.sleeperPeersMax))
        sleeper.continuity.named.append(named)
        sleepers[record] = sleeper
    }

    /// Others name peers, of whom it is not known whether they fetch.
    mutating func found(
        _ found: NamedSources, for record: TorrentRecord.ID, now: Instant
    ) -> Ending {
        guard let sleeper = sleepers[record] else { return .gone }
        if sleeper.isWanted {
            named(found, for: record)
            return .sleepsOn
        }
        guard DialRule.isWorthWaking(leechers: nil, triedAt: sleeper.continuity.triedAt, now: now)
        else { return .sleepsOn }
        named(found, for: record)
        return wakes(record, leechers: nil, now: now)
    }

    private mutating func wakes(
        _ record: TorrentRecord.ID, leechers: Int?, now: Instant
    ) -> Ending {
        let triedAt = sleepers[record]?.continuity.triedAt
        guard DialRule.isWorthWaking(leechers: leechers, triedAt: triedAt, now: now) else {
            sleepers[record]?.continuity.named = []
            return .sleepsOn
        }
        if leechers == nil { sleepers[record]?.continuity.triedAt = now }
        sleepers[record]?.isWanted = true
        return .wanted
    }
}

/// Whether peers that somebody has named are worth waking for. Who can, connects by himself; but a
/// seed that cannot be reached has to dial.
enum DialRule {
    /// - Parameters:
    ///   - leechers: of the swarm, if that is known.
    ///   - triedAt: when it was last woken without knowing.
    static func isWorthWaking(leechers: Int?, triedAt: Instant?, now: Instant) -> Bool {
        if let leechers { return leechers > 0 }
        guard let triedAt else { return true }
        return now - triedAt >= Limits.sleeperTrialInterval
    }
}

/// Who is to be seen to in which second.
private struct SleeperCalendar: Sendable {
    /// By the second in which the moment has passed.
    private var seconds: [Int64: [TorrentRecord.ID]] = [:]
    private var lastTaken: Int64?

    private static let second: Int64 = 1_000_000_000

    mutating func note(_ record: TorrentRecord.ID, at instant: Instant) {
        let second = instant.nanoseconds / Self.second + 1
        // What is due already is taken the next time.
        let at = max(second, (lastTaken ?? .min) + 1)
        seconds[at, default: []].append(record)
    }

    mutating func take(until now: Instant) -> [TorrentRecord.ID] {
        let present = now.nanoseconds / Self.second
        let from = lastTaken ?? .min
        guard present > from else { return [] }
        lastTaken = present
        let due = seconds.keys.filter { $0 <= present }.sorted()
        return due.flatMap { seconds.removeValue(forKey: $0) ?? [] }
    }
}
