import Bencode
import Hashing

/// The files of an info dictionary as they stand there, with paths that are safe, but not unique.
struct FileList {
    var entries: [FileEntry] = []
    /// The symbolic links among them, with what they say they point to.
    var links: [(file: Int, target: [[UInt8]])] = []
    private var lengthByRoot: [SHA256Digest: Int64] = [:]

    /// `files` (BEP 3).
    init(list: BencodeValue) throws(MetainfoError) {
        guard list.isList else { throw .fileMalformed(file: 0) }
        for value in list.elements {
            let index = entries.count
            guard value.isDictionary else { throw .fileMalformed(file: index) }
            let attributes = FileAttributes(value)
            let length = try attributes.length(in: value, file: index)
            var rawPath = try Self.path(of: value, file: index)
            if rawPath.isEmpty {
                guard attributes.isPad else { throw .pathMissing(file: index) }
                rawPath = [Array(".pad".utf8)[...], Array("\(length)".utf8)[...]]
            }
            try append(rawPath, length: length, attributes, of: value)
        }
    }

    /// `length` and `name` (BEP 3).
    init(single info: BencodeValue, rawName: ArraySlice<UInt8>) throws(MetainfoError) {
        var attributes = FileAttributes(info)
        attributes.isPad = false
        let length = try attributes.length(in: info, file: 0)
        try append([rawName], length: length, attributes, of: info)
        links = []
    }

    /// `file tree` (BEP 52). It is walked without recursion, however deep it is.
    init(tree: BencodeValue) throws(MetainfoError) {
        guard tree.isDictionary else { throw .fileTreeMalformed }
        var open = [tree.entries.makeIterator()]
        var path: [ArraySlice<UInt8>] = []
        while let last = open.indices.last {
            guard let (name, value) = open[last].next() else {
                open.removeLast()
                _ = path.popLast()
                continue
            }
            guard !name.isEmpty, value.isDictionary else { throw .fileTreeMalformed }
            guard path.count < Limits.pathDepthMax else {
                throw .fileTreeTooDeep(max: Limits.pathDepthMax)
            }
            path.append(name)
            var children = value.entries.makeIterator()
            if let (key, properties) = children.next(), key.isEmpty {
                guard properties.isDictionary, children.next() == nil else {
                    throw .fileTreeMalformed
                }
                try appendLeaf(path, properties)
                path.removeLast()
            } else {
                open.append(value.entries.makeIterator())
            }
        }
    }

    private mutating func appendLeaf(
        _ path: [ArraySlice<UInt8>], _ value: BencodeValue
    ) throws(MetainfoError) {
        let index = entries.count
        let attributes = FileAttributes(value)
        guard !attributes.isPad else { throw .padInFileTree(file: index) }
        let length = try attributes.length(in: value, file: index)
        var root: SHA256Digest?
        if length > 0 {
            guard let bytes = value["pieces root"]?.bytes else {
                throw .piecesRootMissing(file: index)
            }
            root = SHA256Digest(bytes: bytes)
            guard let root else { throw .piecesRootMalformed(file: index) }
            guard root != .zero else { throw .piecesRootZero(file: index) }
            // Contents of different lengths cannot have one root, but a liar's piece layer of one
            // would then be too short for the other.
            guard lengthByRoot.updateValue(length, forKey: root) ?? length == length else {
                throw .piecesRootContradicted(file: index)
            }
        }
        try append(path, length: length, attributes, of: value)
        entries[index].piecesRoot = root
    }

    private mutating func append(
        _ rawPath: [ArraySlice<UInt8>], length: Int64, _ attributes: FileAttributes,
        of value: BencodeValue
    ) throws(MetainfoError) {
        let index = entries.count
        let path = PathElement.shortened(path: rawPath.map(PathElement.sanitised))
        let isPad = attributes.isPad || rawPath.last?.starts(with: bitCometPadPrefix) ?? false
        entries.append(
            FileEntry(
                path: path, length: length, rawPath: rawPath.map { Array($0) }, isPad: isPad,
                isExecutable: attributes.isExecutable, isHidden: attributes.isHidden,
                sha1: value["sha1"]?.bytes.flatMap { SHA1Digest(bytes: $0) }))
        if attributes.isSymlink, !isPad, let target = value["symlink path"] {
            links.append((index, try Self.elements(of: target, file: index).map { Array($0) }))
        }
    }

    /// `path.utf-8`, which older creators wrote beside a `path` in their own encoding, or `path`.
    private static func path(
        of value: BencodeValue, file: Int
    ) throws(MetainfoError) -> [ArraySlice<UInt8>] {
        if let path = value["path.utf-8"] {
            let elements = try elements(of: path, file: file)
            if !elements.isEmpty { return elements }
        }
        guard let path = value["path"] else { return [] }
        return try elements(of: path, file: file)
    }

    private static func elements(
        of path: BencodeValue, file: Int
    ) throws(MetainfoError) -> [ArraySlice<UInt8>] {
        var elements: [ArraySlice<UInt8>] = []
        for element in path.elements {
            guard let bytes = element.bytes else { throw .pathElementMalformed(file: file) }
            elements.append(bytes)
        }
        guard elements.count <= Limits.pathDepthMax else {
            throw .pathTooDeep(file: file, depth: elements.count, max: Limits.pathDepthMax)
        }
        return elements
    }
}

/// What BitComet calls its pad files, which it made before there was an attribute for them.
private let bitCometPadPrefix = Array("_____padding_file_".utf8)

/// `attr` (BEP 47). Letters that it does not know mean nothing.
struct FileAttributes {
    var isPad = false
    var isExecutable = false
    var isHidden = false
    var isSymlink = false

    init(_ value: BencodeValue) {
        for letter in value["attr"]?.bytes ?? [] {
            switch letter {
            case UInt8(ascii: "p"): isPad = true
            case UInt8(ascii: "x"): isExecutable = true
            case UInt8(ascii: "h"): isHidden = true
            case UInt8(ascii: "l"): isSymlink = true
            default: break
            }
        }
    }

    /// A link has no bytes of its own, whatever is said of it.
    func length(in value: BencodeValue, file: Int) throws(MetainfoError) -> Int64 {
        guard !isSymlink || isPad else { return 0 }
        guard let length = value["length"]?.integer else { throw .fileLengthMissing(file: file) }
        guard length >= 0 else { throw .fileLengthInvalid(length, file: file) }
        return length
    }
}
