import Hashing
import Metainfo
import NIOCore
import PeerWire
import Units

// MARK: - Peers come and go

extension MetadataMachine {
    mutating func connected(
        _ connection: PeerConnection, id: UInt64, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let key = admit(connection, id: id, now: now, into: &actions) else { return }
        // A peer that says nothing of metadata may have some later: magnets meet, too.
        sources[key] = MetadataSource(
            speaksV2: connection.supportsV2 || isKnownByV2Form, pausedUntil: now + backOff(),
            lastAnswer: now)
        greet(key, connection, into: &actions)
    }

    /// That we have nothing can only be said at once (BEP 6). Interest is true of all until the
    /// pieces are known, and said at once it is answered while the metadata is on its way.
    private mutating func greet(
        _ key: PeerKey, _ connection: PeerConnection,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        if connection.supportsFast { actions.append(.send(key, .haveNone)) }
        if connection.supportsExtensions {
            let extensions = ExtensionHandshake(
                extensions: ExtensionIDs(ours: extensionsOffered),
                clientName: configuration.clientName,
                listenPort: configuration.listenPort == 0 ? nil : configuration.listenPort,
                requestQueueMax: Limits.uploadQueueMax,
                metadataSize: isPrivate ? nil : metainfo?.infoBytes.count,
                yourIP: connection.endpoint.address, uploadOnly: false)
            actions.append(.send(key, .extensionHandshake(extensions)))
        }
        actions.append(.send(key, .interested))
        peers[Int(key.slot)]?.isInterestingToUs = true
    }

    private var extensionsOffered: [ExtensionID] {
        [.dontHave, .uploadOnly] + (isPrivate ? [] : [.metadata])
            + (peerExchange.isOn ? [.peerExchange] : [])
    }

    /// What was taken for a v1 hash is a v2 hash cut short: so all who named it speak v2.
    private var isKnownByV2Form: Bool { infoHash.v2 == nil && metainfo?.version == .v2 }

    mutating func forget(
        _ key: PeerKey, _ reason: CloseReason, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard peers.remove(key) != nil else { return }
        sources[key] = nil
        picker.left(key)
        layers?.left(key)
        server.left(key)
        peerExchange.left(key)
        peerList.disconnected(key, reason.departure, now: now, using: &generator)
        askAll(now: now, into: &actions)
        dial(now: now, into: &actions)
    }

    /// When connections are short, those go that have had no metadata for a while.
    mutating func dropPeersOfNoUse(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard metainfo == nil, peers.count * 10 >= configuration.connectionsMax * 9 else { return }
        for slot in peers.active {
            guard let peer = peers[slot], sources[peer.key]?.size == nil,
                now - peer.connectedAt > Limits.uselessPeerTime
            else { continue }
            disconnect(peer.key, .useless, now: now, into: &actions)
        }
    }

    mutating func backOff() -> Interval {
        let range = Limits.metadataBackOffMin.nanoseconds...Limits.metadataBackOffMax.nanoseconds
        return Interval(nanoseconds: .random(in: range, using: &generator))
    }
}

// MARK: - What peers say

extension MetadataMachine {
    mutating func receive(
        _ message: PeerMessage, from key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let slot = peers.slot(of: key) else { return }
        switch message {
        case .choke: peers[slot]?.isChokingUs = true
        case .unchoke: peers[slot]?.isChokingUs = false
        case .interested: peers[slot]?.isInterestedInUs = true
        case .notInterested: peers[slot]?.isInterestedInUs = false
        case .uploadOnly(let isUploadOnly): peers[slot]?.isUploadOnly = isUploadOnly
        case .extensionHandshake(let extensions):
            learn(extensions, of: key, now: now)
            heard(extensions, from: key)
        case .extended(.metadata, let payload):
            receiveMetadata(payload, from: key, now: now, into: &actions)
        case .extended(.peerExchange, let payload):
            receivePeers(payload, slot, key, now: now, into: &actions)
        case .hashRequest(let request):
            actions.append(.send(key, .hashReject(request)))
        case .hashes(let request, let hashes):
            receiveHashes(hashes, for: request, from: key, now: now, into: &actions)
        case .hashReject(let request):
            hashesRejected(request, by: key, now: now, into: &actions)
        default: break
        }
    }

    private mutating func heard(_ extensions: ExtensionHandshake, from key: PeerKey) {
        if let id = extensions.extensions[.metadata] { sources[key]?.speaksMetadata = id != 0 }
        // A size that cannot be is as good as none.
        guard let size = extensions.metadataSize, sources[key]?.speaksMetadata == true,
            size != sources[key]?.size
        else { return }
        note(size, of: key)
    }

    private mutating func note(_ size: Int, of key: PeerKey) {
        // Who said that it had none has some now.
        if sources[key]?.size == nil { sources[key]?.pausedUntil = .distantPast }
        sources[key]?.size = size
        sources[key]?.requests = []
        if metainfo == nil { picker.claims(size, key) }
    }

    /// The peer has sent what makes no sense. Many times is once too often.
    mutating func strike(
        _ key: PeerKey, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        sources[key]?.strikes += 1
        guard (sources[key]?.strikes ?? 0) > Limits.metadataStrikesMax else { return }
        disconnect(key, .misbehaved(.badMetadata), now: now, into: &actions)
    }

    private mutating func receiveMetadata(
        _ payload: ByteBuffer, from key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        do throws(MetadataMessageError) {
            switch try MetadataMessage(parsing: payload) {
            case .request(let piece):
                requested(piece, by: key, now: now, into: &actions)
            case .data(let piece, let totalSize, let bytes):
                received(bytes, piece, totalSize, from: key, now: now, into: &actions)
            case .reject(let piece):
                rejected(piece, by: key, now: now, into: &actions)
            case nil: break
            }
        } catch {
            // It may have been the answer: whoever answers so is not asked for a while.
            pause(key, now: now)
            strike(key, now: now, into: &actions)
        }
    }

    /// Before we know it to be right we give it to nobody (BEP 9).
    private mutating func requested(
        _ piece: Int, by key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let bytes = isPrivate ? nil : metainfo?.infoBytes
        let isHonest = server.receive(
            piece, from: key, of: bytes, limiter: &uploadLimiter, now: now, into: &actions)
        guard !isHonest else { return }
        disconnect(key, .misbehaved(.badMetadata), now: now, into: &actions)
    }
}
