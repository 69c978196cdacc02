import ArgumentParser
import JSONText
import Units

/// When seeding ends, of a torrent, a category or the whole daemon.
struct SeedingOptions: ParsableArguments {
    // What begins with a dash is a value all the same: it has to be told what is wrong with it.
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The ratio at which seeding ends, none, or inherited.", valueName: "ratio"),
        transform: SeedRule.ratio)
    var ratio: SeedRule?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long is seeded, none, or inherited.", valueName: "duration"),
        transform: SeedRule.duration)
    var seedTime: SeedRule?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long nobody must have taken anything for seeding to end, none, or inherited.",
            valueName: "duration"), transform: SeedRule.duration)
    var idle: SeedRule?

    @Option(
        help: ArgumentHelp(
            "What is done then: pause, remove, remove-with-data, or inherited.",
            valueName: "action"))
    var then: SeedAction?

    /// As torrents and categories name them.
    var members: [JSON.Member] {
        JSON.given([
            ("ratio", ratio?.json), ("seedTime", seedTime?.json), ("idle", idle?.json),
            ("action", then?.json),
        ])
    }

    /// All that are given; nil if none is.
    var rules: JSON? { members.isEmpty ? nil : .object(members) }
}

enum SeedAction: String, CaseIterable, ExpressibleByArgument {
    case pause
    case remove
    case removeWithData = "remove-with-data"
    case inherited

    var json: JSON { self == .inherited ? .null : .string(rawValue) }
}

/// A rule of seeding as the daemon reads it.
enum SeedRule: Equatable {
    case inherited
    case unlimited
    case ratio(Double)
    case seconds(Int64)

    static func ratio(_ text: String) throws(ValueFault) -> SeedRule {
        if let word = word(text) { return word }
        return .ratio(try parseRatio(text))
    }

    static func duration(_ text: String) throws(ValueFault) -> SeedRule {
        if let word = word(text) { return word }
        return .seconds(try parseInterval(text).nanoseconds / 1_000_000_000)
    }

    private static func word(_ text: String) -> SeedRule? {
        switch text.lowercased() {
        case "inherited": .inherited
        case "none", "unlimited": .unlimited
        default: nil
        }
    }

    var json: JSON {
        switch self {
        case .inherited: "inherited"
        case .unlimited: "none"
        case .ratio(let ratio): .number(ratio)
        case .seconds(let seconds): .integer(seconds)
        }
    }
}
