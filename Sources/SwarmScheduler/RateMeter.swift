public import Units

/// Counts bytes and tells their rate over the last seconds. A ring of half-second buckets held in
/// place: counting and asking allocate nothing.
public struct RateMeter: Sendable {
    /// All bytes ever counted; saturates.
    public private(set) var total: Int64 = 0

    private var buckets = InlineArray<40, UInt32>(repeating: 0)
    /// The number of the newest bucket, counted from the clock's zero; `nil` before the first byte.
    private var newest: Int64?
    private var start = Instant.zero

    private static let bucketLength = Interval.milliseconds(500)
    private static let bucketCount: Int64 = 40
    /// A meter that has just begun would otherwise divide by next to nothing.
    private static let spanMin = Interval.seconds(1)

    /// The longest time over which a rate can be asked for: 20 s, two rounds of choking.
    public static let windowMax = bucketLength * (bucketCount - 1)

    public init() {}

    /// Counts `bytes` (negative counts as none) that passed at `now`. A `now` before the last one
    /// counts as the last one.
    public mutating func add(_ bytes: Int, now: Instant) {
        guard bytes > 0 else { return }
        total = total.addingSaturating(Int64(bytes))
        let bucket = advance(to: now)
        let position = Self.position(of: bucket)
        buckets[position] = buckets[position].addingSaturating(UInt32(clamping: bytes))
    }

    /// The mean rate over the last `window` (0.5 s to `windowMax`), and over less if the meter
    /// began later. The default follows a change within a second or two, and lies still when
    /// blocks come one by one; `windowMax` is for choking.
    public func rate(now: Instant, over window: Interval = .seconds(4)) -> ByteRate {
        guard let newest else { return .zero }
        let current = max(newest, Self.number(at: now))
        let wanted = window.nanoseconds / Self.bucketLength.nanoseconds
        let full = min(max(wanted, 1), Self.bucketCount - 1)
        let oldest = max(current - full, newest - (Self.bucketCount - 1), 0)
        guard oldest <= newest else { return .zero }
        var bytes: Int64 = 0
        for number in oldest...newest {
            bytes += Int64(buckets[Self.position(of: number)])
        }
        let partial = (now - Self.beginning(of: current)).nanoseconds
        let span = Self.bucketLength * full + Interval(nanoseconds: max(0, partial))
        let measured = max(min(span, now - start), Self.spanMin)
        return ByteRate(bytesPerSecond: Int64(Double(bytes) / measured.seconds))
    }

    private mutating func advance(to now: Instant) -> Int64 {
        let number = Self.number(at: now)
        guard let newest else {
            self.newest = number
            start = now
            return number
        }
        guard number > newest else { return newest }
        let skipped = min(number.subtractingSaturating(newest), Self.bucketCount)
        for step in 0..<skipped { buckets[Self.position(of: number - step)] = 0 }
        self.newest = number
        return number
    }

    private static func number(at now: Instant) -> Int64 {
        max(now.nanoseconds, 0) / bucketLength.nanoseconds
    }

    private static func beginning(of number: Int64) -> Instant {
        .zero + bucketLength * number
    }

    private static func position(of number: Int64) -> Int {
        Int(number % bucketCount)
    }
}
