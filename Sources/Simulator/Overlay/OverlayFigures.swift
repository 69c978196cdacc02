/// How holders are found.
public enum OverlayKind: String, CaseIterable, Sendable {
    case kademlia
    case chord
    case flooding
    case walks

    /// As people call it.
    public var name: String {
        switch self {
        case .kademlia: "Kademlia"
        case .chord: "Chord"
        case .flooding: "Flooding"
        case .walks: "Random walks"
        }
    }
}

/// What one overlay did with all lookups, at one size and one share of dead nodes.
public struct OverlayFigures: Hashable, Sendable {
    /// An identifier of 20 bytes, an IPv4 address and a port (BEP 5).
    static let bytesPerIdentifiedContact = 26
    /// An IPv4 address and a port.
    static let bytesPerAddress = 6

    public let kind: OverlayKind
    public let nodeCount: Int
    /// Dead nodes among all, which the tables name still.
    public let deadPercent: Int
    public let lookupCount: Int
    /// Lookups that found a living holder.
    public let foundCount: Int
    /// Messages of a lookup: questions, answers, and what went to the dead.
    public let messagesMean: Double
    public let messages99: Int
    /// Steps of the overlay from the asker to the first holder, where one was found.
    public let hopsMean: Double
    public let hops99: Int
    /// Nodes that a node knows, at the mean.
    public let contactsMean: Double
    /// What they take on each node, written as they go over the wire.
    public let stateByteCount: Int

    public var foundPercent: Double { 100 * Double(foundCount) / Double(max(lookupCount, 1)) }
}

/// Gathers what became of lookups.
struct OverlayTally {
    private var messages: [Int] = []
    private var hops: [Int] = []

    mutating func add(_ outcome: OverlayOutcome) {
        messages.append(outcome.messageCount)
        if let hopCount = outcome.hopCount { hops.append(hopCount) }
    }

    func figures(
        of kind: OverlayKind, _ overlay: some Overlay, nodeCount: Int, deadPercent: Int
    ) -> OverlayFigures {
        OverlayFigures(
            kind: kind, nodeCount: nodeCount, deadPercent: deadPercent,
            lookupCount: messages.count, foundCount: hops.count,
            messagesMean: Self.mean(messages), messages99: Self.percentile99(messages),
            hopsMean: Self.mean(hops), hops99: Self.percentile99(hops),
            contactsMean: overlay.contactsPerNode,
            stateByteCount: Int(
                (overlay.contactsPerNode * Double(overlay.bytesPerContact)).rounded()))
    }

    static func mean(_ values: [Int]) -> Double {
        values.isEmpty ? 0 : Double(values.reduce(0, +)) / Double(values.count)
    }

    /// The least value that 99 of 100 do not exceed.
    static func percentile99(_ values: [Int]) -> Int {
        guard !values.isEmpty else { return 0 }
        return values.sorted()[(values.count * 99 + 99) / 100 - 1]
    }
}
