import ArgumentParser

/// The command that the arguments and the environment ask for.
enum CommandLineArguments {
    /// Throws a `Failure` for what cannot be understood, and the parser's own error for help.
    static func parse(
        _ arguments: [String], environment: [String: String]
    ) throws -> any ParsableCommand {
        guard !arguments.isEmpty else {
            throw Failure(.badUsage, nil, "no command", remedy: "see 'swarm --help'")
        }
        let position = arguments.firstIndex { !$0.hasPrefix("-") }
        let command = position.flatMap { position in
            Swarm.subcommands.first { $0.configuration.commandName == arguments[position] }
        }
        if let position, command == nil, arguments[position] != "help" {
            throw unknown(arguments[position])
        }
        var added: [String] = []
        if let command, environment.keys.contains(where: { $0.hasPrefix("SWARM_") }) {
            added = EnvironmentArguments.added(
                to: arguments, options: EnvironmentArguments.options(of: command),
                environment: environment)
        }
        var all = arguments
        if let position { all.insert(contentsOf: added, at: position + 1) }
        do {
            return try Swarm.parseAsRoot(all)
        } catch {
            guard Swarm.exitCode(for: error) == .validationFailure else { throw error }
            throw usage(error, arguments, added: added, command: command)
        }
    }

    private static func unknown(_ word: String) -> Failure {
        let names = Swarm.subcommands.compactMap { $0.configuration.commandName }
        return Failure(
            .badUsage, word, "no such command",
            remedy: "the commands are " + names.joined(separator: ", "))
    }

    private static func usage(
        _ error: any Error, _ arguments: [String], added: [String],
        command: (any ParsableCommand.Type)?
    ) -> Failure {
        var problem = Swarm.message(for: error)
            .split(whereSeparator: \.isNewline)
            .map { $0.drop(while: \.isWhitespace) }.joined(separator: ", ")
        if problem.hasSuffix(".") { problem.removeLast() }
        problem = problem.prefix(1).lowercased() + problem.dropFirst()
        if !added.isEmpty, (try? Swarm.parseAsRoot(arguments)) != nil {
            problem += " (from the environment)"
        }
        let path = ["swarm", command?.configuration.commandName].compactMap(\.self)
            .joined(separator: " ")
        return Failure(.badUsage, nil, problem, remedy: "see '\(path) --help'")
    }
}
