import Foundation
import Glibc
import JSONText
import Terminal
import Testing

@testable import swarm

/// The commands that speak to the daemon, run as users run them.
@Suite(.ownThreads) struct DaemonCommandTests {
    private let folder: TemporaryFolder
    private let swarm: Binary
    private let stub: StubDaemon
    private let place: String

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        stub = try StubDaemon(answer: StubTorrents.answer)
        place = "127.0.0.1:\(stub.port)"
    }

    private func run(_ words: String...) throws -> Binary.Outcome {
        try swarm.runAll(words, environment: ["SWARM_API": place])
    }

    @Test func aListInAPipeHasALineForEachTorrent() throws {
        let outcome = try run("list", "--sort", "name")
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.lines.map { $0.prefix(2) } == ["2\t", "5\t", "1\t"])
        #expect(outcome.lines[2].hasSuffix("\tfilms\thd,new\t/data\tFilm"))
        #expect(stub.requests.last?.path.hasPrefix("/api/v1/torrents?fields=id,") == true)
        #expect(stub.requests.last?.headers["host"] == place)
    }

    @Test func aListCanBeNarrowedAndBeJSON() throws {
        let outcome = try run("list", "--label", "hd", "--state", "downloading", "--json")
        let torrents = try #require(outcome.objects().first?["torrents"] as? [[String: Any]])
        #expect(torrents.map { $0["name"] as? String } == ["Film"])
        #expect(torrents.first?["peersKnown"] as? Int == 40)
        #expect(try run("list", "5", "A song").lines.count == 2)
    }

    @Test func detailsComeWithWhatIsAskedFor() throws {
        let plain = try run("info", "ab12", "--files")
        #expect(plain.lines.contains("state         downloading, 50.0%, 17m04s left"))
        #expect(plain.lines.contains { $0.hasSuffix("a  50.0%, high") })
        #expect(plain.lines.contains { $0.hasSuffix("b  0.0%, not wanted") })
        #expect(try run("info", "2").lines.contains("limit reached seed time"))
        let json = try run("info", "1", "--files", "--json").objects()
        let torrent = try #require((json.first?["torrents"] as? [[String: Any]])?.first)
        #expect((torrent["files"] as? [Any])?.count == 2)
        #expect(torrent["category"] as? String == "films")
    }

    @Test func reasonsAreCounted() throws {
        let outcome = try run("why", "Film")
        #expect(
            outcome.lines == [
                "1  Film  downloading, 50.0%, 1.0 MiB/s down, 2.0 KiB/s up",
                "   1. 14 of 20 peers choke us  everybodyChokesUs × 14",
            ])
    }

    @Test(arguments: [
        (["pause", "1", "2"], #"POST /api/v1/torrents/actions {"action":"pause","ids":[1,2]}"#),
        (
            ["resume", "all", "--now"],
            #"POST /api/v1/torrents/actions {"action":"start","ids":[1,2,5],"bypassingQueue":true}"#
        ),
        (["recheck", "2-4"], #"POST /api/v1/torrents/actions {"action":"recheck","ids":[2]}"#),
        (
            ["reannounce", "Film"],
            #"POST /api/v1/torrents/actions {"action":"reannounce","ids":[1]}"#
        ),
        (
            ["remove", "1"],
            #"POST /api/v1/torrents/actions {"action":"remove","ids":[1],"deletingData":false}"#
        ),
        (
            ["remove", "1", "--with-data", "--yes"],
            #"POST /api/v1/torrents/actions {"action":"remove","ids":[1],"deletingData":true}"#
        ),
        (
            ["move", "1", "2", "/new"],
            #"POST /api/v1/torrents/actions {"action":"move","ids":[1,2],"folder":"/new","#
                + #""movingData":true}"#
        ),
        (["label", "1", "+x", "-new"], #"PATCH /api/v1/torrents/1 {"labels":["hd","x"]}"#),
        (
            ["label", "2", "--category", "films"],
            #"PATCH /api/v1/torrents/2 {"category":"films"}"#
        ),
        (["limit", "2", "--down", "1k"], #"PATCH /api/v1/torrents/2 {"downloadLimit":1024}"#),
        (
            ["limit", "--alternative", "on"],
            #"PATCH /api/v1/settings {"limits":{"alternative":true}}"#
        ),
        (
            ["files", "1", "--want", "2", "--low", "all"],
            #"PATCH /api/v1/torrents/1 {"wanted":{"1":true},"#
                + #""filePriorities":{"0":"low","1":"low"}}"#
        ),
        (["files", "1", "--sequential", "on"], #"PATCH /api/v1/torrents/1 {"isSequential":true}"#),
        (
            ["queue", "top", "1", "2"],
            #"POST /api/v1/torrents/actions {"action":"queue","ids":[1,2],"move":"top"}"#
        ),
        (
            ["rename", "1", "2", "new name"],
            #"POST /api/v1/torrents/1/rename {"path":"Film/b","name":"new name"}"#
        ),
        (
            ["rename", "1", "Film/a", "c"],
            #"POST /api/v1/torrents/1/rename {"path":"Film/a","name":"c"}"#
        ),
        (
            ["rename", "1", "Movie"],
            #"POST /api/v1/torrents/1/rename {"path":"Film","name":"Movie"}"#
        ),
        (
            ["peers", "2", "--add", "192.0.2.1:6881"],
            #"POST /api/v1/torrents/2/peers {"peers":["192.0.2.1:6881"]}"#
        ),
        (
            [
                "trackers", "1", "--replace", "http://a/x", "--with", "http://c/x", "--add",
                "http://d/x",
            ],
            #"PATCH /api/v1/torrents/1 {"trackers":[["http://c/x","http://b/x"],["http://d/x"]]}"#
        ),
        (
            ["trackers", "1", "--replace", "http://a/x", "--with", "http://b/x"],
            #"PATCH /api/v1/torrents/1 {"trackers":[["http://b/x"]]}"#
        ),
        (
            ["trackers", "1", "--remove", "http://a/x"],
            #"PATCH /api/v1/torrents/1 {"trackers":[["http://b/x"]]}"#
        ),
        (
            ["category", "set", "new films", "--folder", "/srv/films", "--ratio", "2"],
            #"PUT /api/v1/categories/new%20films {"folder":"/srv/films","#
                + #""seedingLimits":{"ratio":2.0}}"#
        ),
        (["category", "remove", "films"], "DELETE /api/v1/categories/films {}"),
        (["group", "set", "slow", "--up", "1k"], #"PUT /api/v1/groups/slow {"uploadLimit":1024}"#),
        (["group", "remove", "slow"], "DELETE /api/v1/groups/slow {}"),
        (
            ["config", "set", "limits.up=1M", "limits.schedule=mon 08:00-09:00"],
            #"PATCH /api/v1/settings {"limits.up":"1M","limits.schedule":["mon 08:00-09:00"]}"#
        ),
    ])
    func whatIsAskedOfTheDaemonIsWhatWasSaid(_ words: [String], _ command: String) throws {
        let outcome = try swarm.runAll(words, environment: ["SWARM_API": place])
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.output.isEmpty)
        #expect(!outcome.error.isEmpty)
        #expect(stub.commands == [command])
        let quiet = try swarm.runAll(words + ["-q"], environment: ["SWARM_API": place])
        #expect(quiet.error.isEmpty && quiet.output.isEmpty)
        let json = try swarm.runAll(words + ["--json"], environment: ["SWARM_API": place])
        #expect(try json.objects().count == 1)
        #expect(json.error.isEmpty)
    }

    @Test func whatWasAddedIsNamed() throws {
        try Content.film.write(to: folder)
        let outcome = try run("add", "Film.torrent", "--label", "x", "--download-dir", "here")
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.output == "1\t\(StubTorrents.hashes[0])\tFilm\n")
        let sent = try #require(stub.requests.first { $0.method == "POST" })
        let body = try JSON(parsing: sent.body)
        #expect(body["folder"]?.string?.hasSuffix("/here") == true)
        #expect(body["labels"] == ["x"])
        let missing = try run("add", "Film.torrent", "missing.torrent")
        #expect(missing.status == ExitStatus.unreadableSource.rawValue)
        // Nothing was added, since something could not be.
        #expect(stub.commands.count == 1)
    }

    @Test func limitsAreShown() throws {
        let all = try run("limit").lines
        #expect(all.contains("down              1.0 MiB/s"))
        // What holds, and not what is kept.
        #expect(all.contains("alternative       on, by hand"))
        let json = try #require(try run("limit", "--json").objects().first)
        #expect(json["usesAlternativeLimits"] as? Bool == true)
        #expect(json["limits"] != nil)
        #expect(all.contains("on at             mon-fri 08:00-18:00"))
        #expect(
            try run("limit", "1").output
                == "1  Film  down 5.0 MiB/s, ratio 2.00, idle unlimited\n")
    }

    @Test func whatCannotBeMeantIsRefusedBeforeAnythingIsChanged() throws {
        for (words, problem) in [
            (["rename", "1", "9", "x"], "9: no such file or folder of Film"),
            (["rename", "all", "x"], "all: means 3 torrents"),
            (["trackers", "1", "--remove", "http://e/x"], "http://e/x: is none of their trackers"),
            (["trackers", "1", "--replace", "http://a/x"], "--replace and --with belong together"),
            (["category", "set", "a/b"], "a/b: is no name that can be spoken of here"),
            (["config", "set", "limits.up"], "limits.up: write the setting, = and its value"),
            (["export", "all", "-o", "-"], "holds one torrent, and 3 are named"),
            (["queue", "first", "1"], "write one of 'top', 'up', 'down' or 'bottom'"),
        ] {
            let outcome = try swarm.runAll(words, environment: ["SWARM_API": place])
            #expect(outcome.status != 0)
            #expect(outcome.error.contains(problem), "\(outcome.error)")
            #expect(outcome.error.split(separator: "\n").count == 1)
        }
        #expect(stub.commands == [])
    }

    @Test func topInAPipeIsALine() throws {
        let outcome = try run("top", "--count", "2", "--interval", "100ms")
        #expect(outcome.lines.count == 2)
        #expect(outcome.lines[0].hasPrefix("3 torrents, 2.0 GiB: 1 downloading, 1 seeding; down "))
        #expect(stub.requests.map(\.path).last == "/api/v1/torrents?since=7")
        let json = try run("top", "--count", "1", "--json").objects()
        #expect((json.first?["active"] as? [Any])?.count == 2)
    }

    @Test func namesThatMeanNothingAreTold() throws {
        let outcome = try run("pause", "Nothing")
        #expect(outcome.status == 1)
        #expect(outcome.error == "swarm: Nothing: no such torrent; see 'swarm list'\n")
        #expect(stub.commands.isEmpty)
    }

    @Test func aSocketServesAsWell() throws {
        let path = folder.path("api.sock")
        let stub = try StubDaemon(at: path, answer: StubTorrents.answer)
        let outcome = try swarm.run("list", "--api-socket", path)
        #expect(outcome.lines.count == 3, "\(outcome.error)")
        #expect(stub.requests.first?.headers["host"] == "localhost")
    }

    @Test func shellsAreToldWhatThereIs() throws {
        let outcome = try run(
            "---completion", "pause", "--", "positional@0", "2", "2", "swarm", "pause", "ab")
        #expect(outcome.lines == [StubTorrents.hashes[0], StubTorrents.hashes[1]])
    }
}

/// What is said when the daemon does not do as it is asked.
@Suite(.ownThreads) struct DaemonFailureTests {
    private let folder: TemporaryFolder
    private let swarm: Binary

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
    }

    @Test func whereNobodyListensTheCommandSaysWhatToDo() throws {
        let outcome = try swarm.run("list", "--api", "127.0.0.1:1")
        #expect(outcome.status == ExitStatus.daemonUnreachable.rawValue)
        #expect(
            outcome.error == "swarm: 127.0.0.1:1: connection refused; start the daemon with "
                + "'swarm daemon', or say where it is with --api\n")
        let socket = try swarm.run("list", "--api-socket", "none.sock", "--json")
        #expect(socket.status == ExitStatus.daemonUnreachable.rawValue)
        let error = try JSON(parsing: String(socket.error.dropLast()))
        #expect(error["error"]?["code"] == 8)
        let long = try swarm.run("list", "--api-socket", String(repeating: "s", count: 200))
        #expect(long.status == ExitStatus.daemonUnreachable.rawValue)
    }

    @Test(arguments: [
        (401, #"{"error":{"code":"x","message":"who?"}}"#, 8, "set SWARM_PASSWORD"),
        (403, #"{"error":{"code":"x","message":"not\u001b[1m you"}}"#, 8, "not\\u{1b}[1m you"),
        (421, #"{"error":{"code":"x","message":"strange host"}}"#, 8, "strange host"),
        (500, #"{"error":{"code":"x","message":"broken"}}"#, 8, "broken"),
        (404, "{}", 8, "no swarm daemon answers there"),
        (400, #"{"error":{"code":"x","message":"down: no rate"}}"#, 1, "swarm: down: no rate"),
        (507, #"{"error":{"code":"x","message":"no space"}}"#, 5, "no space"),
        (400, #"{"error":{"code":"bad-source","message":"u: gone"}}"#, 4, "swarm: u: gone\n"),
        (404, #"{"error":{"code":"not-found","message":"nothing"}}"#, 8, "--api 127.0.0.1:9091/"),
        (200, "{", 8, "no JSON"), (200, "[[[", 8, "no JSON"),
    ])
    func refusalsAreToldInALine(
        _ status: Int, _ body: String, _ exit: Int32, _ words: String
    ) throws {
        let stub = try StubDaemon { _ in (status, body) }
        let outcome = try swarm.run("list", "--api", "127.0.0.1:\(stub.port)")
        #expect(outcome.status == exit)
        #expect(outcome.error.contains(words), "\(outcome.error)")
        #expect(outcome.error.split(separator: "\n").count == 1)
        #expect(outcome.output.isEmpty)
    }

    @Test func theSecretIsSentAndNotSaid() throws {
        let stub = try StubDaemon { request in
            request.headers["authorization"] == "Bearer right"
                ? (200, #"{"torrents":[]}"#) : (401, "{}")
        }
        let place = "127.0.0.1:\(stub.port)"
        try folder.file("right", "right\n")
        try folder.file("wrong", "wrong\n")
        #expect(try swarm.run("list", "--api", place, "--token-file", "right").status == 0)
        let wrong = try swarm.run("list", "--api", place, "--token-file", "wrong", "-vv")
        #expect(wrong.status == ExitStatus.daemonUnreachable.rawValue)
        #expect(!wrong.error.contains("wrong"))
        #expect(wrong.error.contains("check the password or token"))
    }
}

/// The same on a terminal.
@Suite(.ownThreads, .timeLimit(.minutes(10))) struct DaemonTerminalTests {
    private let folder: TemporaryFolder
    private let swarm: Binary
    private let stub: StubDaemon
    private let terminal: PseudoTerminal

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        stub = try StubDaemon(answer: StubTorrents.answer)
        terminal = try PseudoTerminal()
    }

    private func start(_ words: String...) throws -> Process {
        let process = swarm.process(
            words, ["TERM": "xterm", "SWARM_API": "127.0.0.1:\(stub.port)"])
        process.standardInput = terminal.slave
        process.standardOutput = terminal.slave
        process.standardError = terminal.slave
        try process.run()
        return process
    }

    private var isEchoing: Bool {
        var settings = termios()
        tcgetattr(terminal.slave.fileDescriptor, &settings)
        return settings.c_lflag & tcflag_t(ECHO) != 0
    }

    @Test func aListIsATableThatFits() throws {
        let process = try start("list", "--color", "never")
        process.waitUntilExit()
        let text = terminal.read(until: "peers")
        #expect(text.contains("ID  NAME"))
        #expect(text.contains("b\\u{1b}[31m"))
        #expect(!text.contains("\u{1B}"))
        for line in text.split(whereSeparator: \.isNewline) { #expect(line.count <= 80) }
    }

    @Test func anEmptyListSaysHowItIsFilled() throws {
        let empty = try StubDaemon { _ in (200, #"{"revision":1,"torrents":[]}"#) }
        let process = try start("list", "--api", "127.0.0.1:\(empty.port)")
        process.waitUntilExit()
        #expect(terminal.read(until: "add'").contains("no torrents; add one with 'swarm add'"))
    }

    @Test func topTakesKeysAndGivesTheTerminalBack() throws {
        let process = try start("top")
        let begin = terminal.read(until: "q quit")
        #expect(begin.hasPrefix("\u{1B}[?1049h\u{1B}[?25l\u{1B}[H"))
        #expect(begin.contains("Film"))
        #expect(!isEchoing)
        terminal.master.write(Data("jp".utf8))
        while stub.commands.isEmpty, process.isRunning { usleep(1_000) }
        #expect(
            stub.commands == [#"POST /api/v1/torrents/actions {"action":"pause","ids":[2]}"#])
        terminal.master.write(Data("q".utf8))
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(terminal.read(until: "\u{1B}[?1049l\u{1B}[?25h").hasSuffix("\u{1B}[?25h"))
        #expect(isEchoing)
    }

    @Test func aSignalGivesTheTerminalBackToo() throws {
        let process = try start("top")
        _ = terminal.read(until: "q quit")
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        #expect(process.terminationStatus == ExitStatus.interrupted.rawValue)
        #expect(terminal.read(until: "\u{1B}[?1049l\u{1B}[?25h").hasSuffix("\u{1B}[?25h"))
        #expect(isEchoing)
    }

    @Test(arguments: [("n\n", 1, 0), ("\n", 1, 0), ("y\n", 0, 1)])
    func dataIsDeletedOnlyAfterAYes(_ answer: String, _ status: Int32, _ count: Int) throws {
        let process = try start("remove", "Film", "--with-data")
        #expect(terminal.read(until: "[y/N]").contains("delete 1.0 GiB of 1 torrent?"))
        terminal.master.write(Data(answer.utf8))
        process.waitUntilExit()
        #expect(process.terminationStatus == status)
        #expect(stub.commands.count == count)
    }
}
