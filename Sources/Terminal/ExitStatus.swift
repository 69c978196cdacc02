/// How the process ends, so that a script can tell why without reading the message.
public enum ExitStatus: Int32, CaseIterable, Sendable {
    case done = 0
    case failed = 1
    case badUsage = 2
    case badConfiguration = 3
    case unreadableSource = 4
    case unwritable = 5
    case verificationFailed = 6
    case unfinished = 7
    case daemonUnreachable = 8
    case stalled = 9
    case interrupted = 130
    case terminated = 143

    /// The words of the table in the manual page.
    public var meaning: String {
        switch self {
        case .done: "Done."
        case .failed: "Another failure."
        case .badUsage: "Bad usage: an unknown option or a value that cannot be read."
        case .badConfiguration: "Bad configuration."
        case .unreadableSource: "The source (a torrent, a link, a file) cannot be read."
        case .unwritable: "Something cannot be written, or there is no space left."
        case .verificationFailed: "The content is not what the torrent describes."
        case .unfinished:
            "Stopped with downloads unfinished, by something other than SIGINT or SIGTERM."
        case .daemonUnreachable: "The daemon cannot be reached or refuses."
        case .stalled: "Stalled or timed out."
        case .interrupted: "Ended by SIGINT; the state is saved."
        case .terminated: "Ended by SIGTERM; the state is saved."
        }
    }
}

/// Ends a command with a status that needs no words, or that has had them.
public struct EarlyEnd: Error {
    public let status: ExitStatus

    public init(status: ExitStatus) { self.status = status }

    /// Throws unless all is well.
    public static func check(_ status: ExitStatus) throws(EarlyEnd) {
        if status != .done { throw EarlyEnd(status: status) }
    }
}
