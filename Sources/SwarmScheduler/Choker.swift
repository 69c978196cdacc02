public import Units

/// What the choker needs to know about one connection.
public struct ChokeCandidate: Sendable {
    public var key: PeerKey
    /// The peer wants something from us.
    public var isInterested: Bool
    /// We choke the peer. A connection begins so (BEP 3).
    public var isChoked: Bool
    /// A seed or partial seed (BEP 21): it never gives for what it gets.
    public var isUploadOnly: Bool
    /// The peer has not sent what it was asked for.
    public var isSnubbed: Bool
    /// From the peer to us, over about 20 s: `RateMeter.windowMax`.
    public var downloadRate: ByteRate
    /// From us to the peer, over about 20 s.
    public var uploadRate: ByteRate
    /// Bytes sent to the peer since it was last unchoked.
    public var sentSinceUnchoke: Int64
    /// When the peer was last unchoked, even if it is choked again; `nil` if never.
    public var unchokedAt: Instant?
    public var connectedAt: Instant

    public init(key: PeerKey, connectedAt: Instant) {
        self.key = key
        self.isInterested = false
        self.isChoked = true
        self.isUploadOnly = false
        self.isSnubbed = false
        self.downloadRate = .zero
        self.uploadRate = .zero
        self.sentSinceUnchoke = 0
        self.unchokedAt = nil
        self.connectedAt = connectedAt
    }

    /// Carries out what the choker decided, if it concerns this peer.
    public mutating func carryOut(_ change: ChokeChange, now: Instant) {
        switch change {
        case .choke(key):
            isChoked = true
        case .unchoke(key):
            isChoked = false
            unchokedAt = now
            sentSinceUnchoke = 0
        case .choke, .unchoke: break
        }
    }
}

/// What the choker changes.
public enum ChokeChange: Hashable, Sendable {
    case choke(PeerKey)
    case unchoke(PeerKey)
}

/// Decides whom to send to: few peers at a time, so that each gets a rate worth having, and those
/// first that give to us (BEP 3, "Choking and Optimistic Unchoking").
///
/// Leeching, slots go to the peers that send the most, and at least a fifth of them in turn to
/// peers that have yet to show what they give (optimistic unchokes). Seeding, everybody gets turns
/// of the same length, cut short for peers that take little, so that slow peers do not hold slots.
///
/// The caller carries out each change at once, by `ChokeCandidate.carryOut` among others.
public struct Choker: Sendable {
    public enum Role: Hashable, Sendable { case leeching, seeding }

    public enum Slots: Hashable, Sendable {
        /// As many as given, 1 to `Limits.uploadSlotsMax`.
        case fixed(Int)
        /// As many as the uplink carries at a useful rate each.
        case automatic
    }

    public var slots: Slots
    /// How many peers may be unchoked now.
    public private(set) var slotCount: Int
    /// The peers that are unchoked to see what they give, oldest first.
    public var optimistic: [PeerKey] { trials.map(\.key) }
    /// How many peers were interested and not unchoked at the last round: why they get nothing.
    public private(set) var waitingCount = 0

    /// In the order in which they were unchoked.
    private(set) var unchoked: [PeerKey] = []
    private var trials: [Trial] = []
    /// Who waits for a turn, the longest first. Who loses interest, or the connection, loses its
    /// place.
    private var queue: [PeerKey] = []
    /// What a slot carries, smoothed over some rounds; bytes a second.
    private var slotRate: Int64 = 0
    private var nextRound = Instant.distantPast
    private var lastRound: Instant?

    private struct Trial {
        var key: PeerKey
        var until: Instant
    }

    public init(slots: Slots = .automatic) {
        self.slots = slots
        self.slotCount = Limits.automaticSlotsMin
        if case .fixed(let count) = slots { self.slotCount = Self.clamped(count) }
    }

    /// When `rechoke` wants to be called next; at once before the first round.
    public func nextDeadline() -> Instant { nextRound }

