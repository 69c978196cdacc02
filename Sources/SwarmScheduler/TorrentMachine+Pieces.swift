import Hashing
import Metainfo
import PeerWire
import Units

/// A piece whose hash was wrong and the true hashes of whose blocks were asked of a peer.
struct LeafQuestion: Sendable {
    let piece: PieceIndex
    let request: HashRequest
    let asked: PeerKey
    /// The hashes of the blocks as they came.
    let leaves: [SHA256Digest]
    let deadline: Instant
}

extension TorrentMachine {
    mutating func pieceChecked(
        _ piece: PieceIndex, _ outcome: PieceCheck, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        switch outcome {
        case .verified:
            consecutiveDiskFailures = 0
            verified(piece, now: now, into: &actions)
        case .mismatch(let leaves):
            counters.hashFailures += 1
            if let leaves, askForLeaves(of: piece, leaves, now: now, into: &actions) { return }
            actions.append(.digestBlocks(piece))
        case .inconsistent:
            fail(.inconsistentHashes(piece), into: &actions)
        case .failed:
            counters.diskFailures += 1
            _ = abandon(piece)
            actions.append(.discard(piece))
            guard !isSuspended else { return }
            consecutiveDiskFailures += 1
            if !isDiskFaulted, consecutiveDiskFailures >= Limits.pieceErrorsMax {
                fail(.disk, into: &actions)
            }
        }
        fillAllPeers(now: now, into: &actions)
    }

    private mutating func verified(
        _ piece: PieceIndex, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard !picker.have.contains(piece) else { return }
        let sources = picker.verified(piece)
        if picker.wanted.contains(piece) { wantedHad += layout.contentLength(of: piece) }
        actions.append(.completed(piece))
        if banPolicy.remembers(piece) {
            redeemed[piece] = sources
            actions.append(.digestBlocks(piece))
        } else {
            banPolicy.piecePassed(piece, senders: sources, digests: [], into: &verdicts)
            carryOut(now: now, into: &actions)
        }
        announce(piece, into: &actions)
        noteFinished(now: now, into: &actions)
    }

    /// Tells the peers that lack the piece; those that had it may have nothing more for us.
    private mutating func announce(
        _ piece: PieceIndex, into actions: inout ActionBuffer<TorrentAction>
    ) {
        let isWanted = picker.wanted.contains(piece)
        for slot in peers.active {
            guard let key = peers[slot]?.key else { continue }
            if peers[slot]?.pieces.contains(piece) == true {
                guard isWanted else { continue }
                peers[slot]?.interestingCount -= 1
                updateInterest(slot, into: &actions)
            } else {
                actions.append(.send(key, .have(piece)))
            }
        }
    }

    mutating func noteFinished(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard isFinished, !wasFinished else { return }
        wasFinished = true
        actions.append(.finished)
        tellUploadOnly(into: &actions)
    }

    /// Whether we want anything of peers (BEP 21).
    func tellUploadOnly(into actions: inout ActionBuffer<TorrentAction>) {
        for slot in peers.active {
            guard let key = peers[slot]?.key, peers[slot]?.connection.supportsExtensions == true
            else {
                continue
            }
            actions.append(.send(key, .uploadOnly(wasFinished)))
        }
    }

    mutating func fail(
        _ failure: TorrentFailure, into actions: inout ActionBuffer<TorrentAction>
    ) {
        hasFailed = true
        disconnectAll(into: &actions)
        actions.append(.failed(failure))
    }

    mutating func select(
        _ wanted: Bitfield, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard wanted.count == layout.pieceCount, !isSuspended else { return }
        picker.select(wanted)
        recountWanted()
        for piece in picker.unwantedPartials {
            cancelAll(of: piece, into: &actions)
            _ = abandon(piece)
            actions.append(.discard(piece))
        }
        followSelection(now: now, into: &actions)
        reviewAllInterest(into: &actions)
        fillAllPeers(now: now, into: &actions)
        dial(now: now, into: &actions)
    }

    /// What is wanted may be all there now, or not any more. Then those peers are of use again that
    /// were left, or left us, because neither needed the other.
    mutating func followSelection(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard isFinished != wasFinished else { return }
        wasFinished = isFinished
        tellUploadOnly(into: &actions)
        if !isFinished { peerList.reconsider(now: now) }
    }

    /// Counts anew what each peer has that we need.
    mutating func reviewAllInterest(into actions: inout ActionBuffer<TorrentAction>) {
        for slot in peers.active {
            guard let pieces = peers[slot]?.pieces else { continue }
            let interesting = interestingCount(of: pieces)
            peers[slot]?.interestingCount = interesting
            updateInterest(slot, into: &actions)
        }
    }
}

// MARK: - Blame

extension TorrentMachine {
    /// The digests of a piece's blocks, asked for after it failed, or passed having failed before.
    mutating func blockDigests(
        _ digests: [SHA1Digest], of piece: PieceIndex, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        if let sources = redeemed.removeValue(forKey: piece) {
            banPolicy.piecePassed(piece, senders: sources, digests: digests, into: &verdicts)
            return carryOut(now: now, into: &actions)
        }
        guard let partial = picker.partial(piece), partial.stage != .downloading else { return }
        let sources = abandon(piece)
        actions.append(.discard(piece))
        banPolicy.pieceFailed(piece, senders: sources, digests: digests, into: &verdicts)
        carryOut(now: now, into: &actions)
        fillAllPeers(now: now, into: &actions)
    }

