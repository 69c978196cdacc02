import Testing
import Units

@Suite struct BitfieldTests {
    private static let counts = [0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 1000]

    /// The bits as an array of truths, and the wire's bytes from that: slow and plain.
    private func wireBytes(of bits: [Bool]) -> [UInt8] {
        stride(from: 0, to: bits.count, by: 8).map { begin in
            (0..<8).reduce(UInt8(0)) { byte, bit in
                byte << 1 | (begin + bit < bits.count && bits[begin + bit] ? 1 : 0)
            }
        }
    }

    private func expect(
        _ field: Bitfield, _ bits: [Bool], _ comment: Comment,
        at location: SourceLocation = #_sourceLocation
    ) {
        let set = bits.indices.filter { bits[$0] }
        #expect(field.count == bits.count, comment, sourceLocation: location)
        #expect(field.setCount == set.count, comment, sourceLocation: location)
        #expect(field.isEmpty == set.isEmpty, comment, sourceLocation: location)
        #expect(field.isFull == (set.count == bits.count), comment, sourceLocation: location)
        #expect(field.wireBytes == wireBytes(of: bits), comment, sourceLocation: location)
        var visited: [Int] = []
        field.forEach { visited.append($0.position) }
        #expect(visited == set, comment, sourceLocation: location)
        for position in 0...(bits.count + 70) {
            let expected = position < bits.count && bits[position]
            #expect(
                field.contains(PieceIndex(position)) == expected, comment, sourceLocation: location)
        }
    }

    @Test(arguments: counts)
    func doesWhatAnArrayOfTruthsDoes(count: Int) {
        let seed = UInt64(41 + count)
        var rng = SeededGenerator(seed: seed)
        var field = Bitfield(count: count)
        var bits = Array(repeating: false, count: count)
        expect(field, bits, "new")
        for step in 0..<200 {
            let position = Int.random(in: 0...(count + 3), using: &rng)
            let exists = position < count
            switch Int.random(in: 0..<40, using: &rng) {
            case 0:
                field.setAll()
                bits = Array(repeating: true, count: count)
            case 1:
                field.removeAll()
                bits = Array(repeating: false, count: count)
            case 2..<24:
                let changed = field.insert(PieceIndex(position))
                #expect(changed == (exists && !bits[position]), "seed \(seed) step \(step)")
                if exists { bits[position] = true }
            default:
                let changed = field.remove(PieceIndex(position))
                #expect(changed == (exists && bits[position]), "seed \(seed) step \(step)")
                if exists { bits[position] = false }
            }
            if step % 20 == 0 { expect(field, bits, "seed \(seed) step \(step)") }
        }
        expect(field, bits, "seed \(seed)")
    }

    @Test(arguments: counts)
    func readsTheWiresBytesBack(count: Int) throws {
        let seed = UInt64(91 + count)
        var rng = SeededGenerator(seed: seed)
        let bits = (0..<count).map { _ in Bool.random(using: &rng) }
        let bytes = wireBytes(of: bits)
        expect(try #require(Bitfield(wireBytes: bytes, count: count)), bits, "seed \(seed)")
        let lazy = bytes.lazy.map { $0 }
        expect(try #require(Bitfield(wireBytes: lazy, count: count)), bits, "seed \(seed)")
        let slice = ([0xFF] + bytes)[1...]
        #expect(Bitfield(wireBytes: slice, count: count)?.wireBytes == bytes, "seed \(seed)")
    }

    @Test("W5 a bitfield of another length or with spare bits set is refused")
    func refusesAWrongLengthAndSpareBits() {
        for count in Self.counts {
            let right = Bitfield(allSet: count).wireBytes
            #expect(Bitfield(wireBytes: right + [0], count: count) == nil)
            #expect(Bitfield(wireBytes: right.dropLast(), count: count) == nil || count == 0)
            guard count % 8 != 0 else { continue }
            for spare in 0..<(8 - count % 8) {
                var wrong = right
                wrong[wrong.count - 1] |= 1 << UInt8(spare)
                #expect(Bitfield(wireBytes: wrong, count: count) == nil)
            }
        }
        #expect(Bitfield(wireBytes: [], count: -1) == nil)
        #expect(Bitfield(wireBytes: [], count: .max) == nil)
        #expect(Bitfield(wireBytes: [0xFF], count: .min) == nil)
    }

    @Test func aFullFieldHasNoSpareBits() {
        #expect(Bitfield(allSet: 9).wireBytes == [0xFF, 0x80])
        #expect(Bitfield(allSet: 9) == Bitfield(wireBytes: [0xFF, 0x80], count: 9))
        #expect(Bitfield(allSet: 0).isEmpty && Bitfield(allSet: 0).isFull)
    }

    @Test func piecesFarBeyondTheEndAreNotThere() {
        var field = Bitfield(count: 65)
        for piece in [PieceIndex(UInt32(65)), PieceIndex(UInt32.max)] {
            #expect(!field.contains(piece))
            let inserted = field.insert(piece)
            let removed = field.remove(piece)
            #expect(!inserted && !removed)
        }
        #expect(field.isEmpty)
    }

    @Test func knowsWhetherAnotherLacksSomething() {
        var ours = Bitfield(count: 130)
        var theirs = Bitfield(count: 130)
        #expect(!ours.hasAny(missingIn: theirs))
        ours.insert(PieceIndex(129))
        #expect(ours.hasAny(missingIn: theirs))
        #expect(!theirs.hasAny(missingIn: ours))
        theirs.insert(PieceIndex(129))
        #expect(!ours.hasAny(missingIn: theirs))
        #expect(!ours.hasAny(missingIn: Bitfield(count: 131)))
    }
}
