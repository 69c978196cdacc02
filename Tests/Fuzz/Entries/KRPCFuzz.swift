import Bencode
import Hashing
import Kademlia
import Units

/// A packet of the DHT: what is taken of it is what the other reader of bencoding finds there, and
/// is the same when it is written and read again.
enum KRPCFuzz {
    private static let asker = Endpoint(ipv4: 0xC000_0201, port: 6881)
    private static let token = WriteToken(rawValue: 0x0102_0304_0506_0708)

    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        let message: KRPCMessage
        do throws(KRPCError) {
            message = try KRPCMessage(parsing: bytes)
        } catch {
            try refused(error, bytes)
            return
        }
        try taken(message, bytes)
    }

    private static func refused(
        _ error: KRPCError, _ bytes: [UInt8]
    ) throws(BrokenProperty) {
        guard let answer = error.answer else { return }
        guard let document = try? BencodeDocument(bytes) else {
            throw BrokenProperty(text: "what is no bencoding is answered")
        }
        try require(string(document.root["y"]) == Array("q".utf8), "no query is answered")
        try require(
            string(document.root["t"]) == answer.transactionID.bytes, "another transaction")
        var buffer = DatagramBuffer()
        let range = buffer.appendError(
            answer.code, answer.transactionID, to: asker, from: KRPCSender(id: .zero))
        let again = range.flatMap { try? KRPCMessage(parsing: buffer.bytes(of: $0)) }
        try require(again?.kind == .error(code: answer.code.rawValue), "an error is not read again")
    }

    private static func taken(
        _ message: KRPCMessage, _ bytes: [UInt8]
    ) throws(BrokenProperty) {
        guard let document = try? BencodeDocument(bytes) else {
            throw BrokenProperty(text: "what is taken is no bencoding")
        }
        try require(
            string(document.root["t"]) == message.transactionID.bytes, "another transaction")
        let isQuery: Bool
        switch message.kind {
        case .query: isQuery = true
        case .response: isQuery = false
        case .error: return
        }
        guard let fields = document.root[isQuery ? "a" : "r"] else {
            throw BrokenProperty(text: "fields out of nothing")
        }
        let packet = Packet(message: message, bytes: bytes)
        try require(string(fields["id"]) == message.id.bytes, "another id")
        for (slice, key) in packet.slices {
            try require(packet.bytes(of: slice) == string(fields[key]), "another \(key)")
        }
        try require(message.sequence == fields["seq"]?.integer, "another number")
        if let value = packet.bytes(of: message.value) {
            try require(Array(fields["v"]?.rawBytes ?? []) == value, "another value")
            let isCanonical = (try? BencodeDocument(value, .strict)) != nil
            try require(isCanonical && value.count <= 1000, "a value that may not be stored")
        }
        try lists(packet)
        try again(packet)
    }

    private static func lists(_ packet: Packet) throws(BrokenProperty) {
        for family in AddressFamily.allCases {
            let contacts = packet.contacts(family)
            try require(contacts.count <= 16, "\(contacts.count) nodes")
            let isRight = contacts.allSatisfy {
                $0.endpoint.family == family && $0.endpoint.isDialable
            }
            try require(isRight, "nodes that nothing can be sent to")
        }
        let peers = packet.peers
        try require(peers.count <= 200, "\(peers.count) peers")
        try require(peers.allSatisfy(\.isDialable), "peers that cannot be dialled")
        try require(packet.samples.count <= 70, "\(packet.samples.count) samples")
    }

    /// Writes what was read, and reads it again.
    private static func again(_ packet: Packet) throws(BrokenProperty) {
        let message = packet.message
        var buffer = DatagramBuffer()
        let range: Range<Int>?
        if case .query(let method) = message.kind {
            range = write(packet, method, to: &buffer)
        } else {
            range = answer(packet, to: &buffer)
        }
        guard let range else { throw BrokenProperty(text: "what was read cannot be written") }
        let bytes = buffer.bytes(of: range)
        try require(bytes.count <= 1400, "\(bytes.count) bytes are written")
        try require(
            (try? BencodeDocument(bytes, .strict)) != nil, "what is written is no bencoding")
        guard let other = try? KRPCMessage(parsing: bytes) else {
            throw BrokenProperty(text: "what is written is not read")
        }
        try require(
            other.transactionID == message.transactionID && other.id == message.id
                && other.version == (message.version == 0 ? nil : message.version),
            "writing has changed the sender")
        let written = Packet(message: other, bytes: bytes)
        try require(written.item == packet.item, "writing has changed the item")
        guard case .query(let method) = message.kind else { return }
        let kind: KRPCMessage.Kind = .query(method == .unknown ? .findNode : method)
        try require(other.kind == kind, "writing has changed the method")
        try require(
            method == .ping || method == .put || other.target == message.target,
            "writing has changed the target")
    }

    private static func write(
        _ packet: Packet, _ method: KRPCMessage.Method, to buffer: inout DatagramBuffer
    ) -> Range<Int>? {
        let message = packet.message
        let (t, sender, flags) = (message.transactionID, packet.sender, message.flags)
        let target = message.target ?? .zero
        switch method {
        case .ping: return buffer.appendPing(t, from: sender)
        case .findNode, .unknown:
            return buffer.appendFindNode(target, want: message.wanted, t, from: sender)
        case .getPeers:
            return buffer.appendGetPeers(
                target, want: message.wanted, noSeed: flags.contains(.noSeed),
                scrape: flags.contains(.scrape), t, from: sender)
        case .announcePeer:
            return packet.withBytes(of: message.token) {
                buffer.appendAnnouncePeer(
                    target, port: message.port ?? 0, isImpliedPort: flags.contains(.impliedPort),
                    isSeed: flags.contains(.seed), token: $0, t, from: sender)
            }
        case .get:
            return buffer.appendGet(
                target, newerThan: message.sequence, want: message.wanted, t, from: sender)
        case .put:
            guard let item = packet.item else { return nil }
            return packet.withBytes(of: message.token) {
                buffer.appendPut(
                    item, salt: packet.bytes(of: message.salt) ?? [],
                    expecting: message.expectedSequence, token: $0, t, from: sender)
            }
        case .sampleInfohashes:
            return buffer.appendSampleInfohashes(target, want: message.wanted, t, from: sender)
        }
    }

    private static func answer(
        _ packet: Packet, to buffer: inout DatagramBuffer
    ) -> Range<Int>? {
        let (t, sender) = (packet.message.transactionID, packet.sender)
        let (four, six) = (packet.contacts(.ipv4), packet.contacts(.ipv6))
        let both: AddressFamilies = [.ipv4, .ipv6]
        if packet.message.samples != nil, packet.item == nil {
            return buffer.appendSamples(
                packet.samples, interval: packet.message.sampleInterval ?? .zero,
                storedCount: Int(packet.message.sampledCount ?? 0), nodes: four, six,
                families: both, t, to: asker, from: sender)
        }
        if packet.item != nil {
            return buffer.appendItem(
                packet.item, token: token, nodes: four, six, families: both, t, to: asker,
                from: sender)
        }
        let filters = packet.bytes.withUnsafeBytes { packet.message.filters(in: $0) }
        return buffer.appendPeers(
            packet.peers, token: token, filters: filters, nodes: four, six, families: both, t,
            to: asker, from: sender)
    }

    private static func string(_ value: BencodeValue?) -> [UInt8]? {
        value?.bytes.map { Array($0) }
    }

    private struct Packet {
        let message: KRPCMessage
        let bytes: [UInt8]

        var sender: KRPCSender {
            KRPCSender(
                id: message.id, version: message.version ?? 0,
                isReadOnly: message.flags.contains(.readOnly))
        }

        var slices: [(KRPCMessage.ByteSlice?, String)] {
            [
                (message.token, "token"), (message.nodes, "nodes"), (message.nodes6, "nodes6"),
                (message.key, "k"), (message.signature, "sig"), (message.salt, "salt"),
                (message.samples, "samples"), (message.seedFilter, "BFsd"),
                (message.peerFilter, "BFpe"),
            ]
        }

        func withBytes<Result>(
            of slice: KRPCMessage.ByteSlice?, _ body: (UnsafeRawBufferPointer) -> Result
        ) -> Result {
            bytes.withUnsafeBytes { body(slice?.bytes(in: $0) ?? .init(start: nil, count: 0)) }
        }

        func bytes(of slice: KRPCMessage.ByteSlice?) -> [UInt8]? {
            slice.map { slice in withBytes(of: slice) { Array($0) } }
        }

        func contacts(_ family: AddressFamily) -> [NodeContact] {
            bytes.withUnsafeBytes { Array(message.contacts(family, in: $0)) }
        }

        var peers: [Endpoint] { bytes.withUnsafeBytes { Array(message.peers(in: $0)) } }
        var samples: [SHA1Digest] { bytes.withUnsafeBytes { Array(message.sampledHashes(in: $0)) } }
        var item: DHTItem? { bytes.withUnsafeBytes { message.item(in: $0) } }
    }
}
