public import Hashing
public import Units

/// A packet of the DHT (BEP 5, "KRPC Protocol"), read in one pass and held in place: values that
/// are small are here, those that are not are ranges of the packet that it was read from.
///
/// Which fields a message must have, `init(parsing:)` has seen to: a `put` with `key` has `seq` and
/// `signature`, `get_peers` has `target`.
public struct KRPCMessage: Sendable {
    public enum Kind: Hashable, Sendable {
        case query(Method)
        case response
        /// `e`, with its code; the text is `errorText`.
        case error(code: Int32)
    }

    public enum Method: UInt8, Sendable, CaseIterable {
        case ping, findNode, getPeers, announcePeer, get, put, sampleInfohashes
        /// Something new that asks about a target, and so is answered as `find_node` would be.
        case unknown
    }

    /// The yes-or-no arguments.
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt16
        @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// The sender answers no queries (BEP 43).
        public static let readOnly = Flags(rawValue: 1)
        /// The peer's port is the packet's (BEP 5, "announce_peer").
        public static let impliedPort = Flags(rawValue: 2)
        /// The peer has all of the torrent (BEP 33).
        public static let seed = Flags(rawValue: 4)
        /// Seeds are not asked for (BEP 33).
        public static let noSeed = Flags(rawValue: 8)
        /// Bloom filters are asked for (BEP 33).
        public static let scrape = Flags(rawValue: 16)
        /// `want` was there; without it the packet's own family is meant (BEP 32).
        public static let hasWant = Flags(rawValue: 32)
    }

    /// Bytes of the packet. `nil` ranges are absent keys; an empty string is a range of none.
    public struct ByteSlice: Hashable, Sendable {
        let offset: UInt16
        let byteCount: UInt16

        public var count: Int { Int(byteCount) }

        /// The bytes, of the packet that the message was read from; none of a shorter one.
        public func bytes(in datagram: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            let end = Int(offset) + Int(byteCount)
            guard end <= datagram.count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
            return UnsafeRawBufferPointer(rebasing: datagram[Int(offset)..<end])
        }
    }

    public internal(set) var kind: Kind = .response
    public internal(set) var transactionID = TransactionID(0)
    public internal(set) var flags: Flags = []
    /// The DHTs whose nodes are wanted; nothing without `Flags.hasWant`.
    public internal(set) var wanted: AddressFamilies = []
    /// The sender's id. Errors have none.
    public internal(set) var id = NodeID.zero
    /// `target` or `info_hash`.
    public internal(set) var target: NodeID?
    /// The port that is announced, not 0; `nil` where only the packet's is meant.
    public internal(set) var port: UInt16?
    /// Our address as the other side sees it (BEP 42, `ip`); of 4 or 16 bytes it has port 0.
    public internal(set) var externalAddress: Endpoint?
    /// The client and its version (BEP 5, `v`), if they are 4 bytes: the first highest.
    public internal(set) var version: UInt32?

    /// The permission to write (BEP 5, `token`), at most 64 bytes.
    public internal(set) var token: ByteSlice?
    /// Whole contacts, and what may follow them: see `contacts(_:in:)`.
    public internal(set) var nodes: ByteSlice?
    public internal(set) var nodes6: ByteSlice?
    /// The inside of a list of strings: see `peers(in:)`.
    public internal(set) var values: ByteSlice?

    /// A value's raw bencoding, which is canonical (BEP 44, `v`), at most 1,000 bytes.
    public internal(set) var value: ByteSlice?
    /// 32 bytes (BEP 44, `k`).
    public internal(set) var key: ByteSlice?
    /// 64 bytes (BEP 44, `sig`).
    public internal(set) var signature: ByteSlice?
    /// At most 64 bytes (BEP 44).
    public internal(set) var salt: ByteSlice?
    /// Not negative (BEP 44, `seq`).
    public internal(set) var sequence: Int64?
    /// The number that is to be replaced (BEP 44, `cas`).
    public internal(set) var expectedSequence: Int64?

    /// Info-hashes (BEP 51): see `sampledHashes(in:)`.
    public internal(set) var samples: ByteSlice?
    /// How long the sample stands (BEP 51): 0 to 6 hours.
    public internal(set) var sampleInterval: Interval?
    /// How many info-hashes there are to sample (BEP 51), not negative.
    public internal(set) var sampledCount: Int64?

    /// 256 bytes each (BEP 33, `BFsd` and `BFpe`).
    public internal(set) var seedFilter: ByteSlice?
    public internal(set) var peerFilter: ByteSlice?
    /// What is wrong, for people to read, at most 100 bytes.
    public internal(set) var errorText: ByteSlice?

    init() {}

    /// `info_hash`, or a target taken for one.
    public var infoHash: SHA1Digest? { target?.digest }
}

