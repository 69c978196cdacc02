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
        DHT.self, Config.self, DoctorCommand.self, Completions.self,
    ]
}
