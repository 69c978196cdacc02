import Hashing
import Metainfo
import NIOCore
import PeerWire
import Units

// MARK: - Asking for the info dictionary (BEP 9)

extension MetadataMachine {
    mutating func askAll(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        for slot in peers.active {
            guard let key = peers[slot]?.key else { continue }
            ask(key, now: now, into: &actions)
        }
    }

    /// Asks the peer for as much as it may owe us.
    mutating func ask(
        _ key: PeerKey, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard metainfo == nil else { return askForHashes(key, now: now, into: &actions) }
        guard let source = sources[key], source.speaksMetadata, now >= source.pausedUntil else {
            return
        }
        guard source.size != nil else { return probe(key, now: now, into: &actions) }
        let takesMany = peers[key]?.connection.peerID.takesManyMetadataRequests ?? false
        let requestsMax = takesMany ? Limits.metadataRequestsMax : 1
        while (sources[key]?.owedCount ?? .max) < requestsMax,
            let pick = picker.next(for: key, now: now)
        {
            if sources[key]?.isOwing == false { sources[key]?.lastAnswer = now }
            sources[key]?.requests.append(.init(pick: pick))
            send(.request(piece: pick.piece), to: key, into: &actions)
        }
    }

    /// It may have got metadata since it said that it had none. Its answer tells the size.
    private mutating func probe(
        _ key: PeerKey, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard sources[key]?.probe != .owed else { return }
        sources[key]?.probe = .owed
        sources[key]?.lastAnswer = now
        send(.request(piece: 0), to: key, into: &actions)
    }

    private func send(
        _ message: MetadataMessage, to key: PeerKey,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        actions.append(.send(key, .extended(.metadata, message.encoded())))
    }

    /// The peer is not asked for a while, and what it owes is asked of others.
    mutating func pause(_ key: PeerKey, now: Instant) {
        guard var source = sources[key] else { return }
        source.pausedUntil = now + backOff()
        if source.probe == .owed { source.probe = .overdue }
        for position in source.requests.indices { source.requests[position].isOverdue = true }
        source.requests.removeFirst(
            max(0, source.requests.count - Limits.metadataRequestsMax))
        sources[key] = source
        picker.release(key)
    }

    /// Those that owe something and have given nothing for too long.
    mutating func releaseSilent(now: Instant) {
        for slot in peers.active {
            guard let key = peers[slot]?.key, let source = sources[key],
                source.owedCount > 0 || source.probe == .owed,
                now - source.lastAnswer >= Limits.metadataAnswerTime
            else { continue }
            pause(key, now: now)
        }
        let slow = layers?.release(askedBefore: now - Limits.hashAnswerTime) ?? []
        for key in slow { sources[key]?.hashesPausedUntil = now + Limits.hashBackOff }
    }

    mutating func rejected(
        _ piece: Int, by key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let wasAsked =
            sources[key].map { $0.probe != .none } == true
            || sources[key]?.requests.contains { $0.pick.piece == piece } == true
        guard wasAsked else { return strike(key, now: now, into: &actions) }
        counters.rejectsReceived += 1
        sources[key]?.requests.removeAll { $0.pick.piece == piece }
        sources[key]?.probe = .none
        pause(key, now: now)
        askAll(now: now, into: &actions)
    }

    mutating func received(
        _ bytes: ByteBuffer, _ piece: Int, _ totalSize: Int?, from key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let peer = peers[key], let source = sources[key] else { return }
        sources[key]?.lastAnswer = now
        if source.probe != .none, source.size == nil, piece == 0 {
            sources[key]?.probe = .none
            return answered(totalSize, by: key, now: now)
        }
        guard let position = source.requests.firstIndex(where: { $0.pick.piece == piece }) else {
            counters.redundantBytes += Int64(bytes.readableBytes)
            return strike(key, now: now, into: &actions)
        }
        let pick = source.requests[position].pick
        sources[key]?.requests.remove(at: position)
        guard let size = source.size, totalSize ?? size == size,
            bytes.readableBytes == MetadataMessage.length(of: piece, ofByteCount: size)
        else {
            pause(key, now: now)
            strike(key, now: now, into: &actions)
            return askAll(now: now, into: &actions)
        }
        let reception = picker.receive(
            Array(bytes.readableBytesView), pick, from: key,
            at: peer.connection.endpoint.banIdentity, now: now)
        switch reception {
        case .kept: break
        case .redundant: counters.redundantBytes += Int64(bytes.readableBytes)
        case .whole(let candidate): judge(candidate, now: now, into: &actions)
        }
    }

    /// The answer to a probe: it does have metadata, of this size.
    private mutating func answered(_ totalSize: Int?, by key: PeerKey, now: Instant) {
        guard let totalSize else { return pause(key, now: now) }
        sources[key]?.size = totalSize
        sources[key]?.pausedUntil = .distantPast
        if metainfo == nil { picker.claims(totalSize, key) }
    }
}

// MARK: - Judging

extension MetadataMachine {
    private mutating func judge(
        _ candidate: MetadataPicker.Candidate, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard metainfo == nil else { return }
        guard isAskedFor(candidate.bytes) else {
            counters.hashFailures += 1
            picker.failed(candidate)
            blame(candidate.senders, now: now, into: &actions)
            return askAll(now: now, into: &actions)
        }
        do throws(MetainfoError) {
            // By the same way as a file: what is refused there is refused here.
            let metainfo = try Metainfo(infoBytes: candidate.bytes, expecting: infoHash)
            verified(metainfo, now: now, into: &actions)
        } catch {
            fail(.metadata(error), into: &actions)
        }
    }

