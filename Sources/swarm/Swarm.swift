import ArgumentParser
import Units

/// The command without a subcommand.
struct Swarm: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swarm",
        abstract: "Share files over BitTorrent, make torrents and look into them.",
        version: "swarm \(programVersion)",
        subcommands: subcommands)

    static let subcommands: [any ParsableCommand.Type] = [
        Seed.self, Fetch.self, Create.self, Show.self, Verify.self, Edit.self, Magnet.self,
        Add.self, List.self, Info.self, Files.self, Peers.self, Trackers.self, Why.self, Top.self,
        Pause.self, Resume.self, Remove.self, Move.self, Rename.self, Export.self, Queue.self,
        Limit.self, Label.self, CategoryCommand.self, GroupCommand.self, Recheck.self,
        Reannounce.self, Stats.self, DHT.self, DaemonCommand.self, Config.self, DoctorCommand.self,
        Completions.self,
    ]
}
