import ArgumentParser
import FoundationEssentials
import JSONText
import Metainfo
import SwarmEngine
import Terminal
import Units

struct Seed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seed",
        abstract: "Share files: make their torrent, or serve the content of one.",
        discussion: "Of a file or folder a torrent is made beside it as NAME.torrent, its path and "
            + "its magnet link are written, and the content is served until a goal is reached or "
            + "a signal comes. Of a .torrent the content is checked first; if it is not all "
            + "there, the exit status is 6.")

    @Argument(
        help: "Files and folders to share, or .torrent files whose content is there.",
        completion: .file())
    var path: [String]

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where to write the torrent of a single path.", valueName: "file"),
        completion: .torrent)
    var output: String?

    @Option(
        help: ArgumentHelp(
            "The folder that has the content of a .torrent; that of the torrent unless given.",
            valueName: "dir"),
        completion: .directory)
    var data: String?

    @OptionGroup(title: "When it ends")
    var goals: GoalOptions

    @OptionGroup(title: "The torrent")
    var manifest: ManifestOptions

    @OptionGroup(title: "Network")
    var network: NetworkOptions

    @OptionGroup(title: "Common options")
    var common: GlobalOptions

    func validate() throws {
        if output != nil, path.count > 1 {
            throw ValidationError("-o names one torrent file, but there are \(path.count) paths")
        }
    }

    func run() async throws {
        let console = common.configuredConsole()
        let environment = ProcessInfo.processInfo.environment
        let peers = try await resolve(network.peer)
        let configuration = network.sessionConfiguration(
            console, stateFolder: try common.places.stateFolder(environment: environment))
        var requests: [TorrentRequest] = []
        for path in path {
            var request = try await request(path, console)
            request.peers = peers
            requests.append(request)
        }
        let run = TorrentRun(
            .seed, configuration, requests,
            policy: .init(seeds: true, goal: goals.goal), console: console)
        try EarlyEnd.check(try await run.run())
    }

    private func request(_ path: String, _ console: Console) async throws(Failure) -> TorrentRequest
    {
        if path == "-" || path.lowercased().hasSuffix(".torrent") {
            let metainfo = try ManifestFiles.read(path)
            let folder: String
            if let data { folder = data } else { folder = try contentFolder(of: path) }
            if !common.json { try console.print(terminalSafe(metainfo.magnetLink.text)) }
            sayHowToFetch(metainfo, console)
            return TorrentRequest(metainfo: metainfo, directory: folder, mode: .seed)
        }
        let maker = ManifestMaker(
            path: path, options: manifest, output: output, streamsEvents: true)
        try maker.checkServable()
        let made = try await maker.make()
        if common.json {
            try console.print(.object([("event", "created")] + made.members))
        } else {
            try console.print([
                StyledLine(terminalSafe(made.path)),
                StyledLine(terminalSafe(made.metainfo.magnetLink.text)),
            ])
        }
        sayHowToFetch(made.metainfo, console)
        var request = TorrentRequest(
            metainfo: made.metainfo, directory: made.folder, mode: .seed)
        request.contentIsFresh = true
        return request
    }
}

extension Seed {
    /// The link alone is enough where the DHT or a tracker leads to us.
    private func sayHowToFetch(_ metainfo: Metainfo, _ console: Console) {
        let isInDHT = !network.without.noDHT && !metainfo.isPrivate
        let isTracked = !network.without.noTrackers && !metainfo.announceTiers.isEmpty
        guard isInDHT || isTracked, !common.json else { return }
        console.remark("fetch it anywhere with: swarm fetch '\(metainfo.magnetLink.text)'")
    }
}

/// When seeding ends.
struct GoalOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Seed until so much was sent for what was received.", valueName: "r"),
        transform: parseRatio)
    var ratio: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Seed for so long.", valueName: "duration"), transform: parseInterval)
    var seedTime: Interval?

    var goal: SeedGoal { SeedGoal(ratio: ratio, time: seedTime) }
    var isGiven: Bool { ratio != nil || seedTime != nil }
}

/// The addresses of all the peers.
func resolve(_ places: [HostPort]) async throws(Failure) -> [Endpoint] {
    var endpoints: [Endpoint] = []
    for place in places { endpoints += try await Resolver.endpoints(of: place) }
    return endpoints
}
