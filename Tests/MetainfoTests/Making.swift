import Bencode
import Hashing
import Metainfo
import Units

/// Torrents for tests: of files that nobody has, with hashes of nothing.
enum Making {
    static let pieceLength: UInt32 = 32_768

    /// A file for a builder, by a path with slashes.
    static func file(_ path: String, _ length: Int64) -> MetainfoBuilder.File {
        MetainfoBuilder.File(
            path: path.split(separator: "/").map { Array($0.utf8) }, length: length)
    }

    static func builder(
        _ files: [MetainfoBuilder.File], _ version: Metainfo.Version, name: String = "t",
        isSingleFile: Bool = false, pieceLength: UInt32 = pieceLength
    ) throws -> MetainfoBuilder {
        try MetainfoBuilder(
            name: Array(name.utf8), files: files, isSingleFile: isSingleFile,
            pieceLength: pieceLength, version: version)
    }

    /// Builds with hashes that are different everywhere.
    static func build(_ builder: MetainfoBuilder) throws -> Metainfo {
        let layout = builder.layout
        let pieces = (0..<(builder.version == .v2 ? 0 : layout.pieceCount)).flatMap {
            SHA1Digest.hash(Array("piece \($0)".utf8)).bytes
        }
        let roots = layout.files.enumerated().map { index, file in
            file.isPad ? [] : pieceRoots(index, file.length, layout.pieceLength)
        }
        return try builder.build(pieces: pieces, pieceRoots: builder.version == .v1 ? [] : roots)
    }

    static func torrent(
        _ files: [MetainfoBuilder.File], _ version: Metainfo.Version
    ) throws -> Metainfo {
        try build(builder(files, version))
    }

    private static func pieceRoots(
        _ file: Int, _ length: Int64, _ pieceLength: UInt32
    ) -> [SHA256Digest] {
        let count = (length + Int64(pieceLength) - 1) / Int64(pieceLength)
        return (0..<count).map { .hash(Array("file \(file) piece \($0)".utf8)) }
    }

    /// The info dictionary of a v1 torrent, whatever its files are like.
    static func v1Info(
        _ files: [Bencode], totalLength: Int64, pieceLength: Int64 = Int64(pieceLength)
    ) -> Bencode {
        let count = Int((totalLength + pieceLength - 1) / pieceLength)
        return [
            "files": .list(files), "name": "t", "piece length": .integer(pieceLength),
            "pieces": .bytes(Array(repeating: 1, count: count * 20)),
        ]
    }

    /// A v1 torrent of files with these paths, of one byte each.
    static func v1(paths: [[[UInt8]]]) throws -> Metainfo {
        let files = paths.map { path -> Bencode in
            ["length": 1, "path": .list(path.map { .bytes($0) })]
        }
        return try read(v1Info(files, totalLength: Int64(paths.count)))
    }

    static func v1(paths: [[String]]) throws -> Metainfo {
        try v1(paths: paths.map { $0.map { Array($0.utf8) } })
    }

    /// Reads a torrent with this info dictionary, and these keys beside it.
    static func read(_ info: Bencode, _ keys: [String: Bencode] = [:]) throws -> Metainfo {
        var torrent = keys
        torrent["info"] = info
        return try Metainfo(Bencode.keyed(torrent).encoded())
    }
}

extension Metainfo {
    /// The whole torrent as a tree that can be changed.
    var tree: Bencode {
        get throws { Bencode(try BencodeDocument(encoded(), limits: .metainfo).root) }
    }

    /// The paths of the files that are not pads, with slashes.
    var paths: [String] {
        layout.files.filter { !$0.isPad }.map { $0.path.joined(separator: "/") }
    }
}

extension Bencode {
    subscript(key: String) -> Bencode? {
        get {
            guard case .dictionary(let entries) = self else { return nil }
            return entries[Array(key.utf8)]
        }
        set {
            guard case .dictionary(var entries) = self else { return }
            entries[Array(key.utf8)] = newValue
            self = .dictionary(entries)
        }
    }

    subscript(index: Int) -> Bencode {
        get {
            guard case .list(let elements) = self else { return .list([]) }
            return elements[index]
        }
        set {
            guard case .list(var elements) = self else { return }
            elements[index] = newValue
            self = .list(elements)
        }
    }

    /// What is at a path of keys, `""` included.
    func at(_ keys: [String]) -> Bencode? {
        keys.reduce(self) { $0?[$1] }
    }

    /// With something else at a path of keys.
    func with(_ keys: [String], _ value: Bencode?) -> Bencode {
        guard let key = keys.first else { return value ?? self }
        var copy = self
        copy[key] =
            keys.count == 1
            ? value : (self[key] ?? .keyed([:])).with(Array(keys.dropFirst()), value)
        return copy
    }
}
