import ArgumentParser
import Seedbox
import Terminal

/// Options that are settings of the daemon. Their values are read where those of its file are.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Where to be spoken to; none is nowhere.", valueName: "host:port"))
    var api: String?

    @Option(
        help: ArgumentHelp(
            "A Unix socket at which to be spoken to, or none; swarm/api.sock in XDG_RUNTIME_DIR "
                + "unless given.", valueName: "path"),
        completion: .file())
    var apiSocket: String?

    @Option(
        help: ArgumentHelp("Where content goes.", valueName: "dir"), completion: .directory)
    var downloadDir: String?

    @Option(
        help: ArgumentHelp(
            "A folder in which torrents and links are looked for; repeatable.", valueName: "dir"),
        completion: .directory)
    var watch: [String] = []

    @Option(help: ArgumentHelp("The port to accept peers at; 0 takes any.", valueName: "n"))
    var port: String?

    @Option(
        help: ArgumentHelp(
            "The local IP address to accept peers at and to dial from.", valueName: "address"))
    var bind: String?

    @Option(help: ArgumentHelp("The most connections of one torrent.", valueName: "n"))
    var maxPeers: String?

    @Option(help: ArgumentHelp("The most to send in a second; 0 is no limit.", valueName: "rate"))
    var upLimit: String?

    @Option(
        help: ArgumentHelp("The most to receive in a second; 0 is no limit.", valueName: "rate"))
    var downLimit: String?

    @OptionGroup
    var without: WithoutOptions

    @Option(
        help: ArgumentHelp(
            "A node of the DHT to ask for the way in, instead of those that anybody may ask; "
                + "repeatable.", valueName: "host:port"))
    var dhtBootstrap: [String] = []
}

extension SettingsOptions {
    /// Options whose variables the settings read by themselves, so as to tell who said what.
    static let variablesReadElsewhere = Set(SettingKey.all.compactMap(\.option))

    /// All places that settings come from, read in that order.
    func sources(_ places: PlaceOptions, _ environment: [String: String]) -> SettingsSources {
        var sources = places.sources(environment)
        sources.options = given
        if let folder = places.stateDir {
            sources.options.append(
                .init("--state-dir", sets: "storage.state-folder", to: [absolutePath(folder)]))
        }
        return sources
    }

    func loaded(
        _ places: PlaceOptions, _ environment: [String: String]
    ) throws(Failure) -> LoadedSettings {
        do throws(SettingsError) { return try sources(places, environment).load() } catch {
            throw Failure(error)
        }
    }

    private var given: [SettingsSources.Option] {
        let texts: [(name: String, values: [String])] = [
            ("api", [api].compactMap(\.self)),
            (
                "api-socket",
                [apiSocket].compactMap { $0.map { $0.isEmpty ? "none" : absolutePath($0) } }
            ),
            ("download-dir", [downloadDir].compactMap { $0.map(absolutePath) }),
            ("watch", watch.map(absolutePath)),
            ("port", [port].compactMap(\.self)),
            ("bind", [bind].compactMap(\.self)),
            ("max-peers", [maxPeers].compactMap(\.self)),
            ("up-limit", [upLimit].compactMap(\.self)),
            ("down-limit", [downLimit].compactMap(\.self)),
            ("dht-bootstrap", dhtBootstrap),
        ]
        let keys = SettingKey.all
        let set = texts.compactMap { text -> SettingsSources.Option? in
            guard !text.values.isEmpty, let key = keys.first(where: { $0.option == text.name })
            else { return nil }
            return SettingsSources.Option("--\(text.name)", sets: key.name, to: text.values)
        }
        let turnedOff = [
            ("trackers", without.noTrackers), ("dht", without.noDHT), ("lsd", without.noLSD),
            ("pex", without.noPEX),
        ]
        return set
            + turnedOff.filter(\.1).map { name, _ in
                SettingsSources.Option("--no-\(name)", sets: "network.\(name)", to: ["false"])
            }
    }
}

extension Failure {
    init(_ error: SettingsError) {
        self.init(.badConfiguration, error.place, error.reason)
    }
}
