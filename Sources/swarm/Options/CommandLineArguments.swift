import ArgumentParser
import Terminal

/// The command that the arguments and the environment ask for.
enum CommandLineArguments {
    /// Throws a `Failure` for what cannot be understood, and the parser's own error for help.
    static func parse(
        _ arguments: [String], environment: [String: String]
    ) throws -> any ParsableCommand {
        guard !arguments.isEmpty else {
            throw Failure(.badUsage, nil, "no command", remedy: "see 'swarm --help'")
        }
        let path = try CommandPath(arguments)
        var arguments = arguments
        if path.commands.last is Label.Type { arguments = Label.spelledOut(arguments) }
        var added: [String] = []
        if let command = path.commands.last, arguments.first != "---completion",
            environment.keys.contains(where: { $0.hasPrefix("SWARM_") })
        {
            let elsewhere =
                command is any TakesSettings.Type ? SettingsOptions.variablesReadElsewhere : []
            added = EnvironmentArguments.added(
                to: arguments,
                options: EnvironmentArguments.options(of: command).filter {
                    elsewhere.isDisjoint(with: $0.longNames)
                }, environment: environment)
        }
        var all = arguments
        all.insert(contentsOf: added, at: path.end)
        do {
            return try Swarm.parseAsRoot(all)
        } catch {
            guard Swarm.exitCode(for: error) == .validationFailure else { throw error }
            throw usage(error, arguments, added: added, path: path)
        }
    }

    private static func usage(
        _ error: any Error, _ arguments: [String], added: [String], path: CommandPath
    ) -> Failure {
        var problem = Swarm.message(for: error)
            .split(whereSeparator: \.isNewline)
            .map { $0.drop(while: \.isWhitespace) }.joined(separator: ", ")
        if problem.hasSuffix(".") { problem.removeLast() }
        problem = problem.prefix(1).lowercased() + problem.dropFirst()
        if !added.isEmpty, (try? Swarm.parseAsRoot(arguments)) != nil {
            problem += " (from the environment)"
        }
        return Failure(.badUsage, nil, problem, remedy: "see '\(path.name) --help'")
    }
}

/// A command that has `SettingsOptions`.
protocol TakesSettings: ParsableCommand {}

/// The command that arguments name, and the commands that it is one of.
private struct CommandPath {
    var commands: [any ParsableCommand.Type] = []
    /// The place behind its last word.
    var end = 0

    init(_ arguments: [String]) throws(Failure) {
        var known = Swarm.subcommands
        while !known.isEmpty,
            let position = arguments[end...].firstIndex(where: { !$0.hasPrefix("-") })
        {
            let word = arguments[position]
            let command = known.first { $0.configuration.commandName == word }
            guard let command else {
                if word == "help" { return }
                throw Self.unknown(word, among: known)
            }
            commands.append(command)
            end = position + 1
            known = command.configuration.subcommands
        }
    }

    var name: String {
        (["swarm"] + commands.compactMap { $0.configuration.commandName }).joined(separator: " ")
    }

    private static func unknown(
        _ word: String, among known: [any ParsableCommand.Type]
    ) -> Failure {
        let names = known.compactMap { $0.configuration.commandName }
        return Failure(
            .badUsage, word, "no such command",
            remedy: "the commands are " + names.joined(separator: ", "))
    }
}
