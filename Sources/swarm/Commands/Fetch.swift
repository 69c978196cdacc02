import ArgumentParser
import Chunker
import FoundationEssentials
import JSONText
import Metainfo
import SwarmEngine
import Terminal
import Units

struct Fetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Fetch the content of torrents.",
        discussion: "Pieces are served as soon as they are there. The same command again goes on "
            + "where it stopped. It ends when all is there and on disk, unless --seed, --ratio or "
            + "--seed-time ask for more.")

    @Argument(
        help: ArgumentHelp(
            "A magnet link, an info-hash, a .torrent file, - for standard input, or an http or "
                + "https URL of one."),
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

    @Option(
        help: ArgumentHelp(
            "Where to write the torrent, once peers have told what a link names.",
            valueName: "file"),
        completion: .torrent)
    var saveTorrent: String?

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
        if saveTorrent != nil, source.count > 1 {
            throw ValidationError(
                "--save-torrent names one file, but there are \(source.count) torrents")
        }
        if files != nil, source.count > 1 {
            throw ValidationError("--files numbers the files of one torrent; use --match")
        }
        if source.filter({ $0 == "-" }).count > 1 {
            throw ValidationError("standard input holds one torrent")
        }
    }

    func run() async throws {
        let console = common.configuredConsole()
        var requests: [TorrentRequest] = []
        for word in source { requests.append(try await request(word, console)) }
        if list { return try await showFiles(of: requests, console) }
        if case .metainfo(let metainfo) = requests[0].source, let saveTorrent {
            try ManifestFiles.write(metainfo, to: saveTorrent, .sameTorrent)
        }
        let run = TorrentRun(
            .fetch, try configuration(console), requests,
            policy: .init(
                seeds: seed ?? goals.isGiven, goal: goals.goal, stallTimeout: stallTimeout),
            extras: .init(
                hook: onComplete.map(CompletionHook.init(command:)), savedTorrent: saveTorrent),
            console: console)
        try EarlyEnd.check(try await run.run())
    }

    private func configuration(_ console: Console) throws(Failure) -> SessionConfiguration {
        network.sessionConfiguration(
            console,
            stateFolder: try common.places.stateFolder(
                environment: ProcessInfo.processInfo.environment))
    }

    private func request(
        _ word: String, _ console: Console
    ) async throws(Failure) -> TorrentRequest {
        let chooser = FileChooser(files: files, patterns: match)
        var request: TorrentRequest
        switch try await TorrentSource.resolve(Source(word)) {
        case .metainfo(let metainfo):
            request = TorrentRequest(metainfo: metainfo, directory: output, mode: .fetch)
            request.selectedFiles = try chooser.choice(of: metainfo, named: word)
        case .magnet(let link):
            warnOfPeersNearby(link, console)
            request = TorrentRequest(magnet: link, directory: output)
            request.peers = await namedPeers(of: link)
            // What is wrong with it is said when it is known which files there are.
            request.chooseFiles = { [chooser] metainfo throws(EngineError) in
                do throws(Failure) {
                    return try chooser.choice(of: metainfo, named: metainfo.name)
                } catch {
                    throw .badSelection(
                        name: metainfo.name,
                        reason: [error.problem, error.remedy].compactMap(\.self)
                            .joined(separator: "; "))
                }
            }
        }
        request.isSequential = sequential
        request.peers += try await resolve(network.peer)
        return request
    }

    /// Peers that the link calls by name. A name can lead to what is near as well as a number.
    private func namedPeers(of link: MagnetLink) async -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for peer in link.peers where peer.endpoint == nil {
            let place = HostPort(host: peer.host, port: peer.port)
            let found = (try? await Resolver.endpoints(of: place)) ?? []
            endpoints += found.filter { !$0.isLocal || network.isLocal }
        }
        return endpoints
    }

    /// A link is not believed about peers that are near; the user is.
    private func warnOfPeersNearby(_ link: MagnetLink, _ console: Console) {
        let near = Set(link.peers).subtracting(link.publicPeers)
        guard !near.isEmpty, !network.isLocal else { return }
        for peer in near {
            let place = HostPort(host: peer.host, port: peer.port)
            console.warn(
                "the link's peer \(place) is at a local address, and is not dialled; "
                    + "name it with --peer \(place) if you know it")
        }
    }

    /// What a link names is asked of peers first.
    private func showFiles(of requests: [TorrentRequest], _ console: Console) async throws {
        var asked: [TorrentRequest] = []
        for var request in requests {
            guard case .magnet = request.source else { continue }
            request.wantsMetadataOnly = true
            request.chooseFiles = nil
            asked.append(request)
        }
        var answers: [Metainfo] = []
        if !asked.isEmpty {
            let run = TorrentRun(
                .fetch, try configuration(console), asked,
                policy: .init(seeds: false, stallTimeout: stallTimeout),
                extras: .init(savedTorrent: saveTorrent, tellsEvents: false), console: console)
            try EarlyEnd.check(try await run.run())
            answers = run.torrents.compactMap(\.metainfo)
        }
        var next = answers.makeIterator()
        let metainfos = requests.compactMap { request in
            if case .metainfo(let metainfo) = request.source { metainfo } else { next.next() }
        }
        if asked.isEmpty, let saveTorrent {
            try ManifestFiles.write(metainfos[0], to: saveTorrent, .sameTorrent)
        }
        try show(metainfos, console)
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
