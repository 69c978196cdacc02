import Bencode
import Metainfo
import Testing
import Units

/// M1 to M6: paths that ought not to be written to.
@Suite struct HostilePathTests {
    @Test("M1 path elements that leave the folder are made harmless")
    func m1() throws {
        let torrent = try Making.v1(paths: [
            ["..", "..", "etc", "passwd"], [".", "a"], ["", "b"], ["/etc/cron.d/x"], ["C:\\x"],
            ["a/b"], ["a\\b"], ["...", "c"], ["..", ".."], ["/"], [".."],
        ])
        #expect(
            torrent.paths == [
                "_/_/etc/passwd", "_/a", "_/b", "_etc_cron.d_x", "C:_x", "a_b", "a_b.1", ".../c",
                "_/_.1", "_.1", "_.2",
            ])
        for path in torrent.layout.files.map(\.path) {
            for element in path { expectHarmless(element) }
        }
        #expect(
            torrent.layout.files[0].rawPath == ["..", "..", "etc", "passwd"].map { Array($0.utf8) })
        #expect(torrent.warnings.contains(.filesRenamed(10)))
    }

    @Test("M1 a name that leaves the folder is made harmless")
    func m1Name() throws {
        for (raw, name) in [
            ("../../etc/cron.d/x", ".._.._etc_cron.d_x"), ("/a", "_a"),
            ("a\\b", "a_b"),
        ] {
            for single in [false, true] {
                var info = Making.v1Info([["length": 1, "path": ["f"]]], totalLength: 1)
                info["name"] = .string(raw)
                if single {
                    info["files"] = nil
                    info["length"] = 1
                }
                let torrent = try Making.read(info)
                #expect(torrent.name == name)
                #expect(torrent.rawName == Array(raw.utf8))
                #expect(torrent.paths == [single ? name : "f"])
            }
        }
        // Where nothing is left of it, it is the info-hash.
        for raw in ["", ".", "..", "/", "\u{0}\u{1}"] {
            var info = Making.v1Info([["length": 1, "path": ["f"]]], totalLength: 1)
            info["name"] = .string(raw)
            let torrent = try Making.read(info)
            #expect(torrent.name == "\(torrent.infoHash)")
        }
    }

    @Test("M1 the same for elements of a file tree")
    func m1Tree() throws {
        var tree = try Making.torrent([Making.file("a", 1), Making.file("d/b", 1)], .v2).tree
        tree = tree.with(["info", "file tree", "../x"], tree.at(["info", "file tree", "a"]))
        tree = tree.with(["info", "file tree", "a"], nil)
        tree = tree.with(["info", "file tree", ".."], tree.at(["info", "file tree", "d"]))
        tree = tree.with(["info", "file tree", "d"], nil)
        let torrent = try Metainfo(tree.encoded())
        #expect(torrent.paths == ["_/b", ".._x"])
    }

    @Test("M2 what is no text, or turns text around, becomes an underscore")
    func m2() throws {
        let torrent = try Making.v1(paths: [
            [Array("a\u{0}b".utf8)], [Array("a\u{1B}[31m\n\u{7F}\u{85}".utf8)],
            [Array("ann\u{202E}gpj.exe".utf8)], [Array("a\u{2028}b\u{2066}c".utf8)],
            // A lone surrogate, an overlong slash, a byte that is never in UTF-8.
            [[0x61, 0xED, 0xA0, 0x80]], [[0x61, 0xC0, 0xAF, 0x62]], [[0xFF]],
            [Array("naïve – 日本 👩‍👧.txt".utf8)],
        ])
        #expect(
            torrent.paths == [
                "a_b", "a_[31m___", "ann_gpj.exe", "a_b_c", "a___", "a__b", "_",
                "naïve – 日本 👩‍👧.txt",
            ])
        #expect(torrent.layout.files[4].rawPath == [[0x61, 0xED, 0xA0, 0x80]])
        #expect(torrent.layout.files.map(\.isRenamed) == Array(repeating: true, count: 7) + [false])
        #expect(torrent.v1Hash(of: .init(0)) != nil)
    }

    @Test("M3 elements of more than 255 bytes are cut, keep their extension, and stay apart")
    func m3() throws {
        let long = String(repeating: "x", count: 250)
        let accents = String(repeating: "é", count: 200)
        let torrent = try Making.v1(paths: [
            ["\(long).tar.gz"], ["\(long)A.tar.gz"], [accents], ["\(long).mkv"], ["\(long)56789"],
        ])
        let names = torrent.layout.files.map { $0.path[0] }
        #expect(names.allSatisfy { $0.utf8.count <= 255 })
        #expect(Set(names).count == 5)
        #expect(names[0].hasSuffix(".gz") && names[1].hasSuffix(".gz"))
        #expect(names[2].hasPrefix("éé") && names[2].utf8.count >= 254)
        #expect(names[3] == "\(long).mkv")
        #expect(names[4] == "\(long)56789")
        #expect(torrent.layout.files.map(\.isRenamed) == [true, true, true, false, false])
        let again = try Making.v1(paths: [["\(long)A.tar.gz"]])
        #expect(again.layout.files[0].path[0] == names[1])
    }

    @Test("M3 paths of more than 2,048 bytes are cut and stay apart")
    func m3Path() throws {
        let folders = (0..<20).map { "\($0)" + String(repeating: "f", count: 200) }
        let torrent = try Making.v1(paths: [folders + ["a.txt"], folders + ["b.txt"]])
        #expect(torrent.paths.allSatisfy { $0.utf8.count <= 2_048 })
        #expect(torrent.paths[0] != torrent.paths[1])
        #expect(torrent.paths[0].hasSuffix(".txt"))
        #expect(torrent.paths[0].hasPrefix(folders[0] + "/" + folders[1]))
    }

    @Test("M3 paths are 100 elements deep at most")
    func m3Depth() throws {
        let deepest = Array(repeating: "d", count: 100)
        #expect(try Making.v1(paths: [deepest]).layout.files[0].path.count == 100)
        #expect(throws: MetainfoError.pathTooDeep(file: 0, depth: 101, max: 100)) {
            try Making.v1(paths: [deepest + ["e"]])
        }
        #expect(throws: MetainfoError.pathTooDeep(file: 0, depth: 10_000, max: 100)) {
            try Making.v1(paths: [Array(repeating: "d", count: 10_000)])
        }
    }

    @Test("M4 names that differ only in case or Unicode form are told apart")
    func m4() throws {
        let torrent = try Making.v1(paths: [
            ["Readme.txt"], ["README.TXT"], ["readme.txt"], ["d", "caf\u{E9}"],
            ["D", "cafe\u{301}"], ["readme.1.txt"],
        ])
        #expect(
            torrent.paths == [
                "Readme.txt", "README.1.TXT", "readme.2.txt", "d/caf\u{E9}", "D/cafe\u{301}.1",
                "readme.1.1.txt",
            ])
        #expect(torrent.warnings == [.filesRenamed(4)])
    }

    @Test("M4 no more than 500 files may have a path that is taken")
    func m4Many() throws {
        let most = try Making.v1(paths: Array(repeating: ["a", "x.bin"], count: 501))
        #expect(Set(most.paths).count == 501)
        #expect(most.paths[500] == "a/x.500.bin")
        #expect(throws: MetainfoError.tooManyTakenPaths(max: 500)) {
            try Making.v1(paths: Array(repeating: ["a", "x.bin"], count: 502))
        }
    }

    @Test("M4 thousands of paths take no more time each than a few")
    func m4Bomb() {
        // Quadratic work would take minutes here.
        #expect(throws: MetainfoError.tooManyTakenPaths(max: 500)) {
            try Making.v1(paths: Array(repeating: ["a"], count: 5_000))
        }
        #expect(throws: Never.self) {
            try Making.v1(paths: (0..<5_000).map { ["\($0 % 10)", "f\($0)"] })
        }
    }

    @Test("M5 a file where another has a folder gives way, in whatever order they come")
    func m5() throws {
        #expect(try Making.v1(paths: [["a"], ["a", "b"]]).paths == ["a.1", "a/b"])
        #expect(try Making.v1(paths: [["a", "b"], ["a"]]).paths == ["a/b", "a.1"])
        #expect(
            try Making.v1(paths: [["A", "b"], ["a"], ["a.1", "c"]]).paths == [
                "A/b", "a.2", "a.1/c",
            ])
    }

    @Test("M6 links out of the torrent, to themselves, in circles or to nothing are empty files")
    func m6() throws {
        let links: [[String]] = [
            ["..", "x"], ["", "etc", "passwd"], ["/etc/passwd"], ["l3"], ["l5"], ["l4"], ["none"],
            ["d", "..", "..", "a"], ["f", "x"], [], ["up"], ["."],
        ]
        let torrent = try Self.torrent(links: links)
        let found = torrent.layout.files.dropFirst(2)
        #expect(found.map(\.symlinkTarget) == Array(repeating: nil, count: links.count))
        #expect(found.allSatisfy { $0.length == 0 })
    }

    @Test("M6 links are to what they lead to in the end")
    func m6Chain() throws {
        let torrent = try Self.torrent(links: [
            ["f"], ["d"], ["l0"], ["l1", "g"], ["d", "g"], ["l2"],
        ])
        #expect(
            torrent.layout.files.dropFirst(2).map(\.symlinkTarget) == [
                ["f"], ["d"], ["f"], ["d", "g"], ["d", "g"], ["f"],
            ])
    }

    @Test("M6 a link to a folder that it is in is an empty file")
    func m6Around() throws {
        var files = Self.files
        files.append(["attr": "l", "path": ["d", "e", "l"], "symlink path": ["d"]])
        files.append(["attr": "l", "path": ["d", "m"], "symlink path": ["d", "e"]])
        files.append(["attr": "l", "path": ["d", "n"], "symlink path": ["g"]])
        let torrent = try Making.read(Making.v1Info(files, totalLength: 2))
        // The last says where it points to as seen from its own folder.
        #expect(
            torrent.layout.files.dropFirst(2).map(\.symlinkTarget)
                == [nil, ["d", "e"], ["d", "g"]])
    }

    @Test("M6 a link is to the name that its file has on disk")
    func m6Renamed() throws {
        var files = Self.files
        files.append(["length": 1, "path": ["F"]])
        files.append(["attr": "l", "path": ["l"], "symlink path": ["F"]])
        files.append(["attr": "l", "path": ["m"], "symlink path": ["d", "g"]])
        let torrent = try Making.read(Making.v1Info(files, totalLength: 3))
        #expect(torrent.paths == ["f", "d/g", "F.1", "l", "m"])
        #expect(torrent.layout.files[3].symlinkTarget == ["F.1"])
    }

    @Test("M6 a link has no bytes of its own, and nothing below it")
    func m6Length() throws {
        var files = Self.files
        files.append(["attr": "l", "length": 900_000, "path": ["l"], "symlink path": ["d"]])
        files.append(["length": 0, "path": ["l", "x"]])
        let torrent = try Making.read(Making.v1Info(files, totalLength: 2))
        #expect(torrent.layout.totalLength == 2)
        #expect(torrent.paths == ["f", "d/g", "l.1", "l/x"])
    }

    @Test("M6 many long chains of links take no longer than few")
    func m6Chains() throws {
        let depth = 60
        let long = Array(repeating: Bencode.string("d"), count: depth)
        var files: [Bencode] = [["length": 1, "path": .list(long + ["f"])]]
        for number in 0..<1_000 {
            let folders = number == 0 ? long : [.string("l\(number - 1)")]
            files.append([
                "attr": "l", "path": [.string("l\(number)")], "symlink path": .list(folders),
            ])
        }
        let torrent = try Making.read(Making.v1Info(files, totalLength: 1))
        let targets = torrent.layout.files.dropFirst().map(\.symlinkTarget)
        #expect(targets[0] == Array(repeating: "d", count: depth))
        #expect(targets[40] == targets[0])
        #expect(targets[41] == nil)
    }

    private static let files: [Bencode] = [
        ["length": 1, "path": ["f"]], ["length": 1, "path": ["d", "g"]],
    ]

    /// The files `f` and `d/g`, and links `l0`, `l1` and so on with these targets.
    private static func torrent(links: [[String]]) throws -> Metainfo {
        let entries = links.enumerated().map { number, target -> Bencode in
            [
                "attr": "l", "path": [.string("l\(number)")],
                "symlink path": .list(target.map { .string($0) }),
            ]
        }
        return try Making.read(Making.v1Info(files + entries, totalLength: 2))
    }

    private func expectHarmless(_ element: String) {
        #expect(!element.isEmpty && element != "." && element != "..")
        #expect(!element.contains { "/\\\0".contains($0) })
    }
}
