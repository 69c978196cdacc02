import Hashing
import Kademlia
import Testing
import Units

@Suite struct DHTNodeTests {
    /// The smallest networks there are.
    @Test(arguments: 1...3) func aNetworkOfOneTwoAndThreeNodesFindsItself(count: Int) throws {
        var network = DHTNetwork(seed: 1)
        let all = (0..<count).map { network.add($0) }
        for endpoint in all.dropFirst() {
            network.with(endpoint) { $0.addNodes([all[0]], now: $1, into: &$2) }
        }
        network.run(until: .seconds(60))
        for endpoint in all {
            #expect(network.nodes[endpoint]?.tableSizes.ipv4 == count - 1)
        }
        let infoHash = SHA1Digest.hash([7])
        let announce = network.with(all[0]) {
            $0.getPeers(
                infoHash, announcing: DHTAnnouncement(port: 4000), .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(80))
        let (result, _) = try #require(network.result(of: announce, at: all[0]))
        #expect(result.closest.count == count - 1)
        #expect(result.storedCount == count - 1)
        guard count == 3 else { return }
        let search = network.with(all[1]) { $0.getPeers(infoHash, .ipv4, now: $1, into: &$2) }
        network.run(until: .seconds(100))
        #expect(network.peers(of: search, at: all[1]) == [all[0].with(port: 4000)])
    }

    @Test func theSameSeedGivesTheSameTrace() {
        func trace(_ seed: UInt64) -> [String] {
            var network = DHTNetwork(seed: seed)
            network.isTraced = true
            let all = (0..<12).map { network.add($0) }
            for endpoint in all.dropFirst() {
                network.with(endpoint) { $0.addNodes([all[0]], now: $1, into: &$2) }
            }
            network.run(until: .seconds(30))
            return network.trace
        }
        let first = trace(5)
        #expect(first.count > 100)
        #expect(first == trace(5))
        #expect(first != trace(6))
    }

    @Test func aRestartIsWarm() throws {
        var network = DHTNetwork(seed: 9)
        let all = (0..<20).map { network.add($0) }
        for endpoint in all.dropFirst() {
            network.with(endpoint) { $0.addNodes([all[0]], now: $1, into: &$2) }
        }
        network.run(until: .seconds(60))
        let saved = try #require(network.nodes[all[4]]?.savedContacts)
        #expect(saved.count >= 10)
        let late = network.add(30)
        network.with(late) { $0.restore(saved, now: $1, into: &$2) }
        let target = NodeID.random(using: &network.generator)
        let work = network.with(late) { $0.lookup(target, .ipv4, now: $1, into: &$2) }
        network.run(until: .seconds(62))
        let (result, _) = try #require(network.result(of: work, at: late))
        let nearest = all.compactMap { network.contact($0) }
            .sorted { $0.id.isCloser(to: target, than: $1.id) }.prefix(8)
        #expect(result.closest == Array(nearest))
    }

    /// Our own bootstrap node may be what joins two halves of a network; a stranger may name whom
    /// he wants to have asked.
    @Test func whoIsKnownToUsIsAskedAgainAndWhomAStrangerNamesIsNot() {
        var network = DHTNetwork(seed: 11)
        let all = (0..<2).map { network.add($0) }
        network.with(all[1]) { $0.addNodes([all[0]], now: $1, into: &$2) }
        let late = Endpoint(ipv4: 0x0B00_00FE, port: 6881)
        func asked(insists: Bool) -> Int {
            var output = DHTOutput()
            network.with(all[1]) {
                $0.addNodes([late], insists: insists, now: $1, into: &output)
                $2 = output
            }
            return output.packets.filter { $0.endpoint == late }.count
        }
        #expect(asked(insists: false) == 1)
        network.run(until: .seconds(60))
        #expect(network.nodes[all[1]]?.tableSizes.ipv4 == 1)
        #expect(asked(insists: false) == 0)
        #expect(asked(insists: true) == 1)
    }

    @Test func theTableIsKeptAlive() {
        var network = DHTNetwork(seed: 10)
        let all = (0..<20).map { network.add($0) }
        for endpoint in all.dropFirst() {
            network.with(endpoint) { $0.addNodes([all[0]], now: $1, into: &$2) }
        }
        network.run(until: .seconds(60))
        for endpoint in all[15...] { network.nodes[endpoint] = nil }
        let sent = network.nodes[all[2]]?.counters.queriesSent ?? 0
        network.run(until: .minutes(40))
        // The dead are forgotten, the living are not, and it took no storms.
        for endpoint in all[..<15] { #expect(network.nodes[endpoint]?.tableSizes.ipv4 == 14) }
        let queries = (network.nodes[all[2]]?.counters.queriesSent ?? 0) - sent
        #expect(queries < 40 * 40, "\(queries)")
    }

    @Test func bothFamiliesHaveTablesOfTheirOwn() throws {
        var output = DHTOutput()
        var generator = SeededGenerator(seed: 3)
        let configuration = DHTNode.Configuration(using: &generator)
        var node = DHTNode(configuration, seed: 1)
        let four = NodeContact(
            id: .random(using: &generator), endpoint: Endpoint(ipv4: 0x0B00_0001, port: 6881))
        let six = NodeContact(
            id: .random(using: &generator),
            endpoint: Endpoint(ipv6High: 0x2001_0DB9_0000_0001, low: 1, port: 6881))
        node.adopt([four, six], now: .zero)
        #expect(node.tableSizes == (1, 1))
        func ask(_ want: String, from sender: Endpoint) throws -> (nodes: Int?, nodes6: Int?) {
            let query =
                "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456\(want)e"
                + "1:q9:find_node1:t2:aa1:y1:qe"
            Array(query.utf8).withUnsafeBytes {
                node.receive($0, from: sender, now: .zero, into: &output)
            }
            defer { output.removeAll() }
            let sent = try #require(output.packets.first)
            let packet = try Packet(output.bytes(of: sent))
            return (packet.message.nodes?.count, packet.message.nodes6?.count)
        }
        #expect(try ask("", from: Endpoint(ipv4: 0x0C00_0001, port: 1)) == (26, nil))
        #expect(
            try ask("", from: Endpoint(ipv6High: 0x2001_0DBA << 32, low: 1, port: 1)) == (nil, 38))
        #expect(
            try ask("4:wantl2:n42:n6e", from: Endpoint(ipv4: 0x0C00_0001, port: 1)) == (26, 38))
        #expect(try ask("4:wantl2:n6e", from: Endpoint(ipv4: 0x0C00_0001, port: 1)) == (nil, 38))
    }
}
