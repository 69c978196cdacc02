import ArgumentParser
import JSONText
import Terminal

struct GroupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "Look at the groups of torrents that share limits, make, change or remove them.",
        subcommands: [GroupList.self, GroupSet.self, GroupRemove.self])
}

struct GroupList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the groups, and their limits.")

    @OptionGroup
    var options: RemoteOptions

    func run() throws {
        let console = options.console()
        let groups = try options.daemon().all(.groups)
        guard !options.json else { return try console.print(["groups": .array(groups)]) }
        guard !groups.isEmpty else { return console.remark("there are no groups") }
        try console.print(NamedTable(groups) { LimitText.words(of: $0) ?? "no limit" }.lines)
    }
}

struct GroupSet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Make a group, or change its limits.",
        discussion: "All torrents of it together keep to the limits. 'swarm limit --group' puts "
            + "torrents into it.")

    @Argument(help: "Its name.")
    var name: String

    @OptionGroup(title: "The limits")
    var rates: RateOptions

    @OptionGroup
    var options: RemoteOptions

    func run() throws {
        try options.act(by: [name], told: "group is set") { daemon, name throws(Failure) in
            try daemon.set(.groups, name, rates.members)
        }
    }
}

struct GroupRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove groups.",
        discussion: "Their torrents stay, and share a limit no more.")

    @Argument(help: "Their names.")
    var name: [String]

    @OptionGroup
    var options: RemoteOptions

    func run() throws {
        try options.act(by: name, told: "removed the group") { daemon, name throws(Failure) in
            try daemon.remove(.groups, name)
        }
    }
}
