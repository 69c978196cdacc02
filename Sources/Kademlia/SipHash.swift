/// SipHash-2-4 (Aumasson and Bernstein, 2012) of a row of 64-bit words: a hash with a key, short
/// and fast, that nobody without the key can predict or collide.
struct SipHash {
    struct Key: Sendable {
        let k0: UInt64
        let k1: UInt64

        init(_ k0: UInt64, _ k1: UInt64) {
            self.k0 = k0
            self.k1 = k1
        }
    }

    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    private var byteCount: UInt64 = 0

    init(_ key: Key) {
        v0 = key.k0 ^ 0x736f_6d65_7073_6575
        v1 = key.k1 ^ 0x646f_7261_6e64_6f6d
        v2 = key.k0 ^ 0x6c79_6765_6e65_7261
        v3 = key.k1 ^ 0x7465_6462_7974_6573
    }

    /// Adds the 8 bytes of a little-endian word.
    mutating func combine(_ word: UInt64) {
        byteCount &+= 8
        compress(word)
    }

    /// Ends with `tail`, the last 0 to 7 bytes in little-endian order; nothing may follow.
    mutating func finish(tail: UInt64 = 0, tailByteCount: UInt64 = 0) -> UInt64 {
        compress((byteCount &+ tailByteCount) << 56 | tail)
        v2 ^= 0xFF
        for _ in 0..<4 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    private mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }
}
