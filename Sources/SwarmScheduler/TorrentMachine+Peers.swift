import DequeModule
import Metainfo
import PeerWire
import Units

// MARK: - Connections

extension TorrentMachine {
    mutating func connected(
        _ connection: PeerConnection, id: UInt64, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        if let reason = refusal(of: connection, now: now, into: &actions) {
            if !connection.isIncoming { dialWasted(connection.endpoint, reason, now: now) }
            return refuse(id, reason, into: &actions)
        }
        let key = peers.insert { key in
            PeerState(
                key: key, connection: connection, pieceCount: layout.pieceCount, now: now)
        }
        let outcome = peerList.connected(
            connection.endpoint, as: key, isInbound: connection.isIncoming, now: now)
        guard outcome == .entered else {
            _ = peers.remove(key)
            let isDuplicate = if case .duplicate = outcome { true } else { false }
            return refuse(id, isDuplicate ? .duplicate : .tooManyConnections, into: &actions)
        }
        peers[Int(key.slot)]?.isOnParole = banPolicy.isOnParole(connection.endpoint)
        actions.append(.admit(connectionID: id, key))
        greet(key, connection, into: &actions)
    }

    private mutating func refusal(
        of connection: PeerConnection, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) -> CloseReason? {
        if connection.peerID == configuration.ourID { return .ourselves }
        if let known = peer(withID: connection.peerID) {
            guard isPreferred(connection, to: known.connection) else { return .duplicate }
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
    private func isPreferred(_ new: PeerConnection, to known: PeerConnection) -> Bool {
        guard new.isIncoming != known.isIncoming else { return false }
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
        peerList.dialFailed(endpoint, failure, now: now, using: &generator)
        if reason == .ourselves { peerList.markOwn(endpoint) }
    }

    /// What we have comes first (BEP 3), then our extensions (BEP 10).
    private func greet(
        _ key: PeerKey, _ connection: PeerConnection,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let have = picker.have
        if connection.supportsFast, have.isFull {
            actions.append(.send(key, .haveAll))
        } else if connection.supportsFast, have.isEmpty {
            actions.append(.send(key, .haveNone))
        } else if !have.isEmpty {
            actions.append(.send(key, .bitfield(have)))
        }
        guard connection.supportsExtensions else { return }
        actions.append(.send(key, .extensionHandshake(ourExtensions(to: connection.endpoint))))
    }

    private func ourExtensions(to endpoint: Endpoint) -> ExtensionHandshake {
        ExtensionHandshake(
            extensions: ExtensionIDs(ours: extensionsOffered),
            clientName: configuration.clientName,
            listenPort: configuration.listenPort == 0 ? nil : configuration.listenPort,
            requestQueueMax: Limits.uploadQueueMax,
            yourIP: endpoint.address,
            uploadOnly: isFinished)
    }

    /// What peers may send us. One that is off is not even mentioned (BEP 27).
    private var extensionsOffered: [ExtensionID] {
        [.dontHave, .uploadOnly] + (peerExchange.isOn ? [.peerExchange] : [])
    }

    /// Ends a connection from our side.
    mutating func disconnect(
        _ key: PeerKey, _ reason: CloseReason, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard peers.slot(of: key) != nil else { return }
        actions.append(.disconnect(key, reason))
        forget(key, reason, now: now, into: &actions)
    }

    /// The connection is gone: what the peer owed is free again, what it had is rarer.
    mutating func forget(
        _ key: PeerKey, _ reason: CloseReason, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard var peer = peers.remove(key) else { return }
        for request in peer.pipeline.removeAll() { drop(request) }
        picker.peerLeft(having: peer.pieces, countedAsSeed: peer.isCountedAsSeed)
        picker.releaseExclusive(key)
        choker.remove(key)
        peerExchange.left(key)
        peerList.setSeed(peer.isSeed, of: key)
        peerList.disconnected(key, reason.departure, now: now, using: &generator)
        abandonLeaves(askedOf: key, now: now, into: &actions)
        fillAllPeers(now: now, into: &actions)
        dial(now: now, into: &actions)
    }

    mutating func dial(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        let room = configuration.connectionsMax - peers.count
        let budget = min(max(0, room), configuration.halfOpenMax)
        for endpoint in peerList.nextDials(
            budget: budget, isSeeding: isFinished, now: now)
        {
            counters.dials += 1
            actions.append(.dial(endpoint))
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

    /// Lets go of peers that cannot become useful: seeds when we are one, and peers of which
    /// neither end wants anything for a while when connections are short.
    mutating func dropUselessPeers(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        let isCrowded = peers.count * 10 >= configuration.connectionsMax * 9
        for slot in peers.active {
            guard let peer = peers[slot] else { continue }
            if isFinished, peer.isSeed || peer.isUploadOnly {
                if configuration.dropsSeedsWhenFinished {
                    disconnect(peer.key, .useless, now: now, into: &actions)
                }
                continue
            }
            let isUseless = !peer.isInterestedInUs && !peer.isInterestingToUs
            guard isUseless else {
                peers[slot]?.uselessSince = nil
                continue
            }
            let since = peer.uselessSince ?? now
            peers[slot]?.uselessSince = since
            if isCrowded, now - since > Limits.uselessPeerTime {
                disconnect(peer.key, .useless, now: now, into: &actions)
            }
        }
    }
}

// MARK: - Choking

extension TorrentMachine {
    mutating func rechoke(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard now >= choker.nextDeadline() else { return }
        var candidates: [ChokeCandidate] = []
        candidates.reserveCapacity(peers.count)
        for slot in peers.active {
            if let candidate = candidate(slot, now: now) { candidates.append(candidate) }
        }
        choker.rechoke(
            candidates, role: isFinished ? .seeding : .leeching,
            uploadLimit: uploadLimiter.rate, now: now, using: &generator, into: &chokeChanges)
        applyChokeChanges(now: now, into: &actions)
    }

    func candidate(_ slot: Int, now: Instant) -> ChokeCandidate? {
        guard let peer = peers[slot] else { return nil }
        var candidate = ChokeCandidate(key: peer.key, connectedAt: peer.connectedAt)
        candidate.isInterested = peer.isInterestedInUs
        candidate.isChoked = peer.isChokedByUs
        candidate.isUploadOnly = peer.isUploadOnly || peer.isSeed
        candidate.isSnubbed = peer.pipeline.isSnubbed
        candidate.downloadRate = peer.downloadRate.rate(now: now, over: RateMeter.windowMax)
        candidate.uploadRate = peer.uploadRate.rate(now: now, over: RateMeter.windowMax)
        candidate.sentSinceUnchoke = peer.sentSinceUnchoke
        candidate.unchokedAt = peer.unchokedAt
        return candidate
    }

    mutating func applyChokeChanges(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        for change in chokeChanges.take() { apply(change, now: now, into: &actions) }
    }

    private mutating func apply(
        _ change: ChokeChange, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        switch change {
        case .unchoke(let key):
            guard let slot = peers.slot(of: key), peers[slot]?.isChokedByUs == true else { return }
            peers[slot]?.isChokedByUs = false
            peers[slot]?.unchokedAt = now
            peers[slot]?.sentSinceUnchoke = 0
            actions.append(.send(key, .unchoke))
        case .choke(let key):
            guard let slot = peers.slot(of: key), peers[slot]?.isChokedByUs == false else { return }
            peers[slot]?.isChokedByUs = true
            actions.append(.send(key, .choke))
            rejectWaiting(of: slot, key, into: &actions)
        }
    }

    /// A choked peer gets nothing more; one that speaks BEP 6 is told so for each request.
    private mutating func rejectWaiting(
        of slot: Int, _ key: PeerKey, into actions: inout ActionBuffer<TorrentAction>
    ) {
        let dropped = peers[slot]?.uploads.removeAll() ?? []
        guard peers[slot]?.connection.supportsFast == true else { return }
        for request in dropped {
            counters.rejectsSent += 1
            actions.append(.send(key, .reject(request)))
        }
    }
}
