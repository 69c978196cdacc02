import Bencode
public import Hashing
public import Units

/// A torrent: what its files are and how to check each piece of them (BEP 3, BEP 52).
public struct Metainfo: Sendable {
    public enum Version: Hashable, Sendable {
        /// BEP 3: SHA-1 over pieces.
        case v1
        /// BEP 52: SHA-256 trees over files.
        case v2
        /// Both, of the same files.
        case hybrid
    }

    /// A DHT node to begin with (BEP 5).
    public struct Node: Hashable, Sendable {
        public let host: String
        public let port: UInt16

        /// `nil` if it cannot be one: no host, or port 0.
        public init?(host: String, port: UInt16) {
            let isHost = host.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
            guard isHost, (1...Limits.hostBytesMax).contains(host.utf8.count), port > 0 else {
                return nil
            }
            self.host = host
            self.port = port
        }
    }

    public let version: Version
    public let infoHash: InfoHash
    /// Safe to hand to a file system: the folder that the files go into, or the one file's name.
    public let name: String
    /// The name as the info dictionary has it.
    public let rawName: [UInt8]
    /// Whether the torrent is one file, not a folder. A v2 torrent is if all that is in its tree is
    /// a file with the torrent's name: one with another name is in a folder, as its maker had it.
    public let isSingleFile: Bool
    public let layout: ContentLayout
    /// Peers come from the torrent's trackers alone (BEP 27).
    public let isPrivate: Bool
    public let source: String?
    /// The info dictionary, byte for byte as it came: info-hashes are over these.
    public let infoBytes: [UInt8]
    /// What was left out or changed in reading.
    public let warnings: [MetainfoWarning]

    private let pieces: Range<Int>
    private(set) var layers: PieceLayers
    var outer: OuterKeys
    let original: OriginalKeys

    /// Reads a `.torrent`. White space at its end is let pass.
    public init(_ bytes: [UInt8]) throws(MetainfoError) {
        try self.init(bytes, mayLackLayers: false)
    }

    /// Reads what `encoded` made of a torrent that may not have been known in full: a hybrid one
    /// can be fetched and checked without its piece layers (see `filesWithoutPieceLayer`).
    public init(kept bytes: [UInt8]) throws(MetainfoError) {
        try self.init(bytes, mayLackLayers: true)
    }

    private init(_ bytes: [UInt8], mayLackLayers: Bool) throws(MetainfoError) {
        let document: BencodeDocument
        do {
            document = try BencodeDocument(withoutTrailingSpace(bytes), limits: .metainfo)
        } catch {
            throw .bencoding(error)
        }
        guard document.root.isDictionary else { throw .notDictionary }
        guard let info = document.root["info"], info.isDictionary else { throw .infoMissing }
        try self.init(info: info, root: document.root, mayLackLayers: mayLackLayers)
    }

    /// Reads an info dictionary that came from peers (BEP 9), if it is the one with the hash
    /// `expected`. The piece layers of v2 are not known then.
    public init(infoBytes: [UInt8], expecting expected: InfoHash) throws(MetainfoError) {
        let sha1 = SHA1Digest.hash(infoBytes)
        let sha256 = SHA256Digest.hash(infoBytes)
        let isAsked =
            (expected.v1.map { $0 == sha1 || $0 == sha256.truncated } ?? true)
            && (expected.v2.map { $0 == sha256 } ?? true)
        guard isAsked else { throw .infoHashMismatch(expected: expected) }
        let document: BencodeDocument
        do {
            document = try BencodeDocument(infoBytes, limits: .metainfo)
        } catch {
            throw .bencoding(error)
        }
        try self.init(info: document.root, root: nil, mayLackLayers: true)
        // What was asked for by a v2 hash has to be v2; the 20 bytes may be of either kind.
        guard expected.v1.map({ infoHash.wireForms.contains($0) }) ?? true,
            expected.v2 == nil || expected.v2 == infoHash.v2
        else { throw .infoHashMismatch(expected: expected) }
    }

