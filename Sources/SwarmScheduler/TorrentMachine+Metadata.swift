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
