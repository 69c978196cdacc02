import ArgumentParser
import Chunker
import Units

/// What a new manifest is to be like: for `create` and `seed`.
struct ManifestOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The torrent's version: v1, v2, or hybrid, which is for clients of either and is "
                + "chosen unless given.",
            valueName: "version"),
        completion: .list(ChunkFormat.allCases.map(\.rawValue)), transform: parseFormat)
    var format = ChunkOptions().format

    @Option(
        help: ArgumentHelp(
            "Bytes of a piece, a power of two from 16 KiB; chosen by the size unless given.",
            valueName: "size"),
        transform: parseSize)
    var pieceLength: Int64?

    @Option(
        name: [.customShort("t"), .long],
        help: ArgumentHelp(
            "A tracker. Given again it is the next tier; commas separate those of one tier.",
            valueName: "url"))
    var tracker: [String] = []

    @Option(
        name: [.customShort("w"), .long],
        help: ArgumentHelp("A web server that has the content; repeatable.", valueName: "url"))
    var webSeed: [String] = []

    @Flag(
        name: [.customShort("p"), .long],
        help: "Allow peers from the trackers only: no DHT, no peer exchange.")
    var `private` = false

    @Option(
        name: [.customShort("c"), .long],
        help: ArgumentHelp("A remark for people.", valueName: "text"))
    var comment: String?

    @Option(
        name: [.customShort("s"), .long],
        help: ArgumentHelp(
            "Where the torrent comes from; it changes the info-hash.", valueName: "text"))
    var source: String?

    @Option(
        help: ArgumentHelp(
            "The torrent's name, unless it is that of the file or folder.", valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "Take only files that match, as '*.mkv' or 'extras/**'; repeatable.",
            valueName: "glob"))
    var include: [String] = []

    @Option(help: ArgumentHelp("Leave out files that match; repeatable.", valueName: "glob"))
    var exclude: [String] = []

    @Option(
        help: ArgumentHelp(
            "The date in the torrent: none, seconds since 1970, or now, as it is unless "
                + "given.", valueName: "date"),
        transform: parseCreationDate)
    var creationDate = CreationDate.now

    @Flag(help: "Replace the torrent file, if there is one, even if it is of other content.")
    var force = false

    var trackerTiers: [[String]] { swarm.trackerTiers(tracker) }

    /// What is probably not meant.
    var warnings: [String] {
        var warnings: [String] = []
        if self.private, trackerTiers.isEmpty {
            warnings.append("a private torrent without a tracker has no way to find peers; add -t")
        }
        return warnings
    }
}

private func parseFormat(_ text: String) throws(ValueFault) -> ChunkFormat {
    guard let format = ChunkFormat(rawValue: text.lowercased()) else { throw .notAVersion }
    return format
}
