import ArgumentParser
import JSONText
import Metainfo
import Terminal

struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a torrent of a file or folder, and nothing else.",
        discussion: "It is written beside the content as NAME.torrent unless -o says otherwise. "
            + "Its path and its magnet link go to standard output.")

    @Argument(help: "The file or folder.", completion: .file())
    var path: String

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where to write the torrent; - is standard output.", valueName: "file"),
        completion: .torrent)
    var output: String?

    @OptionGroup(title: "The torrent")
    var manifest: ManifestOptions

    @OptionGroup(title: "Common options")
    var common: GlobalOptions

    func run() async throws {
        let console = common.configuredConsole()
        let made = try await ManifestMaker(path: path, options: manifest, output: output).make()
        guard made.path != "-" else { return }
        if common.json {
            try console.print(.object(made.members))
        } else {
            try console.print([
                StyledLine(terminalSafe(made.path)),
                StyledLine(terminalSafe(made.metainfo.magnetLink.text)),
            ])
        }
    }
}
