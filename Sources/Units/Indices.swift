/// The number of a piece in a torrent, from 0.
public struct PieceIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32

    @inlinable
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// For positions that this program computed itself; the value must fit 32 bits.
    @inlinable
    public init(_ position: Int) { self.rawValue = UInt32(position) }

    /// The same number, to index an array with.
    @inlinable public var position: Int { Int(rawValue) }

    @inlinable
    public static func < (a: PieceIndex, b: PieceIndex) -> Bool { a.rawValue < b.rawValue }

    public var description: String { "piece \(rawValue)" }
}

/// The number of a 16 KiB block within its piece, from 0.
public struct BlockIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32

    @inlinable
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable
    public init(_ position: Int) { self.rawValue = UInt32(position) }

    @inlinable public var position: Int { Int(rawValue) }

    @inlinable
    public static func < (a: BlockIndex, b: BlockIndex) -> Bool { a.rawValue < b.rawValue }

    public var description: String { "block \(rawValue)" }
}

/// The number of a file in a torrent, from 0, in the order of the metainfo; pad files count.
public struct FileIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32

    @inlinable
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable
    public init(_ position: Int) { self.rawValue = UInt32(position) }

    @inlinable public var position: Int { Int(rawValue) }

    @inlinable
    public static func < (a: FileIndex, b: FileIndex) -> Bool { a.rawValue < b.rawValue }

    public var description: String { "file \(rawValue)" }
}

/// What is asked for at a time: 16 KiB (BEP 3, "request").
public let blockLength: UInt32 = 16 * 1024

/// A half-open range of bytes, `lowerBound ..< upperBound`, both at least 0.
public struct ByteRange: Hashable, Sendable {
    public let lowerBound: Int64
    public let upperBound: Int64

    /// `nil` if the range is negative, reversed or past `Int64.max`.
    @inlinable
    public init?(begin: Int64, length: Int64) {
        let (end, overflow) = begin.addingReportingOverflow(length)
        guard begin >= 0, length >= 0, !overflow else { return nil }
        self.lowerBound = begin
        self.upperBound = end
    }

    /// For bounds that this program computed itself: `0 <= lower <= upper`.
    @inlinable
    public init(_ range: Range<Int64>) {
        precondition(range.lowerBound >= 0)
        self.lowerBound = range.lowerBound
        self.upperBound = range.upperBound
    }

    @inlinable public var length: Int64 { upperBound - lowerBound }
    @inlinable public var isEmpty: Bool { lowerBound == upperBound }
}
