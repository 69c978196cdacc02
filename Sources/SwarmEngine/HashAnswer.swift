import Hashing
import Metainfo
import PeerWire
import Units

/// The answer to a request for hashes of a file's tree (BEP 52, "hash request"): hashes of the
/// base layer, then the uncles on the way to the root.
struct HashAnswer {
    private let layout: ContentLayout
    private let request: HashRequest
    let file: FileIndex
    /// The layers above the leaves: of the pieces, and of the root.
    private let pieceHeight: Int
    private let rootHeight: Int
    private let leafCount: Int
    private let pieceLayer: [SHA256Digest]

    /// Nil for a request that no tree of this torrent can answer, or that is not allowed.
    init?(_ request: HashRequest, _ metainfo: Metainfo) {
        let layout = metainfo.layout
        let found = layout.files.firstIndex {
            $0.piecesRoot == request.piecesRoot && $0.length > 0
        }
        guard let found, request.length >= 2, request.length <= UInt32(Limits.hashesPerAnswerMax),
            request.length.nonzeroBitCount == 1, request.index.isMultiple(of: request.length)
        else { return nil }
        self.layout = layout
        self.request = request
        self.file = FileIndex(found)
        let unit = Int64(blockLength)
        self.leafCount = Int((layout.files[found].length + unit - 1) / unit)
        self.rootHeight = MerkleTree.height(ofLeafCount: leafCount)
        let fullHeight = MerkleTree.height(ofLeafCount: Int(layout.pieceLength / blockLength))
        self.pieceHeight = min(fullHeight, rootHeight)
        let layer = metainfo.pieceLayer(of: FileIndex(found))
        self.pieceLayer = layer ?? [request.piecesRoot]
        let base = Int(request.baseLayer)
        let end = Int(request.index) + Int(request.length)
        guard base == 0 || base == pieceHeight, base <= rootHeight,
            end <= 1 << (rootHeight - base), Int(request.proofLayers) <= rootHeight - base
        else { return nil }
    }

    /// The pieces whose content must be read for the answer; empty if the torrent itself knows.
    var piecesRead: Range<Int> {
        guard request.baseLayer == 0, pieceHeight > 0 else { return 0..<0 }
        let first = Int(request.index) >> pieceHeight
        let last = (Int(request.index) + Int(request.length) - 1) >> pieceHeight
        let pieces = layout.pieces(of: file)
        let start = pieces.lowerBound + first
        return start..<max(start, min(pieces.lowerBound + last + 1, pieces.upperBound))
    }

    /// The hashes. `leaf` gives the hash of a block of the file by its number.
    func hashes<Failure: Error>(
        leaf: (Int) throws(Failure) -> SHA256Digest
    ) throws(Failure) -> [SHA256Digest] {
        let (base, index) = (Int(request.baseLayer), Int(request.index))
        let length = Int(request.length)
        var hashes: [SHA256Digest] = []
        for position in index..<index + length {
            hashes.append(try node(base, position, leaf: leaf))
        }
        // The layers that follow from the hashes themselves are left out.
        let known = length.trailingZeroBitCount
        let top = min(base + Int(request.proofLayers), rootHeight - 1)
        for layer in stride(from: base + known, through: top, by: 1) {
            let sibling = (index >> (layer - base)) ^ 1
            hashes.append(try node(layer, sibling, leaf: leaf))
        }
        return hashes
    }

    private func node<Failure: Error>(
        _ layer: Int, _ position: Int, leaf: (Int) throws(Failure) -> SHA256Digest
    ) throws(Failure) -> SHA256Digest {
        if layer >= pieceHeight {
            let width = 1 << (layer - pieceHeight)
            let first = position * width
            let padding = MerkleTree.zeroRoot(height: pieceHeight)
            guard first < pieceLayer.count else { return MerkleTree.zeroRoot(height: layer) }
            let nodes = pieceLayer[first..<min(first + width, pieceLayer.count)]
            return MerkleTree.root(of: nodes, padTo: width, padding: padding)
        }
        let width = 1 << layer
        let first = position * width
        guard first < leafCount else { return MerkleTree.zeroRoot(height: layer) }
        var leaves: [SHA256Digest] = []
        for number in first..<min(first + width, leafCount) { leaves.append(try leaf(number)) }
        return MerkleTree.root(of: leaves, padTo: width)
    }
}
