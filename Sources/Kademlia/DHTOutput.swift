public import Units

/// What a node wants sent, and what it has to tell. The caller owns it, hands it to the node,
/// sends what it holds and empties it; once it has grown to what a turn needs, nothing in it is
/// allocated again.
public struct DHTOutput: Sendable {
    /// Where the bytes of a packet are, and where they go.
    public struct Packet: Hashable, Sendable {
        public let endpoint: Endpoint
        private let lower: UInt32
        private let upper: UInt32

        init(_ range: Range<Int>, to endpoint: Endpoint) {
            self.endpoint = endpoint
            self.lower = UInt32(clamping: range.lowerBound)
            self.upper = UInt32(clamping: range.upperBound)
        }

        public var range: Range<Int> { Int(lower)..<Int(upper) }
    }

    /// The bytes of all packets.
    public internal(set) var bytes = DatagramBuffer()
    /// In the order in which they are to be sent.
    public private(set) var packets: [Packet] = []
    public var events = ActionBuffer<DHTEvent>()

    /// Room to gather things in for one reply.
    var nodes: [NodeContact] = []
    var nodes6: [NodeContact] = []
    var peers: [Endpoint] = []

    public init() {}

    public var isEmpty: Bool { packets.isEmpty && events.isEmpty }

    /// Forgets packets and events, and keeps their room.
    public mutating func removeAll() {
        bytes.removeAll()
        packets.removeAll(keepingCapacity: true)
        events.removeAll()
    }

    /// A copy of a packet's bytes, for tests and cold paths.
    public func bytes(of packet: Packet) -> [UInt8] { bytes.bytes(of: packet.range) }

    mutating func send(_ range: Range<Int>, to endpoint: Endpoint) {
        packets.append(Packet(range, to: endpoint))
    }
}
