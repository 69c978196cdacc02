import ArgumentParser
import JSONText

struct Queue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Move torrents of the daemon in its queue.",
        discussion: "Torrents get their turn in this order when the queue is on; "
            + "'swarm list --sort queue' shows it.")

    @Argument(help: ArgumentHelp("Where to: top, up, down or bottom.", valueName: "where"))
    var place: QueuePlace

    @OptionGroup
    var options: TorrentsOptions

    func run() throws {
        try options.act("queue", [("move", .string(place.rawValue))], told: place.done)
    }
}

enum QueuePlace: String, CaseIterable, ExpressibleByArgument {
    case top, up, down, bottom

    /// What was done, for people.
    fileprivate var done: String {
        switch self {
        case .top: "put first"
        case .up: "moved up"
        case .down: "moved down"
        case .bottom: "put last"
        }
    }
}
