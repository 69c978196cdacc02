public import NIOCore
public import Units

extension Endpoint {
    /// The address of an IPv4 or IPv6 socket; nil for any other kind. A scope ("%eth0") says
    /// which way out, not which address, and is left out.
    public init?(_ address: SocketAddress?) {
        let isIPv4: Bool
        switch address {
        case .v4: isIPv4 = true
        case .v6: isIPv4 = false
        case .unixDomainSocket, nil: return nil
        }
        let endpoint = address?.withSockAddr { pointer, count in
            Endpoint(
                socketAddress: UnsafeRawBufferPointer(start: pointer, count: count),
                isIPv4: isIPv4)
        }
        guard let endpoint = endpoint ?? nil else { return nil }
        self = endpoint
    }

    /// A `sockaddr_in` or `sockaddr_in6`: after the family, 2 bytes of port, then the address,
    /// in IPv6 after 4 bytes of flow information. All in network order.
    public init?(socketAddress bytes: UnsafeRawBufferPointer, isIPv4: Bool) {
        let start = isIPv4 ? 4 : 8
        guard bytes.count >= start + (isIPv4 ? 4 : 16) else { return nil }
        let port = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        if isIPv4 {
            let ipv4 = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            self.init(ipv4: ipv4, port: port)
        } else {
            let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            self.init(ipv6High: high, low: low, port: port)
        }
    }
}

extension SocketAddress {
    public init(_ endpoint: Endpoint) throws {
        try self.init(
            packedIPAddress: ByteBuffer(bytes: endpoint.addressBytes), port: Int(endpoint.port))
    }
}
