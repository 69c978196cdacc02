import Bencode
import Hashing
import Units

/// The hashes of the pieces of each file of more than one (BEP 52, "piece layers"), by the file's
/// root. Each layer that is in here makes its root.
struct PieceLayers: Hashable, Sendable {
    private(set) var byRoot: [SHA256Digest: [SHA256Digest]] = [:]
    /// Of layers longer than that, the roots over each `summaryWidth` hashes: who proves a few of
    /// them needs not hash all others each time.
    private(set) var summaries: [SHA256Digest: [SHA256Digest]] = [:]

    init() {}

    /// Those that the value has, maybe not all; `nil` stands for a torrent without the key.
    init(_ value: BencodeValue?, _ layout: ContentLayout) throws(MetainfoError) {
        let lengths = Self.lengths(in: layout)
        for (key, value) in try Self.entries(of: value) {
            guard let root = SHA256Digest(bytes: key), let blob = value.bytes else {
                throw .pieceLayerMalformed
            }
            guard byRoot[root] == nil else { continue }
            guard let length = lengths[root] else { throw .pieceLayerUnknown(root: root) }
            let hashes = blob.withUnsafeBytes { raw in
                (0..<raw.count / SHA256Digest.byteCount).compactMap {
                    SHA256Digest(loading: raw, at: $0)
                }
            }
            let expected = Self.hashCount(length, layout.pieceLength) * SHA256Digest.byteCount
            guard blob.count == expected else {
                throw .pieceLayerLengthMismatch(
                    root: root, byteCount: blob.count, expected: expected)
            }
            try take(hashes, root: root, layout.pieceLength)
        }
    }

    private static func entries(
        of value: BencodeValue?
    ) throws(MetainfoError) -> [(key: ArraySlice<UInt8>, value: BencodeValue)] {
        guard let value else { return [] }
        guard value.isDictionary else { throw .pieceLayerMalformed }
        return Array(value.entries)
    }

    /// Adds the layer of `file`, which came from elsewhere.
    mutating func insert(
        _ hashes: [SHA256Digest], of file: FileEntry, in layout: ContentLayout
    ) throws(MetainfoError) {
        let root = file.piecesRoot ?? .zero
        guard Self.needsLayer(file, layout) else { throw .pieceLayerUnknown(root: root) }
        let expected = Self.hashCount(file.length, layout.pieceLength)
        guard hashes.count == expected else {
            throw .pieceLayerLengthMismatch(
                root: root, byteCount: hashes.count * SHA256Digest.byteCount,
                expected: expected * SHA256Digest.byteCount)
        }
        try take(hashes, root: root, layout.pieceLength)
    }

    /// The first file that has more than one piece and no layer.
    func firstFileWithout(in layout: ContentLayout) -> Int? {
        layout.files.firstIndex { file in
            guard let root = file.piecesRoot, Self.needsLayer(file, layout) else { return false }
            return byRoot[root] == nil
        }
    }

    static func needsLayer(_ file: FileEntry, _ layout: ContentLayout) -> Bool {
        file.piecesRoot != nil && file.length > Int64(layout.pieceLength)
    }

    private static func lengths(in layout: ContentLayout) -> [SHA256Digest: Int64] {
        var lengths: [SHA256Digest: Int64] = [:]
        for file in layout.files where needsLayer(file, layout) {
            if let root = file.piecesRoot { lengths[root] = file.length }
        }
        return lengths
    }

    private static func hashCount(_ length: Int64, _ pieceLength: UInt32) -> Int {
        Int((length - 1) / Int64(pieceLength)) + 1
    }

    /// A power of two: as many hashes as one message has (BEP 52, "hash request").
    static let summaryWidth = 512

    private mutating func take(
        _ hashes: [SHA256Digest], root: SHA256Digest, _ pieceLength: UInt32
    ) throws(MetainfoError) {
        // A zero hash stands for a piece that is not there, never for one that is.
        guard !hashes.contains(.zero) else { throw .pieceLayerZeroHash(root: root) }
        let height = MerkleTree.height(ofLeafCount: Int(pieceLength / blockLength))
        let width = Self.summaryWidth
        guard hashes.count > width else {
            guard MerkleTree.root(ofPieceLayer: hashes, pieceLength: pieceLength) == root else {
                throw .pieceLayerRootMismatch(root: root)
            }
            return byRoot[root] = hashes
        }
        let padding = MerkleTree.zeroRoot(height: height)
        let summary = stride(from: 0, to: hashes.count, by: width).map { first in
            MerkleTree.root(
                of: hashes[first..<min(first + width, hashes.count)], padTo: width,
                padding: padding)
        }
        let summaryHeight = height + MerkleTree.height(ofLeafCount: width)
        let found = MerkleTree.root(
            of: summary, padTo: MerkleTree.leafCount(for: summary.count),
            padding: MerkleTree.zeroRoot(height: summaryHeight))
        guard found == root else { throw .pieceLayerRootMismatch(root: root) }
        byRoot[root] = hashes
        summaries[root] = summary
    }

    /// The value of `piece layers`.
    var bencode: Bencode {
        var entries: [[UInt8]: Bencode] = [:]
        for (root, hashes) in byRoot {
            var blob: [UInt8] = []
            blob.reserveCapacity(hashes.count * SHA256Digest.byteCount)
            for hash in hashes { hash.withUnsafeBytes { blob += $0 } }
            entries[root.bytes] = .bytes(blob)
        }
        return .dictionary(entries)
    }
}
