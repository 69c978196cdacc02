import ArgumentParser
import Glibc
import JSONText
import Metainfo
import Terminal

struct Edit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Change a torrent's trackers, web seeds, comment and the like.",
        discussion: "Everything that is not named stays as it is, byte for byte, and so does the "
            + "info-hash, but for --private, --no-private, --source and --name: those make "
            + "another torrent, with peers of its own, which is said as a warning. An empty "
            + "value removes what it is the value of.")

    @Argument(help: "A .torrent file, or - for standard input.", completion: .torrent)
    var torrent: String

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Where to write the result, in place unless given; - is standard output.",
            valueName: "file"),
        completion: .torrent)
    var output: String?

    @OptionGroup(title: "Changes that keep the info-hash")
    var outer: OuterChanges

    @OptionGroup(title: "Changes that make another torrent")
    var inner: InfoChanges

    @Flag(help: "Replace the output file, if there is one, even if it is another torrent.")
    var force = false

    @OptionGroup(title: "Common options")
    var common: GlobalOptions

    func run() throws {
        let console = common.configuredConsole()
        let old = try ManifestFiles.read(torrent)
        var new = old
        do throws(MetainfoError) {
            new = try inner.applied(to: new)
        } catch {
            throw Failure(.badUsage, torrent, "cannot be changed so: \(error)")
        }
        if let name = inner.name, new.name != name {
            throw Failure(.badUsage, "--name \(name)", "is not a name that every system takes")
        }
        outer.apply(to: &new)
        if new.infoHash != old.infoHash {
            console.warn(
                "this makes another torrent: the info-hash \(old.infoHash) becomes "
                    + "\(new.infoHash), and peers of the old one will not be found")
        }
        let target = try output ?? (torrent == "-" ? "-" : realPath(torrent))
        let overwriting: ManifestFiles.Overwriting =
            output == nil || force ? .anything : .sameTorrent
        try ManifestFiles.write(new, to: target, overwriting)
        guard target != "-" else { return }
        if common.json {
            try console.print(ManifestText(metainfo: new).json)
        } else {
            try console.print([
                StyledLine(terminalSafe(output ?? torrent)),
                StyledLine(terminalSafe(new.magnetLink.text)),
            ])
        }
    }

    /// In place means the file that a symbolic link points at, not the link.
    private func realPath(_ path: String) throws(Failure) -> String {
        guard let real = realpath(path, nil) else {
            throw Failure(.unreadableSource, path, errno: errno)
        }
        defer { free(real) }
        return String(cString: real)
    }
}

/// Changes beside the info dictionary.
struct OuterChanges: ParsableArguments {
    @Option(
        name: [.customShort("t"), .long],
        help: ArgumentHelp(
            "Trackers instead of those that are there. Given again it is the next tier; commas "
                + "separate those of one tier; '' removes all.", valueName: "url"))
    var tracker: [String] = []

    @Option(
        help: ArgumentHelp("A tracker to add, as a tier of its own; repeatable.", valueName: "url"))
    var addTracker: [String] = []

    @Option(help: ArgumentHelp("A tracker to remove; repeatable.", valueName: "url"))
    var removeTracker: [String] = []

    @Option(
        name: [.customShort("w"), .long],
        help: ArgumentHelp(
            "Web seeds instead of those that are there; repeatable; '' removes all.",
            valueName: "url"))
    var webSeed: [String] = []

    @Option(
        name: [.customShort("c"), .long],
        help: ArgumentHelp("Another comment.", valueName: "text"))
    var comment: String?

    @Option(help: ArgumentHelp("What made the torrent.", valueName: "text"))
    var createdBy: String?

    @Option(
        help: ArgumentHelp(
            "The date in the torrent: now, none, or seconds since 1970.", valueName: "date"),
        transform: parseCreationDate)
    var creationDate: CreationDate?

    func apply(to metainfo: inout Metainfo) {
        if !tracker.isEmpty { metainfo.announceTiers = trackerTiers(tracker) }
        if !removeTracker.isEmpty {
            metainfo.announceTiers = metainfo.announceTiers
                .map { $0.filter { !removeTracker.contains($0) } }.filter { !$0.isEmpty }
        }
        let known = Set(metainfo.announceTiers.flatMap(\.self))
        metainfo.announceTiers += addTracker.filter { !known.contains($0) }.map { [$0] }
        if !webSeed.isEmpty { metainfo.webSeeds = webSeed.filter { !$0.isEmpty } }
        if let comment { metainfo.comment = comment.isEmpty ? nil : comment }
        if let createdBy { metainfo.createdBy = createdBy.isEmpty ? nil : createdBy }
        switch creationDate {
        case .now?: metainfo.creationDate = Int64(time(nil))
        case .seconds(let seconds)?: metainfo.creationDate = seconds
        case CreationDate.none?: metainfo.creationDate = nil
        case nil: break
        }
    }
}

/// Changes of the info dictionary.
struct InfoChanges: ParsableArguments {
    @Flag(
        inversion: .prefixedNo, help: "Allow peers from the trackers only, or from anywhere.")
    var `private`: Bool?

    @Option(
        name: [.customShort("s"), .long],
        help: ArgumentHelp("Where the torrent comes from.", valueName: "text"))
    var source: String?

    @Option(help: ArgumentHelp("Another name.", valueName: "name"))
    var name: String?

    func applied(to metainfo: Metainfo) throws(MetainfoError) -> Metainfo {
        guard self.private != nil || source != nil || name != nil else { return metainfo }
        return try metainfo.changingInfo(name: name, isPrivate: self.private, source: source)
    }
}

/// Trackers by tier: each value is one, commas separate those of it.
func trackerTiers(_ values: [String]) -> [[String]] {
    values.map { $0.split(separator: ",").map(String.init) }.filter { !$0.isEmpty }
}
