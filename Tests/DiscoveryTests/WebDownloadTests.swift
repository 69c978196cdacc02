import Discovery
import NIOHTTP1
import Testing

@Suite(.timeLimit(.minutes(10))) struct WebDownloadTests {
    @Test func fetchesADocumentThroughARedirect() async throws {
        let server = try await TestHTTPServer.start { head in
            head.uri == "/t.torrent" ? .bencoded("d4:infodee") : .redirect("/t.torrent")
        }
        let bytes = try await WebDownload.bytes(
            at: "http://127.0.0.1:\(server.port)/old", maxBytes: 100)
        #expect(bytes == Array("d4:infodee".utf8))
        await server.stop()
    }

    @Test func stopsAtTheSizeThatIsAllowed() async throws {
        let server = try await TestHTTPServer.start { _ in
            TestReply(body: [UInt8](repeating: 1, count: 101))
        }
        let url = "http://127.0.0.1:\(server.port)/t.torrent"
        await #expect(throws: WebError.tooLarge(maxBytes: 100)) {
            _ = try await WebDownload.bytes(at: url, maxBytes: 100)
        }
        await server.stop()
    }

    @Test func tellsTheServersRefusal() async throws {
        let server = try await TestHTTPServer.start { _ in TestReply(status: 404) }
        let url = "http://127.0.0.1:\(server.port)/t.torrent"
        await #expect(throws: WebError.status(404)) {
            _ = try await WebDownload.bytes(at: url, maxBytes: 100)
        }
        await server.stop()
    }

    @Test func whatKeepsItAwayIsSaidInPlainWords() async throws {
        let server = try await TestHTTPServer.start { _ in .bencoded("d4:infodee") }
        let reason = { (url: String) async -> String in
            do throws(WebError) {
                _ = try await WebDownload.bytes(at: url, maxBytes: 100, mayBeNear: false)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(await reason("http://127.0.0.1:1/t") == "connection refused")
        #expect(await reason("http://none.invalid/t") == "the name none.invalid is not known")
        let near = await reason("http://127.0.0.1:\(server.port)/t")
        #expect(near.hasPrefix("leads to 127.0.0.1, an address of a private network"))
        await server.stop()
    }

    @Test(arguments: ["http://127.0.0.1:1/t", "ftp://127.0.0.1/t", "http://", "nonsense"])
    func whatCannotBeReachedFails(url: String) async {
        await #expect(throws: WebError.self) {
            _ = try await WebDownload.bytes(at: url, maxBytes: 100)
        }
    }
}
