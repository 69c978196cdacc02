/// What a query is known by to whom it asks (BEP 5, "KRPC Protocol", `t`): 1 to 24 bytes, held in
/// place.
public struct TransactionID: Hashable, Sendable {
    /// The bytes in their order, from the high end of the first; what is unused is 0.
    @usableFromInline let words: (UInt64, UInt64, UInt64)
    public let byteCount: Int

    /// `nil` for no bytes, and for more than anybody needs.
    public init?(bytes: UnsafeRawBufferPointer) {
        guard (1...Limits.transactionIDByteCountMax).contains(bytes.count) else { return nil }
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: bytes) }
        self.words = (
            UInt64(bigEndian: words.0), UInt64(bigEndian: words.1), UInt64(bigEndian: words.2)
        )
        self.byteCount = bytes.count
    }

    /// The 4 bytes of `number`, the high one first.
    @inlinable
    public init(_ number: UInt32) {
        self.words = (UInt64(number) << 32, 0, 0)
        self.byteCount = 4
    }

    /// The number that it was made of; `nil` if it has not 4 bytes, and so is none of ours.
    @inlinable
    public var number: UInt32? { byteCount == 4 ? UInt32(words.0 >> 32) : nil }

    public var bytes: [UInt8] {
        (0..<byteCount).map { position in
            let word =
                switch position / 8 {
                case 0: words.0
                case 1: words.1
                default: words.2
                }
            return UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (position % 8)))
        }
    }

    @inlinable
    public static func == (x: TransactionID, y: TransactionID) -> Bool {
        x.words == y.words && x.byteCount == y.byteCount
    }

    @inlinable
    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(byteCount)
    }
}
