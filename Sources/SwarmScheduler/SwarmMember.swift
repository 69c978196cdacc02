import PeerWire
import Units

/// What both machines of a torrent do alike, with metadata and without: they let connections in,
/// dial, and remember whom they know.
protocol SwarmMember {
    var configuration: TorrentMachine.Configuration { get set }
    var peers: PeerTable { get set }
    var peerList: PeerList { get set }
    var peerExchange: PeerExchange { get set }
    var generator: SeededGenerator { get set }
    var counters: TorrentCounters { get set }
    /// Whether everything that is wanted is there: seeds are not dialled then.
    var isFinished: Bool { get }
    /// What bitfields are as long as; 0 before the metadata is known.
    var pieceCount: Int { get }
    /// Whether peers come from trackers alone (BEP 27).
    var isPrivate: Bool { get }

    /// The connection is gone.
    mutating func forget(
        _ key: PeerKey, _ reason: CloseReason, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>)
}

// MARK: - Connections that come

extension SwarmMember {
    /// Takes a connection whose handshakes are done, or refuses it. The key if it was taken.
    mutating func admit(
        _ connection: PeerConnection, id: UInt64, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) -> PeerKey? {
        if let reason = refusal(of: connection, now: now, into: &actions) {
            if !connection.isIncoming { dialWasted(connection.endpoint, reason, now: now) }
            refuse(id, reason, into: &actions)
            return nil
        }
        let count = pieceCount
        let key = peers.insert { key in
            PeerState(key: key, connection: connection, pieceCount: count, now: now)
        }
        let outcome = peerList.connected(
            connection.endpoint, as: key, isInbound: connection.isIncoming, now: now)
        guard outcome == .entered else {
            _ = peers.remove(key)
            let isDuplicate = if case .duplicate = outcome { true } else { false }
            refuse(id, isDuplicate ? .duplicate : .tooManyConnections, into: &actions)
            return nil
        }
        if connection.isIncoming { counters.incomingConnections += 1 }
        actions.append(.admit(connectionID: id, key))
        return key
    }

    private mutating func refusal(
        of connection: PeerConnection, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) -> CloseReason? {
        if connection.peerID == configuration.ourID { return .ourselves }
        if let known = peer(withID: connection.peerID) {
            guard isPreferred(connection, to: known, now: now) else { return .duplicate }
            disconnect(known.key, .duplicate, now: now, into: &actions)
        }
        guard connection.isIncoming else { return nil }
        switch peerList.admits(connection.endpoint, now: now) {
        case .admitted: return nil
        case .refused(.banned): return .banned
        case .refused: return .tooManyConnections
        }
    }

    private func peer(withID id: PeerID) -> PeerState? {
        let slot = peers.active.first { peers[$0]?.connection.peerID == id }
        return slot.flatMap { peers[$0] }
    }

    /// Two peers that dial each other at once get two connections. Both ends must keep the same
    /// one: that which the peer with the higher id dialled.
    ///
    /// Ids are no secret, so whoever comes later and from elsewhere with the id of a peer does not
    /// put an end to our connection with it.
    private func isPreferred(_ new: PeerConnection, to known: PeerState, now: Instant) -> Bool {
        let isSameHost = new.endpoint.address == known.connection.endpoint.address
        guard new.isIncoming != known.connection.isIncoming,
            isSameHost || now - known.connectedAt <= Limits.simultaneousDialTime
        else { return false }
        let isOursHigher = new.peerID.bytes.lexicographicallyPrecedes(configuration.ourID.bytes)
        return new.isIncoming != isOursHigher
    }

    private mutating func refuse(
        _ id: UInt64, _ reason: CloseReason, into actions: inout ActionBuffer<TorrentAction>
    ) {
        counters.refusedConnections += 1
        actions.append(.refuse(connectionID: id, reason))
    }

    /// The connection stood but is of no use.
    private mutating func dialWasted(_ endpoint: Endpoint, _ reason: CloseReason, now: Instant) {
        let failure: DialFailure = reason == .duplicate ? .notAttempted : .handshakeFailed
        var generator = generator
        peerList.dialFailed(endpoint, failure, now: now, using: &generator)
        self.generator = generator
        if reason == .ourselves { peerList.markOwn(endpoint) }
    }

