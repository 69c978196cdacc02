public import Discovery
import Kademlia
public import Storage
public import SwarmScheduler
import Synchronization

/// How a session is connected to others.
public struct SessionNetwork: Sendable {
    /// Connections that others have opened, and in which they asked for a torrent of ours.
    public var incomingConnections: Int64 = 0
    /// Whether one of them came from outside; it proves that the port is open.
    public var hasBeenReached = false
    /// Connected peers that came to us, and those that we went to.
    public var peersIncoming = 0
    public var peersOutgoing = 0
    /// Connections that are being opened.
    public var halfOpen = 0
    public var handshakeFailures: [HandshakeFailure: Int64] = [:]
    /// Nil if trackers are not asked.
    public var trackers: TrackerClient.Activity?
    /// Nodes in the DHT's routing tables; nil if it takes no part.
    public var dhtNodesIPv4: Int?
    public var dhtNodesIPv6: Int?
    public var dht: DHTTraffic?

    public init() {}
}

/// What a node of the DHT has said and heard since it was started, in packets.
public struct DHTTraffic: Hashable, Sendable {
    public var queriesSent: Int64 = 0
    public var queriesReceived: Int64 = 0
    public var answersSent: Int64 = 0
    public var answersReceived: Int64 = 0
    /// Queries of ours that nobody answered.
    public var timeouts: Int64 = 0
    /// Queries that our limits left without an answer.
    public var limited: Int64 = 0
    /// What was no message.
    public var rejected: Int64 = 0
    /// Torrents that it looks for, and is found by.
    public var torrents = 0

    public init() {}
}

/// What a session does to its disks.
public struct SessionDisks: Sendable {
    public var counters: DiskCounters.Reading
    public var queue: DiskQueue

    public init(counters: DiskCounters.Reading, queue: DiskQueue) {
        self.counters = counters
        self.queue = queue
    }
}

extension Session {
    public nonisolated func network() async -> SessionNetwork {
        var network = SessionNetwork()
        network.incomingConnections = services.reception.welcomeCount
        network.hasBeenReached = services.reception.hasForeignWelcome
        let counters = services.counters
        network.peersIncoming = max(0, counters.incoming.load(ordering: .relaxed))
        network.peersOutgoing = max(
            0, services.connections.load(ordering: .relaxed) - network.peersIncoming)
        network.halfOpen = counters.halfOpen.load(ordering: .relaxed)
        network.handshakeFailures = counters.handshakeFailures
        network.trackers = await services.trackers?.activity
        if let status = await services.dht?.status {
            network.dhtNodesIPv4 = status.nodeCounts[.ipv4] ?? 0
            network.dhtNodesIPv6 = status.nodeCounts[.ipv6] ?? 0
            network.dht = DHTTraffic(status.counters, torrents: status.torrentCount)
        }
        return network
    }

    /// What the machines of all torrents counted since the start. Asks those in which something
    /// has happened since this was last asked.
    public nonisolated func torrentCounters() async -> TorrentCounters {
        for torrent in services.directory.all
        where torrent.hasUnpublished.exchange(false, ordering: .relaxed) {
            await torrent.publishCounters()
        }
        return services.counters.torrents
    }

    public nonisolated var disks: SessionDisks {
        SessionDisks(counters: services.diskCounters.reading, queue: services.disks.queue)
    }
}

extension DHTTraffic {
    fileprivate init(_ counters: DHTCounters, torrents: Int) {
        queriesSent = Int64(clamping: counters.queriesSent)
        queriesReceived = Int64(clamping: counters.queriesReceived)
        answersSent = Int64(clamping: counters.repliesSent)
        answersReceived = Int64(clamping: counters.answersReceived)
        timeouts = Int64(clamping: counters.timeouts)
        limited = Int64(clamping: counters.queriesLimited)
        rejected = Int64(clamping: counters.packetsRejected)
        self.torrents = torrents
    }
}
