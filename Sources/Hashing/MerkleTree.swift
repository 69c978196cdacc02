/// The hash trees of v2 torrents (BEP 52): SHA-256 over pairs of nodes, above leaves that are the
/// hashes of a file's 16 KiB blocks. All of it is iterative, and takes memory in proportion to the
/// tree's height, never to the leaves that it is padded to.
public enum MerkleTree {
    /// The greatest height of a tree: counts of leaves are positive `Int`s.
    public static let heightMax = Int.bitWidth - 2

    /// The hash of a node with the children `left` and `right`.
    public static func parent(_ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
        var hasher = SHA256Hasher()
        return hasher.parent(left, right)
    }

    /// The root over `leaves`, followed by as many `padding` as make `leafCount`.
    ///
    /// `leafCount` is a power of two and not less than the number of leaves; a smaller or other
    /// number is taken as the next power of two that is.
    public static func root(
        of leaves: some Collection<SHA256Digest>, padTo leafCount: Int,
        padding: SHA256Digest = .zero
    ) -> SHA256Digest {
        var hasher = MerkleHasher()
        for leaf in leaves { hasher.append(leaf) }
        return hasher.finish(padTo: leafCount, padding: padding)
    }

    /// The root of a tree of 2^`height` leaves that are all zero. A height is at least 0 and at
    /// most `heightMax`; others are taken as the nearest of these.
    public static func zeroRoot(height: Int) -> SHA256Digest {
        zeroRoots[min(max(0, height), heightMax)]
    }

    private static let zeroRoots: [SHA256Digest] = {
        var hasher = SHA256Hasher()
        var roots = [SHA256Digest.zero]
        for height in 1...heightMax {
            roots.append(hasher.parent(roots[height - 1], roots[height - 1]))
        }
        return roots
    }()

    /// The root of a file from its piece layer: the hashes of its pieces, padded to a power of two
    /// with the hash of a piece of zero leaves (BEP 52, "piece layers").
    ///
    /// `pieceLength` in bytes, a power of two of at least 16 KiB.
    public static func root(
        ofPieceLayer layer: [SHA256Digest], pieceLength: UInt32
    ) -> SHA256Digest {
        let padding = zeroRoot(height: height(ofLeafCount: Int(pieceLength >> 14)))
        return root(of: layer, padTo: leafCount(for: layer.count), padding: padding)
    }

    /// The root that follows if `hash` is the `index`-th node of its layer and `uncles` are the
    /// siblings on the way up, the lowest first (BEP 52, "hashes").
    public static func root(
        proving hash: SHA256Digest, at index: Int, uncles: [SHA256Digest]
    ) -> SHA256Digest {
        var hasher = SHA256Hasher()
        var node = hash
        var position = index
        for uncle in uncles {
            node =
                position & 1 == 0 ? hasher.parent(node, uncle) : hasher.parent(uncle, node)
            position >>= 1
        }
        return node
    }

    /// The next power of two from `count` on: how many leaves a tree over `count` has. At least 1.
    public static func leafCount(for count: Int) -> Int { 1 << height(ofLeafCount: count) }

    /// The height of the smallest tree with at least `count` leaves: 0 for one leaf or none.
    public static func height(ofLeafCount count: Int) -> Int {
        guard count > 1 else { return 0 }
        return min(Int.bitWidth - (count - 1).leadingZeroBitCount, heightMax)
    }
}

/// A Merkle tree's root from leaves that come one after the other, in memory for one node a level.
/// One hasher serves for any number of trees.
public struct MerkleHasher: ~Copyable, Sendable {
    private var hasher = SHA256Hasher()
    /// The roots of the whole subtrees so far, one for each bit that is set in `leafCount`, the
    /// highest first.
    private var subtrees: [SHA256Digest] = []
    /// Leaves appended since the last `finish`.
    public private(set) var leafCount = 0

    public init() { subtrees.reserveCapacity(MerkleTree.height(ofLeafCount: 1 << 20)) }

    public mutating func append(_ leaf: SHA256Digest) {
        var node = leaf
        var level = leafCount
        while level & 1 == 1, let left = subtrees.popLast() {
            node = hasher.parent(left, node)
            level >>= 1
        }
        subtrees.append(node)
        leafCount += 1
    }

    /// The root over the leaves appended, followed by as many `padding` as make `leafCount`; and
    /// nothing is left of them. The count is read as `MerkleTree.root(of:padTo:padding:)` does.
    public mutating func finish(
        padTo leafCount: Int, padding: SHA256Digest = .zero
    ) -> SHA256Digest {
        let height = MerkleTree.height(ofLeafCount: max(leafCount, self.leafCount))
        defer {
            subtrees.removeAll(keepingCapacity: true)
            self.leafCount = 0
        }
        if self.leafCount == 1 << height, let whole = subtrees.last { return whole }
        var level = self.leafCount
        var node: SHA256Digest?
        var fill = padding
        for _ in 0..<height {
            if level & 1 == 1, let left = subtrees.popLast() {
                node = hasher.parent(left, node ?? fill)
            } else if let right = node {
                node = hasher.parent(right, fill)
            }
            fill = hasher.parent(fill, fill)
            level >>= 1
        }
        return node ?? fill
    }
}
