import ArgumentParser
import JSONText
import Metainfo
import Seedbox
import Terminal
import Units

struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Give torrents to the daemon.",
        discussion: "Each that it takes is written on a line: its number, info-hash and name. "
            + "One that it has already stays as it is, but for what it lacked: trackers, and "
            + "what a .torrent says where only a link was known.")

    @Argument(
        help: ArgumentHelp(
            "A magnet link, an info-hash, a .torrent file, - for standard input, or an http or "
                + "https URL of one, which the daemon fetches."),
        completion: .torrent)
    var source: [String]

    @OptionGroup(title: "How")
    var how: AddOptions

    @Flag(help: "Stay until all is there.")
    var wait = false

    @OptionGroup
    var options: RemoteOptions

    func validate() throws {
        if how.files != nil, source.count > 1 {
            throw ValidationError("--files numbers the files of one torrent; use --match")
        }
        if source.filter({ $0 == "-" }).count > 1 {
            throw ValidationError("standard input holds one torrent")
        }
        if wait, how.paused {
            throw ValidationError("a paused torrent never is complete; leave out --wait")
        }
    }

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        let folder = try how.downloadDir.map { path throws(Failure) in try daemon.folder(path) }
        // Nothing is added if something cannot be.
        let bodies = try source.map { try how.body(of: Source($0), folder: folder) }
        var added: [RemoteTorrent] = []
        for body in bodies {
            let answer = try daemon.add(body)
            guard let torrent = answer["torrent"].flatMap(RemoteTorrent.init) else {
                throw Failure(
                    .daemonUnreachable, "\(daemon.client.place)", "an answer without the torrent")
            }
            let isNew = answer["isNew"]?.bool ?? true
            try tell(torrent, isNew: isNew, console)
            added.append(torrent)
        }
        if wait { try Waiting(daemon: daemon, console: console).wait(for: added) }
    }

    private func tell(
        _ torrent: RemoteTorrent, isNew: Bool, _ console: Console
    ) throws(Failure) {
        if console.options.json {
            return try console.print(.object(torrent.naming + [("isNew", .bool(isNew))]))
        }
        let words = ["\(torrent.id)", torrent.infoHashes.first ?? "", torrent.name]
        let gap = console.traits.isOutputTerminal ? "  " : "\t"
        try console.print(words.map(terminalSafe).joined(separator: gap))
        if !isNew { console.remark("\(torrent.name): is there already") }
    }
}

/// What becomes of a new torrent.
struct AddOptions: ParsableArguments {
    @Flag(help: "Do not start it.")
    var paused = false

    @Option(help: ArgumentHelp("Its category.", valueName: "category"))
    var category: String?

    @Option(help: ArgumentHelp("A label of it; repeatable.", valueName: "label"))
    var label: [String] = []

    @Option(
        help: ArgumentHelp(
            "Fetch only these files, by the numbers that show and files show: 1-3,7.",
            valueName: "list"),
        transform: FileList.init(_:))
    var files: FileList?

    @Option(
        help: ArgumentHelp(
            "Fetch only files that match; repeatable. For torrents whose files are known here.",
            valueName: "glob"))
    var match: [String] = []

    @Option(
        help: ArgumentHelp(
            "The folder of the daemon's machine to put the content in.", valueName: "dir"),
        completion: .directory)
    var downloadDir: String?

    @Flag(help: "Fetch pieces in order rather than the rarest first.")
    var sequential = false

    @Flag(help: "Put it first in the queue.")
    var top = false

    /// What the daemon is asked.
    func body(of source: Source, folder: String?) throws(Failure) -> JSON {
        var members: [JSON.Member] = []
        switch source {
        case .file, .standardInput:
            let bytes = try ManifestFiles.bytes(of: source)
            let metainfo = try ManifestFiles.parse(bytes, source.subject)
            members.append(("manifest", .string(base64(bytes))))
            let chooser = FileChooser(files: files, patterns: match)
            if let chosen = try chooser.choice(of: metainfo, named: source.subject) {
                // The daemon counts as users do, but from 0.
                let numbers = metainfo.shownFiles.filter { chosen.contains($0.index) }
                members.append(("wantedFiles", .array(numbers.map { .count($0.number - 1) })))
            }
        case .url(let url): members.append(("url", .string(url)))
        case .magnet(let link): members.append(("link", .string(try checked(link))))
        case .infoHash(let hash):
            members.append(("link", .string(MagnetLink(infoHash: hash).text)))
        }
        switch source {
        case .file, .standardInput: break
        case .url, .magnet, .infoHash: members += try numbers(source.subject)
        }
        if paused { members.append(("startsPaused", true)) }
        if let folder { members.append(("folder", .string(folder))) }
        if let category { members.append(("category", .string(category))) }
        if !label.isEmpty { members.append(("labels", .strings(label))) }
        if sequential { members.append(("isSequential", true)) }
        if top { members.append(("goesToTopOfQueue", true)) }
        return .object(members)
    }

