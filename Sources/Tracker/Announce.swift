public import Hashing
public import Units

/// What has happened since the last announce (BEP 3, "event").
public enum AnnounceEvent: Hashable, Sendable {
    /// Nothing: a regular announce.
    case none
    case started
    case completed
    case stopped
}

/// What a tracker is told and asked.
public struct AnnounceRequest: Hashable, Sendable {
    public var infoHash: SHA1Digest
    /// 20 bytes.
    public var peerID: [UInt8]
    /// Where we accept peers.
    public var port: UInt16
    /// Bytes of payload sent since the `started` event.
    public var uploaded: Int64
    /// Bytes of payload received since the `started` event.
    public var downloaded: Int64
    /// Bytes still to get; 0 says that we are a seed.
    public var left: Int64
    public var event: AnnounceEvent
    /// How many peers are wanted.
    public var numWant: Int
    /// Proves to the tracker that it is us again after our address has changed (BEP 7, BEP 15).
    public var key: UInt32
    /// What the tracker gave as its id in its last reply.
    public var trackerID: [UInt8]?
    /// The address to tell others instead of the one that the request comes from. Most trackers
    /// ignore it; its port is not used.
    public var address: Endpoint?
    /// Whether peers may be told that we speak the encrypted handshake.
    public var supportsEncryption: Bool

    public init(
        infoHash: SHA1Digest, peerID: [UInt8], port: UInt16, uploaded: Int64 = 0,
        downloaded: Int64 = 0, left: Int64, event: AnnounceEvent = .none, numWant: Int = 50,
        key: UInt32, trackerID: [UInt8]? = nil, address: Endpoint? = nil,
        supportsEncryption: Bool = true
    ) {
        self.infoHash = infoHash
        self.peerID = peerID
        self.port = port
        self.uploaded = uploaded
        self.downloaded = downloaded
        self.left = left
        self.event = event
        self.numWant = numWant
        self.key = key
        self.trackerID = trackerID
        self.address = address
        self.supportsEncryption = supportsEncryption
    }
}

/// How many peers a tracker knows; what it did not tell is `nil`.
public struct SwarmCounts: Hashable, Sendable {
    // Small, since they are kept for every tracker of every torrent.
    private var keptSeeders = KeptCount()
    private var keptLeechers = KeptCount()
    private var keptDownloads = KeptCount()

    /// Peers that have everything.
    public var seeders: Int? {
        get { keptSeeders.value }
        set { keptSeeders.value = newValue }
    }
    /// Peers that have not.
    public var leechers: Int? {
        get { keptLeechers.value }
        set { keptLeechers.value = newValue }
    }
    /// How often the torrent was downloaded.
    public var downloads: Int? {
        get { keptDownloads.value }
        set { keptDownloads.value = newValue }
    }

    public init(seeders: Int? = nil, leechers: Int? = nil, downloads: Int? = nil) {
        self.seeders = seeders
        self.leechers = leechers
        self.downloads = downloads
    }

    /// A count from 0 to `Int32.max`, or none, in four bytes.
    private struct KeptCount: Hashable {
        private var word: Int32 = -1

        var value: Int? {
            get { word < 0 ? nil : Int(word) }
            set { word = newValue.map { Int32(clamping: max(0, $0)) } ?? -1 }
        }
    }

    /// These counts, and `other`'s where here are none.
    public func filled(from other: SwarmCounts) -> SwarmCounts {
        SwarmCounts(
            seeders: seeders ?? other.seeders, leechers: leechers ?? other.leechers,
            downloads: downloads ?? other.downloads)
    }
}

/// A peer that a tracker gave by name (BEP 3 allows it). What the name leads to must be checked.
public struct NamedPeer: Hashable, Sendable {
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// A tracker's answer to an announce, checked and clamped.
public struct AnnounceResponse: Hashable, Sendable {
    /// The wait until the next regular announce, 60 s to a day.
    public var interval: Interval
    /// The wait before an announce out of turn; `nil` if the tracker names none.
    public var minInterval: Interval?
    /// At most 1,000 peers that can be dialled, without duplicates.
    public var peers: [Endpoint]
    public var namedPeers: [NamedPeer]
    public var counts: SwarmCounts
    /// To be sent back in the next announce to this tracker.
    public var trackerID: [UInt8]?
    /// What the tracker wants its users to know.
    public var warning: String?
    /// Our address as the tracker sees it (BEP 24); its port is 0.
    public var externalAddress: Endpoint?

    public init(
        interval: Interval, minInterval: Interval? = nil, peers: [Endpoint] = [],
        namedPeers: [NamedPeer] = [], counts: SwarmCounts = SwarmCounts(),
        trackerID: [UInt8]? = nil, warning: String? = nil, externalAddress: Endpoint? = nil
    ) {
        self.interval = interval
        self.minInterval = minInterval
        self.peers = peers
        self.namedPeers = namedPeers
        self.counts = counts
        self.trackerID = trackerID
        self.warning = warning
        self.externalAddress = externalAddress
    }

    /// This answer and that of the same tracker over the other address family (BEP 7).
    public func merged(with other: AnnounceResponse) -> AnnounceResponse {
        var merged = self
        merged.interval = max(interval, other.interval)
        merged.minInterval = [minInterval, other.minInterval].compactMap(\.self).max()
        merged.add(other.peers)
        if namedPeers.isEmpty { merged.namedPeers = other.namedPeers }
        merged.counts = counts.filled(from: other.counts)
        merged.trackerID = trackerID ?? other.trackerID
        merged.warning = warning ?? other.warning
        merged.externalAddress = externalAddress ?? other.externalAddress
        return merged
    }

    /// Adds peers that were found by name, under the rules for all peers.
    public mutating func add(_ found: [Endpoint]) {
        var known = Set(peers)
        for peer in found where peer.isDialable && peers.count < Limits.peersMax {
            if known.insert(peer).inserted { peers.append(peer) }
        }
    }

    /// Takes out peers at addresses near to us, unless the tracker itself is at one: a tracker
    /// far away cannot know them, but could aim us at our own network.
    public mutating func removePeersNear(unless trackerIsNear: Bool) {
        if !trackerIsNear { peers.removeAll(where: \.isNear) }
    }
}

/// A tracker's answer to a scrape.
public struct ScrapeResponse: Hashable, Sendable {
    /// Of the torrents that were asked for, those that the tracker knows.
    public var counts: [SHA1Digest: SwarmCounts]
    /// The wait before the next scrape; `nil` if the tracker names none.
    public var minInterval: Interval?

    public init(counts: [SHA1Digest: SwarmCounts], minInterval: Interval? = nil) {
        self.counts = counts
        self.minInterval = minInterval
    }
}
