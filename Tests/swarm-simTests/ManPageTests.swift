import Foundation
import Testing

/// The manual page is written by hand; what the program takes, it says itself.
@Suite(.ownThreads) struct ManPageTests {
    private struct Command: Decodable {
        struct Argument: Decodable {
            struct Name: Decodable {
                let kind: String
                let name: String
            }

            let names: [Name]?
        }

        let commandName: String
        let arguments: [Argument]?
        let subcommands: [Command]?

        var all: [Command] { [self] + (subcommands ?? []).flatMap(\.all) }
    }

    private struct Tool: Decodable { let command: Command }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private func page() throws -> String {
        try String(contentsOf: Self.root.appending(path: "Docs/man/swarm-sim.1"), encoding: .utf8)
    }

    @Test func namesEveryCommandAndEveryOption() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "swarm-sim")
        process.arguments = ["--experimental-dump-help"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let page = try page()
        let commands = try JSONDecoder().decode(Tool.self, from: data).command.all
        #expect(commands.count > 4)
        for command in commands.dropFirst() where command.commandName != "help" {
            #expect(page.contains(".It Cm \(command.commandName)"), "\(command.commandName)")
            let names = (command.arguments ?? []).flatMap { $0.names ?? [] }
            for name in names where name.kind == "long" && name.name != "version" {
                #expect(page.contains("Fl \\-\(name.name)"), "\(command.commandName) \(name.name)")
            }
        }
    }

    @Test func namesEveryWordOfScenarios() throws {
        let page = try page()
        let folder = Self.root.appending(path: "Fixtures/Scenarios")
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                let words = line.split(separator: " ").prefix(2).map(String.init)
                guard let key = words.first else { continue }
                let isListed = page.contains(".It Li \(key) ") || page.contains(", Li \(key) ")
                #expect(isListed, "\(name): \(key)")
                guard key == "expect", let metric = words.last else { continue }
                #expect(page.contains("\n.Li \(metric)"), "\(name): \(metric)")
            }
        }
    }
}
