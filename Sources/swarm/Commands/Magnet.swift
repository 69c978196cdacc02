import ArgumentParser
import JSONText
import Metainfo
import Terminal

struct Magnet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "magnet",
        abstract: "Write a torrent's magnet link.")

    @Argument(help: "A .torrent file, or - for standard input.", completion: .torrent)
    var torrent: String

    @OptionGroup(title: "Common options")
    var common: GlobalOptions

    func run() throws {
        let console = common.configuredConsole()
        let link = try ManifestFiles.read(torrent).magnetLink.text
        if common.json {
            try console.print(["magnet": .string(link)])
        } else {
            try console.print(terminalSafe(link))
        }
    }
}
