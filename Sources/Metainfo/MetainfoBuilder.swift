import Bencode
public import Hashing
import Units

/// Makes a torrent of files that somebody else reads and hashes.
///
/// First it puts the files in order, with pad files where the version needs them: `layout` is what
/// to hash. Then it takes the hashes and makes the torrent.
///
/// Files are ordered by their paths, element by element, as the bytes of the elements compare: the
/// order of a `file tree` (BEP 52), whatever the version, so that it does not depend on how a
/// folder happened to be read. A hybrid torrent of more than one file has a pad file behind each
/// file that does not end with a piece, the last one too (BEP 47, and as libtorrent does).
public struct MetainfoBuilder: Sendable {
    public struct File: Hashable, Sendable {
        /// Below the torrent's name; of a torrent that is one file it is not looked at.
        public var path: [[UInt8]]
        /// Bytes; 0 of a link.
        public var length: Int64
        public var isExecutable: Bool
        public var isHidden: Bool
        /// Below the torrent's name, of a symbolic link (BEP 47).
        public var symlinkTarget: [[UInt8]]?
        /// A hint for others, of all bytes of the file (BEP 47).
        public var sha1: SHA1Digest?

        public init(
            path: [[UInt8]], length: Int64, isExecutable: Bool = false, isHidden: Bool = false,
            symlinkTarget: [[UInt8]]? = nil, sha1: SHA1Digest? = nil
        ) {
            self.path = path
            self.length = length
            self.isExecutable = isExecutable
            self.isHidden = isHidden
            self.symlinkTarget = symlinkTarget
            self.sha1 = sha1
        }
    }

    public let version: Metainfo.Version
    public let name: [UInt8]
    public let isSingleFile: Bool
    /// What to hash: for v1 its pieces, pads being zeros; for v2 the pieces of each file.
    public let layout: ContentLayout
    /// For each file of `layout` which of the given files it is; `nil` for a pad.
    public let sources: [Int?]

    /// Peers come from the torrent's trackers alone (BEP 27).
    public var isPrivate = false
    /// Tells torrents of the same content apart; sites set it.
    public var source: String?
    public var announceTiers: [[String]] = []
    public var webSeeds: [String] = []
    public var nodes: [Metainfo.Node] = []
    public var comment: String?
    public var createdBy: String?
    /// Seconds since 1970.
    public var creationDate: Int64?

    private let files: [File]

    /// `name` is that of the folder, or of the one file.
    public init(
        name: [UInt8], files: [File], isSingleFile: Bool, pieceLength: UInt32,
        version: Metainfo.Version
    ) throws(MetainfoBuilderError) {
        guard Self.isElement(name) else { throw .nameInvalid }
        guard !files.isEmpty else { throw .noFiles }
        guard !isSingleFile || (files.count == 1 && files[0].symlinkTarget == nil) else {
            throw .notSingleFile
        }
        let order = isSingleFile ? [0] : try Self.order(of: files)
        let padsTo = version == .hybrid && files.count > 1 ? Int64(pieceLength) : nil
        var (entries, sources) = Self.padded(files, order, to: padsTo)
        if isSingleFile { entries[0] = Self.entry([name], files[0]) }
        do {
            try InfoDictionary.check(pieceLength: Int64(pieceLength), version)
            try PathTable.disambiguate(&entries)
            self.layout = try ContentLayout(
                laying: entries, pieceLength, hasGaps: version == .v2)
        } catch {
            throw .metainfo(error)
        }
        self.version = version
        self.name = name
        self.isSingleFile = isSingleFile
        self.files = files
        self.sources = sources
    }

    private static func order(of files: [File]) throws(MetainfoBuilderError) -> [Int] {
        for (index, file) in files.enumerated() {
            guard !file.path.isEmpty, file.path.count <= Limits.pathDepthMax,
                file.path.allSatisfy(isElement)
            else { throw .pathInvalid(file: index) }
            if let target = file.symlinkTarget {
                guard file.length == 0, !target.isEmpty, target.allSatisfy(isElement) else {
                    throw .symlinkInvalid(file: index)
                }
            }
        }
        let order = files.indices.sorted { isBefore(files[$0].path, files[$1].path) }
        for (first, second) in zip(order, order.dropFirst()) {
            let path = files[first].path
            guard path != files[second].path else { throw .pathTwice(file: second) }
            guard !files[second].path.starts(with: path) else { throw .pathIsFolder(file: first) }
        }
        return order
    }

    private static func isBefore(_ a: [[UInt8]], _ b: [[UInt8]]) -> Bool {
        a.lexicographicallyPrecedes(b) { $0.lexicographicallyPrecedes($1) }
    }

