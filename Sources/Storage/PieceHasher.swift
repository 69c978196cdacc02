public import Hashing
import Metainfo
import Units

/// What the hashes said of a piece.
public enum PieceVerdict: Sendable, Equatable {
    /// The bytes are those of the torrent.
    case verified
    /// They are not. For v2 and hybrid torrents, with the hash of each block's bytes (BEP 52), to
    /// find who sent a wrong one; for v1 torrents see `PieceWriter.blockDigests`.
    case mismatch(leaves: [SHA256Digest]?)
    /// A hybrid torrent's v1 hash and v2 hash contradict each other, so it is two torrents in one
    /// and must stop (BEP 52, "upgrade path").
    case inconsistent
    /// No hash of the piece is known yet: a v2 torrent whose piece layers are still missing.
    case unverifiable

    /// - Parameters: whether each hash is right; `nil` where there is none.
    init(v1Matches: Bool?, v2Matches: Bool?, leaves: [SHA256Digest]?) {
        switch (v1Matches, v2Matches) {
        case (nil, nil): self = .unverifiable
        case (true, false), (false, true): self = .inconsistent
        case (false, _), (_, false): self = .mismatch(leaves: leaves)
        default: self = .verified
        }
    }
}

/// The hashes that a piece must have.
struct ExpectedHashes: Sendable {
    let v1: SHA1Digest?
    let v2: V2PieceHash?

    init(_ metainfo: Metainfo, _ piece: PieceIndex) {
        self.v1 = metainfo.v1Hash(of: piece)
        self.v2 = metainfo.v2Hash(of: piece)
    }
}

/// Hashes one piece. SHA-1 needs the bytes in order; the SHA-256 of each block of 16 KiB does not.
///
/// It belongs to one thread at a time.
struct PieceHasher: ~Copyable {
    private let wantsV1: Bool
    private let wantsV2: Bool
    private let length: UInt32
    /// Bytes of the piece that are a file's, for v2: the rest is padding and has no leaf.
    private let contentLength: UInt32
    private var sha1 = SHA1Hasher()
    private var sha256 = SHA256Hasher()
    private var leaves: [SHA256Digest?]
    /// SHA-1 has seen all before.
    private(set) var hashed: UInt32 = 0

    init(length: UInt32, expected: ExpectedHashes) {
        self.length = length
        self.wantsV1 = expected.v1 != nil
        self.wantsV2 = expected.v2 != nil
        self.contentLength = min(length, expected.v2?.contentLength ?? 0)
        self.leaves = Array(
            repeating: nil, count: Int((contentLength + (blockLength - 1)) / blockLength))
    }

    /// Takes the bytes from `begin` on, which is a block's beginning; they end where a block or
    /// the piece does.
    mutating func update(_ bytes: UnsafeRawBufferPointer, begin: UInt32) {
        if wantsV1, begin == hashed {
            sha1.update(bytes)
            hashed += UInt32(bytes.count)
        }
        guard wantsV2 else { return }
        var position = 0
        while position < bytes.count, begin + UInt32(position) < contentLength {
            let begin = begin + UInt32(position)
            let end = min(bytes.count, position + Int(min(blockLength, contentLength - begin)))
            sha256.update(UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
            leaves[Int(begin / blockLength)] = sha256.finish()
            position += Int(blockLength)
        }
    }

    /// The beginning of the first block that has not been hashed as it must be; `nil` at the end.
    var firstMissing: UInt32? {
        let leaf = wantsV2 ? leaves.firstIndex { $0 == nil }.map { UInt32($0) * blockLength } : nil
        let byte = wantsV1 && hashed < length ? hashed : nil
        return [leaf, byte].compactMap(\.self).min()
    }

    /// Compares. Once; all bytes must have been seen.
    mutating func verdict(_ expected: ExpectedHashes) -> PieceVerdict {
        let hashes = leaves.compactMap(\.self)
        let v1 = expected.v1.map { sha1.finish() == $0 }
        let v2 = expected.v2.map { expected in
            MerkleTree.root(of: hashes, padTo: expected.leafCount) == expected.root
        }
        return PieceVerdict(v1Matches: v1, v2Matches: v2, leaves: wantsV2 ? hashes : nil)
    }
}
