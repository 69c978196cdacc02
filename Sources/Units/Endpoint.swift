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

    /// RFC 1918, RFC 6598 (shared address space), RFC 4193 (unique local) and RFC 3513 (the old
    /// site-local).
    public var isPrivate: Bool {
        if let ipv4 {
            return ipv4 >> 24 == 10 || ipv4 >> 20 == 0xAC1 || ipv4 >> 16 == 0xC0A8
                || ipv4 >> 22 == 0x6440 >> 6
        }
        return high >> 57 == 0xFC >> 1 || high >> 54 == 0xFEC0 >> 6
    }

    /// Loopback, unspecified (which Linux takes for loopback), link-local or private: an address
    /// that means something only near to us. So is an IPv6 address that leads to such an IPv4
    /// address through a translator (RFC 6052, `64:ff9b::/96`) or by the old compatible form.
    public var isLocal: Bool {
        if isLoopback || isThisNetwork || isLinkLocal || isPrivate { return true }
        guard let carried = carriedIPv4 else { return false }
        return carried.isLoopback || carried.isThisNetwork || carried.isLinkLocal
            || carried.isPrivate
    }

    /// `::`, or 0.0.0.0/8 (RFC 1122, section 3.2.1.3).
    private var isThisNetwork: Bool {
        if let ipv4 { return ipv4 >> 24 == 0 }
        return isUnspecified
    }

    private var carriedIPv4: Endpoint? {
        let isTranslated = high == 0x0064_FF9B_0000_0000 && low >> 32 == 0
        let isCompatible = high == 0 && low >> 32 == 0
        guard isTranslated || isCompatible else { return nil }
        return Endpoint(ipv4: UInt32(truncatingIfNeeded: low), port: port)
    }

    /// Whether a peer can be reached there at all: not port 0, nobody, everybody, 0.0.0.0/8 or
    /// 240.0.0.0/4.
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
    public var compactBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(18)
        appendAddress(to: &bytes)
        bytes.append(UInt8(port >> 8))
        bytes.append(UInt8(truncatingIfNeeded: port))
        return bytes
    }

    /// The address in network order: 4 bytes for IPv4, 16 for IPv6.
    public var addressBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        appendAddress(to: &bytes)
        return bytes
    }

    private func appendAddress(to bytes: inout [UInt8]) {
        if let ipv4 {
            withUnsafeBytes(of: ipv4.bigEndian) { bytes.append(contentsOf: $0) }
        } else {
            withUnsafeBytes(of: high.bigEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: low.bigEndian) { bytes.append(contentsOf: $0) }
        }
    }
}
