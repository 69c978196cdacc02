public import Units

/// All that can be set of a seedbox, with what holds where nothing is said. What a value may be,
/// and what it is called in the file, is in `SettingKey.all` alone.
public struct Settings: Hashable, Sendable {
    public var network = Network()
    public var storage = Storage()
    public var limits = Rates()
    public var queue = Queue()
    /// For torrents of which neither they themselves nor their category say otherwise.
    public var seeding = SeedingLimits()
    public var adding = Adding()
    public var categories: [Category] = []
    public var watch: [WatchFolder] = []
    public var hooks = Hooks()
    public var webhooks: [Webhook] = []
    public var api = API()
    public var log = Log()

    public init() {}
}

extension Settings {
    public struct Network: Hashable, Sendable {
        /// For TCP and UDP; 0 takes any that is free.
        public var port: UInt16 = 51413
        /// The local address to accept at and dial from; nil is every address.
        public var bind: String?
        /// Connections of all torrents together.
        public var maxPeers = 1_000
        public var maxPeersPerTorrent = 100
        public var usesDHT = true
        public var usesLSD = true
        public var usesPEX = true
        public var usesTrackers = true
        /// Nil is the nodes that anybody may ask for the way in.
        public var dhtBootstrap: [HostPort]?
        /// Whether torrents may be fetched from, and webhooks sent to, addresses that are not of
        /// the open internet.
        public var allowsPrivateURLs = false
        /// What to tell whoever meets an address of a private network.
        static let allowingPrivateURLs = "which the setting network.private-urls would allow"

        public init() {}
    }

    public struct Storage: Hashable, Sendable {
        public var downloadFolder = ""
        /// Folders beside those of downloads and categories under which content may be put.
        public var allowedRoots: [String] = []
        /// Bytes that are left free on a disk: writing pauses there below them.
        public var minimumFree: Int64 = 512 << 20
        public var stateFolder = ""
        /// Nil leaves what the process was started with.
        public var umask: UInt32?

        public init() {}
    }

    public struct Rates: Hashable, Sendable {
        public var down: ByteRate?
        public var up: ByteRate?
        /// What holds instead while `schedule` says so, or, without one, `alternativeIsOn`. To
        /// change that holds against the schedule until it next begins or ends.
        public var alternativeDown: ByteRate?
        public var alternativeUp: ByteRate?
        public var alternativeIsOn = false
        public var schedule = WeekSchedule()
        public var groups: [LimitGroup] = []

        public init() {}
    }

    public struct Queue: Hashable, Sendable {
        /// Whether torrents wait for their turn at all.
        public var isOn = true
        /// Torrents that fetch at once; nil is no limit.
        public var activeDownloads: Int? = 8
        public var activeSeeds: Int?
        /// Minutes without a byte after which a download takes no place; nil is never.
        public var stalledMinutes: Int? = 30

        public init() {}
    }

    public struct Adding: Hashable, Sendable {
        public var startsPaused = false
        public var category: String?

        public init() {}
    }

    /// A folder in which files of torrents and links are looked for.
    public struct WatchFolder: Hashable, Sendable {
        public var folder: String
        public var category: String?
        public var labels: [String] = []
        /// Nil is as `adding` says.
        public var startsPaused: Bool?
        /// Where the content goes; nil is as the category or the settings say.
        public var downloadFolder: String?
        /// How often to look by ourselves, for folders that tell nobody of changes.
        public var interval = Interval.seconds(10)

        public init(folder: String) { self.folder = folder }
    }

    /// Programs that are run, each as its name and its arguments; an empty one is none.
    public struct Hooks: Hashable, Sendable {
        public var added: [String] = []
        public var completed: [String] = []
        public var seedingDone: [String] = []
        /// After which a program is ended.
        public var timeLimit = Interval.minutes(5)

        public init() {}
    }

    /// What hooks and webhooks are told of.
    public enum Event: String, CaseIterable, Sendable {
        case added
        case completed
        case seedingDone = "seeding-done"
    }

    public struct Webhook: Hashable, Sendable {
        public var url: String
        public var events: Set<Event> = Set(Event.allCases)

        public init(url: String) { self.url = url }
    }

    public struct API: Hashable, Sendable {
        /// Nil is no TCP.
        public var listen: HostPort? = HostPort(host: "127.0.0.1", port: 9091)
        /// The path of a Unix socket.
        public var socket: String?
        public var socketMode: UInt32 = 0o660
        /// What a proxy puts before every path: `/swarm`.
        public var basePath = ""
        /// Names by which it may be called, beside IP addresses and localhost; `*.example.org` is
        /// all names under it.
        public var allowedHosts: [String] = []
        public var allowedOrigins: [String] = []
        /// Addresses, or networks as `10.0.0.0/8`, whose `X-Forwarded-For` is believed.
        public var trustedProxies: [String] = []
        /// As it was given, or hashed: `$scrypt$ln=15,r=8,p=1$salt$key`, the last two in hex.
        public var password: String?
        /// A file with the password in its first line.
        public var passwordFile: String?
        public var tokens: [Token] = []
        /// Whether `/metrics` also has a series for each torrent.
        public var metricsPerTorrent = false

        public init() {}
    }

    /// A secret by which a program may do what its scope says, and no more.
    public struct Token: Hashable, Sendable {
        public enum Scope: String, CaseIterable, Sendable {
            case read, control, admin
        }

        public var name: String
        public var scope = Scope.read
        public var token: String?
        /// A file with the token in its first line.
        public var tokenFile: String?

        public init(name: String) { self.name = name }
    }

    public struct Log: Hashable, Sendable {
        public enum Level: String, CaseIterable, Sendable {
            case trace, debug, info, notice, warning, error
        }

        public enum Format: String, CaseIterable, Sendable {
            /// With the priorities that the journal reads where it is the journal that reads.
            case text
            /// One object a line.
            case json
        }

        public var level = Level.info
        public var format = Format.text

        public init() {}
    }
}

/// What torrents of one kind have in common.
public struct Category: Hashable, Sendable {
    public var name: String
    /// Nil is the folder of downloads.
    public var folder: String?
    public var seedingLimits = SeedingLimits()

    public init(name: String) { self.name = name }
}

/// Torrents that share rates.
public struct LimitGroup: Hashable, Sendable {
    public var name: String
    public var downloadLimit: ByteRate?
    public var uploadLimit: ByteRate?

    public init(name: String) { self.name = name }
}
