import Hashing
import Testing
import Units

@testable import Kademlia

/// What strangers do to a node, and to those who search through them.
@Suite struct HostileNodeTests {
    private static let asked = Endpoint(ipv4: 0x0C00_0001, port: 6881)

    /// A node that has asked somebody for a lookup, and the query's transaction.
    private struct Asking {
        var node: DHTNode
        var output = DHTOutput()
        let work: WorkID
        let contact: NodeContact
        let transaction: TransactionID

        init() throws {
            var generator = SeededGenerator(seed: 1)
            var configuration = DHTNode.Configuration(using: &generator)
            configuration.isMaintained = false
            node = DHTNode(configuration, seed: 2)
            contact = NodeContact(
                id: .secure(for: asked, random: 1, using: &generator), endpoint: asked)
            node.adopt([contact], now: .zero)
            work = node.lookup(.zero, .ipv4, now: .zero, into: &output)
            let packet = try #require(output.packets.first)
            transaction = try Packet(output.bytes(of: packet)).message.transactionID
            output.removeAll()
        }

        mutating func answer(
            _ transaction: TransactionID, from sender: Endpoint, as id: NodeID
        ) throws {
            var buffer = DatagramBuffer()
            let range = buffer.appendPong(transaction, to: sender, from: KRPCSender(id: id))
            buffer.bytes(of: try #require(range)).withUnsafeBytes {
                node.receive($0, from: sender, now: .zero + .milliseconds(50), into: &output)
            }
        }

        var isFinished: Bool { node.workCount == 0 }
    }

