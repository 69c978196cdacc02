import ArgumentParser
import JSONText
import Terminal
import Units

struct Files: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "files",
        abstract: "Show the files of torrents of the daemon, or say which are wanted.",
        discussion: "Numbers of files are those that this command shows: 1-3,7, or all.")

    @Option(
        help: ArgumentHelp("Fetch these.", valueName: "list"), transform: FileChoice.init(_:))
    var want: FileChoice?

    @Option(
        help: ArgumentHelp("Do not fetch these.", valueName: "list"),
        transform: FileChoice.init(_:))
    var skip: FileChoice?

    @Option(
        help: ArgumentHelp("Fetch these before others.", valueName: "list"),
        transform: FileChoice.init(_:))
    var high: FileChoice?

    @Option(
        help: ArgumentHelp("Fetch these as most are.", valueName: "list"),
        transform: FileChoice.init(_:))
    var normal: FileChoice?

    @Option(
        help: ArgumentHelp("Fetch these after others.", valueName: "list"),
        transform: FileChoice.init(_:))
    var low: FileChoice?

    @Option(
        help: ArgumentHelp(
            "Whether pieces are fetched in order rather than the rarest first, on or off.",
            valueName: "switch"))
    var sequential: Switch?

    @OptionGroup
    var options: TorrentsOptions

    private var isChange: Bool {
        sequential != nil || [want, skip, high, normal, low].contains { $0 != nil }
    }

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        guard isChange else {
            return try TorrentPart.files.write(of: options.torrent, daemon, console)
        }
        let torrents = try daemon.find(options.torrent)
        for torrent in torrents {
            let numbers = try daemon.list("files", of: torrent.id).map {
                TorrentPartsText.number(of: $0)
            }
            try daemon.change(torrent, changes(of: numbers, torrent.name))
        }
        try DoneReport(console: console).tell("changed", torrents)
    }

    /// The members by which the daemon is told; it counts from 0.
    private func changes(of numbers: [Int], _ name: String) throws(Failure) -> [JSON.Member] {
        let known = Set(numbers)
        var wanted: [JSON.Member] = []
        var priorities: [JSON.Member] = []
        for (choice, isWanted) in [(want, true), (skip, false)] {
            for number in try choice?.numbers(among: known, name) ?? [] {
                wanted.append(("\(number - 1)", .bool(isWanted)))
            }
        }
        for (choice, priority) in [(high, "high"), (normal, "normal"), (low, "low")] {
            for number in try choice?.numbers(among: known, name) ?? [] {
                priorities.append(("\(number - 1)", .string(priority)))
            }
        }
        var twice: Set<String> = []
        for name in wanted.map(\.name) where !twice.insert(name).inserted {
            throw Failure(.badUsage, "file \(name)", "is to be both fetched and left out")
        }
        return [("wanted", wanted), ("filePriorities", priorities)].compactMap { name, members in
            members.isEmpty ? nil : (name, .object(members))
        } + (sequential.map { [("isSequential", .bool($0 == .on))] } ?? [])
    }
}

/// Numbers of files, or all.
struct FileChoice: Equatable {
    let list: FileList?

    init(_ text: String) throws(ValueFault) {
        list = text.lowercased() == "all" ? nil : try FileList(text)
    }

    func numbers(among known: Set<Int>, _ name: String) throws(Failure) -> [Int] {
        guard let list else { return known.sorted() }
        guard list.last <= known.max() ?? 0 else {
            throw Failure(
                .badUsage, name, "has \(countText(known.count, "file")), no file \(list.last)",
                remedy: "see 'swarm files'")
        }
        return known.filter(list.contains).sorted()
    }
}
