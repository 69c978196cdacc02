extension Bitfield {
    /// How many pieces are set both here and in `other`, which has the same count.
    public func setCount(with other: Bitfield) -> Int {
        guard count == other.count else { return 0 }
        return zip(words, other.words).reduce(0) { $0 + ($1.0 & $1.1).nonzeroBitCount }
    }

    /// How many pieces are set here and clear in `other`, which has the same count.
    public func setCount(without other: Bitfield) -> Int {
        setCount - setCount(with: other)
    }

    /// The first set piece that `isChosen`.
    public func first(where isChosen: (PieceIndex) -> Bool) -> PieceIndex? {
        for (index, word) in words.enumerated() {
            var left = word
            while left != 0 {
                let bit = left.leadingZeroBitCount
                let piece = PieceIndex(index * 64 + bit)
                if isChosen(piece) { return piece }
                left &= ~(1 << UInt64(63 - bit))
            }
        }
        return nil
    }
}
