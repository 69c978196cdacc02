public import Hashing
public import Metainfo
public import PeerWire
public import Units

/// The answer to a request for hashes of a file's tree (BEP 52, "hash request"): hashes of the
/// base layer, then the uncles on the way to the root.
public struct HashAnswer: Sendable {
    private let layout: ContentLayout
    private let request: HashRequest
    public let file: FileIndex
    /// The layers above the leaves: of the pieces, and of the root.
    private let pieceHeight: Int
    private let rootHeight: Int
    private let leafCount: Int
    private let pieceLayer: [SHA256Digest]
    /// The layer nine above the pieces, of a file that is that large.
    private let summary: [SHA256Digest]

    /// Nil for a request that no tree of this torrent can answer, that is not allowed, or whose
    /// file's piece layer is not known: it is to be rejected.
    public init?(_ request: HashRequest, _ metainfo: Metainfo) {
        let layout = metainfo.layout
        let found = layout.files.firstIndex {
            $0.piecesRoot == request.piecesRoot && $0.length > 0
        }
        guard metainfo.version != .v1, request.isWellFormed, let found,
            let layer = metainfo.pieceLayer(of: FileIndex(found))
        else { return nil }
        self.layout = layout
        self.request = request
        self.file = FileIndex(found)
        self.pieceLayer = layer
        self.summary = metainfo.pieceLayerSummary(of: FileIndex(found))
        self.leafCount = Int((layout.files[found].length - 1) / Int64(blockLength)) + 1
        self.rootHeight = MerkleTree.height(ofLeafCount: leafCount)
        let fullHeight = MerkleTree.height(ofLeafCount: Int(layout.pieceLength / blockLength))
        self.pieceHeight = min(fullHeight, rootHeight)
        guard isAnswerable else { return nil }
    }

    private var isAnswerable: Bool {
        let base = Int(request.baseLayer)
        guard base == 0 || base == pieceHeight, base < rootHeight else { return false }
        // More than the leaves of a piece, or than the 512 of the BEP, nobody needs at once.
        let most =
            base == 0
            ? max(Limits.hashesPerRequestMax, 1 << pieceHeight) : Limits.hashesPerRequestMax
        let end = Int(request.index) + Int(request.length)
        // What is there, not what the tree is padded to.
        let count = base == 0 ? leafCount : pieceLayer.count
        return Int(request.length) <= most && Int(request.index) < count
            && end <= 1 << (rootHeight - base) && Int(request.proofLayers) < rootHeight - base
    }

    /// The pieces whose content must be read for the answer; empty if the torrent itself knows.
    public var piecesRead: Range<Int> {
        guard request.baseLayer == 0, pieceHeight > 0 else { return 0..<0 }
        let first = Int(request.index) >> pieceHeight
        let last = (Int(request.index) + Int(request.length) - 1) >> pieceHeight
        let pieces = layout.pieces(of: file)
        let start = pieces.lowerBound + first
        return start..<max(start, min(pieces.lowerBound + last + 1, pieces.upperBound))
    }

    /// The hashes. `leaf` gives the hash of a block of the file by its number.
    public func hashes<Failure: Error>(
        leaf: (Int) throws(Failure) -> SHA256Digest
    ) throws(Failure) -> [SHA256Digest] {
        let (base, index) = (Int(request.baseLayer), Int(request.index))
        let length = Int(request.length)
        var hashes: [SHA256Digest] = []
        hashes.reserveCapacity(request.hashCount)
        for position in index..<index + length {
            hashes.append(try node(base, position, leaf: leaf))
        }
        // The layers that follow from the hashes themselves are left out.
        let known = length.trailingZeroBitCount
        for layer in stride(from: base + known, through: base + Int(request.proofLayers), by: 1) {
            let sibling = (index >> (layer - base)) ^ 1
            hashes.append(try node(layer, sibling, leaf: leaf))
        }
        return hashes
    }

    private func node<Failure: Error>(
        _ layer: Int, _ position: Int, leaf: (Int) throws(Failure) -> SHA256Digest
    ) throws(Failure) -> SHA256Digest {
        let summaryHeight = pieceHeight + MerkleTree.height(ofLeafCount: Limits.hashesPerRequestMax)
        if layer >= summaryHeight, !summary.isEmpty {
            return Self.node(layer, position, above: summary, at: summaryHeight)
        }
        if layer >= pieceHeight {
            return Self.node(layer, position, above: pieceLayer, at: pieceHeight)
        }
        let width = 1 << layer
        let first = position * width
        guard first < leafCount else { return MerkleTree.zeroRoot(height: layer) }
        var leaves: [SHA256Digest] = []
        for number in first..<min(first + width, leafCount) { leaves.append(try leaf(number)) }
        return MerkleTree.root(of: leaves, padTo: width)
    }

    /// A node whose descendants `base` layers above the leaves are known.
    private static func node(
        _ layer: Int, _ position: Int, above nodes: [SHA256Digest], at base: Int
    ) -> SHA256Digest {
        let width = 1 << (layer - base)
        let first = position * width
        guard first < nodes.count else { return MerkleTree.zeroRoot(height: layer) }
        return MerkleTree.root(
            of: nodes[first..<min(first + width, nodes.count)], padTo: width,
            padding: MerkleTree.zeroRoot(height: base))
    }
}
