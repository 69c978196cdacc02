import Metainfo
import PeerWire
import Units

extension TorrentMachine {
    mutating func receiveRequest(
        _ request: BlockRequest, _ slot: Int, _ key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard isInRange(request) else {
            let reason = CloseReason.misbehaved(.requestOutOfRange(request))
            return disconnect(key, reason, now: now, into: &actions)
        }
        guard peers[slot]?.isChokedByUs == false, picker.have.contains(request.piece),
            peers[slot]?.uploads.append(request) == true
        else { return reject(request, slot, key, into: &actions) }
        serve(slot, now: now, into: &actions)
    }

    private func isInRange(_ request: BlockRequest) -> Bool {
        guard request.piece.position < layout.pieceCount,
            request.length > 0, request.length <= Limits.requestLengthMax
        else { return false }
        let end = UInt64(request.begin) + UInt64(request.length)
        return end <= UInt64(layout.length(of: request.piece))
    }

    /// Without BEP 6 there is no word for no.
    private mutating func reject(
        _ request: BlockRequest, _ slot: Int, _ key: PeerKey,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard peers[slot]?.connection.supportsFast == true else { return }
        counters.rejectsSent += 1
        actions.append(.send(key, .reject(request)))
    }

    mutating func cancelled(
        _ request: BlockRequest, _ slot: Int, _ key: PeerKey,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard peers[slot]?.uploads.cancel(request) == true else { return }
        reject(request, slot, key, into: &actions)
    }

    mutating func served(
        _ key: PeerKey, bytes: Int, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        uploaded += Int64(bytes)
        uploadMeter.add(bytes, now: now)
        guard let slot = peers.slot(of: key) else { return }
        peers[slot]?.uploads.finished(bytes: bytes)
        peers[slot]?.uploaded += Int64(bytes)
        peers[slot]?.sentSinceUnchoke += Int64(bytes)
        peers[slot]?.uploadRate.add(bytes, now: now)
        serve(slot, now: now, into: &actions)
    }

    /// The block cannot be read back.
    mutating func serveFailed(
        _ key: PeerKey, _ request: BlockRequest, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        counters.diskFailures += 1
        if let slot = peers.slot(of: key) {
            peers[slot]?.uploads.finished(bytes: Int(request.length))
            reject(request, slot, key, into: &actions)
        }
        lost(request.piece, into: &actions)
    }

    /// We do not have the piece any more, and nobody may think so.
    mutating func lost(
        _ piece: PieceIndex, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard picker.have.contains(piece) else { return }
        picker.lost(piece)
        if picker.wanted.contains(piece) { wantedHad -= layout.contentLength(of: piece) }
        wasFinished = isFinished
        for slot in peers.active {
            guard let peer = peers[slot] else { continue }
            if peer.connection.supportsExtensions {
                actions.append(.send(peer.key, .dontHave(piece)))
            }
            guard peer.pieces.contains(piece), picker.needs(piece) else { continue }
            peers[slot]?.interestingCount += 1
            updateInterest(slot, into: &actions)
        }
    }

    /// Serves what waits, in turns of one block a peer where the rate is limited.
    mutating func serveAll(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        let slots = peers.active
        guard !slots.isEmpty else { return }
        guard uploadLimiter.rate != nil else {
            for slot in slots { serve(slot, now: now, into: &actions) }
            return
        }
        var idle = 0
        while idle < slots.count {
            serveTurn = (serveTurn + 1) % slots.count
            let didServe = serveOne(slots[serveTurn], now: now, into: &actions)
            idle = didServe ? 0 : idle + 1
        }
    }

    /// Serves the peer while its window and the rate limit allow.
    mutating func serve(
        _ slot: Int, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        if uploadLimiter.rate != nil { return serveAll(now: now, into: &actions) }
        while serveOne(slot, now: now, into: &actions) {}
    }

    private mutating func serveOne(
        _ slot: Int, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) -> Bool {
        guard let key = peers[slot]?.key,
            let request = peers[slot]?.uploads.next(window: uploadWindow(slot, now: now))
        else { return false }
        let length = Int(request.length)
        guard uploadLimiter.takeWhole(length, now: now) else {
            counters.limitedServes += 1
            peers[slot]?.servingHeldUntil = uploadLimiter.nextRefill(for: length, now: now)
            return false
        }
        peers[slot]?.uploads.startNext()
        actions.append(.serve(key, request))
        return true
    }

    /// How much may be on its way from disk to the peer: half a second of its rate, so that a
    /// slow peer holds little memory and a fast one is never kept waiting.
    private mutating func uploadWindow(_ slot: Int, now: Instant) -> Int {
        let rate = peers[slot]?.uploadRate.rate(now: now) ?? .zero
        let bytes = rate.bytes(in: Limits.uploadInFlightTime)
        return min(max(Int(clamping: bytes), Limits.uploadInFlightMin), Limits.uploadInFlightMax)
    }
}
