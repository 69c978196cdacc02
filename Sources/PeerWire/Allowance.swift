import Units

/// A token bucket in one word: the moment at which it will be full again.
struct Allowance: Sendable {
    private var fullAt = Instant.distantPast

    /// Takes `cost`; false, and nothing taken, if more than `burst` would then be taken in
    /// advance.
    mutating func take(_ cost: Interval, of burst: Interval, now: Instant) -> Bool {
        let next = max(fullAt, now) + cost
        guard next - now <= burst else { return false }
        fullAt = next
        return true
    }
}
