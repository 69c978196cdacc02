import Hashing
public import NIOCore
public import Units

extension PeerMessage {
    /// Bytes of a `piece` message before the block: length, id, piece, begin.
    public static let pieceHeaderByteCount = 13

    /// Writes what goes before a block of `length` bytes, which the caller sends after it.
    public static func encodePieceHeader(
        piece: PieceIndex, begin: UInt32, length: UInt32, into buffer: inout ByteBuffer
    ) {
        write(
            length: length.addingSaturating(9), MessageID.piece, piece.rawValue, begin,
            byteCount: pieceHeaderByteCount, into: &buffer)
    }

    /// Appends the message, with its length before it. `ids` are the extension ids of the peer
    /// that it goes to; false, and nothing written, if the peer has none for this message.
    @discardableResult
    public func encode(into buffer: inout ByteBuffer, ids: ExtensionIDs = .ours) -> Bool {
        switch self {
        case .keepAlive: buffer.writeInteger(UInt32(0))
        case .choke: Self.encode(MessageID.choke, into: &buffer)
        case .unchoke: Self.encode(MessageID.unchoke, into: &buffer)
        case .interested: Self.encode(MessageID.interested, into: &buffer)
        case .notInterested: Self.encode(MessageID.notInterested, into: &buffer)
        case .have(let piece): Self.encode(MessageID.have, piece, into: &buffer)
        case .bitfield(let bitfield):
            Self.encode(MessageID.bitfield, bitfield.wireBytes, into: &buffer)
        case .request(let request): Self.encode(MessageID.request, request, into: &buffer)
        case .piece(let piece, let begin, let block):
            let length = UInt32(clamping: block.readableBytes)
            Self.encodePieceHeader(piece: piece, begin: begin, length: length, into: &buffer)
            buffer.writeImmutableBuffer(block)
        case .cancel(let request): Self.encode(MessageID.cancel, request, into: &buffer)
        case .port(let port): buffer.writeMultipleIntegers(UInt32(3), MessageID.port, port)
        case .suggest(let piece): Self.encode(MessageID.suggest, piece, into: &buffer)
        case .haveAll: Self.encode(MessageID.haveAll, into: &buffer)
        case .haveNone: Self.encode(MessageID.haveNone, into: &buffer)
        case .reject(let request): Self.encode(MessageID.reject, request, into: &buffer)
        case .allowedFast(let piece): Self.encode(MessageID.allowedFast, piece, into: &buffer)
        case .hashRequest(let request):
            Self.encode(MessageID.hashRequest, request, [], into: &buffer)
        case .hashes(let request, let hashes):
            Self.encode(MessageID.hashes, request, hashes, into: &buffer)
        case .hashReject(let request):
            Self.encode(MessageID.hashReject, request, [], into: &buffer)
        case .extensionHandshake, .extended, .dontHave, .uploadOnly:
            return encodeExtended(into: &buffer, ids: ids)
        }
        return true
    }

    private func encodeExtended(into buffer: inout ByteBuffer, ids: ExtensionIDs) -> Bool {
        let id: UInt8?
        let payload: ByteBuffer
        switch self {
        case .extensionHandshake(let handshake):
            id = MessageID.extensionHandshake
            payload = ByteBuffer(bytes: handshake.encoded())
        case .extended(let known, let bytes):
            id = ids.sendingID(of: known)
            payload = bytes
        case .dontHave(let piece):
            id = ids.sendingID(of: .dontHave)
            payload = ByteBuffer(integer: piece.rawValue)
        case .uploadOnly(let uploadOnly):
            id = ids.sendingID(of: .uploadOnly)
            payload = ByteBuffer(integer: UInt8(uploadOnly ? 1 : 0))
        default: return false
        }
        guard let id else { return false }
        let length = UInt32(clamping: payload.readableBytes).addingSaturating(2)
        buffer.writeMultipleIntegers(length, MessageID.extended, id)
        buffer.writeImmutableBuffer(payload)
        return true
    }

    private static func encode(_ id: UInt8, into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(UInt32(1), id)
    }

    private static func encode(_ id: UInt8, _ piece: PieceIndex, into buffer: inout ByteBuffer) {
        write(length: 5, id, piece.rawValue, byteCount: 9, into: &buffer)
    }

    private static func encode(
        _ id: UInt8, _ request: BlockRequest, into buffer: inout ByteBuffer
    ) {
        write(
            length: 13, id, request.piece.rawValue, request.begin, request.length,
            byteCount: 17, into: &buffer)
    }

    /// Writes the first `byteCount` bytes of the length, the id and three integers, in one step:
    /// a download writes as many of them as it reads blocks.
    private static func write(
        length: UInt32, _ id: UInt8, _ first: UInt32, _ second: UInt32 = 0, _ third: UInt32 = 0,
        byteCount: Int, into buffer: inout ByteBuffer
    ) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { raw in
            raw.storeBytes(of: length.bigEndian, toByteOffset: 0, as: UInt32.self)
            raw.storeBytes(of: id, toByteOffset: 4, as: UInt8.self)
            raw.storeBytes(of: first.bigEndian, toByteOffset: 5, as: UInt32.self)
            if byteCount >= 13 {
                raw.storeBytes(of: second.bigEndian, toByteOffset: 9, as: UInt32.self)
            }
            if byteCount >= 17 {
                raw.storeBytes(of: third.bigEndian, toByteOffset: 13, as: UInt32.self)
            }
            return byteCount
        }
    }

    private static func encode(_ id: UInt8, _ payload: [UInt8], into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(UInt32(clamping: payload.count).addingSaturating(1), id)
        buffer.writeBytes(payload)
    }

    private static func encode(
        _ id: UInt8, _ request: HashRequest, _ hashes: [SHA256Digest],
        into buffer: inout ByteBuffer
    ) {
        let hashBytes = UInt32(clamping: hashes.count).multipliedSaturating(by: 32)
        buffer.writeMultipleIntegers(hashBytes.addingSaturating(49), id)
        buffer.writeBytes(request.piecesRoot.bytes)
        buffer.writeMultipleIntegers(
            request.baseLayer, request.index, request.length, request.proofLayers)
        for hash in hashes { _ = hash.withUnsafeBytes { buffer.writeBytes($0) } }
    }
}
