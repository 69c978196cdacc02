import ArgumentParser
import Units

/// What a new manifest is to be like: for `create` and `seed`.
struct ManifestOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument, Sendable {
        case v1
        case v2
        case hybrid
    }

    @Option(
        help: ArgumentHelp(
            "The torrent's version: v1, v2 or hybrid, which serves clients of both.",
            valueName: "version"),
        completion: .list(Format.allCases.map(\.rawValue)))
    var format = Format.v1

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
            "Take only files that match; repeatable. * ? [a-z] {a,b} and ** for any folders.",
            valueName: "glob"),
        transform: Glob.init(_:))
    var include: [Glob] = []

    @Option(
        help: ArgumentHelp("Leave out files that match; repeatable.", valueName: "glob"),
        transform: Glob.init(_:))
    var exclude: [Glob] = []

    @Option(
        help: ArgumentHelp(
            "The date in the torrent: now, none, or seconds since 1970.", valueName: "date"),
        transform: parseCreationDate)
    var creationDate = CreationDate.now

    /// Trackers by tier.
    var trackerTiers: [[String]] {
        tracker.map { $0.split(separator: ",").map(String.init) }.filter { !$0.isEmpty }
    }

    /// Whether a file of the folder belongs in the torrent.
    func admits(_ path: [String]) -> Bool {
        (include.isEmpty || include.contains { $0.matches(path) })
            && !exclude.contains { $0.matches(path) }
    }
}
