import Testing
import Units

@testable import Seedbox

@Suite struct RequestTargetTests {
    @Test func isDecodedOnce() throws {
        let target = try #require(RequestTarget("/a%20b/c%C3%A9?x=1+2&y=%26&x=3&z"))
        #expect(target.segments == ["a b", "cé"])
        #expect(target.path == "/a b/cé")
        #expect(target.query.map(\.name) == ["x", "y", "x", "z"])
        #expect(target.query.map(\.value) == ["1 2", "&", "3", ""])
        #expect(RequestTarget("/")?.segments == [])
        #expect(RequestTarget("/transmission/rpc/")?.path == "/transmission/rpc")
        #expect(RequestTarget("/transmission/rpc//") == nil)
    }

    @Test(
        "R11 what could be read as another path is none",
        arguments: [
            "", "a", "*", "//", "/a/", "/a//b", "/..", "/a/../b", "/.", "/a/.", "/%2e%2e/a",
            "/..%2f..%2fetc/passwd", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00", "/%00",
            "/a%0a", "/a%7f", "/a%", "/a%2", "/a%zz", "/a%252fb", "/a%252e%252e", "/a%2500",
            "/%ff", "/%c0%af", "/a#b", "/a?x=%ff", "/a?x=%", "http://evil/", "/a%23",
        ])
    func namesNothing(_ target: String) {
        #expect(RequestTarget(target) == nil)
    }

    @Test func theBasePathIsTakenOff() {
        #expect(RequestTarget("/swarm/a", basePath: "/swarm")?.path == "/a")
        #expect(RequestTarget("/swarm/", basePath: "/swarm")?.path == "/")
        #expect(RequestTarget("/swarm", basePath: "/swarm") == nil)
        #expect(RequestTarget("/swarma", basePath: "/swarm") == nil)
        #expect(RequestTarget("/a", basePath: "/swarm") == nil)
    }
}

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("2001:db8::/32", "2001:db8:9::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("::/0", "2001:db8::1", true),
        ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
    ])
    func holdsWhatBeginsAlike(range: String, address: String, isIn: Bool) throws {
        let range = try #require(AddressRange(range))
        let address = try #require(Endpoint(addressText: address, port: 0))
        #expect(range.contains(address) == isIn)
    }

    @Test(arguments: ["", "10.0.0.0/33", "10.0.0.0/-1", "a", "10.0.0.0/8/8", "::/129"])
    func isNone(_ text: String) {
        #expect(AddressRange(text) == nil)
    }
}
