public import Hashing
public import Units

/// The 160 bits that a node or a key is known by (BEP 5, "Overview"), packed, as one big number.
public struct NodeID: Hashable, Sendable {
    public static let byteCount = 20

    /// The first 8 bytes as a number, the next 8 and the last 4.
    @usableFromInline let high: UInt64
    @usableFromInline let middle: UInt64
    @usableFromInline let low: UInt32

    public static let zero = NodeID(high: 0, middle: 0, low: 0)

    /// The number `high · 2^96 + middle · 2^32 + low`.
    @inlinable
    public init(high: UInt64, middle: UInt64, low: UInt32) {
        self.high = high
        self.middle = middle
        self.low = low
    }

    /// `nil` unless there are exactly 20 bytes.
    @inlinable
    public init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            middle: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
            low: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)))
    }

    /// `nil` unless there are exactly 20 bytes.
    public init?(bytes: some Sequence<UInt8>) {
        guard let id = Array(bytes).withUnsafeBytes({ NodeID(bytes: $0) }) else { return nil }
        self = id
    }

    /// The id of a key: an info-hash, or an item's target.
    public init(_ digest: SHA1Digest) {
        self = digest.withUnsafeBytes { NodeID(bytes: $0) } ?? .zero
    }

    /// `nil` unless there are exactly 40 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Units.bytes(fromHex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// Any id, each as likely as the others.
    public static func random(using generator: inout some RandomNumberGenerator) -> NodeID {
        NodeID(
            high: generator.next(), middle: generator.next(),
            low: UInt32(truncatingIfNeeded: generator.next()))
    }

    public var bytes: [UInt8] { digest.bytes }

    /// The same 20 bytes as a hash.
    public var digest: SHA1Digest {
        withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 8) { bytes in
            store(to: bytes)
            return SHA1Digest(bytes: UnsafeRawBufferPointer(bytes)) ?? .zero
        }
    }

    /// Writes the 20 bytes to the beginning of `target`, which has room for them.
    @inlinable
    func store(to target: UnsafeMutableRawBufferPointer) {
        precondition(target.count >= Self.byteCount)
        target.storeBytes(of: high.bigEndian, as: UInt64.self)
        target.storeBytes(of: middle.bigEndian, toByteOffset: 8, as: UInt64.self)
        target.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt32.self)
    }
}

extension NodeID: Comparable, CustomStringConvertible {
    /// As numbers, which is by bytes.
    @inlinable
    public static func < (x: NodeID, y: NodeID) -> Bool {
        (x.high, x.middle, x.low) < (y.high, y.middle, y.low)
    }

    /// 40 hexadecimal digits.
    public var description: String { hexText(bytes) }
}

// MARK: - Distance

extension NodeID {
    /// How far two ids are from each other: their exclusive or, as a number (BEP 5, "Routing
    /// Table").
    public struct Distance: Hashable, Comparable, Sendable {
        @usableFromInline let id: NodeID

        @inlinable
        init(_ id: NodeID) { self.id = id }

        public static let zero = Distance(.zero)

        @inlinable
        public static func < (x: Distance, y: Distance) -> Bool { x.id < y.id }

        /// The bits before the first that is set, 160 for the distance to oneself.
        @inlinable
        public var leadingZeroBitCount: Int {
            if id.high != 0 { return id.high.leadingZeroBitCount }
            if id.middle != 0 { return 64 + id.middle.leadingZeroBitCount }
            return 128 + id.low.leadingZeroBitCount
        }

        /// The distance as a part of the whole space, from 0 to 1; for estimates of density.
        public var fraction: Double {
            (Double(id.high) + Double(id.middle) / 0x1p64) / 0x1p64
        }
    }

    @inlinable
    public func distance(to other: NodeID) -> Distance {
        Distance(
            NodeID(
                high: high ^ other.high, middle: middle ^ other.middle, low: low ^ other.low))
    }

    /// How many bits, from the first, the two have in common; 160 if they are the same.
    @inlinable
    public func commonPrefixLength(with other: NodeID) -> Int {
        distance(to: other).leadingZeroBitCount
    }

    /// Whether this is nearer to `target` than `other` is.
    @inlinable
    public func isCloser(to target: NodeID, than other: NodeID) -> Bool {
        let (mine, its) = (high ^ target.high, other.high ^ target.high)
        if mine != its { return mine < its }
        return distance(to: target) < other.distance(to: target)
    }

