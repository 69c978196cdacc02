public import Hashing
public import NIOCore
public import Units

/// A message between peers after the handshake. It goes by value, so it is kept small (32
/// bytes): what is rare and large is boxed.
public enum PeerMessage: Equatable, Sendable {
    // BEP 3
    case keepAlive
    case choke
    case unchoke
    case interested
    case notInterested
    case have(PieceIndex)
    case bitfield(Bitfield)
    case request(BlockRequest)
    /// A block: the piece, where in the piece it begins, and its bytes.
    case piece(PieceIndex, begin: UInt32, ByteBuffer)
    case cancel(BlockRequest)
    // BEP 5
    /// The UDP port of the peer's DHT node.
    case port(UInt16)
    // BEP 6
    case suggest(PieceIndex)
    case haveAll
    case haveNone
    case reject(BlockRequest)
    case allowedFast(PieceIndex)
    // BEP 10
    indirect case extensionHandshake(ExtensionHandshake)
    /// The payload of another extension, without its id. Copy what you keep of it: it may be a
    /// part of a large receive buffer.
    case extended(ExtensionID, ByteBuffer)
    // BEP 52
    indirect case hashRequest(HashRequest)
    /// The hashes of the base layer, then the uncles up to the root.
    indirect case hashes(HashRequest, [SHA256Digest])
    indirect case hashReject(HashRequest)
    // BEP 54 and BEP 21, both extension messages
    case dontHave(PieceIndex)
    case uploadOnly(Bool)
}

/// The ids of the messages on the wire.
enum MessageID {
    static let choke: UInt8 = 0
    static let unchoke: UInt8 = 1
    static let interested: UInt8 = 2
    static let notInterested: UInt8 = 3
    static let have: UInt8 = 4
    static let bitfield: UInt8 = 5
    static let request: UInt8 = 6
    static let piece: UInt8 = 7
    static let cancel: UInt8 = 8
    static let port: UInt8 = 9
    static let suggest: UInt8 = 13
    static let haveAll: UInt8 = 14
    static let haveNone: UInt8 = 15
    static let reject: UInt8 = 16
    static let allowedFast: UInt8 = 17
    static let extended: UInt8 = 20
    static let hashRequest: UInt8 = 21
    static let hashes: UInt8 = 22
    static let hashReject: UInt8 = 23

    /// The id of the extension handshake, after the byte `extended` (BEP 10).
    static let extensionHandshake: UInt8 = 0
}
