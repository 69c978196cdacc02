import Units

/// How long answers take, and how many come at all: what a lookup's patience is made of.
struct RoundTrips: Sendable {
    /// Nine in ten answers come within this, in microseconds.
    private var quantile: Int64 = Limits.patienceDefault.nanoseconds / 1000
    /// The part of the queries that was answered, in 1/65536.
    private var share: Int64 = 45_000

    /// Moves up a lot for an answer that came later than nine in ten, and down a little for one
    /// that came sooner, so that it comes to rest where one in ten is later.
    mutating func answered(after interval: Interval) {
        let sample = interval.nanoseconds / 1000
        let step = max(quantile / 16, 1)
        quantile += sample > quantile ? step * 9 / 10 : -step / 10
        quantile = min(
            max(quantile, Limits.patienceMin.nanoseconds / 1000),
            Limits.patienceMax.nanoseconds / 1000)
        share += (65_536 - share) / 64
    }

    mutating func failed() { share -= share / 64 }

    /// How long to wait for an answer before somebody else is asked too.
    var patience: Interval {
        min(max(.microseconds(quantile + quantile / 4), Limits.patienceMin), Limits.patienceMax)
    }

    var liveShare: Double { Double(share) / 65_536 }
}
