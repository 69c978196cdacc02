import Bencode
import Hashing
import Metainfo
import Testing
import Units

@Suite struct MagnetTests {
    private static let hex = "0123456789abcdef0123456789abcdef01234567"
    private static let hex2 = "89abcdef0123456789abcdef0123456789abcdef"
    private static let hex64 = String(repeating: "5a", count: 32)
    private let plain = "magnet:?xt=urn:btih:\(hex)"

    @Test func readsInfoHashesOfBothKinds() throws {
        let v1 = try #require(SHA1Digest(hex: Self.hex))
        let v2 = try #require(SHA256Digest(hex: Self.hex64))
        let base32 = "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH"
        for (text, expected) in [
            ("xt=urn:btih:\(Self.hex)", InfoHash(v1: v1)),
            ("xt=urn:btih:\(Self.hex.uppercased())", InfoHash(v1: v1)),
            ("xt=URN:BTIH:\(base32)", InfoHash(v1: v1)),
            ("xt=urn:btih:\(base32.lowercased())", InfoHash(v1: v1)),
            ("xt=urn%3Abtih%3A\(Self.hex)", InfoHash(v1: v1)),
            ("xt.1=urn:btih:\(Self.hex)", InfoHash(v1: v1)),
            ("dn=x&amp;xt=urn:btih:\(Self.hex)", InfoHash(v1: v1)),
            ("xt=urn:btmh:1220\(Self.hex64)", InfoHash(v2: v2)),
            (
                "xt=urn:btmh:1220\(Self.hex64)&xt=urn:ed2k:abc&xt=urn:btih:\(Self.hex)",
                InfoHash(v1: v1, v2: v2)
            ),
        ] {
            #expect(try MagnetLink("magnet:?\(text)").infoHash == expected, "\(text)")
        }
        #expect(InfoHash(text: Self.hex) == InfoHash(v1: v1))
        #expect(InfoHash(text: base32) == InfoHash(v1: v1))
        #expect(InfoHash(text: Self.hex64) == InfoHash(v2: v2))
        #expect(InfoHash(text: "1220\(Self.hex64)") == InfoHash(v2: v2))
        for text in ["", "0", Self.hex + "0", String(repeating: "g", count: 40), "1220" + Self.hex]
        {
            #expect(InfoHash(text: text) == nil)
        }
    }

