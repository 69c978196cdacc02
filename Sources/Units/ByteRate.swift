/// Bytes a second.
public struct ByteRate: Hashable, Comparable, Sendable {
    public let bytesPerSecond: Int64

    @inlinable
    public init(bytesPerSecond: Int64) { self.bytesPerSecond = Swift.max(0, bytesPerSecond) }

    public static let zero = ByteRate(bytesPerSecond: 0)

    @inlinable
    public static func < (a: ByteRate, b: ByteRate) -> Bool { a.bytesPerSecond < b.bytesPerSecond }

    /// The whole bytes that pass at this rate in `interval`, exactly; saturates, and is 0 for an
    /// interval that is not positive.
    public func bytes(in interval: Interval) -> Int64 {
        guard interval.nanoseconds > 0 else { return 0 }
        let product = bytesPerSecond.magnitude
            .multipliedFullWidth(by: interval.nanoseconds.magnitude)
        // The quotient fits 64 bits exactly when the high half is below the divisor.
        guard product.high < Self.nanosecondsPerSecond else { return .max }
        return Int64(clamping: Self.nanosecondsPerSecond.dividingFullWidth(product).quotient)
    }

    /// The time after which `bytes` have passed at this rate, rounded up to a nanosecond, so that
    /// who waits for it need not wait again; saturates. `nil` at rate 0, where they never pass.
    public func time(for bytes: Int64) -> Interval? {
        guard bytesPerSecond > 0 else { return nil }
        guard bytes > 0 else { return .zero }
        let rate = bytesPerSecond.magnitude
        let product = bytes.magnitude.multipliedFullWidth(by: Self.nanosecondsPerSecond)
        guard product.high < rate else { return Interval(nanoseconds: .max) }
        let (quotient, remainder) = rate.dividingFullWidth(product)
        let whole = Int64(clamping: quotient)
        return Interval(nanoseconds: remainder == 0 ? whole : whole.addingSaturating(1))
    }

    private static let nanosecondsPerSecond: UInt64 = 1_000_000_000
}
