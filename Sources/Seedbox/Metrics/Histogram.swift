import Synchronization
import Units

/// How long things took, counted in steps that never change. For any thread.
final class Histogram: Sendable {
    struct Reading: Sendable {
        /// The upper ends of the steps, in seconds, from small to large.
        var bounds: [Double]
        /// For each step what fell into it and into none before it.
        var counts: [Int64]
        /// All that was recorded, what was beyond the last step too.
        var total: Int64 = 0
        var seconds: Double = 0
    }

    private let state: Mutex<Reading>

    init(bounds: [Double]) {
        let bounds = bounds.filter(\.isFinite).sorted()
        state = Mutex(
            Reading(bounds: bounds, counts: Array(repeating: 0, count: bounds.count)))
    }

    var reading: Reading { state.withLock { $0 } }

    func record(_ time: Interval) {
        let seconds = max(0, time.seconds)
        state.withLock { reading in
            reading.total = reading.total.addingSaturating(1)
            reading.seconds += seconds
            guard let step = reading.bounds.firstIndex(where: { seconds <= $0 }) else { return }
            reading.counts[step] = reading.counts[step].addingSaturating(1)
        }
    }
}
