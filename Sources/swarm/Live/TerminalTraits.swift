import JSONText

/// What may be written where, by the options, the environment and what the streams are.
struct TerminalTraits: Equatable, Sendable {
    enum ColourChoice: String, CaseIterable, Sendable {
        case auto
        case always
        case never
    }

    /// How progress is shown.
    enum Progress: Equatable, Sendable {
        case none
        /// A block that is redrawn in place.
        case live
        /// A line of words now and then.
        case lines
        /// Events on standard output.
        case json
    }

    var outputHasColour: Bool
    var errorHasColour: Bool
    var isUnicode: Bool
    var progress: Progress
    /// Whether results are read by a person, as far as can be told.
    var isOutputTerminal = false

    static func detect(
        options: GlobalOptions.Choices, environment: [String: String],
        outputIsTerminal: Bool, errorIsTerminal: Bool
    ) -> TerminalTraits {
        let isDumb = environment["TERM"].map { $0 == "dumb" || $0.isEmpty } ?? true
        let mayColour = environment["NO_COLOR"].map(\.isEmpty) ?? true
        let hasColour = { (isTerminal: Bool) in
            switch options.colour {
            case .always: true
            case .never: false
            case .auto: isTerminal && mayColour && !isDumb
            }
        }
        return TerminalTraits(
            outputHasColour: !options.json && hasColour(outputIsTerminal),
            errorHasColour: !options.json && hasColour(errorIsTerminal),
            isUnicode: isUnicode(environment),
            progress: progress(options, canRedraw: errorIsTerminal && !isDumb),
            isOutputTerminal: outputIsTerminal)
    }

    private static func progress(_ options: GlobalOptions.Choices, canRedraw: Bool) -> Progress {
        if !options.showsProgress { return .none }
        if options.json { return .json }
        if options.isQuiet { return .none }
        return canRedraw ? .live : .lines
    }

    /// The locale's character set (POSIX: the first of these that is set and not empty counts).
    private static func isUnicode(_ environment: [String: String]) -> Bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy
            .compactMap { environment[$0] }.first { !$0.isEmpty }
        guard let locale = locale?.lowercased() else { return false }
        return locale.contains("utf-8") || locale.contains("utf8")
    }
}
