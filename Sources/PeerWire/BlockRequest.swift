public import Units

/// A block by its place: what `request`, `cancel` (BEP 3) and `reject` (BEP 6) name.
public struct BlockRequest: Hashable, Sendable {
    public var piece: PieceIndex
    /// Bytes into the piece.
    public var begin: UInt32
    /// Bytes.
    public var length: UInt32

    @inlinable
    public init(piece: PieceIndex, begin: UInt32, length: UInt32) {
        self.piece = piece
        self.begin = begin
        self.length = length
    }

    /// The end of the block in the piece; it cannot overflow.
    @inlinable public var end: UInt64 { UInt64(begin) + UInt64(length) }
}

extension BlockRequest: CustomStringConvertible {
    public var description: String { "\(length) bytes at \(begin) of \(piece)" }
}