    // MARK: Between the rounds

    /// To be called when a peer becomes interested: unchokes it at once if a slot is free for which
    /// nobody waits. A loss of interest needs no call: the next round takes the slot away, so that
    /// a peer that changes its mind all the time is answered twice a round at most.
    public mutating func becameInterested(
        _ candidate: ChokeCandidate, now: Instant, into changes: inout ActionBuffer<ChokeChange>
    ) {
        guard Self.isEligible(candidate), candidate.isChoked, !unchoked.contains(candidate.key)
        else { return }
        guard unchoked.count < slotCount, waitingCount == 0 else {
            waitingCount = max(1, waitingCount)
            return
        }
        unchoked.append(candidate.key)
        changes.append(.unchoke(candidate.key))
    }

    /// Forgets a peer that has gone. If that frees a slot for which others wait, the next round
    /// comes sooner.
    public mutating func remove(_ key: PeerKey) {
        trials.removeAll { $0.key == key }
        guard let position = unchoked.firstIndex(of: key) else { return }
        unchoked.remove(at: position)
        guard waitingCount > 0, let lastRound else { return }
        nextRound = min(nextRound, lastRound + Limits.rechokeIntervalMin)
    }

    // MARK: A round

    /// Decides anew about all connections. `candidates` are all of the torrent's connections, in
    /// any order; peers that are not among them are forgotten. Chokes come before unchokes, so
    /// that there are never more peers unchoked than slots.
    ///
    /// - Parameter uploadLimit: the rate that this torrent may send at; `nil` if unlimited.
    public mutating func rechoke(
        _ candidates: [ChokeCandidate], role: Role, uploadLimit: ByteRate?, now: Instant,
        using generator: inout some RandomNumberGenerator,
        into changes: inout ActionBuffer<ChokeChange>
    ) {
        lastRound = now
        nextRound = now + Limits.rechokeInterval
        // By key, so that the order of the caller's table never decides anything.
        let eligible = candidates.filter(Self.isEligible).sorted { $0.key < $1.key }
        measureSlots(eligible, now: now)
        slotCount = nextSlotCount(eligible, uploadLimit: uploadLimit, now: now)
        let chosen: [PeerKey]
        if eligible.count <= slotCount {
            trials.removeAll()
            queue.removeAll()
            chosen = eligible.map(\.key)
        } else if role == .leeching {
            queue.removeAll()
            chosen = reciprocators(among: eligible, now: now, using: &generator)
        } else {
            trials.removeAll()
            chosen = turns(among: eligible, now: now)
        }
        waitingCount = eligible.count - chosen.count
        change(to: chosen, candidates: candidates, into: &changes)
    }

    /// Chokes everybody, when the torrent stops sending. The next round begins afresh.
    public mutating func chokeAll(into changes: inout ActionBuffer<ChokeChange>) {
        for key in unchoked { changes.append(.choke(key)) }
        unchoked.removeAll()
        trials.removeAll()
        queue.removeAll()
        waitingCount = 0
        nextRound = .distantPast
    }

    private static func isEligible(_ candidate: ChokeCandidate) -> Bool {
        candidate.isInterested && !candidate.isUploadOnly
    }

    private mutating func change(
        to chosen: [PeerKey], candidates: [ChokeCandidate],
        into changes: inout ActionBuffer<ChokeChange>
    ) {
        let keep = Set(chosen)
        var open: Set<PeerKey> = []
        for candidate in candidates where !candidate.isChoked {
            if keep.contains(candidate.key) {
                open.insert(candidate.key)
            } else {
                changes.append(.choke(candidate.key))
            }
        }
        for key in chosen where !open.contains(key) { changes.append(.unchoke(key)) }
        unchoked = chosen
    }
}

// MARK: - Leeching

