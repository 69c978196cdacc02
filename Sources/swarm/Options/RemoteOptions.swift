import ArgumentParser
import JSONText
import Terminal

/// What every command takes that speaks to the daemon.
struct RemoteOptions: ParsableArguments {
    @OptionGroup(title: "The daemon")
    var server: DaemonOptions

    @OptionGroup(title: "Common options")
    var common: GlobalOptions

    var json: Bool { common.json }

    func console() -> Console { common.configuredConsole() }

    func daemon() throws(Failure) -> Daemon { try server.daemon(common.places) }

    /// Does the same to each of the things that have these names, and tells it.
    func act(
        by names: [String], told words: String,
        _ body: (Daemon, String) throws(Failure) -> Void
    ) throws(Failure) {
        let report = DoneReport(console: console())
        let daemon = try daemon()
        for name in names { try body(daemon, name) }
        try report.tell(words, named: names)
    }
}

/// What every command takes that is about torrents of the daemon.
struct TorrentsOptions: ParsableArguments {
    @Argument(help: TorrentsArgument.help, completion: TorrentsArgument.completion)
    var torrent: [String]

    @OptionGroup
    var remote: RemoteOptions

    var json: Bool { remote.json }

    func console() -> Console { remote.console() }

    func daemon() throws(Failure) -> Daemon { try remote.daemon() }

    /// Does the same to all of the torrents, and tells it.
    func act(
        _ action: String, _ members: [JSON.Member] = [], told verb: String
    ) throws(Failure) {
        let report = DoneReport(console: console())
        let daemon = try daemon()
        let torrents = try daemon.find(torrent)
        try daemon.act(action, on: torrents, members)
        try report.tell(verb, torrents)
    }
}
