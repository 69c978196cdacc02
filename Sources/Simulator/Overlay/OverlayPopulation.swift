internal import Units

/// The nodes that every overlay is built from: their places among all identifiers, in order, and
/// which of them have died since the tables were made. A node is its index here.
struct OverlayPopulation {
    /// The first 64 bits of the identifiers, strictly rising. No two are the same, so they decide
    /// both orders: around Chord's circle, and by XOR.
    let positions: [UInt64]
    /// Whether a node still answers. Nobody else has noticed yet: the tables name the dead too.
    private(set) var isAlive: [Bool]
    /// All nodes in an order of chance: the first so many are those that die.
    private let fates: [UInt32]

    init(count: Int, using generator: inout SeededGenerator) {
        precondition(count > 0 && count <= Limits.overlayNodeCountMax)
        var positions: [UInt64] = []
        positions.reserveCapacity(count)
        while positions.count < count {
            for _ in positions.count..<count { positions.append(generator.next()) }
            positions.sort()
            positions = Self.withoutRepeats(positions)
        }
        self.init(positions: positions, using: &generator)
    }

    /// - Precondition: the positions rise.
    init(positions: [UInt64], using generator: inout SeededGenerator) {
        self.positions = positions
        self.isAlive = Array(repeating: true, count: positions.count)
        self.fates = (0..<UInt32(positions.count)).shuffled(using: &generator)
    }

    private static func withoutRepeats(_ sorted: [UInt64]) -> [UInt64] {
        var kept: [UInt64] = []
        kept.reserveCapacity(sorted.count)
        for position in sorted where kept.last != position { kept.append(position) }
        return kept
    }

    var count: Int { positions.count }

    /// Lets this share of the nodes be dead, and the others alive. Who is dead at a share is dead
    /// at every greater one.
    mutating func kill(percent: Int) {
        let deadCount = deadCount(percent: percent)
        for (rank, node) in fates.enumerated() { isAlive[Int(node)] = rank >= deadCount }
    }

    /// A node that is alive when this share is dead.
    func survivor(percent: Int, using generator: inout SeededGenerator) -> UInt32 {
        fates[Int.random(in: deadCount(percent: percent)..<count, using: &generator)]
    }

    /// One node at least survives.
    private func deadCount(percent: Int) -> Int { min(count * percent / 100, count - 1) }
}

// MARK: - Who is responsible

extension OverlayPopulation {
    /// The index of the first node at or after the key, around the circle.
    func successor(of key: UInt64) -> Int {
        let index = firstIndex(in: 0..<count) { positions[$0] >= key }
        return index == count ? 0 : index
    }

    /// The nodes that Chord keeps a record on: the first at or after the key, and the next ones.
    func successors(of key: UInt64, count wanted: Int) -> [UInt32] {
        let first = successor(of: key)
        return (0..<min(wanted, count)).map { UInt32((first + $0) % count) }
    }

    /// The nodes that Kademlia keeps a record on: those whose XOR with the key is least, in order.
    func closest(to key: UInt64, count wanted: Int) -> [UInt32] {
        var found: [UInt32] = []
        found.reserveCapacity(wanted)
        gatherClosest(to: key, in: 0..<count, bit: 63, count: wanted, into: &found)
        return found
    }

    /// All nodes in the range share the bits above `bit`. Those that also share this bit with the
    /// key are nearer than all that do not.
    private func gatherClosest(
        to key: UInt64, in range: Range<Int>, bit: Int, count wanted: Int,
        into found: inout [UInt32]
    ) {
        guard found.count < wanted, !range.isEmpty else { return }
        guard range.count > 1, bit >= 0 else {
            found.append(UInt32(range.lowerBound))
            return
        }
        let middle = split(range, bit: bit)
        let low = range.lowerBound..<middle
        let high = middle..<range.upperBound
        let isHigh = key >> UInt64(bit) & 1 == 1
        for half in isHigh ? [high, low] : [low, high] {
            gatherClosest(to: key, in: half, bit: bit - 1, count: wanted, into: &found)
        }
    }

    /// Where the nodes of the range that have the bit begin, if all share the bits above it.
    func split(_ range: Range<Int>, bit: Int) -> Int {
        firstIndex(in: range) { positions[$0] >> UInt64(bit) & 1 == 1 }
    }

    /// The first index of the range at which the condition holds, if it holds from there on; the
    /// range's end if it never does.
    private func firstIndex(in range: Range<Int>, where holds: (Int) -> Bool) -> Int {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high {
            let middle = low + (high - low) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
