import Foundation
import Glibc
import Metainfo
import Terminal
import Testing

/// Every command that speaks to the daemon, spoken to a real one.
@Suite(.ownThreads, .serialized, .timeLimit(.minutes(10))) struct DaemonLifeTests {
    private let folder: TemporaryFolder
    private let swarm: Binary
    private let daemon: Running
    /// Its address over TCP.
    private let place: String
    private let socket: String

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        socket = folder.path("s")
        try Content.film.write(to: folder)
        daemon = try Running(
            swarm, ["daemon"],
            environment: [
                "SWARM_PORT": "0", "SWARM_BIND": "127.0.0.1", "SWARM_API": "127.0.0.1:0",
                "SWARM_API_SOCKET": socket, "SWARM_NETWORK_DHT": "false",
                "SWARM_NETWORK_LSD": "false", "SWARM_DOWNLOAD_DIR": folder.url.path,
            ])
        let page = try daemon.event("ready")["page"] as? String ?? ""
        place = String(page.dropFirst("http://".count).dropLast())
    }

    /// What a command writes when all goes well.
    @discardableResult
    private func run(_ words: String...) throws -> Binary.Outcome {
        let outcome = try swarm.runAll(words, environment: ["SWARM_API_SOCKET": socket])
        #expect(outcome.status == 0, "\(words): \(outcome.error)")
        return outcome
    }

    private func torrents(_ words: String...) throws -> [[String: Any]] {
        let outcome = try swarm.runAll(
            words + ["--json"], environment: ["SWARM_API_SOCKET": socket])
        #expect(outcome.status == 0, "\(words): \(outcome.error)")
        return try outcome.objects().first?["torrents"] as? [[String: Any]] ?? []
    }

    /// Waits until a torrent is as it is to become.
    private func wait(
        _ what: String, for id: Int = 1, until holds: ([String: Any]) -> Bool
    ) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline {
            if let torrent = try torrents("list", "\(id)").first, holds(torrent) { return }
        }
        Issue.record("\(what): \(try torrents("list"))")
    }

    private func isInState(_ state: String) -> ([String: Any]) -> Bool {
        { $0["state"] as? String == state }
    }

    @Test func torrentsComeAreChangedAndGo() throws {
        let manifest = try Content.film.manifest()
        #expect(try run("list").output.isEmpty)
        let added = try run("add", "Film.torrent", "--label", "a", "--wait")
        #expect(added.output == "1\t\(manifest.infoHash)\tFilm\n")
        #expect(added.error.contains("Film: complete\n"))
        try wait("it seeds", until: isInState("seeding"))
        let again = try run("add", "Film.torrent")
        #expect(again.error == "Film: is there already\n")

        let info = try run("info", "Film", "--all").output
        for words in ["in 4 files", "labels        a", "b.txt", "no peers are connected"] {
            #expect(info.contains(words), "\(info)")
        }
        #expect(try run("list", "--api", place).lines.count == 1)
        #expect(try run("list", "--state", "paused").output.isEmpty)
        #expect(try run("top", "--count", "1").output.hasPrefix("1 torrent, 342 KiB: 1 seeding;"))
        #expect(try torrents("why", "1").first?["reasons"] is [Any])
        #expect(try run("peers", "1").output == "no peers are connected\n")
        #expect(try run("trackers", "1").output == "it has no trackers\n")
        let missing = try swarm.run("info", "9", "--api-socket", socket)
        #expect(missing.status == 1)

        try run("pause", String("\(manifest.infoHash)".prefix(6)))
        try wait("it is paused", until: isInState("paused"))
        try run("resume", "all", "--now")
        try wait("it seeds again", until: isInState("seeding"))
        try run("recheck", "1")
        try wait("it was checked", until: isInState("seeding"))
        try run("reannounce", "1-3")
    }

    @Test func whatIsWishedOfATorrentIsKept() throws {
        try run("add", "Film.torrent", "--label", "a", "--label", "b", "--files", "1-2")
        let files = { try torrents("files", "1").first?["files"] as? [[String: Any]] ?? [] }
        #expect(try files().map { $0["isWanted"] as? Bool } == [true, true, false, false])
        try run("files", "1", "--want", "4", "--skip", "1", "--high", "2,4")
        #expect(try files().map { $0["isWanted"] as? Bool } == [false, true, false, true])
        #expect(
            try files().map { $0["priority"] as? String } == ["normal", "high", "normal", "high"])

        try run("limit", "1", "--down", "1M", "--ratio", "2", "--then", "remove")
        try run("limit", "1", "--idle", "none")
        #expect(
            try run("limit", "1").output
                == "1  Film  down 1.0 MiB/s, ratio 2.00, idle unlimited, then remove\n")
        try run("limit", "--up", "2M", "--alternative-up", "1M", "--alternative", "on")
        let limits = try run("limit").lines
        #expect(limits.contains("up                2.0 MiB/s"))
        #expect(limits.contains("alternative       on"))
        try run("limit", "--alternative", "off", "--up", "none", "--ratio", "1.5")
        #expect(try run("limit").lines.contains("ratio             1.50"))

        try run("label", "1", "+c", "-a")
        #expect(try torrents("label", "1").first?["labels"] as? [String] == ["b", "c"])
        #expect(try run("list", "--label", "c").lines.count == 1)
        #expect(try run("list", "--label", "a").output.isEmpty)
    }

    @Test func trackersCategoriesGroupsAndSettingsAreChanged() throws {
        try run("add", "Film.torrent", "--paused")
        let urls = { try torrents("trackers", "1").first?["trackers"] as? [[String: Any]] ?? [] }
        try run("trackers", "1", "--add", "http://127.0.0.1:9/a,http://127.0.0.1:9/b")
        try run(
            "trackers", "all", "--replace", "http://127.0.0.1:9/a", "--with", "http://127.0.0.1:9/c"
        )
        #expect(
            Set(try urls().compactMap { $0["url"] as? String })
                == ["http://127.0.0.1:9/b", "http://127.0.0.1:9/c"])
        try run("trackers", "1", "--remove", "http://127.0.0.1:9/b")
        #expect(try urls().map { $0["url"] as? String } == ["http://127.0.0.1:9/c"])

        #expect(try run("category", "list").error == "there are no categories\n")
        try run("category", "set", "old films", "--folder", folder.path("films"), "--ratio", "2")
        try run("category", "set", "old films", "--idle", "1h")
        #expect(
            try run("category", "list").output
                == "old films  \(folder.path("films"))  ratio 2.00, idle 1h00m\n")
        try run("label", "1", "--category", "old films")
        #expect(try torrents("list", "--category", "old films").count == 1)
        try run("category", "remove", "old films")

        try run("group", "set", "slow", "--up", "1M")
        try run("limit", "1", "--group", "slow")
        #expect(try run("group", "list").output == "slow  up 1.0 MiB/s\n")
        try run("group", "remove", "slow")

        let told = try run("config", "set", "limits.up=1M", "queue.enabled=true").error
        #expect(told == "limits.up = 1048576\nqueue.enabled = true\n")
        #expect(try run("config", "unset", "limits.up").error == "limits.up = none\n")
        try run("config", "set", "limits.schedule=daily 00:00-24:00")
        #expect(try run("limit").lines.contains { $0.hasSuffix("daily 00:00-24:00") })
        for nothing in ["none", "[]", ""] {
            try run("config", "set", "limits.schedule=sat 10:00-12:00")
            #expect(
                try run("config", "set", "limits.schedule=\(nothing)").error
                    == "limits.schedule = []\n")
        }
        try run("category", "set", "old films")
        #expect(
            try run("config", "unset", "categories.old films", "queue.enabled").error
                == "categories.old films: forgotten\nqueue.enabled = true\n")
        #expect(try run("category", "list").error == "there are no categories\n")
        let refused = try swarm.run("config", "set", "limits.upp=1M", "--api-socket", socket)
        #expect(refused.status == 1)
        #expect(refused.error.contains("did you mean 'limits.up'?"), "\(refused.error)")
        #expect(try run("stats").lines.contains { $0.hasPrefix("in this run   0 B down, 0 B up") })
        #expect(try run("stats", "--json").objects().first?["torrents"] as? Int == 1)
    }

    @Test func whatCannotBeFetchedIsToldInPlainWords() throws {
        for (url, words) in [
            ("http://127.0.0.1:1/x.torrent", "http://127.0.0.1:1/x.torrent: connection refused"),
            ("http://\(place)/x.torrent", "which the setting network.private-urls would allow"),
            ("http://none.invalid/x.torrent", "x.torrent: the name none.invalid is not known"),
            ("ftp://127.0.0.1/x.torrent", "torrents are not fetched by ftp; name an http"),
        ] {
            let refused = try swarm.run("add", url, "--api-socket", socket)
            #expect(refused.status == 4, "\(url)")
            #expect(refused.error.contains(words), "\(refused.error)")
        }
    }

    @Test func filesAndTorrentsAreRenamed() throws {
        try run("add", "Film.torrent", "--wait")
        try wait("it seeds", until: isInState("seeding"))
        try run("rename", "Film", "Film/c.bin", "d.bin")
        #expect(try folder.content("Film/d.bin") == testBytes(100_000))
        try run("rename", "1", "Movie")
        #expect(try folder.content("Movie/d.bin") == testBytes(100_000))
        #expect(try torrents("list", "Movie").count == 1)
        // What stands there is not written over.
        #expect(try swarm.run("rename", "1", "2", "e", "--api-socket", socket).status == 1)
        #expect(try folder.content("Movie/d.bin") == testBytes(100_000))
        #expect(try folder.content("Movie/e") == testBytes(200_000))
    }

    @Test func torrentsAreExportedAndQueued() throws {
        let manifest = try Content.film.manifest()
        let hash = String(repeating: "0f1e2d3c", count: 5)
        try run("add", hash, "Film.torrent", "--paused")
        let link = try run("export", "Film", "--magnet").output
        #expect(link.hasPrefix("magnet:?xt=urn:btih:\(manifest.infoHash)"))
        #expect(
            try run("export", "2", "-o", folder.path("copy.torrent")).output.hasSuffix(
                "copy.torrent\n"))
        #expect(
            try Metainfo(Array(folder.content("copy.torrent"))).infoHash == manifest.infoHash)
        let unknown = try swarm.run("export", "1", "--api-socket", socket)
        #expect(unknown.status == 1)
        #expect(unknown.error.contains("not known yet"), "\(unknown.error)")

        let order = { try torrents("list", "--sort", "queue").compactMap { $0["id"] as? Int } }
        #expect(try order() == [1, 2])
        try run("queue", "top", "Film")
        #expect(try order() == [2, 1])
        try run("queue", "down", "2")
        #expect(try order() == [1, 2])
    }

    @Test func contentIsMovedAndDeleted() throws {
        let hash = String(repeating: "0f1e2d3c", count: 5)
        try run("add", "Film.torrent", "--wait")
        #expect(try run("add", hash, "--paused").output == "2\t\(hash)\t\(hash)\n")
        try run("move", "1", "moved")
        let place = folder.path("moved")
        try wait("it was moved") {
            $0["folder"] as? String == place && $0["state"] as? String == "seeding"
        }
        #expect(try folder.content("moved/Film/c.bin") == testBytes(100_000))
        #expect(!folder.names.contains("Film"))
        try run("remove", "2")
        try run("remove", "Film", "--with-data")
        #expect(try run("list").output.isEmpty)
        let deadline = Date(timeIntervalSinceNow: 30)
        while FileManager.default.fileExists(atPath: place + "/Film"), Date() < deadline {
            usleep(1_000)
        }
        #expect(!FileManager.default.fileExists(atPath: place + "/Film"))
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == ExitStatus.terminated.rawValue)
        let late = try swarm.run("list", "--api-socket", socket)
        #expect(late.status == ExitStatus.daemonUnreachable.rawValue)
    }
}
