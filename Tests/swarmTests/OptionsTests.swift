import ArgumentParser
import Chunker
import Logging
import Terminal
import Testing
import Units

@testable import swarm

@Suite(.ownThreads) struct OptionsTests {
    private func fetch(_ words: String...) throws -> Fetch { try Fetch.parse(["T"] + words) }

    @Test func theOptionsThatScriptsDependOnAreThere() throws {
        let fetch = try fetch(
            "--port", "7002", "--bind", "127.0.0.1", "--peer", "h:1", "--peer", "[::1]:2",
            "--max-peers", "9", "--up-limit", "80mbit", "--down-limit", "none", "--no-dht",
            "--no-lsd", "--no-pex", "--no-trackers", "--no-utp", "-o", "d", "--files", "1-3,7",
            "--match", "*.mkv", "--list", "--sequential", "--no-seed", "--ratio", "1.5",
            "--seed-time", "2h", "--stall-timeout", "5m", "--on-complete", "true", "--json", "-q",
            "-vv", "--no-progress", "--color", "always", "--state-dir", "s")
        #expect(fetch.network.port == 7_002)
        #expect(fetch.network.bind == "127.0.0.1")
        #expect(fetch.network.peer.map(\.description) == ["h:1", "[::1]:2"])
        #expect(fetch.network.upLimit.rate == ByteRate(bytesPerSecond: 10_000_000))
        #expect(fetch.network.downLimit.rate == nil)
        #expect(fetch.seed == false)
        #expect(fetch.goals.goal == SeedGoal(ratio: 1.5, time: .seconds(7_200)))
        #expect(fetch.stallTimeout == .seconds(300))
        #expect(fetch.common.choices.verbosity == 2)
        #expect(fetch.common.choices.colour == .always)
        let seed = try Seed.parse([
            "T.torrent", "--data", "d", "--port", "0", "--no-dht", "--no-lsd",
        ])
        #expect(seed.data == "d")
    }

    @Test func everyCommandTakesWhatIsForAll() throws {
        for command in try ManPage().commands {
            let names = Set(command.arguments?.flatMap(\.longNames) ?? [])
            for name in ["config", "no-config", "state-dir", "json", "color"]
            where command.commandName != "completions" {
                #expect(names.contains(name), "\(command.commandName) --\(name)")
            }
            let reachesPeers = ["seed", "fetch", "daemon"].contains(command.commandName)
            guard reachesPeers || command.commandName.hasPrefix("dht ") else { continue }
            for name in ["port", "bind", "peer", "dht-bootstrap", "encryption"] {
                #expect(names.contains(name), "\(command.commandName) --\(name)")
            }
        }
    }

