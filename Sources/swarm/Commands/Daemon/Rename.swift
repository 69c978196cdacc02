import ArgumentParser
import JSONText
import Terminal

struct Rename: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Rename a torrent of the daemon, or a file or folder of it.",
        usage: "swarm rename <torrent> [<file>] <name> [options]",
        discussion: "The file is a number as 'swarm files' shows it, or the path of a file or "
            + "folder, which begins with the torrent's name, as in Film/extras; without one the "
            + "torrent itself gets the name. Only the daemon's own copy on disk is renamed, and "
            + "only in its place: 'swarm move' puts it elsewhere.")

    @Argument(
        help: ArgumentHelp(
            "Which torrent: a number as list shows it, an info-hash or the beginning of one, or "
                + "a name."), completion: TorrentsArgument.completion)
    var torrent: String

    @Argument(
        help: ArgumentHelp(
            "What of it, if not all, and then the new name.", valueName: "file-or-name"))
    var words: [String]

    @OptionGroup
    var options: RemoteOptions

    func validate() throws {
        guard (1...2).contains(words.count) else {
            throw ValidationError("name one file or folder of it, and then the new name")
        }
    }

    func run() throws {
        let report = DoneReport(console: options.console())
        let daemon = try options.daemon()
        let torrents = try daemon.find([torrent])
        guard torrents.count == 1 else {
            throw Failure(
                .badUsage, torrent, "means \(countText(torrents.count, "torrent"))",
                remedy: "rename one at a time")
        }
        let paths = try daemon.list("files", of: torrents[0].id).map {
            (number: TorrentPartsText.number(of: $0), path: $0["path"]?.string ?? "")
        }
        let path = try Self.path(words.count == 2 ? words[0] : nil, among: paths, torrents[0])
        try daemon.rename(torrents[0].id, path: path, to: words[words.count - 1])
        try report.tell("renamed", torrents)
    }

    /// The path that is meant: what has it as its path, or as its number, or all of the torrent.
    static func path(
        _ word: String?, among files: [(number: Int, path: String)], _ torrent: RemoteTorrent
    ) throws(Failure) -> String {
        guard let first = files.first else {
            throw Failure(
                .failed, torrent.name, "what it holds is not known yet",
                remedy: "wait until it has its metadata")
        }
        guard let word else { return String(first.path.prefix { $0 != "/" }) }
        let path = word.hasSuffix("/") ? String(word.dropLast()) : word
        if files.contains(where: { $0.path == path || $0.path.hasPrefix(path + "/") }) {
            return path
        }
        if let number = Int(word), let file = files.first(where: { $0.number == number }) {
            return file.path
        }
        throw Failure(
            .failed, word, "no such file or folder of \(torrent.name)",
            remedy: "see 'swarm files \(torrent.id)'")
    }
}
