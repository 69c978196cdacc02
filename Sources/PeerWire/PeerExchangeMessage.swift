public import Bencode
public import NIOCore
public import Units

/// Whom a peer is connected to, as it tells others (BEP 11, "ut_pex"): what changed since it last
/// told.
public struct PeerExchangeMessage: Hashable, Sendable {
    /// What the sender says of a contact (BEP 11). Bits without a meaning are kept.
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let prefersEncryption = Flags(rawValue: 0x01)
        /// It has everything, or wants nothing (BEP 21).
        public static let seed = Flags(rawValue: 0x02)
        public static let supportsUTP = Flags(rawValue: 0x04)
        public static let supportsHolepunch = Flags(rawValue: 0x08)
        /// The sender has dialled it, so it can be reached.
        public static let reachable = Flags(rawValue: 0x10)
    }

    public struct Contact: Hashable, Sendable {
        public var endpoint: Endpoint
        public var flags: Flags

        public init(_ endpoint: Endpoint, flags: Flags = []) {
            self.endpoint = endpoint
            self.flags = flags
        }
    }

    /// Contacts that the sender has connected to.
    public var added: [Contact]
    /// Contacts that it had named and has lost.
    public var dropped: [Endpoint]
    /// How many of the message's lists were left out because they made no sense.
    public internal(set) var faultCount = 0

    public init(added: [Contact] = [], dropped: [Endpoint] = []) {
        self.added = added
        self.dropped = dropped
    }

    public var isEmpty: Bool { added.isEmpty && dropped.isEmpty }
}

/// Why a peer exchange message could not be read.
public enum PeerExchangeError: Error, Equatable, Sendable {
    case tooLong(byteCount: Int)
    case notBencode(BencodeError)
    case notADictionary
}

extension PeerExchangeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let count): "the peer exchange message has \(count) bytes"
        case .notBencode(let error): "the peer exchange message is not bencode: \(error)"
        case .notADictionary: "the peer exchange message is not a dictionary"
        }
    }
}

// MARK: - Reading

extension PeerExchangeMessage {
    /// Reads a message, and of each of its two lists at most 50 contacts, IPv4 and IPv6 together.
    ///
    /// A list that is no string, or whose length does not fit, is left out and counted as a fault;
    /// flags that do not fit their list are as good as none.
    public init(parsing payload: ByteBuffer) throws(PeerExchangeError) {
        guard payload.readableBytes <= Limits.peerExchangeBytesMax else {
            throw .tooLong(byteCount: payload.readableBytes)
        }
        let document: BencodeDocument
        do throws(BencodeError) {
            document = try BencodeDocument(
                prefixOf: Array(payload.readableBytesView), limits: Self.limits, .lenient)
        } catch {
            throw .notBencode(error)
        }
        guard document.root.isDictionary else { throw .notADictionary }
        var lists = Lists(root: document.root)
        let added4 = lists.addresses("added", byteCount: 6)
        let added6 = lists.addresses("added6", byteCount: 18)
        let flags4 = lists.flags("added.f", of: added4, byteCount: 6)
        let flags6 = lists.flags("added6.f", of: added6, byteCount: 18)
        let dropped4 = lists.addresses("dropped", byteCount: 6)
        let dropped6 = lists.addresses("dropped6", byteCount: 18)
        let added = Self.shares(added4.count / 6, added6.count / 18)
        let dropped = Self.shares(dropped4.count / 6, dropped6.count / 18)
        self.init(
            added: Self.contacts(added4, flags4, added.ipv4, byteCount: 6)
                + Self.contacts(added6, flags6, added.ipv6, byteCount: 18),
            dropped: Self.contacts(dropped4, [], dropped.ipv4, byteCount: 6).map(\.endpoint)
                + Self.contacts(dropped6, [], dropped.ipv6, byteCount: 18).map(\.endpoint))
        faultCount = lists.faultCount
    }

    private static let limits = BencodeLimits(
        byteCountMax: Limits.peerExchangeBytesMax, depthMax: 8,
        tokenCountMax: Limits.peerExchangeTokensMax)

    /// How many of each family are taken: neither crowds the other out.
    private static func shares(_ ipv4: Int, _ ipv6: Int) -> (ipv4: Int, ipv6: Int) {
        let most = Limits.peerExchangeContactsMax
        let taken6 = min(ipv6, max(most / 2, most - ipv4))
        return (min(ipv4, most - taken6), taken6)
    }

    private static func contacts(
        _ addresses: ArraySlice<UInt8>, _ flags: ArraySlice<UInt8>, _ count: Int, byteCount: Int
    ) -> [Contact] {
        var rest = addresses
        var flags = flags
        var found: [Contact] = []
        found.reserveCapacity(count)
        while found.count < count {
            let bytes = rest.prefix(byteCount)
            let endpoint =
                byteCount == 6 ? Endpoint(compactIPv4: bytes) : Endpoint(compactIPv6: bytes)
            guard let endpoint else { break }
            found.append(Contact(endpoint, flags: Flags(rawValue: flags.popFirst() ?? 0)))
            rest = rest.dropFirst(byteCount)
        }
        return found
    }

    private struct Lists {
        let root: BencodeValue
        var faultCount = 0

        /// The addresses of a list; none if they cannot be told apart.
        mutating func addresses(_ key: String, byteCount: Int) -> ArraySlice<UInt8> {
            guard let value = root[key] else { return [] }
            guard let bytes = value.bytes, bytes.count.isMultiple(of: byteCount) else {
                faultCount += 1
                return []
            }
            return bytes
        }

        /// One byte for each address, or none at all.
        mutating func flags(
            _ key: String, of addresses: ArraySlice<UInt8>, byteCount: Int
        ) -> ArraySlice<UInt8> {
            guard let value = root[key] else { return [] }
            guard let bytes = value.bytes, bytes.count == addresses.count / byteCount else {
                faultCount += 1
                return []
            }
            return bytes
        }
    }
}

// MARK: - Writing

extension PeerExchangeMessage {
    /// The payload of the extension message. Keys without contacts are there too: some clients
    /// read flags only beside their list, and all take an empty one.
    public func encoded() -> ByteBuffer {
        var root: [String: Bencode] = [:]
        for (isIPv4, suffix) in [(true, ""), (false, "6")] {
            let joined = added.filter { $0.endpoint.isIPv4 == isIPv4 }
            let left = dropped.filter { $0.isIPv4 == isIPv4 }
            root["added" + suffix] = .bytes(joined.flatMap(\.endpoint.compactBytes))
            root["added" + suffix + ".f"] = .bytes(joined.map(\.flags.rawValue))
            root["dropped" + suffix] = .bytes(left.flatMap(\.compactBytes))
        }
        return ByteBuffer(bytes: Bencode.keyed(root).encoded())
    }
}
