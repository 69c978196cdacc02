public import Hashing

/// Which hashes of a file's Merkle tree are meant (BEP 52, "hash request").
public struct HashRequest: Hashable, Sendable {
    /// The root of the file's tree.
    public var piecesRoot: SHA256Digest
    /// How many layers the base layer is above the leaves.
    public var baseLayer: UInt32
    /// The first hash, counted in hashes of the base layer.
    public var index: UInt32
    /// How many hashes of the base layer.
    public var length: UInt32
    /// How many layers of ancestors are to prove them.
    public var proofLayers: UInt32

    public init(
        piecesRoot: SHA256Digest, baseLayer: UInt32, index: UInt32, length: UInt32,
        proofLayers: UInt32
    ) {
        self.piecesRoot = piecesRoot
        self.baseLayer = baseLayer
        self.index = index
        self.length = length
        self.proofLayers = proofLayers
    }

    /// Whether any tree could answer: the length is a power of two from 2 to
    /// `Limits.hashesMax`, the index a multiple of it, and all is within the tallest tree there
    /// can be. Whether this torrent's tree can is not known here.
    public var isWellFormed: Bool {
        length >= 2 && length <= Limits.hashesMax && length.nonzeroBitCount == 1
            && index.isMultiple(of: length) && !index.addingReportingOverflow(length).overflow
            && baseLayer <= Limits.hashLayersMax && proofLayers <= Limits.hashLayersMax
    }

    /// How many uncle hashes follow the hashes of the base layer in the answer. The first
    /// log2(length) - 1 proof layers can be computed and are left out, though they are counted
    /// (BEP 52, "hashes"). 0 if not well formed.
    public var uncleCount: Int {
        guard isWellFormed else { return 0 }
        let leftOut = length.trailingZeroBitCount - 1
        return max(0, Int(proofLayers) - leftOut)
    }

    /// How many hashes the answer has: those of the base layer and the uncles.
    public var hashCount: Int { isWellFormed ? Int(length) + uncleCount : 0 }
}

extension HashRequest: CustomStringConvertible {
    public var description: String {
        "\(length) hashes at \(index) of layer \(baseLayer) with \(proofLayers) proof layers "
            + "under \(piecesRoot)"
    }
}
