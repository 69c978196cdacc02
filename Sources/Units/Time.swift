/// A moment on a monotonic clock that only its owner knows; comparable with moments of the same
/// clock. Machines are told the time, they never ask for it. Arithmetic saturates.
public struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Nanoseconds since the clock's zero.
    public let nanoseconds: Int64

    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static let zero = Instant(nanoseconds: 0)
    public static let distantFuture = Instant(nanoseconds: .max)
    public static let distantPast = Instant(nanoseconds: .min)

    @inlinable
    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    @inlinable
    public static func + (a: Instant, b: Interval) -> Instant {
        Instant(nanoseconds: a.nanoseconds.addingSaturating(b.nanoseconds))
    }

    @inlinable
    public static func - (a: Instant, b: Interval) -> Instant {
        Instant(nanoseconds: a.nanoseconds.subtractingSaturating(b.nanoseconds))
    }

    @inlinable
    public static func - (a: Instant, b: Instant) -> Interval {
        Interval(nanoseconds: a.nanoseconds.subtractingSaturating(b.nanoseconds))
    }

    public var description: String { "\(Interval(nanoseconds: nanoseconds))" }
}

/// A length of time, in nanoseconds. Arithmetic saturates.
public struct Interval: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let nanoseconds: Int64

    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static let zero = Interval(nanoseconds: 0)

    @inlinable
    public static func microseconds(_ n: Int64) -> Interval {
        Interval(nanoseconds: n.multipliedSaturating(by: 1_000))
    }

    @inlinable
    public static func milliseconds(_ n: Int64) -> Interval {
        Interval(nanoseconds: n.multipliedSaturating(by: 1_000_000))
    }

    @inlinable
    public static func seconds(_ n: Int64) -> Interval {
        Interval(nanoseconds: n.multipliedSaturating(by: 1_000_000_000))
    }

    @inlinable
    public static func minutes(_ n: Int64) -> Interval {
        .seconds(n.multipliedSaturating(by: 60))
    }

    @inlinable public var seconds: Double { Double(nanoseconds) / 1e9 }

    @inlinable
    public static func < (a: Interval, b: Interval) -> Bool { a.nanoseconds < b.nanoseconds }

    @inlinable
    public static func + (a: Interval, b: Interval) -> Interval {
        Interval(nanoseconds: a.nanoseconds.addingSaturating(b.nanoseconds))
    }

    @inlinable
    public static func - (a: Interval, b: Interval) -> Interval {
        Interval(nanoseconds: a.nanoseconds.subtractingSaturating(b.nanoseconds))
    }

    @inlinable
    public static func * (a: Interval, b: Int64) -> Interval {
        Interval(nanoseconds: a.nanoseconds.multipliedSaturating(by: b))
    }

    @inlinable
    public static func / (a: Interval, b: Int64) -> Interval {
        precondition(b > 0)
        return Interval(nanoseconds: a.nanoseconds / b)
    }

    /// Seconds with three decimals, cut off: `-0.250 s`.
    public var description: String {
        let milliseconds = nanoseconds.magnitude / 1_000_000
        let fraction = String(milliseconds % 1000)
        let padding = String(repeating: "0", count: 3 - fraction.count)
        let sign = nanoseconds < 0 && milliseconds > 0 ? "-" : ""
        return "\(sign)\(milliseconds / 1000).\(padding)\(fraction) s"
    }
}

extension FixedWidthInteger {
    /// The sum, or the nearest value that fits.
    @inlinable
    public func addingSaturating(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        guard overflow else { return sum }
        return other < 0 ? .min : .max
    }

    /// The difference, or the nearest value that fits.
    @inlinable
    public func subtractingSaturating(_ other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        guard overflow else { return difference }
        return other > 0 ? .min : .max
    }

    /// The product, or the nearest value that fits.
    @inlinable
    public func multipliedSaturating(by other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        guard overflow else { return product }
        return (self < 0) == (other < 0) ? .max : .min
    }
}
