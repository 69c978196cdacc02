import NIOCore
import PeerWire
import Units

// MARK: - Peers that tell each other of peers (BEP 11)

extension SwarmMember {
    /// A peer says whom it is connected to.
    mutating func receivePeers(
        _ payload: ByteBuffer, _ slot: Int, _ key: PeerKey, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let remote = peers[slot]?.connection.endpoint else { return }
        var list = peerList
        let reception = peerExchange.receive(payload, from: key, at: remote, into: &list, now: now)
        peerList = list
        switch reception {
        case .taken(let count):
            counters.pexMessagesReceived += 1
            counters.pexPeersTaken += count
            if count > 0 { dial(now: now, into: &actions) }
        case .ignored:
            counters.pexMessagesIgnored += 1
        case .misbehaved:
            counters.pexMessagesIgnored += 1
            disconnect(key, .misbehaved(.badPeerExchange), now: now, into: &actions)
        }
    }

    /// Tells peers of each other, those whose time has come.
    mutating func tellOfPeers(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard let due = peerExchange.nextDeadline(), now >= due else { return }
        var contacts: [PeerExchange.Contact] = []
        contacts.reserveCapacity(peers.count)
        for slot in peers.active {
            guard let peer = peers[slot],
                let endpoint = peerList.listeningEndpoint(of: peer.key)
            else { continue }
            var flags: PeerExchangeMessage.Flags = []
            if peer.isSeed || peer.isUploadOnly { flags.insert(.seed) }
            if !peer.connection.isIncoming { flags.insert(.reachable) }
            contacts.append(.init(key: peer.key, endpoint: endpoint, flags: flags))
        }
        var generator = generator
        let sent = peerExchange.tell(of: contacts, now: now, using: &generator, into: &actions)
        self.generator = generator
        counters.pexMessagesSent += sent
    }
}
