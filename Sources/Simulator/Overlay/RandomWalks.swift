internal import Units

/// Random walks (Lv et al., ICS 2002): several walkers carry the question, each from neighbour to
/// neighbour by chance, until one stands at a holder, which answers the asker directly. Now and
/// then a walker asks the asker whether it still wants to know.
struct RandomWalks: Overlay {
    let graph: RandomGraph
    let walkerCount: Int
    /// Steps that each walker may make.
    let timeToLive: Int
    var contactsPerNode: Double { graph.meanDegree }
    let bytesPerContact = OverlayFigures.bytesPerAddress

    /// Steps between two questions whether to go on.
    private static let stepsPerCheck = 4

    private var walkers: [Walker] = []

    private struct Walker {
        var node: UInt32
        var previous: UInt32
    }

    init(_ graph: RandomGraph, walkerCount: Int, timeToLive: Int) {
        self.graph = graph
        self.walkerCount = walkerCount
        self.timeToLive = timeToLive
    }

    mutating func find(
        _ lookup: OverlayLookup, in population: OverlayPopulation,
        using generator: inout SeededGenerator
    ) -> OverlayOutcome {
        var outcome = OverlayOutcome()
        let start = Walker(node: lookup.source, previous: lookup.source)
        walkers.removeAll(keepingCapacity: true)
        walkers.append(contentsOf: repeatElement(start, count: walkerCount))
        var step = 0
        while step < timeToLive, !walkers.isEmpty {
            step += 1
            walkAll(population.isAlive, &outcome, using: &generator)
            for walker in walkers where lookup.holders.contains(walker.node) {
                outcome.messageCount += 1
                if outcome.hopCount == nil { outcome.hopCount = step }
            }
            walkers.removeAll { lookup.holders.contains($0.node) }
            if step % Self.stepsPerCheck == 0 {
                outcome.messageCount += 2 * walkers.count
                if outcome.hopCount != nil { break }
            }
        }
        return outcome
    }

    /// One step of every walker. One that nobody takes over is lost.
    private mutating func walkAll(
        _ isAlive: [Bool], _ outcome: inout OverlayOutcome, using generator: inout SeededGenerator
    ) {
        var kept = 0
        for index in walkers.indices {
            guard
                let walker = stepped(walkers[index], isAlive, &outcome, using: &generator)
            else { continue }
            walkers[kept] = walker
            kept += 1
        }
        walkers.removeSubrange(kept...)
    }

    /// To a neighbour of chance, and back only where there is no other way. When the neighbour does
    /// not take the question over, the next one is tried.
    private func stepped(
        _ walker: Walker, _ isAlive: [Bool], _ outcome: inout OverlayOutcome,
        using generator: inout SeededGenerator
    ) -> Walker? {
        let range = graph.range(of: walker.node)
        guard !range.isEmpty else { return nil }
        let first = Int.random(in: 0..<range.count, using: &generator)
        for turn in 0..<range.count {
            let place = (first + turn) % range.count
            let other = graph.neighbour(at: range.lowerBound + place)
            guard other != walker.previous else { continue }
            outcome.messageCount += 1
            if isAlive[Int(other)] { return Walker(node: other, previous: walker.node) }
        }
        // The one who sent the walker here lives, but for the asker's own first step.
        guard walker.previous != walker.node else { return nil }
        outcome.messageCount += 1
        return Walker(node: walker.previous, previous: walker.node)
    }
}
