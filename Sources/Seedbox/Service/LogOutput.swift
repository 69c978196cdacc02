import Glibc
import JSONText
public import Logging
import Synchronization

/// Where the daemon's log goes: standard error, and whoever follows it over the API. Level and form
/// may change while it runs.
public final class LogOutput: Sendable {
    private struct State {
        var level: Settings.Log.Level
        var format: Settings.Log.Format
        var secrets: [String] = []
        var recent: [String] = []
        var followers: [Int: AsyncStream<String>.Continuation] = [:]
        var nextFollower = 0
    }

    private let state: Mutex<State>
    private let isJournal: Bool
    private let write: @Sendable (String) -> Void

    /// - Parameter write: Gets each line, with its end.
    public init(
        _ settings: Settings.Log, isJournal: Bool, write: @escaping @Sendable (String) -> Void
    ) {
        state = Mutex(State(level: settings.level, format: settings.format))
        self.isJournal = isJournal
        self.write = write
    }

    /// Takes up settings that have changed.
    public func apply(_ settings: Settings) {
        state.withLock { state in
            state.level = settings.log.level
            state.format = settings.log.format
            state.secrets =
                ([settings.api.password] + settings.api.tokens.map(\.token))
                .compactMap(\.self).filter { $0.utf8.count >= Limits.logSecretBytesMin }
        }
    }

    public func logger(_ label: String) -> Logger {
        Logger(label: label) { LogLineHandler(label: $0, output: self) }
    }

    /// The last lines, each an object of JSON.
    public var recent: [String] { state.withLock(\.recent) }

    /// Lines from now on, each an object of JSON. Who reads too slowly misses some.
    public func follow() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingNewest(Limits.logLinesFollowedMax))
        let number = state.withLock { state -> Int? in
            guard state.followers.count < Limits.logFollowersMax else { return nil }
            state.nextFollower += 1
            state.followers[state.nextFollower] = continuation
            return state.nextFollower
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.followers.removeValue(forKey: number) }
        }
        return stream
    }

    fileprivate var level: Logger.Level { Logger.Level(state.withLock(\.level)) }

    fileprivate func take(_ line: LogLine) {
        state.withLock { state in
            let line = line.without(state.secrets)
            let json = line.json
            // Written under the lock, so that lines stand in the order of their times.
            switch state.format {
            case .json: write(json + "\n")
            case .text: write(line.text(forJournal: isJournal) + "\n")
            }
            state.recent.append(json)
            if state.recent.count > Limits.logLinesKept { state.recent.removeFirst() }
            for follower in state.followers.values { follower.yield(json) }
        }
    }

    /// Whether standard error is the journal's own stream, as the service manager says.
    public static func isJournal(_ environment: [String: String]) -> Bool {
        guard let stream = environment["JOURNAL_STREAM"] else { return false }
        var status = stat()
        guard fstat(STDERR_FILENO, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }
}

extension Logger.Level {
    init(_ level: Settings.Log.Level) {
        self = Logger.Level(rawValue: level.rawValue) ?? .info
    }
}

private struct LogLineHandler: LogHandler {
    let label: String
    let output: LogOutput
    var metadata: Logger.Metadata = [:]
    /// What was set on this logger alone.
    private var ownLevel: Logger.Level?

    init(label: String, output: LogOutput) {
        self.label = label
        self.output = output
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? output.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        output.take(
            LogLine(
                seconds: Int64(now.tv_sec), milliseconds: Int64(now.tv_nsec) / 1_000_000,
                level: event.level, label: label, message: "\(event.message)",
                metadata: all.map { ($0.key, "\($0.value)") }))
    }
}
