internal import Units

/// Who is whose neighbour where no rule says who should be: links of chance, both ways.
struct RandomGraph {
    /// Where each node's neighbours begin in `neighbours`, and after the last, where they end.
    private let starts: [UInt32]
    private let neighbours: [UInt32]

    /// As many random orders of all nodes as are half the degree, each closed to a ring: connected,
    /// and every node has the degree, but for the few links that chance draws twice.
    init(nodeCount: Int, degree: Int, using generator: inout SeededGenerator) {
        precondition(degree >= 2 && degree % 2 == 0)
        var links: [[UInt32]] = []
        for _ in 0..<degree / 2 {
            links.append((0..<UInt32(nodeCount)).shuffled(using: &generator))
        }
        var slots = Array(repeating: UInt32(0), count: nodeCount * degree)
        for (ring, order) in links.enumerated() {
            for place in 0..<nodeCount {
                let node = Int(order[place]) * degree + 2 * ring
                slots[node] = order[place + 1 == nodeCount ? 0 : place + 1]
                slots[node + 1] = order[place == 0 ? nodeCount - 1 : place - 1]
            }
        }
        self.init(slots: slots, nodeCount: nodeCount, degree: degree)
    }

    private init(slots: [UInt32], nodeCount: Int, degree: Int) {
        var starts: [UInt32] = [0]
        var neighbours: [UInt32] = []
        starts.reserveCapacity(nodeCount + 1)
        neighbours.reserveCapacity(slots.count)
        for node in 0..<nodeCount {
            let start = neighbours.count
            for other in slots[(node * degree)..<((node + 1) * degree)]
            where Int(other) != node && !neighbours[start...].contains(other) {
                neighbours.append(other)
            }
            starts.append(UInt32(neighbours.count))
        }
        self.starts = starts
        self.neighbours = neighbours
    }

    /// For graphs that are known link by link.
    init(nodeCount: Int, links: [(Int, Int)]) {
        var lists = Array(repeating: [UInt32](), count: nodeCount)
        for (a, b) in links {
            lists[a].append(UInt32(b))
            lists[b].append(UInt32(a))
        }
        self.neighbours = lists.flatMap { $0 }
        self.starts = lists.reduce(into: [0]) { $0.append($0[$0.count - 1] + UInt32($1.count)) }
    }

    var nodeCount: Int { starts.count - 1 }
    var linkCount: Int { neighbours.count / 2 }
    var meanDegree: Double { Double(neighbours.count) / Double(nodeCount) }

    /// Where the node's neighbours are, for `neighbour(at:)`.
    func range(of node: UInt32) -> Range<Int> {
        Int(starts[Int(node)])..<Int(starts[Int(node) + 1])
    }

    func neighbour(at index: Int) -> UInt32 { neighbours[index] }
}
