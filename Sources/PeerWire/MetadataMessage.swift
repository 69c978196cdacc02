public import Bencode
public import NIOCore

/// A message about the info dictionary, which goes over the wire in pieces of 16 KiB (BEP 9).
public enum MetadataMessage: Equatable, Sendable {
    case request(piece: Int)
    /// A piece and the size of the whole, as the peer says. The buffer may be a part of a large
    /// receive buffer: copy what you keep of it.
    case data(piece: Int, totalSize: Int?, ByteBuffer)
    /// The peer does not have the piece, or gives no more for now.
    case reject(piece: Int)
}

/// Why a message about the info dictionary could not be read.
public enum MetadataMessageError: Error, Equatable, Sendable {
    case tooLong(byteCount: Int)
    case notBencode(BencodeError)
    /// No dictionary with `msg_type` and a `piece` that there can be.
    case malformed
    case sizeOutOfRange(Int64)
    /// A piece of no bytes, or of more than 16 KiB.
    case wrongLength(byteCount: Int)
}

extension MetadataMessageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let count): "a metadata message of \(count) bytes is too long"
        case .notBencode(let error): "the metadata message is not bencode: \(error)"
        case .malformed: "the metadata message does not say what it is about"
        case .sizeOutOfRange(let size): "metadata cannot have \(size) bytes"
        case .wrongLength(let count): "a piece of metadata cannot have \(count) bytes"
        }
    }
}

extension MetadataMessage {
    /// Bytes of a piece that is not the last.
    public static let pieceByteCount = 16 * 1024

    /// How many pieces an info dictionary of `byteCount` bytes has.
    public static func pieceCount(ofByteCount byteCount: Int) -> Int {
        max(0, byteCount - 1) / pieceByteCount + (byteCount > 0 ? 1 : 0)
    }

    /// Bytes of `piece` of an info dictionary of `byteCount` bytes; 0 if there is none.
    public static func length(of piece: Int, ofByteCount byteCount: Int) -> Int {
        guard piece >= 0, piece < pieceCount(ofByteCount: byteCount) else { return 0 }
        return min(pieceByteCount, byteCount - piece * pieceByteCount)
    }

    private enum Kind {
        static let request: Int64 = 0
        static let data: Int64 = 1
        static let reject: Int64 = 2
    }

    /// Reads the payload of an extension message. `nil` for a type that is not known, which is to
    /// be ignored (BEP 9).
    public init?(parsing payload: ByteBuffer) throws(MetadataMessageError) {
        let byteCount = payload.readableBytes
        guard byteCount <= Limits.metadataHeadBytesMax + Self.pieceByteCount else {
            throw .tooLong(byteCount: byteCount)
        }
        let head = Array(payload.readableBytesView.prefix(Limits.metadataHeadBytesMax))
        let document: BencodeDocument
        do throws(BencodeError) {
            document = try BencodeDocument(prefixOf: head, limits: Limits.metadataHead, .lenient)
        } catch {
            throw .notBencode(error)
        }
        let root = document.root
        guard let kind = root["msg_type"]?.integer, let number = root["piece"]?.integer,
            let piece = UInt32(exactly: number).map({ Int($0) })
        else { throw .malformed }
        switch kind {
        case Kind.request: self = .request(piece: piece)
        case Kind.reject: self = .reject(piece: piece)
        case Kind.data:
            let size = try Self.totalSize(root["total_size"]?.integer)
            let length = byteCount - root.range.upperBound
            guard length > 0, length <= Self.pieceByteCount,
                let bytes = payload.getSlice(
                    at: payload.readerIndex + root.range.upperBound, length: length)
            else { throw .wrongLength(byteCount: length) }
            self = .data(piece: piece, totalSize: size, bytes)
        default: return nil
        }
    }

    private static func totalSize(_ said: Int64?) throws(MetadataMessageError) -> Int? {
        guard let said else { return nil }
        guard (1...Int64(Limits.metadataSizeMax)).contains(said) else {
            throw .sizeOutOfRange(said)
        }
        return Int(said)
    }

    /// The payload: a bencoded dictionary, after which the bytes of a piece follow.
    public func encoded() -> ByteBuffer {
        switch self {
        case .request(let piece): Self.head(Kind.request, piece)
        case .reject(let piece): Self.head(Kind.reject, piece)
        case .data(let piece, let totalSize, let bytes):
            Self.head(Kind.data, piece, totalSize, bytes)
        }
    }

    private static func head(
        _ kind: Int64, _ piece: Int, _ totalSize: Int? = nil, _ bytes: ByteBuffer? = nil
    ) -> ByteBuffer {
        var keys: [String: Bencode] = ["msg_type": .integer(kind), "piece": .integer(Int64(piece))]
        if let totalSize { keys["total_size"] = .integer(Int64(totalSize)) }
        let dictionary = Bencode.keyed(keys).encoded()
        var buffer = ByteBuffer()
        buffer.reserveCapacity(dictionary.count + (bytes?.readableBytes ?? 0))
        buffer.writeBytes(dictionary)
        if let bytes { buffer.writeImmutableBuffer(bytes) }
        return buffer
    }
}
