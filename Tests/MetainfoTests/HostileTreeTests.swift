import Bencode
import Hashing
import Metainfo
import Testing
import Units

/// M13 to M15: v2 and hybrid torrents.
@Suite struct HostileTreeTests {
    private static let files = [
        Making.file("a", 100), Making.file("d/b", 70_000), Making.file("e", 0),
        Making.file("z", 32_768),
    ]

    // MARK: - M13

    @Test("M13 a hybrid whose lists of files differ is refused")
    func m13() throws {
        let tree = try Making.torrent(Self.files, .hybrid).tree
        let leaf = try #require(tree.at(["info", "file tree", "a"]))
        // In v1: a, pad, d/b, pad, e, z.
        let cases: [(Bencode, MetainfoError)] = [
            (
                tree.with(["info", "file tree", "b"], leaf),
                .hybridFileCountMismatch(v1: 4, v2: 5)
            ),
            (
                tree.with(["info", "file tree", "e"], nil),
                .hybridFileCountMismatch(v1: 4, v2: 3)
            ),
            (
                tree.with(["info", "file tree", "A"], leaf).with(["info", "file tree", "a"], nil),
                .hybridPathMismatch(file: 0)
            ),
            (
                tree.with(["info", "file tree", "a", "", "length"], 101),
                .hybridLengthMismatch(file: 0, v1: 100, v2: 101)
            ),
            (changingV1(tree) { $0[4]["path"] = ["f"] }, .hybridPathMismatch(file: 3)),
            (
                changingV1(tree) {
                    $0[1]["attr"] = "h"
                    $0[4]["attr"] = "p"
                },
                .hybridFileCountMismatch(v1: 4, v2: 4)
            ),
            (
                changingV1(tree) {
                    $0[1]["length"] = 0
                    $0[3]["length"] = .integer(28_304 + 32_668)
                },
                .hybridFileNotAligned(file: 1)
            ),
        ]
        for (changed, error) in cases {
            #expect(throws: error) { try Metainfo(changed.encoded()) }
        }
    }

