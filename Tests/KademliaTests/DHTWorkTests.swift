import Hashing
import Kademlia
import Testing
import Units

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

    @Test func aScrapeCountsSeedsAndPeers() throws {
        var (network, all) = Self.settled(seed: 3)
        for number in 1...6 {
            network.with(all[number]) {
                _ = $0.getPeers(
                    Self.infoHash,
                    announcing: DHTAnnouncement(
                        port: 4000, isImpliedPort: true, isSeed: number <= 2),
                    .ipv4, now: $1, into: &$2)
            }
        }
        network.run(until: .seconds(70))
        let work = network.with(all[12]) {
            $0.scrape(Self.infoHash, .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(80))
        let scraped = network.told.compactMap { told -> (Double, Double)? in
            guard case .scraped(let id, let seeds, let peers) = told.event, id == work else {
                return nil
            }
            return (seeds, peers)
        }
        let (seeds, peers) = try #require(scraped.first)
        #expect(abs(seeds - 2) < 0.5)
        #expect(abs(peers - 4) < 0.5)
        #expect(network.peers(of: work, at: all[12]).contains(all[5]))
    }

    @Test func aValueIsPutAndFoundByItsHash() throws {
        var (network, all) = Self.settled(seed: 4)
        let item = DHTItem(value: Array("12:Hello World!".utf8))
        let put = network.with(all[1]) { $0.put(item, .ipv4, now: $1, into: &$2) }
        network.run(until: .seconds(70))
        #expect(network.result(of: put, at: all[1])?.0.storedCount == 8)
        let get = network.with(all[15]) {
            $0.get(immutable: item.target(), .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(80))
        #expect(network.items(of: get, at: all[15]) == [item])
    }

    @Test func aSignedValueGoesForwardOnlyAndOneSwapOfTwoWins() throws {
        var (network, all) = Self.settled(seed: 5)
        guard let key = Ed25519PrivateKey(seed: [UInt8](repeating: 7, count: 32)) else {
            Issue.record("no key")
            return
        }
        let publicKey = key.publicKey
        let salt = Array("news".utf8)
        let made = [("1:a", 1), ("1:b", 2), ("1:c", 3), ("1:d", 1)].map { text, sequence in
            DHTItem(
                value: Array(text.utf8), sequence: sequence, salt: salt, signingWith: key)
        }
        let items = made.compactMap { $0 }
        try #require(items.count == 4)
        var time: Int64 = 60
        func put(_ item: DHTItem, expecting: Int64? = nil, at place: Int) throws -> DHTResult {
            let work = network.with(all[place]) {
                $0.put(item, salt: salt, expecting: expecting, .ipv4, now: $1, into: &$2)
            }
            time += 10
            network.run(until: .seconds(time))
            return try #require(network.result(of: work, at: all[place])).0
        }
        #expect(try put(items[0], at: 1).storedCount == 8)
        let second = try put(items[1], expecting: 1, at: 2)
        #expect(second.storedCount == 8)
        #expect(second.sequence == 1)
        // Whoever still believes in the first comes too late.
        let third = try put(items[2], expecting: 1, at: 3)
        #expect(third.isConflict)
        #expect(third.storedCount == 0)
        #expect(try put(items[3], at: 4).isConflict)
        let get = network.with(all[15]) {
            $0.get(signedBy: publicKey, salt: salt, .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(time + 10))
        #expect(network.items(of: get, at: all[15]).last == items[1])
        #expect(network.result(of: get, at: all[15])?.0.sequence == 2)
    }

    @Test func samplesNameWhatIsStored() throws {
        var (network, all) = Self.settled(seed: 6)
        network.with(all[1]) {
            _ = $0.getPeers(
                Self.infoHash, announcing: DHTAnnouncement(port: 4000), .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(70))
        let work = network.with(all[9]) {
            $0.sample(near: NodeID(Self.infoHash), .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(80))
        let samples = network.told.compactMap { told -> DHTSamples? in
            guard case .samples(let id, let samples, _) = told.event, id == work else { return nil }
            return samples
        }
        #expect(samples.count >= 8)
        #expect(samples.contains { $0.infoHashes == [Self.infoHash] && $0.storedCount == 1 })
        // Who was asked is not asked for another as long as it has none.
        let again = network.with(all[9]) {
            $0.sample(near: NodeID(Self.infoHash), .ipv4, now: $1, into: &$2)
        }
        network.run(until: .seconds(90))
        let result = try #require(network.result(of: again, at: all[9])).0
        #expect(result.answers >= 8)
        let others = network.told.count {
            if case .samples(let id, _, _) = $0.event { id == again } else { false }
        }
        #expect(others + samples.count <= 19)
    }

    @Test func aPingTellsWhoIsThereAndWhoIsNot() throws {
        var (network, all) = Self.settled(seed: 7)
        let there = network.with(all[1]) { $0.ping(all[2], now: $1, into: &$2) }
        let nobody = DHTNetwork.endpoint(77)
        let absent = network.with(all[1]) { $0.ping(nobody, now: $1, into: &$2) }
        network.run(until: .seconds(70))
        let found = try #require(network.result(of: there, at: all[1])).0
        #expect(found.closest == [try #require(network.contact(all[2]))])
        #expect(try #require(network.result(of: absent, at: all[1])).0.closest.isEmpty)
    }

    @Test func workThatIsCancelledIsNotHeardOfAgain() {
        var (network, all) = Self.settled(seed: 8)
        let work = network.with(all[1]) { node, now, output in
            let work = node.lookup(.zero, .ipv4, now: now, into: &output)
            node.cancel(work)
            return work
        }
        network.run(until: .seconds(70))
        #expect(network.result(of: work, at: all[1]) == nil)
        #expect(network.nodes[all[1]]?.workCount == 0)
    }

    @Test func everyStepIsToldIfThatIsWanted() throws {
        var network = DHTNetwork(seed: 11)
        let all = (0..<20).map { network.add($0) { $0.isTracing = true } }
        for endpoint in all.dropFirst() {
            network.with(endpoint) { $0.addNodes([all[0]], now: $1, into: &$2) }
        }
        network.run(until: .seconds(60))
        let work = network.with(all[1]) { $0.lookup(.zero, .ipv4, now: $1, into: &$2) }
        network.run(until: .seconds(70))
        let (result, _) = try #require(network.result(of: work, at: all[1]))
        let hops = network.told.compactMap { told -> DHTHop? in
            guard case .hop(let id, let hop) = told.event, id == work, told.node == all[1] else {
                return nil
            }
            return hop
        }
        #expect(hops.count { $0.outcome == .asked } <= result.queries)
        #expect(
            hops.count {
                if case .answered = $0.outcome { true } else { false }
            } == result.answers)
    }
}
