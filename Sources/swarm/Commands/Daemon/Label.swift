import ArgumentParser
import JSONText
import Terminal

struct Label: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "label",
        abstract: "Give labels to torrents of the daemon, take them away, or show them.",
        discussion: "swarm label 3-7 +film -new gives torrents the label film and takes new from "
            + "them.")

    @Argument(
        help: ArgumentHelp(
            "Which torrents, as for list, and +label to give one or -label to take one away.",
            valueName: "torrent-or-label"),
        completion: TorrentsArgument.completion)
    var torrent: [String]

    @Option(help: ArgumentHelp("Give this label; repeatable.", valueName: "label"))
    var add: [String] = []

    @Option(help: ArgumentHelp("Take this label away; repeatable.", valueName: "label"))
    var remove: [String] = []

    @Flag(help: "Take all other labels away.")
    var clear = false

    @Option(help: ArgumentHelp("The category, or none.", valueName: "category"))
    var category: String?

    @OptionGroup
    var options: RemoteOptions

    /// `-new` as the option that it stands for: the parser would take it for several flags.
    static func spelledOut(_ arguments: [String]) -> [String] {
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        return arguments[..<end].map { word in
            let isFlag = ["-q", "-h"].contains(word) || word.dropFirst().allSatisfy { $0 == "v" }
            guard word.hasPrefix("-"), !word.hasPrefix("--"), !isFlag else { return word }
            return "--remove=" + word.dropFirst()
        } + arguments[end...]
    }

    func validate() throws {
        guard !words.isEmpty else { throw ValidationError("name torrents too, or all") }
        guard !torrent.contains("+"), !(add + remove).contains("") else {
            throw ValidationError("a label has at least one character")
        }
    }

    private var words: [String] { torrent.filter { !$0.hasPrefix("+") } }

    /// The labels of a torrent that had these.
    func labels(after old: [String]) -> [String] {
        let given = add + torrent.filter { $0.hasPrefix("+") }.map { String($0.dropFirst()) }
        var labels = clear ? [] : old.filter { !remove.contains($0) }
        for label in given where !labels.contains(label) { labels.append(label) }
        return labels
    }

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        let fields = ["id", "infoHash", "infoHashV2", "name", "labels", "category"]
        let torrents = try TorrentNames(daemon.torrents(fields)).find(words)
        let isChange =
            torrent.count > words.count || clear || category != nil
            || !(add + remove).isEmpty
        guard isChange else { return try show(torrents, console) }
        // Those that come to the same labels are told together.
        for (labels, alike) in Dictionary(grouping: torrents, by: { labels(after: $0.labels) }) {
            var changes: [JSON.Member] = []
            if alike.contains(where: { $0.labels != labels }) {
                changes.append(("labels", .strings(labels)))
            }
            if let category {
                changes.append(("category", category == "none" ? .null : .string(category)))
            }
            if !changes.isEmpty { try daemon.change(alike, changes) }
        }
        try DoneReport(console: console).tell("labelled", torrents)
    }

    private func show(_ torrents: [RemoteTorrent], _ console: Console) throws {
        if console.options.json {
            let objects = torrents.map { torrent in
                JSON.object(
                    torrent.naming + [
                        ("labels", .strings(torrent.labels)),
                        ("category", .optional(torrent.category)),
                    ])
            }
            return try console.print(["torrents": .array(objects)])
        }
        for torrent in torrents {
            var line = StyledLine("\(torrent.id)  ", .dim)
            line.append(terminalSafe(torrent.name), .bold)
            line.append("  " + torrent.labels.map(terminalSafe).joined(separator: ", "))
            if let category = torrent.category {
                line.append("  category \(terminalSafe(category))", .dim)
            }
            try console.print(line)
        }
    }
}
