/// Names one connection of a torrent. A slot is used again after its connection has gone; the
/// generation tells the two apart, so that a late answer never reaches the wrong peer.
public struct PeerKey: Hashable, Sendable {
    /// The position in the table of connections.
    public let slot: UInt32
    /// How often that position had been used before.
    public let generation: UInt32

    @inlinable
    public init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }
}

extension PeerKey: Comparable {
    @inlinable
    public static func < (a: PeerKey, b: PeerKey) -> Bool {
        (a.slot, a.generation) < (b.slot, b.generation)
    }
}

extension PeerKey: CustomStringConvertible {
    public var description: String { "peer \(slot).\(generation)" }
}
