import Kademlia
import Units

/// A host that plays a node and lies. It answers pings, so that it stays in tables, asks nobody
/// anything, and forgets what it is given to store.
struct Liar {
    let contact: NodeContact

    func answer(
        _ datagram: UnsafeRawBufferPointer, from asker: Endpoint, ring: LiarRing,
        into outbox: inout Outbox
    ) {
        guard let message = try? KRPCMessage(parsing: datagram),
            case .query(let method) = message.kind
        else { return }
        ring.packet.removeAll()
        let range: Range<Int>?
        switch method {
        case .ping, .announcePeer, .put:
            let sender = KRPCSender(id: ring.part(of: contact, for: asker) ?? contact.id)
            range = ring.packet.appendPong(message.transactionID, to: asker, from: sender)
        case .findNode, .getPeers, .get, .sampleInfohashes, .unknown:
            guard let target = message.target else { return }
            range = lie(message, method, about: target, to: asker, ring)
        }
        guard let range else { return }
        ring.packet.withUnsafeBytes(of: range) { outbox.send($0, to: asker) }
    }

    private func lie(
        _ message: KRPCMessage, _ method: KRPCMessage.Method, about target: NodeID,
        to asker: Endpoint, _ ring: LiarRing
    ) -> Range<Int>? {
        let sender = KRPCSender(id: ring.part(of: contact, for: asker) ?? contact.id)
        let lie = ring.chooseLie()
        guard lie != .silence else { return nil }
        let nodes = ring.contacts(lie, near: target, for: asker, by: contact)
        let peers = lie == .peers && method == .getPeers ? ring.inventedPeers(8) : []
        let families = AddressFamilies(asker.family)
        let isIPv4 = asker.isIPv4
        let none: [NodeContact] = []
        guard method == .getPeers else {
            return ring.packet.appendNodes(
                (isIPv4 ? nodes : none), (isIPv4 ? none : nodes), families: families,
                message.transactionID, to: asker, from: sender)
        }
        return ring.packet.appendPeers(
            peers, token: WriteToken(rawValue: 0x6C69_6172),
            nodes: (isIPv4 ? nodes : none), (isIPv4 ? none : nodes),
            families: families, message.transactionID, to: asker, from: sender)
    }
}

/// What the liars know together. They are of one mind and know each other at once, as if one
/// attacker had rented all of their addresses.
final class LiarRing {
    private struct Part: Hashable {
        let asker: Endpoint
        let liar: Endpoint
    }

    var packet = DatagramBuffer()
    private let lies: [Lie]
    private var generator: SeededGenerator
    private var members: [NodeContact] = []
    private let isIPv6: Bool
    /// Whom a liar was said to be, to whom.
    private var parts: [Part: NodeID] = [:]

    init(lies: [Lie], isIPv6: Bool, generator: SeededGenerator) {
        self.lies = lies
        self.isIPv6 = isIPv6
        self.generator = generator
    }

    func join(_ contact: NodeContact) { members.append(contact) }

    func chooseLie() -> Lie { lies[generator.nextBelow(lies.count)] }

    /// The id under which this asker was sent to a liar, if it was.
    func part(of liar: NodeContact, for asker: Endpoint) -> NodeID? {
        parts[Part(asker: asker, liar: liar.endpoint)]
    }

    func contacts(
        _ lie: Lie, near target: NodeID, for asker: Endpoint, by liar: NodeContact
    ) -> [NodeContact] {
        switch lie {
        case .nearer: nearer(to: target, for: asker)
        case .dead: (0..<8).map { _ in NodeContact(id: idNear(target), endpoint: address()) }
        case .collude, .peers, .silence: nearest(to: target, but: liar)
        }
    }

    private func nearer(to target: NodeID, for asker: Endpoint) -> [NodeContact] {
        guard !members.isEmpty else { return [] }
        if parts.count > Limits.liarPartsMax { parts.removeAll() }
        return (0..<8).map { _ in
            let endpoint = members[generator.nextBelow(members.count)].endpoint
            let id = idNear(target)
            parts[Part(asker: asker, liar: endpoint)] = id
            return NodeContact(id: id, endpoint: endpoint)
        }
    }

    private func nearest(to target: NodeID, but liar: NodeContact) -> [NodeContact] {
        var best: [NodeContact] = []
        for member in members where member != liar {
            if best.count == 8, let last = best.last, !member.id.isCloser(to: target, than: last.id)
            {
                continue
            }
            let place = best.firstIndex { member.id.isCloser(to: target, than: $0.id) }
            best.insert(member, at: place ?? best.count)
            if best.count > 8 { best.removeLast() }
        }
        return best
    }

    /// An id with at least 32 bits in common with the target: nearer than any honest one.
    private func idNear(_ target: NodeID) -> NodeID {
        target.random(sharing: 32 + generator.nextBelow(64), using: &generator)
    }

    /// Public addresses where most likely nobody is.
    private func address() -> Endpoint {
        while true {
            let word = generator.next()
            let endpoint =
                isIPv6
                ? Endpoint(ipv6High: 0x2 << 60 | word >> 4, low: generator.next(), port: 6881)
                : Endpoint(ipv4: UInt32(truncatingIfNeeded: word), port: 6881)
            if endpoint.isDialable, !endpoint.isLocal { return endpoint }
        }
    }

    func inventedPeers(_ count: Int) -> [Endpoint] { (0..<count).map { _ in address() } }
}
