import Units

/// What a torrent is doing, as much of it as is shown while it runs.
struct LiveTorrent: Equatable, Sendable {
    enum Phase: Equatable, Sendable {
        /// The bytes are those of the metadata; none are wanted while its size is not known.
        case fetchingMetadata
        case checking
        case downloading
        case seeding
        case done
        case paused(String)
        /// In another state of the daemon's, by the word for it.
        case waiting(String)
        case failed(String)

        /// The word for people and, with `_` for spaces, for `--json`.
        var word: String {
            switch self {
            case .fetchingMetadata: "fetching metadata"
            case .checking: "checking"
            case .downloading: "downloading"
            case .seeding: "seeding"
            case .done: "done"
            case .paused: "paused"
            case .waiting(let word): word
            case .failed: "failed"
            }
        }
    }

    var name: String
    var phase: Phase
    /// Bytes of the files that are wanted.
    var bytesWanted: Int64
    /// Verified bytes of them; while checking, bytes that were looked at.
    var bytesDone: Int64
    var have: Bitfield
    /// How many connected peers have each piece; empty if unknown.
    var availability: [UInt8] = []
    var downloadRate = ByteRate.zero
    var uploadRate = ByteRate.zero
    var downloaded: Int64 = 0
    var uploaded: Int64 = 0
    var peersConnected = 0
    var seedsConnected = 0
    var peersKnown = 0
    /// `nil` while it cannot be told.
    var timeLeft: Interval?
    var ratio: Double?
}
