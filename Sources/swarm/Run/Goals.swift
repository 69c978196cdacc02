import Units

/// When seeding has been enough. Without a goal it never is.
struct SeedGoal: Equatable, Sendable {
    var ratio: Double?
    var time: Interval?

    /// Whether one of the goals is reached.
    func isReached(ratio reached: Double, seedingFor elapsed: Interval) -> Bool {
        if let ratio, reached >= ratio { return true }
        if let time, elapsed >= time { return true }
        return false
    }
}

/// Notices that nothing has come for too long.
struct StallClock: Equatable, Sendable {
    let timeout: Interval
    private var bytes: Int64 = -1
    private var lastProgress: Instant

    init(timeout: Interval, now: Instant) {
        self.timeout = timeout
        self.lastProgress = now
    }

    /// Whether the number of bytes has been the same for the whole timeout. Bytes that are lost
    /// again (a piece that was bad) count as a change too.
    mutating func isStalled(at bytes: Int64, now: Instant) -> Bool {
        if bytes != self.bytes {
            self.bytes = bytes
            lastProgress = now
        }
        return now - lastProgress >= timeout
    }

    /// The time does not run while there is nothing to wait for, as when content is checked.
    mutating func reset(now: Instant) { lastProgress = now }
}
