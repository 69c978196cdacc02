import ArgumentParser
import JSONText
import Simulator
import Terminal

struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Where scenarios lie that are named without a path.", valueName: "dir"))
    var scenarios = CommonOptions.usualFolder

    @Flag(help: "Write one JSON object for each result.")
    var json = false
}

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Name the scenarios.")

    @OptionGroup var options: CommonOptions

    func run() throws {
        let files = ScenarioFiles(folder: options.scenarios)
        let all = try files.names().map { ($0, try files.scenario(named: $0)) }
        let width = all.map(\.0.count).max() ?? 0
        for (name, scenario) in all {
            if options.json {
                Output.print(
                    JSON.object([
                        ("scenario", .string(name)), ("title", .string(scenario.title)),
                        ("nodes", .count(scenario.nodes)),
                    ]).text)
            } else {
                let padding = String(repeating: " ", count: width - name.count)
                Output.print("\(name)\(padding)  \(scenario.title)")
            }
        }
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run one scenario, and look whether what it expects comes true.")

    @Argument(help: "A name that 'list' gives, or a file.")
    var scenario: String

    @Option(help: "All chance comes from it.")
    var seed: UInt64 = 1

    @Flag(help: "Also tell the steps of lookups that fell short, on the standard error.")
    var trace = false

    @OptionGroup var options: CommonOptions

    func run() throws {
        let scenario = try ScenarioFiles(folder: options.scenarios).scenario(named: scenario)
        let (report, tale) =
            trace ? scenario.tell(seed: seed) : (scenario.run(seed: seed), [])
        for line in tale { Output.remark(line) }
        Output.print(options.json ? report.json(name: self.scenario).text : report.text)
        guard report.holds else { throw EarlyEnd(status: .verificationFailed) }
    }
}

struct Sweep: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run one scenario with many seeds, and say how to replay what failed.")

    @Argument(help: "A name that 'list' gives, or a file.")
    var scenario: String

    @Option(help: "How many.")
    var seeds: UInt64

    @Option(help: "The first of them.")
    var firstSeed: UInt64 = 1

    @OptionGroup var options: CommonOptions

    func validate() throws {
        let (_, overflow) = firstSeed.addingReportingOverflow(seeds)
        guard seeds > 0, !overflow else {
            throw ValidationError("--seeds: needs at least 1, and none beyond 2^64")
        }
    }

    func run() throws {
        let scenario = try ScenarioFiles(folder: options.scenarios).scenario(named: scenario)
        var failed: UInt64 = 0
        for seed in firstSeed..<firstSeed + seeds {
            let report = scenario.run(seed: seed)
            if options.json {
                Output.print(report.json(name: self.scenario).text)
            } else {
                Output.print("seed \(seed): \(report.holds ? "holds" : report.failuresText)")
            }
            guard !report.holds else { continue }
            failed += 1
            Output.complain("seed \(seed) fails; replay it: \(replay(seed))")
        }
        if !options.json { Output.print("\(seeds - failed) of \(seeds) seeds hold") }
        guard failed == 0 else { throw EarlyEnd(status: .verificationFailed) }
    }

    /// The command that repeats a run.
    private func replay(_ seed: UInt64) -> String {
        let folder = CommonOptions.usualFolder
        let elsewhere =
            options.scenarios == folder || scenario.contains("/")
            ? "" : " --scenarios \(options.scenarios)"
        return "swarm-sim run \(scenario) --seed \(seed)\(elsewhere)"
    }
}

extension CommonOptions {
    static var usualFolder: String { "Fixtures/Scenarios" }
}
