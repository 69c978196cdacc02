import Hashing
import Metainfo
import Testing

@Suite struct FeedLinkTests {
    /// BEP 46, "Test Vectors".
    private static let hex = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"
    private let plain = "magnet:?xs=urn:btpk:\(hex)"

    @Test func readsAndWritesTheLinksOfBEP46() throws {
        let key = try #require(Ed25519PublicKey(hex: Self.hex))
        #expect(FeedLink(plain) == FeedLink(key: key))
        #expect(FeedLink("\(plain)&s=6e") == FeedLink(key: key, salt: [0x6E]))
        #expect(FeedLink("\(plain)&s=6e")?.text == "\(plain)&s=6e")
        #expect(FeedLink(plain)?.text == plain)
        let odd = "MAGNET:?s=&dn=feed&XS=urn%3ABTPK:\(Self.hex.uppercased())&junk"
        #expect(FeedLink(odd) == FeedLink(key: key))
    }

    @Test func whatIsNoFeedIsNotRead() throws {
        let other = String(repeating: "0", count: 64)
        let texts = [
            "", "magnet:?", "xs=urn:btpk:\(Self.hex)", "magnet:?xt=urn:btpk:\(Self.hex)",
            "magnet:?xs=urn:btih:\(Self.hex)", "magnet:?xs=urn:btpk:\(Self.hex.dropLast())",
            "magnet:?xs=urn:btpk:\(Self.hex)0", "\(plain)&xs=urn:btpk:\(other)", "\(plain)&s=6",
            "\(plain)&s=salt", "\(plain)&s=6e&s=6f",
            "\(plain)&s=" + String(repeating: "ab", count: 65),
            plain + String(repeating: "&", count: 70_000),
        ]
        for text in texts { #expect(FeedLink(text) == nil, "\(text.prefix(100))") }
        #expect(FeedLink("\(plain)&s=" + String(repeating: "ab", count: 64)) != nil)
    }
}
