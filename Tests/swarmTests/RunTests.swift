import Foundation
import Hashing
import Seedbox
import Terminal
import Testing
import Units

@testable import swarm

@Suite(.ownThreads) struct SourceTests {
    private let hash = String(repeating: "0aF", count: 13) + "9"

    @Test func isToldByTheLookOfTheWord() throws {
        #expect(Source("-") == .standardInput)
        #expect(Source("a.torrent") == .file("a.torrent"))
        #expect(Source("Magnet:?xt=x") == .magnet("Magnet:?xt=x"))
        #expect(Source("HTTPS://h/x.torrent") == .url("HTTPS://h/x.torrent"))
        let v1 = try #require(SHA1Digest(hex: hash))
        #expect(Source(hash) == .infoHash(InfoHash(v1: v1)))
        #expect(Source("GAYTEMZUGU3DOOBZGAYTEMZUGU3DOOBZ").isInfoHash)
        #expect(Source(hash + hash.prefix(24)).isInfoHash)
        #expect(Source("./" + hash) == .file("./" + hash))
        #expect(Source(hash + "0") == .file(hash + "0"))
        #expect(Source("udp://h/x") == .file("udp://h/x"))
        #expect(Source("") == .file(""))
    }
}

extension Source {
    fileprivate var isInfoHash: Bool { if case .infoHash = self { true } else { false } }
}

@Suite(.ownThreads) struct GoalsTests {
    @Test func seedingEndsAtTheFirstGoal() {
        let both = SeedGoal(ratio: 2, time: .seconds(60))
        #expect(!both.isReached(ratio: 1.99, seedingFor: .seconds(59)))
        #expect(both.isReached(ratio: 2, seedingFor: .zero))
        #expect(both.isReached(ratio: 0, seedingFor: .seconds(60)))
        #expect(!SeedGoal().isReached(ratio: 1_000, seedingFor: .seconds(1_000_000)))
        #expect(SeedGoal(ratio: 0).isReached(ratio: 0, seedingFor: .zero))
    }

    @Test func aStallIsTheWholeTimeoutWithoutAChange() {
        var clock = StallClock(timeout: .seconds(10), now: .zero)
        func isStalled(_ bytes: Int64, _ second: Int64) -> Bool {
            clock.isStalled(at: bytes, now: .zero + .seconds(second))
        }
        let before = [isStalled(0, 1), isStalled(0, 10), isStalled(0, 11)]
        #expect(before == [false, false, true])
        let changed = [isStalled(5, 12), isStalled(5, 21)]
        #expect(changed == [false, false])
        clock.reset(now: .zero + .seconds(21))
        let after = [isStalled(5, 30), isStalled(5, 31)]
        #expect(after == [false, true])
    }
}

@Suite(.ownThreads) struct CompletionHookTests {
    private func facts(name: String) -> HookFacts {
        var facts = HookFacts(
            .completed, name: name, infoHash: "ab", directory: "/d", path: "/d/x", time: "t",
            version: "1")
        facts.trackers = ["u", "v"]
        return facts
    }

    @Test func theTorrentsWordsAreNeverReadByTheShell() async throws {
        let file = FileManager.default.temporaryDirectory.appending(
            path: "swarm-hook-\(UInt64.random(in: 0...(.max)))")
        defer { try? FileManager.default.removeItem(at: file) }
        let name = "'; touch /nowhere; \"$(false)`false`\\ \u{1B}[2J"
        let hook = CompletionHook(
            command: "printf '%s|%s|%s' \"$TR_TORRENT_NAME\" \"$SWARM_TORRENT_TRACKERS\" \"$OWN\" "
                + "> '\(file.path)'")
        try await hook.run(
            facts(name: name), environment: ["OWN": "kept"], outputToError: true)
        #expect(try String(contentsOf: file, encoding: .utf8) == "\(name)|u,v|kept")
    }

    @Test func aZeroByteEndsAValueAndNothingElse() async throws {
        let hook = CompletionHook(command: "test \"$TR_TORRENT_NAME\" = a")
        try await hook.run(facts(name: "a\0b"), environment: [:], outputToError: true)
    }

    @Test func howTheCommandEndedIsTold() async {
        await #expect(throws: Failure(.failed, "--on-complete", "ended with status 3")) {
            try await CompletionHook(command: "exit 3").run(
                facts(name: "x"), environment: [:], outputToError: true)
        }
        await #expect(throws: Failure(.failed, "--on-complete", "ended by signal 9")) {
            try await CompletionHook(command: "kill -9 $$").run(
                facts(name: "x"), environment: [:], outputToError: true)
        }
    }

    @Test func noVariableIsAnOptionOfAnyCommand() {
        let options = Set(
            Swarm.subcommands.flatMap { EnvironmentArguments.options(of: $0) }
                .flatMap(\.longNames).map(EnvironmentArguments.variable(for:)))
        for (name, _) in facts(name: "x").environment { #expect(!options.contains(name)) }
    }
}

@Suite(.ownThreads) struct ResolverTests {
    @Test func numbersNeedNoResolver() async throws {
        let place = try HostPort("[2001:db8::1]:80")
        #expect(try await Resolver.endpoints(of: place) == [Endpoint("[2001:db8::1]:80")])
    }

    @Test func thisMachineHasAName() async throws {
        let found = try await Resolver.endpoints(of: HostPort("localhost:7"))
        #expect(!found.isEmpty)
        #expect(found.allSatisfy { $0.isLoopback && $0.port == 7 })
        #expect(Set(found).count == found.count)
    }

    @Test func aNameThatIsNotThereIsNamed() async throws {
        let place = try HostPort("no-such-name.invalid:7")
        let failure = await #expect(throws: Failure.self) {
            try await Resolver.endpoints(of: place)
        }
        #expect(failure?.subject == "no-such-name.invalid:7")
    }
}

@Suite(.ownThreads) struct FileTreeTests {
    @Test func showsNumbersSizesAndFoldersOnce() {
        let tree = FileTree([
            .init(number: 1, path: ["a", "x.txt"], length: 10),
            .init(number: 2, path: ["b"], length: 2_048, remark: "executable"),
            .init(number: 3, path: ["a", "c", "y\u{1B}"], length: 0),
        ])
        #expect(
            tree.lines(isUnicode: true).map(\.plainText) == [
                "                 ├─ a/",
                "   1       10 B  │  ├─ x.txt",
                "                 │  └─ c/",
                "   3        0 B  │     └─ y\\u{1b}",
                "   2    2.0 KiB  └─ b  executable",
            ])
        for line in tree.lines(isUnicode: false) { #expect(isASCII(line.plainText)) }
    }

    @Test func aHundredThousandFilesAreNoTrouble() {
        let files = (1...100_000).map {
            FileTree.File(number: $0, path: ["d\($0 % 100)", "f\($0)"], length: 1)
        }
        #expect(FileTree(files).lines(isUnicode: true).count == 100_100)
    }
}

@Suite(.ownThreads) struct DatesTests {
    @Test func writesDatesInUniversalTime() {
        #expect(dateText(secondsSince1970: 0) == "1970-01-01 00:00:00 UTC")
        #expect(dateText(secondsSince1970: 951_827_696) == "2000-02-29 12:34:56 UTC")
    }

    @Test(arguments: [Int64.max, .min, -1, 1 << 40])
    func whatNoCalendarHasIsANumber(_ seconds: Int64) {
        #expect(dateText(secondsSince1970: seconds) == "\(seconds) seconds since 1970")
    }
}
