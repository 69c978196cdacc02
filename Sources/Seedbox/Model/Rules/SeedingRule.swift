/// Whether a torrent has been seeded for as long as its user wants.
struct SeedingRule {
    /// What counts.
    struct Facts {
        /// Nil if nothing was fetched and nothing is there.
        var ratio: Double?
        var secondsSeeding: Int64
        /// Since somebody took something, or seeding began.
        var secondsIdle: Int64
    }

    /// The limits that hold, and what is done when one is reached.
    let ratio: Double?
    let seedTime: Int64?
    let idle: Int64?
    let action: LimitAction

    /// - Parameter levels: the torrent's own limits first, then its category's, then everybody's.
    init(_ levels: [SeedingLimits]) {
        ratio = Self.value(levels.map(\.ratio))
        seedTime = Self.value(levels.map(\.seedTime))
        idle = Self.value(levels.map(\.idle))
        action = levels.compactMap(\.action).first ?? .pause
    }

    var hasLimits: Bool { ratio != nil || seedTime != nil || idle != nil }

    /// The first level that says something decides.
    private static func value<Value>(_ rules: [SeedingLimits.Rule<Value>]) -> Value? {
        for rule in rules {
            switch rule {
            case .inherited: continue
            case .unlimited: return nil
            case .atMost(let value): return value
            }
        }
        return nil
    }

    func reached(_ facts: Facts) -> Set<ReachedLimit> {
        var reached: Set<ReachedLimit> = []
        if let ratio, let given = facts.ratio, given >= ratio { reached.insert(.ratio) }
        if let seedTime, facts.secondsSeeding >= seedTime { reached.insert(.seedTime) }
        if let idle, facts.secondsIdle >= idle { reached.insert(.idle) }
        return reached
    }

    /// The limit that is reached, and what is to be done; nil is nothing.
    func verdict(_ facts: Facts) -> (limit: ReachedLimit, action: LimitAction)? {
        let reached = reached(facts)
        return ReachedLimit.allCases.first(where: reached.contains).map { ($0, action) }
    }

    /// Whether a limit that has paused a torrent would do so as the limits are now. How long it was
    /// idle then is not known.
    func stillHolds(_ limit: ReachedLimit, for row: TorrentRow) -> Bool {
        let facts = Facts(ratio: row.ratio, secondsSeeding: row.secondsSeeding, secondsIdle: .max)
        return reached(facts).contains(limit)
    }

    /// Why a complete torrent is paused, if that may be a limit: a guess, since it may have been
    /// its user who has paused it. How long it was idle when that happened is not known.
    func reason(of row: TorrentRow) -> ReachedLimit? {
        guard row.state == .paused, row.isComplete else { return nil }
        let facts = Facts(ratio: row.ratio, secondsSeeding: row.secondsSeeding, secondsIdle: 0)
        let reached = reached(facts)
        return [.ratio, .seedTime].first(where: reached.contains)
    }
}

extension SeedingLimits {
    /// Takes these limits away: who starts a torrent that has reached them wants them gone.
    mutating func lift(_ limits: Set<ReachedLimit>) {
        if limits.contains(.ratio) { ratio = .unlimited }
        if limits.contains(.seedTime) { seedTime = .unlimited }
        if limits.contains(.idle) { idle = .unlimited }
    }
}