    /// It may have the hashes of pieces too that peers were still asked for.
    mutating func given(
        _ file: Metainfo, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard !isComplete, isAskedFor(file.infoBytes) else { return }
        verified(file, now: now, into: &actions)
    }

    /// Whether these are the bytes that the hash is of. 20 bytes may be a v2 hash cut short.
    private func isAskedFor(_ bytes: [UInt8]) -> Bool {
        if let v2 = infoHash.v2, v2 != .hash(bytes) { return false }
        guard let v1 = infoHash.v1 else { return true }
        return v1 == .hash(bytes) || v1 == SHA256Digest.hash(bytes).truncated
    }

    private mutating func blame(
        _ senders: [Endpoint], now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        for sender in senders {
            suspicions[sender, default: 0] += 1
            guard
                senders.count == 1 || suspicions[sender, default: 0] > Limits.metadataSuspicionsMax
            else { continue }
            suspicions[sender] = nil
            ban(sender, .corruptMetadata, now: now, into: &actions)
        }
        // No more than there are connections matter.
        if suspicions.count > Limits.suspectsMax { suspicions = [:] }
    }

    mutating func fail(
        _ failure: TorrentFailure, into actions: inout ActionBuffer<TorrentAction>
    ) {
        hasFailed = true
        disconnectAll(into: &actions)
        sources = [:]
        picker.removeAll()
        actions.append(.failed(failure))
    }

    private mutating func verified(
        _ metainfo: Metainfo, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        self.metainfo = metainfo
        for culprit in picker.culprits(truth: metainfo.infoBytes) {
            ban(culprit, .corruptMetadata, now: now, into: &actions)
        }
        picker.removeAll()
        for key in sources.keys {
            sources[key]?.requests = []
            sources[key]?.probe = .none
        }
        actions.append(.metadataVerified(metainfo))
        if metainfo.isPrivate { keepToTrackers(now: now, into: &actions) }
        tellOfMetadata(into: &actions)
        layers = LayerPicker(metainfo)
        if layers?.isComplete == true { return complete(into: &actions) }
        awaitLayers(now: now, into: &actions)
    }

    /// Those who lack it can have it from us now. Of a private torrent it is for those alone whom
    /// the tracker let in, and clients do not give it to anybody (BEP 27).
    private mutating func tellOfMetadata(into actions: inout ActionBuffer<TorrentAction>) {
        var said = ExtensionHandshake()
        if isPrivate {
            said.extensions[.metadata] = 0
            said.extensions[.peerExchange] = 0
            peerExchange = PeerExchange(isOn: false)
        } else {
            said.metadataSize = metainfo?.infoBytes.count
        }
        for slot in peers.active {
            guard let peer = peers[slot], peer.connection.supportsExtensions else { continue }
            actions.append(.send(peer.key, .extensionHandshake(said)))
        }
    }
}

// MARK: - Asking for hashes of pieces (BEP 52)

extension MetadataMachine {
    private mutating func awaitLayers(
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        if metainfo?.version == .hybrid {
            // Who connected by the v1 hash alone cannot be asked for what belongs to v2.
            guard infoHash.v2 != nil else { return complete(into: &actions) }
            layersDueAt = now + Limits.hybridHashTime
        }
        if infoHash.v2 == nil {
            for key in sources.keys { sources[key]?.speaksV2 = true }
        }
        askAll(now: now, into: &actions)
    }

    private mutating func askForHashes(
        _ key: PeerKey, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        // One without metadata would be surprised: libtorrent ends the connection.
        guard !isComplete, let source = sources[key], source.speaksV2, source.size != nil,
            now >= source.hashesPausedUntil
        else { return }
        while (sources[key]?.hashRequestCount ?? .max) < Limits.hashRequestsMax,
            let request = layers?.next(for: key, now: now)
        {
            sources[key]?.hashRequestCount += 1
            actions.append(.send(key, .hashRequest(request)))
        }
    }

    mutating func receiveHashes(
        _ hashes: [SHA256Digest], for request: HashRequest, from key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let reception = layers?.receive(hashes, for: request, from: key) ?? .unsolicited
        guard reception != .unsolicited else { return strike(key, now: now, into: &actions) }
        sources[key]?.hashRequestCount -= 1
        sources[key]?.hashesPausedUntil = .distantPast
        switch reception {
        case .wrong: disconnect(key, .misbehaved(.badHashes), now: now, into: &actions)
        case .kept where layers?.isComplete == true: complete(into: &actions)
        case .kept:
            if layersDueAt != nil { layersDueAt = now + Limits.hybridHashTime }
        case .unsolicited: break
        }
    }

    mutating func hashesRejected(
        _ request: HashRequest, by key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard layers?.rejected(request, by: key) == true else {
            return strike(key, now: now, into: &actions)
        }
        sources[key]?.hashRequestCount -= 1
        sources[key]?.hashesPausedUntil = now + Limits.hashBackOff
        askAll(now: now, into: &actions)
    }

    /// All that there is to be had is there.
    mutating func complete(into actions: inout ActionBuffer<TorrentAction>) {
        guard !isComplete, var metainfo else { return }
        layersDueAt = nil
        do throws(MetainfoError) {
            if let layers { metainfo = try layers.completing(metainfo) }
        } catch {
            // Each part has proved itself against the same root, so this cannot be.
            return fail(.metadata(error), into: &actions)
        }
        isComplete = true
        layers = nil
        self.metainfo = metainfo
        actions.append(.metadataComplete(metainfo))
    }
}

extension PeerID {
    /// Whether it is safe to ask for a piece of metadata before the last one came. rTorrent, whose
    /// library calls itself `-lt`, answers none of two requests that it reads at once, and reads
    /// nothing more.
    fileprivate var takesManyMetadataRequests: Bool { !bytes.starts(with: Array("-lt".utf8)) }
}
