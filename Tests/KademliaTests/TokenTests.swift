import Testing
import Units

@testable import Kademlia

@Suite struct TokenTests {
    private let mint = TokenMint(secret: (1, 2))
    private let target = Making.other

    private func isAccepted(
        _ token: WriteToken, from endpoint: Endpoint = Making.asker, target: NodeID? = nil,
        at now: Instant, by mint: TokenMint? = nil
    ) -> Bool {
        withUnsafeBytes(of: token.rawValue.bigEndian) {
            (mint ?? self.mint).accepts(
                $0, from: endpoint, target: target ?? self.target, now: now)
        }
    }

    @Test("K7 a token is taken from its address alone, and for its target alone")
    func k7Bound() throws {
        let now = Instant.zero + .seconds(1000)
        let token = mint.token(for: Making.asker, target: target, now: now)
        #expect(isAccepted(token, at: now))
        #expect(isAccepted(token, from: Making.asker.with(port: 1), at: now))
        #expect(!isAccepted(token, from: Making.asker6, at: now))
        let neighbour = Endpoint(ipv4: 0xCB00_7106, port: 6881)
        #expect(!isAccepted(token, from: neighbour, at: now))
        for position in 0..<20 {
            var bytes = target.bytes
            bytes[position] ^= 1
            #expect(!isAccepted(token, target: NodeID(bytes: bytes), at: now), "\(position)")
        }
        let token6 = mint.token(for: Making.asker6, target: target, now: now)
        #expect(isAccepted(token6, from: Making.asker6, at: now))
        for (high, low) in [(1, 0), (0, 1)] as [(UInt64, UInt64)] {
            let other = Endpoint(
                ipv6High: Making.asker6.high ^ high, low: Making.asker6.low ^ low, port: 1)
            #expect(!isAccepted(token6, from: other, at: now))
        }
        #expect(!isAccepted(token, at: now, by: TokenMint(secret: (1, 3))))
        #expect(!isAccepted(token, at: now, by: TokenMint(secret: (2, 2))))
    }

    @Test("K7 a token is taken for at least 5 minutes and at most 10")
    func k7Expiry() throws {
        for start in [-901, 0, 1, 299, 300, 1000] as [Int64] {
            let minted = Instant.zero + .seconds(start)
            let token = mint.token(for: Making.asker, target: target, now: minted)
            #expect(isAccepted(token, at: minted + .seconds(299)))
            #expect(isAccepted(token, at: minted + .seconds(300)))
            #expect(!isAccepted(token, at: minted + .seconds(600)))
            #expect(!isAccepted(token, at: minted - .seconds(300)))
        }
    }

    @Test("K7 what is no token, or forged, is not taken")
    func k7Forged() throws {
        let token = mint.token(for: Making.asker, target: target, now: .zero)
        for bit in 0..<64 {
            #expect(!isAccepted(WriteToken(rawValue: token.rawValue ^ 1 << bit), at: .zero))
        }
        for count in [0, 7, 9, 64] {
            let bytes = [UInt8](repeating: 0, count: count)
            let isAccepted = bytes.withUnsafeBytes {
                mint.accepts($0, from: Making.asker, target: target, now: .zero)
            }
            #expect(!isAccepted)
        }
    }

    /// The vectors of the reference implementation, for keys of bytes 0 to 15 and messages of bytes
    /// 0, 1, 2 and so on.
    @Test(
        arguments: [
            (0, 0x726F_DB47_DD0E_0E31), (8, 0x93F5_F579_9A93_2462), (15, 0xA129_CA61_49BE_45E5),
        ] as [(Int, UInt64)])
    func keyedHashIsSipHash(byteCount: Int, expected: UInt64) {
        var hash = SipHash(SipHash.Key(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908))
        let bytes = (0..<byteCount).map { UInt64($0) }
        var word: UInt64 = 0
        for (position, byte) in bytes.enumerated() {
            word |= byte << UInt64(8 * (position % 8))
            if position % 8 == 7 {
                hash.combine(word)
                word = 0
            }
        }
        let value = hash.finish(tail: word, tailByteCount: UInt64(byteCount % 8))
        #expect(value == expected)
    }

    @Test func checksumIsCastagnolis() {
        // RFC 3720, appendix B.4: 32 bytes of zeros, of ones, and ascending.
        let vectors: [([UInt8], UInt32)] = [
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            ((0..<32).map { UInt8($0) }, 0x46DD_794E),
        ]
        for (bytes, expected) in vectors {
            var crc = CRC32C()
            for byte in bytes { crc.update(byte) }
            #expect(crc.value == expected)
        }
    }
}

@Suite struct RecencyMapTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func doesWhatASlowListDoes(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var map = RecencyMap<Int, Int>()
        // The oldest first.
        var model: [(key: Int, value: Int)] = []
        for step in 0..<2000 {
            let key = Int.random(in: 0..<30, using: &generator)
            let known = model.firstIndex { $0.key == key }
            switch UInt8.random(in: 0...4, using: &generator) {
            case 0...1:
                map.insert(step, for: key)
                if let known { model.remove(at: known) }
                model.append((key, step))
            case 2:
                map.touch(key)
                if let known { model.append(model.remove(at: known)) }
            case 3:
                let removed = map.remove(key)
                #expect(removed == known.map { model[$0].value }, "seed \(seed)")
                if let known { model.remove(at: known) }
            default:
                map.update(key) { $0 += 1 }
                if let known { model[known].value += 1 }
            }
            #expect(map.count == model.count, "seed \(seed)")
            #expect(map.oldestEntry?.key == model.first?.key, "seed \(seed)")
            #expect(map[key] == model.first { $0.key == key }?.value, "seed \(seed)")
        }
        while let oldest = map.oldestEntry {
            #expect(oldest.key == model.first?.key, "seed \(seed)")
            model.removeFirst()
            map.remove(oldest.key)
        }
        #expect(model.isEmpty && map.isEmpty)
    }
}
