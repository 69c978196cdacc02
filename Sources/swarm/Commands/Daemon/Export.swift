import ArgumentParser
import JSONText
import Metainfo
import Terminal

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the .torrent files, or the magnet links, of torrents of the daemon.",
        discussion: "Each is written as NAME.torrent, and its path is told. A file that is there "
            + "is only replaced if it is of the same torrent.")

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The folder to write to, instead of the current one; for one torrent it can also be "
                + "the file, or - for standard output.", valueName: "place"),
        completion: .file())
    var output: String?

    @Flag(help: "Write magnet links instead, a line each, on standard output.")
    var magnet = false

    @Flag(help: "Replace files that are there, even if they are of other torrents.")
    var force = false

    @OptionGroup
    var options: TorrentsOptions

    func validate() throws {
        if magnet, output != nil || force {
            throw ValidationError("--magnet writes no file; leave out --output and --force")
        }
        if output == "-", options.json {
            throw ValidationError(
                "the torrent itself is written to standard output; leave out --json")
        }
    }

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        let torrents = try daemon.find(options.torrent)
        if output == "-", torrents.count != 1 {
            throw Failure(
                .badUsage, "-", "holds one torrent, and \(torrents.count) are named",
                remedy: "name a folder with -o")
        }
        var objects: [JSON] = []
        for torrent in torrents {
            let (name, value) =
                try magnet
                ? ("magnet", daemon.magnetLink(of: torrent.id))
                : ("path", write(torrent, of: daemon, isAlone: torrents.count == 1))
            objects.append(.object(torrent.naming + [(name, .string(value))]))
            guard !options.json, value != "-" else { continue }
            try console.print(terminalSafe(value))
        }
        if options.json { try console.print(["torrents": .array(objects)]) }
    }

    /// - Returns: the path of the file.
    private func write(
        _ torrent: RemoteTorrent, of daemon: Daemon, isAlone: Bool
    ) throws(Failure) -> String {
        let bytes = try daemon.manifest(of: torrent.id)
        let metainfo = try ManifestFiles.parse(bytes, torrent.name)
        // A name that files can have, whatever the torrent says.
        let name = metainfo.name + ".torrent"
        let path = output.map { place in
            place == "-" || isAlone && !isFolder(place) ? place : joinedPath(place, name)
        }
        try ManifestFiles.write(
            metainfo, to: path ?? name, force ? .anything : .sameTorrent)
        return path ?? name
    }
}
