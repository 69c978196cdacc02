import Bencode
import Metainfo
import Testing
import Units

/// What stands in a `.torrent` outside the info dictionary, M16 and M17, and how it is changed.
@Suite struct OuterKeysTests {
    private let info = Making.v1Info([["length": 1, "path": ["f"]]], totalLength: 1)

    // MARK: - Reading

    @Test func readsTrackersInTiers() throws {
        let torrent = try Making.read(
            info,
            [
                "announce": "http://z/announce",
                "announce-list": [
                    ["udp://a:1", "https://b/announce"], [], ["wss://c"], ["udp://a:1"],
                ],
            ])
        #expect(torrent.announceTiers == [["udp://a:1", "https://b/announce"], ["wss://c"]])
        #expect(torrent.warnings.isEmpty)
    }

    @Test func takesAnnounceWhereTheListHasNoTracker() throws {
        for list: Bencode in [[], [[]], [["gopher://a"]], "x", 7] {
            let torrent = try Making.read(
                info, ["announce": " http://z/announce\n", "announce-list": list])
            #expect(torrent.announceTiers == [["http://z/announce"]])
        }
        #expect(try Making.read(info).announceTiers.isEmpty)
    }

    @Test func readsWebSeedsAsOneOrAList() throws {
        let one = try Making.read(info, ["url-list": "http://a/b c/é"])
        #expect(one.webSeeds == ["http://a/b%20c/%C3%A9"])
        let list = try Making.read(
            info, ["url-list": ["http://a/", "ftp://b/", "", 7, "https://c/", "http://a/"]])
        #expect(list.webSeeds == ["http://a/", "https://c/"])
        #expect(list.warnings == [.addressRefused("ftp://b/")])
        #expect(try Making.read(info, ["url-list": ""]).webSeeds.isEmpty)
    }

