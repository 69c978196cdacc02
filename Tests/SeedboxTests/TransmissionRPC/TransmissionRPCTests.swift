import FoundationEssentials
import HTTPTypes
import JSONText
import SwarmEngine
import Testing

@testable import Seedbox

@Suite(.timeLimit(.minutes(10))) struct TransmissionRPCTests {
    private let scratch: ModelScratch

    init() throws { scratch = try ModelScratch() }

    // MARK: The session

    @Test("without the session's id both GET and POST are answered 409, always with the same one")
    func handshake() async throws {
        try await with { rpc in
            var ids: Set<String> = []
            for method in [HTTPRequest.Method.get, .post] {
                for given in ["", "0", "stale"] {
                    let reply = try await rpc.send(method, #"{"method":"session-get"}"#, id: given)
                    #expect(reply.status == .conflict)
                    let name = try #require(HTTPField.Name("X-Transmission-Session-Id"))
                    ids.insert(try #require(reply.headers[name]))
                }
            }
            #expect(ids.count == 1)
            let id = try #require(ids.first)
            #expect(try await rpc.send(.post, #"{"method":"session-get"}"#, id: id).status == .ok)
            await #expect(throws: HTTPFailure.self) { try await rpc.send(.get, "", id: id) }
        }
    }

    @Test func aCallThatFailsIsAnswered200WithArguments() async throws {
        try await with { rpc in
            for (call, word) in [
                (#"{"method":"no-such-method","tag":3}"#, "not recognized"),
                (#"{"method":"torrent-get","tag":3}"#, "no fields"),
                (#"{"method":"torrent-add","tag":3}"#, "no filename"),
                (#"{"method":"port-test","tag":3}"#, "doctor"),
                (#"{"method":"blocklist-update","tag":3}"#, "no blocklists"),
                (#"{"method":"session-close","tag":3}"#, "supervisor"),
                (#"{"method":"group-set","tag":3}"#, "no group name"),
                (#"{"method":"free-space","arguments":{"path":"a"},"tag":3}"#, "absolute"),
            ] {
                let answer = try await rpc.call(call)
                #expect(answer["result"]?.string?.contains(word) == true, "\(answer)")
                #expect(answer["arguments"] == .object([]))
                #expect(answer["tag"] == 3)
            }
        }
    }

    @Test func waysToFindPeersAndThePortAreChangedAsItRuns() async throws {
        try await with { rpc in
            let session = rpc.rpc.seedbox.session
            func set(_ arguments: String) async throws -> JSON {
                try await rpc.call(#"{"method":"session-set","arguments":\#(arguments)}"#)
            }
            #expect(await session.network().dhtNodesIPv4 == nil)
            let switches = #"{"dht-enabled":true,"lpd-enabled":true,"pex-enabled":false}"#
            #expect(try await set(switches)["result"] == "success")
            #expect(await session.network().dhtNodesIPv4 == 0)
            #expect(session.configuration.usesLSD)
            #expect(!session.configuration.usesPEX)
            #expect(try await set(#"{"dht-enabled":false}"#)["result"] == "success")
            #expect(await session.network().dhtNodesIPv4 == nil)
            let other = try await TestBox.open("other", in: scratch)
            let (old, taken) = (session.port, other.box.port)
            let refused = try await set(#"{"peer-port":\#(taken)}"#)
            #expect(refused["result"]?.string?.contains("\(taken)") == true, "\(refused)")
            #expect(session.port == old)
            await other.box.shutdown()
            #expect(try await set(#"{"peer-port":\#(taken)}"#)["result"] == "success")
            #expect(session.port == taken)
            let told = try await rpc.call(
                #"{"method":"session-get","arguments":{"fields":["peer-port"]}}"#)
            #expect(told["arguments"]?["peer-port"]?.integer == Int64(taken))
        }
    }

    @Test func theScheduleShowsAndYieldsToTheHandUntilItEnds() async throws {
        try await with { rpc in
            let box = rpc.rpc.seedbox
            func set(_ arguments: String) async throws {
                let answer = try await rpc.call(
                    #"{"method":"session-set","arguments":\#(arguments)}"#)
                #expect(answer["result"] == "success", "\(answer)")
            }
            func isOn() async throws -> Bool? {
                let answer = try await rpc.call(
                    #"{"method":"session-get","arguments":{"fields":["alt-speed-enabled"]}}"#)
                return answer["arguments"]?["alt-speed-enabled"]?.bool
            }
            // It does not begin or end today.
            let now = Seedbox.now
            let today = Seedbox.minuteOfWeek(now: now) / WeekSchedule.minutesOfDay
            let days = [0, 1, 6].compactMap { WeekSchedule.Weekday(rawValue: (today + $0) % 7) }
            var settings = box.settings
            let span = WeekSchedule.Span(days: Set(days), from: 0, until: 0)
            settings.limits.schedule = WeekSchedule([span])
            try await box.changeSettings(SettingsChanges(from: box.settings, to: settings))
            #expect(try await isOn() == true)
            #expect(box.statistics.alternativeDecision == .schedule)

            try await set(#"{"alt-speed-enabled":false}"#)
            #expect(try await isOn() == false)
            await box.followRates(now: now)
            #expect(try await isOn() == false)
            #expect(box.statistics.alternativeDecision == .hand)
            // The schedule ends, and begins again.
            await box.followRates(now: now + 3 * 86_400)
            #expect(await box.alternativeByHand == nil)
            await box.followRates(now: now)
            #expect(try await isOn() == true)
            // What was not asked for is not turned off by what is sent back.
            try await set(#"{"alt-speed-enabled":true,"alt-speed-down":7}"#)
            #expect(box.statistics.alternativeDecision == .schedule)
        }
    }

    @Test func placesInTheQueueHaveNoGaps() async throws {
        try await with { rpc in
            func places() async throws -> [Int64?] {
                try await rpc.list("queuePosition").map { $0["queuePosition"]?.integer }
            }
            let box = rpc.rpc.seedbox
            var ids: [TorrentID] = []
            for name in ["one", "two", "three", "four"] {
                var request = AddRequest(.manifest(TestTorrent(name).manifest))
                request.startsPaused = true
                ids.append(try await box.add(request).id)
            }
            try await box.remove([ids[1]])
            #expect(try await places() == [0, 1, 2])
            try await box.moveInQueue([ids[3]], .top)
            #expect(try await places() == [1, 2, 0])
            let set =
                #"{"method":"torrent-set","arguments":{"ids":[\#(ids[0].rawValue)],"#
                + #""queuePosition":9}}"#
            #expect(try await rpc.call(set)["result"] == "success")
            #expect(try await places() == [2, 1, 0])
            _ = try await box.add(AddRequest(.manifest(TestTorrent("five").manifest)))
            #expect(try await places() == [2, 1, 0, 3])
        }
    }

    @Test func jsonRPCIsSpokenAloneAndInBatches() async throws {
        try await with { rpc in
            let one = try await rpc.call(
                """
                {"jsonrpc":"2.0","method":"session_get","params":{"fields":["download_dir"]},
                "id":1}
                """
            )
            #expect(one["result"]?.members?.map(\.name) == ["download_dir"])
            let quiet = try await rpc.post(#"{"jsonrpc":"2.0","method":"torrent_start"}"#)
            #expect(quiet.status == .noContent)
            let batch = try await rpc.call(
                """
                [{"jsonrpc":"2.0","method":"session_stats","id":"a"},
                 {"jsonrpc":"2.0","method":"torrent_stop"},
                 {"method":"session-get"},
                 {"jsonrpc":"2.0","method":"what","id":2}]
                """)
            let answers = try #require(batch.elements)
            #expect(answers.count == 3)
            #expect(answers[0]["result"]?["torrent_count"]?.integer == 0)
            #expect(answers[1]["error"]?["code"]?.integer == -32600)
            #expect(answers[2]["error"]?["code"]?.integer == -32601)
            let many = "[" + Array(repeating: "{}", count: 65).joined(separator: ",") + "]"
            #expect(try await rpc.call(many)["error"]?["code"]?.integer == -32600)
        }
    }

    @Test func aTokenThatMayReadDoesNotMore() async throws {
        try await with { rpc in
            let reader = Grant(name: "reader", scope: .read)
            let read = try await rpc.call(#"{"method":"session-get"}"#, grant: reader)
            #expect(read["result"] == "success")
            for method in RPCMethod.allCases where method.scope > .read {
                let answer = try await rpc.call(
                    #"{"method":"\#(method.rawValue)"}"#, grant: reader)
                #expect(answer["result"]?.string?.contains("scope") == true, "\(method)")
            }
        }
    }

    // MARK: Torrents

    @Test func aRenamedPathIsAnsweredWithTheOldPathAndTheNewName() async throws {
        try await with { rpc in
            let added = try await rpc.add(TestTorrent("Album"))
            let hash = try #require(added["torrent-added"]?["hashString"]?.string)
            func rename(_ path: String, _ name: String, _ ids: String) async throws -> JSON {
                try await rpc.call(
                    """
                    {"method":"torrent-rename-path","arguments":
                    {"ids":\(ids),"path":"\(path)","name":"\(name)"}}
                    """)
            }
            let first = try await rename("Album/a.bin", "x", #"["\#(hash)"]"#)
            #expect(first["result"] == "success")
            #expect(
                first["arguments"]
                    == [
                        "path": "Album/a.bin", "name": "x",
                        "id": try #require(added["torrent-added"]?["id"]),
                    ])
            let second = try await rename("Album", "Renamed", #"["\#(hash)"]"#)
            #expect(second["arguments"]?["name"] == "Renamed")
            let shown = try await rpc.one(hash, "name", "files")
            #expect(shown["name"] == "Renamed")
            #expect(
                shown["files"]?.elements?.map { $0["name"]?.string } == [
                    "Renamed/x", "Renamed/b.bin",
                ])
            for (path, name, ids) in [
                ("Album", "y", "[1]"), ("Renamed/x", "b.bin", "[1]"), ("Renamed/x", "../x", "[1]"),
                ("Renamed/x", "", "[1]"), ("Renamed", "y", "[]"), ("Renamed", "y", "[99]"),
            ] {
                let refused = try await rename(path, name, ids)
                #expect(refused["result"] != "success", "\(path) \(name) \(ids)")
            }
        }
    }

    @Test func aTorrentIsAddedShownChangedAndRemoved() async throws {
        try await with { rpc in
            let torrent = TestTorrent("Album", tracker: "http://a.example/announce")
            let added = try await rpc.add(torrent, #""labels":["x"],"peer-limit":9,"#)
            let hash = try #require(added["torrent-added"]?["hashString"]?.string)
            let again = try await rpc.add(torrent)
            #expect(again["torrent-duplicate"]?["hashString"]?.string == hash)

            let set = try await rpc.call(
                """
                {"method":"torrent-set","arguments":{"ids":["\(hash.uppercased())"],
                "downloadLimit":50,"downloadLimited":true,"seedIdleLimit":7,"seedIdleMode":1,
                "trackerAdd":["udp://b.example:1/announce"],"files-unwanted":[1],
                "priority-high":[0]}}
                """)
            #expect(set["result"] == "success")
            let shown = try await rpc.one(
                hash,
                "downloadLimit", "downloadLimited", "seedIdleLimit", "seedIdleMode", "trackerList",
                "wanted", "priorities", "labels", "peer-limit", "status", "files", "sizeWhenDone")
            #expect(shown["downloadLimit"] == 50)
            #expect(shown["downloadLimited"] == true)
            #expect(shown["seedIdleLimit"] == 7)
            #expect(shown["seedIdleMode"] == 1)
            #expect(
                shown["trackerList"]
                    == "http://a.example/announce\n\nudp://b.example:1/announce")
            #expect(shown["wanted"] == [1, 0])
            #expect(shown["priorities"] == [1, 0])
            #expect(shown["labels"] == ["x"])
            #expect(shown["peer-limit"] == 9)
            #expect(shown["status"] == 0)
            #expect(shown["sizeWhenDone"] == 131_072)
            #expect(shown["files"]?.elements?.first?["name"] == "Album/a.bin")

            _ = try await rpc.call(#"{"method":"torrent-remove","arguments":{"ids":[]}}"#)
            #expect(try await rpc.list("id").count == 1, "a list of none removes none")
            _ = try await rpc.call(#"{"method":"torrent-remove","arguments":{"ids":"\#(hash)"}}"#)
            #expect(try await rpc.list("id").isEmpty)
            let recent = try await rpc.call(
                #"{"method":"torrent-get","arguments":{"ids":"recently-active","fields":["id"]}}"#)
            #expect(recent["arguments"]?["removed"]?.elements?.count == 1)
        }
    }

    @Test("R7 ids and files that are not there are an error or nothing, and never a trap")
    func outOfRange() async throws {
        try await with { rpc in
            let hash = try #require(
                try await rpc.add(TestTorrent("Album"))["torrent-added"]?["hashString"]?.string)
            for ids in [
                "[999]", "[9223372036854775807]",
                #""\#(hash.reversed().map(String.init).joined())""#,
            ] {
                let answer = try await rpc.call(
                    #"{"method":"torrent-get","arguments":{"ids":\#(ids),"fields":["id","files"]}}"#
                )
                #expect(answer["arguments"]?["torrents"] == [], "\(ids)")
            }
            for method in RPCMethod.allCases {
                for ids in ["[-1]", "[1e99]", #"["x"]"#, "{}", "[[]]"] {
                    let answer = try await rpc.call(
                        #"{"method":"\#(method.rawValue)","arguments":{"ids":\#(ids),"fields":[]}}"#
                    )
                    #expect(answer["result"]?.string != nil, "\(method) \(ids)")
                }
            }
            for name in ["files-wanted", "files-unwanted", "priority-high", "priority-low"] {
                for files in ["[2]", "[-1]", "[9223372036854775807]", #"["a"]"#] {
                    let answer = try await rpc.call(
                        #"{"method":"torrent-set","arguments":{"ids":1,"\#(name)":\#(files)}}"#)
                    #expect(answer["result"] != "success", "\(name) \(files)")
                }
            }
            let many = "[" + Array(repeating: "1", count: 200_000).joined(separator: ",") + "]"
            let answer = try await rpc.call(
                #"{"method":"torrent-get","arguments":{"ids":\#(many),"fields":["id"]}}"#)
            #expect(answer["result"] != "success")
            #expect(try await rpc.one(hash, "wanted")["wanted"] == [1, 1])
        }
    }

    @Test func aMistakeInOneThingChangesNothing() async throws {
        try await with { rpc in
            _ = try await rpc.add(TestTorrent("Album"))
            let answer = try await rpc.call(
                #"{"method":"torrent-set","arguments":{"labels":["a"],"files-wanted":[7]}}"#)
            #expect(answer["result"] != "success")
            #expect(try await rpc.list("labels").first?["labels"] == [])
        }
    }

    @Test func aMagnetLinkIsListedBeforeAnythingIsKnownOfIt() async throws {
        try await with { rpc in
            let hash = String(repeating: "ab", count: 20)
            let added = try await rpc.call(
                """
                {"method":"torrent-add",
                "arguments":{"filename":"magnet:?xt=urn:btih:\(hash)&dn=A"}}
                """
            )
            #expect(added["arguments"]?["torrent-added"]?["name"] == "A")
            let shown = try await rpc.one(
                hash, "totalSize", "leftUntilDone", "metadataPercentComplete", "files", "pieces",
                "availability", "percentDone")
            #expect(shown["totalSize"] == 0)
            #expect(shown["files"] == [])
            #expect(shown["pieces"] == "")
            #expect(shown["availability"] == [])
            for source in ["file:///etc/passwd", "/etc/passwd", "ftp://a/b", "", "magnet:?x=1"] {
                let answer = try await rpc.call(
                    #"{"method":"torrent-add","arguments":{"filename":"\#(source)"}}"#)
                #expect(answer["result"] != "success", "\(source)")
            }
        }
    }

    @Test func aLongAnswerIsWrittenInPartsThatMakeOne() async throws {
        try await with { rpc in
            for number in 0..<40 {
                let file = (String(repeating: "n", count: 200), 1000 + number)
                _ = try await rpc.add(
                    TestTorrent("T\(number)", files: (0..<20).map { ("\($0)" + file.0, file.1) }))
            }
            let reply = try await rpc.post(
                #"{"method":"torrent-get","arguments":{"fields":["id","files"]},"tag":9}"#)
            guard case .stream(let parts) = reply.body else {
                Issue.record("it is no stream")
                return
            }
            var sizes: [Int] = []
            var bytes: [UInt8] = []
            for await part in parts {
                sizes.append(part.count)
                bytes += part
            }
            #expect(sizes.count > 3)
            #expect(sizes.allSatisfy { $0 < 2 * Limits.rpcPartBytesMax })
            let answer = try JSON(parsing: bytes)
            #expect(answer["tag"] == 9)
            #expect(answer["arguments"]?["torrents"]?.elements?.count == 40)
        }
    }

    // MARK: The session's settings

    @Test func limitsAndGroupsOfTheSessionAreKept() async throws {
        try await with { rpc in
            let set = try await rpc.call(
                """
                {"method":"session-set","arguments":{"speed-limit-down":70,
                "speed-limit-down-enabled":true,"start-added-torrents":false}}
                """)
            #expect(set["result"] == "success")
            let get = try await rpc.call(
                """
                {"method":"session-get",
                "arguments":{"fields":["speed-limit-down","start-added-torrents"]}}
                """
            )
            #expect(get["arguments"]?["speed-limit-down"] == 70)
            #expect(get["arguments"]?["start-added-torrents"] == false)

            _ = try await rpc.call(
                """
                {"method":"group-set","arguments":{"name":"slow","speed-limit-up":5,
                "speed-limit-up-enabled":true}}
                """)
            let groups = try await rpc.call(#"{"method":"group-get","arguments":{"group":"slow"}}"#)
            let group = try #require(groups["arguments"]?["group"]?.elements?.first)
            #expect(group["speed-limit-up"] == 5)
            #expect(group["speed-limit-down-enabled"] == false)
            #expect(
                try await rpc.call(#"{"method":"group-get","arguments":{"name":["other"]}}"#)[
                    "arguments"]?["group"] == [])
        }
    }

    // MARK: -

    private func with(_ body: (Speaker) async throws -> Void) async throws {
        let box = try await TestBox.open("box", in: scratch)
        try await body(Speaker(rpc: TransmissionRPC(box.box)))
        await box.box.shutdown()
    }
}

/// Speaks to the routes as a server would that has checked everything.
private struct Speaker {
    let rpc: TransmissionRPC

    func send(
        _ method: HTTPRequest.Method, _ body: String, id: String, grant: Grant = .everything
    ) async throws -> HTTPReply {
        let route = try #require(rpc.routes.first { $0.method == method })
        let name = try #require(HTTPField.Name("X-Transmission-Session-Id"))
        return try await route.handler(
            HTTPCall(
                method: method, path: route.pattern, headers: [name: id],
                body: Array(body.utf8), grant: grant))
    }

    func post(_ body: String, grant: Grant = .everything) async throws -> HTTPReply {
        try await send(.post, body, id: rpc.sessionID, grant: grant)
    }

    func call(_ body: String, grant: Grant = .everything) async throws -> JSON {
        let reply = try await post(body, grant: grant)
        #expect(reply.status == .ok)
        switch reply.body {
        case .bytes(let bytes): return try JSON(parsing: bytes)
        case .stream(let parts):
            var bytes: [UInt8] = []
            for await part in parts { bytes += part }
            return try JSON(parsing: bytes)
        }
    }

    /// The arguments of the answer to adding it paused.
    func add(_ torrent: TestTorrent, _ more: String = "") async throws -> JSON {
        let base64 = Data(torrent.manifest).base64EncodedString()
        let answer = try await call(
            #"{"method":"torrent-add","arguments":{\#(more)"paused":true,"metainfo":"\#(base64)"}}"#
        )
        #expect(answer["result"] == "success")
        return try #require(answer["arguments"])
    }

    func list(_ fields: String...) async throws -> [JSON] {
        let answer = try await call(
            #"{"method":"torrent-get","arguments":{"fields":\#(JSON.strings(fields).text)}}"#)
        return try #require(answer["arguments"]?["torrents"]?.elements)
    }

    func one(_ hash: String, _ fields: String...) async throws -> JSON {
        let names = JSON.strings(fields).text
        let answer = try await call(
            #"{"method":"torrent-get","arguments":{"ids":["\#(hash)"],"fields":\#(names)}}"#)
        let torrents = try #require(answer["arguments"]?["torrents"]?.elements)
        #expect(torrents.count == 1)
        return try #require(torrents.first)
    }
}
