import Bencode
import Hashing
import Metainfo
import Testing
import Units

@Suite struct BuilderTests {
    @Test func ordersFilesAsAFileTreeDoes() throws {
        // As text with slashes `a.b` comes before `a/x`; as elements it does not.
        let given = ["b", "a.b", "a/x", "a/.b/y", "Z", "a-", "é"]
        for version in [Metainfo.Version.v1, .v2, .hybrid] {
            let builder = try Making.builder(given.map { Making.file($0, 5) }, version)
            let torrent = try Making.build(builder)
            #expect(torrent.paths == ["Z", "a/.b/y", "a/x", "a-", "a.b", "b", "é"])
            #expect(
                builder.sources.compactMap(\.self).map { given[$0] } == torrent.paths)
            #expect(builder.layout == torrent.layout.withoutRoots)
        }
    }

    @Test func padsHybridsBehindEachFileThatDoesNotEndWithAPiece() throws {
        let files = [
            Making.file("a", 1), Making.file("b", 0), Making.file("c", 32_768),
            Making.file("d", 32_769),
        ]
        let builder = try Making.builder(files, .hybrid)
        #expect(builder.sources == [0, nil, 1, 2, 3, nil])
        #expect(
            builder.layout.files.map(\.path) == [
                ["a"], [".pad", "32767"], ["b"], ["c"], ["d"], [".pad", "32767"],
            ])
        #expect(builder.layout.totalLength == 4 * 32_768)
        for version in [Metainfo.Version.v1, .v2] {
            #expect(try Making.builder(files, version).sources == [0, 1, 2, 3])
        }
        // One file alone needs none, in a folder or not.
        for isSingleFile in [false, true] {
            let one = try Making.builder(
                [Making.file("a", 1)], .hybrid, isSingleFile: isSingleFile)
            #expect(one.sources == [0])
        }
    }

    @Test func writesAllThatItWasTold() throws {
        var file = Making.file("d/x", 40_000)
        file.isExecutable = true
        file.isHidden = true
        file.sha1 = .hash([1])
        var link = Making.file("l", 0)
        link.symlinkTarget = [Array("d".utf8), Array("x".utf8)]
        for version in [Metainfo.Version.v1, .v2, .hybrid] {
            var builder = try Making.builder([file, link], version)
            builder.isPrivate = true
            builder.source = "SITE"
            builder.announceTiers = [["http://a/", "http://b/"], ["http://c/"]]
            builder.webSeeds = ["http://w/"]
            builder.comment = "c"
            builder.createdBy = "swarm"
            builder.creationDate = 5
            builder.nodes = [Metainfo.Node(host: "n", port: 1)].compactMap(\.self)
            let torrent = try Metainfo(Making.build(builder).encoded())
            #expect(torrent.version == version)
            #expect(torrent.isPrivate && torrent.source == "SITE")
            #expect(torrent.announceTiers == builder.announceTiers)
            #expect(torrent.webSeeds == builder.webSeeds)
            #expect(torrent.nodes == builder.nodes)
            #expect(torrent.comment == "c" && torrent.createdBy == "swarm")
            #expect(torrent.creationDate == 5)
            let read = try #require(torrent.layout.files.first)
            #expect(read.path == ["d", "x"] && read.isExecutable && read.isHidden)
            #expect(read.sha1 == .hash([1]))
            let readLink = try #require(torrent.layout.files.first { $0.path == ["l"] })
            #expect(readLink.symlinkTarget == ["d", "x"])
        }
    }

    @Test func oneFileHasItsNameAndNoFolder() throws {
        var file = Making.file("whatever", 40_000)
        file.isExecutable = true
        for version in [Metainfo.Version.v1, .v2, .hybrid] {
            let torrent = try Making.build(
                Making.builder([file], version, name: "x.bin", isSingleFile: true))
            #expect(torrent.isSingleFile)
            #expect(torrent.paths == ["x.bin"])
            #expect(torrent.layout.files[0].isExecutable)
            let folder = try Making.build(Making.builder([file], version, name: "x.bin"))
            #expect(!folder.isSingleFile)
            #expect(folder.paths == ["whatever"])
        }
    }

    @Test func refusesFilesThatCannotBeInATorrent() throws {
        var link = Making.file("l", 0)
        link.symlinkTarget = [Array("..".utf8)]
        var longLink = Making.file("l", 1)
        longLink.symlinkTarget = [Array("a".utf8)]
        let a = Making.file("a", 1)
        let bare = MetainfoBuilder.File(path: [], length: 1)
        let slash = MetainfoBuilder.File(path: [Array("a/b".utf8)], length: 1)
        let deep = MetainfoBuilder.File(
            path: Array(repeating: Array("d".utf8), count: 101), length: 1)
        let cases: [([MetainfoBuilder.File], MetainfoBuilderError)] = [
            ([], .noFiles), ([a, bare], .pathInvalid(file: 1)), ([slash], .pathInvalid(file: 0)),
            ([Making.file("a/..", 1)], .pathInvalid(file: 0)), ([deep], .pathInvalid(file: 0)),
            ([a, Making.file("b", 1), a], .pathTwice(file: 2)),
            ([Making.file("a/b/c", 1), a], .pathIsFolder(file: 1)),
            ([a, link], .symlinkInvalid(file: 1)), ([longLink], .symlinkInvalid(file: 0)),
            ([Making.file("a", -1)], .metainfo(.fileLengthInvalid(-1, file: 0))),
            (
                [Making.file("a", .max), Making.file("b", 1)], .metainfo(.lengthOverflow)
            ),
        ]
        for (files, error) in cases {
            #expect(throws: error) { try Making.builder(files, .v1) }
            #expect(!"\(error)".isEmpty)
        }
        for name in ["", ".", "..", "a/b", "a\0"] {
            #expect(throws: MetainfoBuilderError.nameInvalid) {
                try Making.builder([a], .v1, name: name)
            }
        }
        #expect(throws: MetainfoBuilderError.notSingleFile) {
            try Making.builder([a, Making.file("b", 1)], .v1, isSingleFile: true)
        }
        for length: UInt32 in [0, 1 << 29] {
            #expect(throws: MetainfoBuilderError.self) {
                try Making.builder([a], .v1, pieceLength: length)
            }
        }
        #expect(
            throws: MetainfoBuilderError.metainfo(.pieceLengthNotPowerOfTwo(49_152))
        ) { try Making.builder([a], .hybrid, pieceLength: 49_152) }
    }

    @Test func refusesHashesThatDoNotFit() throws {
        let files = [Making.file("a", 1), Making.file("b", 40_000)]
        let roots: [SHA256Digest] = [.hash([1]), .hash([2])]
        let v1 = try Making.builder(files, .v1)
        #expect(throws: MetainfoBuilderError.piecesCountMismatch(byteCount: 20, expected: 40)) {
            try v1.build(pieces: Array(repeating: 1, count: 20))
        }
        #expect(throws: MetainfoBuilderError.pieceRootsCountMismatch(files: 2, expected: 0)) {
            try v1.build(pieces: Array(repeating: 1, count: 40), pieceRoots: [roots, roots])
        }
        let v2 = try Making.builder(files, .v2)
        #expect(throws: MetainfoBuilderError.piecesCountMismatch(byteCount: 20, expected: 0)) {
            try v2.build(pieces: Array(repeating: 1, count: 20))
        }
        #expect(throws: MetainfoBuilderError.pieceRootsCountMismatch(files: 1, expected: 2)) {
            try v2.build(pieceRoots: [roots])
        }
        #expect(
            throws: MetainfoBuilderError.pieceRootCountMismatch(file: 0, count: 2, expected: 1)
        ) { try v2.build(pieceRoots: [roots, roots]) }
        #expect(throws: MetainfoBuilderError.metainfo(.piecesRootZero(file: 0))) {
            try v2.build(pieceRoots: [[.zero], roots])
        }
        #expect(throws: Never.self) { try v2.build(pieceRoots: [[roots[0]], roots]) }
    }

    @Test func filesOfTheSameBytesShareALayer() throws {
        let hashes: [SHA256Digest] = [.hash([1]), .hash([2])]
        let torrent = try Making.builder(
            [Making.file("a", 40_000), Making.file("b", 40_000)], .v2
        ).build(pieceRoots: [hashes, hashes])
        #expect(torrent.pieceLayer(of: FileIndex(0)) == hashes)
        #expect(torrent.pieceLayer(of: FileIndex(1)) == hashes)
        let root = MerkleTree.root(ofPieceLayer: hashes, pieceLength: Making.pieceLength)
        #expect(torrent.layout.files.map(\.piecesRoot) == [root, root])
        #expect(
            try torrent.tree["piece layers"]
                == .dictionary([
                    root.bytes: .bytes(hashes.flatMap(\.bytes))
                ]))
        #expect(
            (0..<4).map { torrent.v2Hash(of: PieceIndex($0))?.file } == [
                FileIndex(0), FileIndex(0), FileIndex(1), FileIndex(1),
            ])
    }

    @Test func thousandsOfFilesAreNoTrouble() throws {
        let files = (0..<1_000).map { Making.file("\($0 % 100)/\($0)", Int64($0)) }
        let torrent = try Making.torrent(files, .hybrid)
        #expect(torrent.paths.count == 1_000)
        #expect(try Metainfo(torrent.encoded()).infoHash == torrent.infoHash)
    }
}

extension ContentLayout {
    /// As a builder has it, before anything is hashed.
    var withoutRoots: ContentLayout? {
        ContentLayout(
            files: files.map {
                var file = $0
                file.piecesRoot = nil
                return file
            },
            pieceLength: pieceLength, hasGaps: hasGaps)
    }
}
