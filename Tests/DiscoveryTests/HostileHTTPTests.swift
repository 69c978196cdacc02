import NIOHTTP1
import NIOSSL
import Testing
import Tracker
import Units

@testable import Discovery

private let emptyReply = TestReply.bencoded("d8:intervali1800e5:peers0:e")

/// Answers that no tracker gives, and places where no tracker is.
@Suite(.timeLimit(.minutes(10))) struct HostileHTTPTests {
    private func failure(_ head: String, more: [UInt8] = [], closes: Bool = false) async throws
        -> TrackerError?
    {
        let server = try await TestRawServer(Array(head.utf8), more: more, closes: closes)
        let error = try await withClient {
            await $0.failure(of: "http://127.0.0.1:\(server.port)/announce")
        }
        await server.stop()
        return error
    }

    @Test("T1 a web page and an empty answer are refused")
    func t1() async throws {
        let page = try await failure(
            "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>")
        guard case .notBencoded = page else {
            Issue.record("\(String(describing: page))")
            return
        }
        let empty = try await failure("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        guard case .notBencoded = empty else {
            Issue.record("\(String(describing: empty))")
            return
        }
    }

    @Test("T1 a body without end is cut off")
    func t1Endless() async throws {
        let chunk = Array("10000\r\n".utf8) + Array(repeating: 0x61, count: 0x10000) + [13, 10]
        let error = try await failure(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", more: chunk)
        #expect(error == .replyTooLarge(limit: 1 << 20))
    }

    @Test("T1 a body declared too long is not waited for")
    func t1Declared() async throws {
        let error = try await failure("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\nd")
        #expect(error == .replyTooLarge(limit: 1 << 20))
    }

    @Test("T1 a bomb of gzip is not inflated to its end")
    func t1Gzip() async throws {
        // 16 MiB of zeros in about 100 KB.
        let bomb = gzipOfZeros(byteCount: 16 << 20)
        #expect(bomb.count < 200_000)
        let server = try await TestHTTPServer.start { _ in
            TestReply(headers: [("Content-Encoding", "gzip")], body: bomb)
        }
        let error = try await withClient {
            await $0.failure(of: "http://127.0.0.1:\(server.port)/announce")
        }
        #expect(error == .replyTooLarge(limit: 1 << 20))
        await server.stop()
    }

    @Test(
        "T1 chunks of impossible size are refused",
        arguments: [
            "-1", "FFFFFFFFFFFFFFFFFF", "FFFFFFFFF", "zz", "",
        ])
    func t1Chunks(size: String) async throws {
        let error = try await failure(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(size)\r\nabc\r\n0\r\n\r\n",
            closes: true)
        #expect(error != nil)
    }

    @Test("T1 headers without end are refused")
    func t1Headers() async throws {
        let line = Array("X-\(String(repeating: "a", count: 1000)): b\r\n".utf8)
        let lines = try await failure("HTTP/1.1 200 OK\r\n", more: line)
        guard case .unreachable = lines else {
            Issue.record("\(String(describing: lines))")
            return
        }
        let one = try await failure(
            "HTTP/1.1 200 OK\r\nX-", more: Array(repeating: 0x61, count: 4096))
        guard case .unreachable = one else {
            Issue.record("\(String(describing: one))")
            return
        }
    }

    @Test("T1 what is not HTTP is refused")
    func t1NotHTTP() async throws {
        for words in ["220 ftp ready\r\n", "\u{0}\u{1}\u{2}", "HTTP/1.1 abc\r\n\r\n"] {
            guard case .unreachable = try await failure(words, closes: true) else {
                Issue.record("\(words)")
                return
            }
        }
    }

    @Test("T3 a far tracker's near peers are left out")
    func t3() async throws {
        let server = try await TestHTTPServer.start { _ in
            TestReply(
                body: Array("d8:intervali900e5:peers18:".utf8) + [127, 0, 0, 1, 0, 9]
                    + [10, 0, 0, 1, 0, 9, 192, 0, 2, 1, 0, 9] + Array("e".utf8))
        }
        let far = try [#require(Endpoint("192.0.2.1:0"))]
        let url = "http://localhost:\(server.port)/announce"
        // The connection finds its way to loopback by itself, where the tracker plays a far one.
        let ofFar = try await withClient(names: ["localhost": far]) { try await $0.announce(url) }
        #expect(ofFar.peers == [Endpoint("192.0.2.1:9")].compactMap(\.self))
        let ofNear = try await withClient { try await $0.announce(url) }
        #expect(ofNear.peers.count == 3)
        await server.stop()
    }

    @Test("T5 five redirects are followed, six are not")
    func t5() async throws {
        let server = try await TestHTTPServer.start { head in
            let number = Int(head.uri.split(separator: "/").last?.prefix { $0 != "?" } ?? "") ?? 0
            return number == 0 ? emptyReply : .redirect("/announce/\(number - 1)")
        }
        try await withClient { client in
            let base = "http://127.0.0.1:\(server.port)/announce"
            _ = try await client.announce(base + "/5")
            #expect(server.requests.all.count == 6)
            #expect(await client.failure(of: base + "/6") == .tooManyRedirects(limit: 5))
            #expect(server.requests.all.count == 12)
        }
        await server.stop()
    }

    @Test("T5 every kind of redirect is followed, and a loop is not for ever")
    func t5Kinds() async throws {
        let server = try await TestHTTPServer.start { head in
            if head.uri.hasPrefix("/announce/loop") { return .redirect("/announce/loop") }
            if head.uri.hasPrefix("/announce/to"), head.uri.contains("mark=1") { return emptyReply }
            let status = Int(head.uri.dropFirst("/announce/".count).prefix(3)) ?? 0
            return .redirect("to?mark=1", status: status)
        }
        try await withClient { client in
            let base = "http://127.0.0.1:\(server.port)/announce"
            for status in [301, 302, 303, 307, 308] {
                _ = try await client.announce(base + "/\(status)")
            }
            #expect(server.uris.last == "/announce/to?mark=1")
            #expect(await client.failure(of: base + "/loop") == .tooManyRedirects(limit: 5))
        }
        await server.stop()
    }

    @Test(
        "T5 redirects to other schemes are refused",
        arguments: [
            "file:///etc/passwd", "ftp://127.0.0.1/announce", "udp://127.0.0.1:1/announce",
            "http://", "javascript:alert(1)",
        ])
    func t5Schemes(location: String) async throws {
        let server = try await TestHTTPServer.start { _ in .redirect(location) }
        let error = try await withClient {
            await $0.failure(of: "http://127.0.0.1:\(server.port)/announce")
        }
        guard case .badRedirect = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(server.requests.all.count == 1)
        await server.stop()
    }

    @Test("T5 credentials do not follow to another origin")
    func t5Credentials() async throws {
        let target = try await TestHTTPServer.start { _ in emptyReply }
        let targetPort = target.port
        let server = try await TestHTTPServer.start { head in
            head.uri.hasPrefix("/announce/same")
                ? .redirect("http://127.0.0.1:\(targetPort)/announce")
                : .redirect("/announce/same")
        }
        _ = try await withClient {
            try await $0.announce("http://me:secret@127.0.0.1:\(server.port)/announce/a")
        }
        #expect(server.requests.all.map { $0.headers["Authorization"].count } == [1, 1])
        #expect(target.requests.all.map { $0.headers["Authorization"].count } == [0])
        await server.stop()
        await target.stop()
    }

    @Test("T9 a name that leads near is asked only for /announce")
    func t9() async throws {
        let server = try await TestHTTPServer.start { _ in emptyReply }
        let near = try [#require(Endpoint("127.0.0.1:0"))]
        try await withClient(names: ["near.example": near]) { client in
            let url = "http://near.example:\(server.port)/transmission/rpc"
            let address = try #require(Endpoint("127.0.0.1:\(server.port)"))
            #expect(await client.failure(of: url) == .forbiddenAddress(address))
            for host in ["127.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]"] {
                let error = await client.failure(of: "http://\(host):\(server.port)/x")
                guard case .forbiddenAddress = error else {
                    Issue.record("\(host): \(String(describing: error))")
                    continue
                }
            }
        }
        #expect(server.connections.all.isEmpty)
        await server.stop()
    }

    @Test("T10 the address that is connected to counts, not what the name led to before")
    func t10() async throws {
        let server = try await TestHTTPServer.start { _ in emptyReply }
        let far = try [#require(Endpoint("192.0.2.1:0"))]
        // We are told a far address; the connection's own look-up then finds a near one.
        try await withClient(names: ["localhost": far]) { client in
            let error = await client.failure(of: "http://localhost:\(server.port)/x/announce")
            let address = try #require(Endpoint("127.0.0.1:\(server.port)"))
            #expect(error == .forbiddenAddress(address))
        }
        #expect(server.requests.all.isEmpty)
        await server.stop()
    }

    @Test("T10 a far tracker's redirect does not lead near")
    func t10Redirect() async throws {
        let near = try await TestHTTPServer.start { _ in emptyReply }
        let nearPort = near.port
        let server = try await TestHTTPServer.start { _ in
            .redirect("http://127.0.0.1:\(nearPort)/announce")
        }
        let far = try [#require(Endpoint("192.0.2.1:0"))]
        // With a tracker's path the connection may be near, so that this "far" tracker can be
        // played on loopback.
        try await withClient(names: ["localhost": far]) { client in
            let error = await client.failure(of: "http://localhost:\(server.port)/announce")
            let address = try #require(Endpoint("127.0.0.1:0"))
            #expect(error == .forbiddenAddress(address))
        }
        #expect(server.requests.all.count == 1)
        #expect(near.connections.all.isEmpty)
        await server.stop()
        await near.stop()
    }

    @Test("T6 TLS that proves the host is accepted")
    func t6Good() async throws {
        let server = try await TestHTTPServer.start(certificate: "good") { _ in emptyReply }
        try await withClient { client in
            _ = try await client.announce("https://127.0.0.1:\(server.port)/announce")
            _ = try await client.announce("https://localhost:\(server.port)/announce")
        }
        await server.stop()
    }

    @Test("T6 TLS that does not is refused", arguments: ["expired", "elsewhere", "selfsigned"])
    func t6(certificate: String) async throws {
        let server = try await TestHTTPServer.start(certificate: certificate) { _ in emptyReply }
        let error = try await withClient {
            await $0.failure(of: "https://127.0.0.1:\(server.port)/announce")
        }
        guard case .insecure = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(server.requests.all.isEmpty)
        await server.stop()
    }

    @Test("T6 an authority that is not trusted vouches for nobody")
    func t6Authority() async throws {
        let server = try await TestHTTPServer.start(certificate: "good") { _ in emptyReply }
        let error = try await withClient(configure: { $0.trustedCertificateFiles = [] }) {
            await $0.failure(of: "https://127.0.0.1:\(server.port)/announce")
        }
        guard case .insecure = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        await server.stop()
    }

    @Test("T6 old TLS is refused")
    func t6Old() async throws {
        let server = try await TestHTTPServer.start(certificate: "good", tlsMax: .tlsv11) { _ in
            emptyReply
        }
        let error = try await withClient {
            await $0.failure(of: "https://127.0.0.1:\(server.port)/announce")
        }
        guard case .insecure = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(server.requests.all.isEmpty)
        await server.stop()
    }
}

/// `byteCount` zeros in gzip: runs of 258 in blocks of fixed codes (RFC 1951, section 3.2.6),
/// which takes about a bit for 19 bytes.
private func gzipOfZeros(byteCount: Int) -> [UInt8] {
    var bits: [Bool] = []
    func code(_ value: Int, _ count: Int) {
        for bit in (0..<count).reversed() { bits.append(value >> bit & 1 == 1) }
    }
    bits += [true, true, false]  // last block; fixed codes, low bit first
    code(0x30, 8)  // the literal 0
    for _ in 0..<byteCount / 258 {
        code(0b1100_0101, 8)  // length 258
        code(0, 5)  // distance 1
    }
    code(0, 7)  // end
    var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    for start in stride(from: 0, to: bits.count, by: 8) {
        var byte: UInt8 = 0
        for offset in 0..<min(8, bits.count - start) where bits[start + offset] {
            byte |= 1 << UInt8(offset)
        }
        bytes.append(byte)
    }
    return bytes + Array(repeating: 0, count: 8)
}
