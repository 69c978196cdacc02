public import Hashing
public import Units

/// Peers that announced themselves to us (BEP 5, "announce_peer"), with what scrapes (BEP 33) and
/// samples (BEP 51) tell of them.
///
/// Of what is full the part goes that nobody announced for longest, and one source has only so
/// many info-hashes, so that a flood displaces little but itself.
public struct PeerStore: Sendable {
    private struct Peer: Sendable {
        var endpoint: Endpoint
        var announced: Instant
        var isSeed: Bool
    }

    private struct Torrent: Sendable {
        /// One for each address (BEP 33, "Changed announce accounting"), but on a local network one
        /// for each port too: a machine that has its own DHT may well have several clients.
        var peers: [Peer] = []
        var filters: ScrapeFilters?
        var filtersMade = Instant.distantPast
    }

    /// Info-hashes, the last announced newest.
    private var torrents = RecencyMap<NodeID, Torrent>()
    /// How many peers each source is.
    private var quotas: [Endpoint: Int] = [:]
    public private(set) var peerCount = 0

    private var sample: [SHA1Digest] = []
    private var sampled = Instant.distantPast

    public init() {}

    public var torrentCount: Int { torrents.count }

    /// Whether there is room for a peer of this info-hash. Where there is none, no token should be
    /// given out, so that announces go to other nodes (BEP 33).
    public func hasRoom(for infoHash: NodeID, now: Instant) -> Bool {
        guard let torrent = torrents[infoHash],
            torrent.peers.count >= Limits.storedPeersPerTorrentMax
        else { return true }
        return torrent.peers.contains { now - $0.announced >= Limits.storedPeerLife }
    }

    /// Remembers a peer, or that it is still there; throws `.server` if its source is in too many
    /// torrents. The address is the packet's: nobody else is announced.
    public mutating func announce(
        _ infoHash: NodeID, peer: Endpoint, isSeed: Bool, now: Instant
    ) throws(KRPCErrorCode) {
        guard peer.port != 0 else { throw .protocolError }
        expire(now: now)
        let new = Peer(endpoint: peer, announced: now, isSeed: isSeed)
        let isKnown = torrents.update(infoHash) { torrent in
            let known = torrent.peers.firstIndex { $0.endpoint.isSamePeer(as: peer) }
            guard let known else { return false }
            torrent.peers[known] = new
            return true
        }
        if isKnown ?? false {
            torrents.touch(infoHash)
            return
        }
        let source = Self.source(of: peer)
        let quota = quotas[source] ?? 0
        guard quota < Limits.storedTorrentsPerSourceMax else { throw .server }
        makeRoom(for: infoHash)
        // Room may have been made of this very one, if nobody announced it for longest.
        if !torrents.contains(infoHash) { torrents.insert(Torrent(), for: infoHash) }
        torrents.update(infoHash) { $0.peers.append(new) }
        torrents.touch(infoHash)
        quotas[source] = (quotas[source] ?? 0) + 1
        peerCount += 1
    }

    /// Appends at most `limit` peers of the family to `peers`: some, by chance, of many. With
    /// `noSeed` none that have all (BEP 33).
    public mutating func peers(
        of infoHash: NodeID, _ family: AddressFamily, noSeed: Bool = false, limit: Int,
        now: Instant,
        using generator: inout some RandomNumberGenerator, into peers: inout [Endpoint]
    ) {
        guard torrents.contains(infoHash) else { return }
        let start = generator.next()
        torrents.update(infoHash) { torrent in
            let count = torrent.peers.count
            var left = min(limit, Limits.answeredPeersMax)
            guard count > 0 else { return }
            let first = Int(start % UInt64(count))
            for step in 0..<count where left > 0 {
                let peer = torrent.peers[(first + step) % count]
                guard peer.endpoint.family == family, !(noSeed && peer.isSeed),
                    now - peer.announced < Limits.storedPeerLife
                else { continue }
                peers.append(peer.endpoint)
                left -= 1
            }
        }
    }

