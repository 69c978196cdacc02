import ArgumentParser
import FoundationEssentials
import JSONText
import Seedbox
import Terminal

struct DoctorCommand: AsyncParsableCommand, TakesSettings {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look whether this machine lets the daemon do what its settings say.",
        discussion: """
            Each line says ok, warning or failure, and what to type where that is known. The \
            status is 1 if there is a failure. Nobody is asked but the name server.
            """)

    @Option(
        help: ArgumentHelp("Compare the clock with that of a server, too.", valueName: "url"))
    var clockFrom: String?

    @OptionGroup(title: "Settings") var settings: SettingsOptions
    @OptionGroup(title: "Output") var global: GlobalOptions

    func run() async throws {
        let console = global.configuredConsole()
        let loaded = try settings.loaded(global.places, ProcessInfo.processInfo.environment)
            .withKeptChanges()
        let doctor = Doctor(loaded)
        var findings = await doctor.examine()
        if let clockFrom { findings.append(await doctor.compareClock(with: clockFrom)) }
        if global.json {
            try console.print(["findings": .array(findings.map(\.json))])
        } else {
            try console.print(findings.flatMap(\.lines))
        }
        try EarlyEnd.check(findings.contains { $0.verdict == .failure } ? .failed : .done)
    }
}

extension Finding {
    fileprivate var json: JSON {
        [
            "verdict": .string(verdict.rawValue), "subject": .string(subject),
            "text": .string(text), "fix": .optional(fix),
        ]
    }

    fileprivate var lines: [StyledLine] {
        var line: StyledLine
        switch verdict {
        case .ok: line = StyledLine("ok       ", .good)
        case .warning: line = StyledLine("warning  ", .warning)
        case .failure: line = StyledLine("failure  ", .bad)
        }
        line.append(terminalSafe("\(subject): \(text)"))
        guard let fix else { return [line] }
        return [line, StyledLine("         " + terminalSafe(fix), .dim)]
    }
}
