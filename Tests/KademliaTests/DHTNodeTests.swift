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
        let target = NodeID.random(using: &network.generator)
        let work = network.with(all[0]) { $0.lookup(target, .ipv4, now: $1, into: &$2) }
        network.run(until: .seconds(120))
        let (result, _) = try #require(network.result(of: work, at: all[0]))
        #expect(result.closest.count == count - 1)
    }
}

@Suite struct DHTWorkTests {
    /// Twenty nodes that have found each other.
    private static func settled(seed: UInt64) -> (DHTNetwork, [Endpoint]) {
        var network = DHTNetwork(seed: seed)
        let all = (0..<20).map { network.add($0) }
        for endpoint in all.dropFirst() {
            network.with(endpoint) { $0.addNodes([all[0]], now: $1, into: &$2) }
        }
        network.run(until: .seconds(60))
        return (network, all)
    }

    private static let infoHash = SHA1Digest.hash([1, 2, 3])

    @Test func whatOneAnnouncesAnotherFinds() throws {
        var (network, all) = Self.settled(seed: 2)
        let announce = network.with(all[3]) {
            $0.getPeers(
                Self.infoHash, announcing: DHTAnnouncement(port: 4000), .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(70))
        let (result, _) = try #require(network.result(of: announce, at: all[3]))
        #expect(result.storedCount == 8)
        #expect(result.refusals.isEmpty)
        let search = network.with(all[17]) {
            $0.getPeers(Self.infoHash, .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(80))
        #expect(network.result(of: search, at: all[17]) != nil)
        #expect(network.peers(of: search, at: all[17]) == [all[3].with(port: 4000)])
    }
}