// MARK: - Lists

extension KRPCMessage {
    /// Nodes of an answer that can be sent to, as many as are taken from one: not from the other
    /// DHT, no port 0, nobody's and everybody's address (BEP 5, BEP 32).
    public func contacts(
        _ family: AddressFamily, in datagram: UnsafeRawBufferPointer
    ) -> ContactSequence {
        let bytes = (family == .ipv4 ? nodes : nodes6)?.bytes(in: datagram)
        return ContactSequence(bytes: bytes ?? .init(start: nil, count: 0), family: family)
    }

    /// Peers of an answer that can be dialled, of both families (BEP 32, "values").
    public func peers(in datagram: UnsafeRawBufferPointer) -> PeerSequence {
        PeerSequence(bytes: values?.bytes(in: datagram) ?? .init(start: nil, count: 0))
    }

    /// Info-hashes of an answer (BEP 51).
    public func sampledHashes(in datagram: UnsafeRawBufferPointer) -> SampleSequence {
        SampleSequence(bytes: samples?.bytes(in: datagram) ?? .init(start: nil, count: 0))
    }
}

// MARK: - Items

extension KRPCMessage {
    /// The value of a `put`, or of a `get`'s answer (BEP 44), copied; `nil` if there is none, or
    /// parts of its signature are missing. Nothing is verified yet.
    public func item(in datagram: UnsafeRawBufferPointer) -> DHTItem? {
        guard let value else { return nil }
        let bytes = Array(value.bytes(in: datagram))
        guard let key, let signature else {
            return key == nil && signature == nil ? DHTItem(value: bytes) : nil
        }
        guard let sequence, let key = Ed25519PublicKey(bytes: key.bytes(in: datagram)),
            let signature = Ed25519Signature(bytes: signature.bytes(in: datagram))
        else { return nil }
        return DHTItem(
            value: bytes, signed: .init(key: key, sequence: sequence, signature: signature))
    }

    /// The salt of a `put`; none is empty.
    public func saltBytes(in datagram: UnsafeRawBufferPointer) -> [UInt8] {
        salt.map { Array($0.bytes(in: datagram)) } ?? []
    }

    /// What a scrape was answered with (BEP 33).
    public func filters(in datagram: UnsafeRawBufferPointer) -> ScrapeFilters? {
        guard let seedFilter, let peerFilter,
            let seeds = ScrapeFilter(bytes: seedFilter.bytes(in: datagram)),
            let peers = ScrapeFilter(bytes: peerFilter.bytes(in: datagram))
        else { return nil }
        return ScrapeFilters(seeds: seeds, peers: peers)
    }
}

/// Contacts that stand one after the other; what is left of them is dropped.
public struct ContactSequence: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private let family: AddressFamily
    private var offset = 0
    private var left = Limits.nodesPerListMax

    init(bytes: UnsafeRawBufferPointer, family: AddressFamily) {
        self.bytes = bytes
        self.family = family
    }

    public mutating func next() -> NodeContact? {
        let size =
            family == .ipv4
            ? NodeContact.compactIPv4ByteCount : NodeContact.compactIPv6ByteCount
        while left > 0, bytes.count - offset >= size {
            let entry = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + size])
            offset += size
            left -= 1
            guard let contact = NodeContact(compact: entry), contact.endpoint.isDialable else {
                continue
            }
            return contact
        }
        return nil
    }
}

/// Compact addresses in a list of strings.
public struct PeerSequence: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    private var left = Limits.peersPerMessageMax

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    public mutating func next() -> Endpoint? {
        while left > 0, let string = nextString() {
            left -= 1
            let peer =
                string.count == 6
                ? Endpoint(compact: string, .ipv4) : Endpoint(compact: string, .ipv6)
            if let peer, peer.isDialable { return peer }
        }
        return nil
    }

    /// The parser has seen that these are strings; anything else ends the list.
    private mutating func nextString() -> UnsafeRawBufferPointer? {
        var length = 0
        var position = offset
        while position < bytes.count, bytes[position] != UInt8(ascii: ":") {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit < 10, length <= bytes.count else { return nil }
            length = length * 10 + Int(digit)
            position += 1
        }
        position += 1
        guard position <= bytes.count, length <= bytes.count - position else { return nil }
        offset = position + length
        return UnsafeRawBufferPointer(rebasing: bytes[position..<offset])
    }
}

/// Info-hashes that stand one after the other; what is left of them is dropped.
public struct SampleSequence: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    public mutating func next() -> SHA1Digest? {
        guard index < Limits.samplesPerMessageMax else { return nil }
        defer { index += 1 }
        return SHA1Digest(loading: bytes, at: index)
    }
}
