import JSONText
import Logging
import Terminal

/// Writes log messages to standard error, above the live block; as JSON where results are.
struct LogLines: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let console: Console

    init(level: Logger.Level, console: Console) {
        self.logLevel = level
        self.console = console
    }

    /// What is written: nothing but the worst without `-v`, as whatever concerns a user is told by
    /// a torrent's events, and is not to be said twice.
    static func level(_ options: GlobalOptions.Choices) -> Logger.Level {
        if options.isQuiet { return .critical }
        switch options.verbosity {
        case 0: return .critical
        case 1: return .info
        case 2: return .debug
        default: return .trace
        }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        guard !console.options.json else {
            let members: [JSON.Member] =
                [
                    ("level", .string(event.level.rawValue)),
                    ("message", .string("\(event.message)")),
                ]
                + all.map { ($0.key, .string("\($0.value)")) }
            return console.writeError(StyledLine(JSON.object([("log", .object(members))]).text))
        }
        var line = StyledLine("\(event.level): ", event.level >= .warning ? .warning : .dim)
        line.append(terminalSafe("\(event.message)"))
        if !all.isEmpty {
            let words = all.map { terminalSafe("\($0.key)=\($0.value)") }
            line.append("  " + words.joined(separator: " "), .dim)
        }
        console.writeError(line)
    }
}
