import ArgumentParser
import JSONText
import Terminal

struct Trackers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trackers",
        abstract: "Show the trackers of torrents, and what they say, or change them.",
        discussion: "swarm trackers all --replace http://old.example/announce --with "
            + "https://new.example/announce moves every torrent that asks the one to the other.")

    @Option(
        help: ArgumentHelp(
            "A tracker to ask too, as the last tier; commas separate those of one tier, and it "
                + "can be repeated.", valueName: "url"))
    var add: [String] = []

    @Option(help: ArgumentHelp("A tracker to ask no more; repeatable.", valueName: "url"))
    var remove: [String] = []

    @Option(
        help: ArgumentHelp("The tracker in whose place another comes.", valueName: "url"))
    var replace: String?

    @Option(help: ArgumentHelp("The one that comes in its place.", valueName: "url"))
    var with: String?

    @OptionGroup
    var options: TorrentsOptions

    func validate() throws {
        guard (replace == nil) == (with == nil) else {
            throw ValidationError("--replace and --with belong together")
        }
    }

    private var isChange: Bool { !add.isEmpty || !remove.isEmpty || replace != nil }

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        guard isChange else {
            return try TorrentPart.trackers.write(of: options.torrent, daemon, console)
        }
        var changes: [(torrent: RemoteTorrent, tiers: [[String]])] = []
        var found: Set<String> = []
        for torrent in try daemon.find(options.torrent) {
            let old = Self.tiers(try daemon.list("trackers", of: torrent.id))
            found.formUnion(old.joined())
            let new = tiers(after: old)
            if new != old { changes.append((torrent, new)) }
        }
        // One of several torrents may lack it; if none has it, it is probably misspelt.
        for url in remove + [replace].compactMap(\.self) where !found.contains(url) {
            throw Failure(
                .failed, url, "is none of their trackers", remedy: "see 'swarm trackers'")
        }
        for (torrent, tiers) in changes {
            try daemon.change(torrent, [("trackers", .array(tiers.map(JSON.strings)))])
        }
        try DoneReport(console: console).tell("changed the trackers of", changes.map(\.torrent))
    }

    static func tiers(_ trackers: [JSON]) -> [[String]] {
        var tiers: [(number: Int64, urls: [String])] = []
        for tracker in trackers {
            guard let url = tracker["url"]?.string else { continue }
            let number = tracker["tier"]?.integer ?? 0
            if let place = tiers.firstIndex(where: { $0.number == number }) {
                tiers[place].urls.append(url)
            } else {
                tiers.append((number, [url]))
            }
        }
        return tiers.sorted { $0.number < $1.number }.map(\.urls)
    }

    /// What there was, with all that is to be otherwise, and each once.
    func tiers(after old: [[String]]) -> [[String]] {
        let wanted =
            old.map { tier in
                tier.filter { !remove.contains($0) }.map { $0 == replace ? with ?? $0 : $0 }
            } + trackerTiers(add)
        var seen: Set<String> = []
        return wanted.map { tier in tier.filter { seen.insert($0).inserted } }
            .filter { !$0.isEmpty }
    }
}
