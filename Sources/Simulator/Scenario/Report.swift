public import Units

/// The values of one thing that was measured, over all lookups.
public struct Distribution: Hashable, Sendable {
    private var sorted: [Double]

    public init(_ values: [Double]) { self.sorted = values.sorted() }

    public var count: Int { sorted.count }

    /// Nil without values.
    public func value(_ statistic: Expectation.Statistic) -> Double? {
        guard let last = sorted.last else { return nil }
        return switch statistic {
        case .mean: sorted.reduce(0, +) / Double(sorted.count)
        case .p50: quantile(0.5)
        case .p90: quantile(0.9)
        case .p99: quantile(0.99)
        case .max: last
        }
    }

    /// The least value that so large a share of all values does not exceed.
    private func quantile(_ share: Double) -> Double {
        let place = (share * Double(sorted.count)).rounded(.up)
        return sorted[min(sorted.count - 1, max(0, Int(place) - 1))]
    }
}

/// What a run of a scenario gave.
public struct Report: Sendable {
    /// One expectation beside what was measured.
    public struct Check: Sendable {
        public let expectation: Expectation
        /// Nil where nothing was measured.
        public let measured: Double?
        public var holds: Bool { expectation.holds(measured) }
    }

    public let scenario: Scenario
    public let seed: UInt64
    public internal(set) var measures: [Expectation.Metric: Distribution] = [:]
    public internal(set) var violations: [Violation] = []
    /// The hash over all that happened: two runs of one seed give the same.
    public internal(set) var trace: UInt64 = 0
    public internal(set) var events: UInt64 = 0
    public internal(set) var network = NetworkCounters()
    /// How much virtual time went by.
    public internal(set) var duration = Interval.zero

    init(scenario: Scenario, seed: UInt64) {
        self.scenario = scenario
        self.seed = seed
    }

    public func value(
        _ metric: Expectation.Metric, _ statistic: Expectation.Statistic
    ) -> Double? {
        measures[metric]?.value(statistic)
    }

    public var checks: [Check] {
        scenario.expectations.map {
            Check(expectation: $0, measured: value($0.metric, $0.statistic))
        }
    }

    /// Whether everything that was expected came true.
    public var holds: Bool { violations.isEmpty && checks.allSatisfy(\.holds) }
}
