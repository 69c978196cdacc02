import Hashing
import Testing
import Units

@Suite struct Ed25519Tests {
    /// RFC 8032, section 7.1: seed, public key, message, signature.
    private static let vectors: [(seed: String, key: String, message: String, signature: String)] =
        [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                    + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                    + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            ),
        ]

    @Test func signsAndVerifiesWhatRFC8032Says() throws {
        for vector in Self.vectors {
            let seed = try #require(bytes(fromHex: vector.seed))
            let message = try #require(bytes(fromHex: vector.message))
            let expected = try #require(Ed25519Signature(hex: vector.signature))
            guard let key = Ed25519PrivateKey(seed: seed) else {
                Issue.record("no key of \(vector.seed)")
                continue
            }
            #expect("\(key.publicKey)" == vector.key)
            let signature = message.withUnsafeBytes { key.sign($0) }
            #expect(signature == expected)
            let isRight = message.withUnsafeBytes { key.publicKey.verifies(expected, of: $0) }
            #expect(isRight)
        }
    }

    @Test func anyOtherBitIsNoSignature() throws {
        let vector = Self.vectors[2]
        let key = try #require(Ed25519PublicKey(hex: vector.key))
        let signature = try #require(Ed25519Signature(hex: vector.signature))
        let message = try #require(bytes(fromHex: vector.message))
        for position in 0..<64 {
            var bytes = signature.bytes
            bytes[position] ^= 1
            let other = try #require(Ed25519Signature(bytes: bytes))
            #expect(!message.withUnsafeBytes { key.verifies(other, of: $0) })
        }
        #expect(![0xAF, 0x83].withUnsafeBytes { key.verifies(signature, of: $0) })
        #expect(![].withUnsafeBytes { key.verifies(signature, of: $0) })
        let otherKey = try #require(Ed25519PublicKey(hex: Self.vectors[0].key))
        #expect(!message.withUnsafeBytes { otherKey.verifies(signature, of: $0) })
        // No point of the curve.
        let noKey = try #require(Ed25519PublicKey(bytes: [UInt8](repeating: 0xFF, count: 32)))
        #expect(!message.withUnsafeBytes { noKey.verifies(signature, of: $0) })
    }

    @Test func keysAndSignaturesHaveTheirLength() throws {
        for count in [0, 31, 33, 64] {
            let bytes = [UInt8](repeating: 1, count: count)
            #expect(Ed25519PublicKey(bytes: bytes) == nil)
            let hasKey = Ed25519PrivateKey(seed: bytes) != nil
            #expect(!hasKey)
        }
        for count in [0, 63, 65] {
            #expect(Ed25519Signature(bytes: [UInt8](repeating: 1, count: count)) == nil)
        }
        let bytes = (0..<64).map { UInt8($0) }
        #expect(Ed25519Signature(bytes: bytes)?.bytes == bytes)
        #expect(Ed25519PublicKey(bytes: bytes.prefix(32))?.bytes == Array(bytes.prefix(32)))
    }
}
