import ArgumentParser
import FoundationEssentials
import Seedbox

/// Options from the environment: every `--long-option` may be given as `SWARM_LONG_OPTION`. They
/// are put before the user's own arguments, so that those win.
enum EnvironmentArguments {
    /// An option as the parser declares it.
    struct Shape: Equatable, Sendable {
        var longNames: [String]
        var shortNames: [String]
        var takesValue: Bool
        var isRepeating: Bool
    }

    static let prefix = "SWARM_"

    /// `SWARM_UP_LIMIT` for `up-limit`.
    static func variable(for option: String) -> String {
        prefix + option.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    /// The arguments that the environment adds for options that the user did not give.
    static func added(
        to arguments: some Sequence<String>, options: [Shape], environment: [String: String]
    ) -> [String] {
        let given = Array(arguments.prefix { $0 != "--" })
        var added: [String] = []
        for option in options where !given.contains(where: { settles($0, option) }) {
            for name in option.longNames {
                guard let value = environment[variable(for: name)] else { continue }
                added += spelled(name, option, value)
            }
        }
        return added
    }

    /// Options that say the same thing in two ways: who gives one means it instead of the other.
    private static let alternatives: [Set] = [["api", "api-socket"], ["config", "no-config"]]

    /// Whether nothing more need be said of the option when there is this argument.
    private static func settles(_ argument: String, _ option: Shape) -> Bool {
        if names(argument, option) { return true }
        guard argument.hasPrefix("--") else { return false }
        let name = String(argument.dropFirst(2).prefix { $0 != "=" })
        return alternatives.contains {
            $0.contains(name) && !$0.isDisjoint(with: option.longNames)
        }
    }

    /// Whether the argument is the option, with or without its value. The other name of a switch
    /// that has two (`--seed`, `--no-seed`) counts too.
    private static func names(_ argument: String, _ option: Shape) -> Bool {
        if argument.hasPrefix("--") {
            let name = argument.dropFirst(2).prefix { $0 != "=" }
            return option.longNames.contains(String(name))
        }
        guard argument.hasPrefix("-") else { return false }
        return option.shortNames.contains { argument.contains($0) }
    }

    private static func spelled(_ name: String, _ option: Shape, _ value: String) -> [String] {
        guard option.takesValue else {
            switch value.lowercased() {
            case "", "0", "no", "off", "false": return []
            default:
                let times = option.isRepeating ? min(max(Int(value) ?? 1, 1), 9) : 1
                return Array(repeating: "--\(name)", count: times)
            }
        }
        // An empty value is how a variable is unset in many service files.
        guard !value.isEmpty else { return [] }
        guard option.isRepeating else { return ["--\(name)=\(value)"] }
        let separator: (Character) -> Bool = value.contains("\n") ? \.isNewline : \.isWhitespace
        return value.split(whereSeparator: separator).map { "--\(name)=\($0)" }
    }
}

// MARK: - Variables that nobody reads

extension EnvironmentArguments {
    /// A variable that looks like one of ours, and the one that is meant if it is nearly the same.
    struct Unread: Equatable {
        var name: String
        var near: String?

        var words: String {
            "\(name): nothing is called so" + (near.map { "; did you mean \($0)?" } ?? "")
        }
    }

    static func unread(_ environment: [String: String]) -> [Unread] {
        // A hook of ours may ask, too.
        let settings = Set(SettingKey.all.flatMap(\.variables))
        let names = environment.keys.filter { name in
            name.hasPrefix(prefix) && !settings.contains(name)
                && !name.hasPrefix("SWARM_TORRENT_")
        }
        guard !names.isEmpty else { return [] }
        let options = Set(
            Swarm.subcommands.flatMap(leaves).flatMap { command in
                Self.options(of: command).flatMap(\.longNames).map(variable(for:))
            })
        return names.filter { !options.contains($0) }.sorted().map { name in
            Unread(name: name, near: nearest(to: name, among: settings.sorted()))
        }
    }

    private static func leaves(
        _ command: any ParsableCommand.Type
    ) -> [any ParsableCommand.Type] {
        let parts = command.configuration.subcommands
        return parts.isEmpty ? [command] : parts.flatMap(leaves)
    }
}

// MARK: - What the parser declares

extension EnvironmentArguments {
    /// The options of a command, from the parser's description of itself.
    static func options(of command: any ParsableCommand.Type) -> [Shape] {
        let text = command._dumpHelp()
        guard let tool = try? JSONDecoder().decode(ToolInfo.self, from: Data(text.utf8)) else {
            return []
        }
        return tool.command.arguments?.compactMap(\.shape) ?? []
    }

    private struct ToolInfo: Decodable {
        let command: CommandInfo
    }

    private struct CommandInfo: Decodable {
        let arguments: [ArgumentInfo]?
    }

    private struct ArgumentInfo: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }

        let kind: String
        let isRepeating: Bool
        let names: [Name]?

        var shape: Shape? {
            guard kind != "positional", let names else { return nil }
            let long = names.filter { $0.kind == "long" }.map(\.name)
            guard !long.contains("help"), !long.contains("version") else { return nil }
            return Shape(
                longNames: long, shortNames: names.filter { $0.kind == "short" }.map(\.name),
                takesValue: kind == "option", isRepeating: isRepeating)
        }
    }
}
