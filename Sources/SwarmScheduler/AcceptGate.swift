public import Units

/// Lets accepted connections in at a bounded rate, and at a lower one from each public subnet, so
/// that one that comes and goes a thousand times a second leaves room for the others.
public struct AcceptGate: Sendable {
    private var all: RateLimiter
    /// For each subnet, when it will have paid for the connections that it was allowed.
    private var paidAt: [Endpoint: Instant] = [:]

    /// - Parameter perSecond: connections a second from everywhere; four times as many at once.
    public init(perSecond: Int = Limits.acceptsPerSecond) {
        let rate = max(1, min(perSecond, Limits.acceptsPerSecondMax))
        self.all = RateLimiter(rate: ByteRate(bytesPerSecond: Int64(rate)), burst: rate * 4)
    }

    /// Counts a connection and says whether it may come in. Local addresses are not counted by
    /// subnet, since everybody may come from one when we are behind a translator of our own.
    public mutating func admits(_ endpoint: Endpoint, now: Instant) -> Bool {
        guard !endpoint.isLocal else { return all.takeWhole(1, now: now) }
        let subnet = endpoint.subnet
        let paid = max(paidAt[subnet] ?? now, now)
        let credit = Limits.acceptsSubnetInterval * (Limits.acceptsPerSubnetBurst - 1)
        // The subnet is asked first, so that one that comes too often uses up nobody's share.
        guard paid - now <= credit, all.takeWhole(1, now: now) else { return false }
        if paidAt[subnet] == nil { makeRoom(now: now) }
        paidAt[subnet] = paid + Limits.acceptsSubnetInterval
        return true
    }

    var subnetCount: Int { paidAt.count }

    private mutating func makeRoom(now: Instant) {
        guard paidAt.count >= Limits.acceptSubnetsMax else { return }
        paidAt = paidAt.filter { $0.value > now }
        guard paidAt.count >= Limits.acceptSubnetsMax else { return }
        // A strict order, so that the dictionary's own never shows.
        let least = paidAt.min { a, b in
            a.value != b.value ? a.value < b.value : a.key.isOrderedBefore(b.key)
        }
        if let least { paidAt[least.key] = nil }
    }
}
