import NIOCore
import PeerWire
import Units

/// Peer exchange (BEP 11) of one torrent: to each peer that takes such messages, what has changed
/// among our connections since it was last told; and what others say of theirs, as far as it can
/// be believed, into the list of known endpoints.
///
/// Whoever owns the connections says whom it is connected to; nothing else is ever told.
struct PeerExchange: Sendable {
    /// A connection, with where its peer accepts others.
    struct Contact: Sendable {
        let key: PeerKey
        let endpoint: Endpoint
        var flags: PeerExchangeMessage.Flags = []
    }

    /// What came of a message.
    enum Reception: Hashable, Sendable {
        /// Contacts that may be believed, as far as can be told without knowing who is known.
        case taken([PeerExchangeMessage.Contact])
        case ignored
        /// The peer has sent one that made no sense, or came too soon, too often.
        case misbehaved
    }

    /// Off for private torrents (BEP 27): nothing is told, nothing taken.
    let isOn: Bool
    /// By the slot of their key.
    private var peers: [Peer?] = []
    /// Whom we let go because neither had use for the other, or for lack of room; the newest
    /// last. In a swarm of seeds, which keep no connections with each other, nobody would hear of
    /// anybody otherwise (BEP 11, "Filling underpopulated lists").
    private var recent: [Recent] = []
    private var recentCount: UInt64 = 0

    private struct Recent: Sendable {
        let contact: Contact
        let leftAt: Instant
        let number: UInt64
    }

    private struct Peer: Sendable {
        let key: PeerKey
        let remote: Endpoint
        var takesMessages = false
        var supportsHolepunch = false
        /// What it was told and has not been told the end of, in order.
        var told: [Endpoint] = []
        /// Up to which number it was told of those that we let go.
        var recentTold: UInt64 = 0
        /// When it may be told next.
        var dueAt: Instant
        /// When its next message would be on time.
        var nextMessageAt = Instant.distantPast
        /// When the endpoints that it brought will be forgotten: a bucket in one word.
        var newEndpointsUntil = Instant.distantPast
        var strikes = 0
    }

    init(isOn: Bool) { self.isOn = isOn }

    // MARK: Connections

    /// The extension handshake of a peer has come, or a later one that changes it.
    mutating func heard(
        _ extensions: ExtensionIDs, from key: PeerKey, at remote: Endpoint, now: Instant
    ) {
        guard isOn else { return }
        let slot = place(of: key, at: remote, now: now)
        if let id = extensions[.peerExchange] { peers[slot]?.takesMessages = id != 0 }
        if let id = extensions[.holepunch] { peers[slot]?.supportsHolepunch = id != 0 }
    }

    /// The connection has ended.
    mutating func left(_ key: PeerKey) {
        guard let slot = slot(of: key) else { return }
        peers[slot] = nil
    }

    /// A connection is about to be let go though there is nothing wrong with its peer.
    mutating func willLetGo(_ contact: Contact, now: Instant) {
        guard isOn else { return }
        recentCount += 1
        recent.removeAll {
            $0.contact.endpoint == contact.endpoint
                || now - $0.leftAt > Limits.peerExchangeRecentLife
        }
        recent.append(Recent(contact: contact, leftAt: now, number: recentCount))
        let isIPv4 = contact.endpoint.isIPv4
        guard recent.count(where: { $0.contact.endpoint.isIPv4 == isIPv4 }) > Self.fewContacts,
            let oldest = recent.firstIndex(where: { $0.contact.endpoint.isIPv4 == isIPv4 })
        else { return }
        recent.remove(at: oldest)
    }

    /// So few of a family that it is filled up, with at most as many (BEP 11).
    private static let fewContacts = 25

    private func slot(of key: PeerKey) -> Int? {
        let slot = Int(key.slot)
        guard slot < peers.count, peers[slot]?.key == key else { return nil }
        return slot
    }

    private mutating func place(of key: PeerKey, at remote: Endpoint, now: Instant) -> Int {
        if let slot = slot(of: key) { return slot }
        let slot = Int(key.slot)
        while peers.count <= slot { peers.append(nil) }
        peers[slot] = Peer(
            key: key, remote: remote, dueAt: now + Limits.peerExchangeFirstWait)
        return slot
    }

    // MARK: Telling

    /// When `tell` may have something to say; nil while nobody takes messages.
    func nextDeadline() -> Instant? {
        var next: Instant?
        for case .some(let peer) in peers where peer.takesMessages {
            next = min(next ?? peer.dueAt, peer.dueAt)
        }
        return next
    }

    /// Tells each peer whose time has come what has changed. At most one message in its time for
    /// each, with at most 50 contacts of either kind; the rest comes with the next ones.
    ///
    /// - Parameter contacts: all connections whose peers accept others, whoever is told of them.
    mutating func tell(
        of contacts: [Contact], now: Instant, using generator: inout some RandomNumberGenerator,
        into actions: inout ActionBuffer<TorrentAction>
    ) -> Int {
        var sent = 0
        let ordered = inOrder(contacts)
        let more = recentContacts(besides: ordered, now: now)
        for slot in peers.indices {
            guard var peer = peers[slot], peer.takesMessages, now >= peer.dueAt else { continue }
            let news = more.filter { $0.number > peer.recentTold }.map(\.contact)
            peer.recentTold = recentCount
            let message = Self.changes(
                for: &peer, among: news.isEmpty ? ordered : inOrder(ordered + news),
                using: &generator)
            if message.isEmpty {
                peer.dueAt = now + Limits.peerExchangeFirstWait
            } else {
                peer.dueAt = now + Limits.peerExchangeInterval
                actions.append(.send(peer.key, .extended(.peerExchange, message.encoded())))
                sent += 1
            }
            peers[slot] = peer
        }
        return sent
    }

