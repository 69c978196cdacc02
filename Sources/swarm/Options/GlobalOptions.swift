import ArgumentParser
import FoundationEssentials

/// What every command takes.
struct GlobalOptions: ParsableArguments {
    /// The options' values, for those that need no parser.
    struct Choices: Equatable, Sendable {
        var json = false
        var isQuiet = false
        var verbosity = 0
        var showsProgress = true
        var colour = TerminalTraits.ColourChoice.auto
    }

    @Flag(help: "Write JSON: one object, or one a line where things go on.")
    var json = false

    @Flag(name: [.short, .long], help: "Write results, warnings and errors only.")
    var quiet = false

    @Flag(name: [.short, .long], help: "Write more about what is done; twice for still more.")
    var verbose: Int

    @Flag(help: "Do not show progress.")
    var noProgress = false

    @Option(
        help: ArgumentHelp("When to use colours.", valueName: "when"),
        completion: .list(["auto", "always", "never"]))
    var color = TerminalTraits.ColourChoice.auto

    @OptionGroup
    var places: PlaceOptions

    var choices: Choices {
        Choices(
            json: json, isQuiet: quiet, verbosity: verbose, showsProgress: !noProgress,
            colour: color)
    }
}

extension TerminalTraits.ColourChoice: ExpressibleByArgument {}

extension GlobalOptions {
    /// The console, settled by these options.
    func configuredConsole() -> Console {
        Console.standard.configure(choices, environment: ProcessInfo.processInfo.environment)
        return .standard
    }
}
