public import NIOCore
public import Units

extension Endpoint {
    /// The address of an IPv4 or IPv6 socket; nil for any other kind.
    public init?(_ address: SocketAddress?) {
        guard let address, let port = address.port, let text = address.ipAddress else { return nil }
        // A scope ("%eth0") says which way out, not which address.
        let ip = text.prefix { $0 != "%" }
        self.init(addressText: ip, port: UInt16(clamping: port))
    }
}

extension SocketAddress {
    public init(_ endpoint: Endpoint) throws {
        try self.init(
            packedIPAddress: ByteBuffer(bytes: endpoint.addressBytes), port: Int(endpoint.port))
    }
}
