internal import Units

/// The same lookups on the same nodes, by each way of finding who holds a record.
///
/// All tables and links are made, and all records stored, while every node lives. Then a share of
/// the nodes dies, and nobody notices: what is found still, each overlay finds without repair.
public struct OverlayComparison: Sendable {
    public struct Options: Hashable, Sendable {
        /// Sizes to compare at.
        public var nodeCounts = [100, 1_000, 10_000, 100_000, 1_000_000]
        public var lookupCount = 1_000
        public var seed: UInt64 = 1
        /// Shares of dead nodes.
        public var deadPercents = [0, 30]
        /// On how many nodes each record lies.
        public var holderCount = 8
        /// Neighbours of each node for flooding and walks; even.
        public var degree = 8
        /// Steps that a flood makes. 7 was Gnutella's.
        public var floodTimeToLive = 7
        public var walkerCount = 16
        /// Steps that each walker makes.
        public var walkTimeToLive = 1_024

        public init() {}
    }

    public enum Failure: Error, Equatable {
        case nodeCount(Int, ClosedRange<Int>)
        case lookupCount(Int, ClosedRange<Int>)
    }

    public let options: Options

    /// - Throws: when there are too few or too many nodes or lookups.
    public init(_ options: Options) throws(Failure) {
        // Holders of all overlays and one asker must be different nodes.
        let nodeCounts = 64...Limits.overlayNodeCountMax
        for count in options.nodeCounts where !nodeCounts.contains(count) {
            throw .nodeCount(count, nodeCounts)
        }
        let lookupCounts = 1...Limits.overlayLookupCountMax
        guard lookupCounts.contains(options.lookupCount) else {
            throw .lookupCount(options.lookupCount, lookupCounts)
        }
        self.options = options
    }

    /// Runs all, and hands over each row of figures when it is there.
    public func run(report: (OverlayFigures) -> Void) {
        for nodeCount in options.nodeCounts { run(nodeCount: nodeCount, report: report) }
    }

    private func run(nodeCount: Int, report: (OverlayFigures) -> Void) {
        var generator = SeededGenerator(seed: options.seed &+ UInt64(nodeCount) &* 0x9E37_79B9)
        var population = OverlayPopulation(count: nodeCount, using: &generator)
        let lookups = lookups(in: population, using: &generator)
        // Each kind has chance of its own, so that one does not change another's, and is gone from
        // memory before the next is made.
        for kind in OverlayKind.allCases {
            var chance = generator.fork()
            switch kind {
            case .kademlia:
                let tables = KademliaTables(
                    population, replicaCount: options.holderCount, using: &chance)
                compare(kind, tables, lookups, &population, using: chance, report)
            case .chord:
                let ring = ChordRing(population, replicaCount: options.holderCount)
                compare(kind, ring, lookups, &population, using: chance, report)
            case .flooding:
                let flooding = Flooding(
                    graph(of: nodeCount), timeToLive: options.floodTimeToLive)
                compare(kind, flooding, lookups, &population, using: chance, report)
            case .walks:
                let walks = RandomWalks(
                    graph(of: nodeCount), walkerCount: options.walkerCount,
                    timeToLive: options.walkTimeToLive)
                compare(kind, walks, lookups, &population, using: chance, report)
            }
        }
    }

    /// The same graph for flooding and for walks.
    private func graph(of nodeCount: Int) -> RandomGraph {
        var generator = SeededGenerator(seed: options.seed ^ UInt64(nodeCount) << 32)
        return RandomGraph(nodeCount: nodeCount, degree: options.degree, using: &generator)
    }

    private func compare(
        _ kind: OverlayKind, _ overlay: some Overlay, _ lookups: [OverlayLookup],
        _ population: inout OverlayPopulation, using chance: SeededGenerator,
        _ report: (OverlayFigures) -> Void
    ) {
        var overlay = overlay
        for percent in options.deadPercents {
            var chance = chance
            population.kill(percent: percent)
            var tally = OverlayTally()
            for lookup in lookups {
                tally.add(overlay.find(lookup, in: population, using: &chance))
            }
            report(
                tally.figures(
                    of: kind, overlay, nodeCount: population.count, deadPercent: percent))
        }
    }

    /// Who asks for what. No asker holds what it asks for, in any overlay.
    private func lookups(
        in population: OverlayPopulation, using generator: inout SeededGenerator
    ) -> [OverlayLookup] {
        let percent = options.deadPercents.max() ?? 0
        return (0..<options.lookupCount).map { _ in
            let key = generator.next()
            var holders: [UInt32] = []
            while holders.count < options.holderCount {
                let node = UInt32.random(in: 0..<UInt32(population.count), using: &generator)
                if !holders.contains(node) { holders.append(node) }
            }
            let excluded =
                holders + population.successors(of: key, count: options.holderCount)
                + population.closest(to: key, count: options.holderCount)
            var source = population.survivor(percent: percent, using: &generator)
            while excluded.contains(source) {
                source = population.survivor(percent: percent, using: &generator)
            }
            return OverlayLookup(source: source, key: key, holders: holders)
        }
    }
}
