public import Units

/// Why a session closed the connection. Each case is one fact, with the values that show it.
public enum PeerError: Error, Hashable, Sendable {
    /// The first bytes are not BitTorrent's handshake.
    case notBitTorrent
    /// The peer answered for another torrent.
    case wrongInfoHash
    /// The peer has our own peer id.
    case connectedToSelf
    /// The handshake was not done in time.
    case handshakeTimeout
    /// Nothing came for too long, or too little of an unfinished message.
    case idle
    /// More than `Limits` allows came before the connection was accepted.
    case tooMuchBeforeAccept
    /// The length prefix is more than any message has.
    case frameTooLarge(length: UInt32)
    /// The length prefix is not one that a message with this id can have.
    case wrongLength(id: UInt8, length: UInt32)
    /// The message belongs to an extension that was not negotiated in the handshake.
    case notNegotiated(id: UInt8)
    /// Have-all or have-none after other messages (BEP 6).
    case lateAvailability(id: UInt8)
    /// Have-all or have-none after the peer had said what it has (BEP 6).
    case repeatedAvailability(id: UInt8)
    /// A bitfield of the wrong length or with spare bits set.
    case invalidBitfield(pieceCount: Int)
    case pieceOutOfRange(PieceIndex, pieceCount: Int)
    /// A request that no torrent can answer, from a peer that does not know rejects.
    case invalidRequest(BlockRequest)
    /// An answer to what we cannot have asked for.
    case unsolicited(id: UInt8)
    /// Hashes whose number does not fit what they say they answer, or that no tree has.
    case invalidHashes(count: Int)
    case flood(Flood)

    /// What there was too much of.
    public enum Flood: Hashable, Sendable {
        /// Messages that move no data.
        case control
        case haves
        case invalidRequests
        /// Extension messages with ids that we never gave out.
        case unadvertisedExtensions
        /// Messages whose content made no sense.
        case malformedMessages
    }

    /// Whether no honest client does this, so that the address may be banned, not only left.
    public var isMalicious: Bool {
        switch self {
        case .notBitTorrent, .wrongInfoHash, .connectedToSelf, .handshakeTimeout, .idle,
            .tooMuchBeforeAccept, .lateAvailability, .repeatedAvailability, .notNegotiated,
            .unsolicited:
            false
        case .frameTooLarge, .wrongLength, .invalidBitfield, .pieceOutOfRange, .invalidRequest,
            .invalidHashes, .flood:
            true
        }
    }
}

extension PeerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notBitTorrent: "the first bytes are not a BitTorrent handshake"
        case .wrongInfoHash: "the peer answered for another torrent"
        case .connectedToSelf: "the peer is this client"
        case .handshakeTimeout: "the handshake took too long"
        case .idle: "the peer was silent for too long"
        case .tooMuchBeforeAccept: "too many bytes came before the connection was accepted"
        case .frameTooLarge(let length): "a message of \(length) bytes is too large"
        case .wrongLength(let id, let length): "message \(id) cannot have \(length) bytes"
        case .notNegotiated(let id): "message \(id) was not negotiated"
        case .lateAvailability(let id): "message \(id) came after other messages"
        case .repeatedAvailability(let id): "message \(id) came after the peer had said what it has"
        case .invalidBitfield(let count): "the bitfield does not fit \(count) pieces"
        case .pieceOutOfRange(let piece, let count): "\(piece) does not exist among \(count)"
        case .invalidRequest(let request): "the request is invalid: \(request)"
        case .unsolicited(let id): "message \(id) answers nothing that was asked"
        case .invalidHashes(let count): "the \(count) hashes do not fit their request"
        case .flood(let flood): "too many \(flood)"
        }
    }
}

extension PeerError.Flood: CustomStringConvertible {
    public var description: String {
        switch self {
        case .control: "control messages"
        case .haves: "have messages"
        case .invalidRequests: "invalid requests"
        case .unadvertisedExtensions: "extension messages that were not advertised"
        case .malformedMessages: "malformed messages"
        }
    }
}
