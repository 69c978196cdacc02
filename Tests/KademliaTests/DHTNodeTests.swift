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
