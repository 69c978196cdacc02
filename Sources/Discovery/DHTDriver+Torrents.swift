public import Hashing
public import Kademlia
import Transport
public import Units

/// A torrent that is looked for and announced now and again.
struct JoinedTorrent {
    let infoHash: SHA1Digest
    var announcement: DHTAnnouncement?
    let found: @Sendable ([Endpoint]) -> Void
    /// Searches in a row that found little, by family.
    var poorSearches: [AddressFamily: Int] = [:]
    var lastSearchAt: [AddressFamily: Instant] = [:]
}

/// A search for the peers of a torrent.
struct TorrentSearch {
    let key: DHTSchedule.Key
    /// Peers that were told of; many nodes know the same ones.
    var told: Set<Endpoint> = []
}

extension DHTDriver {
    /// Looks for peers of a torrent, and announces it, now and again in both families, until
    /// `leave`. A hybrid torrent is joined by both its info-hashes.
    ///
    /// Never to be called for a private torrent (BEP 27).
    ///
    /// - Parameters:
    ///   - announcement: what to announce; `nil` only looks.
    ///   - found: called on the node's event loop with peers as they are found.
    public func join(
        _ infoHash: SHA1Digest, announcing announcement: DHTAnnouncement?,
        found: @escaping @Sendable ([Endpoint]) -> Void
    ) -> TorrentID {
        lastTorrent += 1
        let id = TorrentID(rawValue: lastTorrent)
        torrents[id] = JoinedTorrent(
            infoHash: infoHash, announcement: announcement, found: found)
        let now = MonotonicClock.now
        for socket in sockets {
            schedule.set(.init(torrent: id, family: socket.localEndpoint.family), at: now)
        }
        run(now: now)
        return id
    }

    /// Announces something else from now on: a seed, another port.
    public func update(_ id: TorrentID, announcing announcement: DHTAnnouncement?) {
        guard let torrent = torrents[id], torrent.announcement != announcement else { return }
        torrents[id]?.announcement = announcement
        searchSoon(id)
    }

    /// Looks for peers soon, as there are too few; not more often than is fair to others.
    public func searchSoon(_ id: TorrentID) {
        let now = MonotonicClock.now
        for socket in sockets {
            let key = DHTSchedule.Key(torrent: id, family: socket.localEndpoint.family)
            guard let torrent = torrents[id], !isSearching(key) else { continue }
            let last = torrent.lastSearchAt[key.family] ?? .distantPast
            schedule.advance(key, to: max(now, last + Limits.dhtSearchSpacing))
        }
        run(now: now)
    }

    public func leave(_ id: TorrentID) {
        torrents.removeValue(forKey: id)
        for family in AddressFamily.allCases {
            schedule.remove(.init(torrent: id, family: family))
        }
        for (work, search) in searches where search.key.torrent == id {
            node.cancel(work)
            searches.removeValue(forKey: work)
        }
    }

    // MARK: Searches

    /// The network has come together, or grown: what was looked for before is looked for again.
    func searchSoon(_ family: AddressFamily, now: Instant) {
        for (id, torrent) in torrents where (torrent.poorSearches[family] ?? 0) > 0 {
            let key = DHTSchedule.Key(torrent: id, family: family)
            guard !isSearching(key) else { continue }
            let last = torrent.lastSearchAt[family] ?? .distantPast
            schedule.advance(key, to: max(now, last + Limits.dhtGrowthSpacing))
        }
    }

    private func isSearching(_ key: DHTSchedule.Key) -> Bool {
        searches.values.contains { $0.key == key }
    }

    func startSearches(now: Instant) {
        while searches.count < Limits.dhtSearchesMax, let key = schedule.takeDue(now: now) {
            guard let torrent = torrents[key.torrent] else { continue }
            torrents[key.torrent]?.lastSearchAt[key.family] = now
            let work = node.getPeers(
                torrent.infoHash, announcing: torrent.announcement, key.family, now: now,
                into: &output)
            searches[work] = TorrentSearch(key: key)
        }
    }

    func found(_ peers: [Endpoint], by work: WorkID) {
        guard let search = searches[work], let torrent = torrents[search.key.torrent] else {
            return
        }
        let room = Limits.dhtPeersPerSearchMax - search.told.count
        let new = peers.filter { !search.told.contains($0) }.prefix(max(0, room))
        guard !new.isEmpty else { return }
        searches[work]?.told.formUnion(new)
        torrent.found(Array(new))
    }

    func ended(_ work: WorkID, _ result: DHTResult, now: Instant) {
        guard let search = searches.removeValue(forKey: work) else { return }
        let key = search.key
        guard let torrent = torrents[key.torrent] else { return }
        let attempt = torrent.poorSearches[key.family] ?? 0
        let wait = DHTSchedule.wait(
            result: result, peerCount: search.told.count,
            announces: torrent.announcement != nil, attempt: attempt)
        let isPoor = wait < Limits.dhtAnnounceInterval
        torrents[key.torrent]?.poorSearches[key.family] = isPoor ? attempt + 1 : 0
        // Up to a tenth sooner, so that torrents that began together drift apart.
        let part = Int64.random(in: 0...wait.nanoseconds / 10, using: &chance)
        schedule.set(key, at: now + wait - Interval(nanoseconds: part))
    }
}