extension Choker {
    /// Tit for tat, and trials in the slots that nobody has earned.
    private mutating func reciprocators(
        among eligible: [ChokeCandidate], now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> [PeerKey] {
        let trialSlots = max(1, slotCount / 5)
        let givers = eligible.filter { !$0.isSnubbed && $0.downloadRate > .zero }
            .sorted(by: Self.givesMore)
        // With a single slot, a giver keeps it: it is a trial's turn only when nobody gives.
        let earned = givers.prefix(slotCount > 1 ? slotCount - trialSlots : 1).map(\.key)
        let taken = Set(earned)
        let rest = eligible.filter { !taken.contains($0.key) }

        let stillThere = Set(rest.map(\.key))
        trials.removeAll { $0.until <= now || !stillThere.contains($0.key) }
        let free = slotCount - earned.count
        trials.removeLast(max(0, trials.count - free))
        startTrials(free - trials.count, among: rest, now: now, using: &generator)
        return earned + trials.map(\.key)
    }

    /// More bytes to us first; who holds a slot keeps it against one that is hardly better, since
    /// a new stream starts slowly.
    private static func givesMore(_ a: ChokeCandidate, _ b: ChokeCandidate) -> Bool {
        let (scoreA, scoreB) = (score(a), score(b))
        return scoreA != scoreB ? scoreA > scoreB : a.key < b.key
    }

    private static func score(_ candidate: ChokeCandidate) -> Int64 {
        let rate = candidate.downloadRate.bytesPerSecond
        return candidate.isChoked ? rate : rate.addingSaturating(rate / 8)
    }

    /// Draws peers by lot, new ones with three tickets each. Peers whose trial has just ended, and
    /// then snubbing ones, only come in when there is nobody else.
    private mutating func startTrials(
        _ count: Int, among rest: [ChokeCandidate], now: Instant,
        using generator: inout some RandomNumberGenerator
    ) {
        let running = Set(trials.map(\.key))
        var pools: [[ChokeCandidate]] = [[], [], []]
        for candidate in rest where !running.contains(candidate.key) {
            pools[candidate.isSnubbed ? 2 : candidate.isChoked ? 0 : 1].append(candidate)
        }
        for pool in pools.indices {
            while trials.count < running.count + count, !pools[pool].isEmpty {
                let winner = Self.draw(from: pools[pool], now: now, using: &generator)
                let key = pools[pool].remove(at: winner).key
                trials.append(Trial(key: key, until: now + Limits.optimisticInterval))
            }
        }
    }

    private static func draw(
        from pool: [ChokeCandidate], now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> Int {
        func tickets(_ candidate: ChokeCandidate) -> Int {
            now - candidate.connectedAt < Limits.newPeerAge ? 3 : 1
        }
        let sum = pool.reduce(0) { $0 + tickets($1) }
        var ticket = Int.random(in: 0..<sum, using: &generator)
        for (position, candidate) in pool.enumerated() {
            ticket -= tickets(candidate)
            if ticket < 0 { return position }
        }
        return pool.count - 1
    }
}

// MARK: - Seeding

extension Choker {
    /// Round robin: who has a turn keeps it to its end, then come those that wait, in their order.
    /// Those whose turn is over keep what is left, the last that began first.
    private mutating func turns(among eligible: [ChokeCandidate], now: Instant) -> [PeerKey] {
        var open: [PeerKey: ChokeCandidate] = [:]
        var waiting: Set<PeerKey> = []
        for candidate in eligible {
            if candidate.isChoked {
                waiting.insert(candidate.key)
            } else {
                open[candidate.key] = candidate
            }
        }
        // Those that keep their place, then those that come to wait.
        queue = queue.filter { waiting.remove($0) != nil } + waiting.sorted()
        let active = unchoked.compactMap { open[$0] }
        let running = active.filter { !turnIsOver(of: $0, now: now) }.map(\.key).prefix(slotCount)
        let next = queue.prefix(slotCount - running.count)
        queue.removeFirst(next.count)
        let ended = active.filter { turnIsOver(of: $0, now: now) }.map(\.key)
        let kept = ended.suffix(slotCount - running.count - next.count)
        queue += ended.dropLast(kept.count)
        return Array(kept) + running + next
    }

    /// A turn ends by time, and earlier for a peer that has had a full share of bytes, or one that
    /// takes less than half of what a slot usually carries.
    private func turnIsOver(of candidate: ChokeCandidate, now: Instant) -> Bool {
        guard let began = candidate.unchokedAt else { return true }
        let age = now - began
        guard age >= Limits.turnMin else { return false }
        return age >= Limits.turnMax || candidate.sentSinceUnchoke >= Limits.turnBytes
            || Self.slotRate(of: candidate, now: now) < max(slotRate / 2, Self.usefulRate)
    }
}

// MARK: - Slots

extension Choker {
    private static func clamped(_ count: Int) -> Int { min(max(1, count), Limits.uploadSlotsMax) }

    /// What a peer takes of its slot, in bytes a second: measured since it was unchoked, until that
    /// is as long as the rate's own window.
    private static func slotRate(of candidate: ChokeCandidate, now: Instant) -> Int64 {
        guard let began = candidate.unchokedAt, now - began < RateMeter.windowMax else {
            return candidate.uploadRate.bytesPerSecond
        }
        let milliseconds = max(now - began, .seconds(1)).nanoseconds / 1_000_000
        return candidate.sentSinceUnchoke.multipliedSaturating(by: 1_000) / milliseconds
    }

    private mutating func measureSlots(_ eligible: [ChokeCandidate], now: Instant) {
        let rates = eligible.filter { !$0.isChoked }.map { Self.slotRate(of: $0, now: now) }
        guard !rates.isEmpty else { return }
        // The median: one very fast peer does not make slow ones of all the others.
        let median = rates.sorted()[rates.count / 2]
        slotRate += (median - slotRate) / (slotRate == 0 ? 1 : 8)
    }

    /// Under an upload limit: more slots while the limit is not reached, fewer when it is and each
    /// slot gets next to nothing. Without one: as many as carry a useful rate each, where "useful"
    /// grows by 2 KiB/s a slot, and some more to try. Only a few slots at a time come and go.
    private func nextSlotCount(
        _ eligible: [ChokeCandidate], uploadLimit: ByteRate?, now: Instant
    ) -> Int {
        if case .fixed(let count) = slots { return Self.clamped(count) }
        // What a choked peer still receives was on its way already.
        let rates = eligible.filter { !$0.isChoked }.map { Self.slotRate(of: $0, now: now) }
        let step = max(1, slotCount / 4)
        let floor = Self.floor(uploadLimit)
        let next: Int
        if let limit = uploadLimit?.bytesPerSecond {
            let sum = rates.reduce(Int64(0)) { $0.addingSaturating($1) }
            if sum < limit - limit / 8 {
                next = rates.count >= slotCount ? slotCount + step : slotCount
            } else {
                next = sum / Int64(max(1, slotCount)) < Self.usefulRate ? slotCount - 1 : slotCount
            }
        } else {
            let useful = Self.usefulSlots(rates)
            next = useful >= slotCount ? slotCount + step : max(useful + 1, slotCount - 1)
        }
        return min(max(next, floor), Limits.automaticSlotsMax)
    }

    /// Bytes a second.
    private static let usefulRate: Int64 = 2 * 1024

    /// Two slots are the least that tit for tat needs: one to earn, one to try.
    private static func floor(_ uploadLimit: ByteRate?) -> Int {
        guard let limit = uploadLimit?.bytesPerSecond else { return Limits.automaticSlotsMin }
        return max(2, Int(min(limit / usefulRate, Int64(Limits.automaticSlotsMin))))
    }

    private static func usefulSlots(_ rates: [Int64]) -> Int {
        var threshold = usefulRate / 2
        var count = 0
        for rate in rates.sorted(by: >) {
            guard rate >= threshold else { break }
            count += 1
            threshold += usefulRate
        }
        return count
    }
}
