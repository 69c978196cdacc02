import Hashing
import Testing
import Units

@Suite struct DigestTests {
    /// FIPS 180-4's examples, and one made with Python's hashlib.
    private static let vectors: [(message: [UInt8], sha1: String, sha256: String)] = [
        (
            [], "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        ),
        (
            Array("abc".utf8), "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        ),
        (
            Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            Array(repeating: UInt8(ascii: "a"), count: 1_000_000),
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    @Test func hashesWhatFIPS180Says() {
        for vector in Self.vectors {
            #expect("\(SHA1Digest.hash(vector.message))" == vector.sha1)
            #expect("\(SHA256Digest.hash(vector.message))" == vector.sha256)
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func hashesPartsLikeTheWholeAndServesAgain(seed: UInt64) {
        var rng = SeededGenerator(seed: seed)
        var sha1 = SHA1Hasher()
        var sha256 = SHA256Hasher()
        for _ in 0..<50 {
            let message = (0..<Int.random(in: 0...5000, using: &rng)).map { _ in
                UInt8.random(in: 0...255, using: &rng)
            }
            message.withUnsafeBytes { whole in
                var begin = 0
                while begin < whole.count {
                    let end = min(whole.count, begin + Int.random(in: 0...700, using: &rng))
                    sha1.update(UnsafeRawBufferPointer(rebasing: whole[begin..<end]))
                    sha256.update(UnsafeRawBufferPointer(rebasing: whole[begin..<end]))
                    begin = end
                }
            }
            #expect(sha1.finish() == SHA1Digest.hash(message), "seed \(seed)")
            #expect(sha256.finish() == SHA256Digest.hash(message), "seed \(seed)")
        }
    }

    @Test func aHasherToldNothingHashesNothing() {
        var sha1 = SHA1Hasher()
        var sha256 = SHA256Hasher()
        for _ in 0..<3 {
            sha1.update(UnsafeRawBufferPointer(start: nil, count: 0))
            #expect(sha1.finish() == SHA1Digest.hash([]))
            #expect(sha256.finish() == SHA256Digest.hash([]))
        }
    }

    @Test func digestsAreTheirBytes() throws {
        let bytes = (1...32).map { UInt8($0) }
        let short = try #require(SHA1Digest(bytes: bytes.prefix(20)))
        let long = try #require(SHA256Digest(bytes: bytes))
        #expect(short.bytes == Array(bytes.prefix(20)))
        #expect(long.bytes == bytes)
        #expect(short.withUnsafeBytes { $0.count } == 20)
        #expect(long.withUnsafeBytes { Array($0) } == bytes)
        #expect("\(short)" == "0102030405060708090a0b0c0d0e0f1011121314")
        #expect(SHA1Digest(hex: "0102030405060708090A0B0C0D0E0F1011121314") == short)
        #expect(SHA256Digest(hex: "\(long)") == long)
        #expect(long.truncated == short)
        #expect(SHA1Digest(bytes: AnySequence(bytes.prefix(20))) == short)
        #expect(SHA256Digest(bytes: AnySequence(bytes)) == long)
    }

    @Test(arguments: [0, 1, 19, 21, 31, 33, 40])
    func refusesOtherLengths(count: Int) {
        let bytes = Array(repeating: UInt8(7), count: count)
        #expect(SHA1Digest(bytes: bytes) == nil)
        #expect(SHA256Digest(bytes: bytes) == nil)
        #expect(SHA1Digest(bytes: AnySequence(bytes)) == nil)
        #expect(SHA256Digest(bytes: AnySequence(bytes)) == nil)
        #expect(SHA1Digest(hex: hexText(bytes)) == nil)
        #expect(SHA256Digest(hex: hexText(bytes)) == nil)
    }

    @Test func readsTheNthHashOfABlobAndNoneThatIsNotWhole() {
        let blob = (0..<99).map { UInt8($0) }
        blob.withUnsafeBytes { raw in
            for index in 0..<4 {
                let bytes = blob[(index * 20)..<(index * 20 + 20)]
                #expect(SHA1Digest(loading: raw, at: index) == SHA1Digest(bytes: bytes))
            }
            for index in 0..<3 {
                let bytes = blob[(index * 32)..<(index * 32 + 32)]
                #expect(SHA256Digest(loading: raw, at: index) == SHA256Digest(bytes: bytes))
            }
            for index in [-1, 4, 5, Int.max, Int.min] {
                #expect(SHA1Digest(loading: raw, at: index) == nil)
            }
            for index in [-1, 3, Int.max, Int.min] {
                #expect(SHA256Digest(loading: raw, at: index) == nil)
            }
        }
    }

    @Test func ordersLikeItsBytes() {
        var rng = SeededGenerator(seed: 11)
        for _ in 0..<500 {
            var x = (0..<32).map { _ in UInt8.random(in: 0...1, using: &rng) }
            let y = (0..<32).map { _ in UInt8.random(in: 0...1, using: &rng) }
            let shared = Int.random(in: 0...32, using: &rng)
            x.replaceSubrange(..<shared, with: y[..<shared])
            #expect(isLess(SHA256Digest(bytes: x), SHA256Digest(bytes: y)) == precedes(x, y))
            let (a, b) = (Array(x.prefix(20)), Array(y.prefix(20)))
            #expect(isLess(SHA1Digest(bytes: a), SHA1Digest(bytes: b)) == precedes(a, b))
        }
    }

    private func precedes(_ x: [UInt8], _ y: [UInt8]) -> Bool { x.lexicographicallyPrecedes(y) }

    private func isLess<Digest: Comparable>(_ x: Digest?, _ y: Digest?) -> Bool? {
        guard let x, let y else { return nil }
        return x < y
    }

    @Test func infoHashesHaveTheFormsThatTheWireKnows() throws {
        let v1 = SHA1Digest.hash([1])
        let v2 = SHA256Digest.hash([2])
        #expect(InfoHash(v1: v1).wireForms == [v1])
        #expect(InfoHash(v2: v2).wireForms == [v2.truncated])
        #expect(InfoHash(v1: v1, v2: v2).wireForms == [v1, v2.truncated])
        #expect(InfoHash(v1: v1, v2: v2).primary == v1)
        #expect(InfoHash(v2: v2).primary == v2.truncated)
        #expect("\(InfoHash(v1: v1, v2: v2))" == "\(v1)")
        #expect("\(InfoHash(v2: v2))" == "\(v2)")
    }
}
