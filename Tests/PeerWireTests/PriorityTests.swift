import Hashing
import PeerWire
import Testing
import Units

@Suite struct PriorityTests {
    private func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

    @Test func vectorsOfBEP40() throws {
        let client = try endpoint("123.213.32.10:1")
        #expect(canonicalPeerPriority(client, try endpoint("98.76.54.32:2")) == 0xEC2D_7224)
        #expect(canonicalPeerPriority(client, try endpoint("123.213.32.234:2")) == 0x9956_8189)
    }

    @Test func bothEndsAgree() throws {
        var generator = SeededGenerator(seed: 40)
        for _ in 0..<200 {
            let a = Endpoint(ipv6High: generator.next(), low: generator.next(), port: 1)
            let b = Endpoint(ipv6High: a.high ^ generator.next() >> 40, low: a.low, port: 2)
            #expect(canonicalPeerPriority(a, b) == canonicalPeerPriority(b, a))
            let c = Endpoint(ipv4: UInt32(truncatingIfNeeded: generator.next()), port: 1)
            let d = Endpoint(ipv4: UInt32(truncatingIfNeeded: generator.next()), port: 1)
            #expect(canonicalPeerPriority(c, d) == canonicalPeerPriority(d, c))
        }
    }

    @Test func portsDecideBetweenConnectionsOfOneAddress() throws {
        let a = try endpoint("123.213.32.10:1000")
        let b = try endpoint("123.213.32.10:2000")
        // CRC32-C of 03E8 07D0, the ports in order.
        #expect(canonicalPeerPriority(a, b) == 0x16AC_D85B)
        #expect(canonicalPeerPriority(b, a) == 0x16AC_D85B)
    }

    @Test(
        "What a mask hides makes no difference",
        arguments: [
            // Only the odd bits of a masked byte count: 0xAA is hidden.
            ("1.2.0.0", "1.2.170.170", "9.9.9.9", true),
            ("1.2.0.0", "1.2.1.0", "9.9.9.9", false),
            // In one /16 the third byte counts, in one /24 the fourth.
            ("1.2.0.0", "1.2.170.0", "1.2.9.9", false),
            ("1.2.3.0", "1.2.3.170", "1.2.9.9", true),
            ("1.2.3.0", "1.2.3.170", "1.2.3.9", false),
        ])
    func masksOfIPv4(_ a: String, _ b: String, _ other: String, isSame: Bool) throws {
        let priorities = try [a, b].map {
            canonicalPeerPriority(try endpoint("\($0):1"), try endpoint("\(other):1"))
        }
        #expect((priorities[0] == priorities[1]) == isSame)
    }

    @Test(
        "What a mask hides makes no difference",
        arguments: [
            ("2001:db8:1:0::", "2001:db8:1:aaaa::", "2001:db9::1", true),
            ("2001:db8:1:0::", "2001:db8:1:5500::", "2001:db9::1", false),
            // In one /48 the seventh byte counts, in one /56 the eighth.
            ("2001:db8:1:0::", "2001:db8:1:aa00::", "2001:db8:1:1100::1", false),
            ("2001:db8:1:0::", "2001:db8:1:00aa::", "2001:db8:1:1100::1", true),
            ("2001:db8:1:0::", "2001:db8:1:00aa::", "2001:db8:1:0011::1", false),
        ])
    func masksOfIPv6(_ a: String, _ b: String, _ other: String, isSame: Bool) throws {
        let priorities = try [a, b].map {
            canonicalPeerPriority(try endpoint("[\($0)]:1"), try endpoint("[\(other)]:1"))
        }
        #expect((priorities[0] == priorities[1]) == isSame)
    }

    @Test func allowedFastVectorsOfBEP6() throws {
        let infoHash = try #require(SHA1Digest(bytes: [UInt8](repeating: 0xAA, count: 20)))
        let address = try endpoint("80.4.4.200:6881")
        let seven = [1059, 431, 808, 1217, 287, 376, 1188].map { PieceIndex($0) }
        #expect(
            allowedFastSet(for: address, infoHash: infoHash, pieceCount: 1313, size: 7) == seven)
        #expect(
            allowedFastSet(for: address, infoHash: infoHash, pieceCount: 1313, size: 9)
                == seven + [353, 508].map { PieceIndex($0) })
    }

    @Test func allowedFastSetsAreNeverMoreThanThereIs() throws {
        let address = try endpoint("80.4.4.200:6881")
        #expect(
            Set(allowedFastSet(for: address, infoHash: .zero, pieceCount: 3)).count == 3)
        #expect(allowedFastSet(for: address, infoHash: .zero, pieceCount: 0).isEmpty)
        #expect(
            allowedFastSet(for: try endpoint("[2001:db8::1]:1"), infoHash: .zero, pieceCount: 9)
                .isEmpty)
    }
}
