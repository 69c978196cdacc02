import ArgumentParser
import JSONText
import Terminal
import Units

struct Limit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Limit torrents of the daemon, or all of it, or show the limits.",
        discussion: "Without torrents the limits are those of the whole daemon; without options "
            + "they are shown. A rule of seeding that is 'inherited' is as the torrent's "
            + "category, or the daemon, has it. Changes are kept over restarts.")

    @Argument(help: TorrentsArgument.help, completion: TorrentsArgument.completion)
    var torrent: [String] = []

    @OptionGroup(title: "The limits")
    var limits: LimitOptions

    @OptionGroup
    var options: RemoteOptions

    func validate() throws {
        if !torrent.isEmpty, let option = limits.optionOfSession {
            throw ValidationError("\(option) is not for single torrents; name none")
        }
        if torrent.isEmpty, let option = limits.optionOfTorrents {
            throw ValidationError("\(option) is for single torrents; name some, or all")
        }
    }

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        if torrent.isEmpty {
            try limitSession(daemon, console)
        } else {
            try limitTorrents(daemon, console)
        }
    }

    private func limitSession(_ daemon: Daemon, _ console: Console) throws {
        let changes = limits.sessionChanges
        if !changes.isEmpty { try daemon.changeSettings(.object(changes)) }
        guard changes.isEmpty || console.options.json else {
            return console.remark("limits are changed")
        }
        let settings = try daemon.settings()
        let statistics = try daemon.session()["statistics"]
        guard !console.options.json else {
            let inForce = ["usesAlternativeLimits", "alternativeLimitsBy"].map {
                (name: $0, value: statistics?[$0] ?? .null)
            }
            let kept = ["limits", "seeding"].map { (name: $0, value: settings[$0] ?? .null) }
            return try console.print(.object(kept + inForce))
        }
        try console.print(LimitText.session(settings, statistics))
    }

    private func limitTorrents(_ daemon: Daemon, _ console: Console) throws {
        let changes = limits.torrentChanges
        guard changes.isEmpty else {
            let torrents = try daemon.find(torrent)
            try daemon.change(torrents, changes)
            return try DoneReport(console: console).tell("limited", torrents)
        }
        let torrents = try daemon.findWhole(torrent)
        guard !console.options.json else {
            let names = ["downloadLimit", "uploadLimit", "peersMax", "seedingLimits", "group"]
            let objects = torrents.map { torrent in
                JSON.object(torrent.naming + names.map { ($0, torrent.json[$0] ?? .null) })
            }
            return try console.print(["torrents": .array(objects)])
        }
        try console.print(
            torrents.map { torrent in
                var line = StyledLine("\(torrent.id)  ", .dim)
                line.append(terminalSafe(torrent.name), .bold)
                line.append(
                    "  " + terminalSafe(LimitText.words(of: torrent.json) ?? "none of its own"))
                return line
            })
    }
}

/// What may be limited.
struct LimitOptions: ParsableArguments {
    @OptionGroup
    var rates: RateOptions

    @Option(
        help: ArgumentHelp(
            "The most to receive in a second while the alternative limits hold.",
            valueName: "rate"), transform: RateLimit.init(_:))
    var alternativeDown: RateLimit?

    @Option(
        help: ArgumentHelp(
            "The most to send in a second while the alternative limits hold.", valueName: "rate"),
        transform: RateLimit.init(_:))
    var alternativeUp: RateLimit?

    @Option(
        help: ArgumentHelp(
            "Whether the alternative limits hold now, on or off.", valueName: "switch"))
    var alternative: Switch?

    @Option(
        help: ArgumentHelp("The most connections of a torrent, or none.", valueName: "n"),
        transform: parsePeersMax)
    var peers: CountLimit?

    @OptionGroup
    var seeding: SeedingOptions

    @Option(
        help: ArgumentHelp(
            "The group of torrents that shares a limit, or none.", valueName: "group"))
    var group: String?

    /// An option that is given and cannot be for single torrents.
    var optionOfSession: String? {
        if alternative != nil { return "--alternative" }
        if alternativeDown != nil { return "--alternative-down" }
        return alternativeUp != nil ? "--alternative-up" : nil
    }

    var optionOfTorrents: String? {
        if peers != nil { return "--peers" }
        return group != nil ? "--group" : nil
    }

    /// As the settings' own names have it.
    var sessionChanges: [JSON.Member] {
        let limits: [(String, JSON?)] = [
            ("down", rates.down?.json), ("up", rates.up?.json),
            ("alternative-down", alternativeDown?.json),
            ("alternative-up", alternativeUp?.json),
            ("alternative", alternative.map { .bool($0 == .on) }),
        ]
        // Settings have one name that torrents have not.
        let rules = seeding.members.map { ($0.name == "seedTime" ? "time" : $0.name, $0.value) }
        return [("limits", JSON.given(limits)), ("seeding", rules)].compactMap { name, members in
            members.isEmpty ? nil : (name, .object(members))
        }
    }

    var torrentChanges: [JSON.Member] {
        let others: [(String, JSON?)] = [
            ("peersMax", peers?.json),
            ("group", group.map { $0 == "none" ? .null : .string($0) }),
            ("seedingLimits", seeding.rules),
        ]
        return rates.members + JSON.given(others)
    }
}

enum Switch: String, CaseIterable, ExpressibleByArgument {
    case on
    case off
}

/// A number of connections, or no limit.
struct CountLimit: Equatable {
    var count: Int?

    var json: JSON { count.map(JSON.count) ?? .null }
}

private func parsePeersMax(_ text: String) throws(ValueFault) -> CountLimit {
    if text.lowercased() == "none" { return CountLimit(count: nil) }
    guard let count = Int(text), (1...Limits.peersMax).contains(count) else { throw .outOfRange }
    return CountLimit(count: count)
}