    private mutating func carryOut(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        for verdict in verdicts.take() {
            switch verdict {
            case .ban(let identity, let reason):
                counters.blocksBlamed += 1
                ban(identity, reason, now: now, into: &actions)
            case .parole(let identity): setParole(true, identity)
            case .forgive(let identity): setParole(false, identity)
            }
        }
    }

    private mutating func setParole(_ isOnParole: Bool, _ identity: Endpoint) {
        for slot in peers.active
        where peers[slot]?.connection.endpoint.banIdentity == identity {
            peers[slot]?.isOnParole = isOnParole
        }
    }
}

// MARK: - Blame by leaves (BEP 52)

extension TorrentMachine {
    /// Asks a peer for the true hashes of the blocks of a bad piece. Whom it asks does not
    /// matter: the answer proves itself against the piece's own hash.
    private mutating func askForLeaves(
        of piece: PieceIndex, _ leaves: [SHA256Digest], now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) -> Bool {
        guard leaves.count > 1, let expected = metainfo.v2Hash(of: piece),
            leafQuestions.count < Limits.leafQuestionsMax,
            let request = leafRequest(piece, expected), let key = leafOracle(for: piece)
        else { return false }
        picker.awaitLeaves(of: piece)
        leafQuestions.append(
            LeafQuestion(
                piece: piece, request: request, asked: key, leaves: leaves,
                deadline: now + Limits.leafAnswerTime))
        actions.append(.send(key, .hashRequest(request)))
        return true
    }

    private func leafRequest(_ piece: PieceIndex, _ hash: V2PieceHash) -> HashRequest? {
        let file = layout.files[hash.file.position]
        guard let root = file.piecesRoot else { return nil }
        let firstPiece = layout.pieces(of: hash.file).lowerBound
        let leafCount = UInt32(clamping: hash.leafCount)
        let (index, overflow) = UInt32(clamping: piece.position - firstPiece)
            .multipliedReportingOverflow(by: leafCount)
        guard !overflow else { return nil }
        return HashRequest(
            piecesRoot: root, baseLayer: 0, index: index, length: leafCount, proofLayers: 0)
    }

    /// A peer that speaks v2 and has the piece, rather one that did not send any of it.
    private func leafOracle(for piece: PieceIndex) -> PeerKey? {
        let sources = picker.partial(piece)?.sources ?? []
        var fallback: PeerKey?
        for slot in peers.active {
            guard let peer = peers[slot], peer.connection.supportsV2,
                peer.pieces.contains(piece)
            else { continue }
            if !sources.contains(peer.connection.endpoint) { return peer.key }
            fallback = fallback ?? peer.key
        }
        return fallback
    }

    mutating func receiveLeaves(
        _ hashes: [SHA256Digest], for request: HashRequest, from key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let found = leafQuestions.firstIndex { $0.asked == key && $0.request == request }
        guard let found else {
            return receiveLayers(hashes, for: request, from: key, now: now, into: &actions)
        }
        let question = leafQuestions.remove(at: found)
        guard let expected = metainfo.v2Hash(of: question.piece),
            hashes.count == expected.leafCount,
            MerkleTree.root(of: hashes, padTo: expected.leafCount) == expected.root
        else {
            actions.append(.digestBlocks(question.piece))
            return disconnect(key, .misbehaved(.badHashes), now: now, into: &actions)
        }
        blame(question, truth: hashes, now: now, into: &actions)
    }

    /// Only the blocks whose hash differs are fetched again, and those who sent them are banned.
    private mutating func blame(
        _ question: LeafQuestion, truth: [SHA256Digest], now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let sources = picker.partial(question.piece)?.sources ?? []
        var bad: [BlockIndex] = []
        for (position, leaf) in question.leaves.enumerated()
        where position < truth.count && leaf != truth[position] {
            bad.append(BlockIndex(position))
        }
        guard !bad.isEmpty else { return actions.append(.digestBlocks(question.piece)) }
        picker.refetch(bad, of: question.piece)
        for block in bad {
            guard block.position < sources.count, let sender = sources[block.position] else {
                continue
            }
            banPolicy.blockFailed(block, of: question.piece, sender: sender, into: &verdicts)
        }
        carryOut(now: now, into: &actions)
        fillAllPeers(now: now, into: &actions)
    }

    mutating func leavesRejected(
        _ request: HashRequest, by key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let found = leafQuestions.firstIndex { $0.asked == key && $0.request == request }
        guard let found else { return layersRejected(request, by: key, now: now) }
        actions.append(.digestBlocks(leafQuestions.remove(at: found).piece))
    }

    /// Without an answer the piece is treated as any other bad one.
    mutating func abandonUnansweredLeaves(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        abandonLeaves(where: { $0.deadline <= now }, into: &actions)
    }

    mutating func abandonLeaves(
        askedOf key: PeerKey, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        abandonLeaves(where: { $0.asked == key }, into: &actions)
    }

    private mutating func abandonLeaves(
        where isOver: (LeafQuestion) -> Bool, into actions: inout ActionBuffer<TorrentAction>
    ) {
        for question in leafQuestions where isOver(question) {
            actions.append(.digestBlocks(question.piece))
        }
        leafQuestions.removeAll(where: isOver)
    }
}
