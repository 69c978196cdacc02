public import Hashing
public import Kademlia
public import Units

/// Where a node of the DHT is: a name or an address, and a port.
public struct DHTPlace: Hashable, Sendable, CustomStringConvertible {
    /// Without brackets.
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    public init(_ endpoint: Endpoint) {
        self.init(host: endpoint.addressText, port: endpoint.port)
    }

    /// The place, if it needs no resolver.
    var endpoint: Endpoint? { Endpoint(addressText: host, port: port) }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension DHTDriver {
    public struct Configuration: Sendable {
        /// Whom to ask for the way into the network.
        public var bootstrapNodes = Self.publicBootstrapNodes
        /// The file that the table is kept in between runs; `nil` keeps nothing.
        public var stateFile: String?
        /// Whether the table is written too, not only read.
        public var savesTable = true
        /// Whether others are left without answers, as they cannot reach us (BEP 43).
        public var isReadOnly = false
        /// Whether nobody's queries are limited: for measurements.
        public var limitsOff = false
        /// Nodes that are made up and taken for good ones: for measurements.
        public var madeUpNodeCount = 0
        /// Whether the hops of lookups are told of.
        public var isTracing = false
        /// Whether nodes at loopback and private addresses count as nodes; `nil` if they do as
        /// long as no way into the public network is known.
        public var acceptsLocalAddresses: Bool?

        public init() {}

        /// The name of the file in the folder of a program's state.
        public static func stateFile(in folder: String) -> String { folder + "/dht.dat" }

        /// Nodes that their owners keep for this, of several clients.
        public static let publicBootstrapNodes = [
            DHTPlace(host: "router.bittorrent.com", port: 6881),
            DHTPlace(host: "dht.transmissionbt.com", port: 6881),
            DHTPlace(host: "router.utorrent.com", port: 6881),
            DHTPlace(host: "dht.libtorrent.org", port: 25401),
            DHTPlace(host: "dht.aelitis.com", port: 6881),
        ]
    }

    /// What is to be found or stored. Work for a family without a socket ends at once.
    public enum Operation: Sendable {
        case ping(Endpoint)
        case lookup(NodeID, AddressFamily)
        case getPeers(SHA1Digest, AddressFamily, announcing: DHTAnnouncement? = nil)
        case scrape(SHA1Digest, AddressFamily)
        case sample(NodeID, AddressFamily)
        case getImmutable(NodeID, AddressFamily)
        case getMutable(Ed25519PublicKey, salt: [UInt8], AddressFamily)
        case put(DHTItem, salt: [UInt8], expecting: Int64?, AddressFamily)
    }

    /// How the node is doing.
    public struct Status: Sendable {
        /// The ids of the node in each family that there is a socket for, and where it is bound.
        public var ids: [AddressFamily: NodeID] = [:]
        public var localEndpoints: [Endpoint] = []
        /// Our addresses as other nodes see them.
        public var externalAddresses: [Endpoint] = []
        /// Nodes in the table.
        public var nodeCounts: [AddressFamily: Int] = [:]
        /// How many nodes the network seems to have.
        public var networkSizes: [AddressFamily: Double] = [:]
        public var counters = DHTCounters()
        /// Torrents that are looked for and announced.
        public var torrentCount = 0
        /// Families in which the node has found its neighbours.
        public var joined: Set<AddressFamily> = []
    }

    /// What is known of a torrent that was joined.
    public struct TorrentID: Hashable, Sendable {
        let rawValue: UInt64
    }
}
