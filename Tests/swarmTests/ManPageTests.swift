import ArgumentParser
import Foundation
import Testing

@testable import swarm

@Suite(.ownThreads) struct ManPageTests {
    private static let place = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Docs/man/swarm.1").standardized

    @Test("The manual page is the one that the commands make; UPDATE_MAN_PAGE=1 writes it")
    func isUpToDate() throws {
        let text = try ManPage().text
        if ProcessInfo.processInfo.environment["UPDATE_MAN_PAGE"] != nil {
            try FileManager.default.createDirectory(
                at: Self.place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: Self.place)
        }
        let written = try String(contentsOf: Self.place, encoding: .utf8)
        #expect(written == text, "run UPDATE_MAN_PAGE=1 swift test --filter ManPageTests")
    }

    @Test func namesEveryCommandAndEveryOption() throws {
        let page = try ManPage()
        let written = page.text
        let counts = Swarm.subcommands.map { max(1, $0.configuration.subcommands.count) }
        #expect(page.commands.count == counts.reduce(0, +))
        for command in page.commands {
            #expect(written.contains(".Ss swarm \(command.commandName)\n"))
            let shown = command.arguments?.filter(\.shouldDisplay) ?? []
            for name in shown.flatMap(\.longNames) {
                #expect(written.contains("Fl \\-\(name)"), "\(command.commandName) --\(name)")
            }
        }
    }

    @Test func everyOptionSaysWhatItIsFor() throws {
        for command in try ManPage().commands {
            #expect(command.abstract?.isEmpty == false, "\(command.commandName)")
            for argument in command.arguments ?? [] {
                let name = "\(command.commandName) \(argument.longNames)"
                #expect(argument.abstract?.isEmpty == false, "\(name) has no help")
            }
        }
    }

    @Test func textIsNeverTakenForARequest() {
        #expect(ManPage.escaped(".Sh") == "\\&.Sh")
        #expect(ManPage.escaped("a\\b --c") == "a\\eb \\-\\-c")
    }
}
