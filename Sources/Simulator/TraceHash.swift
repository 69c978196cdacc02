/// A running hash over everything that happened, in order: two runs that give the same value went
/// the same way. FNV-1a over words instead of bytes, and a shift lets high bits reach low ones.
public struct TraceHash: Hashable, Sendable {
    public private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    public init() {}

    public mutating func note(_ word: UInt64) {
        value = (value ^ word) &* 0x100_0000_01b3
        value ^= value >> 29
    }

    mutating func note(_ bytes: UnsafeRawBufferPointer) {
        note(UInt64(bytes.count))
        var at = 0
        while at + 8 <= bytes.count {
            note(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            at += 8
        }
        var rest: UInt64 = 0
        while at < bytes.count {
            rest = rest << 8 | UInt64(bytes[at])
            at += 1
        }
        note(rest)
    }
}