    /// The bit `position`, 0 being the first; a position that does not exist has none.
    @inlinable
    public func bit(_ position: Int) -> Bool {
        switch position {
        case 0..<64: high >> UInt64(63 - position) & 1 == 1
        case 64..<128: middle >> UInt64(127 - position) & 1 == 1
        case 128..<160: low >> UInt32(159 - position) & 1 == 1
        default: false
        }
    }

    /// An id that begins with the first `prefixLength` bits of this one, differs in the next, and
    /// is otherwise random: any id of that bucket, as likely as the others. With a length of 160
    /// or more it is this id.
    public func random(
        sharing prefixLength: Int, using generator: inout some RandomNumberGenerator
    ) -> NodeID {
        let other = NodeID.random(using: &generator)
        let mask = Self.mask(prefixLength)
        let flip = Self.mask(prefixLength + 1)
        return NodeID(
            high: high & mask.high | ~high & (flip.high ^ mask.high) | other.high & ~flip.high,
            middle: middle & mask.middle | ~middle & (flip.middle ^ mask.middle)
                | other.middle & ~flip.middle,
            low: low & mask.low | ~low & (flip.low ^ mask.low) | other.low & ~flip.low)
    }

    /// The first `length` bits set; Swift's shifts give 0 where they shift too far.
    private static func mask(_ length: Int) -> NodeID {
        let length = min(max(0, length), 160)
        return NodeID(
            high: ~(UInt64.max >> min(length, 64)),
            middle: ~(UInt64.max >> min(max(0, length - 64), 64)),
            low: ~(UInt32.max >> min(max(0, length - 128), 32)))
    }
}

// MARK: - Ids that belong to an address

extension NodeID {
    /// An id as `endpoint`'s address may have it (BEP 42). `random` is the id's last byte, whose
    /// low 3 bits choose between 8 prefixes.
    public static func secure(
        for endpoint: Endpoint, random: UInt8, using generator: inout some RandomNumberGenerator
    ) -> NodeID {
        let any = NodeID.random(using: &generator)
        let prefix = UInt64(securePrefix(of: endpoint, random: random)) << 32
        return NodeID(
            high: prefix & secureMask | any.high & ~secureMask, middle: any.middle,
            low: any.low & ~0xFF | UInt32(random))
    }

    /// Whether a node at `endpoint` may have this id (BEP 42). Those at local addresses may have
    /// any.
    public func isSecure(for endpoint: Endpoint) -> Bool {
        if endpoint.isLocal { return true }
        let random = UInt8(truncatingIfNeeded: low)
        let prefix = UInt64(Self.securePrefix(of: endpoint, random: random)) << 32
        return (high ^ prefix) & Self.secureMask == 0
    }

    /// 21 bits are bound to the address.
    private static let secureMask: UInt64 = 0xFFFF_F800_0000_0000

    /// The hash of the masked address, of an IPv6 address its first half (BEP 42, "Node ID
    /// restriction").
    private static func securePrefix(of endpoint: Endpoint, random: UInt8) -> UInt32 {
        let r = random & 7
        var crc = CRC32C()
        if let ipv4 = endpoint.ipv4 {
            let masked = ipv4 & 0x030F_3FFF | UInt32(r) << 29
            for shift in stride(from: 24, through: 0, by: -8) {
                crc.update(UInt8(truncatingIfNeeded: masked >> UInt32(shift)))
            }
        } else {
            let masked = endpoint.high & 0x0103_070F_1F3F_7FFF | UInt64(r) << 61
            for shift in stride(from: 56, through: 0, by: -8) {
                crc.update(UInt8(truncatingIfNeeded: masked >> UInt64(shift)))
            }
        }
        return crc.value
    }
}

/// The cyclic redundancy check of Castagnoli (RFC 3720, appendix B.4).
struct CRC32C {
    private var register: UInt32 = .max

    mutating func update(_ byte: UInt8) {
        register ^= UInt32(byte)
        for _ in 0..<8 {
            register = register >> 1 ^ (register & 1 == 1 ? 0x82F6_3B78 : 0)
        }
    }

    var value: UInt32 { ~register }
}