    /// What the peer says of itself (BEP 10) that matters with metadata and without.
    mutating func learn(_ extensions: ExtensionHandshake, of key: PeerKey, now: Instant) {
        guard let slot = peers.slot(of: key) else { return }
        if let count = extensions.requestQueueMax { peers[slot]?.pipeline.peerQueues(count) }
        if let isUploadOnly = extensions.uploadOnly { peers[slot]?.isUploadOnly = isUploadOnly }
        if let name = extensions.clientName { peers[slot]?.clientName = name }
        guard let peer = peers[slot]?.connection else { return }
        peerExchange.heard(extensions.extensions, from: key, at: peer.endpoint, now: now)
        guard peer.isIncoming, let port = extensions.listenPort else { return }
        // Another connection to that endpoint is no reason to close this one: peer ids tell.
        _ = peerList.learned(listeningPort: port, of: key, now: now)
    }
}

// MARK: - Connections that end

extension SwarmMember {
    /// Ends a connection from our side.
    mutating func disconnect(
        _ key: PeerKey, _ reason: CloseReason, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let slot = peers.slot(of: key) else { return }
        noteLetGo(slot, reason, now: now)
        actions.append(.disconnect(key, reason))
        forget(key, reason, now: now, into: &actions)
    }

    /// Ends all connections, of a torrent that cannot go on.
    mutating func disconnectAll(into actions: inout ActionBuffer<TorrentAction>) {
        for slot in peers.active {
            guard let key = peers[slot]?.key else { continue }
            actions.append(.disconnect(key, .shutdown))
            _ = peers.remove(key)
        }
    }

    /// Ends all connections of a banned peer and refuses it for a while.
    mutating func ban(
        _ identity: Endpoint, _ reason: BanReason, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        counters.bans += 1
        let connections = peerList.ban(identity, reason, now: now)
        actions.append(.banned(identity, reason))
        for key in connections { disconnect(key, .banned, now: now, into: &actions) }
    }
}

// MARK: - How many there may be

extension SwarmMember {
    /// Of connections that are too many now, those go that carry the least, the newest first.
    mutating func setConnectionsMax(
        _ count: Int, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        let count = max(0, count)
        configuration.connectionsMax = count
        peerList.configuration.connectionsMax = count
        guard peers.count > count else { return dial(now: now, into: &actions) }
        let ranked = peers.active.compactMap { slot -> (PeerKey, rate: Int64)? in
            guard let peer = peers[slot] else { return nil }
            let (down, up) = (peer.downloadRate.rate(now: now), peer.uploadRate.rate(now: now))
            return (peer.key, down.bytesPerSecond.addingSaturating(up.bytesPerSecond))
        }
        let byUse = ranked.enumerated().sorted {
            ($0.element.rate, -$0.offset) < ($1.element.rate, -$1.offset)
        }
        for (_, (key, _)) in byUse.prefix(peers.count - count) {
            disconnect(key, .tooManyConnections, now: now, into: &actions)
        }
    }
}

// MARK: - Whom to dial

extension SwarmMember {
    mutating func dial(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        let room = configuration.connectionsMax - peers.count
        let budget = min(max(0, room), configuration.halfOpenMax)
        let isSeeding = isFinished
        for endpoint in peerList.nextDials(budget: budget, isSeeding: isSeeding, now: now) {
            counters.dials += 1
            actions.append(.dial(endpoint))
        }
    }

    mutating func dialFailed(
        _ endpoint: Endpoint, _ reason: CloseReason, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        // Where the session has no room, nobody was asked.
        let wasTried = reason != .tooManyConnections
        if wasTried { counters.dialFailures += 1 }
        var generator = generator
        peerList.dialFailed(
            endpoint, wasTried ? .refused : .notAttempted, now: now, using: &generator)
        self.generator = generator
        if reason.departure == .ourselves { peerList.markOwn(endpoint) }
        dial(now: now, into: &actions)
    }

    mutating func peersFound(
        _ endpoints: [Endpoint], _ origins: PeerOrigins, from source: Endpoint?, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard !isPrivate || !origins.isDisjoint(with: .ofPrivateTorrents) else { return }
        for endpoint in endpoints {
            peerList.add(endpoint, origin: origins, from: source, now: now)
        }
        dial(now: now, into: &actions)
    }

    /// The torrent turned out to be private: those whom it was not the tracker's to name go.
    mutating func keepToTrackers(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        for key in peerList.keepToTrackers() {
            disconnect(key, .useless, now: now, into: &actions)
        }
    }
}