    /// The filters of an info-hash (BEP 33), at most a minute old; `nil` if it is unknown.
    public mutating func filters(of infoHash: NodeID, now: Instant) -> ScrapeFilters? {
        expire(now: now)
        return torrents.update(infoHash) { torrent in
            if let filters = torrent.filters, now - torrent.filtersMade < Limits.filterLife {
                return filters
            }
            var filters = ScrapeFilters()
            var hasher = SHA1Hasher()
            for peer in torrent.peers where now - peer.announced < Limits.storedPeerLife {
                if peer.isSeed {
                    filters.seeds.insert(peer.endpoint, using: &hasher)
                } else {
                    filters.peers.insert(peer.endpoint, using: &hasher)
                }
            }
            torrent.filters = filters
            torrent.filtersMade = now
            return filters
        }
    }

    /// Info-hashes by chance (BEP 51) in `body`, and how long they stand: all of few, and of many
    /// the same for some minutes.
    public mutating func withSample<Result>(
        now: Instant, using generator: inout some RandomNumberGenerator,
        _ body: (_ sample: [SHA1Digest], _ interval: Interval) -> Result
    ) -> Result {
        expire(now: now)
        let isStale = now - sampled >= Limits.sampleLife
        if isStale || torrents.count <= Limits.sampleCount {
            sample.removeAll(keepingCapacity: true)
            let count = torrents.count
            // Each of the chosen stands in a part of its own, so none is chosen twice.
            let chosen = min(count, Limits.sampleCount)
            for part in 0..<chosen {
                let range = (part * count / chosen)..<((part + 1) * count / chosen)
                let position = Int.random(in: range, using: &generator)
                if let entry = torrents.entry(at: position) { sample.append(entry.key.digest) }
            }
            sampled = now
        }
        return body(sample, max(.zero, sampled + Limits.sampleLife - now))
    }

    // MARK: - Forgetting

    /// Forgets info-hashes that nobody announces any more.
    public mutating func expire(now: Instant) {
        while let oldest = torrents.oldestEntry,
            oldest.value.peers.allSatisfy({ now - $0.announced >= Limits.storedPeerLife })
        {
            remove(oldest.key)
        }
    }

    private mutating func makeRoom(for infoHash: NodeID) {
        if !torrents.contains(infoHash), torrents.count >= Limits.storedTorrentsMax,
            let oldest = torrents.oldestEntry
        {
            remove(oldest.key)
        }
        if peerCount >= Limits.storedPeersMax, let oldest = torrents.oldestEntry {
            remove(oldest.key)
        }
        let gone: Endpoint? =
            torrents.update(infoHash) { torrent in
                guard torrent.peers.count >= Limits.storedPeersPerTorrentMax,
                    let oldest = torrent.peers.indices.min(by: {
                        torrent.peers[$0].announced < torrent.peers[$1].announced
                    })
                else { return nil }
                return torrent.peers.remove(at: oldest).endpoint
            } ?? nil
        if let gone { release(gone) }
    }

    private mutating func remove(_ infoHash: NodeID) {
        guard let torrent = torrents.remove(infoHash) else { return }
        for peer in torrent.peers { release(peer.endpoint) }
    }

    private mutating func release(_ peer: Endpoint) {
        peerCount -= 1
        let source = Self.source(of: peer)
        let left = (quotas[source] ?? 1) - 1
        quotas[source] = left > 0 ? left : nil
    }

    private static func source(of peer: Endpoint) -> Endpoint {
        peer.isIPv4 ? peer.address : Endpoint(ipv6High: peer.high, low: 0, port: 0)
    }
}

extension Endpoint {
    fileprivate func isSamePeer(as other: Endpoint) -> Bool {
        low == other.low && high == other.high && (port == other.port || !isLocal)
    }
}
