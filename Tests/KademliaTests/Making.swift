import Hashing
import Kademlia
import Testing
import Units

/// Ids, endpoints and packets for the tests here.
enum Making {
    static let asker = Endpoint(ipv4: 0xCB00_7105, port: 6881)
    static let asker6 = Endpoint(ipv6High: 0x2001_0DB8_0000_0001, low: 5, port: 6881)
    static let transaction = TransactionID(0x6161_6262)

    /// `abcdefghij0123456789` and `mnopqrstuvwxyz123456`, as in the examples of BEP 5.
    static let id = nodeID("abcdefghij0123456789")
    static let other = nodeID("mnopqrstuvwxyz123456")
    static let sender = KRPCSender(id: id)

    static func nodeID(_ text: String) -> NodeID { NodeID(bytes: Array(text.utf8)) ?? .zero }

    static func contacts(_ count: Int, _ family: AddressFamily, seed: UInt64 = 1) -> [NodeContact] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { number in
            let endpoint =
                family == .ipv4
                ? Endpoint(ipv4: 0xC633_6400 + UInt32(number), port: 1000 + UInt16(number))
                : Endpoint(
                    ipv6High: 0x2001_0DB8 << 32, low: UInt64(number) + 1,
                    port: 1000 + UInt16(number))
            return NodeContact(id: .random(using: &generator), endpoint: endpoint)
        }
    }

    static func transactionID(_ text: String) -> TransactionID? {
        Array(text.utf8).withUnsafeBytes { TransactionID(bytes: $0) }
    }
}

/// A packet and the message in it.
struct Packet {
    let bytes: [UInt8]
    let message: KRPCMessage

    init(_ bytes: [UInt8]) throws(KRPCError) {
        self.bytes = bytes
        self.message = try KRPCMessage(parsing: bytes)
    }

    init(_ text: String) throws(KRPCError) { try self.init(Array(text.utf8)) }

    func bytes(_ slice: KRPCMessage.ByteSlice?) -> [UInt8]? {
        slice.map { slice in bytes.withUnsafeBytes { Array(slice.bytes(in: $0)) } }
    }

    func text(_ slice: KRPCMessage.ByteSlice?) -> String? {
        bytes(slice).map { String(decoding: $0, as: UTF8.self) }
    }

    func contacts(_ family: AddressFamily) -> [NodeContact] {
        bytes.withUnsafeBytes { Array(message.contacts(family, in: $0)) }
    }

    var peers: [Endpoint] { bytes.withUnsafeBytes { Array(message.peers(in: $0)) } }

    var samples: [SHA1Digest] { bytes.withUnsafeBytes { Array(message.sampledHashes(in: $0)) } }

    var item: DHTItem? { bytes.withUnsafeBytes { message.item(in: $0) } }
}

/// What is written by `body`, alone in a buffer.
func written(
    _ body: (inout DatagramBuffer) -> Range<Int>?
) throws -> [UInt8] {
    var buffer = DatagramBuffer()
    let range = try #require(body(&buffer))
    #expect(range == 0..<buffer.count)
    return buffer.bytes(of: range)
}

/// Why `text` is refused.
func refusal(_ text: String) -> KRPCError? { refusal(Array(text.utf8)) }

func refusal(_ bytes: [UInt8]) -> KRPCError? {
    do throws(KRPCError) {
        _ = try KRPCMessage(parsing: bytes)
        return nil
    } catch {
        return error
    }
}