    @Test func encryptionThatCannotBeHadIsNotPromised() throws {
        #expect(
            try fetch("--encryption", "prefer").network.without.encryption.encryption == .prefer)
        #expect(try fetch("--encryption", "off").network.without.encryption.encryption == .off)
        let words = ["seed", "x", "--encryption"]
        let refused = #expect(throws: Failure.self) {
            try CommandLineArguments.parse(words + ["require"], environment: [:])
        }
        #expect(refused?.status == .badUsage)
        #expect(refused?.message.contains("this version has no encryption") == true)
        #expect(throws: Failure.self) {
            try CommandLineArguments.parse(words + ["maybe"], environment: [:])
        }
    }

    @Test(arguments: [
        (["lisst"], "lisst: no such command; did you mean 'list'?"),
        (["help", "paus"], "paus: no such command; did you mean 'pause'?"),
        (["help", "config", "chek"], "chek: no such command; did you mean 'check'?"),
        (
            ["list", "--sort", "x"],
            "the value 'x' is invalid for '--sort <key>': write one of id, name, state, size, "
                + "done, down, up, left, ratio, peers, added, queue; see 'swarm list --help'"
        ),
        (
            ["--api", "127.0.0.1:1", "info", "3"],
            "--api: no option stands before the command; write it behind, as in 'swarm info --api'"
        ),
        (
            ["limit", "--ratio", "-1"],
            "the value '-1' is invalid for '--ratio <ratio>': \(ValueFault.notARatio); "
                + "see 'swarm limit --help'"
        ),
        (
            ["limit", "--alternative", "x"],
            "the value 'x' is invalid for '--alternative <switch>': write one of 'on' or 'off'; "
                + "see 'swarm limit --help'"
        ),
    ])
    func whatWasNotUnderstoodIsToldInALine(_ words: [String], _ message: String) {
        let failure = #expect(throws: Failure.self) {
            try CommandLineArguments.parse(words, environment: [:])
        }
        #expect(failure?.message == message)
        #expect(failure?.status == .badUsage)
    }

    @Test func theLastOfSeedAndNoSeedCounts() throws {
        #expect(try fetch().seed == nil)
        #expect(try fetch("--seed").seed == true)
        #expect(try fetch("--seed", "--no-seed").seed == false)
    }

    @Test(arguments: [
        ["--port", "65536"], ["--port", "-1"], ["--bind", "localhost"], ["--peer", "h"],
        ["--max-peers", "0"], ["--max-peers", "10001"], ["--up-limit", "10Mb"],
        ["--files", "3-1"], ["--ratio", "-1"], ["--seed-time", "soon"], ["--color", "mauve"],
    ])
    func valuesThatCannotBeMeantAreRefused(_ words: [String]) {
        #expect(throws: (any Error).self) { try Fetch.parse(["T"] + words) }
    }

    @Test func optionsOfOneTorrentAreNotForMany() {
        #expect(throws: (any Error).self) { try Fetch.parse(["A", "B", "--files", "1"]) }
        #expect(throws: (any Error).self) { try Fetch.parse(["-", "-"]) }
        #expect(throws: (any Error).self) { try Seed.parse(["A", "B", "-o", "x"]) }
    }

    @Test func trackersOfOneTierAreSeparatedByCommas() throws {
        let create = try Create.parse(["P", "-t", "a,b", "-t", "c", "-t", ""])
        #expect(create.manifest.trackerTiers == [["a", "b"], ["c"]])
        #expect(create.manifest.format == ChunkOptions().format)
    }

    @Test func theStateHasAPlace() throws {
        let places = try fetch().common.places
        #expect(
            try places.stateFolder(environment: ["XDG_STATE_HOME": "/s", "HOME": "/h"])
                == "/s/swarm")
        #expect(
            try places.stateFolder(environment: ["XDG_STATE_HOME": "s", "HOME": "/h"])
                == "/h/.local/state/swarm")
        #expect(throws: Failure.self) { try places.stateFolder(environment: [:]) }
        #expect(
            try fetch("--state-dir", "x").common.places.stateFolder(environment: [:]) == "x")
    }
}

@Suite(.ownThreads) struct WorkProgressTests {
    private let half = WorkProgress(
        verb: "hashing", name: "Fi\u{1B}lm", bytesDone: 1 << 30, bytesTotal: 2 << 30,
        elapsed: .seconds(2))

    @Test func showsRateAndTimeLeft() {
        #expect(
            half.line == "Fi\\u{1b}lm: hashing 50.0% of 2.0 GiB, 512 MiB/s, 2s left")
        let lines = half.lines(in: LiveBlock(width: 100, height: 24, isUnicode: true))
            .map(\.plainText)
        #expect(lines[0] == "hashing Fi\\u{1b}lm")
        #expect(lines[1].hasSuffix("  50.0%   1.0 GiB of 2.0 GiB   512 MiB/s  2s left"))
    }

    @Test func fitsEveryTerminal() {
        for width in 1...120 {
            for line in half.lines(in: LiveBlock(width: width, height: 9, isUnicode: true)) {
                #expect(line.columns <= max(1, width - 1))
            }
        }
    }

    @Test func inTheFirstMomentsThereIsNoRate() {
        var start = half
        start.elapsed = .milliseconds(100)
        #expect(start.line == "Fi\\u{1b}lm: hashing 50.0% of 2.0 GiB, 0 B/s")
    }
}

@Suite(.ownThreads) struct LogLinesTests {
    @Test func moreIsWrittenWithEachV() {
        let level = { (options: GlobalOptions.Choices) in LogLines.level(options) }
        #expect(level(.init()) == .critical)
        #expect(level(.init(isQuiet: true, verbosity: 3)) == .critical)
        #expect(level(.init(verbosity: 1)) == .info)
        #expect(level(.init(verbosity: 2)) == .debug)
        #expect(level(.init(verbosity: 3)) == .trace)
    }
}
