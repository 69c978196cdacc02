public import Units

/// What the network between the hosts is like.
public struct NetworkConditions: Hashable, Sendable {
    /// The median over pairs of hosts of the time there and back.
    public var roundTrip: Interval
    /// Mean extra time of a datagram, as a share of its pair's. One overtakes another by it.
    public var jitter = 0.1
    /// Share of datagrams that never arrive. On streams it delays: the lost part is sent again.
    public var loss = 0.0
    /// Share of datagrams that are held back by up to one more round trip.
    public var reordering = 0.0
    /// Share of datagrams that arrive twice.
    public var duplication = 0.0
    /// Whether pairs differ in distance, as on the Internet; else every pair has the median.
    public var isSpread = true
    /// How long a dial to nobody takes to fail.
    public var connectTimeout = Interval.seconds(3)

    public init(roundTrip: Interval) { self.roundTrip = roundTrip }
}

/// How a home router lets the world in (RFC 4787 calls it mapping and filtering behaviour).
public enum NATKind: String, CaseIterable, Sendable {
    /// Whoever knows the mapping may send to it.
    case fullCone = "full-cone"
    /// Only addresses that were sent to may send back.
    case addressRestricted = "address-restricted"
    /// Only those ports that were sent to may send back.
    case portRestricted = "port-restricted"
    /// As before, and a new port outside for each that is sent to.
    case symmetric
}

/// How one host is connected.
public struct HostProfile: Hashable, Sendable {
    /// What it can send; nil sends at once.
    public var uplink: ByteRate?
    public var nat: NATKind?
    /// Added to the loss of the network, for what this host sends and receives.
    public var loss = 0.0

    public init(uplink: ByteRate? = nil, nat: NATKind? = nil, loss: Double = 0) {
        self.uplink = uplink
        self.nat = nat
        self.loss = loss
    }
}

/// How far apart hosts are. A pair keeps its distance; a datagram's own time varies around it.
struct DelayModel {
    private let conditions: NetworkConditions
    private let seed: UInt64

    init(_ conditions: NetworkConditions, seed: UInt64) {
        self.conditions = conditions
        self.seed = seed
    }

    /// Round trips over the median, at quantiles: long to the right, as measured between pairs of
    /// name servers (King data set).
    private static let quantiles: [(share: Double, factor: Double)] = [
        (0, 0.10), (0.05, 0.25), (0.25, 0.60), (0.50, 1), (0.75, 1.45), (0.90, 2.0), (0.99, 3.5),
        (1, 5),
    ]

    /// The time there and back between two hosts, without jitter.
    func roundTrip(_ a: HostIndex, _ b: HostIndex) -> Interval {
        let median = Double(conditions.roundTrip.nanoseconds) / (1 + conditions.jitter)
        guard conditions.isSpread else { return Interval(nanoseconds: Int64(median)) }
        let pair = UInt64(min(a, b).rawValue) << 32 | UInt64(max(a, b).rawValue)
        var generator = SeededGenerator(seed: seed ^ pair &* 0x9E37_79B9_7F4A_7C15)
        let share = Double(generator.next() >> 11) / Double(1 << 53)
        return Interval(nanoseconds: Int64(median * Self.factor(at: share)))
    }

    private static func factor(at share: Double) -> Double {
        var before = quantiles[0]
        for point in quantiles.dropFirst() {
            if share < point.share {
                let part = (share - before.share) / (point.share - before.share)
                return before.factor + part * (point.factor - before.factor)
            }
            before = point
        }
        return before.factor
    }

    /// The time of one datagram from `a` to `b`.
    func delay(
        from a: HostIndex, to b: HostIndex, using generator: inout SeededGenerator
    ) -> Interval {
        let oneWay = Double(roundTrip(a, b).nanoseconds) / 2
        let chance = generator.nextShare()
        // 3u² has mean 1: mostly a little, sometimes thrice the mean.
        var total = oneWay * (1 + conditions.jitter * 3 * chance * chance)
        if conditions.reordering > 0, generator.nextShare() < conditions.reordering {
            total += oneWay * 2 * generator.nextShare()
        }
        return Interval(nanoseconds: Int64(total))
    }
}

extension SeededGenerator {
    /// 0 up to 1, without 1.
    mutating func nextShare() -> Double { Double(next() >> 11) / Double(UInt64(1) << 53) }

    mutating func nextBelow(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(max(1, bound))).high)
    }
}
