import ArgumentParser
import JSONText
import Metainfo

struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show what is in a torrent.",
        discussion: "Info-hashes, pieces, trackers by tier, the magnet link, and the files with "
            + "the numbers that fetch --files takes.")

    @Argument(help: "A .torrent file, or - for standard input.", completion: .torrent)
    var torrent: String

    @OptionGroup(title: "Common options")
    var common: GlobalOptions

    func run() throws {
        let console = common.configuredConsole()
        let metainfo = try ManifestFiles.read(torrent)
        for warning in metainfo.warnings { console.warn("\(torrent): \(warning)") }
        let text = ManifestText(metainfo: metainfo)
        if common.json {
            try console.print(text.json)
        } else {
            try console.print(text.lines(isUnicode: console.traits.isUnicode))
        }
    }
}

extension CompletionKind {
    static var torrent: CompletionKind { .file(extensions: ["torrent"]) }
}
