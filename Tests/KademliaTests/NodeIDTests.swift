import Kademlia
import Testing
import Units

@Suite struct NodeIDTests {
    @Test func isItsTwentyBytes() throws {
        let bytes = (1...20).map { UInt8($0) }
        let id = try #require(NodeID(bytes: bytes))
        #expect(id.bytes == bytes)
        #expect(id.description == "0102030405060708090a0b0c0d0e0f1011121314")
        #expect(NodeID(hex: id.description) == id)
        #expect(NodeID(id.digest) == id)
        #expect(NodeID(bytes: bytes.dropLast()) == nil)
        #expect(NodeID(bytes: bytes + [0]) == nil)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func ordersAndMeasuresAsTheBytesDo(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let a = NodeID.random(using: &generator)
            let shared = Int.random(in: 0...159, using: &generator)
            let b = a.random(sharing: shared, using: &generator)
            #expect(a.commonPrefixLength(with: b) == shared, "seed \(seed)")
            #expect((a < b) == a.bytes.lexicographicallyPrecedes(b.bytes), "seed \(seed)")
            let target = NodeID.random(using: &generator)
            let isCloser = zip(a.bytes, target.bytes).map { $0 ^ $1 }
                .lexicographicallyPrecedes(zip(b.bytes, target.bytes).map { $0 ^ $1 })
            #expect(a.isCloser(to: target, than: b) == isCloser, "seed \(seed)")
            #expect(
                (a.distance(to: target) < b.distance(to: target)) == isCloser, "seed \(seed)")
            #expect(a.bit(shared) != b.bit(shared))
        }
        let id = NodeID.random(using: &generator)
        #expect(id.commonPrefixLength(with: id) == 160)
        #expect(id.distance(to: id) == .zero)
        #expect(id.random(sharing: 160, using: &generator) == id)
    }

    @Test func aDistanceIsAPartOfTheSpace() throws {
        let half = try #require(NodeID(hex: "80" + String(repeating: "0", count: 38)))
        #expect(NodeID.zero.distance(to: half).fraction == 0.5)
        #expect(half.distance(to: half).fraction == 0)
    }
}

@Suite struct SecureIDTests {
    /// BEP 42, "test vectors".
    @Test(arguments: [
        ("124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
        ("21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
        ("65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
        ("84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
        ("43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
    ])
    func vectorsOfBEP42(address: String, hex: String) throws {
        let endpoint = try #require(Endpoint(addressText: address, port: 6881))
        let id = try #require(NodeID(hex: hex))
        #expect(id.isSecure(for: endpoint))
        let random = try #require(id.bytes.last)
        var generator = SeededGenerator(seed: 7)
        let made = NodeID.secure(for: endpoint, random: random, using: &generator)
        #expect(made.commonPrefixLength(with: id) >= 21)
        #expect(made.bytes.last == random)
        // One bit of the 21, and one of the three that choose.
        var bytes = id.bytes
        bytes[2] ^= 8
        #expect(NodeID(bytes: bytes)?.isSecure(for: endpoint) == false)
        bytes[2] ^= 8
        bytes[19] ^= 1
        #expect(NodeID(bytes: bytes)?.isSecure(for: endpoint) == false)
    }

    @Test func ofAnIPv6AddressOnlyTheFirstHalfCounts() throws {
        var generator = SeededGenerator(seed: 1)
        let one = try #require(Endpoint("[2001:db8:1:2::1]:6881"))
        let sameNetwork = try #require(Endpoint("[2001:db8:1:2:ffff::5]:1"))
        let other = try #require(Endpoint("[2001:db8:1:13::1]:6881"))
        for random in UInt8.min...UInt8.max {
            let id = NodeID.secure(for: one, random: random, using: &generator)
            #expect(id.isSecure(for: one) && id.isSecure(for: sameNetwork))
            #expect(!id.isSecure(for: other))
        }
    }

    @Test func atLocalAddressesAnyIDIsSecure() throws {
        var generator = SeededGenerator(seed: 2)
        for text in [
            "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "127.0.0.1", "fe80::1",
        ] {
            let endpoint = try #require(Endpoint(addressText: text, port: 6881))
            #expect(NodeID.random(using: &generator).isSecure(for: endpoint))
        }
    }
}
