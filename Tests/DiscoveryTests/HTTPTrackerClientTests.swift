import Hashing
import NIOHTTP1
import Testing
import Tracker
import Units

@testable import Discovery

private let emptyReply = TestReply.bencoded("d8:intervali1800e5:peers0:e")

@Suite(.timeLimit(.minutes(10))) struct HTTPTrackerClientTests {
    @Test func announcesAndReadsTheAnswer() async throws {
        let server = try await TestHTTPServer.start { _ in
            TestReply(
                body: Array("d8:completei4e8:intervali900e5:peers6:".utf8)
                    + [127, 0, 0, 1, 0x1A, 0xE1] + Array("e".utf8))
        }
        let response = try await withClient {
            try await $0.announce("http://127.0.0.1:\(server.port)/announce")
        }
        #expect(response.interval == .seconds(900))
        #expect(response.peers == [Endpoint("127.0.0.1:6881")].compactMap(\.self))
        #expect(response.counts.seeders == 4)
        await server.stop()
    }

    @Test func everyByteOfTheURLArrivesAsItIsWritten() async throws {
        let server = try await TestHTTPServer.start { _ in emptyReply }
        let base = "http://localhost:\(server.port)/announce?pass=%2fa%20b+c;~!$'()*,:@/?&x"
        try await withClient(configure: { $0.sourceIPv6 = nil }) { client in
            for byte in UInt8.min ... .max {
                let hash = SHA1Digest(bytes: Array(repeating: byte, count: 20)) ?? .zero
                _ = try await client.announce(
                    base,
                    testRequest {
                        $0.infoHash = hash
                        $0.trackerID = [byte]
                    })
            }
            _ = try await client.announce(base)
        }
        let uris = server.uris
        #expect(uris.count == 257)
        for (byte, uri) in uris.prefix(256).enumerated() {
            let hash = SHA1Digest(bytes: Array(repeating: UInt8(byte), count: 20)) ?? .zero
            let expected = HTTPTracker.announceURL(
                try TrackerURL(base),
                testRequest {
                    $0.infoHash = hash
                    $0.trackerID = [UInt8(byte)]
                })
            #expect(uri == expected.path + "?" + (expected.query ?? ""))
        }
        #expect(
            uris[256].contains(
                "?pass=%2fa%20b+c;~!$'()*,:@/?&x"
                    + "&info_hash=%00%25%2B%7EA%FF%2F%3A%26%20-_.z9%0A%0D%3F%3D%80&"))
        let headers = try #require(server.requests.all.last?.headers)
        #expect(headers["Host"] == ["localhost:\(server.port)"])
        #expect(headers["User-Agent"] == ["swarm/0.1"])
        #expect(headers["Accept-Encoding"] == ["gzip"])
        #expect(headers["Authorization"] == [])
        #expect(server.connections.all.count == 1, "connections are used again")
        await server.stop()
    }

    @Test func sendsCredentialsInAHeader() async throws {
        let server = try await TestHTTPServer.start { _ in emptyReply }
        _ = try await withClient {
            try await $0.announce("http://me:secret@127.0.0.1:\(server.port)/announce")
        }
        #expect(server.requests.all.first?.headers["Authorization"] == ["Basic bWU6c2VjcmV0"])
        await server.stop()
    }

    @Test func scrapes() async throws {
        let server = try await TestHTTPServer.start { _ in
            TestReply(
                body: Array("d5:filesd20:".utf8) + testHash.bytes
                    + Array("d8:completei5e10:downloadedi6e10:incompletei7eeee".utf8))
        }
        try await withClient { client in
            let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
            let response = try await client.scrape([testHash], at: url)
            #expect(
                response.counts
                    == [testHash: SwarmCounts(seeders: 5, leechers: 7, downloads: 6)])
            let other = try TrackerURL("http://127.0.0.1:\(server.port)/announce.php")
            _ = try? await client.scrape([testHash], at: other)
        }
        #expect(server.uris[0].hasPrefix("/scrape?info_hash=%00%25%2B%7E"))
        #expect(server.uris[1].hasPrefix("/scrape.php?"))
        await server.stop()
    }

    @Test func reportsRefusals() async throws {
        let server = try await TestHTTPServer.start { head in
            if head.uri.hasPrefix("/announce/a") {
                return .bencoded("d14:failure reason2:no8:retry in1:5e")
            }
            if head.uri.hasPrefix("/announce/b") { return TestReply(status: 410) }
            return TestReply(
                status: 503, headers: [("Retry-After", "77")],
                body: Array("d14:failure reason4:busye".utf8))
        }
        let base = "http://127.0.0.1:\(server.port)/announce"
        try await withClient { client in
            #expect(
                await client.failure(of: base + "/a")
                    == .refused(reason: "no", retry: .after(.seconds(300))))
            #expect(await client.failure(of: base + "/b")?.retry == .never)
            #expect(
                await client.failure(of: base + "/c")
                    == .refused(reason: "busy", retry: .after(.seconds(77))))
        }
        await server.stop()
    }

    @Test func failsAtOnceWhereNobodyListens() async throws {
        let server = try await TestHTTPServer.start { _ in emptyReply }
        let port = server.port
        await server.stop()
        try await withClient(names: ["nowhere.example": []]) { client in
            for host in ["127.0.0.1", "localhost"] {
                let begin = ContinuousClock.now
                let refused = await client.failure(of: "http://\(host):\(port)/announce")
                #expect(refused == .unreachable("Connection refused"))
                let time = ContinuousClock.now - begin
                #expect(time < .seconds(9), "not after the time to connect")
            }
            let unknown = await client.failure(of: "http://nowhere.example/announce")
            #expect(unknown == .nameNotFound("nowhere.example"))
        }
    }

    @Test func announcesOverBothFamilies() async throws {
        let server4 = try await TestHTTPServer.start { _ in
            TestReply(
                body: Array("d8:intervali900e5:peers6:".utf8) + [127, 0, 0, 2, 0, 9]
                    + Array("e".utf8))
        }
        // On IPv6 nobody listens: that port cannot be had for sure.
        let both = try [#require(Endpoint("127.0.0.1:0")), #require(Endpoint("[::1]:0"))]
        let found = Happenings<[Endpoint]>()
        try await withClient(names: ["localhost": both]) { client in
            let url = try TrackerURL("http://localhost:\(server4.port)/announce")
            let response = try await client.announce(testRequest(), to: url, .event) {
                found.add($0)
            }
            #expect(response.peers == [Endpoint("127.0.0.2:9")].compactMap(\.self))
            // Nobody answered over IPv6; it is left alone for a while.
            let key = TrackerClient.FamilyKey(host: "localhost", isIPv4: false)
            #expect(await client.isSilent(key))
            _ = try await client.announce(testRequest(), to: url, .event)
        }
        #expect(found.all == [[Endpoint("127.0.0.2:9")].compactMap(\.self)])
        await server4.stop()
    }

    @Test func announcesOverIPv6() async throws {
        let server = try await TestHTTPServer.start(host: "::1") { _ in emptyReply }
        _ = try await withClient {
            try await $0.announce("http://[::1]:\(server.port)/announce")
        }
        #expect(server.requests.all.first?.headers["Host"] == ["[::1]:\(server.port)"])
        await server.stop()
    }

    @Test func findsPeersThatCameByName() async throws {
        let server = try await TestHTTPServer.start { _ in
            .bencoded(
                "d8:intervali900e5:peersld2:ip12:peer.example4:porti9eed2:ip9:x.example4:porti9eeee"
            )
        }
        let peer = [Endpoint("192.0.2.1:0")].compactMap(\.self)
        let response = try await withClient(names: ["peer.example": peer, "x.example": []]) {
            try await $0.announce("http://127.0.0.1:\(server.port)/announce")
        }
        #expect(response.peers == [Endpoint("192.0.2.1:9")].compactMap(\.self))
        #expect(response.namedPeers.isEmpty)
        await server.stop()
    }

    @Test func aKeptConnectionThatTheTrackerClosesIsReplaced() async throws {
        let reply = "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\nd8:intervali900e5:peers0:e\n"
        // Promises to keep the connection open, and closes it.
        let server = try await TestRawServer(Array(reply.utf8), closes: true)
        try await withClient { client in
            for _ in 0..<50 {
                _ = try await client.announce("http://127.0.0.1:\(server.port)/announce")
            }
        }
        await server.stop()
    }

    @Test func cancellingAnAnnounceEndsIt() async throws {
        let server = try await TestRawServer([])
        try await withClient { client in
            let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
            let task = Task { try await client.announce(testRequest(), to: url, .event) }
            task.cancel()
            await #expect(throws: TrackerError.cancelled) { try await task.value }
        }
        await server.stop()
    }
}
