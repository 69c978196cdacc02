import HTTPTypes
import Testing

@testable import Seedbox

@Suite struct WebPageTests {
    @Test func itsFirstFileIsAtTheRootAndTheOthersByTheirNames() async throws {
        let page = try await answer(of: "/")
        #expect(page.headers[.contentType] == "text/html; charset=utf-8")
        #expect(try text(of: page).contains("<title>swarm</title>"))
        let script = try await answer(of: "/app.js")
        #expect(script.headers[.contentType] == "text/javascript; charset=utf-8")
        #expect(WebPage.routes.allSatisfy { $0.scope == .open && $0.method == .get })
    }

    @Test func everyFileThatAFileNamesIsThere() throws {
        let names = Set(WebPage.files.map(\.name))
        for file in WebPage.files {
            for (before, after) in [("src=\"", "\""), ("from \"./", "\""), ("href=\"", "\"")] {
                for part in try source(of: file).split(separator: before).dropFirst() {
                    let name = part.prefix { String($0) != after }
                    #expect(names.contains(String(name)), "\(file.name) names \(name)")
                }
            }
        }
    }

    @Test func whatABrowserHasIsNotSentAgain() async throws {
        let first = try await answer(of: "/page.css")
        let tag = try #require(first.headers[.eTag])
        for known in [tag, "W/\(tag)", "\"other\", \(tag)"] {
            let second = try await answer(of: "/page.css", [.ifNoneMatch: known])
            #expect(second.status == .notModified)
            #expect(try text(of: second) == "")
        }
        let other = try await answer(of: "/page.css", [.ifNoneMatch: "\"other\""])
        #expect(other.status == .ok)
        #expect(Set(WebPage.files.map(\.tag)).count == WebPage.files.count)
    }

    @Test func itIsSentInGzipsFormatToWhoTakesThat() async throws {
        for name in ["/", "/app.js", "/page.css"] {
            let plain = try await answer(of: name)
            let packed = try await answer(of: name, [.acceptEncoding: "br, gzip;q=0.5"])
            #expect(packed.headers[.contentEncoding] == "gzip")
            #expect(packed.headers[.contentType] == plain.headers[.contentType])
            #expect(plain.headers[.contentEncoding] == nil)
            #expect([plain, packed].allSatisfy { $0.headers[.vary] == "Accept-Encoding" })
            #expect(packed.headers[.eTag] != plain.headers[.eTag])
            guard case .bytes(let whole) = plain.body, case .bytes(let short) = packed.body else {
                Issue.record("no bytes")
                continue
            }
            // It begins with its mark, and ends with the checksum and the length of the content.
            #expect(short.count < whole.count / 2)
            #expect(short.starts(with: [0x1F, 0x8B, 8]))
            let end = short.suffix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            #expect(end == UInt64(whole.count) << 32 | UInt64(Self.checksum(whole)))
        }
        let tag = try await answer(of: "/", [.acceptEncoding: "gzip"]).headers[.eTag]
        let known = try await answer(
            of: "/", [.acceptEncoding: "gzip", .ifNoneMatch: try #require(tag)])
        #expect(known.status == .notModified)
        #expect(WebPage.packed.count == WebPage.files.count)
    }

    @Test(arguments: [
        ("", false), ("identity", false), ("gzip", true), ("deflate, GZIP", true),
        ("gzip;q=0", false), ("*", true), ("*;q=0, gzip; q=1", true), ("gzip;q=0, *", false),
        ("gzip;q=many", false),
    ])
    func gzipIsTakenWhereItIsSaid(said: String, isTaken: Bool) {
        #expect(([.acceptEncoding: said] as HTTPFields).acceptsGzip == isTaken)
    }

    /// The checksum of RFC 1952, 8.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var rest = UInt32.max
        for byte in bytes {
            rest ^= UInt32(byte)
            for _ in 0..<8 { rest = rest & 1 == 1 ? rest >> 1 ^ 0xEDB8_8320 : rest >> 1 }
        }
        return ~rest
    }

    /// With `default-src 'self'` a browser runs nothing that stands in the markup; a page that had
    /// some would be broken.
    @Test("R14 no script and no style stands in the markup")
    func noScriptAndNoStyleStandsInTheMarkup() throws {
        let file = try #require(WebPage.files.first { $0.name == "index.html" })
        let page = try source(of: file).lowercased()
        for banned in ["<style", " style=", " onclick", " onload", " onerror", "javascript:"] {
            #expect(!page.contains(banned), "\(banned)")
        }
        for script in page.split(separator: "<script").dropFirst() {
            #expect(script.contains("src=") && script.contains("></script>"))
        }
        #expect(!page.contains("http://") && !page.contains("https://"))
    }

    @Test("R14 no file turns text into markup or code")
    func noFileTurnsTextIntoMarkupOrCode() throws {
        let banned = [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(",
            "DOMParser", "createContextualFragment", "setHTML", "srcdoc", "javascript:",
            "setAttribute(\"style\"", "setAttribute(\"on",
        ]
        for file in WebPage.files {
            let source = try source(of: file)
            for word in banned where source.contains(word) {
                Issue.record("\(file.name) has \(word)")
            }
        }
    }

    @Test func itIsSmall() {
        let count = WebPage.files.reduce(0) { $0 + $1.bytes.count }
        #expect(count < 128 << 10, "\(count) bytes")
    }

    private func answer(of path: String, _ headers: HTTPFields = [:]) async throws -> HTTPReply {
        let route = try #require(WebPage.routes.first { $0.pattern == path })
        return try await route.handler(HTTPCall(method: .get, path: path, headers: headers))
    }

    private func text(of reply: HTTPReply) throws -> String {
        guard case .bytes(let bytes) = reply.body else {
            Issue.record("the answer is a stream")
            return ""
        }
        return try #require(String(validating: bytes, as: UTF8.self))
    }

    private func source(of file: WebPage.File) throws -> String {
        try #require(String(validating: file.bytes, as: UTF8.self))
    }
}
