import Hashing
import NIOHTTP1
import Testing
import Tracker
import Units

@testable import Discovery

private func query(_ uri: String) -> [String: String] {
    var values: [String: String] = [:]
    for parameter in uri.drop(while: { $0 != "?" }).dropFirst().split(separator: "&") {
        let parts = parameter.split(separator: "=", maxSplits: 1)
        values[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
    }
    return values
}

@Suite(.timeLimit(.minutes(10))) struct TrackerDriverTests {
    private struct Found: Equatable {
        let peers: [Endpoint]
        let infoHash: SHA1Digest
        let tracker: TrackerURL
    }

    private func driver(
        _ tiers: [[TrackerURL]], _ client: TrackerClient, found: Happenings<Found> = Happenings(),
        left: Int64? = 5, infoHash: InfoHash = InfoHash(v1: testHash)
    ) -> TrackerDriver {
        TrackerDriver(
            tiers: tiers, infoHash: infoHash,
            identity: TrackerDriver.Identity(
                peerID: Array("-SW0100-abcdefghijkl".utf8), port: 6881, key: 7),
            client: client, eventLoop: testLoop(),
            hooks: TrackerDriver.Hooks(
                counters: { TrackerDriver.Counters(uploaded: 3, downloaded: 4, left: left) },
                found: { found.add(Found(peers: $0, infoHash: $1, tracker: $2)) }),
            generator: SeededGenerator(seed: 1))
    }

    @Test func announcesALifeFromStartToStop() async throws {
        let server = try await TestHTTPServer.start { _ in
            TestReply(
                body: Array("d8:intervali900e5:peers6:".utf8) + [127, 0, 0, 1, 0, 9]
                    + Array("e".utf8))
        }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let found = Happenings<Found>()
        try await withClient { client in
            let driver = driver([[url]], client, found: found)
            await driver.start(isComplete: false)
            let peers = [Endpoint("127.0.0.1:9")].compactMap(\.self)
            #expect(
                await found.first(1) == [Found(peers: peers, infoHash: testHash, tracker: url)])
            await driver.completed()
            _ = await found.first(2)
            await driver.stop()
            let status = await driver.snapshot().trackers
            #expect(status.map(\.swarms[0].state) == [.idle])
        }
        let queries = server.uris.map(query)
        #expect(queries.map { $0["event"] } == ["started", "completed", "stopped"])
        #expect(queries.map { $0["numwant"] } == ["100", "100", "0"])
        for query in queries {
            #expect(query["uploaded"] == "3" && query["downloaded"] == "4" && query["left"] == "5")
            #expect(query["port"] == "6881" && query["key"] == "00000007")
        }
        #expect(found.all.count == 2)
        await server.stop()
    }

    @Test func announcesBothSwarmsOfAHybridTorrent() async throws {
        let server = try await TestHTTPServer.start { _ in
            .bencoded("d8:intervali900e5:peers0:e")
        }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let v2 = SHA256Digest.hash([1, 2, 3])
        try await withClient { client in
            let driver = driver(
                [[url]], client, left: nil, infoHash: InfoHash(v1: testHash, v2: v2))
            await driver.start(isComplete: false)
            _ = await server.requests.first(2)
            await driver.stop()
        }
        let queries = server.uris.map(query)
        #expect(Set(queries.prefix(2).compactMap { $0["info_hash"] }).count == 2)
        #expect(queries.allSatisfy { $0["left"] == "16384" })
        #expect(queries.dropFirst(2).map { $0["event"] } == ["stopped", "stopped"])
        await server.stop()
    }

    @Test func goesToTheNextTrackerOfATier() async throws {
        let dead = try await TestHTTPServer.start { _ in TestReply() }
        let deadPort = dead.port
        await dead.stop()
        let server = try await TestHTTPServer.start { _ in
            .bencoded("d8:intervali900e5:peers0:e")
        }
        let tier = try [
            "http://127.0.0.1:\(deadPort)/announce", "http://127.0.0.1:\(server.port)/announce",
        ]
        .map { try TrackerURL($0) }
        try await withClient { client in
            let driver = driver([tier], client)
            await driver.start(isComplete: true)
            _ = await server.requests.first(1)
            await driver.stop()
            let status = await driver.snapshot()
            let failed = status.trackers.first { $0.url == tier[0] }
            // Which of the two came first is the shuffle's choice.
            if let error = failed?.swarms[0].lastError {
                #expect(error == .unreachable("Connection refused"))
            }
        }
        await server.stop()
    }

    @Test func waitsForSilentTrackersOnlySoLongWhenItStops() async throws {
        let first = Happenings<HTTPRequestHead>()
        let server = try await TestHTTPServer.start { head in
            first.add(head)
            return .bencoded("d8:intervali900e5:peers0:e")
        }
        let silent = try await TestRawServer([])
        let good = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        let bad = try TrackerURL("http://127.0.0.1:\(silent.port)/announce")
        try await withClient { client in
            let driver = driver([[good], [bad]], client)
            await driver.start(isComplete: false)
            _ = await first.first(1)
            // The silent one may have heard `started`, so it is told; nobody answers.
            let begin = ContinuousClock.now
            let ended = Happenings<Bool>()
            await driver.setHooks(
                TrackerDriver.Hooks(
                    counters: { TrackerDriver.Counters(uploaded: 0, downloaded: 0, left: 5) },
                    found: { _, _, _ in }, quiet: { ended.add(true) }))
            await driver.stop(within: .milliseconds(50))
            #expect(ContinuousClock.now - begin < .seconds(20))
            // What was given up has ended, too: the loop may end now.
            #expect(!ended.all.isEmpty)
            let status = await driver.snapshot().trackers
            #expect(status.map(\.swarms[0].state) == [.idle, .idle])
        }
        await server.stop()
        await silent.stop()
    }

    @Test func tellsOfFailuresAndWarnings() async throws {
        let server = try await TestHTTPServer.start { head in
            head.uri.hasPrefix("/announce/bad")
                ? .bencoded("d14:failure reason2:noe")
                : .bencoded("d8:intervali900e5:peers0:15:warning message6:closede")
        }
        let urls = try ["bad", "good"].map {
            try TrackerURL("http://127.0.0.1:\(server.port)/announce/\($0)")
        }
        let failures = Happenings<(TrackerURL, TrackerError)>()
        let warnings = Happenings<(TrackerURL, String)>()
        try await withClient { client in
            let driver = TrackerDriver(
                tiers: urls.map { [$0] }, infoHash: InfoHash(v1: testHash),
                identity: TrackerDriver.Identity(
                    peerID: Array("-SW0100-abcdefghijkl".utf8), port: 6881, key: 7),
                client: client, eventLoop: testLoop(),
                hooks: TrackerDriver.Hooks(
                    counters: { TrackerDriver.Counters(uploaded: 0, downloaded: 0, left: 0) },
                    found: { _, _, _ in }, failed: { failures.add(($0, $1)) },
                    warned: { warnings.add(($0, $1)) }),
                generator: SeededGenerator(seed: 1))
            await driver.start(isComplete: true)
            let failure = await failures.first(1).first
            #expect(failure?.0 == urls[0])
            #expect(failure?.1 == .refused(reason: "no", retry: nil))
            let warning = await warnings.first(1).first
            #expect(warning?.0 == urls[1])
            #expect(warning?.1 == "closed")
            await driver.stop()
        }
        await server.stop()
    }

    @Test func scrapesAndKeepsTheCounts() async throws {
        let server = try await TestHTTPServer.start { _ in
            TestReply(
                body: Array("d5:filesd20:".utf8) + testHash.bytes
                    + Array("d8:completei5eeee".utf8))
        }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        try await withClient { client in
            let driver = driver([[url]], client)
            await driver.scrape()
            _ = await server.requests.first(1)
            try await eventually { await driver.snapshot().trackers[0].counts.seeders == 5 }
        }
        await server.stop()
    }

    @Test func tellsWhoGoesWhenTrackersChange() async throws {
        let server = try await TestHTTPServer.start { _ in
            .bencoded("d8:intervali900e5:peers0:e")
        }
        let urls = try ["a", "b"].map {
            try TrackerURL("http://127.0.0.1:\(server.port)/announce/\($0)")
        }
        try await withClient { client in
            let driver = driver([[urls[0]]], client)
            await driver.start(isComplete: false)
            _ = await server.requests.first(1)
            await driver.setTrackers([[urls[1]]])
            _ = await server.requests.first(3)
            await driver.stop()
        }
        let words = server.uris.map { "\($0.prefix { $0 != "?" }) \(query($0)["event"] ?? "")" }
        #expect(words.first == "/announce/a started")
        #expect(Set(words.dropFirst().prefix(2)) == ["/announce/a stopped", "/announce/b started"])
        #expect(words.last == "/announce/b stopped")
        await server.stop()
    }

    @Test("T14 a dead tracker does not hold up the torrents that name it first")
    func t14() async throws {
        let dead = try await TestHTTPServer.start { _ in TestReply() }
        let deadPort = dead.port
        await dead.stop()
        let server = try await TestHTTPServer.start { _ in
            .bencoded("d8:intervali900e5:peers0:e")
        }
        let tiers = try [deadPort, server.port].map {
            [try TrackerURL("http://127.0.0.1:\($0)/announce")]
        }
        try await withClient(configure: {
            $0.gate.staying = AnnounceGate.Bounds(
                concurrentMax: 256, concurrentPerTrackerMax: 1, startsPerSecond: 10_000)
        }) { client in
            let drivers = (0..<50).map { index in
                driver(tiers, client, infoHash: InfoHash(v1: SHA1Digest.hash([UInt8(index)])))
            }
            for driver in drivers { await driver.start(isComplete: true) }
            _ = await server.requests.first(50)
            var errors: [TrackerError] = []
            try await eventually {
                errors = []
                for driver in drivers {
                    let trackers = await driver.snapshot().trackers
                    if let error = trackers[0].swarms[0].lastError { errors.append(error) }
                }
                return errors.count == 50
            }
            #expect(errors.count { $0 == .avoided } == 47)
            #expect(errors.count { $0 == .unreachable("Connection refused") } == 3)
            await withTaskGroup(of: Void.self) { group in
                for driver in drivers { group.addTask { await driver.stop() } }
            }
        }
        await server.stop()
    }

    @Test func manyTorrentsShareConnections() async throws {
        let server = try await TestHTTPServer.start { _ in
            .bencoded("d8:intervali900e5:peers0:e")
        }
        let url = try TrackerURL("http://127.0.0.1:\(server.port)/announce")
        try await withClient(configure: {
            $0.gate.staying = AnnounceGate.Bounds(
                concurrentMax: 256, concurrentPerTrackerMax: 4, startsPerSecond: 10_000)
            $0.gate.leaving = $0.gate.staying
        }) { client in
            let drivers = (0..<100).map { index in
                driver(
                    [[url]], client,
                    infoHash: InfoHash(v1: SHA1Digest.hash([UInt8(index)])))
            }
            for driver in drivers { await driver.start(isComplete: true) }
            _ = await server.requests.first(100)
            await withTaskGroup(of: Void.self) { group in
                for driver in drivers { group.addTask { await driver.stop(within: .seconds(300)) } }
            }
        }
        #expect(server.requests.all.count == 200)
        // Without reuse there would be one for each announce.
        #expect(server.connections.all.count <= 16)
        await server.stop()
    }
}
