import Foundation
import Glibc
import Testing

/// The daemon as a process: how it begins, what it tells, and how it ends.
@Suite(.ownThreads) struct DaemonTests {
    private let swarm: Binary

    init() throws { swarm = Binary(folder: try TemporaryFolder()) }

    /// One that speaks to nobody else, at ports that are free.
    private static let alone = [
        "SWARM_PORT": "0", "SWARM_BIND": "127.0.0.1", "SWARM_API": "127.0.0.1:0",
        "SWARM_NETWORK_DHT": "false", "SWARM_NETWORK_LSD": "false",
    ]

    private func start(_ environment: [String: String] = [:]) throws -> Running {
        try Running(swarm, ["daemon"], environment: Self.alone.merging(environment) { $1 })
    }

    private func content(of page: String) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/curl")
        process.arguments = ["-fsS", page]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    private func state(_ name: String) -> String {
        swarm.folder.path("home/.local/state/swarm/" + name)
    }

    @Test func saysWhereThePageIsAndEndsWithinTenSeconds() throws {
        let daemon = try start()
        let ready = try daemon.event("ready")
        let page = try #require(ready["page"] as? String)
        #expect(page.hasPrefix("http://127.0.0.1:") && page.hasSuffix("/"))
        #expect(try content(of: page).contains("<html"))
        let asked = ContinuousClock.now
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == 143)
        #expect(ContinuousClock.now - asked < .seconds(10))
    }

    @Test func tellsTheServiceManagerWhatBecomesOfIt() throws {
        let path = swarm.folder.path("notify")
        let manager = try NotifyEar(path)
        let daemon = try start(["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"])
        _ = try daemon.event("ready")
        #expect(try manager.message(with: "READY=1").contains("STATUS=0 torrents"))
        _ = try manager.message(with: "WATCHDOG=1")
        daemon.signal(SIGHUP)
        #expect(try manager.message(with: "RELOADING=1").contains("MONOTONIC_USEC="))
        _ = try manager.message(with: "READY=1")
        daemon.signal(SIGTERM)
        _ = try manager.message(with: "STOPPING=1")
        #expect(try daemon.end().status == 143)
    }

    @Test func aSecondDaemonLeavesAndSaysWhy() throws {
        let first = try start()
        _ = try first.event("ready")
        let second = try swarm.run("daemon", environment: Self.alone)
        #expect(second.status == 1)
        #expect(second.error.contains("swarm: "), "\(second.error)")
        #expect(second.error.contains("another"), "\(second.error)")
        first.signal(SIGINT)
        #expect(try first.end().status == 130)
        // What the first one had is free again.
        let third = try start()
        _ = try third.event("ready")
        third.signal(SIGTERM)
        #expect(try third.end().status == 143)
    }

    @Test func readsItsSettingsAgain() throws {
        let file = "home/.config/swarm/config.toml"
        try swarm.folder.file(file, "[log]\nlevel = \"info\"\n")
        let daemon = try start()
        _ = try daemon.event("ready")
        try swarm.folder.file(file, "[log]\nlevel = \"loud\"\n")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "config.toml:2:9: log.level: write one of")
        try swarm.folder.file(file, "[network]\ndht-bootstrap = [\"192.0.2.1:9\"]\n")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "setting=network.dht-bootstrap")
        try daemon.wait(for: "the settings were read again")
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == 143)
    }

    @Test func saysHowThingsAreWhenItIsAsked() throws {
        try Content.film.write(to: swarm.folder)
        let socket = ["SWARM_API_SOCKET": swarm.folder.path("s"), "SWARM_LOG_LEVEL": "error"]
        let daemon = try start(socket)
        _ = try daemon.event("ready")
        let added = try swarm.runAll(["add", "Film.torrent", "--paused"], environment: socket)
        #expect(added.status == 0)
        daemon.signal(SIGUSR1)
        try daemon.wait(for: "state: torrents all=1 paused=1")
        try daemon.wait(for: "state: it answers part=trackers and DHT")
        let text = daemon.errorText
        for words in [
            "state: traffic down=0 B/s peers=0", "state: disk jobs", "descriptors=",
            "state: it answers part=the model",
        ] { #expect(text.contains(words), "\(text)") }
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == 143)
    }

    @Test func endsInTimeThoughNobodyReadsItsLog() throws {
        let process = swarm.process(["daemon"], Self.alone)
        let (output, log) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, log)
        process.standardInput = FileHandle.nullDevice
        // F_SETPIPE_SZ of fcntl(2).
        #expect(fcntl(log.fileHandleForWriting.fileDescriptor, 1_031, 4_096) == 4_096)
        try process.run()
        #expect(!output.fileHandleForReading.availableData.isEmpty)
        func waiting() -> Int32 {
            var count: Int32 = 0
            _ = ioctl(log.fileHandleForReading.fileDescriptor, UInt(FIONREAD), &count)
            return count
        }
        for _ in 0..<100 {
            kill(process.processIdentifier, SIGUSR1)
            usleep(20_000)
        }
        #expect(waiting() > 3_500)
        let asked = ContinuousClock.now
        kill(process.processIdentifier, SIGTERM)
        while process.isRunning, ContinuousClock.now - asked < .seconds(60) { usleep(20_000) }
        let isOver = !process.isRunning
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(isOver)
        // It has ten seconds.
        #expect(ContinuousClock.now - asked < .seconds(20))
    }

    @Test func aPortThatCannotBeTakenLeavesAllSettingsAsTheyWere() throws {
        let file = "home/.config/swarm/config.toml"
        try swarm.folder.file(file, "[network]\nport = 0\n")
        var environment = Self.alone
        environment["SWARM_PORT"] = nil
        let daemon = try Running(swarm, ["daemon"], environment: environment)
        let page = try #require(try daemon.event("ready")["page"] as? String)
        let taken = try #require(URL(string: page)?.port)
        let secret = "[api]\npassword = \"correct horse\"\n"
        try swarm.folder.file(file, "[network]\nport = \(taken)\n" + secret)
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the settings were not taken")
        #expect(try content(of: page + "api/v1/torrents").contains("revision"))
        try swarm.folder.file(file, "[network]\nport = 0\n" + secret)
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the settings were read again")
        #expect(try content(of: page + "api/v1/torrents").isEmpty)
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == 143)
    }

    @Test func theFileIsNotHiddenWithoutAWord() throws {
        let file = "home/.config/swarm/config.toml"
        let linux = "[[categories]]\nname = \"linux\"\nratio = "
        try swarm.folder.file(file, "[limits]\nup = \"1M\"\n\(linux)1\n")
        let socket = ["SWARM_API_SOCKET": swarm.folder.path("s")]
        let daemon = try start(socket)
        _ = try daemon.event("ready")
        for words in [
            ["config", "set", "limits.up=2M"], ["category", "set", "linux", "--ratio", "3"],
        ] {
            #expect(try swarm.runAll(words, environment: socket).status == 0)
        }
        #expect(!daemon.errorText.contains("changed at run time"))
        try swarm.folder.file(file, "[limits]\nup = \"5M\"\n\(linux)9\n")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "undo=swarm config unset limits.up")
        try daemon.wait(for: "setting=categories.linux")

        let shown = try swarm.run("config", "show").lines
        let index = try #require(shown.firstIndex { $0.hasPrefix("limits.up = 2097152 ") })
        #expect(shown[index].hasSuffix("# changed at run time"))
        #expect(shown[index + 1].hasPrefix("#   hides limits.up = 5242880 of "))
        #expect(shown[index + 1].hasSuffix("config.toml:2:6"))
        #expect(shown.contains { $0.hasPrefix("#   hides categories.linux = { name = ") })
        let checked = try swarm.run("config", "check")
        #expect(checked.status == 0)
        #expect(checked.error.contains("config.toml:2:6: limits.up does not hold"))
        let words = ["config", "unset", "limits.up", "categories"]
        #expect(try swarm.runAll(words, environment: socket).error.hasPrefix("limits.up = 5242880"))
        #expect(try swarm.run("config", "check").error.isEmpty)
        #expect(
            try swarm.runAll(["category", "list"], environment: socket).output
                == "linux  ratio 9.00\n")
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == 143)
    }

    @Test func itsUserSpeaksToItWithoutAPassword() throws {
        try swarm.folder.file("run/.keep", "")
        let run = ["XDG_RUNTIME_DIR": swarm.folder.path("run")]
        let locked = run.merging(["SWARM_PASSWORD": "geheim"]) { $1 }
        let path = swarm.folder.path("run/swarm/api.sock")
        let first = try start(locked)
        #expect(try first.event("ready")["socket"] as? String == path)
        var status = stat()
        #expect(stat(swarm.folder.path("run/swarm"), &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        #expect(try swarm.run("list", environment: run).status == 0)

        // Another one goes without, and leaves the first where it is.
        let second = try Running(
            swarm, ["daemon", "--state-dir", "other"],
            environment: Self.alone.merging(locked) { $1 })
        #expect(try second.event("ready")["socket"] is NSNull)
        try second.wait(for: "another daemon of this user listens there")
        second.signal(SIGTERM)
        #expect(try second.end().status == 143)
        #expect(try swarm.run("list", environment: run).status == 0)

        first.signal(SIGKILL)
        _ = try first.end()
        #expect(stat(path, &status) == 0)
        let third = try start(locked)
        #expect(try third.event("ready")["socket"] as? String == path)
        #expect(try swarm.run("list", environment: run).status == 0)
        third.signal(SIGTERM)
        #expect(try third.end().status == 143)
        #expect(stat(path, &status) != 0)

        let none = try Running(
            swarm, ["daemon", "--api-socket", ""], environment: Self.alone.merging(run) { $1 })
        #expect(try none.event("ready")["socket"] is NSNull)
        #expect(stat(path, &status) != 0)
        none.signal(SIGTERM)
        #expect(try none.end().status == 143)
    }

    @Test func tellsItsTorrentsOfThePeersThatAreNamed() throws {
        try Content.film.write(to: swarm.folder)
        try Content(name: "Other", files: [("x", testBytes(20_000))]).write(to: swarm.folder)
        let seeder = try Running(
            swarm,
            [
                "seed", "Film.torrent", "Other.torrent", "--bind", "127.0.0.1", "--state-dir",
                "seed-state",
            ])
        let port = try seeder.event("seeding")["port"] as? Int ?? 0
        _ = try seeder.event("seeding")
        let socket = ["SWARM_API_SOCKET": swarm.folder.path("s")]
        let more = socket.merging(["SWARM_DOWNLOAD_DIR": swarm.folder.path("in")]) { $1 }
        // One is there before, and one comes while it runs.
        var daemon = try start(more)
        _ = try daemon.event("ready")
        let words = ["add", "Film.torrent", "--paused"]
        #expect(try swarm.runAll(words, environment: socket).status == 0)
        daemon.signal(SIGTERM)
        _ = try daemon.end()
        daemon = try start(more.merging(["SWARM_PEER": "127.0.0.1:\(port)"]) { $1 })
        _ = try daemon.event("ready")
        #expect(try swarm.runAll(["resume", "1"], environment: socket).status == 0)
        for torrent in ["Film.torrent", "Other.torrent"] {
            let added = try Running(swarm, ["add", torrent, "--wait"], environment: socket)
            #expect(try added.end(within: 60).status == 0)
        }
        #expect(try swarm.folder.content("in/Other/x") == testBytes(20_000))
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == 143)
        seeder.signal(SIGTERM)
        _ = try seeder.end()
    }

    @Test func commandsFindTheDaemonOfTheirFile() throws {
        let path = swarm.folder.path("own.sock")
        try swarm.folder.file(
            "c.toml",
            "[api]\nlisten = \"none\"\nsocket = \"\(path)\"\n[network]\nport = 0\n"
                + "bind = \"127.0.0.1\"\ndht = false\nlsd = false\n")
        let file = ["SWARM_CONFIG": "c.toml"]
        let daemon = try Running(swarm, ["daemon"], environment: file)
        #expect(try daemon.event("ready")["socket"] as? String == path)
        let listed = try swarm.run("list", environment: file)
        #expect(listed.status == 0, "\(listed.error)")
        #expect(try swarm.run("list", "--config", "c.toml").status == 0)
        try swarm.folder.file("c.toml", "[network]\nprot = 1\n")
        let bad = try swarm.run("list", environment: file)
        #expect(bad.status == 3)
        #expect(bad.error.contains("/c.toml:2:1: unknown key 'network.prot'"), "\(bad.error)")
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == 143)
    }

    @Test func aSocketIsTakenFromNobodyWhoListensThere() throws {
        let path = swarm.folder.path("s")
        let socket = ["SWARM_API_SOCKET": path]
        let other = ["--state-dir", "other"]
        let first = try start(socket)
        _ = try first.event("ready")
        let second = try Running(
            swarm, ["daemon"] + other, environment: Self.alone.merging(socket) { $1 })
        #expect(try second.end().status == 1)
        #expect(second.errorText.contains("\(path): another daemon listens there"))
        #expect(try swarm.runAll(["list"], environment: socket).status == 0)
        first.signal(SIGKILL)
        _ = try first.end()
        #expect(FileManager.default.fileExists(atPath: path))
        let third = try start(socket)
        _ = try third.event("ready")
        #expect(try swarm.runAll(["list"], environment: socket).status == 0)
        // What is there when it ends may be another's.
        try FileManager.default.removeItem(atPath: path)
        try leaveSocket(at: path)
        third.signal(SIGTERM)
        #expect(try third.end().status == 143)
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test("R16 nobody else can look into the state")
    func theStateIsOnesOwn() throws {
        let daemon = try start()
        _ = try daemon.event("ready")
        daemon.signal(SIGTERM)
        #expect(try daemon.end().status == 143)
        var status = stat()
        #expect(stat(state("session.db"), &status) == 0)
        #expect(status.st_mode & 0o077 == 0)
        #expect(stat(state(""), &status) == 0)
        #expect(status.st_mode & 0o077 == 0)
    }

    @Test func aPortThatIsTakenIsToldAndTheStateIsGivenUp() throws {
        let first = try start()
        let page = try #require(try first.event("ready")["page"] as? String)
        let port = try #require(URL(string: page)?.port)
        let second = try swarm.run(
            "daemon", "--state-dir", "other",
            environment: Self.alone.merging(["SWARM_API": "127.0.0.1:\(port)"]) { $1 })
        #expect(second.status == 1)
        #expect(second.error.contains(":\(port): cannot be listened at: "), "\(second.error)")
        first.signal(SIGTERM)
        _ = try first.end()
    }

    @Test func badSettingsAreTheirOwnStatus() throws {
        try swarm.folder.file("c.toml", "[api]\nlisten = \"0.0.0.0:1\"\n")
        let refused = try swarm.run("daemon", "--config", "c.toml")
        #expect(refused.status == 3)
        #expect(refused.error.contains("can be reached by others"))
    }

    @Test func anAddressThatIsNotUpYetIsWorthAnotherTry() throws {
        let elsewhere = try swarm.runAll(
            ["daemon", "--bind", "203.0.113.7"],
            environment: Self.alone.merging(["SWARM_BIND": ""]) { $1 })
        #expect(elsewhere.status == 1)
        #expect(
            elsewhere.error
                == "swarm: network.bind: 203.0.113.7: not an IP address of this machine\n")
    }
}

extension Running {
    /// Waits until standard error has these words.
    func wait(for words: String, within seconds: Double = 20) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !errorText.contains(words) {
            guard deadline.timeIntervalSinceNow > 0 else {
                throw TimedOut(description: "no '\(words)' in: \(errorText)")
            }
            usleep(20_000)
        }
    }
}

/// Hears what a service manager is told.
private final class NotifyEar {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = try boundSocket(SOCK_DGRAM, at: path)
    }

    deinit { close(descriptor) }

    /// The next message with these words.
    func message(with words: String, within seconds: Double = 30) throws -> String {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while deadline.timeIntervalSinceNow > 0 {
            var place = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&place, 1, 100) > 0 else { continue }
            var bytes = [UInt8](repeating: 0, count: 4_096)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            if text.contains(words) { return text }
        }
        throw Running.TimedOut(description: "the manager was not told '\(words)'")
    }
}
