import Bencode
import Hashing

/// What an info dictionary says (BEP 3, BEP 52), checked.
struct InfoDictionary {
    let version: Metainfo.Version
    let name: String
    let rawName: [UInt8]
    let isSingleFile: Bool
    let layout: ContentLayout
    let isPrivate: Bool
    let source: String?
    /// Where the v1 piece hashes are in the info dictionary's bytes; empty if there are none.
    let pieces: Range<Int>

    /// `bytes` are those of `info` alone.
    init(_ info: BencodeValue, bytes: [UInt8]) throws(MetainfoError) {
        guard info.isDictionary else { throw .infoMissing }
        let version = try Self.version(of: info)
        if version != .v1 {
            do {
                _ = try BencodeDocument(bytes, limits: .metainfo, .strict)
            } catch {
                throw .infoNotCanonical(error)
            }
        }
        try Self.checkKeysAreUnique(info)
        let pieceLength = try Self.pieceLength(of: info, version)
        guard let rawName = info["name.utf-8"]?.bytes ?? info["name"]?.bytes else {
            throw .nameMissing
        }

        var files = try Self.files(of: info, version, rawName: rawName)
        guard !files.entries.isEmpty else { throw .noFiles }
        let isSingleFile =
            version == .v2
            ? files.entries.count == 1 && files.entries[0].rawPath == [Array(rawName)]
            : info["files"] == nil
        let name = Self.name(rawName, bytes)
        if isSingleFile { files.entries[0].rename(to: [name]) }
        try PathTable.disambiguate(&files.entries)
        SymlinkTable.resolve(files.links, in: &files.entries)
        let layout = try ContentLayout(
            laying: files.entries, pieceLength, hasGaps: version == .v2)
        try Self.checkPads(of: layout)

        self.version = version
        self.layout = layout
        self.isSingleFile = isSingleFile
        self.rawName = Array(rawName)
        self.name = name
        self.isPrivate = (info["private"]?.integer ?? 0) != 0
        self.source = info["source"]?.bytes.map { OuterKeys.text($0) }
        self.pieces = try Self.pieces(of: info, version, layout.pieceCount)
    }

    /// A name of which nothing is left would be that of many torrents: then it is the hash.
    private static func name(_ rawName: ArraySlice<UInt8>, _ infoBytes: [UInt8]) -> String {
        let name = PathElement.sanitised(rawName)
        let isLeft =
            name.utf8.contains { $0 != UInt8(ascii: "_") } || rawName.elementsEqual(name.utf8)
        return isLeft ? name : "\(SHA1Digest.hash(infoBytes))"
    }

    private static func version(of info: BencodeValue) throws(MetainfoError) -> Metainfo.Version {
        guard let metaVersion = info["meta version"] else {
            guard info["file tree"] == nil else { throw .versionMissing }
            return .v1
        }
        guard metaVersion.integer == 2 else {
            throw .versionUnsupported(metaVersion.integer ?? 0)
        }
        let hasFiles = info["files"] != nil || info["length"] != nil
        guard info["pieces"] != nil else {
            guard !hasFiles else { throw .piecesMissingOfHybrid }
            return .v2
        }
        guard hasFiles else { throw .filesMissingOfHybrid }
        return .hybrid
    }

    private static func checkKeysAreUnique(_ info: BencodeValue) throws(MetainfoError) {
        let decisive = ["files", "length", "name", "piece length", "pieces"]
        var seen: Set<String> = []
        for (key, _) in info.entries {
            for name in decisive where key.elementsEqual(name.utf8) {
                guard seen.insert(name).inserted else { throw .keyTwice(name) }
            }
        }
    }

    private static func pieceLength(
        of info: BencodeValue, _ version: Metainfo.Version
    ) throws(MetainfoError) -> UInt32 {
        guard let length = info["piece length"]?.integer else { throw .pieceLengthMissing }
        try check(pieceLength: length, version)
        return UInt32(truncatingIfNeeded: length)
    }

    static func check(
        pieceLength: Int64, _ version: Metainfo.Version
    ) throws(MetainfoError) {
        let least = version == .v1 ? 1 : Limits.pieceLengthMinV2
        guard pieceLength >= least, pieceLength <= Limits.pieceLengthMax else {
            throw .pieceLengthOutOfRange(pieceLength, least...Limits.pieceLengthMax)
        }
        guard version == .v1 || pieceLength.nonzeroBitCount == 1 else {
            throw .pieceLengthNotPowerOfTwo(pieceLength)
        }
    }

    /// The files in the order of the address space; for a hybrid those of v1, with the roots of v2.
    private static func files(
        of info: BencodeValue, _ version: Metainfo.Version, rawName: ArraySlice<UInt8>
    ) throws(MetainfoError) -> FileList {
        var v2: FileList?
        if version != .v1 {
            guard let tree = info["file tree"] else { throw .fileTreeMissing }
            v2 = try FileList(tree: tree)
        }
        if version == .v2, let v2 { return v2 }
        var v1: FileList
        if let list = info["files"] {
            v1 = try FileList(list: list)
        } else {
            v1 = try FileList(single: info, rawName: rawName)
        }
        if let v2 {
            try HybridFiles.merge(v2, into: &v1, pieceLength: pieceLength(of: info, version))
        }
        return v1
    }

    /// A pad fills a piece, or at least a block: older creators aligned files to blocks.
    private static func checkPads(of layout: ContentLayout) throws(MetainfoError) {
        let pieceLength = Int64(layout.pieceLength)
        for (index, file) in layout.files.enumerated() where file.isPad && file.length > 0 {
            let end = file.offset + file.length
            guard file.length <= pieceLength,
                end % pieceLength == 0 || end % Limits.pieceLengthMinV2 == 0
            else { throw .padInvalid(file: index, length: file.length) }
        }
    }

    private static func pieces(
        of info: BencodeValue, _ version: Metainfo.Version, _ pieceCount: Int
    ) throws(MetainfoError) -> Range<Int> {
        guard version != .v2 else { return 0..<0 }
        guard let pieces = info["pieces"]?.bytes else { throw .piecesMissing }
        guard pieces.count.isMultiple(of: SHA1Digest.byteCount) else {
            throw .piecesNotWholeHashes(byteCount: pieces.count)
        }
        let hashCount = pieces.count / SHA1Digest.byteCount
        guard hashCount == pieceCount else {
            throw .pieceCountMismatch(hashes: hashCount, pieces: pieceCount)
        }
        let start = pieces.startIndex - info.range.lowerBound
        return start..<start + pieces.count
    }
}