    private init(
        info: BencodeValue, root: BencodeValue?, mayLackLayers: Bool
    ) throws(MetainfoError) {
        var warnings: [MetainfoWarning] = []
        let outer = root.map { OuterKeys($0, warnings: &warnings) } ?? OuterKeys()
        try self.init(
            info: info, outer: outer, original: OriginalKeys(root, read: outer),
            warnings: warnings)
        guard let root, version != .v1 else { return }
        layers = try PieceLayers(root["piece layers"], layout)
        guard version == .v2 || !mayLackLayers, let file = layers.firstFileWithout(in: layout)
        else {
            return
        }
        throw .pieceLayerMissing(file: file)
    }

    /// The same torrent with another info dictionary of the same content.
    init(_ other: Metainfo, infoBytes: [UInt8]) throws(MetainfoError) {
        let document: BencodeDocument
        do {
            document = try BencodeDocument(infoBytes, limits: .metainfo)
        } catch {
            throw .bencoding(error)
        }
        try self.init(
            info: document.root, outer: other.outer, original: other.original,
            warnings: other.warnings.filter { if case .filesRenamed = $0 { false } else { true } })
        layers = other.layers
    }

    private init(
        info: BencodeValue, outer: OuterKeys, original: OriginalKeys, warnings: [MetainfoWarning]
    ) throws(MetainfoError) {
        let infoBytes = Array(info.rawBytes)
        let dictionary = try InfoDictionary(info, bytes: infoBytes)
        let renamedCount = dictionary.layout.files.count { $0.isRenamed && !$0.isPad }
        self.version = dictionary.version
        self.infoHash = InfoHash(of: infoBytes, dictionary.version)
        self.name = dictionary.name
        self.rawName = dictionary.rawName
        self.isSingleFile = dictionary.isSingleFile
        self.layout = dictionary.layout
        self.isPrivate = dictionary.isPrivate
        self.source = dictionary.source
        self.infoBytes = infoBytes
        self.warnings =
            warnings.prefix(Limits.warningCountMax)
            + (renamedCount > 0 ? [.filesRenamed(renamedCount)] : [])
        self.pieces = dictionary.pieces
        self.layers = PieceLayers()
        self.outer = outer
        self.original = original
    }
}

/// Something of a torrent that was left out or changed, while the rest is of use.
public enum MetainfoWarning: Hashable, Sendable {
    /// Trackers beyond those that are kept, or with too long an address.
    case trackersLeftOut(Int)
    case webSeedsLeftOut(Int)
    case nodesLeftOut(Int)
    /// An address of a kind that is not spoken.
    case addressRefused(String)
    /// Files whose paths were not safe or not unique.
    case filesRenamed(Int)
}

extension MetainfoWarning: CustomStringConvertible {
    public var description: String {
        switch self {
        case .trackersLeftOut(let count): "\(count) trackers left out"
        case .webSeedsLeftOut(let count): "\(count) web seeds left out"
        case .nodesLeftOut(let count): "\(count) DHT nodes left out"
        case .addressRefused(let url): "address refused: \(url)"
        case .filesRenamed(let count): "\(count) files renamed"
        }
    }
}

extension InfoHash {
    fileprivate init(of infoBytes: [UInt8], _ version: Metainfo.Version) {
        switch version {
        case .v1: self.init(v1: .hash(infoBytes))
        case .v2: self.init(v2: .hash(infoBytes))
        case .hybrid: self.init(v1: .hash(infoBytes), v2: .hash(infoBytes))
        }
    }
}

private func withoutTrailingSpace(_ bytes: [UInt8]) -> [UInt8] {
    guard let last = bytes.last, last == 0x0A || last == 0x0D || last == 0x20 else { return bytes }
    let end = bytes.lastIndex { $0 != 0x0A && $0 != 0x0D && $0 != 0x20 }.map { $0 + 1 } ?? 0
    return Array(bytes[..<end])
}