    private func checked(_ link: String) throws(Failure) -> String {
        do throws(MagnetError) {
            _ = try MagnetLink(link)
            return link
        } catch {
            throw Failure(.unreadableSource, nil, "\(error)")
        }
    }

    /// Files of which nothing is known here but their numbers.
    private func numbers(_ subject: String) throws(Failure) -> [JSON.Member] {
        guard match.isEmpty else {
            throw Failure(
                .badUsage, subject, "which files match is not known yet",
                remedy: "add it with --paused, and choose with 'swarm files'")
        }
        guard let files else { return [] }
        guard files.last <= Limits.fileNumberMax else {
            throw Failure(.badUsage, "--files", "no torrent has \(files.last) files")
        }
        let numbers = Set(files.ranges.joined()).sorted()
        return [("wantedFiles", .array(numbers.map { .count($0 - 1) }))]
    }
}

/// Waits until torrents of the daemon are complete, and shows how far they are.
struct Waiting {
    let daemon: Daemon
    let console: Console

    func wait(for torrents: [RemoteTorrent]) throws {
        var left = torrents
        var shown = monotonicNow()
        defer { console.clear() }
        while true {
            left = try left.map { torrent throws(Failure) in try daemon.torrent(torrent.id) }
            for torrent in left where torrent.isComplete && torrent.state != .checking {
                try tell(torrent)
            }
            left.removeAll { $0.isComplete && $0.state != .checking }
            guard !left.isEmpty else { return }
            for torrent in left { try check(torrent) }
            let now = monotonicNow()
            switch console.traits.progress {
            case .live: console.draw { $0.lines(left.map(\.live)) }
            case .lines where now >= shown:
                for torrent in left { console.remark(ProgressText.line(torrent.live)) }
                shown = now + Cadence.line
            case .none, .lines, .json: break
            }
            swarm.wait(until: now + Cadence.event)
        }
    }

    private func tell(_ torrent: RemoteTorrent) throws(Failure) {
        if console.options.json {
            try console.print(.object([("event", "completed")] + torrent.naming))
        } else {
            console.remark("\(torrent.name): complete")
        }
    }

    /// Throws for what will not be complete by waiting.
    private func check(_ torrent: RemoteTorrent) throws(Failure) {
        switch torrent.state {
        case .paused:
            throw Failure(
                .unfinished, torrent.name, "is paused",
                remedy: "resume it with 'swarm resume \(torrent.id)'")
        case .failed:
            throw Failure(
                .failed, torrent.name, torrent.trouble ?? "has failed",
                remedy: "see 'swarm info \(torrent.id)'")
        default: break
        }
    }
}

extension RemoteTorrent {
    /// As a command that fetches shows its own.
    var live: LiveTorrent {
        let phase: LiveTorrent.Phase =
            switch state {
            case .fetchingMetadata: .fetchingMetadata
            case .checking: .checking
            case .downloading: .downloading
            case .seeding: .seeding
            case .failed: .failed(trouble ?? "")
            case .paused, .queued, .moving, .waitingForStorage, .noSpace, nil: .waiting(stateWord)
            }
        var live = LiveTorrent(
            name: name, phase: phase, bytesWanted: bytesWanted, bytesDone: bytesDone,
            have: Bitfield(count: 0))
        live.downloadRate = ByteRate(bytesPerSecond: downloadRate)
        live.uploadRate = ByteRate(bytesPerSecond: uploadRate)
        live.downloaded = integer("downloaded") ?? 0
        live.uploaded = integer("uploaded") ?? 0
        live.peersConnected = count("peersConnected")
        live.seedsConnected = count("seedsConnected")
        live.peersKnown = count("peersKnown")
        live.timeLeft = secondsLeft.map(Interval.seconds)
        live.ratio = ratio
        return live
    }
}
