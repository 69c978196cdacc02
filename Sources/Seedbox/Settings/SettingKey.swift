public import JSONText

/// A setting: what it is called everywhere, what it may be, and what it is for. This table is all
/// that file, environment, options, changes at run time and manual know of settings.
public struct SettingKey: Sendable {
    /// When a change of it takes effect, and who may make it.
    public enum Reach: Sendable {
        /// At once, and also by those who speak to the daemon.
        case anyTime
        /// With SIGHUP, by whoever writes the file: it decides over programs, folders or secrets.
        case reload
        /// With the next start.
        case start
    }

    /// Its place in the file: `limits.down` is `down` in `[limits]`.
    public let name: String
    public let reach: Reach
    /// What it is called where it has a place of its own: as an option of `swarm daemon`, and after
    /// `SWARM_` in the environment.
    public let option: String?
    public let help: String
    let field: SettingField<Settings>

    init<Value>(
        _ name: String, _ path: any WritableKeyPath<Settings, Value> & Sendable,
        _ form: SettingForm<Value>, reach: Reach = .anyTime, option: String? = nil,
        _ help: String
    ) {
        self.name = name
        self.reach = reach
        self.option = option
        self.help = help
        field = SettingField(name, path, form)
    }

    public var isList: Bool { field.isList }

    /// The variables of the environment that set it, the one that wins first.
    public var variables: [String] {
        let names = [option, name].compactMap(\.self).map { name in
            "SWARM_" + name.uppercased().map { "-.".contains($0) ? "_" : String($0) }.joined()
        }
        return names.first == names.last ? Array(names.prefix(1)) : names
    }

    /// The value of it, without secrets.
    public func shown(_ settings: Settings) -> JSON { field.write(settings, true) }

    public static func named(_ name: String) -> SettingKey? { byName[name] }

    private static let byName = Dictionary(
        all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    public static let all: [SettingKey] =
        network + storage + limits + queue + seeding + adding + hooks + api + log
}

extension SettingKey {
    private static let network: [SettingKey] = [
        SettingKey(
            "network.port", \.network.port, .port, option: "port",
            "The port for peers, TCP and UDP; 0 takes any."),
        SettingKey(
            "network.bind", \.network.bind, .optional(.address), reach: .start, option: "bind",
            "The local address for peers; none is every address."),
        SettingKey(
            "network.max-peers", \.network.maxPeers, .whole(1...100_000),
            "Connections of all torrents together."),
        SettingKey(
            "network.max-peers-per-torrent", \.network.maxPeersPerTorrent, .whole(1...10_000),
            option: "max-peers", "Connections of one torrent."),
        SettingKey(
            "network.dht", \.network.usesDHT, .flag, "Look for peers in the DHT."),
        SettingKey(
            "network.lsd", \.network.usesLSD, .flag,
            "Look for peers on the local network."),
        SettingKey(
            "network.pex", \.network.usesPEX, .flag, "Let peers tell of peers."),
        SettingKey(
            "network.trackers", \.network.usesTrackers, .flag, "Ask trackers for peers."),
        SettingKey(
            "network.dht-bootstrap", \.network.dhtBootstrap,
            .optional(.list(of: .hostAndPort)), reach: .start, option: "dht-bootstrap",
            "Nodes to ask for the way into the DHT; none is those that anybody may ask."),
        SettingKey(
            "network.private-urls", \.network.allowsPrivateURLs, .flag, reach: .reload,
            "Let torrents come from, and webhooks go to, addresses of private networks."),
    ]

    private static let storage: [SettingKey] = [
        SettingKey(
            "storage.download-folder", \.storage.downloadFolder, .path, option: "download-dir",
            "Where content goes."),
        SettingKey(
            "storage.allowed-roots", \.storage.allowedRoots, .list(of: .path), reach: .reload,
            "Folders, beside those of downloads and categories, that content may be put under."),
        SettingKey(
            "storage.minimum-free", \.storage.minimumFree, .size,
            "Space that is left free on every disk."),
        SettingKey(
            "storage.state-folder", \.storage.stateFolder, .path, reach: .start,
            option: "state-dir",
            "Where the daemon keeps what it must not forget."),
        SettingKey(
            "storage.umask", \.storage.umask, .optional(.permissions), reach: .start,
            option: "umask",
            "Permissions that new files do not get; none is what the process was started with."),
    ]

    private static let limits: [SettingKey] = [
        SettingKey(
            "limits.down", \.limits.down, .rate, option: "down-limit",
            "The most to receive in a second."),
        SettingKey(
            "limits.up", \.limits.up, .rate, option: "up-limit", "The most to send in a second."),
        SettingKey(
            "limits.alternative-down", \.limits.alternativeDown, .rate,
            "The same while the alternative limits hold."),
        SettingKey(
            "limits.alternative-up", \.limits.alternativeUp, .rate,
            "The same while the alternative limits hold."),
        SettingKey(
            "limits.alternative", \.limits.alternativeIsOn, .flag,
            "Whether the alternative limits hold now; with a schedule, until it next begins or "
                + "ends."),
        SettingKey(
            "limits.schedule", \.limits.schedule, .schedule,
            "When the alternative limits hold: \"mon-fri 08:00-18:00\"."),
        SettingKey(
            "groups", \.limits.groups, .list(of: .group), "Torrents that share rates."),
    ]