    @Test func readsNodesAndText() throws {
        let torrent = try Making.read(
            info,
            [
                "nodes": [
                    ["router.example.com", 6881], ["2001:db8::1", 1], ["a", 0], ["a", 65_536],
                    ["", 1], ["a b", 1], ["a"], "x", ["a", "1"], ["b", 65_535, 3],
                ],
                "comment": "old", "comment.utf-8": "néw", "created by": .bytes([0x61, 0xFF]),
                "creation date": 1_700_000_000,
            ])
        #expect(
            torrent.nodes.map { "\($0.host) \($0.port)" } == [
                "router.example.com 6881", "2001:db8::1 1", "b 65535",
            ])
        #expect(torrent.comment == "néw")
        #expect(torrent.createdBy == "a\u{FFFD}")
        #expect(torrent.creationDate == 1_700_000_000)
        let odd = try Making.read(info, ["comment": 7, "creation date": -1, "created by": ""])
        #expect(odd.comment == nil && odd.creationDate == nil && odd.createdBy == nil)
    }

    @Test("M16 of too many trackers, web seeds and nodes the first are taken")
    func m16() throws {
        let tiers = (0..<10_000).map { Bencode.list([.string("udp://t\($0):1")]) }
        let seeds = (0..<10_000).map { Bencode.string("http://s\($0)/") }
        let nodes = (0..<10_000).map { Bencode.list([.string("n\($0)"), 1]) }
        let torrent = try Making.read(
            info, ["announce-list": .list(tiers), "url-list": .list(seeds), "nodes": .list(nodes)])
        #expect(torrent.announceTiers == (0..<200).map { ["udp://t\($0):1"] })
        #expect(torrent.webSeeds == (0..<50).map { "http://s\($0)/" })
        #expect(torrent.nodes.map(\.host) == (0..<100).map { "n\($0)" })
        #expect(
            torrent.warnings == [
                .trackersLeftOut(9_800), .webSeedsLeftOut(9_950), .nodesLeftOut(9_900),
            ])
    }

    @Test("M16 addresses of a megabyte and lists of anything but lists are passed over")
    func m16Odd() throws {
        let long = "http://a/" + String(repeating: "x", count: 1_000_000)
        let deep: Bencode = [[["http://deep/announce"]], 7, ["a": 1], "http://flat/announce"]
        let torrent = try Making.read(
            info, ["announce": .string(long), "announce-list": deep, "url-list": .string(long)])
        #expect(torrent.announceTiers == [["http://flat/announce"]])
        #expect(torrent.webSeeds.isEmpty)
        #expect(torrent.warnings == [.webSeedsLeftOut(1)])
        let most = "http://a/" + String(repeating: "x", count: MetainfoLimits.urlBytesMax - 9)
        #expect(try Making.read(info, ["announce": .string(most)]).announceTiers == [[most]])
        let more = try Making.read(info, ["announce": .string(most + "x")])
        #expect(more.announceTiers.isEmpty)
    }

    @Test("M17 addresses of schemes that are not spoken are refused")
    func m17() throws {
        let refused = [
            "file:///etc/passwd", "gopher://a/", "ftp://a/", "javascript:alert(1)", "http:/a",
            "http://", "://a", "a", "HTTP", "ws://a/", "data:text/plain,x",
        ]
        let torrent = try Making.read(
            info,
            [
                "announce-list": [.list(refused.map { .string($0) }), ["HTTPS://Ok/"]],
                "url-list": ["udp://a:1", "wss://a", "file:///etc/passwd"],
            ])
        #expect(torrent.announceTiers == [["HTTPS://Ok/"]])
        #expect(torrent.webSeeds.isEmpty)
        #expect(torrent.warnings.count == refused.count + 3)
        #expect(torrent.warnings.contains(.addressRefused("file:///etc/passwd")))
    }

    @Test("M17 an address cannot break out of its line")
    func m17Lines() throws {
        let torrent = try Making.read(info, ["announce": "http://a/\r\nX: y\u{0}\u{7F}é"])
        #expect(torrent.announceTiers == [["http://a/%0D%0AX:%20y%00%7F%C3%A9"]])
    }

    @Test func whiteSpaceAtTheEndIsLetPass() throws {
        let bytes = try Making.read(info).encoded()
        #expect(throws: Never.self) { try Metainfo(bytes + Array("\r\n \n".utf8)) }
        #expect(throws: MetainfoError.bencoding(.trailingBytes(at: bytes.count))) {
            try Metainfo(bytes + Array("\nx".utf8))
        }
        #expect(throws: MetainfoError.bencoding(.endedEarly(at: 0))) {
            try Metainfo(Array("\n\n".utf8))
        }
    }

    // MARK: - Writing

    /// Keys of all kinds, some of which nobody here reads, or reads in part.
    private var keys: [String: Bencode] {
        [
            "announce": "http://z", "announce-list": [["udp://a:1", 7], "x", [["y"]]],
            "azureus_properties": ["dht_backup_enable": 1], "comment": "c", "comment.utf-8": "u",
            "created by": "me", "creation date": 1, "encoding": "UTF-8",
            "httpseeds": ["http://h/"], "nodes": [["n", 1, 2], "odd"],
            "url-list": ["http://s", "ftp://t"], "zz": .list([-3, .keyed([:])]),
        ]
    }

    @Test func whatIsNotChangedIsWrittenAsItCame() throws {
        for version in [Metainfo.Version.v1, .v2, .hybrid] {
            let made = try Making.torrent([Making.file("a", 100_000)], version)
            var tree = try made.tree
            for (key, value) in keys { tree[key] = value }
            #expect(try Metainfo(tree.encoded()).encoded() == tree.encoded())
        }
    }

    @Test func oneKeyIsChangedAloneAndTheInfoHashNever() throws {
        var tree = try Making.torrent([Making.file("a", 100_000)], .hybrid).tree
        for (key, value) in keys { tree[key] = value }
        let torrent = try Metainfo(tree.encoded())
        func expectChanged(_ expected: [String: Bencode?], _ change: (inout Metainfo) -> Void)
            throws
        {
            var copy = torrent
            change(&copy)
            var changed = tree
            for (key, value) in expected { changed[key] = value }
            #expect(copy.encoded() == changed.encoded())
            let again = try Metainfo(copy.encoded())
            #expect(again.infoHash == torrent.infoHash)
            #expect(again.encoded() == copy.encoded())
        }
        try expectChanged(["comment": "n", "comment.utf-8": nil]) { $0.comment = "n" }
        try expectChanged(["comment": nil, "comment.utf-8": nil]) { $0.comment = nil }
        try expectChanged(["created by": "you"]) { $0.createdBy = "you" }
        try expectChanged(["creation date": nil]) { $0.creationDate = nil }
        try expectChanged(["creation date": 2]) { $0.creationDate = 2 }
        try expectChanged(["announce": "http://b", "announce-list": nil]) {
            $0.announceTiers = [["http://b"]]
        }
        try expectChanged([
            "announce": "udp://b:1", "announce-list": [["udp://b:1"], ["udp://c:1"]],
        ]) {
            $0.announceTiers = [["udp://b:1"], [], ["udp://c:1"]]
        }
        try expectChanged(["announce": nil, "announce-list": nil]) { $0.announceTiers = [] }
        try expectChanged(["url-list": "http://w"]) { $0.webSeeds = ["http://w"] }
        try expectChanged(["url-list": ["http://w", "http://v"]]) {
            $0.webSeeds = ["http://w", "http://v"]
        }
        try expectChanged(["url-list": nil]) { $0.webSeeds = [] }
        try expectChanged(["nodes": [["h", 9]]]) {
            $0.nodes = [Metainfo.Node(host: "h", port: 9)].compactMap(\.self)
        }
        try expectChanged([:]) { $0.comment = torrent.comment }
    }

    // MARK: - Another info-hash

    @Test func changesPrivateAndSourceAndKeepsTheRest() throws {
        for version in [Metainfo.Version.v1, .v2, .hybrid] {
            var tree = try Making.torrent([Making.file("a", 100_000)], version).tree
            for (key, value) in keys { tree[key] = value }
            tree = tree.with(["info", "x-unknown"], ["k": [1]])
            let torrent = try Metainfo(tree.encoded())
            let changed = try torrent.changingInfo(isPrivate: true, source: "SITE")
            #expect(changed.isPrivate && changed.source == "SITE")
            #expect(changed.infoHash != torrent.infoHash)
            #expect(changed.layout == torrent.layout)
            #expect(
                changed.encoded()
                    == tree.with(["info", "private"], 1).with(["info", "source"], "SITE").encoded())
            #expect(try Metainfo(changed.encoded()).infoHash == changed.infoHash)
            let back = try changed.changingInfo(isPrivate: false, source: "")
            #expect(Metainfo.isSame(back, torrent))
            #expect(Metainfo.isSame(try torrent.changingInfo(), torrent))
        }
    }

    @Test func changesTheNameOfAFolderAndOfAFile() throws {
        for version in [Metainfo.Version.v1, .v2, .hybrid] {
            let folder = try Making.torrent([Making.file("a", 9), Making.file("b", 9)], version)
            let renamed = try folder.changingInfo(name: "új")
            #expect(renamed.name == "új")
            #expect(renamed.paths == ["a", "b"])
            let single = try Making.build(
                Making.builder([Making.file("x", 99_999)], version, name: "x", isSingleFile: true))
            #expect(single.isSingleFile)
            let other = try single.changingInfo(name: "y.bin")
            #expect(other.isSingleFile)
            #expect(other.name == "y.bin")
            #expect(other.paths == ["y.bin"])
            #expect(other.pieceLayer(of: .init(0)) == single.pieceLayer(of: .init(0)))
            #expect(try Metainfo(other.encoded()).infoHash == other.infoHash)
            for name in ["", ".", "..", "a/b", "a\u{0}"] {
                #expect(throws: MetainfoError.nameInvalid) { try single.changingInfo(name: name) }
            }
        }
    }
}
