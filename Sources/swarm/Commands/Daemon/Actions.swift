import ArgumentParser
import JSONText
import Terminal
import Units

/// Tells what was done, to people on standard error and to programs as an object.
struct DoneReport {
    let console: Console

    /// `paused 2 torrents`, `paused Film`.
    func tell(_ verb: String, _ torrents: [RemoteTorrent]) throws(Failure) {
        if console.options.json {
            let names = torrents.map { JSON.object($0.naming) }
            return try console.print([
                "done": .string(verb), "torrents": .array(names),
            ])
        }
        guard torrents.count != 1 else { return console.remark("\(verb) \(torrents[0].name)") }
        console.remark("\(verb) \(countText(torrents.count, "torrent"))")
    }

    /// `removed the category: films, music`.
    func tell(_ words: String, named names: [String]) throws(Failure) {
        if console.options.json {
            return try console.print(["done": .string(words), "names": .strings(names)])
        }
        console.remark("\(words): \(names.joined(separator: ", "))")
    }
}

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Have torrents of the daemon stop.")

    @OptionGroup
    var options: TorrentsOptions

    func run() throws { try options.act("pause", told: "paused") }
}

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Have paused torrents of the daemon go on.")

    @Flag(help: "Do not wait for a turn in the queue.")
    var now = false

    @OptionGroup
    var options: TorrentsOptions

    func run() throws {
        try options.act("start", now ? [("bypassingQueue", true)] : [], told: "resumed")
    }
}

struct Recheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recheck",
        abstract: "Have the daemon hash again what torrents have on disk.")

    @OptionGroup
    var options: TorrentsOptions

    func run() throws { try options.act("recheck", told: "checking") }
}

struct Reannounce: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reannounce",
        abstract: "Have the daemon ask the trackers of torrents for peers, now.")

    @OptionGroup
    var options: TorrentsOptions

    func run() throws { try options.act("reannounce", told: "announcing") }
}

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take torrents from the daemon.",
        discussion: "What was fetched stays on disk, unless it is to go too. On a terminal that "
            + "is asked about first.")

    @Flag(help: "Delete their content, too.")
    var withData = false

    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false

    @OptionGroup
    var options: TorrentsOptions

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        let torrents =
            try withData ? daemon.findWhole(options.torrent) : daemon.find(options.torrent)
        if withData, !yes, !torrents.isEmpty {
            guard Question.isAnsweredYes(Self.question(torrents)) else {
                throw Failure(.failed, nil, "nothing was removed")
            }
        }
        try daemon.act("remove", on: torrents, [("deletingData", .bool(withData))])
        let verb = withData ? "removed, with its data," : "removed"
        try DoneReport(console: console).tell(verb, torrents)
    }

    static func question(_ torrents: [RemoteTorrent]) -> [String] {
        let bytes = torrents.reduce(Int64(0)) { $0.addingSaturating($1.bytesDone) }
        let shown = torrents.prefix(10).map { "  " + terminalSafe($0.name) }
        let more = torrents.count - shown.count
        return shown + (more > 0 ? ["  and \(more) more"] : [])
            + ["delete \(sizeText(bytes)) of \(countText(torrents.count, "torrent"))? [y/N] "]
    }
}

struct Move: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Move the content of torrents to another folder of the daemon's machine.",
        usage: "swarm move <torrent> ... <folder> [--no-data] [options]",
        discussion: "The last word is the folder. It is one of those that the daemon may write "
            + "to.")

    @Argument(
        help: ArgumentHelp(
            "Which torrents, as for list, and then the folder.", valueName: "torrent-or-folder"),
        completion: TorrentsArgument.completion)
    var torrent: [String]

    @Flag(help: "The content is there already, or is to stay where it is; look there from now on.")
    var noData = false

    @OptionGroup
    var options: RemoteOptions

    func validate() throws {
        guard torrent.count >= 2 else {
            throw ValidationError("name torrents, and then the folder to move them to")
        }
    }

    func run() throws {
        let report = DoneReport(console: options.console())
        let daemon = try options.daemon()
        let folder = try daemon.folder(torrent.last ?? "")
        let torrents = try daemon.find(Array(torrent.dropLast()))
        try daemon.act(
            "move", on: torrents,
            [("folder", .string(folder)), ("movingData", .bool(!noData))])
        try report.tell(noData ? "moved, without data," : "moving", torrents)
    }
}
