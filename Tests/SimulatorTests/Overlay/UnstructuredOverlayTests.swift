import Testing
import Units

@testable import Simulator

@Suite struct UnstructuredOverlayTests {
    private func population(_ count: Int) -> OverlayPopulation {
        var generator = SeededGenerator(seed: 5)
        return OverlayPopulation(count: count, using: &generator)
    }

    @Test func linksAllNodesWithEachOther() {
        var generator = SeededGenerator(seed: 6)
        let graph = RandomGraph(nodeCount: 2_000, degree: 8, using: &generator)
        #expect(graph.meanDegree > 7.9 && graph.meanDegree <= 8)
        for node in 0..<UInt32(graph.nodeCount) {
            let neighbours = graph.range(of: node).map(graph.neighbour(at:))
            #expect(Set(neighbours).count == neighbours.count && !neighbours.contains(node))
            for other in neighbours {
                #expect(graph.range(of: other).contains { graph.neighbour(at: $0) == node })
            }
        }
    }

    @Test func aFloodThatLivesLongReachesAllAndCrossesLinksAsTheyAre() {
        var generator = SeededGenerator(seed: 7)
        for nodeCount in [50, 500, 5_000] {
            let graph = RandomGraph(nodeCount: nodeCount, degree: 4, using: &generator)
            var flooding = Flooding(graph, timeToLive: 100)
            let lookup = OverlayLookup(source: 0, key: 0, holders: [])
            let outcome = flooding.find(
                lookup, in: population(nodeCount), using: &generator)
            #expect(flooding.reachedCount == nodeCount)
            // Both ways over every link, but not back over the one that it came by first.
            #expect(outcome.messageCount == 2 * graph.linkCount - (nodeCount - 1))
            #expect(outcome.hopCount == nil)
        }
    }

    /// 0 – 1 – 2 – 3 – 4, and 1 – 5.
    private let path = RandomGraph(
        nodeCount: 6, links: [(0, 1), (1, 2), (2, 3), (3, 4), (1, 5)])

    @Test func aFloodEndsWithItsTimeToLive() {
        var generator = SeededGenerator(seed: 8)
        let lookup = OverlayLookup(source: 0, key: 0, holders: [3])
        var flooding = Flooding(path, timeToLive: 2)
        var outcome = flooding.find(lookup, in: population(6), using: &generator)
        #expect(outcome == OverlayOutcome(messageCount: 3, hopCount: nil))
        #expect(flooding.reachedCount == 4)
        flooding = Flooding(path, timeToLive: 3)
        outcome = flooding.find(lookup, in: population(6), using: &generator)
        // One more step, and three for the answer's way back.
        #expect(outcome == OverlayOutcome(messageCount: 7, hopCount: 3))
    }

    @Test func theDeadPassNothingOn() {
        var generator = SeededGenerator(seed: 9)
        var population = population(6)
        population.kill(percent: 100)
        let alive = population.isAlive.firstIndex(of: true) ?? 0
        let star = RandomGraph(
            nodeCount: 6, links: (0..<6).filter { $0 != alive }.map { (alive, $0) })
        let lookup = OverlayLookup(
            source: UInt32(alive), key: 0, holders: [UInt32((alive + 1) % 6)])
        var flooding = Flooding(star, timeToLive: 7)
        var walks = RandomWalks(star, walkerCount: 2, timeToLive: 64)
        #expect(
            flooding.find(lookup, in: population, using: &generator)
                == OverlayOutcome(messageCount: 5, hopCount: nil))
        // Each walker knocks at every door.
        #expect(
            walks.find(lookup, in: population, using: &generator)
                == OverlayOutcome(messageCount: 10, hopCount: nil))
    }

    @Test func aWalkOnAPathGoesToItsEnd() {
        var generator = SeededGenerator(seed: 10)
        let line = RandomGraph(nodeCount: 4, links: [(0, 1), (1, 2), (2, 3)])
        var walks = RandomWalks(line, walkerCount: 1, timeToLive: 3)
        let lookup = OverlayLookup(source: 0, key: 0, holders: [3])
        // Three steps and the answer; it never turns while there is another way.
        #expect(
            walks.find(lookup, in: population(4), using: &generator)
                == OverlayOutcome(messageCount: 4, hopCount: 3))
        walks = RandomWalks(line, walkerCount: 1, timeToLive: 2)
        #expect(
            walks.find(lookup, in: population(4), using: &generator)
                == OverlayOutcome(messageCount: 2, hopCount: nil))
    }

    @Test func walksThatLiveLongerFindMore() {
        var generator = SeededGenerator(seed: 11)
        let nodeCount = 5_000
        let graph = RandomGraph(nodeCount: nodeCount, degree: 8, using: &generator)
        let population = population(nodeCount)
        var shares: [Int] = []
        for timeToLive in [4, 32, 256, 2_048] {
            var walks = RandomWalks(graph, walkerCount: 4, timeToLive: timeToLive)
            var found = 0
            for trial in 0..<150 {
                let lookup = OverlayLookup(
                    source: UInt32(trial), key: 0, holders: [UInt32(4_000 + trial)])
                let outcome = walks.find(lookup, in: population, using: &generator)
                found += outcome.hopCount == nil ? 0 : 1
            }
            shares.append(found)
        }
        #expect(shares == shares.sorted() && Set(shares).count == shares.count, "\(shares)")
        // Four walkers of 256 steps see about a fifth of the nodes: 1 - e^(-1024 / 5000).
        #expect((13...45).contains(shares[2]), "\(shares)")
    }
}
