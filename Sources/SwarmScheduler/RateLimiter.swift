public import Units

/// A token bucket: bytes may pass at a rate, and a burst at once. It never waits; it says how much
/// may pass now and when to ask again. No call allocates, and all arithmetic saturates.
public struct RateLimiter: Sendable {
    /// Bytes a second; `nil` lets everything pass, 0 nothing.
    public private(set) var rate: ByteRate?
    /// What may pass at once after a pause, in bytes.
    public private(set) var burst: Int64

    /// May be below 0 after `charge`, at most by one burst.
    private var tokens: Int64
    /// Less than one byte that has been earned already, in byte-nanoseconds a second.
    private var remainder: Int64 = 0
    private var refilledAt = Instant.distantPast
    /// The time in which an empty bucket fills.
    private var fillTime: Int64 = 0

    private static let second: Int64 = 1_000_000_000

    /// A full bucket. Without `burst`: a quarter of a second's bytes, at least 64 KiB.
    public init(rate: ByteRate?, burst: Int? = nil) {
        self.rate = rate
        self.burst = Self.burst(asked: burst, rate: rate)
        self.tokens = rate == .zero ? 0 : self.burst
        self.fillTime = Self.fillTime(burst: self.burst, rate: rate)
    }

    public static let unlimited = RateLimiter(rate: nil)

    /// Changes the rate. What was earned at the old rate is kept, up to the new burst, so that
    /// changing to and fro gives nothing away.
    public mutating func setRate(_ newRate: ByteRate?, burst newBurst: Int? = nil, now: Instant) {
        let wasUnlimited = rate == nil
        refill(now)
        rate = newRate
        burst = Self.burst(asked: newBurst, rate: newRate)
        fillTime = Self.fillTime(burst: burst, rate: newRate)
        tokens = wasUnlimited ? capacity : min(tokens, capacity)
        remainder = 0
    }

    /// Takes as many bytes as may pass now, at most `bytes`, and says how many: 0 to `bytes`.
    public mutating func take(upTo bytes: Int, now: Instant) -> Int {
        guard bytes > 0, rate != nil else { return max(0, bytes) }
        refill(now)
        let granted = max(0, min(Int64(bytes), tokens))
        tokens -= granted
        return Int(granted)
    }

    /// Takes all of `bytes` or nothing: for blocks, which go whole or not at all. More than a burst
    /// passes when the bucket is full, and is paid off afterwards.
    public mutating func takeWhole(_ bytes: Int, now: Instant) -> Bool {
        guard canTakeWhole(bytes, now: now) else { return false }
        charge(bytes, now: now)
        return true
    }

    /// Whether `takeWhole` would succeed.
    public mutating func canTakeWhole(_ bytes: Int, now: Instant) -> Bool {
        guard bytes > 0, rate != nil else { return true }
        refill(now)
        return tokens >= min(Int64(bytes), burst)
    }

    /// Counts bytes that have passed already, granted or not. The debt is at most one burst.
    public mutating func charge(_ bytes: Int, now: Instant) {
        guard bytes > 0, rate != nil else { return }
        refill(now)
        tokens = max(tokens.subtractingSaturating(Int64(bytes)), -burst)
    }

    /// Returns what was granted and not used.
    public mutating func give(back bytes: Int) {
        guard bytes > 0, rate != nil else { return }
        tokens = min(tokens.addingSaturating(Int64(bytes)), capacity)
    }

    /// When `bytes` (or a whole burst, if that is less) will be there if nobody takes any before:
    /// `now` if they are there already, `nil` if never, because the rate is 0.
    public func nextRefill(for bytes: Int, now: Instant) -> Instant? {
        guard let rate else { return now }
        var later = self
        later.refill(now)
        let missing = min(Int64(clamping: bytes), burst) - later.tokens
        guard missing > 0 else { return now }
        guard rate.bytesPerSecond > 0 else { return nil }
        // Rounded up: a caller that sleeps until then finds the bytes.
        let owed = missing.multipliedSaturating(by: Self.second) - later.remainder
        let wait = owed / rate.bytesPerSecond + (owed % rate.bytesPerSecond > 0 ? 1 : 0)
        return now + Interval(nanoseconds: max(1, wait))
    }

    /// At rate 0 nothing passes, not even a burst.
    private var capacity: Int64 { rate == .zero ? 0 : burst }

