import ArgumentParser
import JSONText
import Units

/// The most that torrents may receive and send, of one, a group or the whole daemon.
struct RateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The most to receive in a second, or none.", valueName: "rate"),
        transform: RateLimit.init(_:))
    var down: RateLimit?

    @Option(
        help: ArgumentHelp("The most to send in a second, or none.", valueName: "rate"),
        transform: RateLimit.init(_:))
    var up: RateLimit?

    /// As torrents and groups name them.
    var members: [JSON.Member] {
        JSON.given([("downloadLimit", down?.json), ("uploadLimit", up?.json)])
    }
}

extension RateLimit {
    var json: JSON { rate.map { .integer($0.bytesPerSecond) } ?? .null }
}
