import Hashing
import Kademlia
import Testing
import Units

@Suite struct PeerStoreTests {
    private let hash = Making.other
    private let now = Instant.zero + .minutes(60)

    private func peer(_ number: Int, port: UInt16 = 6881) -> Endpoint {
        Endpoint(ipv4: 0x0800_0000 + UInt32(number), port: port)
    }

    private func peers(
        _ store: inout PeerStore, _ family: AddressFamily = .ipv4, noSeed: Bool = false,
        limit: Int = 128, at now: Instant? = nil, seed: UInt64 = 1
    ) -> [Endpoint] {
        var generator = SeededGenerator(seed: seed)
        var found: [Endpoint] = []
        store.peers(
            of: hash, family, noSeed: noSeed, limit: limit, now: now ?? self.now, using: &generator,
            into: &found)
        return found
    }

    @Test func keepsAPeerOfEachAddressFor45Minutes() throws {
        var store = PeerStore()
        try store.announce(hash, peer: peer(1), isSeed: false, now: now)
        try store.announce(hash, peer: peer(1, port: 7), isSeed: true, now: now + .minutes(10))
        try store.announce(hash, peer: Making.asker6, isSeed: false, now: now + .minutes(10))
        #expect(store.peerCount == 2)
        #expect(peers(&store) == [peer(1, port: 7)])
        #expect(peers(&store, .ipv6) == [Making.asker6])
        #expect(peers(&store, noSeed: true) == [])
        #expect(peers(&store, at: now + .minutes(54)).count == 1)
        #expect(peers(&store, at: now + .minutes(55)).isEmpty)
        store.expire(now: now + .minutes(54))
        #expect(store.torrentCount == 1)
        store.expire(now: now + .minutes(55))
        #expect(store.peerCount == 0 && store.torrentCount == 0)
    }

    @Test func keepsSeveralPeersOfOneMachineOnALocalNetwork() throws {
        var store = PeerStore()
        let loopback = Endpoint(ipv4: 0x7F00_0001, port: 7001)
        for port: UInt16 in [7001, 7002, 7001] {
            try store.announce(hash, peer: loopback.with(port: port), isSeed: false, now: now)
        }
        #expect(Set(peers(&store).map(\.port)) == [7001, 7002])
        #expect(store.peerCount == 2)
    }

    @Test func givesSomeOfManyByChance() throws {
        var store = PeerStore()
        for number in 0..<100 {
            try store.announce(hash, peer: peer(number), isSeed: false, now: now)
        }
        var seen: Set<Endpoint> = []
        for seed in 0..<50 {
            let some = peers(&store, limit: 10, seed: UInt64(seed))
            #expect(some.count == 10 && Set(some).count == 10)
            #expect(some == peers(&store, limit: 10, seed: UInt64(seed)))
            seen.formUnion(some)
        }
        #expect(seen.count > 80)
    }

    @Test func aPeerWithoutAPortIsNone() {
        var store = PeerStore()
        #expect(throws: KRPCErrorCode.protocolError) {
            try store.announce(hash, peer: peer(1, port: 0), isSeed: false, now: now)
        }
    }

    @Test("K8 one address is a peer of at most 1,000 info-hashes, and others are not hurt")
    func k8Quota() throws {
        var generator = SeededGenerator(seed: 1)
        var store = PeerStore()
        var refused = 0
        for number in 0..<5000 {
            do {
                let flooded = NodeID.random(using: &generator)
                try store.announce(
                    flooded, peer: peer(1, port: UInt16(number + 1)), isSeed: false, now: now)
            } catch {
                refused += 1
            }
            if number % 100 == 0 {
                let own = NodeID.random(using: &generator)
                try store.announce(own, peer: peer(1000 + number), isSeed: false, now: now)
            }
        }
        #expect(refused == 4000)
        #expect(store.torrentCount == 1050)
        // It is the networks of 64 bits that count for IPv6.
        refused = 0
        for number in 0..<1500 {
            let peer = Endpoint(ipv6High: 0x2001_0DB8 << 32, low: UInt64(number), port: 1)
            do {
                try store.announce(.random(using: &generator), peer: peer, isSeed: false, now: now)
            } catch {
                refused += 1
            }
        }
        #expect(refused == 500)
        // What has expired is free again.
        try store.announce(hash, peer: peer(1), isSeed: false, now: now + .minutes(50))
    }

    @Test("K8 there are at most 10,000 info-hashes, and what was not announced for longest goes")
    func k8Torrents() throws {
        var generator = SeededGenerator(seed: 2)
        var store = PeerStore()
        try store.announce(hash, peer: peer(1), isSeed: false, now: now)
        let early = NodeID.random(using: &generator)
        try store.announce(early, peer: peer(2), isSeed: false, now: now)
        for number in 0..<12_000 {
            try store.announce(
                .random(using: &generator), peer: peer(10 + number % 5000), isSeed: false, now: now)
            if number % 1000 == 0 {
                try store.announce(hash, peer: peer(1), isSeed: false, now: now)
            }
        }
        #expect(store.torrentCount == 10_000 && store.peerCount == 10_000)
        #expect(peers(&store) == [peer(1)])
        var found: [Endpoint] = []
        store.peers(
            of: early, .ipv4, limit: 8, now: now, using: &generator, into: &found)
        #expect(found.isEmpty)
    }

    @Test("K8 an info-hash has at most 1,000 peers, and gives no tokens when it is full")
    func k8Peers() throws {
        var store = PeerStore()
        for number in 0..<1000 {
            #expect(store.hasRoom(for: hash, now: now))
            try store.announce(
                hash, peer: peer(number), isSeed: false, now: now + .seconds(Int64(number)))
        }
        #expect(!store.hasRoom(for: hash, now: now + .seconds(1000)))
        #expect(store.hasRoom(for: hash, now: now + .minutes(45)))
        for number in 1000..<3000 {
            try store.announce(
                hash, peer: peer(number), isSeed: false, now: now + .seconds(1000))
        }
        #expect(store.peerCount == 1000)
        #expect(peers(&store).allSatisfy { $0.low & 0xFFFF >= 2000 })
    }

    @Test func scrapesTellSeedsFromPeers() throws {
        var store = PeerStore()
        let none = store.filters(of: hash, now: now)
        #expect(none == nil)
        for number in 0..<300 {
            try store.announce(hash, peer: peer(number), isSeed: number < 100, now: now)
        }
        let made = store.filters(of: hash, now: now)
        let filters = try #require(made)
        #expect(abs(filters.seeds.estimatedCount - 100) < 10)
        #expect(abs(filters.peers.estimatedCount - 200) < 15)
        #expect((0..<100).allSatisfy { filters.seeds.mayContain(peer($0)) })
        #expect((100..<300).allSatisfy { filters.peers.mayContain(peer($0)) })
        // Made anew when they are a minute old.
        for number in 900..<920 {
            try store.announce(hash, peer: peer(number), isSeed: false, now: now + .seconds(30))
        }
        let same = store.filters(of: hash, now: now + .seconds(59))
        let other = store.filters(of: hash, now: now + .seconds(60))
        #expect(same == filters && other != filters)
    }

    @Test("K12 a sample is of different info-hashes, and stands while it says so")
    func k12Sample() throws {
        var generator = SeededGenerator(seed: 3)
        var store = PeerStore()
        func sample(_ now: Instant) -> ([SHA1Digest], Interval) {
            store.withSample(now: now, using: &generator) { ($0, $1) }
        }
        #expect(sample(now).0.isEmpty)
        var hashes: Set<SHA1Digest> = []
        for number in 0..<30 {
            let hash = NodeID(SHA1Digest.hash([UInt8(number)]))
            hashes.insert(hash.digest)
            try store.announce(hash, peer: peer(number), isSeed: false, now: now)
        }
        #expect(Set(sample(now).0) == hashes)
        for number in 30..<200 {
            let hash = NodeID(SHA1Digest.hash([UInt8(number)]))
            hashes.insert(hash.digest)
            try store.announce(hash, peer: peer(number), isSeed: false, now: now)
        }
        let first = sample(now + .minutes(10))
        #expect(Set(first.0).count == 40 && Set(first.0).isSubset(of: hashes))
        #expect(first.1 == .minutes(10))
        let second = sample(now + .minutes(14))
        #expect(second.0 == first.0 && second.1 == .minutes(6))
        #expect(sample(now + .minutes(20)).0 != first.0)
    }
}