    @Test func readsAllThatIsOfUse() throws {
        let link = try MagnetLink(
            "MAGNET:?xt=urn:btih:\(Self.hex)&dn=Some+caf%C3%A9%21&xl=123&tr=udp%3A%2F%2Fa%3A1"
                + "&tr.2=http://b/announce?k=v%26w&ws=http://w/x%2520y/&x.pe=192.0.2.1:6881"
                + "&x.pe=[2001:db8::1]:1&x.pe=peer.example:2&so=0,2,4,6-8&unknown=1&novalue&=&&")
        #expect(link.displayName == "Some café!")
        #expect(link.exactLength == 123)
        #expect(link.trackers == ["udp://a:1", "http://b/announce?k=v&w"])
        #expect(link.webSeeds == ["http://w/x%20y/"])
        #expect(
            link.peers.map { "\($0.host) \($0.port)" } == [
                "192.0.2.1 6881", "2001:db8::1 1", "peer.example 2",
            ])
        #expect(
            link.peers.map { $0.endpoint?.description } == [
                "192.0.2.1:6881", "[2001:db8::1]:1", nil,
            ])
        #expect(link.selectedFiles?.ranges == [0...0, 2...2, 4...4, 6...8])
    }

    @Test("M19 links without an info-hash, or with one that is none, are refused")
    func m19() {
        let otherHex64 = Self.hex2 + Self.hex64.prefix(24)
        for (text, error) in [
            ("", MagnetError.notMagnet), ("http://a/", .notMagnet), ("magnet:", .notMagnet),
            ("magnet:?", .infoHashMissing), ("magnet:?dn=x", .infoHashMissing),
            ("magnet:?xt=urn:sha1:\(Self.hex)", .infoHashMissing),
            ("magnet:?xt=", .infoHashMissing), ("magnet:?xt", .infoHashMissing),
            (
                "magnet:?xt=urn:btih:\(Self.hex.dropLast())",
                .infoHashMalformed("urn:btih:\(Self.hex.dropLast())")
            ),
            ("magnet:?xt=urn:btih:", .infoHashMalformed("urn:btih:")),
            (
                "magnet:?xt=urn:btih:\(String(repeating: "1", count: 32))",
                .infoHashMalformed("urn:btih:\(String(repeating: "1", count: 32))")
            ),
            (
                "magnet:?xt=urn:btmh:1220\(Self.hex64.dropLast(2))",
                .infoHashMalformed("urn:btmh:1220\(Self.hex64.dropLast(2))")
            ),
            (
                "magnet:?xt=urn:btmh:1114\(Self.hex)",
                .infoHashMalformed("urn:btmh:1114\(Self.hex)")
            ),
            ("\(plain)&xt=urn:btih:\(Self.hex2)", .infoHashTwice),
            (
                "magnet:?xt=urn:btmh:1220\(Self.hex64)&xt=urn:btmh:1220\(otherHex64)",
                .infoHashTwice
            ),
        ] {
            #expect(throws: error, "\(text)") { try MagnetLink(text) }
            #expect(!"\(error)".isEmpty)
        }
        #expect(throws: Never.self) { try MagnetLink("\(plain)&xt=urn:btih:\(Self.hex)") }
    }

    @Test(
        "M19 a link of a hundred thousand trackers is refused, of some hundreds the first are taken"
    )
    func m19Trackers() throws {
        let bomb = plain + String(repeating: "&tr=udp://a:1", count: 100_000)
        #expect(throws: MagnetError.tooLong(byteCount: bomb.utf8.count, max: 65_536)) {
            try MagnetLink(bomb)
        }
        let many = (0..<1_000).map { "&tr=udp://a\($0):1&ws=http://a\($0)/" }.joined()
        let link = try MagnetLink(plain + many)
        #expect(link.trackers == (0..<200).map { "udp://a\($0):1" })
        #expect(link.webSeeds == (0..<50).map { "http://a\($0)/" })
        let peers = (0..<1_000).map { "&x.pe=a\($0):1" }.joined()
        #expect(try MagnetLink(plain + peers).peers.count == 100)
        let exact = plain + "&dn=" + String(repeating: "x", count: 65_536 - plain.utf8.count - 4)
        #expect(throws: Never.self) { try MagnetLink(exact) }
        #expect(throws: MagnetError.self) { try MagnetLink(exact + "x") }
    }

    @Test("M19 selections are never written out file by file")
    func m19Selection() throws {
        let all = try #require(try MagnetLink("\(plain)&so=0-4294967295").selectedFiles)
        #expect(all.ranges == [0...UInt32.max])
        #expect(all.contains(FileIndex(UInt32.max)))
        let mixed = try #require(
            try MagnetLink("\(plain)&so=9,3-5,4-6,7,x,8-2,-1,1-,4294967296,--,2-3-4,&so=20")
                .selectedFiles)
        #expect(mixed.ranges == [3...7, 9...9, 20...20])
        #expect(
            (0...21).filter { mixed.contains(FileIndex($0)) } == [3, 4, 5, 6, 7, 9, 20])
        #expect(try MagnetLink("\(plain)&so=").selectedFiles == nil)
        let many = (0..<5_000).map { "\($0 * 2)" }.joined(separator: ",")
        #expect(try MagnetLink("\(plain)&so=\(many)").selectedFiles?.ranges.count == 1_000)
    }

    @Test("M19 peers near to us are told from those that may be dialled without asking")
    func m19Peers() throws {
        let link = try MagnetLink(
            plain + "&x.pe=127.0.0.1:22&x.pe=10.0.0.1:80&x.pe=[::1]:1&x.pe=8.8.8.8:53&x.pe=a:1"
                + "&x.pe=192.0.2.1:0&x.pe=192.0.2.1&x.pe=1.2.3.4:70000&x.pe=::1:5&x.pe=:5&x.pe=")
        #expect(link.peers.map(\.host) == ["127.0.0.1", "10.0.0.1", "::1", "8.8.8.8", "a"])
        #expect(link.publicPeers.map(\.host) == ["8.8.8.8", "a"])
    }

    @Test("M17 addresses in links are chosen by scheme too")
    func m17() throws {
        let link = try MagnetLink(
            plain + "&tr=file:///etc/passwd&tr=http://a/&ws=udp://a:1&ws=https://b/&tr=%00")
        #expect(link.trackers == ["http://a/"])
        #expect(link.webSeeds == ["https://b/"])
    }

    @Test func oddPercentsAndNumbersAreLetPass() throws {
        let link = try MagnetLink(plain + "&dn=100%&xl=-5&tr=http://a/%zz%4")
        #expect(link.displayName == "100%")
        #expect(link.exactLength == nil)
        #expect(link.trackers == ["http://a/%zz%4"])
        #expect(try MagnetLink(plain + "&dn=%FF%").displayName == "\u{FFFD}%")
        #expect(try MagnetLink(plain + "&xl=99999999999999999999").exactLength == nil)
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let v1 = try #require(SHA1Digest(hex: Self.hex))
        let v2 = try #require(SHA256Digest(hex: Self.hex64))
        let full = MagnetLink(
            infoHash: InfoHash(v1: v1, v2: v2), displayName: "a+b & c=d/é 100%",
            trackers: ["http://a/announce?x=1&y=2", "udp://b:1"], webSeeds: ["http://w/%20/"],
            peers: [
                .init(host: "192.0.2.1", port: 6881), .init(host: "2001:db8::1", port: 1),
            ].compactMap(\.self),
            selectedFiles: FileSelection([6...8, 0...0]), exactLength: 5)
        #expect(
            full.text == "magnet:?xt=urn:btih:\(Self.hex)&xt=urn:btmh:1220\(Self.hex64)"
                + "&dn=a%2Bb%20%26%20c%3Dd%2F%C3%A9%20100%25&xl=5"
                + "&tr=http%3A%2F%2Fa%2Fannounce%3Fx%3D1%26y%3D2&tr=udp%3A%2F%2Fb%3A1"
                + "&ws=http%3A%2F%2Fw%2F%2520%2F&x.pe=192.0.2.1:6881&x.pe=[2001:db8::1]:1&so=0,6-8")
        #expect(try MagnetLink(full.text) == full)
        let bare = MagnetLink(infoHash: InfoHash(v1: v1))
        #expect(bare.text == plain)
        #expect(try MagnetLink(bare.text) == bare)
    }

    @Test func aTorrentKnowsItsLink() throws {
        var torrent = try Making.torrent([Making.file("a", 100), Making.file("b", 100)], .hybrid)
        torrent.announceTiers = [["http://a/"], ["http://b/"]]
        let link = torrent.magnetLink
        #expect(link.infoHash == torrent.infoHash)
        #expect(link.displayName == "t")
        #expect(link.trackers == ["http://a/", "http://b/"])
        #expect(link.exactLength == 200)
    }

    @Test(arguments: UInt64(1)...5)
    func nothingThatIsChangedByChanceTraps(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let base = Array(
            "\(plain)&dn=a+b&tr=udp://a:1&x.pe=[::1]:1&so=1-2,3&xl=5&xt=urn:btmh:1220\(Self.hex64)"
                .utf8)
        for _ in 0..<500 {
            var bytes = base
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let position = Int.random(in: 8..<bytes.count, using: &random)
                bytes[position] = UInt8.random(in: 1 ... .max, using: &random)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            if let link = try? MagnetLink(text) {
                #expect((try? MagnetLink(link.text)) == link, "seed \(seed): \(text)")
            }
        }
    }
}
