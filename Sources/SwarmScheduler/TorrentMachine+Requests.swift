import DequeModule
import Metainfo
import NIOCore
import PeerWire
import Units

// MARK: - Asking

extension TorrentMachine {
    mutating func markForFilling(_ slot: Int) {
        guard peers[slot]?.needsRequests == false, let key = peers[slot]?.key else { return }
        peers[slot]?.needsRequests = true
        peersToFill.append(key)
    }

    /// Asks those peers for more that came to owe us too little in this turn.
    mutating func fillPeers(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard !peersToFill.isEmpty else { return }
        for position in peersToFill.indices {
            guard let slot = peers.slot(of: peersToFill[position]) else { continue }
            peers[slot]?.needsRequests = false
            fill(slot, now: now, into: &actions)
        }
        peersToFill.removeAll(keepingCapacity: true)
    }

    mutating func fillAllPeers(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard !isFinished else { return }
        for slot in peers.active { fill(slot, now: now, into: &actions) }
    }

    /// Asks the peer for as many blocks as its pipeline has room for.
    mutating func fill(
        _ slot: Int, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard !isDiskCongested, !isDiskFaulted, !isSuspended, let key = peers[slot]?.key,
            peers[slot]?.mayBeAsked(now: now) == true,
            let room = peers[slot]?.pipeline.room, room > 0
        else { return }
        let granted = grant(room, slot, now: now)
        guard granted > 0 else { return }
        pick(granted, slot, key)
        for (piece, block) in picked {
            peers[slot]?.pipeline.sent(block, of: piece, now: now)
            actions.append(.send(key, .request(request(block, of: piece))))
        }
        let unused = granted - picked.count
        if unused > 0 { downloadLimiter.give(back: unused * Int(blockLength)) }
    }

    /// How many blocks the rate limit lets us ask for now.
    private mutating func grant(_ count: Int, _ slot: Int, now: Instant) -> Int {
        peers[slot]?.askingHeldUntil = nil
        guard downloadLimiter.rate != nil else { return count }
        let bytes = downloadLimiter.take(upTo: count * Int(blockLength), now: now)
        let blocks = bytes / Int(blockLength)
        downloadLimiter.give(back: bytes - blocks * Int(blockLength))
        if blocks == 0 {
            counters.limitedRequests += 1
            peers[slot]?.askingHeldUntil = downloadLimiter.nextRefill(
                for: Int(blockLength), now: now)
        }
        return blocks
    }

    private mutating func pick(_ count: Int, _ slot: Int, _ key: PeerKey) {
        picked.removeAll(keepingCapacity: true)
        guard let pieces = peers[slot]?.pieces else { return }
        let isChoking = peers[slot]?.isChokingUs ?? true
        let offer = PiecePicker.Offer(
            pieces: pieces, peer: key, isOnParole: peers[slot]?.isOnParole ?? false,
            only: isChoking ? peers[slot]?.allowedFast : nil)
        picker.pick(count, for: offer, into: &picked)
        guard picked.isEmpty, !isChoking, picker.isEndgame,
            let pipeline = peers[slot]?.pipeline, !pipeline.isSnubbed
        else { return }
        picker.pickEndgame(
            count, for: offer, excluding: { pipeline.contains($0, $1) }, into: &picked)
    }

    func request(_ block: BlockIndex, of piece: PieceIndex) -> BlockRequest {
        BlockRequest(
            piece: piece, begin: block.rawValue * blockLength,
            length: layout.length(of: block, of: piece))
    }

    /// The block that a request or a block on the wire is about; nil if it is none of ours.
    func block(at begin: UInt32, length: UInt32, of piece: PieceIndex) -> BlockIndex? {
        guard piece.position < layout.pieceCount, begin.isMultiple(of: blockLength) else {
            return nil
        }
        let block = BlockIndex(begin / blockLength)
        guard block.position < layout.blockCount(of: piece),
            layout.length(of: block, of: piece) == length
        else { return nil }
        return block
    }
}

// MARK: - Blocks and refusals

extension TorrentMachine {
    mutating func receiveBlock(
        _ piece: PieceIndex, begin: UInt32, _ bytes: ByteBuffer, _ slot: Int, _ key: PeerKey,
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        let length = UInt32(truncatingIfNeeded: bytes.readableBytes)
        guard let block = block(at: begin, length: length, of: piece),
            let request = peers[slot]?.pipeline.received(block, of: piece, now: now),
            let sender = peers[slot]?.connection.endpoint
        else {
            return receivedUnasked(length, slot, key, now: now, into: &actions)
        }
        markForFilling(slot)
        let requestCount = picker.requestCount(of: block, of: piece)
        switch picker.receive(block, of: piece, from: sender) {
        case .redundant:
            counters.redundantBytes += Int64(length)
        case .accepted:
            accepted(bytes, length, slot, now: now)
            actions.append(.write(piece, begin: begin, bytes))
        case .completedPiece:
            accepted(bytes, length, slot, now: now)
            actions.append(.write(piece, begin: begin, bytes))
            actions.append(.finish(piece))
        }
        if requestCount != 1 || request.isReleased {
            cancelElsewhere(block, of: piece, except: slot, into: &actions)
        }
    }

