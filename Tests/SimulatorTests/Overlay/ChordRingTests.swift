import Testing
import Units

@testable import Simulator

@Suite struct ChordRingTests {
    /// A circle on which every place is taken: 2^bits nodes at equal distances.
    private func fullCircle(bits: Int) -> OverlayPopulation {
        var generator = SeededGenerator(seed: 1)
        let positions = (0..<1 << bits).map { UInt64($0) << UInt64(64 - bits) }
        return OverlayPopulation(positions: positions, using: &generator)
    }

    private func lookup(_ source: Int, _ key: UInt64) -> OverlayLookup {
        OverlayLookup(source: UInt32(source), key: key, holders: [])
    }

    @Test func findsTheSuccessorInNoMoreHopsThanTheLogarithmOfTheNodes() {
        var generator = SeededGenerator(seed: 2)
        for bits in [4, 7, 10] {
            let circle = fullCircle(bits: bits)
            var ring = ChordRing(circle, replicaCount: 1)
            var total = 0
            let count = 500
            for _ in 0..<count {
                let key = generator.next()
                let source = Int.random(in: 0..<circle.count, using: &generator)
                guard circle.successor(of: key) != source else { continue }
                let outcome = ring.find(lookup(source, key), in: circle, using: &generator)
                let hops = outcome.hopCount ?? .max
                #expect(hops <= bits, "\(bits) bits, from \(source) to \(key)")
                #expect(outcome.messageCount == 2 * hops)
                total += hops
            }
            // Half of the bits of the way are set at the mean, and the last step is the holder's.
            let mean = Double(total) / Double(count)
            #expect(abs(mean - Double(bits) / 2) < 1, "\(bits) bits: \(mean)")
        }
    }

    @Test func givesEveryKeyToTheFirstNodeAtOrAfterIt() {
        let circle = fullCircle(bits: 4)
        let gap = UInt64(1) << 60
        #expect(circle.successor(of: 0) == 0)
        #expect(circle.successor(of: 1) == 1)
        #expect(circle.successor(of: gap) == 1)
        #expect(circle.successor(of: gap + 1) == 2)
        #expect(circle.successor(of: .max) == 0)
        #expect(circle.successors(of: 15 * gap, count: 3) == [15, 0, 1])
    }

    @Test func goesAroundDeadFingersAndAsksTheNextHolder() {
        var generator = SeededGenerator(seed: 3)
        var population = OverlayPopulation(count: 1_000, using: &generator)
        var ring = ChordRing(population, replicaCount: 8)
        population.kill(percent: 30)
        var found = 0
        for _ in 0..<500 {
            let key = generator.next()
            let source = population.survivor(percent: 30, using: &generator)
            let holders = population.successors(of: key, count: 8)
            guard !holders.contains(source) else { continue }
            let isThere = holders.contains { population.isAlive[Int($0)] }
            let outcome = ring.find(
                lookup(Int(source), key), in: population, using: &generator)
            if outcome.hopCount != nil {
                found += 1
                #expect(isThere)
            }
        }
        #expect(found > 470, "\(found) of 500")
    }

    @Test func findsNothingWhenNobodyElseLives() {
        var generator = SeededGenerator(seed: 4)
        var population = OverlayPopulation(count: 100, using: &generator)
        var ring = ChordRing(population, replicaCount: 8)
        population.kill(percent: 100)
        let source = population.survivor(percent: 100, using: &generator)
        #expect(population.isAlive.count { $0 } == 1)
        let key = population.positions[Int(source)] &+ 1 << 63
        let outcome = ring.find(lookup(Int(source), key), in: population, using: &generator)
        #expect(outcome.hopCount == nil)
        #expect(outcome.messageCount > 0)
    }

    @Test func knowsAboutTheLogarithmOfTheNodes() {
        let circle = fullCircle(bits: 10)
        // Fingers at 512, 256, … 2 and 1; the successor is one of them; and the predecessor.
        #expect(ChordRing(circle, replicaCount: 1).contactsPerNode == 11)
        // Those at 4, 2 and 1 are among the eight successors, and so is the one at 8.
        #expect(ChordRing(circle, replicaCount: 8).contactsPerNode == 15)
    }
}