    static func isElement(_ name: [UInt8]) -> Bool {
        !name.isEmpty && name != Array(".".utf8) && name != Array("..".utf8)
            && !name.contains(0) && !name.contains(UInt8(ascii: "/"))
    }

    private static func padded(
        _ files: [File], _ order: [Int], to unit: Int64?
    ) -> (entries: [FileEntry], sources: [Int?]) {
        var entries: [FileEntry] = []
        var sources: [Int?] = []
        var end: Int64 = 0
        for index in order {
            let length = files[index].length
            entries.append(entry(files[index].path, files[index]))
            sources.append(index)
            // Lengths that are below 0 or add up to too much are found when they are laid out.
            end = end.addingSaturating(length)
            guard let unit, unit > 0, length > 0, end % unit > 0 else { continue }
            let pad = unit - end % unit
            entries.append(FileEntry(path: [".pad", "\(pad)"], length: pad, isPad: true))
            sources.append(nil)
            end = end.addingSaturating(pad)
        }
        return (entries, sources)
    }

    private static func entry(_ path: [[UInt8]], _ file: File) -> FileEntry {
        FileEntry(
            path: PathElement.shortened(path: path.map { PathElement.sanitised($0[...]) }),
            length: file.length, rawPath: path, isExecutable: file.isExecutable,
            isHidden: file.isHidden, sha1: file.sha1)
    }
}

// MARK: - The torrent

extension MetainfoBuilder {
    /// Makes the torrent.
    ///
    /// - Parameters:
    ///   - pieces: the SHA-1 of each piece, one behind the other; nothing for v2.
    ///   - pieceRoots: for each file of `layout` the roots of its pieces' hash trees (BEP 52); none
    ///     of pads and of files without bytes; nothing for v1. The tree of a piece has
    ///     `pieceLength` / 16 KiB leaves; that of a file that is not longer than a piece only as
    ///     many as the next power of two from its blocks on.
    public func build(
        pieces: [UInt8] = [], pieceRoots: [[SHA256Digest]] = []
    ) throws(MetainfoBuilderError) -> Metainfo {
        let expected = version == .v2 ? 0 : layout.pieceCount * SHA1Digest.byteCount
        guard pieces.count == expected else {
            throw .piecesCountMismatch(byteCount: pieces.count, expected: expected)
        }
        try check(pieceRoots)
        let roots = pieceRoots.map { hashes in
            hashes.count < 2
                ? hashes.first
                : MerkleTree.root(ofPieceLayer: hashes, pieceLength: layout.pieceLength)
        }
        var torrent: [[UInt8]: Bencode] = [
            Array("info".utf8): .raw(info(pieces: pieces, roots: roots))
        ]
        if version != .v1 {
            torrent[Array("piece layers".utf8)] = layers(pieceRoots, roots)
        }
        do {
            var metainfo = try Metainfo(Bencode.dictionary(torrent).encoded())
            metainfo.announceTiers = announceTiers
            metainfo.webSeeds = webSeeds
            metainfo.nodes = nodes
            metainfo.comment = comment
            metainfo.createdBy = createdBy
            metainfo.creationDate = creationDate
            return metainfo
        } catch {
            throw .metainfo(error)
        }
    }

    private func check(_ pieceRoots: [[SHA256Digest]]) throws(MetainfoBuilderError) {
        guard pieceRoots.count == (version == .v1 ? 0 : layout.files.count) else {
            throw .pieceRootsCountMismatch(
                files: pieceRoots.count, expected: version == .v1 ? 0 : layout.files.count)
        }
        for (index, (file, hashes)) in zip(layout.files, pieceRoots).enumerated() {
            let unit = Int64(layout.pieceLength)
            let count = file.isPad ? 0 : file.length / unit + (file.length % unit > 0 ? 1 : 0)
            guard hashes.count == count else {
                throw .pieceRootCountMismatch(
                    file: index, count: hashes.count, expected: Int(count))
            }
        }
    }

    private func layers(_ pieceRoots: [[SHA256Digest]], _ roots: [SHA256Digest?]) -> Bencode {
        var layers: [[UInt8]: Bencode] = [:]
        for (hashes, root) in zip(pieceRoots, roots) where hashes.count > 1 {
            if let root { layers[root.bytes] = .bytes(hashes.flatMap(\.bytes)) }
        }
        return .dictionary(layers)
    }