// MARK: - Hashes of pieces

/// What a piece of a v2 or hybrid torrent is checked against (BEP 52).
public struct V2PieceHash: Hashable, Sendable {
    /// The root of the tree over the piece's blocks.
    public let root: SHA256Digest
    /// How many leaves that tree has: those past the piece's blocks are zero.
    public let leafCount: Int
    /// Bytes of the file that are in the piece: what the blocks are made of.
    public let contentLength: UInt32
    public let file: FileIndex
}

extension Metainfo {
    /// The SHA-1 of `piece` (BEP 3, "pieces"); `nil` of a v2 torrent.
    public func v1Hash(of piece: PieceIndex) -> SHA1Digest? {
        infoBytes.withUnsafeBytes {
            SHA1Digest(
                loading: UnsafeRawBufferPointer(rebasing: $0[pieces]), at: piece.position)
        }
    }

    /// `nil` of a v1 torrent, and while the file's piece layer is not known.
    public func v2Hash(of piece: PieceIndex) -> V2PieceHash? {
        let begin = Int64(piece.position) * Int64(layout.pieceLength)
        guard version != .v1, let index = layout.file(at: begin) else { return nil }
        let file = layout.files[index.position]
        guard let root = file.piecesRoot else { return nil }
        let within = begin - file.offset
        let pieceLength = Int64(layout.pieceLength)
        let length = UInt32(truncatingIfNeeded: min(pieceLength, file.length - within))
        if file.length <= pieceLength {
            let blockCount = Int((length - 1) / blockLength) + 1
            return V2PieceHash(
                root: root, leafCount: MerkleTree.leafCount(for: blockCount),
                contentLength: length, file: index)
        }
        let position = Int(within / pieceLength)
        guard let layer = layers.byRoot[root], position < layer.count else { return nil }
        return V2PieceHash(
            root: layer[position],
            leafCount: Int(layout.pieceLength / blockLength), contentLength: length, file: index)
    }

    /// The hashes of the pieces of `file`: of one with one piece only its root. `nil` of an empty
    /// file, of a v1 torrent, and while they are not known.
    public func pieceLayer(of file: FileIndex) -> [SHA256Digest]? {
        guard file.position < layout.files.count,
            let root = layout.files[file.position].piecesRoot
        else { return nil }
        guard PieceLayers.needsLayer(layout.files[file.position], layout) else { return [root] }
        return layers.byRoot[root]
    }

    /// The roots over each 512 hashes of the piece layer of `file`; none where it has no more than
    /// that, or is not known.
    public func pieceLayerSummary(of file: FileIndex) -> [SHA256Digest] {
        guard file.position < layout.files.count,
            let root = layout.files[file.position].piecesRoot,
            PieceLayers.needsLayer(layout.files[file.position], layout)
        else { return [] }
        return layers.summaries[root] ?? []
    }

    /// Takes the hashes of the pieces of `file`, which peers sent, if they make the file's root.
    /// Files with the same root have them from then on too.
    public mutating func setPieceLayer(
        _ hashes: [SHA256Digest], of file: FileIndex
    ) throws(MetainfoError) {
        guard file.position < layout.files.count,
            layout.files[file.position].piecesRoot != nil
        else { throw .pieceLayerMissing(file: file.position) }
        try layers.insert(hashes, of: layout.files[file.position], in: layout)
    }

    /// The files of which the piece layer is not known yet. Only without any is there a `.torrent`
    /// that others take.
    public var filesWithoutPieceLayer: [FileIndex] {
        layout.files.indices.filter {
            let file = layout.files[$0]
            return PieceLayers.needsLayer(file, layout)
                && file.piecesRoot.map { layers.byRoot[$0] == nil } ?? false
        }
        .map { FileIndex($0) }
    }
}
