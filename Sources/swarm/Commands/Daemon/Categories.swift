import ArgumentParser
import JSONText
import Terminal

struct CategoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "category",
        abstract: "Look at the categories of the daemon, make, change or remove them.",
        subcommands: [CategoryList.self, CategorySet.self, CategoryRemove.self])
}

struct CategoryList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the categories of the daemon.")

    @OptionGroup
    var options: RemoteOptions

    func run() throws {
        let console = options.console()
        let categories = try options.daemon().all(.categories)
        guard !options.json else { return try console.print(["categories": .array(categories)]) }
        guard !categories.isEmpty else { return console.remark("there are no categories") }
        try console.print(
            NamedTable(categories) { category in
                [
                    category["folder"]?.string ?? "", LimitText.words(of: category) ?? "",
                ].filter { !$0.isEmpty }.joined(separator: "  ")
            }.lines)
    }
}

struct CategorySet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Make a category, or change one.",
        discussion: "What is not said stays as it is. Torrents get it with 'swarm add --category' "
            + "or 'swarm label --category'.")

    @Argument(help: "Its name.")
    var name: String

    @Option(
        help: ArgumentHelp(
            "Where the content of its torrents goes, or none: where all goes.", valueName: "dir"),
        completion: .directory)
    var folder: String?

    @OptionGroup(title: "When seeding ends")
    var seeding: SeedingOptions

    @OptionGroup
    var options: RemoteOptions

    func run() throws {
        try options.act(by: [name], told: "category is set") { daemon, name throws(Failure) in
            let folder = try folder.map { path throws(Failure) -> JSON in
                path == "none" ? .null : .string(try daemon.folder(path))
            }
            try daemon.set(
                .categories, name,
                JSON.given([("folder", folder), ("seedingLimits", seeding.rules)]))
        }
    }
}

struct CategoryRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove categories.",
        discussion: "Their torrents stay as they are.")

    @Argument(help: "Their names.")
    var name: [String]

    @OptionGroup
    var options: RemoteOptions

    func run() throws {
        try options.act(by: name, told: "removed the category") { daemon, name throws(Failure) in
            try daemon.remove(.categories, name)
        }
    }
}

/// Things with names, and what there is to say of each.
struct NamedTable {
    let lines: [StyledLine]

    init(_ things: [JSON], _ words: (JSON) -> String) {
        let names = things.map { terminalSafe($0["name"]?.string ?? "") }
        let width = names.reduce(0) { max($0, $1.columns) }
        lines = zip(things, names).map { thing, name in
            var line = StyledLine(padded(right: name, to: width), .bold)
            let words = words(thing)
            if !words.isEmpty { line.append("  " + terminalSafe(words)) }
            return line
        }
    }
}
