import Foundation
import Testing

/// The built program, run as users run it.
@Suite(.ownThreads) struct CommandTests {
    private struct Outcome {
        let status: Int32
        let output: String
        let error: String
    }

    /// Lies beside the test's own executable.
    private static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "swarm-sim")

    private let folder = FileManager.default.temporaryDirectory.appending(
        path: "swarm-sim-\(UInt64.random(in: 0...(.max)))")

    private func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    private func run(_ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = Self.program
        process.arguments = arguments
        process.currentDirectoryURL = folder
        let (output, error) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = error
        try process.run()
        let written = output.fileHandleForReading.readDataToEndOfFile()
        let complained = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: written, as: UTF8.self),
            error: String(decoding: complained, as: UTF8.self))
    }

    /// A folder with a scenario in the usual place, gone with the test.
    private func withScenario(_ text: String, _ body: () throws -> Void) throws {
        let place = folder.appending(path: "Fixtures/Scenarios")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(text.utf8).write(to: place.appending(path: "small.scenario"))
        try body()
    }

    private static let small = """
        title Thirty nodes
        nodes 30
        keys 2
        lookups 10
        span 1s
        expect success >= 100%
        """

    @Test func listNamesScenariosWithTheirTitles() throws {
        try withScenario(Self.small) { () throws in
            let listed = try run("list")
            #expect(listed.status == 0)
            #expect(listed.output == "small  Thirty nodes\n")
            let objects = try run("list", "--json").output.split(separator: "\n")
            let object = try JSONSerialization.jsonObject(with: Data((objects.first ?? "").utf8))
            #expect((object as? [String: Any])?["nodes"] as? Int == 30)
        }
    }

    @Test func runSaysWhatWasMeasuredAndRepeatsItself() throws {
        try withScenario(Self.small) { () throws in
            let first = try run("run", "small", "--seed", "7")
            #expect(first.status == 0, "\(first.output)\(first.error)")
            #expect(first.output.contains("holds  success >= 100.00% (measured 100.00%)"))
            #expect(try run("run", "small", "--seed", "7").output == first.output)
            #expect(try run("run", "small", "--seed", "8").output != first.output)
            let json = try run("run", "small", "--seed", "7", "--json")
            let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
            #expect((object as? [String: Any])?["holds"] as? Bool == true)
        }
    }

    @Test func aFailureEndsWithStatus6AndSweepSaysHowToReplayIt() throws {
        try withScenario(Self.small + "\nexpect first-holder p50 <= 1ms") { () throws in
            let failed = try run("run", "small")
            #expect(failed.status == 6)
            #expect(failed.output.contains("FAILS  first-holder p50 <= 1 ms"))
            let swept = try run("sweep", "small", "--seeds", "2", "--first-seed", "5")
            #expect(swept.status == 6)
            #expect(
                swept.error == """
                    swarm-sim: seed 5 fails; replay it: swarm-sim run small --seed 5
                    swarm-sim: seed 6 fails; replay it: swarm-sim run small --seed 6

                    """)
            #expect(swept.output.hasSuffix("0 of 2 seeds hold\n"))
        }
    }

    @Test func whatCannotBeReadIsNamedWithItsLine() throws {
        try withScenario("title Nothing\nnodes none\n") { () throws in
            let bad = try run("run", "small")
            #expect(bad.status == 4)
            #expect(
                bad.error
                    == "swarm-sim: Fixtures/Scenarios/small.scenario:2: "
                    + "nodes: 'none' is not a number\n")
            let missing = try run("run", "other")
            #expect(missing.status == 4)
            #expect(
                missing.error
                    == "swarm-sim: Fixtures/Scenarios/other.scenario: no such file or directory\n")
        }
    }

    @Test func overlayComparesAndDraws() throws {
        try withScenario(Self.small) { () throws in
            let asked = ["overlay", "--nodes", "64,100", "--lookups", "3"]
            let shown = try run(asked)
            #expect(shown.status == 0 && shown.output.contains("\nRandom walks"))
            let written = try run(asked + ["--json", "--plot", "o.svg"])
            let object = try JSONSerialization.jsonObject(with: Data(written.output.utf8))
            #expect(((object as? [String: Any])?["rows"] as? [Any])?.count == 2 * 4 * 2)
            let plot = try String(contentsOf: folder.appending(path: "o.svg"), encoding: .utf8)
            #expect(plot.hasPrefix("<svg ") && plot.hasSuffix("</svg>\n"))
            let bad = try run("overlay", "--nodes", "100,63")
            #expect(bad.status == 2)
            #expect(bad.error == "swarm-sim: --nodes: 63 is not within 64 to 4000000\n")
            #expect(try run(asked + ["--plot", "none/o.svg"]).status == 5)
        }
    }

    @Test func badUsageEndsWithStatus2() throws {
        try withScenario(Self.small) { () throws in
            #expect(try run("run").status == 2)
            #expect(try run("run", "small", "--seed", "-1").status == 2)
            #expect(try run("sweep", "small", "--seeds", "0").status == 2)
            #expect(try run("dance").status == 2)
            #expect(try run("--help").status == 0)
        }
    }
}
