import Hashing
import Metainfo
import NIOCore
import PeerWire
import Units

// MARK: - Giving the info dictionary to those who lack it (BEP 9)

extension TorrentMachine {
    /// Clients neither offer nor give the metadata of private torrents.
    var metadataSizeOffered: Int? {
        let size = metainfo.infoBytes.count
        return isPrivate || size > PeerWire.Limits.metadataSizeMax ? nil : size
    }

    mutating func receiveMetadata(
        _ payload: ByteBuffer, _ key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        do throws(MetadataMessageError) {
            // Data and rejects may be late answers to the machine before this one.
            guard case .request(let piece) = try MetadataMessage(parsing: payload) else { return }
            let bytes = metadataSizeOffered == nil ? nil : metainfo.infoBytes
            let isHonest = metadataServer.receive(
                piece, from: key, of: bytes, limiter: &uploadLimiter, now: now, into: &actions)
            guard !isHonest else { return }
        } catch {
            guard let slot = peers.slot(of: key) else { return }
            peers[slot]?.metadataFaults += 1
            guard (peers[slot]?.metadataFaults ?? 0) > Limits.metadataStrikesMax else { return }
        }
        disconnect(key, .misbehaved(.badMetadata), now: now, into: &actions)
    }

    mutating func serveMetadata(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard metadataServer.isOwing else { return }
        metadataServer.serve(
            of: metainfo.infoBytes, limiter: &uploadLimiter, now: now, into: &actions)
    }
}

// MARK: - Giving hashes (BEP 52)

extension TorrentMachine {
    /// Each request is answered, and those that come too fast are rejected: an answer may take
    /// reading a whole piece from disk.
    mutating func hashesRequested(
        _ request: HashRequest, _ slot: Int, _ key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let interval =
            request.baseLayer == 0 ? Limits.hashServeInterval : Limits.layerServeInterval
        let paid = max(peers[slot]?.hashesPaidAt ?? now, now) + interval
        guard metainfo.version != .v1,
            paid - now <= Limits.hashServeInterval * Limits.hashServeBurst
        else {
            counters.rejectsSent += 1
            return actions.append(.send(key, .hashReject(request)))
        }
        peers[slot]?.hashesPaidAt = paid
        actions.append(.serveHashes(key, request))
    }
}

// MARK: - Piece layers that a hybrid torrent was begun without (BEP 52)

extension TorrentMachine {
    /// Peers that came since the info dictionary was known were told its v2 hash, so that those who
    /// speak v2 said so.
    mutating func askForLayers(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard missingLayers != nil else { return }
        let slow = missingLayers?.release(askedBefore: now - Limits.hashAnswerTime) ?? []
        for key in slow {
            guard let slot = peers.slot(of: key) else { continue }
            peers[slot]?.layersPausedUntil = now + Limits.hashBackOff
        }
        for slot in peers.active { askForLayers(slot, now: now, into: &actions) }
    }

    private mutating func askForLayers(
        _ slot: Int, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        // Who has pieces has the metadata, and hashes of those pieces at least.
        guard let peer = peers[slot], peer.connection.supportsV2, !peer.pieces.isEmpty,
            now >= peer.layersPausedUntil
        else { return }
        var owed = missingLayers?.owedCount(by: peer.key) ?? .max
        while owed < Limits.hashRequestsMax,
            let request = missingLayers?.next(for: peer.key, now: now)
        {
            owed += 1
            actions.append(.send(peer.key, .hashRequest(request)))
        }
    }

    mutating func receiveLayers(
        _ hashes: [SHA256Digest], for request: HashRequest, from key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        switch missingLayers?.receive(hashes, for: request, from: key) {
        case .wrong: return disconnect(key, .misbehaved(.badHashes), now: now, into: &actions)
        case .unsolicited, nil: return
        case .kept: break
        }
        guard let layers = missingLayers, layers.isComplete else {
            if let slot = peers.slot(of: key) { askForLayers(slot, now: now, into: &actions) }
            return
        }
        missingLayers = nil
        // Each part has proved itself against the root, so this cannot fail.
        guard let completed = try? layers.completing(metainfo) else { return }
        metainfo = completed
        actions.append(.layersComplete(completed))
    }

    mutating func layersRejected(_ request: HashRequest, by key: PeerKey, now: Instant) {
        guard missingLayers?.rejected(request, by: key) == true, let slot = peers.slot(of: key)
        else { return }
        peers[slot]?.layersPausedUntil = now + Limits.hashBackOff
    }
}
