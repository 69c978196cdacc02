import ArgumentParser
import Seedbox
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
        var problem = onOneLine(Swarm.message(for: error))
        problem = problem.prefix(1).lowercased() + problem.dropFirst()
        if !added.isEmpty, (try? Swarm.parseAsRoot(arguments)) != nil {
            problem += " (from the environment)"
        }
        return Failure(.badUsage, nil, problem, remedy: "see '\(path.name) --help'")
    }
}

/// The parser's message as part of a sentence: it has several, and writes lists on lines.
private func onOneLine(_ message: String) -> String {
    var text = ""
    for line in message.split(whereSeparator: \.isNewline) {
        let isElement = line.drop(while: \.isWhitespace).hasPrefix("- ")
        let words = line.drop { $0.isWhitespace || $0 == "-" && isElement }
        text += text.isEmpty ? "" : text.hasSuffix(":") ? " " : ", "
        text += words
    }
    for (wordy, short) in [
        (". Please provide one of the following:", ": write one of"),
        (". Please provide one of", ": write one of"),
        ("' and '", "' or '"),
    ] {
        guard let range = text.firstRange(of: wordy) else { continue }
        text.replaceSubrange(range, with: short)
    }
    if text.hasSuffix(".") { text.removeLast() }
    return text
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
        try Self.checkStart(arguments)
        while !known.isEmpty,
            let position = arguments[end...].firstIndex(where: { !$0.hasPrefix("-") })
        {
            let word = arguments[position]
            let command = known.first { $0.configuration.commandName == word }
            guard let command else {
                if word == "help" {
                    try Self.checkHelp(arguments[(position + 1)...])
                    return
                }
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

    /// Options belong to a command, which stands before them.
    private static func checkStart(_ arguments: [String]) throws(Failure) {
        guard let first = arguments.first, first.hasPrefix("-"), first != "-",
            !["-h", "--help", "--version", "--"].contains(first), !first.hasPrefix("---"),
            !first.hasPrefix("--experimental"), !first.hasPrefix("--generate")
        else { return }
        let names = Swarm.subcommands.compactMap { $0.configuration.commandName }
        let command = arguments.first { names.contains($0) } ?? "list"
        throw Failure(
            .badUsage, first, "no option stands before the command",
            remedy: "write it behind, as in 'swarm \(command) \(first.prefix { $0 != "=" })'")
    }

    private static func unknown(
        _ word: String, among known: [any ParsableCommand.Type]
    ) -> Failure {
        let names = known.compactMap { $0.configuration.commandName }
        let near = nearest(to: word, among: names)
        return Failure(
            .badUsage, word, "no such command",
            remedy: near.map { "did you mean '\($0)'?" }
                ?? "the commands are " + names.joined(separator: ", "))
    }

    /// The parser shows the help of the last command that it knows, and does not say so.
    private static func checkHelp(_ words: ArraySlice<String>) throws(Failure) {
        var known = Swarm.subcommands
        for word in words where !word.hasPrefix("-") {
            guard !known.isEmpty else { return }
            guard let command = known.first(where: { $0.configuration.commandName == word }) else {
                throw unknown(word, among: known)
            }
            known = command.configuration.subcommands
        }
    }
}
