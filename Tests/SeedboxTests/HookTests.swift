import Foundation
import Logging
import Testing
import Units

@testable import Seedbox

/// Real programs, started by the runner.
@Suite struct HookTests {
    private let counters = AutomationCounters()

    private func runner(timeMax: Interval = .seconds(20)) -> HookRunner {
        HookRunner(
            timeMax: timeMax,
            base: ["PATH": "/usr/bin:/bin", "KEPT": "1", "SWARM_PASSWORD": "secret"],
            counters: counters,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    private func facts(name: String = "An Album") -> HookFacts {
        var facts = HookFacts(
            .completed, name: name, infoHash: "00aa", directory: "/d", path: "/d/\(name)",
            time: "Mon Jan  1 00:00:00 2024", version: "0.1.0")
        facts.labels = ["a", "b"]
        facts.id = 7
        return facts
    }

    /// A folder with a script in it that writes its environment and arguments down.
    private func withScript(
        _ body: String, _ use: (_ script: String, _ folder: URL) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hook-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let script = folder.appending(path: "script")
        try Data("#!/bin/sh\ncd '\(folder.path)'\n\(body)\n".utf8).write(to: script)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: script.path)
        try await use(script.path, folder)
    }

    private func text(_ folder: URL, _ name: String) -> String {
        (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
    }

    @Test(
        "R10 a torrent named as a command is inert in a hook",
        arguments: [
            "$(touch pwned)", "`touch pwned`", "; touch pwned;", "a\ntouch pwned\n",
            "-rf", "' && touch pwned '", "() { :;}; touch pwned", "%n $IFS \\",
        ])
    func namesAreInert(name: String) async throws {
        try await withScript(
            #"printf '%s' "$SWARM_TORRENT_NAME" > name; printf '%s' "$TR_TORRENT_NAME" > tr; "#
                + #"printf '%s\n' "$@" > arguments"#
        ) { script, folder in
            let outcome = await runner().run([script, "one", "$(touch pwned)"], facts(name: name))
            #expect(outcome == .done)
            #expect(text(folder, "name") == name)
            #expect(text(folder, "tr") == name)
            #expect(text(folder, "arguments") == "one\n$(touch pwned)\n")
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "pwned").path))
        }
    }

    @Test("R16 the daemon's own secrets do not reach a hook")
    func secretsStayHere() async throws {
        try await withScript("env > environment") { script, folder in
            #expect(await runner().run([script], facts()) == .done)
            let lines = text(folder, "environment").split(separator: "\n")
            #expect(!lines.contains { $0.hasPrefix("SWARM_PASSWORD") })
            #expect(lines.contains("KEPT=1"))
            #expect(lines.contains("SWARM_TORRENT_EVENT=completed"))
            #expect(lines.contains("SWARM_TORRENT_LABELS=a,b"))
            #expect(lines.contains("TR_TORRENT_ID=7"))
            #expect(lines.contains("TR_TORRENT_DIR=/d"))
        }
    }

    @Test func aProgramIsFoundByItsName() async {
        #expect(await runner().run(["true"], facts()) == .done)
    }

    @Test func howItEndedIsTold() async throws {
        try await withScript("exit 3") { script, _ in
            #expect(await runner().run([script], facts()) == .failed(status: 3))
        }
        try await withScript("kill -9 $$") { script, _ in
            #expect(await runner().run([script], facts()) == .ended(bySignal: 9))
        }
        guard case .cannotStart = await runner().run(["/nowhere/at-all"], facts()) else {
            Issue.record("a program that is not there was started")
            return
        }
        var page = Exposition()
        counters.write(into: &page)
        #expect(
            page.text.contains(
                "swarm_hook_runs_total{event=\"completed\",result=\"failed\"} 2\n"))
        #expect(
            page.text.contains(
                "swarm_hook_runs_total{event=\"completed\",result=\"not-started\"} 1\n"))
    }

    @Test func oneThatDoesNotEndIsEndedWithAllThatItStarted() async throws {
        try await withScript("sleep 1000 & echo $! > child; trap '' TERM; sleep 1000; sleep 1000") {
            script, folder in
            let start = Instant.now
            let outcome = await runner(timeMax: .milliseconds(500)).run([script], facts())
            #expect(outcome == .timedOut)
            #expect(Instant.now - start < .seconds(60))
            let child = Int32(text(folder, "child").trimmingCharacters(in: .newlines)) ?? 0
            try #require(child > 1)
            #expect(kill(child, 0) != 0 || isZombie(child), "the child of the hook lives")
        }
    }

    private func isZombie(_ process: Int32) -> Bool {
        readSmallFile("/proc/\(process)/stat")?.contains(") Z ") ?? true
    }

    @Test func outputWithoutEndDoesNotFillTheMemory() async throws {
        try await withScript("head -c 3000000 /dev/zero; echo done >&2") { script, _ in
            #expect(await runner().run([script], facts()) == .done)
        }
    }

    @Test func aFewRunAtOnceAndTheOthersWait() async throws {
        try await withScript("echo x >> started; while [ ! -e go ]; do sleep 0.05; done") {
            script, folder in
            let runner = runner()
            try await withThrowingTaskGroup(of: HookRunner.Outcome.self) { group in
                for _ in 0..<Limits.hooksAtOnceMax + 2 {
                    group.addTask { await runner.run([script], facts()) }
                }
                try await eventually {
                    text(folder, "started").count >= Limits.hooksAtOnceMax * 2
                }
                #expect(text(folder, "started").count == Limits.hooksAtOnceMax * 2)
                _ = FileManager.default.createFile(
                    atPath: folder.appending(path: "go").path, contents: nil)
                for try await outcome in group { #expect(outcome == .done) }
            }
            #expect(text(folder, "started").count == (Limits.hooksAtOnceMax + 2) * 2)
        }
    }

    @Test func whatIsTooLongForTheKernelIsCut() {
        var facts = facts()
        facts.trackers = Array(repeating: String(repeating: "a", count: 1_000), count: 1_000)
        let variables = facts.environment(over: [:])
        for (name, value) in variables {
            #expect(name.utf8.count + value.utf8.count < 128 * 1024)
        }
        #expect(facts.environment(over: ["a": "b"])["a"] == "b")
    }
}
