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
        switch peerExchange.receive(payload, from: key, at: remote, now: now) {
        case .taken(let contacts):
            counters.pexMessagesReceived += 1
            let before = counters.pexPeersTaken
            for contact in contacts where peerExchange.mayBring(key, now: now) {
                let outcome = peerList.add(
                    contact.endpoint, origin: .pex, from: remote,
                    isSeed: contact.flags.contains(.seed), now: now)
                guard outcome == .added else { continue }
                peerExchange.brought(key, now: now)
                counters.pexPeersTaken += 1
            }
            if counters.pexPeersTaken > before { dial(now: now, into: &actions) }
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
            if let contact = contact(slot) { contacts.append(contact) }
        }
        var generator = generator
        let sent = peerExchange.tell(of: contacts, now: now, using: &generator, into: &actions)
        self.generator = generator
        counters.pexMessagesSent += sent
    }

    /// What others may be told of a connected peer; nil if nobody could dial it.
    private func contact(_ slot: Int) -> PeerExchange.Contact? {
        guard let peer = peers[slot], let endpoint = peerList.listeningEndpoint(of: peer.key)
        else { return nil }
        var flags: PeerExchangeMessage.Flags = []
        if peer.isSeed || peer.isUploadOnly { flags.insert(.seed) }
        if !peer.connection.isIncoming { flags.insert(.reachable) }
        return PeerExchange.Contact(key: peer.key, endpoint: endpoint, flags: flags)
    }

    /// Remembers a peer that we let go, if there is nothing wrong with it.
    mutating func noteLetGo(_ slot: Int, _ reason: CloseReason, now: Instant) {
        guard reason == .useless || reason == .tooManyConnections, let contact = contact(slot)
        else { return }
        peerExchange.willLetGo(contact, now: now)
    }
}
