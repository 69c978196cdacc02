internal import Units

/// Chord (Stoica et al., SIGCOMM 2001): nodes on a circle of 2^64 positions, each with fingers to
/// the first node at or after its own position plus every power of two, and with a list of those
/// that follow it. A record lies on the first node at or after its key, and on those that follow.
///
/// Lookups are iterative: the asker asks the nearest node before the key that it knows, and gets
/// nearer ones, until it asks one whose list of successors reaches past the key.
struct ChordRing: Overlay {
    /// Fingers of each node, the longest first, a row of `fingerCount` for each node.
    private let fingers: [UInt32]
    private let fingerCount: Int
    private let successorCount: Int
    private let replicaCount: Int
    let contactsPerNode: Double
    let bytesPerContact = OverlayFigures.bytesPerIdentifiedContact

    /// Whom the asker may ask next, with the distance from there on to the key.
    private var candidates: [Candidate] = []

    private struct Candidate {
        let node: UInt32
        let distance: UInt64
        let depth: Int
    }

    /// - Parameter replicaCount: on how many nodes a record lies; as many successors are listed,
    ///   and as many contacts stand in an answer.
    init(_ population: OverlayPopulation, replicaCount: Int) {
        let positions = population.positions
        let count = positions.count
        // Fingers shorter than an eighth of the mean gap would point into the list of successors.
        let fingerCount = min(64, UInt64(count).bitWidth - count.leadingZeroBitCount + 3)
        self.fingerCount = fingerCount
        self.replicaCount = replicaCount
        self.successorCount = min(replicaCount, count - 1)
        var fingers: [UInt32] = []
        fingers.reserveCapacity(count * fingerCount)
        // Places that only move forwards, from 0 up to twice the count: past the count they are one
        // turn of the circle further.
        var places = Array(repeating: 0, count: fingerCount)
        for node in 0..<count {
            for finger in 0..<fingerCount {
                let (target, wraps) = positions[node].addingReportingOverflow(1 << (63 - finger))
                var place = places[finger]
                while Self.isBefore(place, target, wraps: wraps, in: positions) { place += 1 }
                places[finger] = place
                fingers.append(UInt32(place % count))
            }
        }
        self.fingers = fingers
        self.contactsPerNode = Self.meanContactCount(
            of: fingers, rowLength: fingerCount, nodeCount: count,
            successorCount: self.successorCount)
    }

    private static func isBefore(
        _ place: Int, _ target: UInt64, wraps: Bool, in positions: [UInt64]
    ) -> Bool {
        let hasWrapped = place >= positions.count
        guard hasWrapped == wraps else { return wraps }
        return positions[hasWrapped ? place - positions.count : place] < target
    }

    /// Distinct nodes among fingers, successors and the predecessor.
    private static func meanContactCount(
        of fingers: [UInt32], rowLength: Int, nodeCount: Int, successorCount: Int
    ) -> Double {
        var total = 0
        for node in 0..<nodeCount {
            var previous = nodeCount
            total += min(successorCount + 1, nodeCount - 1)
            for finger in 0..<rowLength {
                let other = Int(fingers[node * rowLength + finger])
                let ahead = (other - node + nodeCount) % nodeCount
                if other != previous, ahead > successorCount, ahead < nodeCount - 1 { total += 1 }
                previous = other
            }
        }
        return Double(total) / Double(nodeCount)
    }

    mutating func find(
        _ lookup: OverlayLookup, in population: OverlayPopulation,
        using generator: inout SeededGenerator
    ) -> OverlayOutcome {
        var outcome = OverlayOutcome()
        candidates.removeAll(keepingCapacity: true)
        var asked = Candidate(
            node: lookup.source,
            distance: lookup.key &- population.positions[Int(lookup.source)], depth: 0)
        while true {
            if askHolders(known: asked, lookup.key, in: population, &outcome) { return outcome }
            gatherPreceding(asked, lookup.key, in: population)
            guard let next = nextAlive(in: population, &outcome) else { return outcome }
            asked = next
        }
    }

    /// Asks the holders that the node's list of successors names, if it reaches past the key.
    private func askHolders(
        known asked: Candidate, _ key: UInt64, in population: OverlayPopulation,
        _ outcome: inout OverlayOutcome
    ) -> Bool {
        let count = population.count
        let base = population.positions[Int(asked.node)]
        for step in 1...max(successorCount, 1) {
            let holder = (Int(asked.node) + step) % count
            guard population.positions[holder] &- base >= asked.distance else { continue }
            outcome.messageCount += 1
            guard population.isAlive[holder] else { continue }
            outcome.messageCount += 1
            outcome.hopCount = asked.depth + 1
            return true
        }
        return false
    }

    /// Takes in what the node answers: the contacts of its that come last before the key, as many
    /// as stand in an answer.
    private mutating func gatherPreceding(
        _ asked: Candidate, _ key: UInt64, in population: OverlayPopulation
    ) {
        let count = population.count
        let base = population.positions[Int(asked.node)]
        var given = 0
        let row = Int(asked.node) * fingerCount
        var previous = Int(asked.node)
        for finger in 0..<fingerCount where given < replicaCount {
            let node = Int(fingers[row + finger])
            guard node != previous else { continue }
            previous = node
            given += add(UInt32(node), base, asked, key, in: population) ? 1 : 0
        }
        for step in stride(from: successorCount, to: 0, by: -1) where given < replicaCount {
            let node = UInt32((Int(asked.node) + step) % count)
            given += add(node, base, asked, key, in: population) ? 1 : 0
        }
        candidates.sort { $0.distance > $1.distance }
    }

    /// Whether the node lies between the one that named it and the key. The asker keeps it unless
    /// it has it already.
    private mutating func add(
        _ node: UInt32, _ base: UInt64, _ asked: Candidate, _ key: UInt64,
        in population: OverlayPopulation
    ) -> Bool {
        let position = population.positions[Int(node)]
        let ahead = position &- base
        guard ahead > 0, ahead < asked.distance else { return false }
        if !candidates.contains(where: { $0.node == node }) {
            candidates.append(
                Candidate(node: node, distance: key &- position, depth: asked.depth + 1))
        }
        return true
    }

    /// Asks the candidates, the nearest first, until one answers.
    private mutating func nextAlive(
        in population: OverlayPopulation, _ outcome: inout OverlayOutcome
    ) -> Candidate? {
        while let next = candidates.popLast() {
            outcome.messageCount += 1
            guard population.isAlive[Int(next.node)] else { continue }
            outcome.messageCount += 1
            return next
        }
        return nil
    }
}