    /// Those that we let go, of a family of which there are few connections.
    private func recentContacts(besides contacts: [Contact], now: Instant) -> [Recent] {
        guard !recent.isEmpty else { return [] }
        let ipv4Count = contacts.count { $0.endpoint.isIPv4 }
        let connected = Set(contacts.map(\.endpoint))
        return recent.filter { left in
            let endpoint = left.contact.endpoint
            let count = endpoint.isIPv4 ? ipv4Count : contacts.count - ipv4Count
            return count < Self.fewContacts && !connected.contains(endpoint)
                && now - left.leftAt <= Limits.peerExchangeRecentLife
        }
    }

    private func inOrder(_ contacts: [Contact]) -> [Contact] {
        var ordered = contacts
        ordered.sort { $0.endpoint.isOrderedBefore($1.endpoint) }
        for position in ordered.indices {
            guard let slot = slot(of: ordered[position].key),
                peers[slot]?.supportsHolepunch == true
            else { continue }
            ordered[position].flags.insert(.supportsHolepunch)
        }
        return ordered
    }

    /// One pass over two lists in order. What was told and is there still is not told again, so a
    /// peer that went and came back between two messages is in neither list.
    private static func changes(
        for peer: inout Peer, among contacts: [Contact],
        using generator: inout some RandomNumberGenerator
    ) -> PeerExchangeMessage {
        var joined: [Contact] = []
        var kept: [Endpoint] = []
        var lost: [Endpoint] = []
        var told = peer.told[...]
        for contact in contacts where mayTell(peer, of: contact) {
            while let next = told.first, next.isOrderedBefore(contact.endpoint) {
                lost.append(next)
                told = told.dropFirst()
            }
            guard told.first != contact.endpoint else {
                kept.append(contact.endpoint)
                told = told.dropFirst()
                continue
            }
            if contact.endpoint != joined.last?.endpoint, contact.endpoint != kept.last {
                joined.append(contact)
            }
        }
        lost += told
        let most = PeerWire.Limits.peerExchangeContactsMax
        if joined.count > most {
            // Not always the first ones, or all would hear of the same few.
            joined.shuffle(using: &generator)
            joined.removeLast(joined.count - most)
        }
        let dropped = lost.prefix(most)
        peer.told = (kept + lost.dropFirst(most) + joined.map(\.endpoint))
            .sorted { $0.isOrderedBefore($1) }
        return PeerExchangeMessage(
            added: joined.map { .init($0.endpoint, flags: $0.flags) }, dropped: Array(dropped))
    }

    /// Nobody is told of itself, and an address that means something only near to us is of no use
    /// far away.
    private static func mayTell(_ peer: Peer, of contact: Contact) -> Bool {
        contact.key != peer.key && contact.endpoint != peer.remote
            && isMeaningful(contact.endpoint, at: peer.remote)
    }

    private static func isMeaningful(_ endpoint: Endpoint, at other: Endpoint) -> Bool {
        if endpoint.isLoopback { return other.isLoopback }
        return !endpoint.isLocal || other.isLocal
    }

    // MARK: Being told

    /// Takes what a peer says of its connections. Contacts that it has lost are no news: others
    /// may be connected to them still, so nobody is forgotten on its word.
    mutating func receive(
        _ payload: ByteBuffer, from key: PeerKey, at remote: Endpoint, now: Instant
    ) -> Reception {
        guard isOn else { return .ignored }
        let slot = place(of: key, at: remote, now: now)
        let tolerance = Limits.peerExchangeTolerance
        guard now >= (peers[slot]?.nextMessageAt ?? now) - tolerance,
            let message = try? PeerExchangeMessage(parsing: payload)
        else { return strike(slot) ? .misbehaved : .ignored }
        let onTime = max(peers[slot]?.nextMessageAt ?? now, now)
        peers[slot]?.nextMessageAt = onTime + Limits.peerExchangePeriod
        if message.faultCount > 0 {
            if strike(slot) { return .misbehaved }
        } else if let strikes = peers[slot]?.strikes {
            peers[slot]?.strikes = max(0, strikes - 1)
        }
        // Many ports of one address are a port scan (BEP 11, "Security Considerations").
        var addresses: Set<Endpoint> = []
        return .taken(
            message.added.filter { contact in
                let endpoint = contact.endpoint
                return Self.isMeaningful(endpoint, at: remote)
                    && (endpoint.isLocal || addresses.insert(endpoint.address).inserted)
            })
    }

    /// Whether the peer may bring one more endpoint that nobody else has named.
    func mayBring(_ key: PeerKey, now: Instant) -> Bool {
        guard let slot = slot(of: key), let until = peers[slot]?.newEndpointsUntil else {
            return false
        }
        let longest = Limits.peerExchangeNewInterval * (Limits.peerExchangeNewBurst - 1)
        return until - now <= longest
    }

    /// The peer has brought one.
    mutating func brought(_ key: PeerKey, now: Instant) {
        guard let slot = slot(of: key), let until = peers[slot]?.newEndpointsUntil else { return }
        peers[slot]?.newEndpointsUntil = max(until, now) + Limits.peerExchangeNewInterval
    }

    /// Whether that was one too many.
    private mutating func strike(_ slot: Int) -> Bool {
        peers[slot]?.strikes += 1
        return (peers[slot]?.strikes ?? 0) > Limits.peerExchangeStrikesMax
    }
}
