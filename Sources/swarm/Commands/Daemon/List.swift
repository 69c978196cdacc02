import ArgumentParser
import JSONText
import Seedbox
import Terminal

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the daemon's torrents.",
        discussion: "A terminal gets a table that fits it. Anything else gets a line for each "
            + "torrent, without a title, with tabs between: number, info-hash, state, bytes "
            + "there, bytes wanted, bytes a second down and up, ratio, connected peers, seconds "
            + "left, when it was added, category, labels, folder and name. What is not known is "
            + "empty.")

    @Argument(help: TorrentsArgument.help, completion: TorrentsArgument.completion)
    var torrent: [String] = []

    @OptionGroup(title: "Which torrents")
    var filter: FilterOptions

    @OptionGroup(title: "The order")
    var order: OrderOptions

    @OptionGroup
    var options: RemoteOptions

    /// What a table and a line of tabs are made of; all that there is for programs that read JSON.
    private static let fields = [
        "id", "infoHash", "infoHashV2", "name", "state", "error", "content", "progress",
        "bytesWanted", "bytesDone", "downloadRate", "uploadRate", "ratio", "peersConnected",
        "secondsLeft", "added", "category", "labels", "folder", "queuePosition",
    ]

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        var torrents = try daemon.torrents(options.json ? [] : Self.fields)
        if !torrent.isEmpty { torrents = try TorrentNames(torrents).find(torrent) }
        torrents = order.sorted(torrents.filter(filter.filter.admits))
        if options.json {
            return try console.print(["torrents": .array(torrents.map(\.json))])
        }
        guard console.traits.isOutputTerminal else {
            return try console.print(torrents.map { StyledLine(Self.tabbed($0)) })
        }
        if torrents.isEmpty, torrent.isEmpty, filter.filter == TorrentFilter() {
            return console.remark("there are no torrents; add one with 'swarm add'")
        }
        try console.print(
            Self.table(
                torrents, width: terminalSize(of: .output).width,
                isUnicode: console.traits.isUnicode))
    }

    static func table(_ torrents: [RemoteTorrent], width: Int, isUnicode: Bool) -> [StyledLine] {
        let table = TorrentTable(torrents, width: width, isUnicode: isUnicode)
        let sums = StyledLine(TorrentSums(torrents).line(isUnicode: isUnicode), .dim)
        let ellipsis: Character = isUnicode ? "…" : "~"
        let rows = torrents.isEmpty ? [] : [table.head] + table.lines(torrents.indices)
        return (rows + [sums]).map { $0.clipped(to: width, ellipsis: ellipsis) }
    }

    static func tabbed(_ torrent: RemoteTorrent) -> String {
        let values: [String] = [
            "\(torrent.id)", torrent.infoHashes.first ?? "", torrent.stateWord,
            "\(torrent.bytesDone)", torrent.hasMetadata ? "\(torrent.bytesWanted)" : "",
            "\(torrent.downloadRate)", "\(torrent.uploadRate)",
            torrent.ratio.map { ratioText($0) } ?? "", "\(torrent.count("peersConnected"))",
            torrent.secondsLeft.map { "\($0)" } ?? "", "\(torrent.added)",
            torrent.category ?? "", torrent.labels.joined(separator: ","),
            torrent.text("folder") ?? "", torrent.name,
        ]
        return values.map(terminalSafe).joined(separator: "\t")
    }
}

/// Which torrents a list shows.
struct FilterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Only torrents in one of these states, with commas between: "
                + TorrentFilter.State.allCases.map(\.word).joined(separator: ", ") + ".",
            valueName: "state"),
        completion: .list(TorrentFilter.State.allCases.map(\.word)),
        transform: parseStates)
    var state: [[TorrentFilter.State]] = []

    @Option(help: ArgumentHelp("Only torrents with this label; repeatable.", valueName: "label"))
    var label: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only torrents of this category, or of none if it is empty; repeatable.",
            valueName: "category"))
    var category: [String] = []

    var filter: TorrentFilter {
        TorrentFilter(states: state.flatMap(\.self), labels: label, categories: category)
    }
}

struct OrderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What to sort by: " + TorrentOrder.allCases.map(\.rawValue).joined(separator: ", ")
                + ".", valueName: "key"))
    var sort = TorrentOrder.id

    @Flag(name: [.short, .long], help: "Sort the other way round.")
    var reverse = false

    func sorted(_ torrents: [RemoteTorrent]) -> [RemoteTorrent] {
        sort.sorted(torrents, isReversed: reverse)
    }
}

extension TorrentOrder: ExpressibleByArgument {}

func parseStates(_ text: String) throws -> [TorrentFilter.State] {
    try text.split(separator: ",").map { word in
        let state = TorrentFilter.State.allCases.first { $0.word == word.lowercased() }
        guard let state else { throw UnknownWord(word: String(word), kind: "state") }
        return state
    }
}

/// A value that is one of a few words, and none of them.
struct UnknownWord: Error, CustomStringConvertible {
    let word: String
    let kind: String

    var description: String { "\(word) is no \(kind)" }
}
