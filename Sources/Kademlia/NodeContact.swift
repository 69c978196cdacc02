public import Units

/// A node as others tell of it (BEP 5, "Contact Encoding"; BEP 32, "nodes6").
public struct NodeContact: Hashable, Sendable, CustomStringConvertible {
    public var id: NodeID
    public var endpoint: Endpoint

    @inlinable
    public init(id: NodeID, endpoint: Endpoint) {
        self.id = id
        self.endpoint = endpoint
    }

    /// Bytes of a contact in a packet.
    public static let compactIPv4ByteCount = 26
    public static let compactIPv6ByteCount = 38

    /// The 26 bytes of an IPv4 contact or the 38 of an IPv6 one; `nil` for any other count.
    public init?(compact bytes: UnsafeRawBufferPointer) {
        let family: AddressFamily
        switch bytes.count {
        case Self.compactIPv4ByteCount: family = .ipv4
        case Self.compactIPv6ByteCount: family = .ipv6
        default: return nil
        }
        guard let id = NodeID(bytes: UnsafeRawBufferPointer(rebasing: bytes[..<20])),
            let endpoint = Endpoint(
                compact: UnsafeRawBufferPointer(rebasing: bytes[20...]), family)
        else { return nil }
        self.init(id: id, endpoint: endpoint)
    }

    /// 26 or 38 bytes.
    public var compactBytes: [UInt8] { id.bytes + endpoint.compactBytes }

    public var description: String { "\(id) at \(endpoint)" }
}

/// Which of the two DHTs (BEP 32, "Operation").
public enum AddressFamily: UInt8, Sendable, CaseIterable {
    case ipv4, ipv6
}

/// Which of the two DHTs' nodes somebody wants (BEP 32, "want").
public struct AddressFamilies: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable
    public init(_ family: AddressFamily) { self = family == .ipv4 ? .ipv4 : .ipv6 }

    public static let ipv4 = AddressFamilies(rawValue: 1)
    public static let ipv6 = AddressFamilies(rawValue: 2)
}

extension Endpoint {
    @inlinable
    public var family: AddressFamily { isIPv4 ? .ipv4 : .ipv6 }

    /// The compact form of `family`, without a look at what else the bytes may be; `nil` unless
    /// there are 6 or 18 of them, or if an IPv4 address hides in the form of an IPv6 one.
    @inlinable
    init?(compact bytes: UnsafeRawBufferPointer, _ family: AddressFamily) {
        switch family {
        case .ipv4:
            guard bytes.count == 6 else { return nil }
            self.init(
                ipv4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)),
                port: UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self)))
        case .ipv6:
            guard bytes.count == 18 else { return nil }
            self.init(
                ipv6High: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                port: UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt16.self)))
            guard !isIPv4 else { return nil }
        }
    }
}
