public import Discovery
public import Logging
import Storage
public import Units

/// How a session behaves.
public struct SessionConfiguration: Sendable {
    /// The TCP port to accept peers at; 0 takes any that is free.
    public var port: UInt16 = 0
    /// The local address to accept at and dial from; nil is every address.
    public var bindAddress: String?
    /// Connections of one torrent.
    public var maxPeers = 200
    /// Connections of all torrents together.
    public var maxConnections = 2_000
    /// Bytes of a disk that stay free: below it nothing is written there until there is more.
    public var minimumFree: Int64 = 0
    /// Bytes that are free on the disk of a folder.
    var freeBytes: @Sendable (String) -> Int64? = { DiskPools.freeBytes(of: $0) }
    public var uploadLimit: ByteRate?
    public var downloadLimit: ByteRate?
    /// Peers served at once; nil finds out how many go well.
    public var uploadSlots: Int?
    /// Whether trackers are told of torrents, and asked for peers.
    public var usesTrackers = true
    /// Whether peers tell each other of peers (BEP 11). Never of those of private torrents.
    public var usesPEX = true
    /// Whether torrents are announced to the local network, and found there (BEP 14). Never
    /// private ones.
    public var usesLSD = true
    /// Whether to look for peers in the DHT, and be a node of it, at the same port over UDP.
    public var usesDHT = true
    /// The nodes of the DHT that are asked for the way in; nil is those that anybody may ask.
    public var dhtBootstrap: [DHTPlace]?
    /// Whether links, and nodes of the DHT, may name peers that are near; nil if the session is of
    /// a network that is: bound to loopback, or with no way into the DHT but local addresses.
    /// Otherwise what strangers say must not make us knock on our neighbours.
    public var acceptsLocalAddresses: Bool?
    /// Where the session remembers its torrents; nil remembers nothing.
    public var stateDirectory: String?
    /// Event loops; a torrent lives on one of them.
    public var loopCount: Int
    public var logger = Logger(label: "swarm")
    public var clientName = "swarm 0.1"

    public init() {
        self.loopCount = Platform.coreCount
    }

    /// Whether the session is of a network that is near.
    public var isLocal: Bool {
        if let acceptsLocalAddresses { return acceptsLocalAddresses }
        let bound = bindAddress.flatMap { Endpoint(addressText: $0, port: 0) }
        if bound?.isLoopback == true { return true }
        guard let dhtBootstrap, !dhtBootstrap.isEmpty else { return false }
        return dhtBootstrap.allSatisfy {
            Endpoint(addressText: $0.host, port: $0.port)?.isLocal == true
        }
    }
}
