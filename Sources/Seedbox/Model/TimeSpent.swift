import Synchronization

/// The seconds that a seedbox has run. Rows count by it, so that time passes for ten thousand of
/// them at once, and nobody has to wait until it has passed for each.
final class RunningTime: Sendable {
    private let passed = Atomic<Int64>(0)

    var seconds: Int64 { passed.load(ordering: .relaxed) }

    func pass(_ seconds: Int64) { passed.wrappingAdd(seconds, ordering: .relaxed) }
}

/// The seconds that a torrent has fetched and seeded, over all runs.
struct TimeSpent: Equatable, Sendable {
    enum Activity {
        case fetching, seeding
    }

    /// Without what it does now.
    private var fetched: Int64 = 0
    private var seeded: Int64 = 0
    private var activity: Activity?
    /// When it began what it does now.
    private var since: Int64 = 0
    private var clock: RunningTime?

    init(_ activity: Activity?) { self.activity = activity }

    /// Counts by this from now on; nothing passes for what has no clock.
    mutating func count(by clock: RunningTime) {
        settle()
        self.clock = clock
        since = clock.seconds
    }

    /// What it does from now on.
    mutating func turn(to activity: Activity?) {
        guard activity != self.activity else { return }
        settle()
        self.activity = activity
    }

    subscript(activity: Activity) -> Int64 {
        get {
            let past = activity == .fetching ? fetched : seeded
            return activity == self.activity ? past &+ current : past
        }
        set {
            settle()
            switch activity {
            case .fetching: fetched = newValue
            case .seeding: seeded = newValue
            }
        }
    }

    /// What is added to may come from a damaged store, which is no reason to trap.
    private var current: Int64 { clock.map { $0.seconds - since } ?? 0 }

    private mutating func settle() {
        switch activity {
        case .fetching: fetched &+= current
        case .seeding: seeded &+= current
        case nil: break
        }
        since = clock?.seconds ?? 0
    }

    /// As long as nothing but time passes, nothing has changed.
    static func == (a: TimeSpent, b: TimeSpent) -> Bool {
        a.fetched == b.fetched && a.seeded == b.seeded && a.activity == b.activity
            && a.since == b.since
    }
}
