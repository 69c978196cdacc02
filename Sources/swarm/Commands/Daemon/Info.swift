import ArgumentParser
import Glibc
import JSONText
import Terminal
import Units

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show everything about torrents of the daemon.")

    @Flag(help: "Show the files, with the numbers that other commands take.")
    var files = false

    @Flag(help: "Show the connected peers.")
    var peers = false

    @Flag(help: "Show the trackers.")
    var trackers = false

    @Flag(name: [.short, .long], help: "Show files, peers and trackers.")
    var all = false

    @OptionGroup
    var options: TorrentsOptions

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        let named = try daemon.find(options.torrent)
        let parts = [
            files || all ? TorrentPart.files : nil, peers || all ? .peers : nil,
            trackers || all ? .trackers : nil,
        ].compactMap(\.self)
        var objects: [JSON] = []
        for (place, found) in named.enumerated() {
            let whole = try daemon.torrent(found.id)
            var members = whole.json.members ?? []
            if !options.json {
                if place > 0 { try console.print("") }
                try console.print(TorrentInfoText(torrent: whole).lines)
            }
            for part in parts {
                let list = try daemon.list(part.rawValue, of: whole.id)
                members.append((part.rawValue, .array(list)))
                guard !options.json else { continue }
                try console.print("")
                try console.print(part.lines(list, isUnicode: console.traits.isUnicode))
            }
            objects.append(.object(members))
        }
        if options.json { try console.print(["torrents": .array(objects)]) }
    }
}

/// A list that a torrent has, by the API's name of it.
enum TorrentPart: String {
    case files
    case peers
    case trackers
    case why

    func lines(_ list: [JSON], isUnicode: Bool) -> [StyledLine] {
        switch self {
        case .files: TorrentPartsText.files(list, isUnicode: isUnicode)
        case .peers: TorrentPartsText.peers(list)
        case .trackers: TorrentPartsText.trackers(list, now: Int64(time(nil)))
        case .why: TorrentPartsText.reasons(list)
        }
    }

    /// Writes this list of each torrent, under the torrent's name if there are several.
    func write(
        of words: [String], _ daemon: Daemon, _ console: Console
    ) throws {
        var objects: [JSON] = []
        let torrents = try self == .why ? daemon.findWhole(words) : daemon.find(words)
        for (place, torrent) in torrents.enumerated() {
            let list = try daemon.list(rawValue, of: torrent.id)
            guard !console.options.json else {
                let name = self == .why ? "reasons" : rawValue
                objects.append(.object(torrent.naming + [(name, .array(list))]))
                continue
            }
            if place > 0, self != .why { try console.print("") }
            if torrents.count > 1 || self == .why { try console.print(title(torrent)) }
            try console.print(lines(list, isUnicode: console.traits.isUnicode))
        }
        if console.options.json { try console.print(["torrents": .array(objects)]) }
    }

    private func title(_ torrent: RemoteTorrent) -> StyledLine {
        var line = StyledLine("\(torrent.id)  ", .dim)
        line.append(terminalSafe(torrent.name), .bold)
        guard self == .why else { return line }
        let permille = torrent.permilleDone
        line.append("  \(terminalSafe(torrent.stateWord))", torrent.stateStyle)
        line.append(", \(permille / 10).\(permille % 10)%")
        line.append(", \(sizeText(torrent.downloadRate))/s down")
        line.append(", \(sizeText(torrent.uploadRate))/s up")
        return line
    }
}

struct Why: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Say why torrents are not faster.",
        discussion: "The reasons come from what the daemon counts, the weightiest first, each "
            + "with what can be done about it where that is known.")

    @OptionGroup
    var options: TorrentsOptions

    func run() throws {
        let console = options.console()
        try TorrentPart.why.write(of: options.torrent, options.daemon(), console)
    }
}
