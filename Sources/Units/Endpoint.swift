/// An IP address and a port, packed: no string, no allocation.
public struct Endpoint: Hashable, Sendable {
    /// The address as 128 bits, high half first; an IPv4 address a.b.c.d is `::ffff:a.b.c.d`.
    public let high: UInt64
    public let low: UInt64
    public let port: UInt16

    private static let mappedPrefix: UInt64 = 0x0000_FFFF_0000_0000

    public init(ipv4: UInt32, port: UInt16) {
        self.high = 0
        self.low = Self.mappedPrefix | UInt64(ipv4)
        self.port = port
    }

    /// An IPv4-mapped address becomes the IPv4 address that it is.
    public init(ipv6High: UInt64, low: UInt64, port: UInt16) {
        self.high = ipv6High
        self.low = low
        self.port = port
    }

    public var isIPv4: Bool { high == 0 && low & 0xFFFF_FFFF_0000_0000 == Self.mappedPrefix }

    /// The IPv4 address, if it is one.
    public var ipv4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    public func with(port: UInt16) -> Endpoint {
        Endpoint(ipv6High: high, low: low, port: port)
    }

    /// Only the address, to count connections by.
    public var address: Endpoint { with(port: 0) }
}

// MARK: - Kinds of address

extension Endpoint {
    public var isLoopback: Bool {
        if let ipv4 { return ipv4 >> 24 == 127 }
        return high == 0 && low == 1
    }

    public var isUnspecified: Bool {
        if let ipv4 { return ipv4 == 0 }
        return high == 0 && low == 0
    }

    public var isMulticast: Bool {
        if let ipv4 { return ipv4 >> 28 == 0xE || ipv4 == .max }
        return high >> 56 == 0xFF
    }

    public var isLinkLocal: Bool {
        if let ipv4 { return ipv4 >> 16 == 0xA9FE }
        return high >> 54 == 0xFE80 >> 6
    }

    /// RFC 1918, RFC 6598 (shared address space) and RFC 4193 (unique local).
    public var isPrivate: Bool {
        if let ipv4 {
            return ipv4 >> 24 == 10 || ipv4 >> 20 == 0xAC1 || ipv4 >> 16 == 0xC0A8
                || ipv4 >> 22 == 0x6440 >> 6
        }
        return high >> 57 == 0xFC >> 1
    }

    /// Loopback, link-local or private: an address that means something only near to us.
    public var isLocal: Bool { isLoopback || isLinkLocal || isPrivate }

    /// Whether a peer can be reached there at all.
    public var isDialable: Bool {
        guard port != 0, !isUnspecified, !isMulticast else { return false }
        if let ipv4 { return ipv4 >> 24 != 0 && ipv4 >> 28 != 0xF }
        return true
    }
}

// MARK: - Compact form

extension Endpoint {
    /// The compact form: 4 bytes of address and 2 of port (BEP 23).
    public init?(compactIPv4 bytes: some Collection<UInt8>) {
        guard bytes.count == 6 else { return nil }
        let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        self.init(ipv4: UInt32(value >> 16), port: UInt16(truncatingIfNeeded: value))
    }

    /// The compact form: 16 bytes of address and 2 of port (BEP 7).
    public init?(compactIPv6 bytes: some Collection<UInt8>) {
        guard bytes.count == 18 else { return nil }
        let high = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let low = bytes.dropFirst(8).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let port = bytes.dropFirst(16).reduce(UInt16(0)) { $0 << 8 | UInt16($1) }
        self.init(ipv6High: high, low: low, port: port)
    }

    /// 6 bytes for IPv4, 18 for IPv6.
    public var compactBytes: [UInt8] { addressBytes + [UInt8(port >> 8), UInt8(port & 0xFF)] }

    /// The address in network order: 4 bytes for IPv4, 16 for IPv6.
    public var addressBytes: [UInt8] {
        let bytes = Self.bigEndianBytes(of: high) + Self.bigEndianBytes(of: low)
        return isIPv4 ? Array(bytes.suffix(4)) : bytes
    }

    private static func bigEndianBytes(of word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
    }
}