    private mutating func accepted(
        _ bytes: ByteBuffer, _ length: UInt32, _ slot: Int, now: Instant
    ) {
        peers[slot]?.downloaded += Int64(length)
        peers[slot]?.downloadRate.add(Int(length), now: now)
        downloaded += Int64(length)
        downloadMeter.add(Int(length), now: now)
    }

    private mutating func receivedUnasked(
        _ length: UInt32, _ slot: Int, _ key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        counters.redundantBytes += Int64(length)
        if peers[slot]?.pipeline.spendForgiveness() == true { return }
        counters.unsolicitedBlocks += 1
        peers[slot]?.unsolicitedBlocks += 1
        guard (peers[slot]?.unsolicitedBlocks ?? 0) > Limits.unsolicitedBlocksMax else { return }
        disconnect(key, .misbehaved(.unsolicitedBlocks), now: now, into: &actions)
    }

    /// The block is there: nobody else need send it.
    private mutating func cancelElsewhere(
        _ block: BlockIndex, of piece: PieceIndex, except receiver: Int,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        for slot in peers.active where slot != receiver {
            guard let key = peers[slot]?.key,
                peers[slot]?.pipeline.contains(piece, block) == true
            else { continue }
            // The peer may have sent it already: it stays owed, so that it is not unsolicited,
            // unless the peer answers cancels (BEP 6).
            actions.append(.send(key, .cancel(request(block, of: piece))))
            if peers[slot]?.connection.supportsFast == false {
                peers[slot]?.pipeline.forgive(block, of: piece)
            }
        }
    }

    /// Nothing of the piece is needed any more.
    mutating func cancelAll(
        of piece: PieceIndex, into actions: inout ActionBuffer<TorrentAction>
    ) {
        for slot in peers.active {
            guard let key = peers[slot]?.key else { continue }
            for owed in peers[slot]?.pipeline.release(piece) ?? [] {
                actions.append(.send(key, .cancel(request(owed.block, of: piece))))
                guard peers[slot]?.connection.supportsFast == false else { continue }
                peers[slot]?.pipeline.forgive(owed.block, of: piece)
            }
        }
    }

    mutating func choked(
        _ slot: Int, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        peers[slot]?.isChokingUs = true
        // With BEP 6 each request is rejected by itself; without, a choke rejects them all.
        guard peers[slot]?.connection.supportsFast == false else { return }
        let owed = peers[slot]?.pipeline.removeAll() ?? []
        for request in owed { drop(request) }
        if !owed.isEmpty { fillAllPeers(now: now, into: &actions) }
    }

    mutating func rejected(_ request: BlockRequest, _ slot: Int, now: Instant) {
        guard let block = block(at: request.begin, length: request.length, of: request.piece),
            let owed = peers[slot]?.pipeline.remove(block, of: request.piece)
        else { return }
        counters.rejectsReceived += 1
        drop(owed)
        guard peers[slot]?.isChokingUs == false else { return }
        // It does not choke us and yet will not serve: its queue is full, or it lost the piece.
        peers[slot]?.requestsPausedUntil = now + Limits.rejectPause
        peers[slot]?.pipeline.overflowed()
    }

    /// The peer will not send what it owed.
    mutating func drop(_ request: RequestPipeline.Outstanding) {
        guard !request.isReleased else { return }
        picker.dropRequest(request.block, of: request.piece)
    }

    /// The piece begins anew: what is owed of it belongs to its earlier life.
    mutating func abandon(_ piece: PieceIndex) -> [Endpoint?] {
        for slot in peers.active { _ = peers[slot]?.pipeline.release(piece) }
        return picker.abandon(piece)
    }

    /// What a silent peer owes is asked of others; should it come after all, it is welcome.
    mutating func snubStalledPeers(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        for slot in peers.active {
            guard peers[slot]?.pipeline.snubIfStalled(now: now) == true else { continue }
            counters.snubs += 1
            for request in peers[slot]?.pipeline.release() ?? [] {
                picker.dropRequest(request.block, of: request.piece)
            }
            if let key = peers[slot]?.key { picker.releaseExclusive(key) }
        }
    }
}