    private mutating func refill(_ now: Instant) {
        guard let rate, now > refilledAt else { return }
        let elapsed = (now - refilledAt).nanoseconds
        refilledAt = now
        // Twice, because the bucket may be a burst below empty. Any longer fills it in any case,
        // so that the product below stays under 2 bursts times 1e9, which fits 64 bits.
        guard elapsed < fillTime.multipliedSaturating(by: 2) else {
            tokens = capacity
            remainder = 0
            return
        }
        let earned = elapsed.multipliedSaturating(by: rate.bytesPerSecond)
            .addingSaturating(remainder)
        tokens = min(burst, tokens.addingSaturating(earned / Self.second))
        remainder = tokens == burst ? 0 : earned % Self.second
    }

    private static func burst(asked: Int?, rate: ByteRate?) -> Int64 {
        let quarter = (rate?.bytesPerSecond ?? 0) / 4
        let wanted = asked.map { Int64($0) } ?? max(quarter, Limits.burstBytesMin)
        return min(max(1, wanted), Limits.burstBytesMax)
    }

    /// At most `.max / 4`, so that twice that is a time still. A rate of 0 never fills.
    private static func fillTime(burst: Int64, rate: ByteRate?) -> Int64 {
        guard let rate, rate.bytesPerSecond > 0 else { return .max / 4 }
        return burst.multipliedSaturating(by: second) / rate.bytesPerSecond + 1
    }
}

/// Two limiters that must both agree: the torrent's own, and its share of the session's. Bytes
/// are taken from both at once: the smaller grant counts, and the other gets the rest back.
public struct RateLimiterChain: Sendable {
    public var session: RateLimiter
    public var torrent: RateLimiter

    public init(session: RateLimiter = .unlimited, torrent: RateLimiter = .unlimited) {
        self.session = session
        self.torrent = torrent
    }

    /// Whether nothing holds bytes back.
    public var isUnlimited: Bool { session.rate == nil && torrent.rate == nil }

    /// The lower of the two rates; `nil` if neither is limited.
    public var rate: ByteRate? {
        guard let session = session.rate else { return torrent.rate }
        guard let torrent = torrent.rate else { return session }
        return min(session, torrent)
    }

    /// Takes as many bytes as both let pass now, at most `bytes`.
    public mutating func take(upTo bytes: Int, now: Instant) -> Int {
        let first = torrent.take(upTo: bytes, now: now)
        let granted = session.take(upTo: first, now: now)
        torrent.give(back: first - granted)
        return granted
    }

    /// Takes all of `bytes` from both, or nothing from either.
    public mutating func takeWhole(_ bytes: Int, now: Instant) -> Bool {
        guard torrent.canTakeWhole(bytes, now: now), session.canTakeWhole(bytes, now: now) else {
            return false
        }
        charge(bytes, now: now)
        return true
    }

    public mutating func charge(_ bytes: Int, now: Instant) {
        torrent.charge(bytes, now: now)
        session.charge(bytes, now: now)
    }

    public mutating func give(back bytes: Int) {
        torrent.give(back: bytes)
        session.give(back: bytes)
    }

    /// When both will let `bytes` pass; `nil` if one of them never will.
    public func nextRefill(for bytes: Int, now: Instant) -> Instant? {
        guard let first = torrent.nextRefill(for: bytes, now: now),
            let second = session.nextRefill(for: bytes, now: now)
        else { return nil }
        return max(first, second)
    }
}

extension ByteRate {
    /// Divides this rate among users, each of whom wants a rate (`nil`: all it can get): nobody
    /// gets more than asked for, and what one leaves is divided among the others (max-min
    /// fairness). So a session's limit becomes its torrents' shares. The shares follow the order
    /// of `demands` and never add up to more than this rate.
    public func shares(for demands: [ByteRate?]) -> [ByteRate] {
        var shares = [ByteRate](repeating: .zero, count: demands.count)
        let byDemand = demands.indices.sorted {
            (demands[$0]?.bytesPerSecond ?? .max, $0) < (demands[$1]?.bytesPerSecond ?? .max, $1)
        }
        var left = bytesPerSecond
        for (position, index) in byDemand.enumerated() {
            let fair = left / Int64(byDemand.count - position)
            let share = min(fair, demands[index]?.bytesPerSecond ?? .max)
            shares[index] = ByteRate(bytesPerSecond: share)
            left -= share
        }
        return shares
    }
}
