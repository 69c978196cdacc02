import Units

/// The 20 bytes of a SHA-1 hash, held in place.
public struct SHA1Digest: Hashable, Sendable {
    public static let byteCount = 20

    /// The bytes as they lie in memory, whatever the machine's byte order: the value's first 20
    /// bytes are the hash.
    @usableFromInline let a: UInt64
    @usableFromInline let b: UInt64
    @usableFromInline let c: UInt32

    public static let zero = SHA1Digest(a: 0, b: 0, c: 0)

    init(a: UInt64, b: UInt64, c: UInt32) {
        self.a = a
        self.b = b
        self.c = c
    }

    /// `nil` unless there are exactly 20 bytes.
    public init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(loading: bytes, at: 0)
    }

    /// `nil` unless there are exactly 20 bytes.
    @inlinable
    public init?(bytes: some Sequence<UInt8>) {
        let fast = bytes.withContiguousStorageIfAvailable {
            SHA1Digest(bytes: UnsafeRawBufferPointer($0))
        }
        guard let digest = fast ?? Array(bytes).withUnsafeBytes({ SHA1Digest(bytes: $0) }) else {
            return nil
        }
        self = digest
    }

    /// The `index`-th of the hashes that stand one after the other in `blob` (BEP 3, "pieces");
    /// `nil` if there are not that many.
    public init?(loading blob: UnsafeRawBufferPointer, at index: Int) {
        guard index >= 0, index < blob.count / Self.byteCount else { return nil }
        let offset = index * Self.byteCount
        self.a = blob.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        self.b = blob.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
        self.c = blob.loadUnaligned(fromByteOffset: offset + 16, as: UInt32.self)
    }

    /// `nil` unless there are exactly 40 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Units.bytes(fromHex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 20 bytes, in place.
    @inlinable
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // The value may be followed by padding, which is not handed out.
        try Swift.withUnsafeBytes(of: self) { (raw) throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: raw[..<Self.byteCount]))
        }
    }

    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
}

extension SHA1Digest: CustomStringConvertible, Comparable {
    public var description: String { withUnsafeBytes { hexText($0) } }

    /// By bytes, the first that differs.
    public static func < (x: SHA1Digest, y: SHA1Digest) -> Bool {
        (x.a.bigEndian, x.b.bigEndian, x.c.bigEndian)
            < (y.a.bigEndian, y.b.bigEndian, y.c.bigEndian)
    }
}

/// The 32 bytes of a SHA-256 hash, held in place.
public struct SHA256Digest: Hashable, Sendable {
    public static let byteCount = 32

    /// The bytes as they lie in memory, whatever the machine's byte order.
    @usableFromInline let a: UInt64
    @usableFromInline let b: UInt64
    @usableFromInline let c: UInt64
    @usableFromInline let d: UInt64

    /// What stands for missing leaves in a Merkle tree (BEP 52), and never for a real hash.
    public static let zero = SHA256Digest(a: 0, b: 0, c: 0, d: 0)

    init(a: UInt64, b: UInt64, c: UInt64, d: UInt64) {
        self.a = a
        self.b = b
        self.c = c
        self.d = d
    }

    /// `nil` unless there are exactly 32 bytes.
    public init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(loading: bytes, at: 0)
    }

    /// `nil` unless there are exactly 32 bytes.
    @inlinable
    public init?(bytes: some Sequence<UInt8>) {
        let fast = bytes.withContiguousStorageIfAvailable {
            SHA256Digest(bytes: UnsafeRawBufferPointer($0))
        }
        guard let digest = fast ?? Array(bytes).withUnsafeBytes({ SHA256Digest(bytes: $0) }) else {
            return nil
        }
        self = digest
    }

    /// The `index`-th of the hashes that stand one after the other in `blob` (BEP 52, "piece
    /// layers"); `nil` if there are not that many.
    public init?(loading blob: UnsafeRawBufferPointer, at index: Int) {
        guard index >= 0, index < blob.count / Self.byteCount else { return nil }
        let offset = index * Self.byteCount
        self.a = blob.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        self.b = blob.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
        self.c = blob.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
        self.d = blob.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self)
    }

    /// `nil` unless there are exactly 64 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Units.bytes(fromHex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 32 bytes, in place.
    @inlinable
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try Swift.withUnsafeBytes(of: self, body)
    }

    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// The first 20 bytes: how trackers, the DHT and handshakes name a v2 torrent (BEP 52).
    public var truncated: SHA1Digest {
        SHA1Digest(a: a, b: b, c: UInt32(littleEndian: UInt32(truncatingIfNeeded: c.littleEndian)))
    }
}

extension SHA256Digest: CustomStringConvertible, Comparable {
    public var description: String { withUnsafeBytes { hexText($0) } }

    /// By bytes, the first that differs.
    public static func < (x: SHA256Digest, y: SHA256Digest) -> Bool {
        (x.a.bigEndian, x.b.bigEndian, x.c.bigEndian, x.d.bigEndian)
            < (y.a.bigEndian, y.b.bigEndian, y.c.bigEndian, y.d.bigEndian)
    }
}
