import Foundation
import Glibc
import HTTPTypes
import JSONText
import Synchronization
import Testing
import Units

@testable import Seedbox

/// `/api/v1` over a real seedbox that speaks to nobody.
@Suite struct APITests {
    /// Speaks JSON to the server, and holds every answer against its description.
    private struct Client: Sendable {
        let server: TestServer
        let routes: [Route]

        @discardableResult
        func ask(
            _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, status: Int? = nil,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws -> JSON {
            let answer = try await server.request(
                method, "/api/v1" + path, [("Content-Type", "application/json")],
                body: body?.text)
            let json = answer.body.isEmpty ? JSON.null : try JSON(parsing: answer.body)
            if let status {
                #expect(answer.status == status, "\(json.text)", sourceLocation: sourceLocation)
            }
            if answer.status >= 400 {
                let mismatch = OpenAPI.errorSchema.mismatch(of: json)
                #expect(mismatch == nil, sourceLocation: sourceLocation)
            } else {
                let target = try #require(RequestTarget("/api/v1" + path))
                guard case .route(let route, _) = Router(routes).match(method, target.segments)
                else { throw SocketFault(what: "no route \(path)") }
                let mismatch = route.reply?.mismatch(of: json)
                #expect(mismatch == nil, "\(route.title)", sourceLocation: sourceLocation)
                if route.reply == nil { #expect(json == .null, sourceLocation: sourceLocation) }
            }
            return json
        }
    }

    private func withClient(
        _ body: @Sendable @escaping (Client, Seedbox, String) async throws -> Void
    ) async throws {
        try await withSeedbox { seedbox, folder async throws in
            let routes = allRoutes(seedbox)
            try await withServer(routes) { server async throws in
                try await body(Client(server: server, routes: routes), seedbox, folder)
            }
        }
    }

    private static let hash = "0123456789abcdef0123456789abcdef01234567"
    private static let link: JSON = [
        "link": .string("magnet:?xt=urn:btih:\(hash)&dn=%3Cscript%3E"), "startsPaused": true,
    ]

    @Test func aTorrentIsAddedChangedAndRemoved() async throws {
        try await withClient { client, _, _ in
            let empty = try await client.ask(.get, "/torrents", status: 200)
            #expect(empty["torrents"]?.elements?.count == 0)
            let added = try await client.ask(.post, "/torrents", Self.link, status: 201)
            #expect(added["isNew"] == true)
            let id = try #require(added["id"]?.integer)
            let again = try await client.ask(.post, "/torrents", Self.link, status: 200)
            #expect(again["isNew"] == false)
            #expect(again["id"]?.integer == id)
            try await client.ask(
                .patch, "/torrents/\(id)",
                [
                    "labels": ["a", "b"], "downloadLimit": 1_000, "priority": "high",
                    "seedingLimits": ["ratio": 2, "idle": .null],
                ], status: 204)
            let row = try await client.ask(.get, "/torrents/\(Self.hash)", status: 200)
            #expect(row["labels"] == ["a", "b"])
            #expect(row["downloadLimit"]?.integer == 1_000)
            #expect(row["priority"] == "high")
            #expect(row["seedingLimits"]?["ratio"]?.number == 2)
            #expect(row["seedingLimits"]?["idle"] == .null)
            #expect(row["seedingLimits"]?["seedTime"] == "inherited")
            for part in ["files", "peers", "trackers", "pieces", "why", "magnet"] {
                try await client.ask(.get, "/torrents/\(id)/\(part)", status: 200)
            }
            try await client.ask(.get, "/torrents/\(id)/manifest", status: 409)
            for action in ["start", "reannounce", "pause"] {
                try await client.ask(.post, "/torrents/\(id)/\(action)", [:], status: 204)
            }
            try await client.ask(.post, "/torrents/\(id)/queue", ["move": "top"], status: 204)
            try await client.ask(
                .post, "/torrents/\(id)/peers", ["peers": ["192.0.2.1:6881"]], status: 204)
            try await client.ask(.delete, "/torrents/\(id)?data=true", status: 204)
            try await client.ask(.get, "/torrents/\(id)", status: 404)
        }
    }

    @Test func aDeltaCostsWhatChanged() async throws {
        try await withClient { client, _, _ in
            let added = try await client.ask(.post, "/torrents", Self.link, status: 201)
            let id = try #require(added["id"]?.integer)
            let list = try await client.ask(.get, "/torrents?fields=id,name", status: 200)
            let revision = try #require(list["revision"]?.integer)
            let nothing = try await client.ask(.get, "/torrents?since=\(revision)", status: 200)
            #expect(nothing["isComplete"] == true)
            #expect(nothing["changed"]?.elements?.count == 0)
            try await client.ask(
                .post, "/torrents/actions",
                ["ids": "all", "action": "change", "changes": ["labels": ["x"]]], status: 204)
            let some = try await client.ask(
                .get, "/torrents?since=\(revision)&fields=id,labels", status: 200)
            #expect(some["changed"] == [["id": .integer(id), "labels": ["x"]]])
            try await client.ask(
                .post, "/torrents/actions", ["ids": [.integer(id)], "action": "remove"],
                status: 204)
            let gone = try await client.ask(.get, "/torrents?since=\(revision)", status: 200)
            #expect(gone["removed"]?.elements?.compactMap { $0["id"]?.integer } == [id])
            let old = try await client.ask(.get, "/torrents?since=18446744073709551615")
            #expect(old["isComplete"] == false)
        }
    }

    @Test func settingsCategoriesAndGroupsAreChanged() async throws {
        try await withClient { client, seedbox, folder in
            try await client.ask(
                .patch, "/settings", ["limits": ["down": 1_000_000]], status: 200)
            #expect(seedbox.settings.limits.down?.bytesPerSecond == 1_000_000)
            let settings = try await client.ask(.get, "/settings", status: 200)
            #expect(settings["limits"]?["down"]?.integer == 1_000_000)
            try await client.ask(.patch, "/settings", ["limits": ["dwn": 1]], status: 400)
            let changed = try await client.ask(.get, "/session", status: 200)["changedSettings"]
            #expect(changed == ["limits.down"])
            let reset = try await client.ask(.delete, "/settings/limits.down", status: 200)
            #expect(reset["limits"]?["down"] == .null)
            #expect(seedbox.settings.limits.down == nil)
            try await client.ask(.delete, "/settings/limits.dwn", status: 400)
            try await client.ask(.patch, "/settings", ["api": ["listen": "[::]:1"]], status: 400)
            try await client.ask(
                .put, "/categories/films",
                ["folder": .string(folder + "/downloads/films"), "seedingLimits": ["ratio": 1]],
                status: 204)
            let categories = try await client.ask(.get, "/categories", status: 200)
            #expect(categories["categories"]?.elements?.first?["name"] == "films")
            try await client.ask(.delete, "/categories/films", status: 204)
            try await client.ask(.delete, "/categories/films", status: 404)
            try await client.ask(.put, "/groups/slow", ["downloadLimit": 5_000], status: 204)
            let groups = try await client.ask(.get, "/groups", status: 200)
            #expect(groups["groups"]?.elements?.first?["downloadLimit"]?.integer == 5_000)
            try await client.ask(.delete, "/groups/slow", status: 204)
            let session = try await client.ask(.get, "/session", status: 200)
            #expect(session["folders"]?.elements?.isEmpty == false)
        }
    }

    @Test func theDescriptionHasEveryRoute() async throws {
        try await withClient { client, _, _ in
            let document = try await client.ask(.get, "/openapi.json", status: 200)
            #expect(document["openapi"] == "3.1.0")
            for route in client.routes where route.pattern.hasPrefix("/api/v1") {
                let operation = document["paths"]?[route.pattern]?[
                    route.method.rawValue.lowercased()]
                #expect(operation?["summary"]?.string == route.summary, "\(route.title)")
                #expect(operation?["responses"]?["default"] != nil)
                let names = operation?["parameters"]?.elements?.compactMap { $0["name"]?.string }
                for part in route.pattern.split(separator: "/") where part.hasPrefix("{") {
                    #expect(names?.contains(String(part.dropFirst().dropLast())) == true)
                }
            }
            // Whatever is referred to is there.
            let text = document.text
            for part in text.split(separator: "#/components/schemas/").dropFirst() {
                let name = String(part.prefix { $0 != "\"" })
                #expect(document["components"]?["schemas"]?[name] != nil, "\(name)")
            }
            let paths = document["paths"]?.members?.map(\.name) ?? []
            #expect(paths.allSatisfy { path in client.routes.contains { $0.pattern == path } })
        }
    }

    @Test func noTwoRoutesAreTheSame() async throws {
        try await withAllRoutes { routes, _ async throws in
            #expect(Set(routes.map(\.title)).count == routes.count)
            for route in routes {
                #expect(!route.summary.isEmpty)
                let changes = route.method != .get
                if changes, route.forgeryGuard == .header {
                    #expect(route.scope >= .control, "\(route.title)")
                }
            }
        }
    }

    // MARK: Hostile

    @Test("R6 what is no proper JSON is refused on every route that reads some")
    func badJSON() async throws {
        try await withClient { client, seedbox, _ in
            // There, so that it is the JSON that is refused, and not the number.
            var request = AddRequest(.manifest(TestTorrent("Album").manifest))
            request.startsPaused = true
            #expect(try await seedbox.add(request).id.rawValue == 1)
            let hostile = [
                String(repeating: "[", count: 1_000_000),
                String(repeating: #"{"a":"#, count: 200_000), #"{"action":1,"action":2}"#,
                #"{"ids":NaN}"#, #"{"ids":1e999}"#, "{", "[]", "1", "\"\"", "null", "{}x",
                "\u{FEFF}{}", #"{"a\uD800":1}"#,
                "{\"ids\":[" + String(repeating: "1,", count: 500_000) + "1]}",
                #"{"unknown":1}"#,
            ]
            for route in client.routes
            where route.body != nil && route.pattern.hasPrefix("/api/v1") {
                for body in hostile {
                    let answer = try await client.server.request(
                        route.method, route.example, [("Content-Type", "application/json")],
                        body: body)
                    #expect(
                        [400, 413].contains(answer.status),
                        "\(route.title) \(body.prefix(30)): \(answer.status)")
                }
            }
        }
    }

    @Test("R7 ids and files that are not there are refused, in any number")
    func ids() async throws {
        try await withClient { client, seedbox, _ in
            let added = try await client.ask(.post, "/torrents", Self.link, status: 201)
            let id = try #require(added["id"]?.integer)
            for name in [
                "0", "-1", "999", "9223372036854775807", "9223372036854775808", "1e3", "0x1",
                "99999999999999999999999", "all", "%20", "ffffffffffffffffffffffffffffffffffffffff",
            ] {
                for part in ["", "/files", "/peers", "/trackers", "/pieces", "/why", "/magnet"] {
                    try await client.ask(.get, "/torrents/\(name)\(part)", status: 404)
                }
                try await client.ask(.post, "/torrents/\(name)/start", [:], status: 404)
                try await client.ask(.delete, "/torrents/\(name)", status: 404)
            }
            let many = JSON.array((0..<150_000).map { _ in .integer(id) })
            for ids: JSON in [
                [0], [-1], [.number(1.5)], ["1"], [.integer(.max)], [[]], many, "none", .null, [:],
                1,
            ] {
                try await client.ask(
                    .post, "/torrents/actions", ["ids": ids, "action": "pause"], status: 400)
            }
            for index in ["-1", "0", "1", "99999999999999999999", "x", ""] {
                for change: JSON in [
                    ["wanted": .object([(index, .bool(false))])],
                    ["filePriorities": .object([(index, .string("high"))])],
                ] {
                    let answer = try await client.server.request(
                        .patch, "/api/v1/torrents/\(id)", [("Content-Type", "application/json")],
                        body: change.text)
                    #expect([400, 409].contains(answer.status), "\(change.text)")
                }
            }
            // Of content that has files, those that it has are taken, and no others.
            let album = AddRequest(.manifest(TestTorrent("Album").manifest))
            let files = try await seedbox.add(album).id.rawValue
            for (index, status) in [
                ("0", 204), ("1", 204), ("2", 400), ("-1", 400), ("99999999999999999999", 400),
                ("x", 400), ("", 400), ("1.0", 400),
            ] {
                for change: JSON in [
                    ["wanted": .object([(index, .bool(false))])],
                    ["filePriorities": .object([(index, .string("high"))])],
                ] {
                    try await client.ask(.patch, "/torrents/\(files)", change, status: status)
                }
            }
            for limit: JSON in [-1, .number(1.5), "1", .number(1e300), true, []] {
                try await client.ask(
                    .patch, "/torrents/\(id)", ["downloadLimit": limit], status: 400)
            }
            #expect(seedbox.catalogue.count == 2)
        }
    }

    @Test("R8 no path leads out of the folders that may be written to") func foldersAreKept()
        async throws
    {
        try await withClient { client, seedbox, folder in
            let added = try await client.ask(.post, "/torrents", Self.link, status: 201)
            let id = try #require(added["id"]?.integer)
            let inside = folder + "/downloads/link"
            symlink("/etc", inside)
            for path in [
                "/etc", "etc", "../etc", folder + "/downloads/../../etc", "/", "", inside,
                inside + "/cron.d", folder + "/downloads/\0/x", "/proc/self/cwd",
            ] {
                let moved = try await client.server.request(
                    .post, "/api/v1/torrents/\(id)/move", [("Content-Type", "application/json")],
                    body: JSON.object([("folder", .string(path))]).text)
                #expect([400, 403].contains(moved.status), "move to \(path)")
                if !path.isEmpty {
                    let other: JSON = [
                        "link": "ffffffffffffffffffffffffffffffffffffffff",
                        "folder": .string(path),
                    ]
                    let answer = try await client.server.request(
                        .post, "/api/v1/torrents", [("Content-Type", "application/json")],
                        body: other.text)
                    #expect([400, 403].contains(answer.status), "add to \(path)")
                }
            }
            #expect(seedbox.catalogue.count == 1)
        }
    }

    @Test("R8 a file is renamed within its folder, and over nothing") func namesAreKept()
        async throws
    {
        try await withClient { client, seedbox, folder in
            let torrent = TestTorrent("Album")
            try torrent.write(to: folder + "/downloads")
            let id = try await seedbox.add(AddRequest(.manifest(torrent.manifest))).id
            // Names only change what is known to be the torrent's.
            try await eventually { seedbox.catalogue.row(id)?.state == .seeding }
            try Data([7]).write(to: URL(fileURLWithPath: folder + "/downloads/Album/theirs"))
            for (name, status) in [
                ("../../x", 400), ("..", 400), ("/etc/x", 400), ("a/b", 400), ("", 400),
                (".", 400), ("a\0b", 400), ("b.bin", 409), ("theirs", 409),
            ] {
                let body: JSON = ["path": "Album/a.bin", "name": .string(name)]
                let answer = try await client.server.request(
                    .post, "/api/v1/torrents/\(id.rawValue)/rename",
                    [("Content-Type", "application/json")], body: body.text)
                #expect(answer.status == status, "rename to \(name)")
            }
            for path in ["", "a.bin", "../Album/a.bin", "Album/../../x", "/etc/passwd"] {
                let body: JSON = ["path": .string(path), "name": "x"]
                try await client.ask(
                    .post, "/torrents/\(id.rawValue)/rename", body, status: 400)
            }
            #expect(torrent.isWhole(in: folder + "/downloads"))
            try await client.ask(
                .post, "/torrents/\(id.rawValue)/rename",
                ["path": "Album/a.bin", "name": "x"], status: 204)
            #expect(try await seedbox.files(of: id).map(\.path) == ["Album/x", "Album/b.bin"])
        }
    }

    @Test("R9 links to files and to this machine are not fetched") func forbiddenLinks()
        async throws
    {
        try await withClient { client, _, _ in
            try await withServer([
                Route(.get, "/t.torrent", .open, "A secret of this machine") { _ in
                    Issue.record("it was fetched")
                    return .empty
                }
            ]) { victim async throws in
                for url in [
                    "file:///etc/passwd", "ftp://example.org/x", "http://169.254.169.254/latest",
                    "http://127.0.0.1:\(victim.port)/t.torrent", "http://[::1]:\(victim.port)/",
                    "http://localhost:\(victim.port)/t.torrent", "http://0x7f000001/", "http://",
                    "http://[::ffff:127.0.0.1]:\(victim.port)/t.torrent", "", "gopher://x",
                ] {
                    let answer = try await client.server.request(
                        .post, "/api/v1/torrents", [("Content-Type", "application/json")],
                        body: JSON.object([("url", .string(url))]).text)
                    #expect([400, 403].contains(answer.status), "\(url)")
                }
            }
        }
    }
}
