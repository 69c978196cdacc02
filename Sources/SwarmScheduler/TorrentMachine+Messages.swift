import Metainfo
import PeerWire
import Units

extension TorrentMachine {
    mutating func receive(
        _ message: PeerMessage, from key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let slot = peers.slot(of: key) else { return }
        switch message {
        case .piece(let piece, let begin, let bytes):
            receiveBlock(piece, begin: begin, bytes, slot, key, now: now, into: &actions)
        case .request(let request):
            receiveRequest(request, slot, key, now: now, into: &actions)
        case .have(let piece):
            gained(piece, slot, into: &actions)
        case .choke:
            choked(slot, now: now, into: &actions)
        case .unchoke:
            if peers[slot]?.isChokingUs == true { peers[slot]?.pipeline.resume() }
            peers[slot]?.isChokingUs = false
            peers[slot]?.requestsPausedUntil = .distantPast
            fill(slot, now: now, into: &actions)
        case .interested:
            setInterest(true, slot, key, now: now, into: &actions)
        case .notInterested:
            setInterest(false, slot, key, now: now, into: &actions)
        case .cancel(let request):
            cancelled(request, slot, key, into: &actions)
        case .reject(let request):
            rejected(request, slot, now: now)
        default:
            receiveSeldom(message, slot, key, now: now, into: &actions)
        }
    }

    private mutating func receiveSeldom(
        _ message: PeerMessage, _ slot: Int, _ key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        switch message {
        case .bitfield(let pieces):
            guard pieces.count == layout.pieceCount else { return }
            announced(pieces, slot, into: &actions)
        case .haveAll:
            announced(Bitfield(allSet: layout.pieceCount), slot, into: &actions)
        case .dontHave(let piece):
            lost(piece, slot, into: &actions)
        case .allowedFast(let piece):
            allowedFast(piece, slot, now: now, into: &actions)
        case .extensionHandshake(let extensions):
            learn(extensions, of: key, now: now)
        case .extended(.peerExchange, let payload):
            receivePeers(payload, slot, key, now: now, into: &actions)
        case .extended(.metadata, let payload):
            receiveMetadata(payload, key, now: now, into: &actions)
        case .uploadOnly(let isUploadOnly):
            peers[slot]?.isUploadOnly = isUploadOnly
        case .hashRequest(let request):
            hashesRequested(request, slot, key, now: now, into: &actions)
        case .hashes(let request, let hashes):
            receiveLeaves(hashes, for: request, from: key, now: now, into: &actions)
        case .hashReject(let request):
            leavesRejected(request, by: key, now: now, into: &actions)
        default:
            break
        }
    }
}

// MARK: - What peers have

extension TorrentMachine {
    /// The peer says what it has, which is the first thing that it says.
    private mutating func announced(
        _ pieces: Bitfield, _ slot: Int, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let before = peers[slot]?.pieces else { return }
        picker.peerLeft(having: before, countedAsSeed: peers[slot]?.isCountedAsSeed ?? false)
        picker.peerJoined(having: pieces)
        peers[slot]?.isCountedAsSeed = pieces.isFull
        peers[slot]?.pieces = pieces
        let interesting = interestingCount(of: pieces)
        peers[slot]?.interestingCount = interesting
        updateInterest(slot, into: &actions)
        if interesting > 0 { markForFilling(slot) }
    }

    func interestingCount(of pieces: Bitfield) -> Int {
        guard !isFinished else { return 0 }
        guard picker.wanted.isFull else {
            var count = 0
            pieces.forEach { if picker.needs($0) { count += 1 } }
            return count
        }
        return pieces.setCount(without: picker.have)
    }

    private mutating func gained(
        _ piece: PieceIndex, _ slot: Int, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard peers[slot]?.pieces.insert(piece) == true else { return }
        picker.peerGained(piece)
        guard picker.needs(piece) else { return }
        peers[slot]?.interestingCount += 1
        updateInterest(slot, into: &actions)
        markForFilling(slot)
    }

    private mutating func lost(
        _ piece: PieceIndex, _ slot: Int, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let peer = peers[slot], peer.pieces.contains(piece) else { return }
        if peer.isCountedAsSeed {
            picker.peerLeft(having: peer.pieces, countedAsSeed: true)
            peers[slot]?.isCountedAsSeed = false
            peers[slot]?.pieces.remove(piece)
            if let pieces = peers[slot]?.pieces { picker.peerJoined(having: pieces) }
        } else {
            peers[slot]?.pieces.remove(piece)
            picker.peerLost(piece)
        }
        guard picker.needs(piece) else { return }
        peers[slot]?.interestingCount -= 1
        updateInterest(slot, into: &actions)
    }

    /// Tells the peer when our interest in it begins or ends.
    mutating func updateInterest(_ slot: Int, into actions: inout ActionBuffer<TorrentAction>) {
        guard let key = peers[slot]?.key, let was = peers[slot]?.isInterestingToUs else { return }
        let isInteresting = (peers[slot]?.interestingCount ?? 0) > 0
        guard isInteresting != was else { return }
        peers[slot]?.isInterestingToUs = isInteresting
        actions.append(.send(key, isInteresting ? .interested : .notInterested))
    }

    private mutating func allowedFast(
        _ piece: PieceIndex, _ slot: Int, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let allowed = peers[slot]?.allowedFast ?? []
        guard allowed.count < Limits.allowedFastMax, !allowed.contains(piece) else { return }
        peers[slot]?.allowedFast.append(piece)
        fill(slot, now: now, into: &actions)
    }

    private mutating func setInterest(
        _ isInterested: Bool, _ slot: Int, _ key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard peers[slot]?.isInterestedInUs != isInterested else { return }
        peers[slot]?.isInterestedInUs = isInterested
        guard isInterested, !isSuspended, let candidate = candidate(slot, now: now) else { return }
        choker.becameInterested(candidate, now: now, into: &chokeChanges)
        applyChokeChanges(now: now, into: &actions)
    }
}
