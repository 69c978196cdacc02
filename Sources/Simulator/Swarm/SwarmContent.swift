import Bencode
import Hashing
public import Metainfo
public import Units

/// A torrent whose content needs no memory: each block of a piece is one byte again and again.
public struct SwarmContent: Sendable {
    public let metainfo: Metainfo

    /// One file of `pieceCount` pieces.
    ///
    /// - Parameter infoByteCount: bytes that the info dictionary has at least. Only v1 ones can be
    ///   made longer than they are.
    public init(
        pieceCount: Int, pieceLength: UInt32 = 32_768, version: Metainfo.Version = .v1,
        infoByteCount: Int = 0
    ) throws(SwarmContentError) {
        do {
            metainfo =
                version == .v1
                ? try Self.v1(pieceCount, pieceLength, infoByteCount: infoByteCount)
                : try Self.built(pieceCount, pieceLength, version)
        } catch {
            throw SwarmContentError()
        }
    }

    private static func v1(
        _ pieceCount: Int, _ pieceLength: UInt32, infoByteCount: Int
    ) throws -> Metainfo {
        let hashes = (0..<pieceCount).flatMap {
            SHA1Digest.hash(bytes(of: PieceIndex($0), length: pieceLength)).bytes
        }
        let info: Bencode = [
            "filler": .bytes([UInt8](repeating: 0x66, count: infoByteCount)),
            "length": .integer(Int64(pieceCount) * Int64(pieceLength)), "name": "content",
            "piece length": .integer(Int64(pieceLength)), "pieces": .bytes(hashes),
        ]
        return try Metainfo(Bencode.keyed(["info": info]).encoded())
    }

    private static func built(
        _ pieceCount: Int, _ pieceLength: UInt32, _ version: Metainfo.Version
    ) throws -> Metainfo {
        let name = Array("content".utf8)
        let length = Int64(pieceCount) * Int64(pieceLength)
        let builder = try MetainfoBuilder(
            name: name, files: [.init(path: [name], length: length)], isSingleFile: true,
            pieceLength: pieceLength, version: version)
        let pieces = (0..<(version == .v2 ? 0 : pieceCount)).flatMap {
            SHA1Digest.hash(bytes(of: PieceIndex($0), length: pieceLength)).bytes
        }
        let roots = (0..<pieceCount).map {
            root(of: bytes(of: PieceIndex($0), length: pieceLength))
        }
        return try builder.build(pieces: pieces, pieceRoots: [roots])
    }

    /// The bytes of a piece.
    public func bytes(of piece: PieceIndex) -> [UInt8] {
        Self.bytes(of: piece, length: metainfo.layout.length(of: piece))
    }

    /// Whether these are the bytes of the piece, by all hashes that the torrent has.
    static func isRight(_ bytes: [UInt8], _ piece: PieceIndex, _ metainfo: Metainfo) -> Bool {
        if let expected = metainfo.v1Hash(of: piece), expected != .hash(bytes) { return false }
        guard let expected = metainfo.v2Hash(of: piece) else {
            return metainfo.v1Hash(of: piece) != nil
        }
        return root(of: bytes) == expected.root
    }

    private static func bytes(of piece: PieceIndex, length: UInt32) -> [UInt8] {
        [UInt8](repeating: UInt8(piece.position % 251), count: Int(length))
    }

    private static func root(of bytes: [UInt8]) -> SHA256Digest {
        let unit = Int(blockLength)
        let leaves = stride(from: 0, to: bytes.count, by: unit).map {
            SHA256Digest.hash(Array(bytes[$0..<min($0 + unit, bytes.count)]))
        }
        return MerkleTree.root(of: leaves, padTo: MerkleTree.leafCount(for: leaves.count))
    }
}

/// The content cannot be: too many pieces, or of a length that there is not.
public struct SwarmContentError: Error {}
