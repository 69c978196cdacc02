/// How long things took, counted in steps that never change.
public struct LatencyHistogram: Hashable, Sendable {
    /// Seconds, from a turn of an event loop to a stuck disk.
    public static let usualSteps: [Double] = [
        0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    /// The upper ends of the steps, in seconds, from small to large.
    public let bounds: [Double]
    /// For each step what fell into it and into none before it.
    public private(set) var counts: [Int64]
    /// All that was recorded, what was beyond the last step too.
    public private(set) var total: Int64 = 0
    public private(set) var seconds: Double = 0

    public init(bounds: [Double] = usualSteps) {
        self.bounds = bounds.filter(\.isFinite).sorted()
        counts = Array(repeating: 0, count: self.bounds.count)
    }

    public mutating func record(_ time: Interval) {
        let seconds = max(0, time.seconds)
        total = total.addingSaturating(1)
        self.seconds += seconds
        guard let step = bounds.firstIndex(where: { seconds <= $0 }) else { return }
        counts[step] = counts[step].addingSaturating(1)
    }
}
