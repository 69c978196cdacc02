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
        guard let key = admit(connection, id: id, now: now, into: &actions) else { return }
        peers[Int(key.slot)]?.isOnParole = banPolicy.isOnParole(connection.endpoint)
        greet(key, connection, into: &actions)
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
            metadataSize: metadataSizeOffered,
            yourIP: endpoint.address,
            uploadOnly: isFinished)
    }

    /// What peers may send us. One that is off is not even mentioned (BEP 27).
    private var extensionsOffered: [ExtensionID] {
        [.dontHave, .uploadOnly] + (peerExchange.isOn ? [.peerExchange] : [])
            + (isPrivate ? [] : [.metadata])
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
        metadataServer.left(key)
        missingLayers?.left(key)
        peerList.setSeed(peer.isSeed, of: key)
        peerList.disconnected(key, reason.departure, now: now, using: &generator)
        abandonLeaves(askedOf: key, now: now, into: &actions)
        fillAllPeers(now: now, into: &actions)
        dial(now: now, into: &actions)
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
        guard !isSuspended, now >= choker.nextDeadline() else { return }
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
