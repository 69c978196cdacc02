import NIOCore
import Units

extension Endpoint {
    /// `nil` for addresses that are no IP addresses.
    init?(_ address: SocketAddress) {
        let isIPv4: Bool
        switch address {
        case .v4: isIPv4 = true
        case .v6: isIPv4 = false
        case .unixDomainSocket: return nil
        }
        let endpoint = address.withSockAddr { pointer, count in
            Endpoint(
                socketAddress: UnsafeRawBufferPointer(start: pointer, count: count),
                isIPv4: isIPv4)
        }
        guard let endpoint else { return nil }
        self = endpoint
    }

    /// A `sockaddr_in` or `sockaddr_in6`: after the family, 2 bytes of port, then the address,
    /// in IPv6 after 4 bytes of flow information. All in network order.
    init?(socketAddress bytes: UnsafeRawBufferPointer, isIPv4: Bool) {
        let start = isIPv4 ? 4 : 8
        let end = start + (isIPv4 ? 4 : 16)
        guard bytes.count >= end else { return nil }
        let compact = Array(bytes[start..<end]) + Array(bytes[2..<4])
        if isIPv4 {
            self.init(compactIPv4: compact)
        } else {
            self.init(compactIPv6: compact)
        }
    }
}

extension SocketAddress {
    init(_ endpoint: Endpoint) throws {
        try self.init(
            packedIPAddress: ByteBuffer(bytes: endpoint.addressBytes), port: Int(endpoint.port))
    }
}
