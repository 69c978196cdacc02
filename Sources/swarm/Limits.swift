import Units

/// The bounds of the command line.
enum Limits {
    /// Bytes of a `.torrent` that are read; as many as a manifest may have, and one read more tells
    /// that there are too many.
    static let manifestBytesMax = 10_000_000

    /// Connections of one torrent that may be asked for; a process has descriptors for no more.
    static let peersMax = 10_000

    /// Remarks of trackers that are remembered so as not to be repeated.
    static let remarksMax = 1_000

    /// How long a command waits for the DHT of the other address family, once one is there.
    static let otherFamilyWait = Interval.seconds(1)

    /// Bytes of a mutable item's salt (BEP 44).
    static let saltBytesMax = 64

    // MARK: The daemon

    /// The highest number of a file that is chosen before it is known which there are.
    static let fileNumberMax = 100_000

    /// Bytes of an answer: all that is told of a hundred thousand torrents.
    static let answerBytesMax = 256 << 20

    /// Bytes of an answer's head, and of a line in it.
    static let answerHeadBytesMax = 32 << 10

    /// Seconds to wait for a connection.
    static let connectSeconds = 10

    /// Seconds without a byte of an answer. The daemon may have to fetch a torrent from the web
    /// before it can say what it is.
    static let answerSeconds = 90

    /// Bytes of a file that holds a token.
    static let tokenBytesMax = 4_096

    /// Words that a shell is offered to complete a torrent's name; more help nobody.
    static let completionsMax = 1_000

    /// Signals to stop that come within this time of the first are the same request.
    static let sameRequestTime = Duration.milliseconds(500)

    /// How long the daemon may take to end once it is asked to.
    static let stopMillisecondsMax = 9_800
}