    @Test("M13 a hybrid whose files come in another order is refused")
    func m13Order() throws {
        let tree = try Making.torrent(
            [Making.file("a", 32_768), Making.file("b", 32_768)], .hybrid
        ).tree
        let changed = changingV1(tree) { ($0[0], $0[1]) = ($0[1], $0[0]) }
        #expect(throws: MetainfoError.hybridPathMismatch(file: 0)) {
            try Metainfo(changed.encoded())
        }
        // libtorrent 2.1.1 makes such of a folder `a` beside a file `a.b`, and refuses it itself.
        #expect(throws: MetainfoError.self) {
            try Metainfo(Fixtures.bytes("Metainfo/libtorrent-unordered-hybrid.torrent"))
        }
    }

    @Test("M13 a hybrid of which one half is missing is refused")
    func m13Halves() throws {
        let folder = try Making.torrent(Self.files, .hybrid).tree
        let single = try Making.build(
            Making.builder([Making.file("x", 9)], .hybrid, isSingleFile: true)
        ).tree
        for tree in [folder, single] {
            let cases: [(Bencode, MetainfoError)] = [
                (tree.with(["info", "pieces"], nil), .piecesMissingOfHybrid),
                (tree.with(["info", "meta version"], nil), .versionMissing),
                (tree.with(["info", "file tree"], nil), .fileTreeMissing),
                (
                    tree.with(["info", "files"], nil).with(["info", "length"], nil),
                    .filesMissingOfHybrid
                ),
            ]
            for (changed, error) in cases {
                #expect(throws: error) { try Metainfo(changed.encoded()) }
            }
        }
        let other = single.with(["info", "length"], 10)
        #expect(throws: MetainfoError.hybridLengthMismatch(file: 0, v1: 10, v2: 9)) {
            try Metainfo(other.encoded())
        }
    }

    @Test func aHybridMayEndWithAPadOrNot() throws {
        let files = [Making.file("a", 40_000), Making.file("b", 100)]
        let padded = try Making.torrent(files, .hybrid)
        #expect(padded.layout.files.map(\.isPad) == [false, true, false, true])
        #expect(padded.layout.totalLength == 3 * 32_768)
        let bare = try Metainfo(
            changingV1(padded.tree) {
                guard case .list(let files) = $0 else { return }
                $0 = .list(files.dropLast())
            }.encoded())
        #expect(bare.version == .hybrid)
        #expect(bare.layout.totalLength == 2 * 32_768 + 100)
        for torrent in [padded, bare] {
            let hash = try #require(torrent.v2Hash(of: PieceIndex(2)))
            #expect(hash.contentLength == 100)
            #expect(hash.leafCount == 1)
            #expect(hash.file == FileIndex(2))
            #expect(hash.root == torrent.layout.files[2].piecesRoot)
        }
    }

    @Test func filesWithoutBytesMayStandAnywhereInAHybrid() throws {
        let tree = try Making.torrent(Self.files, .hybrid).tree
        let changed = changingV1(tree) { ($0[4], $0[5]) = ($0[5], $0[4]) }
        let torrent = try Metainfo(changed.encoded())
        #expect(torrent.paths == ["a", "d/b", "z", "e"])
        #expect(torrent.v2Hash(of: PieceIndex(4))?.file == FileIndex(4))
    }

    // MARK: - M14

    @Test("M14 trees of anything but files and folders are refused")
    func m14() throws {
        let tree = try Making.torrent(Self.files, .v2).tree
        let leaf = try #require(tree.at(["info", "file tree", "a", ""]))
        let cases: [(Bencode, MetainfoError)] = [
            (tree.with(["info", "file tree"], []), .fileTreeMalformed),
            (tree.with(["info", "file tree"], ["": leaf]), .fileTreeMalformed),
            (tree.with(["info", "file tree", "a"], 1), .fileTreeMalformed),
            (tree.with(["info", "file tree", "a", ""], 1), .fileTreeMalformed),
            (tree.with(["info", "file tree", "a", "b"], ["": leaf]), .fileTreeMalformed),
            (tree.with(["info", "file tree", "d", ""], leaf), .fileTreeMalformed),
            (tree.with(["info", "file tree", "a", "", "attr"], "xp"), .padInFileTree(file: 0)),
            (
                tree.with(["info", "file tree", "a", "", "length"], nil),
                .fileLengthMissing(file: 0)
            ),
            (
                tree.with(["info", "file tree", "d", "b", "", "length"], -1),
                .fileLengthInvalid(-1, file: 1)
            ),
            (
                tree.with(["info", "file tree", "e", "", "length"], .integer(.max)),
                .piecesRootMissing(file: 2)
            ),
        ]
        for (changed, error) in cases {
            #expect(throws: error) { try Metainfo(changed.encoded()) }
        }
    }

    @Test("M14 trees are 100 folders deep at most, if bencoding lets them be")
    func m14Depth() throws {
        let tree = try Making.torrent([Making.file("a", 100)], .v2).tree
        var node = try #require(tree.at(["info", "file tree", "a"]))
        // The torrent, the info dictionary, the tree and the leaf's two are five levels.
        for _ in 0..<96 { node = ["d": node] }
        #expect(try Metainfo(tree.with(["info", "file tree"], node).encoded()).paths.count == 1)
        let deeper = tree.with(["info", "file tree"], ["d": node])
        #expect(throws: MetainfoError.self) { try Metainfo(deeper.encoded()) }
    }

    @Test("M14 a root that is missing, zero or of another length is refused")
    func m14Root() throws {
        let tree = try Making.torrent(Self.files, .v2).tree
        let path = ["info", "file tree", "a", "", "pieces root"]
        let cases: [(Bencode?, MetainfoError)] = [
            (nil, .piecesRootMissing(file: 0)), (7, .piecesRootMissing(file: 0)),
            (.bytes(Array(repeating: 0, count: 32)), .piecesRootZero(file: 0)),
            (.bytes(Array(repeating: 1, count: 31)), .piecesRootMalformed(file: 0)),
            (.bytes(Array(repeating: 1, count: 33)), .piecesRootMalformed(file: 0)),
        ]
        for (root, error) in cases {
            #expect(throws: error) { try Metainfo(tree.with(path, root).encoded()) }
        }
        // A file without bytes has none, and what is said is not looked at.
        let empty = tree.with(["info", "file tree", "e", "", "pieces root"], "x")
        #expect(try Metainfo(empty.encoded()).layout.files[2].piecesRoot == nil)
    }

    @Test("M14 a root that files of different lengths share is refused")
    func m14Shared() throws {
        let tree = try Making.torrent(Self.files, .v2).tree
        let root = try #require(tree.at(["info", "file tree", "d", "b", "", "pieces root"]))
        let changed = tree.with(["info", "file tree", "z", "", "pieces root"], root)
        #expect(throws: MetainfoError.piecesRootContradicted(file: 3)) {
            try Metainfo(changed.encoded())
        }
    }

    @Test("M14 layers that are missing, unknown, of another length or another root are refused")
    func m14Layers() throws {
        for version in [Metainfo.Version.v2, .hybrid] {
            let torrent = try Making.torrent(Self.files, version)
            let tree = try torrent.tree
            let index = try #require(torrent.layout.files.firstIndex { $0.path == ["d", "b"] })
            let root = try #require(torrent.layout.files[index].piecesRoot)
            let small = try #require(torrent.layout.files[0].piecesRoot)
            let layer = try #require(torrent.pieceLayer(of: FileIndex(index))).flatMap(\.bytes)
            func read(_ layers: [[UInt8]: Bencode]) throws {
                _ = try Metainfo(tree.with(["piece layers"], .dictionary(layers)).encoded())
            }
            let cases: [([[UInt8]: Bencode], MetainfoError)] = [
                ([:], .pieceLayerMissing(file: index)),
                (
                    [root.bytes: .bytes(layer), small.bytes: .bytes(small.bytes)],
                    .pieceLayerUnknown(root: small)
                ),
                (
                    [root.bytes: .bytes(layer.dropLast(32))],
                    .pieceLayerLengthMismatch(root: root, byteCount: 64, expected: 96)
                ),
                (
                    [root.bytes: .bytes(layer + layer)],
                    .pieceLayerLengthMismatch(root: root, byteCount: 192, expected: 96)
                ),
                (
                    [root.bytes: .bytes(layer.dropLast())],
                    .pieceLayerLengthMismatch(root: root, byteCount: 95, expected: 96)
                ),
                (
                    [root.bytes: .bytes(layer.dropLast(32) + Array(repeating: 0, count: 32))],
                    .pieceLayerZeroHash(root: root)
                ),
                (
                    [root.bytes: .bytes(layer.dropLast() + [layer[95] ^ 1])],
                    .pieceLayerRootMismatch(root: root)
                ),
                ([root.bytes: .integer(1)], .pieceLayerMalformed),
                ([Array(root.bytes.dropLast()): .bytes(layer)], .pieceLayerMalformed),
            ]
            for (layers, error) in cases {
                #expect(throws: error) { try read(layers) }
            }
            #expect(throws: MetainfoError.pieceLayerMissing(file: index)) {
                try Metainfo(tree.with(["piece layers"], nil).encoded())
            }
            #expect(throws: MetainfoError.pieceLayerMalformed) {
                try Metainfo(tree.with(["piece layers"], []).encoded())
            }
        }
    }

    @Test("M14 of one version more than is known nothing is read")
    func m14Version() throws {
        let tree = try Making.torrent(Self.files, .v2).tree
        for version: Int64 in [-1, 0, 1, 3, .max] {
            #expect(throws: MetainfoError.versionUnsupported(version)) {
                // Even where nothing else is as it should be.
                let changed = tree.with(["info", "meta version"], .integer(version))
                return try Metainfo(changed.with(["info", "file tree"], 1).encoded())
            }
        }
    }

    // MARK: - M15

    @Test("M15 an info dictionary of v2 that is not canonical is refused")
    func m15() throws {
        for version in [Metainfo.Version.v2, .hybrid] {
            let info = try Making.torrent([Making.file("a", 100)], version).infoBytes
            let text = String(decoding: info, as: UTF8.self)
            #expect(text.contains("lengthi100e"))
            let cases = [
                replacing("lengthi100e", "lengthi0100e", in: info),
                replacing("12:meta versioni2e", "", in: info).dropLast()
                    + Array("12:meta versioni2ee".utf8),
                info.dropLast() + Array("7:privatei1e7:privatei1ee".utf8),
                info.dropLast() + Array("1:ai-0ee".utf8),
            ]
            for changed in cases {
                let torrent = Array("d4:info".utf8) + changed + Array("12:piece layersdee".utf8)
                let error = #expect(throws: MetainfoError.self) { try Metainfo(torrent) }
                guard case .infoNotCanonical? = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
            }
            // Outside of it the same is let pass.
            let torrent =
                Array("d3:zzzi00e4:info".utf8) + info + Array("12:piece layersdee".utf8)
            #expect(try Metainfo(torrent).infoBytes == info)
        }
    }

    private func replacing(_ old: String, _ new: String, in bytes: [UInt8]) -> [UInt8] {
        let old = Array(old.utf8)
        let start = bytes.indices.first { bytes[$0...].starts(with: old) } ?? 0
        return bytes[..<start] + Array(new.utf8) + bytes[(start + old.count)...]
    }

    private func changingV1(_ tree: Bencode, _ change: (inout Bencode) -> Void) -> Bencode {
        var files = tree.at(["info", "files"]) ?? []
        change(&files)
        return tree.with(["info", "files"], files)
    }
}

private func + (a: ArraySlice<UInt8>, b: [UInt8]) -> [UInt8] { Array(a) + b }

extension Bencode {
    fileprivate static func bytes(_ slice: ArraySlice<UInt8>) -> Bencode { .bytes(Array(slice)) }
}