    private static let queue: [SettingKey] = [
        SettingKey("queue.enabled", \.queue.isOn, .flag, "Whether torrents wait for their turn."),
        SettingKey(
            "queue.active-downloads", \.queue.activeDownloads, .optional(.whole(1...100_000)),
            "Torrents that fetch at once."),
        SettingKey(
            "queue.active-seeds", \.queue.activeSeeds, .optional(.whole(1...1_000_000)),
            "Torrents that seed at once."),
        SettingKey(
            "queue.stalled-minutes", \.queue.stalledMinutes, .optional(.whole(1...100_000)),
            "Minutes without a byte after which a download makes room for another."),
    ]

    private static let seeding: [SettingKey] = [
        SettingKey(
            "seeding.ratio", \.seeding.ratio, .rule(.ratio), "The ratio at which seeding ends."),
        SettingKey(
            "seeding.time", \.seeding.seedTime, .rule(.seconds), "How long is seeded."),
        SettingKey(
            "seeding.idle", \.seeding.idle, .rule(.seconds),
            "How long nobody must have taken anything for seeding to end."),
        SettingKey(
            "seeding.action", \.seeding.action, .optional(.choice()),
            "What is done then: pause, remove or remove-with-data."),
    ]

    private static let adding: [SettingKey] = [
        SettingKey(
            "adding.paused", \.adding.startsPaused, .flag, "Whether new torrents wait."),
        SettingKey(
            "adding.category", \.adding.category, .optional(.text), "The new torrents' category."),
        SettingKey(
            "categories", \.categories, .list(of: .category),
            "Torrents of one kind."),
        SettingKey(
            "watch", \.watch, .list(of: .watchFolder, countMax: 64), reach: .reload,
            option: "watch",
            "Folders in which torrents are looked for."),
    ]

    private static let hooks: [SettingKey] = [
        SettingKey(
            "hooks.added", \.hooks.added, .list(of: .text), reach: .reload,
            "A program, and its arguments, that is run for a new torrent."),
        SettingKey(
            "hooks.completed", \.hooks.completed, .list(of: .text), reach: .reload,
            "The same for a torrent whose content is complete."),
        SettingKey(
            "hooks.seeding-done", \.hooks.seedingDone, .list(of: .text), reach: .reload,
            "The same for a torrent that has reached a limit of seeding."),
        SettingKey(
            "hooks.time-limit", \.hooks.timeLimit, .interval, reach: .reload,
            "How long such a program may run."),
        SettingKey(
            "webhooks", \.webhooks, .list(of: .webhook, countMax: 64), reach: .reload,
            "Links that are told the same."),
    ]

    private static let api: [SettingKey] = [
        SettingKey(
            "api.listen", \.api.listen, .optional(.listener), reach: .start, option: "api",
            "Where to be spoken to; none is nowhere but the socket."),
        SettingKey(
            "api.socket", \.api.socket, .optional(.path), reach: .start, option: "api-socket",
            "The same as a Unix socket; swarm/api.sock in XDG_RUNTIME_DIR unless given."),
        SettingKey(
            "api.socket-mode", \.api.socketMode, .permissions, reach: .start,
            "The permissions of that socket."),
        SettingKey(
            "api.base-path", \.api.basePath, .basePath, reach: .start,
            "What a proxy puts before every path: /swarm."),
        SettingKey(
            "api.allowed-hosts", \.api.allowedHosts, .list(of: .hostName), reach: .reload,
            "Names that the daemon may be called by in a browser; *.example.org is all under it."),
        SettingKey(
            "api.allowed-origins", \.api.allowedOrigins, .list(of: .origin), reach: .reload,
            "Other pages that may speak to it: https://example.org."),
        SettingKey(
            "api.trusted-proxies", \.api.trustedProxies, .list(of: .addressRange), reach: .reload,
            "Addresses and networks whose X-Forwarded-For is believed."),
        SettingKey(
            "api.password", \.api.password, .optional(.secret), reach: .reload, option: "password",
            "The password, or '$scrypt$ln=15,r=8,p=1$salt$key' of it; better in a file."),
        SettingKey(
            "api.password-file", \.api.passwordFile, .optional(.path), reach: .reload,
            option: "password-file",
            "A file with the password in its first line."),
        SettingKey(
            "api.tokens", \.api.tokens, .list(of: .token, countMax: 256), reach: .reload,
            "Secrets of programs, each with what it may do."),
        SettingKey(
            "api.metrics-per-torrent", \.api.metricsPerTorrent, .flag,
            "Whether /metrics has series for each torrent."),
    ]

    private static let log: [SettingKey] = [
        SettingKey(
            "log.level", \.log.level, .choice(), "trace, debug, info, notice, warning or error."),
        SettingKey("log.format", \.log.format, .choice(), reach: .reload, "text or json."),
    ]
}
