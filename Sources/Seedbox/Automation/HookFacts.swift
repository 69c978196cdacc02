/// What a program that runs on an occasion may want to know of the torrent. It reaches the program
/// in its environment only: no argument holds a word of a torrent, and no shell reads one.
public struct HookFacts: Sendable {
    public var name: String
    public var infoHash: String
    /// The folder that the content is in, and where in it.
    public var directory: String
    public var path: String
    public var bytes: Int64 = 0
    public var bytesDownloaded: Int64 = 0
    public var bytesUploaded: Int64 = 0
    public var files = 0
    public var isPrivate = false
    public var trackers: [String] = []
    public var labels: [String] = []
    public var category: String?
    public var priority = FilePriority.normal
    public var id: Int64 = 1
    public var occasion: Settings.Event
    /// Local time in the words of ctime(3), as Transmission gives it.
    public var time: String
    /// Of this program.
    public var version: String

    public init(
        _ occasion: Settings.Event, name: String, infoHash: String, directory: String, path: String,
        time: String, version: String
    ) {
        self.occasion = occasion
        self.name = name
        self.infoHash = infoHash
        self.directory = directory
        self.path = path
        self.time = time
        self.version = version
    }

    /// Variables of ours and of Transmission's scripts. Ours are not `SWARM_NAME` and so on, which
    /// a swarm that the program starts would take for its options.
    public var environment: [(name: String, value: String)] {
        [
            ("SWARM_TORRENT_EVENT", occasion.rawValue), ("SWARM_TORRENT_ID", "\(id)"),
            ("SWARM_TORRENT_NAME", name), ("SWARM_TORRENT_HASH", infoHash),
            ("SWARM_TORRENT_DIR", directory), ("SWARM_TORRENT_PATH", path),
            ("SWARM_TORRENT_BYTES", "\(bytes)"),
            ("SWARM_TORRENT_BYTES_DOWNLOADED", "\(bytesDownloaded)"),
            ("SWARM_TORRENT_BYTES_UPLOADED", "\(bytesUploaded)"),
            ("SWARM_TORRENT_FILES", "\(files)"),
            ("SWARM_TORRENT_PRIVATE", isPrivate ? "1" : "0"),
            ("SWARM_TORRENT_TRACKERS", trackers.joined(separator: ",")),
            ("SWARM_TORRENT_LABELS", labels.joined(separator: ",")),
            ("SWARM_TORRENT_CATEGORY", category ?? ""),
            ("TR_APP_VERSION", version), ("TR_TIME_LOCALTIME", time),
            ("TR_TORRENT_BYTES_DOWNLOADED", "\(bytesDownloaded)"),
            ("TR_TORRENT_DIR", directory), ("TR_TORRENT_HASH", infoHash),
            ("TR_TORRENT_ID", "\(id)"), ("TR_TORRENT_LABELS", labels.joined(separator: ",")),
            ("TR_TORRENT_NAME", name), ("TR_TORRENT_PRIORITY", "\(priority.rawValue)"),
            ("TR_TORRENT_TRACKERS", trackers.joined(separator: ",")),
        ]
    }

    /// The environment of the program: what of `base` is not between this process and those who
    /// started it, and the facts.
    public func environment(over base: [String: String]) -> [String: String] {
        var variables = base.filter { !Self.isPrivate($0.key) }
        for (name, value) in environment {
            // A zero byte ends a variable; names come without, but nothing here says so. What is
            // long would make the whole environment too large for the kernel.
            variables[name] = String(value.prefix { $0 != "\0" })
                .cut(toBytes: Limits.hookVariableBytesMax)
        }
        return variables
    }

    /// Our options, of which one is the password, and what systemd tells this process alone.
    private static func isPrivate(_ name: String) -> Bool {
        name.hasPrefix("SWARM_") || name.hasPrefix("LISTEN_") || name.hasPrefix("WATCHDOG_")
            || ["NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "INVOCATION_ID"]
                .contains(name)
    }
}
