import Testing
import Units

@testable import Simulator

@Suite struct OverlayComparisonTests {
    private func run(seed: UInt64, nodeCounts: [Int] = [100, 300]) throws -> [OverlayFigures] {
        var options = OverlayComparison.Options()
        options.nodeCounts = nodeCounts
        options.lookupCount = 12
        options.seed = seed
        var rows: [OverlayFigures] = []
        try OverlayComparison(options).run { rows.append($0) }
        return rows
    }

    @Test func theSameSeedGivesTheSameFigures() throws {
        let rows = try run(seed: 3)
        #expect(try run(seed: 3) == rows)
        #expect(try run(seed: 4, nodeCounts: [100]) != rows.filter { $0.nodeCount == 100 })
        // One size does not change another's figures.
        #expect(try run(seed: 3, nodeCounts: [300]) == rows.filter { $0.nodeCount == 300 })
    }

    @Test func comparesAllOverlaysAtEverySizeAndShare() throws {
        let rows = try run(seed: 1)
        #expect(rows.count == 2 * 4 * 2)
        for kind in OverlayKind.allCases {
            let mine = rows.filter { $0.kind == kind }
            #expect(Set(mine.map { [$0.nodeCount, $0.deadPercent] }).count == 4)
            #expect(mine.allSatisfy { $0.lookupCount == 12 })
            for row in mine where row.deadPercent == 0 && row.nodeCount == 100 {
                #expect(row.foundCount == 12, "\(kind)")
            }
        }
    }

    @Test func refusesSizesThatItCannotHold() {
        var options = OverlayComparison.Options()
        options.nodeCounts = [Limits.overlayNodeCountMax]
        #expect(throws: Never.self) { try OverlayComparison(options) }
        options.nodeCounts = [Limits.overlayNodeCountMax + 1]
        #expect(throws: OverlayComparison.Failure.self) { try OverlayComparison(options) }
        options.nodeCounts = [63]
        #expect(throws: OverlayComparison.Failure.self) { try OverlayComparison(options) }
        options.nodeCounts = [64]
        options.lookupCount = 0
        #expect(throws: OverlayComparison.Failure.self) { try OverlayComparison(options) }
    }

    @Test func keepsTheDeadOfALesserShareAmongThoseOfAGreater() {
        var generator = SeededGenerator(seed: 12)
        var population = OverlayPopulation(count: 1_000, using: &generator)
        population.kill(percent: 10)
        let few = population.isAlive
        population.kill(percent: 30)
        #expect(few.count { !$0 } == 100)
        #expect(population.isAlive.count { !$0 } == 300)
        for node in 0..<1_000 where !few[node] { #expect(!population.isAlive[node]) }
    }

    @Test func namesTheNodesThatAreClosestByXOR() {
        var generator = SeededGenerator(seed: 13)
        let population = OverlayPopulation(count: 500, using: &generator)
        for _ in 0..<200 {
            let key = generator.next()
            let truth = (0..<UInt32(500)).sorted {
                population.positions[Int($0)] ^ key < population.positions[Int($1)] ^ key
            }
            #expect(population.closest(to: key, count: 8) == Array(truth.prefix(8)))
        }
    }

    @Test func takesTheValueThatNinetyNineOfAHundredDoNotExceed() {
        #expect(OverlayTally.percentile99(Array((1...100).reversed())) == 99)
        #expect(OverlayTally.percentile99(Array(1...1_000)) == 990)
        #expect(OverlayTally.percentile99([7]) == 7)
        #expect(OverlayTally.percentile99([]) == 0)
    }
}
