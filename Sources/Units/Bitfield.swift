/// Which pieces somebody has: one bit a piece, in the wire's order (BEP 3, "bitfield": the high
/// bit of the first byte is piece 0). The number of set bits is kept, not counted.
public struct Bitfield: Hashable, Sendable {
    /// The number of pieces.
    public let count: Int
    /// The number of pieces that are set.
    public private(set) var setCount: Int
    /// Piece `i` is bit `63 - i % 64` of word `i / 64`, so that a word's big-endian bytes are
    /// the wire's bytes. Bits past `count` are 0.
    @usableFromInline private(set) var words: [UInt64]

    /// No piece set. `count` is this program's own number, at least 0.
    public init(count: Int) {
        precondition(count >= 0)
        self.count = count
        self.setCount = 0
        self.words = Array(repeating: 0, count: count / 64 + (count % 64 == 0 ? 0 : 1))
    }

    /// Every piece set.
    public init(allSet count: Int) {
        self.init(count: count)
        setAll()
    }

    /// The wire's bytes; `nil` unless there are exactly as many as `count` pieces need and the
    /// spare bits are 0 (BEP 3).
    public init?(wireBytes: some Collection<UInt8>, count: Int) {
        guard count >= 0, wireBytes.count == Self.byteCount(for: count) else { return nil }
        self.init(count: count)
        let fast: Void? = wireBytes.withContiguousStorageIfAvailable {
            load(UnsafeRawBufferPointer($0))
        }
        if fast == nil { Array(wireBytes).withUnsafeBytes { load($0) } }
        if count % 64 != 0, let last = words.last, last & (.max >> UInt64(count % 64)) != 0 {
            return nil
        }
        setCount = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// How many bytes `count` bits take on the wire.
    private static func byteCount(for count: Int) -> Int { count / 8 + (count % 8 == 0 ? 0 : 1) }

    /// Takes the words from `bytes`, of which there are as many as `count` bits need.
    private mutating func load(_ bytes: UnsafeRawBufferPointer) {
        let whole = bytes.count / 8
        for index in 0..<whole {
            let word = bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
            words[index] = UInt64(bigEndian: word)
        }
        for position in (whole * 8)..<bytes.count {
            words[whole] |= UInt64(bytes[position]) << UInt64(56 - 8 * (position % 8))
        }
    }

    /// The wire's bytes, spare bits 0 (BEP 3).
    public var wireBytes: [UInt8] {
        let size = Self.byteCount(for: count)
        return Array(unsafeUninitializedCapacity: size) { bytes, used in
            for position in 0..<size {
                let shift = UInt64(56 - 8 * (position % 8))
                bytes[position] = UInt8(truncatingIfNeeded: words[position / 8] >> shift)
            }
            used = size
        }
    }

    @inlinable public var isEmpty: Bool { setCount == 0 }
    /// Whether every piece is set; of no pieces, all are.
    @inlinable public var isFull: Bool { setCount == count }

    /// Whether `piece` is set; a piece that does not exist is not.
    @inlinable
    public func contains(_ piece: PieceIndex) -> Bool {
        let position = piece.position
        guard position < count else { return false }
        return words[position / 64] & (1 << UInt64(63 - position % 64)) != 0
    }

    /// Sets `piece`; false if it was set already or does not exist.
    @discardableResult
    public mutating func insert(_ piece: PieceIndex) -> Bool {
        let position = piece.position
        let mask: UInt64 = 1 << UInt64(63 - position % 64)
        guard position < count, words[position / 64] & mask == 0 else { return false }
        words[position / 64] |= mask
        setCount += 1
        return true
    }

    /// Clears `piece`; false if it was clear already or does not exist.
    @discardableResult
    public mutating func remove(_ piece: PieceIndex) -> Bool {
        let position = piece.position
        let mask: UInt64 = 1 << UInt64(63 - position % 64)
        guard position < count, words[position / 64] & mask != 0 else { return false }
        words[position / 64] &= ~mask
        setCount -= 1
        return true
    }

    public mutating func setAll() {
        for position in words.indices { words[position] = .max }
        if count % 64 != 0, let last = words.indices.last {
            words[last] = ~(.max >> UInt64(count % 64))
        }
        setCount = count
    }

    public mutating func removeAll() {
        for position in words.indices { words[position] = 0 }
        setCount = 0
    }

    /// Calls `body` with each set piece, in order.
    @inlinable
    public func forEach(_ body: (PieceIndex) throws -> Void) rethrows {
        for (index, word) in words.enumerated() {
            var left = word
            while left != 0 {
                let bit = left.leadingZeroBitCount
                try body(PieceIndex(index * 64 + bit))
                left &= ~(1 << UInt64(63 - bit))
            }
        }
    }

    /// Whether there is a piece that is set here and clear in `other`, which has the same count.
    public func hasAny(missingIn other: Bitfield) -> Bool {
        guard count == other.count else { return false }
        for position in words.indices where words[position] & ~other.words[position] != 0 {
            return true
        }
        return false
    }
}