    @Test("K3 an answer from another port or address, with another number, or unasked is ignored")
    func k3() throws {
        var asking = try Asking()
        let id = asking.contact.id
        try asking.answer(asking.transaction, from: Self.asked.with(port: 6882), as: id)
        try asking.answer(
            asking.transaction, from: Endpoint(ipv4: 0x0C00_0002, port: 6881), as: id)
        let number = try #require(asking.transaction.number)
        try asking.answer(TransactionID(number ^ 1), from: Self.asked, as: id)
        try asking.answer(TransactionID(number ^ 0x1_0000), from: Self.asked, as: id)
        let short = Making.transactionID("aa")
        try asking.answer(try #require(short), from: Self.asked, as: id)
        #expect(asking.node.counters.answersIgnored == 5)
        #expect(asking.node.counters.answersReceived == 0)
        #expect(!asking.isFinished)
        #expect(asking.node.tableSizes.ipv4 == 1)
        try asking.answer(asking.transaction, from: Self.asked, as: id)
        #expect(asking.node.counters.answersReceived == 1)
        #expect(asking.isFinished)
        // And once is enough.
        try asking.answer(asking.transaction, from: Self.asked, as: id)
        #expect(asking.node.counters.answersIgnored == 6)
    }

    @Test("K3 who answers with another id than was asked is forgotten, not believed")
    func k3OtherID() throws {
        var asking = try Asking()
        try asking.answer(asking.transaction, from: Self.asked, as: Making.other)
        #expect(asking.node.tableSizes.ipv4 == 0)
        #expect(asking.node.counters.answersReceived == 0)
        #expect(asking.isFinished)
    }

    @Test("K5 what is announced goes to nodes whose ids their addresses may have")
    func k5() throws {
        var network = DHTNetwork(seed: 5)
        var chance = SeededGenerator(seed: 55)
        let infoHash = SHA1Digest.hash([5])
        let honest = (0..<24).map { network.add($0) { $0.isMaintained = false } }
        let odd = (100..<108).map { number in
            network.add(number) {
                $0.isMaintained = false
                $0.id = NodeID(infoHash).random(sharing: 20 + number % 8, using: &chance)
            }
        }
        let all = (honest + odd).compactMap { network.contact($0) }
        for endpoint in honest + odd {
            network.with(endpoint) { node, now, _ in node.adopt(all, now: now) }
        }
        let work = network.with(honest[0]) {
            $0.getPeers(
                infoHash, announcing: DHTAnnouncement(port: 9), .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(30))
        let (result, _) = try #require(network.result(of: work, at: honest[0]))
        #expect(result.storedCount == 8)
        #expect(result.closest.allSatisfy { $0.id.isSecure(for: $0.endpoint) })
        #expect(odd.allSatisfy { network.nodes[$0]?.storedCounts.peers == 0 })
    }

    @Test("K6 sybils with ids beside the target do not hide who holds it")
    func k6() throws {
        var network = DHTNetwork(seed: 6)
        let infoHash = SHA1Digest.hash([6])
        let target = NodeID(infoHash)
        let honest = (0..<60).map { network.add($0) { $0.isMaintained = false } }
        let contacts = honest.compactMap { network.contact($0) }
        for endpoint in honest {
            network.with(endpoint) { node, now, _ in node.adopt(contacts, now: now) }
        }
        network.with(honest[0]) {
            _ = $0.getPeers(
                infoHash, announcing: DHTAnnouncement(port: 9), .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(20))
        var generator = SeededGenerator(seed: 7)
        let sybils = (0..<40).map { number in
            NodeContact(
                id: target.random(sharing: 20 + number, using: &generator),
                endpoint: DHTNetwork.endpoint(1000 + number))
        }
        for sybil in sybils {
            network.strangers[sybil.endpoint] = { generator, bytes, sender in
                Self.name(sybils.shuffled(using: &generator).prefix(8), sybil.id, bytes, sender)
            }
        }
        for endpoint in honest {
            network.with(endpoint) { node, now, _ in node.adopt(sybils, now: now) }
        }
        let work = network.with(honest[30]) {
            $0.getPeers(infoHash, .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(60))
        #expect(network.peers(of: work, at: honest[30]) == [honest[0].with(port: 9)])
        let (result, _) = try #require(network.result(of: work, at: honest[30]))
        let nearest = contacts.filter { $0.endpoint != honest[30] }
            .sorted { $0.id.isCloser(to: target, than: $1.id) }.prefix(4)
        #expect(Set(result.closest).isSuperset(of: nearest))
        #expect(result.queries <= 64)
    }

    /// The answer to any query: `nodes`, and a token.
    private static func name(
        _ nodes: some Sequence<NodeContact>, _ id: NodeID, _ bytes: [UInt8], _ sender: Endpoint
    ) -> [[UInt8]] {
        guard let query = try? KRPCMessage(parsing: bytes) else { return [] }
        var buffer = DatagramBuffer()
        let range = buffer.appendPeers(
            [], token: WriteToken(rawValue: 1), nodes: Array(nodes), [], families: .ipv4,
            query.transactionID, to: sender, from: KRPCSender(id: id))
        return range.map { [buffer.bytes(of: $0)] } ?? []
    }

    @Test("K6 nodes closer together than the network's size allows are not followed")
    func k6Density() {
        var generator = SeededGenerator(seed: 8)
        func contact(_ number: Int, sharing bits: Int) -> NodeContact {
            NodeContact(
                id: NodeID.zero.random(sharing: bits, using: &generator),
                endpoint: Endpoint(ipv4: 0x0A00_0001 + UInt32(number) << 8, port: 1))
        }
        var lookup = Lookup(
            target: .zero, family: .ipv4, ownID: Making.id, networkSize: 10_000,
            acceptsLocalAddresses: true, now: .zero)
        let honest = contact(0, sharing: 4)
        let liar = contact(1, sharing: 4)
        for seed in [honest, liar] { lookup.addSeed(seed, roundTrip: nil) }
        func next() -> NodeContact? { lookup.nextQuery(now: .zero, patience: .seconds(1)) }
        #expect(Set([next(), next()]) == [honest, liar])
        let invented = (10..<18).map { contact($0, sharing: 40) }
        lookup.answered(liar, naming: invented, now: .zero)
        let true8 = (20..<28).map { contact($0, sharing: 8) }
        lookup.answered(honest, naming: true8, now: .zero)
        var asked: [NodeContact] = []
        while let contact = next() { asked.append(contact) }
        #expect(asked.count >= 4)
        #expect(Set(asked).isSubset(of: true8))
    }

    @Test("K13 dead, lying and lonely bootstrap nodes are asked ever less often, and then it joins")
    func k13() {
        var network = DHTNetwork(seed: 13)
        let node = network.add(0)
        let dead = (50..<55).map { DHTNetwork.endpoint($0) }
        network.with(node) { $0.addNodes(dead, now: $1, into: &$2) }
        network.run(until: .minutes(60))
        let sent = network.nodes[node]?.counters.queriesSent ?? .max
        #expect(sent >= 10 && sent <= 120, "\(sent)")
        // One that answers, but names only itself and nobodies.
        let liar = NodeContact(id: Making.other, endpoint: DHTNetwork.endpoint(60))
        network.strangers[liar.endpoint] = { generator, bytes, sender in
            let nobodies = (0..<7).map { _ in
                NodeContact(
                    id: .random(using: &generator),
                    endpoint: Endpoint(
                        ipv4: 0x0E00_0000 | UInt32(truncatingIfNeeded: generator.next()) >> 8,
                        port: 1))
            }
            return Self.name([liar] + nobodies, liar.id, bytes, sender)
        }
        network.with(node) { $0.addNodes([liar.endpoint], now: $1, into: &$2) }
        network.run(until: .minutes(80))
        let more = (network.nodes[node]?.counters.queriesSent ?? .max) - sent
        #expect(more < 20 * 60 * 3, "\(more)")
        // And through a PORT message of a peer it comes in after all.
        let others = (1..<10).map { network.add($0) }
        for endpoint in others.dropFirst() {
            network.with(endpoint) { $0.addNodes([others[0]], now: $1, into: &$2) }
        }
        network.with(node) { $0.addNodes([others[3]], now: $1, into: &$2) }
        network.run(until: .minutes(82))
        #expect((network.nodes[node]?.tableSizes.ipv4 ?? 0) >= 9)
    }

    @Test("K14 who is read-only is answered, and neither asked nor known")
    func k14() throws {
        var network = DHTNetwork(seed: 14)
        let node = network.add(0)
        let hermit = network.add(1) { $0.isReadOnly = true }
        network.with(hermit) { $0.addNodes([node], now: $1, into: &$2) }
        network.run(until: .minutes(10))
        #expect(network.nodes[hermit]?.tableSizes.ipv4 == 1)
        #expect(network.nodes[node]?.tableSizes.ipv4 == 0)
        #expect(network.nodes[node]?.counters.queriesSent == 0)
        #expect((network.nodes[node]?.counters.repliesSent ?? 0) > 0)
        // It answers nobody itself.
        let ping = network.with(node) { $0.ping(hermit, now: $1, into: &$2) }
        network.run(until: .minutes(11))
        #expect(try #require(network.result(of: ping, at: node)).0.closest.isEmpty)
    }

    @Test(
        "K16 inventions that come ever closer end a lookup at 64 queries and 30 seconds",
        arguments: [20, 900] as [Int64])
    func k16(milliseconds: Int64) {
        var generator = SeededGenerator(seed: 16)
        var lookup = Lookup(
            target: .zero, family: .ipv4, ownID: Making.id, acceptsLocalAddresses: true, now: .zero)
        var number: UInt32 = 0
        func invent(_ bits: Int) -> NodeContact {
            number += 1
            return NodeContact(
                id: NodeID.zero.random(sharing: bits, using: &generator),
                endpoint: Endpoint(ipv4: 0x0A00_0001 + number << 8, port: 1))
        }
        for _ in 0..<8 { lookup.addSeed(invent(2), roundTrip: nil) }
        var now = Instant.zero
        var bits = 3
        while !lookup.isFinished(now: now) {
            let patience = Interval.milliseconds(milliseconds)
            guard let contact = lookup.nextQuery(now: now, patience: patience) else {
                now = lookup.nextDeadline()
                continue
            }
            now = now + patience
            bits = min(bits + 1, 150)
            lookup.answered(contact, naming: (0..<8).map { _ in invent(bits) }, now: now)
        }
        #expect(lookup.queryCount <= 64)
        #expect(now <= .zero + .seconds(30) + .milliseconds(milliseconds))
        #expect(lookup.candidates.count <= 100)
    }

    @Test("W21 an address that peers name is asked once in 5 minutes, and of 10,000 few")
    func w21() {
        var generator = SeededGenerator(seed: 21)
        var node = DHTNode(DHTNode.Configuration(using: &generator), seed: 1)
        var output = DHTOutput()
        for _ in 0..<10_000 { node.addNodes([Self.asked], now: .zero, into: &output) }
        node.addNodes([Self.asked.with(port: 0)], now: .zero, into: &output)
        #expect(output.packets.map(\.endpoint) == [Self.asked])
        output.removeAll()
        node.addNodes([Self.asked], now: .zero + .seconds(299), into: &output)
        #expect(output.packets.isEmpty)
        node.addNodes([Self.asked], now: .zero + .seconds(300), into: &output)
        #expect(output.packets.count == 1)
        for number in 0..<10_000 as Range<UInt32> {
            let endpoint = Endpoint(ipv4: 0x0D00_0001 + number << 8, port: 6881)
            node.addNodes([endpoint], now: .zero + .seconds(301), into: &output)
        }
        #expect(output.packets.count <= 256)
    }

    // MARK: Our address (BEP 42)

    @Test func anIDThatTheAddressMayNotHaveIsReplacedWhenOthersTellTheAddress() throws {
        var network = DHTNetwork(seed: 42)
        let others = (1..<16).map { network.add($0) }
        let node = network.add(0) { $0.id = Making.id }
        for endpoint in others.dropFirst() + [node] {
            network.with(endpoint) { $0.addNodes([others[0]], now: $1, into: &$2) }
        }
        network.run(until: .minutes(5))
        let id = try #require(network.nodes[node]?.id(.ipv4))
        #expect(id.isSecure(for: node))
        #expect(network.nodes[node]?.externalAddress(.ipv4) == node.address)
        #expect((network.nodes[node]?.tableSizes.ipv4 ?? 0) >= 10)
        // Those whose ids are secure keep them.
        for told in network.told where told.node != node {
            if case .idChanged = told.event { Issue.record("\(told.node)") }
        }
    }

    @Test func oneLookupAndOneNetworkDoNotDecideOurAddress() {
        let claimed = Endpoint(ipv4: 0x0505_0505, port: 1)
        func voter(_ number: Int) -> Endpoint {
            Endpoint(ipv4: 0x0B00_0001 + UInt32(number) << 8, port: 6881)
        }
        var votes = AddressVotes()
        for number in 0..<10 {
            #expect(votes.count(claimed, from: voter(number), lookup: 1) == nil)
        }
        #expect(votes.count(claimed, from: voter(20), lookup: 2) == claimed)
        var others = AddressVotes()
        for lookup in 0..<50 as Range<UInt64> {
            #expect(others.count(claimed, from: voter(1), lookup: lookup) == nil)
        }
    }
}
