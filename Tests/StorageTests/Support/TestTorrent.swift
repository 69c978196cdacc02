import Bencode
import Foundation
import Hashing
import Metainfo
import Testing
import Units

@testable import Storage

/// A torrent with its content, made in memory.
struct TestTorrent {
    struct File {
        var path: [String]
        var bytes: [UInt8]
        var attributes = ""
        var target: [String]?
    }

    let metainfo: Metainfo
    /// All bytes of the torrent's address space: pads are zeros, and so are gaps.
    let bytes: [UInt8]

    enum Kind: CaseIterable { case v1, v2, hybrid }

    static func random(_ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { buffer in
            for offset in stride(from: 0, to: count & ~7, by: 8) {
                buffer.storeBytes(of: generator.next(), toByteOffset: offset, as: UInt64.self)
            }
            for offset in (count & ~7)..<count {
                buffer[offset] = UInt8(truncatingIfNeeded: generator.next())
            }
        }
        return bytes
    }

    /// A torrent of one file.
    init(
        single count: Int, pieceLength: Int = 32 << 10, kind: Kind = .v1, seed: UInt64 = 1,
        name: String = "film.mkv"
    ) throws {
        try self.init(
            name: name, [File(path: [name], bytes: Self.random(count, seed: seed))],
            pieceLength: pieceLength, kind: kind, isSingle: true)
    }

    /// A torrent of a folder.
    init(
        name: String = "album", _ files: [File], pieceLength: Int = 32 << 10, kind: Kind = .v1,
        isSingle: Bool = false, corruptV2: Bool = false
    ) throws {
        var all: [File] = []
        for (index, file) in files.enumerated() {
            all.append(file)
            let rest = all.reduce(0) { $0 + $1.bytes.count } % pieceLength
            guard kind == .hybrid, rest > 0, index + 1 < files.count else { continue }
            let pad = pieceLength - rest
            all.append(
                File(
                    path: [".pad", "\(pad)"], bytes: Array(repeating: 0, count: pad),
                    attributes: "p"))
        }
        var info: [String: Bencode] = [
            "name": .string(name), "piece length": .integer(Int64(pieceLength)),
        ]
        let flat = all.flatMap(\.bytes)
        if kind != .v2 {
            info["pieces"] = .bytes(
                stride(from: 0, to: flat.count, by: pieceLength).flatMap { begin in
                    SHA1Digest.hash(Array(flat[begin..<min(flat.count, begin + pieceLength)])).bytes
                })
            if isSingle {
                info["length"] = .integer(Int64(flat.count))
            } else {
                info["files"] = .list(all.map(Self.v1Entry))
            }
        }
        var layers: [[UInt8]: Bencode] = [:]
        if kind != .v1 {
            info["meta version"] = .integer(2)
            var tree = Tree()
            for file in files {
                let (root, layer) = Self.hashes(of: file.bytes, pieceLength)
                var leaf: [String: Bencode] = ["length": .integer(Int64(file.bytes.count))]
                if !file.bytes.isEmpty {
                    let root =
                        corruptV2 && file.bytes.count <= pieceLength
                        ? SHA256Digest.hash([1]) : root
                    leaf["pieces root"] = .bytes(root.bytes)
                }
                if !file.attributes.isEmpty { leaf["attr"] = .string(file.attributes) }
                if let target = file.target {
                    leaf["symlink path"] = .list(target.map(Bencode.string))
                }
                tree.insert(.keyed(leaf), at: file.path[...])
                if file.bytes.count > pieceLength {
                    layers[root.bytes] = .bytes(layer.flatMap(\.bytes))
                }
            }
            info["file tree"] = tree.bencode
        }
        var outer: [String: Bencode] = ["info": .keyed(info)]
        if kind != .v1 { outer["piece layers"] = .dictionary(layers) }
        self.metainfo = try Metainfo(Bencode.keyed(outer).encoded())
        var bytes = [UInt8](repeating: 0, count: Int(metainfo.layout.totalLength))
        for (file, entry) in zip(kind == .hybrid ? all : files, metainfo.layout.files) {
            let begin = Int(entry.offset)
            bytes.replaceSubrange(begin..<(begin + file.bytes.count), with: file.bytes)
        }
        self.bytes = bytes
    }

    private static func v1Entry(_ file: File) -> Bencode {
        var entry: [String: Bencode] = [
            "length": .integer(Int64(file.bytes.count)),
            "path": .list(file.path.map(Bencode.string)),
        ]
        if !file.attributes.isEmpty { entry["attr"] = .string(file.attributes) }
        if let target = file.target {
            entry["symlink path"] = .list(target.map(Bencode.string))
        }
        return .keyed(entry)
    }

    private static func hashes(
        of bytes: [UInt8], _ pieceLength: Int
    ) -> (root: SHA256Digest, layer: [SHA256Digest]) {
        let leaves = stride(from: 0, to: bytes.count, by: 16384).map {
            SHA256Digest.hash(Array(bytes[$0..<min(bytes.count, $0 + 16384)]))
        }
        if bytes.count <= pieceLength {
            var count = 1
            while count < leaves.count { count *= 2 }
            return (MerkleTree.root(of: leaves, padTo: count), [])
        }
        let perPiece = pieceLength / 16384
        let layer = stride(from: 0, to: leaves.count, by: perPiece).map {
            MerkleTree.root(
                of: leaves[$0..<min(leaves.count, $0 + perPiece)], padTo: perPiece)
        }
        return (
            MerkleTree.root(ofPieceLayer: layer, pieceLength: UInt32(pieceLength)), layer
        )
    }

    private struct Tree {
        var leaf: Bencode?
        var children: [String: Tree] = [:]

        mutating func insert(_ value: Bencode, at path: ArraySlice<String>) {
            guard let first = path.first else {
                leaf = value
                return
            }
            children[first, default: Tree()].insert(value, at: path.dropFirst())
        }

        var bencode: Bencode {
            if let leaf { return .keyed(["": leaf]) }
            return .keyed(children.mapValues(\.bencode))
        }
    }

    var layout: ContentLayout { metainfo.layout }

    /// The bytes of a piece.
    func bytes(of piece: Int) -> [UInt8] {
        let range = layout.byteRange(of: PieceIndex(piece))
        return Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    /// The bytes of a file.
    func bytes(ofFile file: Int) -> [UInt8] {
        let entry = layout.files[file]
        return Array(bytes[Int(entry.offset)..<Int(entry.offset + entry.length)])
    }
}
