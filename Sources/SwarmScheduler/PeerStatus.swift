public import PeerWire
public import Units

/// What can be told of a connected peer at one moment.
public struct PeerStatus: Sendable {
    public var endpoint: Endpoint
    public var peerID: PeerID
    /// What it calls itself (BEP 10), or what its id says. A stranger's text, of any length.
    public var client: String
    public var isIncoming: Bool
    /// How much of the torrent it has, between 0 and 1.
    public var progress: Double
    public var isSeed: Bool
    /// Payload from it to us, and from us to it.
    public var downloadRate: ByteRate
    public var uploadRate: ByteRate
    public var downloaded: Int64
    public var uploaded: Int64
    public var isInterestingToUs: Bool
    public var isChokingUs: Bool
    public var isInterestedInUs: Bool
    public var isChokedByUs: Bool
    /// It has been silent although it owes us blocks.
    public var isSnubbed: Bool
    /// Who named it.
    public var origins: PeerOrigins
    public var connectedFor: Interval
}

/// What keeps a torrent from being faster, counted.
public struct SlownessCounters: Sendable {
    /// Endpoints that are known, and why those that are not connected were not dialled last time.
    public var peersKnown = 0
    public var dialRefusals = DialRefusals()
    public var dialsUnderWay = 0
    public var peersConnected = 0
    public var seedsConnected = 0
    /// Connected peers that have something that we lack; those of them that choke us; and those
    /// that are silent although they owe us blocks.
    public var peersOfInterest = 0
    public var peersChokingUs = 0
    public var peersSnubbing = 0
    /// Peers that want something of us, and those of them that we choke.
    public var peersWanting = 0
    public var peersWaiting = 0
    /// Peers that may be served at once.
    public var uploadSlots = 0
    /// Pieces that are wanted and lacking, and those of them that no connected peer has.
    public var piecesMissing = 0
    public var piecesNobodyHas = 0
    /// Peers that would be asked for more now, or served, but for a rate limit.
    public var heldByDownloadLimit = 0
    public var heldByUploadLimit = 0
    public var downloadLimit: ByteRate?
    public var uploadLimit: ByteRate?
    /// The disk cannot take more for now, or nothing at all.
    public var isDiskBehind = false
    public var isDiskFaulted = false
    /// How often things happened since the torrent was started.
    public var counters = TorrentCounters()

    public init() {}
}

extension SwarmMember {
    func statuses(now: Instant) -> [PeerStatus] {
        peers.active.compactMap { slot in peers[slot].map { status(of: $0, now: now) } }
    }

    private func status(of peer: PeerState, now: Instant) -> PeerStatus {
        let share = Double(peer.pieces.setCount) / Double(max(1, peer.pieces.count))
        var origins = peerList.origins(of: peer.key)
        if peer.connection.isIncoming { origins.insert(.incoming) }
        return PeerStatus(
            endpoint: peer.connection.endpoint, peerID: peer.connection.peerID,
            client: peer.clientName ?? peer.connection.peerID.clientName,
            isIncoming: peer.connection.isIncoming, progress: share, isSeed: peer.isSeed,
            downloadRate: peer.downloadRate.rate(now: now),
            uploadRate: peer.uploadRate.rate(now: now), downloaded: peer.downloaded,
            uploaded: peer.uploaded, isInterestingToUs: peer.isInterestingToUs,
            isChokingUs: peer.isChokingUs, isInterestedInUs: peer.isInterestedInUs,
            isChokedByUs: peer.isChokedByUs, isSnubbed: peer.pipeline.isSnubbed,
            origins: origins, connectedFor: now - peer.connectedAt)
    }

    func countSlowness() -> SlownessCounters {
        var slowness = SlownessCounters()
        slowness.peersKnown = peerList.knownCount
        slowness.dialRefusals = peerList.dialRefusals
        slowness.dialsUnderWay = peerList.halfOpenCount
        slowness.peersConnected = peers.count
        slowness.counters = counters
        for slot in peers.active {
            guard let peer = peers[slot] else { continue }
            if peer.isSeed { slowness.seedsConnected += 1 }
            if peer.isInterestingToUs {
                slowness.peersOfInterest += 1
                if peer.isChokingUs { slowness.peersChokingUs += 1 }
                if peer.pipeline.isSnubbed { slowness.peersSnubbing += 1 }
            }
            if peer.isInterestedInUs {
                slowness.peersWanting += 1
                if peer.isChokedByUs { slowness.peersWaiting += 1 }
            }
            if peer.askingHeldUntil != nil { slowness.heldByDownloadLimit += 1 }
            if peer.servingHeldUntil != nil { slowness.heldByUploadLimit += 1 }
        }
        return slowness
    }
}

extension TorrentMachine {
    /// The connected peers, in the order in which they came.
    public func peerStatuses(now: Instant) -> [PeerStatus] { statuses(now: now) }

    /// Peers that send us payload, and that get some from us, now.
    public func transferringPeers(now: Instant) -> (toUs: Int, fromUs: Int) {
        var (toUs, fromUs) = (0, 0)
        for slot in peers.active {
            guard let peer = peers[slot] else { continue }
            if peer.downloaded > 0, peer.downloadRate.rate(now: now) > .zero { toUs += 1 }
            if peer.uploaded > 0, peer.uploadRate.rate(now: now) > .zero { fromUs += 1 }
        }
        return (toUs, fromUs)
    }

    /// Why the torrent is not faster. Looks at every piece, so it is for who asks.
    public func slowness() -> SlownessCounters {
        var slowness = countSlowness()
        slowness.uploadSlots = choker.slotCount
        slowness.downloadLimit = downloadLimiter.rate
        slowness.uploadLimit = uploadLimiter.rate
        slowness.isDiskBehind = isDiskCongested
        slowness.isDiskFaulted = isDiskFaulted
        picker.wanted.forEach { piece in
            guard !picker.have.contains(piece) else { return }
            slowness.piecesMissing += 1
            if picker.availability(of: piece) == 0 { slowness.piecesNobodyHas += 1 }
        }
        return slowness
    }
}

extension MetadataMachine {
    public func peerStatuses(now: Instant) -> [PeerStatus] { statuses(now: now) }

    public func slowness() -> SlownessCounters { countSlowness() }
}
