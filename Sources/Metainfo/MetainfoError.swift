public import Bencode
public import Hashing

/// Why bytes are not a torrent. Files are counted from 0, in the order of the info dictionary.
public enum MetainfoError: Error, Hashable, Sendable {
    case bencoding(BencodeError)
    case notDictionary
    /// No dictionary `info`.
    case infoMissing
    /// The info dictionary is not the one that was asked for.
    case infoHashMismatch(expected: InfoHash)
    /// The info dictionary of a v2 torrent is not in the one form it may have (BEP 52).
    case infoNotCanonical(BencodeError)
    /// A key on which the content depends stands twice, and clients differ in which they take.
    case keyTwice(String)

    // Versions.
    case versionUnsupported(Int64)
    /// A file tree without `meta version`.
    case versionMissing
    case fileTreeMissing
    /// `meta version` 2 with `files` or `length`, but no `pieces`.
    case piecesMissingOfHybrid
    /// `meta version` 2 with `pieces`, but neither `files` nor `length`.
    case filesMissingOfHybrid

    // Pieces.
    case nameMissing
    /// A new name that no file can have.
    case nameInvalid
    case pieceLengthMissing
    case pieceLengthOutOfRange(Int64, ClosedRange<Int64>)
    case pieceLengthNotPowerOfTwo(Int64)
    case piecesMissing
    case piecesNotWholeHashes(byteCount: Int)
    case pieceCountMismatch(hashes: Int, pieces: Int)
    case tooManyPieces(Int64, max: Int)

    // Files.
    case noFiles
    case fileMalformed(file: Int)
    case fileLengthMissing(file: Int)
    case fileLengthInvalid(Int64, file: Int)
    case lengthOverflow
    case pathMissing(file: Int)
    case pathElementMalformed(file: Int)
    case pathTooDeep(file: Int, depth: Int, max: Int)
    case tooManyTakenPaths(max: Int)
    case padInvalid(file: Int, length: Int64)
    case fileTreeMalformed
    case fileTreeTooDeep(max: Int)
    case padInFileTree(file: Int)
    case piecesRootMissing(file: Int)
    case piecesRootMalformed(file: Int)
    case piecesRootZero(file: Int)
    /// A file of another length has the same root.
    case piecesRootContradicted(file: Int)

    // What a hybrid's two lists of files disagree in. Pad files are not counted.
    case hybridFileCountMismatch(v1: Int, v2: Int)
    case hybridPathMismatch(file: Int)
    case hybridLengthMismatch(file: Int, v1: Int64, v2: Int64)
    case hybridFileNotAligned(file: Int)

    // Piece layers.
    case pieceLayerMissing(file: Int)
    case pieceLayerMalformed
    case pieceLayerUnknown(root: SHA256Digest)
    case pieceLayerLengthMismatch(root: SHA256Digest, byteCount: Int, expected: Int)
    case pieceLayerZeroHash(root: SHA256Digest)
    case pieceLayerRootMismatch(root: SHA256Digest)
}

extension MetainfoError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .bencoding(let error): "not a torrent: \(error)"
        case .notDictionary: "not a torrent: not a dictionary"
        case .infoMissing: "not a torrent: no info dictionary"
        case .infoHashMismatch(let expected): "info: not the dictionary with hash \(expected)"
        case .infoNotCanonical(let error): "info: not canonical, as v2 demands: \(error)"
        case .keyTwice(let key): "info: \(key) stands twice"
        case .versionUnsupported(let version): "meta version: \(version), where 2 is known"
        case .versionMissing: "meta version: missing beside a file tree"
        case .fileTreeMissing: "file tree: missing"
        case .piecesMissingOfHybrid: "piece hashes: missing beside v1 files"
        case .filesMissingOfHybrid: "files: missing beside v1 piece hashes"
        default: pieceDescription ?? fileDescription ?? hybridDescription ?? layerDescription
        }
    }

    private var pieceDescription: String? {
        switch self {
        case .nameMissing: "name: missing"
        case .nameInvalid: "name: not that of a file"
        case .pieceLengthMissing: "piece length: missing"
        case .pieceLengthOutOfRange(let length, let range):
            "piece length: \(length), not within \(range.lowerBound)...\(range.upperBound)"
        case .pieceLengthNotPowerOfTwo(let length):
            "piece length: \(length), not a power of two"
        case .piecesMissing: "piece hashes: missing"
        case .piecesNotWholeHashes(let count):
            "piece hashes: \(count) bytes, not a multiple of 20"
        case .pieceCountMismatch(let hashes, let pieces):
            "piece hashes: \(hashes), where the files make \(pieces) pieces"
        case .tooManyPieces(let count, let max): "pieces: \(count), more than \(max)"
        default: nil
        }
    }

    private var fileDescription: String? {
        switch self {
        case .noFiles: "files: none"
        case .fileMalformed(let file): "file \(file): not a dictionary"
        case .fileLengthMissing(let file): "file \(file): no length"
        case .fileLengthInvalid(let length, let file): "file \(file): length \(length)"
        case .lengthOverflow: "files: their lengths add up to more than 64 bits"
        case .pathMissing(let file): "file \(file): no path"
        case .pathElementMalformed(let file): "file \(file): a path element is not a string"
        case .pathTooDeep(let file, let depth, let max):
            "file \(file): \(depth) folders deep, more than \(max)"
        case .tooManyTakenPaths(let max): "files: more than \(max) have a path that is taken"
        case .padInvalid(let file, let length):
            "file \(file): a pad of \(length) bytes does not fill a piece"
        case .fileTreeMalformed: "file tree: neither files nor folders"
        case .fileTreeTooDeep(let max): "file tree: deeper than \(max) folders"
        case .padInFileTree(let file): "file tree: file \(file) is a pad"
        case .piecesRootMissing(let file): "pieces root: missing of file \(file)"
        case .piecesRootMalformed(let file): "pieces root: not 32 bytes of file \(file)"
        case .piecesRootZero(let file): "pieces root: zero of file \(file)"
        case .piecesRootContradicted(let file):
            "pieces root: file \(file) shares one with a file of another length"
        default: nil
        }
    }

    private var hybridDescription: String? {
        switch self {
        case .hybridFileCountMismatch(let v1, let v2):
            "hybrid: \(v1) files in v1, \(v2) in v2"
        case .hybridPathMismatch(let file):
            "hybrid: file \(file) has different paths in v1 and v2"
        case .hybridLengthMismatch(let file, let v1, let v2):
            "hybrid: file \(file) has \(v1) bytes in v1, \(v2) in v2"
        case .hybridFileNotAligned(let file):
            "hybrid: file \(file) begins elsewhere in v1 than in v2"
        default: nil
        }
    }

    private var layerDescription: String {
        switch self {
        case .pieceLayerMissing(let file): "piece layers: none for file \(file)"
        case .pieceLayerMalformed: "piece layers: not a dictionary of hashes"
        case .pieceLayerUnknown(let root): "piece layers: no file has the root \(root)"
        case .pieceLayerLengthMismatch(let root, let count, let expected):
            "piece layers: \(count) bytes instead of \(expected) for the root \(root)"
        case .pieceLayerZeroHash(let root): "piece layers: a zero hash for the root \(root)"
        case .pieceLayerRootMismatch(let root):
            "piece layers: the hashes do not make the root \(root)"
        default: "not a torrent"
        }
    }
}
