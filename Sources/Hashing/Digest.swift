import Units

/// The 20 bytes of a SHA-1 hash, held in place.
public struct SHA1Digest: Hashable, Sendable, CustomStringConvertible {
    public static let byteCount = 20

    /// Big-endian words, so that comparing them compares the bytes.
    let a: UInt64
    let b: UInt64
    let c: UInt32

    /// `nil` unless there are exactly 20 bytes.
    public init?(bytes: some Sequence<UInt8>) {
        guard let words = bigEndianWords(bytes, byteCount: 20) else { return nil }
        self.a = words.0
        self.b = words.1
        self.c = UInt32(words.2 >> 32)
    }

    public init?(hex: some StringProtocol) {
        guard let bytes = Units.bytes(fromHex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    public static let zero = SHA1Digest(a: 0, b: 0, c: 0)

    init(a: UInt64, b: UInt64, c: UInt32) {
        self.a = a
        self.b = b
        self.c = c
    }

    public var bytes: [UInt8] { Array(bigEndianBytes(a, b, UInt64(c) << 32).prefix(20)) }

    public var description: String { hexText(bytes) }
}

extension SHA1Digest: Comparable {
    public static func < (x: SHA1Digest, y: SHA1Digest) -> Bool {
        (x.a, x.b, x.c) < (y.a, y.b, y.c)
    }
}

/// The 32 bytes of a SHA-256 hash, held in place.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    public static let byteCount = 32

    let a: UInt64
    let b: UInt64
    let c: UInt64
    let d: UInt64

    /// `nil` unless there are exactly 32 bytes.
    public init?(bytes: some Sequence<UInt8>) {
        guard let words = bigEndianWords(bytes, byteCount: 32) else { return nil }
        (self.a, self.b, self.c, self.d) = words
    }

    public init?(hex: some StringProtocol) {
        guard let bytes = Units.bytes(fromHex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// What stands for missing leaves in a Merkle tree (BEP 52), and never for a real hash.
    public static let zero = SHA256Digest(a: 0, b: 0, c: 0, d: 0)

    init(a: UInt64, b: UInt64, c: UInt64, d: UInt64) {
        self.a = a
        self.b = b
        self.c = c
        self.d = d
    }

    public var bytes: [UInt8] { bigEndianBytes(a, b, c, d) }

    /// The first 20 bytes: how trackers, the DHT and handshakes name a v2 torrent (BEP 52).
    public var truncated: SHA1Digest { SHA1Digest(a: a, b: b, c: UInt32(c >> 32)) }

    public var description: String { hexText(bytes) }
}

extension SHA256Digest: Comparable {
    public static func < (x: SHA256Digest, y: SHA256Digest) -> Bool {
        (x.a, x.b, x.c, x.d) < (y.a, y.b, y.c, y.d)
    }
}

private func bigEndianWords(
    _ bytes: some Sequence<UInt8>, byteCount: Int
) -> (UInt64, UInt64, UInt64, UInt64)? {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    var count = 0
    for byte in bytes {
        guard count < byteCount else { return nil }
        let value = UInt64(byte) << UInt64(56 - 8 * (count % 8))
        switch count / 8 {
        case 0: words.0 |= value
        case 1: words.1 |= value
        case 2: words.2 |= value
        default: words.3 |= value
        }
        count += 1
    }
    return count == byteCount ? words : nil
}

private func bigEndianBytes(_ words: UInt64...) -> [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
}
