internal import Units

/// Flooding as Gnutella did it: the question goes to every neighbour, and from each, when it comes
/// there first, to all of its neighbours but the one it came from, until it has made as many steps
/// as its time to live. A holder's answer goes back the way that the question came.
struct Flooding: Overlay {
    let graph: RandomGraph
    let timeToLive: Int
    var contactsPerNode: Double { graph.meanDegree }
    let bytesPerContact = OverlayFigures.bytesPerAddress

    /// The last question that each node has seen, by its number.
    private var seen: [UInt32]
    private var question: UInt32 = 0
    private var frontier: [UInt32] = []
    private var next: [UInt32] = []
    private(set) var reachedCount = 0

    init(_ graph: RandomGraph, timeToLive: Int) {
        self.graph = graph
        self.timeToLive = timeToLive
        self.seen = Array(repeating: 0, count: graph.nodeCount)
    }

    mutating func find(
        _ lookup: OverlayLookup, in population: OverlayPopulation,
        using generator: inout SeededGenerator
    ) -> OverlayOutcome {
        var outcome = OverlayOutcome()
        question += 1
        reachedCount = 1
        seen[Int(lookup.source)] = question
        frontier.removeAll(keepingCapacity: true)
        frontier.append(lookup.source)
        var unseen = lookup.holders
        var depth = 0
        while depth < timeToLive, !frontier.isEmpty {
            depth += 1
            spread(in: population.isAlive, isFirstStep: depth == 1, &outcome)
            unseen.removeAll { holder in
                guard seen[Int(holder)] == question else { return false }
                outcome.messageCount += depth
                if outcome.hopCount == nil { outcome.hopCount = depth }
                return true
            }
            swap(&frontier, &next)
        }
        return outcome
    }

    /// One step of the question, from the frontier to the next.
    private mutating func spread(
        in isAlive: [Bool], isFirstStep: Bool, _ outcome: inout OverlayOutcome
    ) {
        next.removeAll(keepingCapacity: true)
        for node in frontier {
            let range = graph.range(of: node)
            outcome.messageCount += isFirstStep ? range.count : range.count - 1
            for index in range {
                let other = graph.neighbour(at: index)
                guard seen[Int(other)] != question, isAlive[Int(other)] else { continue }
                seen[Int(other)] = question
                next.append(other)
            }
        }
        reachedCount += next.count
    }
}
