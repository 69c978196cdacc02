import Bencode
import Hashing
import Metainfo
import Testing
import Units

/// M7 to M12, M15 and M18: info dictionaries of v1.
@Suite struct HostileInfoTests {
    private let file: Bencode = ["length": 100, "path": ["f"]]

    @Test("M7 lengths below 0, and lengths that add up to more than 64 bits, are refused")
    func m7() throws {
        for length: Int64 in [-1, .min] {
            #expect(throws: MetainfoError.fileLengthInvalid(length, file: 1)) {
                try read(files: [file, ["length": .integer(length), "path": ["g"]]])
            }
        }
        for lengths: [Int64] in [[.max, 1], [1, .max], [.max, .max], [.max / 2, .max / 2, 2]] {
            let files = lengths.enumerated().map { number, length -> Bencode in
                ["length": .integer(length), "path": [.string("\(number)")]]
            }
            #expect(throws: MetainfoError.lengthOverflow) { try read(files: files) }
        }
        let huge: Bencode = ["length": .integer(.max), "path": ["f"]]
        #expect(throws: MetainfoError.tooManyPieces(.max / 32_768 + 1, max: 2_097_152)) {
            try read(files: [huge])
        }
        #expect(throws: MetainfoError.fileLengthMissing(file: 0)) {
            try read(files: [["path": ["f"]]])
        }
        #expect(throws: MetainfoError.fileLengthMissing(file: 0)) {
            try read(files: [["length": "100", "path": ["f"]]])
        }
    }

    @Test("M8 piece lengths that are none are refused")
    func m8() throws {
        for length: Int64 in [0, -1, .min, 1 << 31, 1 << 32, .max, 256 << 20 + 1] {
            var info = Making.v1Info([file], totalLength: 100)
            info["piece length"] = .integer(length)
            #expect(throws: MetainfoError.pieceLengthOutOfRange(length, 1...(256 << 20))) {
                try Making.read(info)
            }
        }
        for value: Bencode? in [nil, "16384", []] {
            var info = Making.v1Info([file], totalLength: 100)
            info["piece length"] = value
            #expect(throws: MetainfoError.pieceLengthMissing) { try Making.read(info) }
        }
        for length: Int64 in [1, 7, 1_000_000] {
            let torrent = try Making.read(
                Making.v1Info([file], totalLength: 100, pieceLength: length))
            #expect(torrent.layout.pieceCount == Int((100 + length - 1) / length))
        }
    }

    @Test("M8 of v2 and hybrid torrents a piece is a power of two from 16 KiB on")
    func m8V2() throws {
        for version in [Metainfo.Version.v2, .hybrid] {
            let tree = try Making.torrent([Making.file("f", 10)], version).tree
            for length: Int64 in [0, 1, 8_192, 1 << 29] {
                let changed = tree.with(["info", "piece length"], .integer(length))
                #expect(throws: MetainfoError.pieceLengthOutOfRange(length, 16_384...(256 << 20))) {
                    try Metainfo(changed.encoded())
                }
            }
            let odd = tree.with(["info", "piece length"], 49_152)
            #expect(throws: MetainfoError.pieceLengthNotPowerOfTwo(49_152)) {
                try Metainfo(odd.encoded())
            }
        }
    }

    @Test("M9 a piece of a tebibyte is refused, one of 256 MiB is not")
    func m9() throws {
        let bomb: Int64 = 1 << 40
        let files: [Bencode] = [["length": .integer(bomb), "path": ["f"]]]
        #expect(throws: MetainfoError.pieceLengthOutOfRange(bomb, 1...(256 << 20))) {
            try Making.read(Making.v1Info(files, totalLength: bomb, pieceLength: bomb))
        }
        let torrent = try Making.read(
            Making.v1Info(files, totalLength: bomb, pieceLength: 256 << 20))
        #expect(torrent.layout.pieceCount == 4_096)
        #expect(torrent.layout.blockCount(of: PieceIndex(0)) == 16_384)
    }

    @Test("M10 piece hashes that do not fit the files are refused, each for its own reason")
    func m10() throws {
        func read(pieces: Bencode?) throws {
            var info = Making.v1Info([file], totalLength: 100)
            info["pieces"] = pieces
            _ = try Making.read(info)
        }
        #expect(throws: MetainfoError.piecesNotWholeHashes(byteCount: 39)) {
            try read(pieces: .bytes(Array(repeating: 1, count: 39)))
        }
        #expect(throws: MetainfoError.pieceCountMismatch(hashes: 2, pieces: 1)) {
            try read(pieces: .bytes(Array(repeating: 1, count: 40)))
        }
        #expect(throws: MetainfoError.pieceCountMismatch(hashes: 0, pieces: 1)) {
            try read(pieces: "")
        }
        #expect(throws: MetainfoError.piecesMissing) { try read(pieces: nil) }
        #expect(throws: MetainfoError.piecesMissing) { try read(pieces: 7) }
        let many: [Bencode] = [["length": 2_097_153, "path": ["f"]]]
        #expect(throws: MetainfoError.tooManyPieces(2_097_153, max: 2_097_152)) {
            try Making.read(Making.v1Info(many, totalLength: 100, pieceLength: 1))
        }
        #expect(
            "\(MetainfoError.piecesNotWholeHashes(byteCount: 39))"
                == "piece hashes: 39 bytes, not a multiple of 20")
    }

    @Test("M10 a key that decides on the content may not stand twice")
    func m10Twice() throws {
        let info = Making.v1Info([file], totalLength: 100)
        for key in ["pieces", "piece length", "files", "name"] {
            let value = try #require(info[key])
            let twice = raw(info, adding: key, value)
            #expect(throws: MetainfoError.keyTwice(key)) { try Metainfo(twice) }
        }
        #expect(throws: Never.self) { try Metainfo(raw(info, adding: "source", "x")) }
    }

    @Test("M11 no files are refused, files without bytes are not")
    func m11() throws {
        #expect(throws: MetainfoError.noFiles) { try read(files: []) }
        let empty: [Bencode] = [["length": 0, "path": ["a"]], ["length": 0, "path": ["b"]]]
        for torrent in [
            try Making.read(Making.v1Info(empty, totalLength: 0)),
            try Making.read([
                "length": 0, "name": "a", "piece length": 16_384, "pieces": "",
            ]),
            try Making.torrent([Making.file("a", 0)], .v2),
            try Making.torrent([Making.file("a", 0), Making.file("b", 0)], .hybrid),
        ] {
            #expect(torrent.layout.pieceCount == 0)
            #expect(torrent.layout.totalLength == 0)
            #expect(!torrent.layout.files.isEmpty)
            #expect(torrent.v1Hash(of: PieceIndex(0)) == nil)
            #expect(torrent.v2Hash(of: PieceIndex(0)) == nil)
            #expect(torrent.layout.length(of: PieceIndex(0)) == 0)
        }
        for version in [Metainfo.Version.v2, .hybrid] {
            let tree = try Making.torrent([Making.file("f", 10)], version).tree
            #expect(throws: MetainfoError.noFiles) {
                var none = tree.with(["info", "file tree"], [:])
                if version == .hybrid { none = none.with(["info", "files"], []) }
                return try Metainfo(none.encoded())
            }
        }
    }

    @Test("M12 pads longer than a piece, or where none can be, are refused")
    func m12() throws {
        func read(pad length: Int64, after first: Int64, attributes: String = "p") throws
            -> Metainfo
        {
            let files: [Bencode] = [
                ["length": .integer(first), "path": ["a"]],
                ["attr": .string(attributes), "length": .integer(length), "path": [".pad", "x"]],
                ["length": 1, "path": ["b"]],
            ]
            return try Making.read(Making.v1Info(files, totalLength: first + length + 1))
        }
        #expect(throws: MetainfoError.padInvalid(file: 1, length: 32_769)) {
            try read(pad: 32_769, after: 32_767)
        }
        #expect(throws: MetainfoError.padInvalid(file: 1, length: 100)) {
            try read(pad: 100, after: 50)
        }
        for (first, length) in [(100, 32_668), (100, 16_284), (32_768, 32_768), (100, 0)] {
            let torrent = try read(pad: Int64(length), after: Int64(first))
            #expect(torrent.layout.files.map(\.isPad) == [false, true, false])
            #expect(torrent.layout.contentLength == Int64(first) + 1)
        }
        // Letters that mean nothing, and those that mean more than one thing.
        let torrent = try read(pad: 32_668, after: 100, attributes: "zp?lhx\u{0}")
        let pad = torrent.layout.files[1]
        #expect(pad.isPad && pad.isHidden && pad.isExecutable && pad.symlinkTarget == nil)
        #expect(try !read(pad: 100, after: 50, attributes: "P").layout.files[1].isPad)
    }

    @Test("M12 pads have no names of their own, and need no path")
    func m12Names() throws {
        let pad: Bencode = ["attr": "p", "length": 32_668, "path": [".pad", "32668"]]
        let files: [Bencode] = [
            file, pad, ["length": 100, "path": ["g"]], pad,
            ["length": 100, "path": [".pad", "32668"]],
            ["attr": "p", "length": 32_668],
            ["length": 100, "path": ["h"]],
            ["length": 32_668, "path": ["_____padding_file_0_if you see this file"]],
        ]
        let torrent = try Making.read(Making.v1Info(files, totalLength: 4 * 32_768))
        #expect(torrent.paths == ["f", "g", ".pad/32668", "h"])
        #expect(torrent.layout.files[5].path == [".pad", "32668"])
        #expect(torrent.layout.files[7].isPad)
        #expect(torrent.layout.contentLength == 400)
    }

    @Test("M15 a v1 info-hash is over the bytes as they came, in order or not")
    func m15() throws {
        let info =
            "d4:name1:n12:piece lengthi016384e6:lengthi100e6:pieces20:aaaaaaaaaaaaaaaaaaaa"
            + "6:source1:x6:source1:y3:zeri-0ee"
        let torrent = try Metainfo(Array("d4:info\(info)8:announce0:e".utf8))
        #expect(torrent.infoBytes == Array(info.utf8))
        #expect(torrent.infoHash.v1 == .hash(Array(info.utf8)))
        #expect(torrent.source == "x")
        #expect(Metainfo.isSame(try Metainfo(torrent.encoded()), torrent))
    }

    @Test("M18 a torrent of 100 MB is refused unread, a comment of 10 MB is cut")
    func m18() throws {
        let bytes = [UInt8](repeating: UInt8(ascii: "l"), count: 100_000_000)
        #expect(throws: MetainfoError.bencoding(.tooManyBytes(100_000_000, max: 64 << 20))) {
            try Metainfo(bytes)
        }
        let info = Making.v1Info([file], totalLength: 100)
        let comment = Bencode.bytes(Array(repeating: UInt8(ascii: "c"), count: 10_000_000))
        let torrent = try Making.read(info, ["comment": comment])
        #expect(torrent.comment?.utf8.count == 16_384)
    }

    @Test("M18 three million values are refused where the count is reached")
    func m18Tokens() {
        let bytes = Array(("d4:infol" + String(repeating: "0:", count: 3_000_000)).utf8)
        #expect(throws: MetainfoError.bencoding(.tooManyTokens(at: 6_000_002, max: 3_000_000))) {
            try Metainfo(bytes)
        }
    }

    @Test func whatIsNoTorrentIsRefusedForItsReason() {
        for (text, error) in [
            ("", MetainfoError.bencoding(.endedEarly(at: 0))),
            ("<html>", .bencoding(.unexpectedByte(UInt8(ascii: "<"), at: 0))),
            ("i1e", .notDictionary), ("le", .notDictionary), ("de", .infoMissing),
            ("d4:info0:e", .infoMissing), ("d4:infolee", .infoMissing),
            ("d4:infodee", .pieceLengthMissing),
            ("d4:infod12:piece lengthi1eee", .nameMissing),
            ("d4:infod4:namei1e12:piece lengthi1eee", .nameMissing),
            ("d4:infod5:files0:4:name0:12:piece lengthi1eee", .fileMalformed(file: 0)),
            ("d4:infod5:filesli1ee4:name0:12:piece lengthi1eee", .fileMalformed(file: 0)),
            ("d4:infod4:name0:12:piece lengthi1eee", .fileLengthMissing(file: 0)),
        ] {
            #expect(throws: error, "\(text)") { try Metainfo(Array(text.utf8)) }
            #expect(!"\(error)".isEmpty)
        }
    }

    @Test func aFileNeedsAPathOfStrings() throws {
        let cases: [(Bencode, MetainfoError)] = [
            (["length": 1], .pathMissing(file: 0)),
            (["length": 1, "path": []], .pathMissing(file: 0)),
            (["length": 1, "path": "f"], .pathMissing(file: 0)),
            (["length": 1, "path": [1]], .pathElementMalformed(file: 0)),
            (["length": 1, "path": ["a", ["b"]]], .pathElementMalformed(file: 0)),
        ]
        for (entry, error) in cases {
            #expect(throws: error) { try read(files: [entry]) }
        }
    }

    @Test func aPathInUTF8IsTakenBeforeOneInAnotherEncoding() throws {
        let entry: Bencode = [
            "length": 100, "path": .list([.bytes([0xE9])]), "path.utf-8": ["é"],
        ]
        var info = Making.v1Info([entry], totalLength: 100)
        info["name"] = .bytes([0xE8])
        info["name.utf-8"] = "è"
        let torrent = try Making.read(info)
        #expect(torrent.name == "è")
        #expect(torrent.paths == ["é"])
    }

    private func read(files: [Bencode]) throws -> Metainfo {
        try Making.read(Making.v1Info(files, totalLength: 100))
    }

    /// A torrent whose info dictionary ends with one more key.
    private func raw(_ info: Bencode, adding key: String, _ value: Bencode) -> [UInt8] {
        Array("d4:info".utf8) + info.encoded().dropLast() + Bencode.string(key).encoded()
            + value.encoded() + Array("ee".utf8)
    }
}

extension Metainfo {
    static func isSame(_ a: Metainfo, _ b: Metainfo) -> Bool {
        a.infoBytes == b.infoBytes && a.infoHash == b.infoHash && a.layout == b.layout
            && a.encoded() == b.encoded()
    }
}
