import Kademlia
import Testing
import Units

@testable import Simulator

@Suite struct KademliaTablesTests {
    private func network(
        _ count: Int, seed: UInt64
    ) -> (population: OverlayPopulation, tables: KademliaTables) {
        var generator = SeededGenerator(seed: seed)
        let population = OverlayPopulation(count: count, using: &generator)
        let tables = KademliaTables(population, replicaCount: 8, using: &generator)
        return (population, tables)
    }

    @Test func fillsEveryBucketAsFarAsItGoes() {
        var (population, tables) = network(2_000, seed: 21)
        var total = 0
        for node in stride(from: 0, to: 2_000, by: 100) {
            let table = tables.table(of: UInt32(node), in: population)
            var available = Array(repeating: 0, count: 65)
            for other in population.positions where other != population.positions[node] {
                available[(other ^ population.positions[node]).leadingZeroBitCount] += 1
            }
            for bucket in 0..<64 {
                #expect(
                    table.count(inBucket: bucket)
                        == min(available[bucket], table.capacity(ofBucket: bucket)),
                    "node \(node), bucket \(bucket)")
            }
            total += table.count
        }
        #expect(abs(Double(total) / 20 - tables.contactsPerNode) < 8)
    }

    @Test func givesANodeTheSameTableWheneverItIsAsked() {
        var (population, tables) = network(1_000, seed: 22)
        let early = tables.table(of: 7, in: population).contacts
        for node in 100..<105 { _ = tables.table(of: UInt32(node), in: population) }
        #expect(tables.table(of: 7, in: population).contacts == early)
        #expect(tables.table(of: 8, in: population).contacts != early)
    }

    @Test func findsHoldersInFewSteps() {
        var (population, tables) = network(1_000, seed: 23)
        var generator = SeededGenerator(seed: 24)
        for percent in [0, 30] {
            population.kill(percent: percent)
            for _ in 0..<12 {
                let key = generator.next()
                let source = population.survivor(percent: percent, using: &generator)
                guard !population.closest(to: key, count: 8).contains(source) else { continue }
                let lookup = OverlayLookup(source: source, key: key, holders: [])
                let outcome = tables.find(lookup, in: population, using: &generator)
                #expect((1...4).contains(outcome.hopCount ?? .max), "\(key) from \(source)")
                // Eight answers at least, and with all alive an answer to each question.
                #expect((16...128).contains(outcome.messageCount))
                if percent == 0 { #expect(outcome.messageCount.isMultiple(of: 2)) }
            }
        }
    }

    @Test func asksOnlyThoseItKnowsWhenAllAreDead() {
        var (population, tables) = network(100, seed: 25)
        var generator = SeededGenerator(seed: 26)
        population.kill(percent: 100)
        let source = population.survivor(percent: 100, using: &generator)
        let key = ~population.positions[Int(source)]
        let lookup = OverlayLookup(source: source, key: key, holders: [])
        let outcome = tables.find(lookup, in: population, using: &generator)
        #expect(outcome.hopCount == nil)
        #expect((8...64).contains(outcome.messageCount))
    }
}