    private func info(pieces: [UInt8], roots: [SHA256Digest?]) -> [UInt8] {
        var info: [String: Bencode] = [
            "name": .bytes(name), "piece length": .integer(Int64(layout.pieceLength)),
        ]
        if isPrivate { info["private"] = 1 }
        if let source { info["source"] = .string(source) }
        if version != .v1 {
            info["meta version"] = 2
            info["file tree"] = .raw(fileTree(roots))
        }
        if version != .v2 {
            info["pieces"] = .bytes(pieces)
            if isSingleFile {
                for (key, value) in properties(of: 0) { info[key] = value }
            } else {
                info["files"] = .list(layout.files.indices.map { v1File($0) })
            }
        }
        return Bencode.keyed(info).encoded()
    }

    private func v1File(_ index: Int) -> Bencode {
        var entries = properties(of: index)
        entries["path"] = .list(layout.files[index].rawPath.map { .bytes($0) })
        return .keyed(entries)
    }

    /// What both versions say of a file: its length, and BEP 47's additions.
    private func properties(of index: Int) -> [String: Bencode] {
        let file = layout.files[index]
        let target = sources[index].flatMap { files[$0].symlinkTarget }
        var entries: [String: Bencode] = ["length": .integer(file.length)]
        let attributes =
            (file.isPad ? "p" : "") + (file.isHidden ? "h" : "") + (file.isExecutable ? "x" : "")
            + (target != nil ? "l" : "")
        if !attributes.isEmpty { entries["attr"] = .string(attributes) }
        if let target { entries["symlink path"] = .list(target.map { .bytes($0) }) }
        if let sha1 = file.sha1 { entries["sha1"] = .bytes(sha1.bytes) }
        return entries
    }

    /// `file tree` (BEP 52). The files are in its order, so it is written as they come.
    private func fileTree(_ roots: [SHA256Digest?]) -> [UInt8] {
        var tree = [UInt8(ascii: "d")]
        var open: [[UInt8]] = []
        for (index, file) in layout.files.enumerated() where !file.isPad {
            let path = file.rawPath
            let common = zip(open, path.dropLast()).prefix { $0 == $1 }.count
            tree += repeatElement(UInt8(ascii: "e"), count: open.count - common)
            open.removeLast(open.count - common)
            for folder in path.dropLast().dropFirst(common) {
                Bencode.bytes(folder).encode(into: &tree)
                tree.append(UInt8(ascii: "d"))
                open.append(folder)
            }
            var entries = properties(of: index)
            if entries["symlink path"] != nil { entries["length"] = nil }
            if let root = roots[index] { entries["pieces root"] = .bytes(root.bytes) }
            Bencode.bytes(path[path.count - 1]).encode(into: &tree)
            Bencode.keyed(["": .keyed(entries)]).encode(into: &tree)
        }
        tree += repeatElement(UInt8(ascii: "e"), count: open.count + 1)
        return tree
    }
}

/// Why no torrent can be made. Files are counted from 0: those given to `init` in its errors, those
/// of `layout` in those of `build`.
public enum MetainfoBuilderError: Error, Hashable, Sendable {
    case noFiles
    /// More than one file, or a link, where the torrent is to be one file.
    case notSingleFile
    /// Empty, `.`, `..`, or with `/` or a zero byte.
    case nameInvalid
    /// No elements, too many, or one that cannot be a name.
    case pathInvalid(file: Int)
    /// A link with bytes of its own, or to nothing that can be a path.
    case symlinkInvalid(file: Int)
    case pathTwice(file: Int)
    /// A file where another has a folder.
    case pathIsFolder(file: Int)
    case piecesCountMismatch(byteCount: Int, expected: Int)
    case pieceRootsCountMismatch(files: Int, expected: Int)
    case pieceRootCountMismatch(file: Int, count: Int, expected: Int)
    /// What was made is not a torrent: it is larger than there may be, for one.
    case metainfo(MetainfoError)
}

extension MetainfoBuilderError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noFiles: "no files"
        case .notSingleFile: "not one file"
        case .nameInvalid: "the name cannot be that of a file"
        case .pathInvalid(let file): "file \(file): not a path"
        case .symlinkInvalid(let file): "file \(file): not a symbolic link"
        case .pathTwice(let file): "file \(file): its path is that of another"
        case .pathIsFolder(let file): "file \(file): its path is a folder of another"
        case .piecesCountMismatch(let count, let expected):
            "piece hashes: \(count) bytes instead of \(expected)"
        case .pieceRootsCountMismatch(let count, let expected):
            "piece roots: of \(count) files instead of \(expected)"
        case .pieceRootCountMismatch(let file, let count, let expected):
            "file \(file): \(count) piece roots instead of \(expected)"
        case .metainfo(let error): "\(error)"
        }
    }
}
