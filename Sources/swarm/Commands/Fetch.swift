import ArgumentParser
import Chunker
import FoundationEssentials
import Metainfo
import SwarmEngine
import Units

struct Fetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Fetch the content of torrents.",
        discussion: "Pieces are served as soon as they are there. The same command again goes on "
            + "where it stopped. It ends when all is there and on disk, unless --seed, --ratio or "
            + "--seed-time ask for more.")

    @Argument(
        help: "A .torrent file, - for standard input, or an http or https URL of one.",
        completion: .torrent)
    var source: [String]

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("The folder to put the content in.", valueName: "dir"),
        completion: .directory)
    var output = "."

    @Option(
        help: ArgumentHelp(
            "Fetch only these files, by the numbers that --list shows: 1-3,7.", valueName: "list"),
        transform: FileList.init(_:))
    var files: FileList?

    @Option(help: ArgumentHelp("Fetch only files that match; repeatable.", valueName: "glob"))
    var match: [String] = []

    @Flag(help: "Show the files and leave.")
    var list = false

    @Flag(help: "Fetch pieces in order rather than the rarest first.")
    var sequential = false

    @Flag(inversion: .prefixedNo, help: "Seed when all is there, or leave.")
    var seed: Bool?

    @OptionGroup(title: "When it ends")
    var goals: GoalOptions

    @Option(
        help: ArgumentHelp(
            "Give up, with status 9, when nothing came for so long.", valueName: "duration"),
        transform: parseInterval)
    var stallTimeout: Interval?

    @Option(
        help: ArgumentHelp(
            "A shell command to run when all is there; SWARM_TORRENT_NAME and others tell of it.",
            valueName: "command"))
    var onComplete: String?

    @OptionGroup(title: "Network")
    var network: NetworkOptions

    @OptionGroup(title: "Common options")
    var common: GlobalOptions

    func validate() throws {
        if files != nil, source.count > 1 {
            throw ValidationError("--files numbers the files of one torrent; use --match")
        }
        if source.filter({ $0 == "-" }).count > 1 {
            throw ValidationError("standard input holds one torrent")
        }
    }

    func run() async throws {
        let console = common.configuredConsole()
        var metainfos: [(metainfo: Metainfo, files: Set<FileIndex>?)] = []
        for word in source {
            let metainfo = try await TorrentSource.metainfo(Source(word))
            metainfos.append((metainfo, try selection(metainfo, word)))
        }
        if list { return try show(metainfos.map(\.metainfo), console) }
        let peers = try await resolve(network.peer)
        let configuration = try network.sessionConfiguration(
            console, environment: ProcessInfo.processInfo.environment)
        let requests = metainfos.map { metainfo, files in
            var request = TorrentRequest(metainfo: metainfo, directory: output, mode: .fetch)
            request.selectedFiles = files
            request.isSequential = sequential
            request.peers = peers
            return request
        }
        let run = TorrentRun(
            .fetch, configuration, requests,
            policy: .init(
                seeds: seed ?? goals.isGiven, goal: goals.goal, stallTimeout: stallTimeout),
            hook: onComplete.map(CompletionHook.init(command:)), console: console)
        try EarlyEnd.check(try await run.run())
    }

    private func selection(
        _ metainfo: Metainfo, _ word: String
    ) throws(Failure) -> Set<FileIndex>? {
        guard files != nil || !match.isEmpty else { return nil }
        let shown = metainfo.shownFiles
        if let files, files.last > shown.count {
            throw Failure(
                .badUsage, word,
                "has \(countText(shown.count, "file")), no file \(files.last)",
                remedy: "see 'swarm fetch --list'")
        }
        let patterns: PathPatterns
        do throws(ChunkerError) {
            patterns = try PathPatterns(match)
        } catch {
            throw Failure(error.status, "--match", "\(error)")
        }
        let chosen = shown.filter { file in
            files?.contains(file.number) == true || patterns.match(file.entry.path)
        }
        guard !chosen.isEmpty else {
            throw Failure(
                .badUsage, word, "no file matches", remedy: "see 'swarm fetch --list'")
        }
        return Set(chosen.map(\.index))
    }

    private func show(_ metainfos: [Metainfo], _ console: Console) throws {
        for metainfo in metainfos {
            let text = ManifestText(metainfo: metainfo)
            if common.json {
                try console.print(text.json)
            } else {
                try console.print(
                    text.fileTree.lines(isUnicode: console.traits.isUnicode))
            }
        }
    }
}
