import Hashing
import Metainfo
import NIOCore
public import PeerWire
import SwarmScheduler
import Synchronization
public import Transport
import Units

// MARK: - Peers come and go

extension Torrent: PeerConduitOwner {
    public nonisolated func conduit(_ conduit: PeerConduit, received handshake: Handshake) {
        assumeIsolated { $0.arrived(conduit, handshake) }
    }

    public nonisolated func conduit(_ conduit: PeerConduit, received messages: [PeerMessage]) {
        assumeIsolated { $0.received(messages, from: conduit) }
    }

    public nonisolated func conduitClosed(_ conduit: PeerConduit, reason: ConduitClosure) {
        assumeIsolated { $0.closed(conduit, reason) }
    }

    /// A peer has named this torrent, or answered when we did.
    func arrived(_ conduit: PeerConduit, _ handshake: Handshake) {
        // Who was on the way here while it fell asleep waits for it to wake.
        if isStopping, conduit.isIncoming, services.isDormant(handshake.infoHash) {
            return services.reception.conduit(conduit, received: handshake)
        }
        let infoHash = fullInfoHash
        guard infoHash.wireForms.contains(handshake.infoHash),
            !(conduit.isIncoming && isSessionFull)
        else { return conduit.close() }
        guard machine != nil || seeker != nil else { return letWait(conduit, handshake) }
        arrivals[conduit.id] = conduit
        let reply = ourHandshake(naming: answer(to: handshake))
        conduit.accept(
            reply, pieceCount: pieceCount, v2InfoHash: infoHash.v2?.truncated, owner: self)
        // It may have become known while we waited for the peer to answer our dial.
        if let pieceCount { conduit.setPieceCount(pieceCount) }
        let connection = PeerConnection(
            endpoint: conduit.remote, isIncoming: conduit.isIncoming, peerID: handshake.peerID,
            supportsFast: handshake.supportsFast,
            supportsExtensions: handshake.supportsExtensions,
            supportsV2: conduit.supportsV2)
        run(.connected(connection, connectionID: conduit.id))
        tellPort(to: conduit, handshake)
        conduit.flush()
        conduit.resume()
    }

    /// Who comes while it is still being found out what is there waits, if not too many do.
    private func letWait(_ conduit: PeerConduit, _ handshake: Handshake) {
        guard isOpening, !isStopping, conduit.isIncoming, waiting.count < Limits.waitingPeersMax
        else { return conduit.close() }
        waiting[conduit.id] = (conduit, handshake)
        conduit.hold(for: self)
    }

    /// Takes in those that waited.
    func admitWaiting() {
        let arrived = waiting.sorted { $0.key < $1.key }.map(\.value)
        waiting = [:]
        for (conduit, handshake) in arrived {
            conduit.setReading(true)
            self.arrived(conduit, handshake)
        }
    }

    func sendWaitingAway() {
        let arrived = waiting.values
        waiting = [:]
        for (conduit, _) in arrived { conduit.close() }
    }

    /// A peer that knows a hybrid torrent by its v1 hash and speaks v2 is answered with the v2
    /// hash, so that both know (BEP 52, "Upgrade Path").
    private func answer(to handshake: Handshake) -> SHA1Digest {
        guard handshake.supportsV2, let v2 = fullInfoHash.v2 else { return handshake.infoHash }
        return v2.truncated
    }

    func ourHandshake(naming infoHash: SHA1Digest) -> Handshake {
        Handshake(
            infoHash: infoHash, peerID: ourID, supportsExtensions: true, supportsFast: true,
            supportsDHT: showsDHT, supportsV2: fullInfoHash.v2 != nil)
    }

    /// All that the torrent is known by.
    private var fullInfoHash: InfoHash { metainfo?.infoHash ?? infoHash }

    /// Nil while the machine that the connections belong to does not know it.
    private var pieceCount: Int? {
        machine == nil ? nil : metainfo?.layout.pieceCount
    }

    private func received(_ messages: [PeerMessage], from conduit: PeerConduit) {
        guard let key = conduit.key else { return }
        for message in messages {
            if case .port(let port) = message { heardPort(port, from: conduit) }
            handle(.message(key, message))
        }
        run(.turnEnded(key))
    }

