public import Hashing
public import Units

/// What a piece of work that a node was given is known by. No two of a node are the same.
public struct WorkID: Hashable, Sendable, Comparable {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    public static func < (x: WorkID, y: WorkID) -> Bool { x.rawValue < y.rawValue }
}

/// What a node tells its owner. Every piece of work ends with exactly one `finished`.
public enum DHTEvent: Sendable {
    /// Peers of the torrent that is looked up, from one node; others may name the same ones.
    case peers(WorkID, [Endpoint], from: NodeContact)
    /// A value was found that is right, and newer than those before.
    case item(WorkID, DHTItem)
    /// Info-hashes that a node holds (BEP 51).
    case samples(WorkID, DHTSamples, from: NodeContact)
    /// How many seeds and peers a torrent has, roughly (BEP 33).
    case scraped(WorkID, seeds: Double, peers: Double)
    /// A node answered a ping.
    case answered(WorkID, NodeContact, roundTrip: Interval, version: UInt32?)
    case finished(WorkID, DHTResult)

    /// One step of a lookup, if the node is told to tell.
    case hop(WorkID, DHTHop)

    /// The node has found its neighbours: it knows this many nodes.
    case joined(AddressFamily, count: Int)
    /// Several nodes, met in separate lookups, see us at this address (BEP 42).
    case externalAddress(Endpoint)
    /// The node took another id, one that its address may have (BEP 42).
    case idChanged(AddressFamily, NodeID)
}

/// What became of a piece of work.
public struct DHTResult: Hashable, Sendable {
    /// The nodes nearest to the target that answered, nearest first.
    public var closest: [NodeContact] = []
    /// How many answers, one leading to the next, it took to hear of the nearest.
    public var hops = 0
    /// Queries sent, and answers received, without those of storing.
    public var queries = 0
    public var answers = 0
    /// From the beginning until the nearest were found.
    public var searchTime = Interval.zero
    /// Nodes that took what was to be stored: an announce or an item.
    public var storedCount = 0
    /// What other nodes said against it.
    public var refusals: [KRPCErrorCode] = []
    /// The highest number that was found of a mutable item (BEP 44).
    public var sequence: Int64?
    /// Whether nothing was stored as somebody else's change came before ours (BEP 44, "CAS").
    public var isConflict = false

    public init() {}
}

/// A sample of what one node holds (BEP 51).
public struct DHTSamples: Hashable, Sendable {
    public var infoHashes: [SHA1Digest]
    /// How many it holds in all.
    public var storedCount: Int64
    /// For how long it will give the same sample.
    public var interval: Interval
}

/// What happened to one query of a lookup.
public struct DHTHop: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case asked
        /// It named so many nodes.
        case answered(nodes: Int, roundTrip: Interval)
        case failed
    }

    public var contact: NodeContact
    public var outcome: Outcome
    /// Answers that led to it; 0 if it was in our table.
    public var depth: Int
    /// Bits that its id shares with the target.
    public var sharedBitCount: Int
    /// Since the lookup began.
    public var time: Interval
}

/// What an announce says (BEP 5, "announce_peer").
public struct DHTAnnouncement: Hashable, Sendable {
    /// The port that peers shall dial; with `isImpliedPort` the one that our packets come from.
    public var port: UInt16
    public var isImpliedPort: Bool
    /// Whether all of the torrent is there (BEP 33).
    public var isSeed: Bool

    public init(port: UInt16, isImpliedPort: Bool = false, isSeed: Bool = false) {
        self.port = port
        self.isImpliedPort = isImpliedPort
        self.isSeed = isSeed
    }
}

/// What a node has done, counted.
public struct DHTCounters: Hashable, Sendable {
    public var packetsReceived: UInt64 = 0
    public var queriesReceived: UInt64 = 0
    public var answersReceived: UInt64 = 0
    /// Answers that nobody waited for, or from another address or node than was asked.
    public var answersIgnored: UInt64 = 0
    /// Packets that are no messages, or not worth reading.
    public var packetsRejected: UInt64 = 0
    /// Queries that the limits left without an answer.
    public var queriesLimited: UInt64 = 0
    public var queriesSent: UInt64 = 0
    public var repliesSent: UInt64 = 0
    /// Queries of ours that nobody answered.
    public var timeouts: UInt64 = 0
    /// Queries that were not sent, as too many were under way.
    public var queriesRefused: UInt64 = 0

    public init() {}
}
