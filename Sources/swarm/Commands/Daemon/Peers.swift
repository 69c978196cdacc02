import ArgumentParser
import Units

struct Peers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Show the connected peers of torrents, or tell torrents of peers.",
        discussion: "Flags: D we are fetching from it, d it chokes us, K it would let us and we "
            + "want nothing; U it is fetching from us, u we choke it, ? it might and wants "
            + "nothing; I it dialled us; H, X and L tell that the DHT, another peer or the local "
            + "network told of it.")

    @Option(
        help: ArgumentHelp("A peer to dial; repeatable.", valueName: "address:port"),
        transform: HostPort.init(_:))
    var add: [HostPort] = []

    @OptionGroup
    var options: TorrentsOptions

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        guard !add.isEmpty else {
            return try TorrentPart.peers.write(of: options.torrent, daemon, console)
        }
        let torrents = try daemon.find(options.torrent)
        for torrent in torrents { try daemon.tell(torrent.id, of: add) }
        try DoneReport(console: console).tell("told of peers:", torrents)
    }
}