    private func closed(_ conduit: PeerConduit, _ reason: ConduitClosure) {
        arrivals[conduit.id] = nil
        guard waiting.removeValue(forKey: conduit.id) == nil else { return }
        guard let key = conduit.key else {
            if let failure = HandshakeFailure(reason) { services.counters.count(failure) }
            // Who dialled says itself that nothing came of it.
            guard !conduit.isIncoming, conduit.wasOpen else { return }
            run(.dialFailed(conduit.remote, CloseReason(reason)))
            return
        }
        let slot = Int(key.slot)
        guard slot < conduits.count, conduits[slot] === conduit else { return }
        conduits[slot] = nil
        noteConnections(-1)
        if conduit.isIncoming { noteIncoming(-1) }
        run(.disconnected(key, CloseReason(reason)))
    }

    func dial(_ endpoint: Endpoint) {
        guard !isSessionFull else {
            return handle(.dialFailed(endpoint, .tooManyConnections))
        }
        let id = services.network.newID()
        let infoHash = fullInfoHash
        let handshake = ourHandshake(naming: infoHash.primary)
        let alternate = infoHash.v2?.truncated
        let counters = services.counters
        counters.halfOpen.add(1, ordering: .relaxed)
        let dialled = services.network.dial(endpoint, on: loop) { channel in
            PeerConduit(
                id: id, channel: channel, remote: endpoint, dialledWith: handshake,
                alternateInfoHash: alternate,
                pieceCount: self.assumeIsolated { $0.pieceCount }, owner: self)
        }
        dialled.whenComplete { _ in counters.halfOpen.subtract(1, ordering: .relaxed) }
        dialled.whenFailure { _ in
            self.assumeIsolated { $0.run(.dialFailed(endpoint)) }
        }
    }

    func admit(_ id: UInt64, as key: PeerKey) {
        guard let conduit = arrivals.removeValue(forKey: id) else { return }
        conduit.key = key
        let slot = Int(key.slot)
        while conduits.count <= slot { conduits.append(nil) }
        conduits[slot] = conduit
        if connectionCount == 0 { tell(.connected) }
        noteConnections(1)
        if conduit.isIncoming { noteIncoming(1) }
        hadConnections.store(true, ordering: .relaxed)
        if isReadingPaused { conduit.setReading(false) }
    }

    func refuse(_ id: UInt64) {
        guard let conduit = arrivals.removeValue(forKey: id) else { return }
        conduit.close()
    }

    func disconnect(_ key: PeerKey) {
        guard let conduit = conduit(key) else { return }
        conduits[Int(key.slot)] = nil
        noteConnections(-1)
        if conduit.isIncoming { noteIncoming(-1) }
        conduit.close()
    }

    /// Counts connections, of the torrent and of the session.
    func noteConnections(_ change: Int) {
        connected.add(change, ordering: .relaxed)
        services.connections.add(change, ordering: .relaxed)
    }

    func noteIncoming(_ change: Int) {
        services.counters.incoming.add(change, ordering: .relaxed)
    }

    /// Whether the session has all the connections that it may have.
    private var isSessionFull: Bool {
        services.connections.load(ordering: .relaxed) >= services.configuration.maxConnections
    }

    func conduit(_ key: PeerKey) -> PeerConduit? {
        let slot = Int(key.slot)
        guard slot < conduits.count, let conduit = conduits[slot], conduit.key == key else {
            return nil
        }
        return conduit
    }
}

extension PeerConduit {
    /// What the torrent's machine knows the connection by.
    var key: PeerKey? {
        get {
            guard tag != .max else { return nil }
            return PeerKey(
                slot: UInt32(truncatingIfNeeded: tag >> 32),
                generation: UInt32(truncatingIfNeeded: tag))
        }
        set {
            tag = newValue.map { UInt64($0.slot) << 32 | UInt64($0.generation) } ?? .max
        }
    }
}

extension CloseReason {
    init(_ closure: ConduitClosure) {
        switch closure {
        case .wire(let error): self = .protocolError(error)
        case .lost: self = .closedByPeer
        case .ours: self = .shutdown
        }
    }
}
