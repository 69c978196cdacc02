import ArgumentParser
import Foundation
import Terminal

@testable import swarm

/// The manual page, made of what the parser knows about commands and options and of the prose in
/// `ManPageText`, in the mdoc(7) language.
struct ManPage {
    struct Command: Decodable {
        var commandName: String
        let abstract: String?
        let discussion: String?
        let arguments: [Argument]?
        let subcommands: [Command]?

        /// The commands that it consists of, or itself, by the words that name them.
        var leaves: [Command] {
            let parts = subcommands?.filter { $0.commandName != "help" } ?? []
            guard !parts.isEmpty else { return [self] }
            return parts.flatMap(\.leaves).map { part in
                var named = part
                named.commandName = commandName + " " + part.commandName
                return named
            }
        }
    }

    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }

        let kind: String
        let isOptional: Bool
        let isRepeating: Bool
        let shouldDisplay: Bool
        let names: [Name]?
        let valueName: String?
        let abstract: String?
        let defaultValue: String?

        var longNames: [String] { names?.filter { $0.kind == "long" }.map(\.name) ?? [] }

        /// Whether every command has it, so that it is described once.
        var isCommon: Bool {
            let common = [
                "json", "quiet", "verbose", "no-progress", "color", "config", "no-config",
                "state-dir", "help", "version",
            ]
            return !Set(longNames).isDisjoint(with: common)
        }
    }

    let commands: [Command]

    init() throws {
        struct Tool: Decodable { let command: Command }
        let data = Data(Swarm._dumpHelp().utf8)
        let tool = try JSONDecoder().decode(Tool.self, from: data)
        let commands = tool.command.subcommands?.filter { $0.commandName != "help" } ?? []
        self.commands = commands.flatMap(\.leaves)
    }

    var text: String {
        var out = ManPageText.head
        out += ".Sh SYNOPSIS\n" + commands.map(synopsis).joined()
        out += ManPageText.description
        out += ".Sh COMMANDS\n" + commands.map(section).joined()
        out += ".Sh COMMON OPTIONS\n.Bl -tag -width Ds\n"
        var seen: Set<[String]> = []
        for argument in commands.flatMap({ $0.arguments ?? [] })
        where argument.isCommon && seen.insert(argument.longNames).inserted {
            out += item(argument)
        }
        out += ".El\n" + ManPageText.values + ManPageText.environment + ManPageText.output
        out += ".Sh EXIT STATUS\n.Bl -tag -width 999\n"
        for status in ExitStatus.allCases {
            out += ".It \(status.rawValue)\n\(Self.escaped(status.meaning))\n"
        }
        return out + ".El\n" + ManPageText.tail
    }

    private func synopsis(_ command: Command) -> String {
        let values = (command.arguments ?? []).filter { $0.kind == "positional" }.map { argument in
            let value =
                " Ar \(argument.valueName ?? "value")" + (argument.isRepeating ? " ..." : "")
            return argument.isOptional ? " Op\(value)" : value
        }
        let options = command.arguments?.contains { $0.kind != "positional" && !$0.isCommon }
        let words = options == true ? " Oo Ar options Oc" : ""
        return ".Nm\n.Cm \(command.commandName)\(words)\(values.joined())\n"
    }

    private func section(_ command: Command) -> String {
        var out = ".Ss swarm \(command.commandName)\n"
        for text in [command.abstract, command.discussion].compactMap(\.self) where !text.isEmpty {
            out +=
                text.split(separator: "\n").map { Self.escaped(String($0)) + "\n" }
                .joined(separator: ".Pp\n") + (text == command.abstract ? ".Pp\n" : "")
        }
        if out.hasSuffix(".Pp\n") { out.removeLast(4) }
        let own = (command.arguments ?? []).filter { !$0.isCommon && $0.shouldDisplay }
        guard !own.isEmpty else { return out }
        let isValue = { (argument: Argument) in argument.kind == "positional" }
        let ordered = own.filter(isValue) + own.filter { !isValue($0) }
        return out + ".Bl -tag -width Ds\n" + ordered.map(item).joined() + ".El\n"
    }

    private func item(_ argument: Argument) -> String {
        var head: String
        if argument.kind == "positional" {
            head = "Ar \(argument.valueName ?? "value")" + (argument.isRepeating ? " ..." : "")
        } else {
            head = (argument.names ?? []).map { name in
                name.kind == "short" ? "Fl \(name.name)" : "Fl \\-\(name.name)"
            }.joined(separator: " , ")
            if argument.kind == "option" { head += " Ar \(argument.valueName ?? "value")" }
        }
        var text = argument.abstract.map { Self.escaped($0) + "\n" } ?? ""
        if argument.kind == "option", let value = argument.defaultValue, !value.isEmpty {
            text += "The default is\n.Ar \(Self.escaped(value)) .\n"
        }
        return ".It \(head)\n\(text)"
    }

    /// Text that mdoc reads as text: no line of it is a request.
    static func escaped(_ text: String) -> String {
        let body = text.map { character in
            switch character {
            case "\\": "\\e"
            case "-": "\\-"
            default: String(character)
            }
        }.joined()
        return body.hasPrefix(".") || body.hasPrefix("'") ? "\\&" + body : body
    }
}
