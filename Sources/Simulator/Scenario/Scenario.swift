public import Units

/// A population, what befalls it, what it is asked, and what must hold at the end.
public struct Scenario: Hashable, Sendable {
    public var title = ""
    /// Hosts that are up when the lookups begin, adversaries and NATed ones among them.
    public var nodes = 0
    /// Whether the hosts have IPv6 addresses; else IPv4.
    public var isIPv6 = false
    public var roundTrip = Interval.milliseconds(100)
    public var jitter = 0.1
    public var loss = 0.0
    public var reordering = 0.0
    public var duplication = 0.0
    /// Share of the contacts in every routing table that answer no more.
    public var deadEntries = 0.0
    /// Mean length of a host's session; for each that leaves another comes. Nil: nobody leaves.
    public var session: Interval?
    /// Share of the hosts behind each kind of NAT.
    public var nats: [NATShare] = []
    /// Share of the hosts that lie.
    public var adversaries = 0.0
    public var lies: [Lie] = Lie.allCases
    /// Lying hosts that settle near each key: half of them as near as their addresses allow (BEP
    /// 42), half right beside it, under ids that they may not have.
    public var eclipse = 0
    /// Share of honest hosts whose ids do not follow from their addresses (BEP 42).
    public var insecureIDs = 0.0
    /// Keys that are announced before they are looked up.
    public var keys = 20
    /// Hosts that announce each key.
    public var publishers = 3
    public var lookups = 100
    /// The time over which the lookups begin, evenly.
    public var span = Interval.seconds(10)
    public var expectations: [Expectation] = []

    public init() {}
}

/// How many hosts stand behind one kind of NAT.
public struct NATShare: Hashable, Sendable {
    public let kind: NATKind
    public let share: Double

    public init(kind: NATKind, share: Double) {
        self.kind = kind
        self.share = share
    }
}

/// What a lying host does when it is asked; it chooses one of them each time.
public enum Lie: String, CaseIterable, Sendable {
    /// Contacts with invented ids nearer to the target, at addresses of other liars, who then play
    /// the part.
    case nearer = "fake-nearer"
    /// The nearest of the other liars, with their own ids.
    case collude
    /// Contacts with invented ids at addresses where nobody is.
    case dead = "dead-addresses"
    /// Peers that do not exist.
    case peers = "wrong-values"
    /// No answer.
    case silence
}

/// Something that must hold at the end of a run.
public struct Expectation: Hashable, Sendable {
    /// What is measured over the lookups of a run.
    public enum Metric: String, CaseIterable, Sendable {
        /// Share of lookups that found a true holder of their key.
        case success
        /// From the beginning of a lookup until the first true holder answered.
        case firstHolder = "first-holder"
        /// Share of lookups in which all honest ones of the true eight nearest answered.
        case convergence
        /// From the beginning of a lookup until the last of those answered.
        case converged
        /// From the beginning of a lookup until it said that it is over.
        case finished
        /// Hosts asked one after the other, each named by the last, up to the first holder.
        case hops
        case queries
        /// Share of dead contacts in the table of who looks up, at that moment.
        case deadEntries = "dead-entries"

        public enum Unit: Sendable { case share, time, count }

        public var unit: Unit {
            switch self {
            case .success, .convergence, .deadEntries: .share
            case .firstHolder, .converged, .finished: .time
            case .hops, .queries: .count
            }
        }
    }

    public enum Statistic: String, CaseIterable, Sendable {
        case mean, p50, p90, p99, max
    }

    public let metric: Metric
    public let statistic: Statistic
    public let isUpperBound: Bool
    /// A share from 0 to 1, seconds or a count, by the metric's unit.
    public let bound: Double

    public init(_ metric: Metric, _ statistic: Statistic, isUpperBound: Bool, bound: Double) {
        self.metric = metric
        self.statistic = statistic
        self.isUpperBound = isUpperBound
        self.bound = bound
    }

    /// Whether the measured value is within the bound; what could not be measured is not.
    public func holds(_ value: Double?) -> Bool {
        guard let value else { return false }
        return isUpperBound ? value <= bound : value >= bound
    }
}