@Suite struct ScrapeFilterTests {
    /// BEP 33, "Test Vectors".
    @Test func vectorOfBEP33() throws {
        var filter = ScrapeFilter()
        for number in 0...255 {
            filter.insert(Endpoint(ipv4: 0xC000_0200 + UInt32(number), port: 0))
        }
        for number in 0...0x3E7 {
            filter.insert(Endpoint(ipv6High: 0x2001_0DB8 << 32, low: UInt64(number), port: 9))
        }
        let expected = """
            F6C3F5EA A07FFD91 BDE89F77 7F26FB2B FF37BDB8 FB2BBAA2 FD3DDDE7 BACFFF75 EE7CCBAE
            FE5EEDB1 FBFAFF67 F6ABFF5E 43DDBCA3 FD9B9FFD F4FFD3E9 DFF12D1B DF59DB53 DBE9FA5B
            7FF3B8FD FCDE1AFB 8BEDD7BE 2F3EE71E BBBFE93B CDEEFE14 8246C2BC 5DBFF7E7 EFDCF24F
            D8DC7ADF FD8FFFDF DDFFF7A4 BBEEDF5C B95CE81F C7FCFF1F F4FFFFDF E5F7FDCB B7FD79B3
            FA1FC77B FE07FFF9 05B7B7FF C7FEFEFF E0B8370B B0CD3F5B 7F2BD93F EB4386CF DD6F7FD5
            BFAF2E9E BFFFFEEC D67ADBF7 C67F17EF D5D75EBA 6FFEBA7F FF47A91E B1BFBB53 E8ABFB57
            62ABE8FF 237279BF EFBFEEF5 FFC5FEBF DFE5ADFF ADFEE1FB 737FFFFB FD9F6AEF FEEE76B6
            FD8F72EF
            """
        let hex = String(decoding: expected.utf8.filter { $0 > 0x20 }, as: UTF8.self)
        #expect(filter.bytes == bytes(fromHex: hex))
        #expect(abs(filter.estimatedCount - 1224.9308) < 0.0001)
    }

    @Test func estimatesWhatIsEmptyFullAndUnited() throws {
        #expect(ScrapeFilter().estimatedCount < 1)
        let full = try #require(
            [UInt8](repeating: 255, count: 256).withUnsafeBytes { ScrapeFilter(bytes: $0) })
        #expect(full.estimatedCount > 7000 && full.estimatedCount.isFinite)
        var (a, b) = (ScrapeFilter(), ScrapeFilter())
        for number in 0..<200 {
            a.insert(Endpoint(ipv4: UInt32(number), port: 0))
            b.insert(Endpoint(ipv4: UInt32(number + 100), port: 0))
        }
        a.formUnion(b)
        #expect(abs(a.estimatedCount - 300) < 20)
        #expect(
            [UInt8](repeating: 0, count: 255).withUnsafeBytes { ScrapeFilter(bytes: $0) } == nil)
    }
}
