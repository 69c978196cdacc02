import Bencode
import Hashing
import Metainfo
import Testing
import Units

/// Info dictionaries that come from peers, and the hashes of v2 pieces.
@Suite struct MetadataTests {
    private static let files = [
        Making.file("a", 100), Making.file("b", 0), Making.file("c", 70_000),
        Making.file("d", 32_768), Making.file("e", 40_000),
    ]

    @Test func takesTheDictionaryThatWasAskedForAlone() throws {
        for version in [Metainfo.Version.v1, .v2, .hybrid] {
            let made = try Making.torrent(Self.files, version)
            let sha1 = SHA1Digest.hash(made.infoBytes)
            let sha256 = SHA256Digest.hash(made.infoBytes)
            let other = SHA1Digest.hash([0])
            let asked: [(InfoHash, Bool)] = [
                (InfoHash(v1: sha1), version != .v2),
                (InfoHash(v1: sha256.truncated), version != .v1),
                (InfoHash(v2: sha256), version != .v1),
                (InfoHash(v1: sha1, v2: sha256), version == .hybrid),
                (InfoHash(v1: other), false), (InfoHash(v2: .hash([0])), false),
                (InfoHash(v1: other, v2: sha256), false),
                (InfoHash(v1: sha1, v2: .hash([0])), false),
            ]
            for (infoHash, isTaken) in asked {
                let torrent = try? Metainfo(infoBytes: made.infoBytes, expecting: infoHash)
                #expect((torrent != nil) == isTaken, "\(version) \(infoHash)")
                #expect(torrent.map { $0.infoHash == made.infoHash } ?? true)
                if !isTaken {
                    #expect(throws: MetainfoError.infoHashMismatch(expected: infoHash)) {
                        try Metainfo(infoBytes: made.infoBytes, expecting: infoHash)
                    }
                }
            }
        }
    }

    @Test func aDictionaryWithTheRightHashIsCheckedAsAFileIs() throws {
        let info = Array("d4:name1:a6:lengthi1e12:piece lengthi0e6:pieces0:e".utf8)
        #expect(throws: MetainfoError.pieceLengthOutOfRange(0, 1...(256 << 20))) {
            try Metainfo(infoBytes: info, expecting: InfoHash(v1: .hash(info)))
        }
        for text in ["", "x", "le", "i1e", "dee"] {
            let bytes = Array(text.utf8)
            #expect(throws: MetainfoError.self) {
                try Metainfo(infoBytes: bytes, expecting: InfoHash(v1: .hash(bytes)))
            }
        }
    }

    @Test("M20 that a torrent is private shows as soon as its info dictionary is there")
    func m20() throws {
        for (value, isPrivate) in [
            (Bencode.integer(1), true), (2, true), (-1, true), (0, false), ("1", false),
            ([], false),
        ] {
            var info = Making.v1Info([["length": 1, "path": ["f"]]], totalLength: 1)
            info["private"] = value
            let bytes = info.encoded()
            let torrent = try Metainfo(infoBytes: bytes, expecting: InfoHash(v1: .hash(bytes)))
            #expect(torrent.isPrivate == isPrivate)
        }
        // What stands outside the info dictionary cannot make it so.
        let info = Making.v1Info([["length": 1, "path": ["f"]]], totalLength: 1)
        #expect(try !Making.read(info, ["private": 1]).isPrivate)
    }

    @Test func piecesOfV2AreCheckedAgainstTheirLayer() throws {
        for version in [Metainfo.Version.v2, .hybrid] {
            let torrent = try Making.torrent(Self.files, version)
            let hashes = (0..<torrent.layout.pieceCount).map { torrent.v2Hash(of: PieceIndex($0)) }
            #expect(
                hashes.map { $0?.contentLength } == [
                    100, 32_768, 32_768, 4_464, 32_768, 32_768, 7_232,
                ])
            // A file of one piece has a tree of its blocks alone, others one of whole pieces.
            #expect(hashes.map { $0?.leafCount } == [1, 2, 2, 2, 2, 2, 2])
            let names = hashes.map { $0.map { torrent.layout.files[$0.file.position].path[0] } }
            #expect(names == ["a", "c", "c", "c", "d", "e", "e"])
            #expect(hashes[0]?.root == torrent.layout.files[0].piecesRoot)
            #expect(hashes.map { $0?.root.description }.count == Set(hashes).count)
            let c = try #require(torrent.layout.files.firstIndex { $0.path == ["c"] })
            #expect(torrent.pieceLayer(of: FileIndex(c)) == hashes[1...3].compactMap { $0?.root })
            #expect(torrent.v2Hash(of: PieceIndex(7)) == nil)
            #expect(torrent.v2Hash(of: PieceIndex(UInt32.max)) == nil)
        }
        let v1 = try Making.torrent(Self.files, .v1)
        #expect(v1.v2Hash(of: PieceIndex(0)) == nil)
        #expect(v1.pieceLayer(of: FileIndex(0)) == nil)
    }

    @Test func filesWithoutBytesAndPadsHaveNoHashes() throws {
        let torrent = try Making.torrent(Self.files, .hybrid)
        for (index, file) in torrent.layout.files.enumerated() {
            let layer = torrent.pieceLayer(of: FileIndex(index))
            #expect((layer == nil) == (file.isPad || file.length == 0))
        }
        #expect(torrent.pieceLayer(of: FileIndex(UInt32.max)) == nil)
    }

    @Test func theTreeOfASmallFileHasAPowerOfTwoOfLeaves() throws {
        for (length, leafCount) in [(1, 1), (16_384, 1), (16_385, 2), (40_000, 4), (131_072, 8)] {
            let builder = try Making.builder(
                [Making.file("a", Int64(length))], .v2, pieceLength: 131_072)
            let torrent = try Making.build(builder)
            #expect(torrent.v2Hash(of: PieceIndex(0))?.leafCount == leafCount)
        }
    }

    /// A hybrid torrent can be used without them, a v2 torrent cannot, and nobody else's manifest
    /// is let lack them.
    @Test func whatWasKeptOfAHybridTorrentMayLackLayers() throws {
        for version in [Metainfo.Version.v2, .hybrid] {
            let made = try Making.torrent(Self.files, version)
            let lacking = try Metainfo(infoBytes: made.infoBytes, expecting: made.infoHash)
            let bytes = lacking.encoded()
            let first = try #require(lacking.filesWithoutPieceLayer.first).position
            #expect(throws: MetainfoError.pieceLayerMissing(file: first)) { try Metainfo(bytes) }
            guard version == .hybrid else {
                #expect(throws: MetainfoError.self) { try Metainfo(kept: bytes) }
                continue
            }
            let kept = try Metainfo(kept: bytes)
            #expect(kept.infoHash == made.infoHash)
            #expect(kept.filesWithoutPieceLayer == lacking.filesWithoutPieceLayer)
            #expect(try Metainfo(kept: made.encoded()).filesWithoutPieceLayer == [])
        }
    }

    @Test func layersThatPeersSendAreTakenIfTheyMakeTheirRoot() throws {
        for version in [Metainfo.Version.v2, .hybrid] {
            let made = try Making.torrent(Self.files, version)
            var torrent = try Metainfo(infoBytes: made.infoBytes, expecting: made.infoHash)
            let missing = torrent.filesWithoutPieceLayer
            #expect(missing.map { torrent.layout.files[$0.position].path[0] } == ["c", "e"])
            #expect(made.filesWithoutPieceLayer.isEmpty)
            #expect(torrent.v2Hash(of: PieceIndex(0)) != nil)
            #expect(torrent.v2Hash(of: PieceIndex(1)) == nil)

            let first = try #require(missing.first)
            let layer = try #require(made.pieceLayer(of: first))
            #expect(throws: MetainfoError.self) {
                try torrent.setPieceLayer(layer.reversed(), of: first)
            }
            #expect(throws: MetainfoError.self) {
                try torrent.setPieceLayer(layer + layer, of: first)
            }
            #expect(throws: MetainfoError.self) {
                try torrent.setPieceLayer(layer, of: FileIndex(0))
            }
            #expect(throws: MetainfoError.self) {
                try torrent.setPieceLayer([], of: FileIndex(UInt32.max))
            }
            #expect(torrent.v2Hash(of: PieceIndex(1)) == nil)
            for file in missing {
                try torrent.setPieceLayer(#require(made.pieceLayer(of: file)), of: file)
            }
            #expect(torrent.filesWithoutPieceLayer.isEmpty)
            #expect(torrent.v2Hash(of: PieceIndex(1)) == made.v2Hash(of: PieceIndex(1)))
            #expect(torrent.encoded() == made.encoded())
        }
    }
}
