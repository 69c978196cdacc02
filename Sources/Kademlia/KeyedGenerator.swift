/// Chance that can be repeated from a seed, and that nobody foresees who sees some of it: SipHash
/// of a counter. Strangers see our transaction ids and targets, and must not learn the next.
struct KeyedGenerator: RandomNumberGenerator, Sendable {
    private let key: SipHash.Key
    private var counter: UInt64 = 0

    init(seed: UInt64) {
        var hash = SipHash(SipHash.Key(seed, 0))
        let first = hash.finish()
        self.key = SipHash.Key(seed ^ first, first)
    }

    mutating func next() -> UInt64 {
        counter &+= 1
        var hash = SipHash(key)
        hash.combine(counter)
        return hash.finish()
    }
}
