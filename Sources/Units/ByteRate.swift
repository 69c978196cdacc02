/// Bytes a second.
public struct ByteRate: Hashable, Comparable, Sendable {
    public let bytesPerSecond: Int64

    @inlinable
    public init(bytesPerSecond: Int64) { self.bytesPerSecond = Swift.max(0, bytesPerSecond) }

    public static let zero = ByteRate(bytesPerSecond: 0)

    @inlinable
    public static func < (a: ByteRate, b: ByteRate) -> Bool { a.bytesPerSecond < b.bytesPerSecond }

    /// The bytes that pass at this rate in `interval`; saturates.
    @inlinable
    public func bytes(in interval: Interval) -> Int64 {
        let bytes = Double(bytesPerSecond) * interval.seconds
        guard bytes < Double(Int64.max) else { return .max }
        return bytes > 0 ? Int64(bytes) : 0
    }

    /// The time that `bytes` take at this rate; `nil` at rate 0.
    @inlinable
    public func time(for bytes: Int64) -> Interval? {
        guard bytesPerSecond > 0 else { return nil }
        let nanoseconds = Double(bytes) / Double(bytesPerSecond) * 1e9
        guard nanoseconds < Double(Int64.max) else { return Interval(nanoseconds: .max) }
        return Interval(nanoseconds: nanoseconds > 0 ? Int64(nanoseconds) : 0)
    }
}
