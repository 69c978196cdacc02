public import Hashing

/// Names a torrent of the seedbox: small, the same over restarts, and never given to another one.
public struct TorrentID: Hashable, Comparable, Sendable {
    public let rawValue: Int64

    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    public static func < (a: TorrentID, b: TorrentID) -> Bool { a.rawValue < b.rawValue }
}

/// What a torrent is doing.
public enum TorrentState: String, CaseIterable, Sendable {
    /// The user, or a limit of the user's, has stopped it.
    case paused
    /// Waits for its turn to be checked, to fetch or to seed.
    case queued
    case checking
    /// Peers are asked what it is.
    case fetchingMetadata
    case downloading
    case seeding
    case moving
    /// The disk that its content is on is not there. Nothing is made in its place.
    case waitingForStorage
    /// There is no room to write; what is there is served, and it goes on by itself.
    case noSpace
    case failed

    /// Whether it takes part in its swarm.
    public var isActive: Bool {
        switch self {
        case .fetchingMetadata, .downloading, .seeding, .noSpace: true
        default: false
        }
    }
}

extension TorrentState {
    /// What its time is counted as.
    fileprivate var activity: TimeSpent.Activity? {
        switch self {
        case .seeding: .seeding
        case .downloading, .fetchingMetadata, .noSpace: .fetching
        case .paused, .queued, .checking, .moving, .waitingForStorage, .failed: nil
        }
    }
}

/// How much a file matters against the others.
public enum FilePriority: Int, CaseIterable, Sendable {
    case low = -1
    case normal = 0
    case high = 1
}

/// When seeding ends, at one level: a torrent's own, its category's or everybody's.
public struct SeedingLimits: Hashable, Sendable {
    /// What the level says of one limit.
    public enum Rule<Value: Hashable & Sendable>: Hashable, Sendable {
        /// As the level above says.
        case inherited
        case unlimited
        case atMost(Value)
    }

    /// Payload given for each byte of what was fetched.
    public var ratio = Rule<Double>.inherited
    /// Seconds of seeding.
    public var seedTime = Rule<Int64>.inherited
    /// Seconds in which nobody has taken anything.
    public var idle = Rule<Int64>.inherited
    /// Nil is what the level above does.
    public var action: LimitAction?

    public init() {}
}

/// What is done with a torrent that has reached a limit.
public enum LimitAction: String, CaseIterable, Sendable {
    case pause
    case remove
    case removeWithData = "remove-with-data"
}

/// Which limit of seeding has stopped a torrent.
public enum ReachedLimit: String, CaseIterable, Sendable {
    case ratio
    case seedTime = "seed-time"
    case idle

    /// What it is called in a sentence.
    var words: String {
        switch self {
        case .ratio: "ratio"
        case .seedTime: "seeding time"
        case .idle: "idle time"
        }
    }
}

/// A torrent as a list shows it. All of this is in memory, for all torrents, at all times.
public struct TorrentRow: Equatable, Sendable {
    public var id: TorrentID
    public var infoHash: InfoHash
    public var name: String
    /// The folder that the content is in, or will be.
    public var folder: String
    public var state: TorrentState { didSet { spent.turn(to: state.activity) } }
    /// What is wrong, in words; of a tracker, the disk or the torrent.
    public var error: TorrentTrouble?

    /// Nil until the metadata is known.
    public var content: ContentShape?
    /// Content bytes that are wanted, and those of them that are there.
    public var bytesWanted: Int64 = 0
    public var bytesDone: Int64 = 0
    /// Between 0 and 1: how far the metadata has come, or the check.
    public var progress: Double = 0

    /// Payload bytes over all runs.
    public var downloaded: Int64 = 0
    public var uploaded: Int64 = 0
    /// Bytes that failed their hash or came twice, over all runs.
    public var wasted: Int64 = 0
    /// Bytes a second.
    public var downloadRate: Int64 = 0
    public var uploadRate: Int64 = 0

    public var peersConnected = 0
    public var peersSendingToUs = 0
    public var peersGettingFromUs = 0
    public var seedsConnected = 0
    public var peersKnown = 0
    /// As the trackers say; nil if none does.
    public var seedsInSwarm: Int?
    public var leechersInSwarm: Int?

    /// Seconds since 1970.
    public var added: Int64
    public var completed: Int64?
    /// When it last began to take part, in this run.
    public var started: Int64?
    /// When payload last passed.
    public var lastActive: Int64?
    var spent: TimeSpent

    public var isPrivate = false
    public var isSequential = false
    /// Whether the session's limits and groups bind it.
    public var honoursSessionLimits = true
    /// Which torrents the session's rate goes to first.
    public var priority = FilePriority.normal
    public var labels: [String] = []
    public var category: String?
    /// The limit group.
    public var group: String?
    /// Orders the queue; there are gaps in these, so that nothing changes for all others when a
    /// torrent is removed.
    public var queuePosition = 0
    /// How many torrents are before it in the queue, as the catalogue knows; what is shown of it.
    public internal(set) var queuePlace = 0
    /// It has fetched nothing for so long that it takes no place in the queue.
    public var isStalled = false
    public var seedingLimits = SeedingLimits()
    /// It is paused because it has reached this.
    public var limitReached: ReachedLimit?
    /// Bytes a second; nil is none of its own.
    public var downloadLimit: Int64?
    public var uploadLimit: Int64?
    public var peersMax: Int?
    /// The URL of the first tracker.
    public var tracker: String?

    /// When any of this last changed, as `Catalogue` counts.
    public var revision: UInt64 = 0

    public init(
        id: TorrentID, infoHash: InfoHash, name: String, folder: String, state: TorrentState,
        added: Int64
    ) {
        self.id = id
        self.infoHash = infoHash
        self.name = name
        self.folder = folder
        self.state = state
        self.added = added
        spent = TimeSpent(state.activity)
    }
}

/// What the metadata says of the content.
public struct ContentShape: Hashable, Sendable {
    /// Bytes, without padding.
    public var length: Int64
    public var fileCount: Int
    public var pieceCount: Int
    public var pieceLength: Int64

    public init(length: Int64, fileCount: Int, pieceCount: Int, pieceLength: Int64) {
        self.length = length
        self.fileCount = fileCount
        self.pieceCount = pieceCount
        self.pieceLength = pieceLength
    }
}

/// Something that is wrong with a torrent, and of whose making.
public struct TorrentTrouble: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        /// The torrent works all the same.
        case trackerWarning
        /// A tracker refuses the torrent.
        case trackerError
        /// No tracker was reached, or answered. It may be over in a minute.
        case trackerSilent
        /// The torrent has stopped, or cannot write.
        case local
    }

    public var kind: Kind
    public var text: String

    public init(kind: Kind, text: String) {
        self.kind = kind
        self.text = text
    }
}

extension TorrentRow {
    /// Seconds, over all runs.
    public var secondsDownloading: Int64 {
        get { spent[.fetching] }
        set { spent[.fetching] = newValue }
    }

    /// Seconds, over all runs.
    public var secondsSeeding: Int64 {
        get { spent[.seeding] }
        set { spent[.seeding] = newValue }
    }

    public var isComplete: Bool { content != nil && bytesDone >= bytesWanted }
    public var bytesLeft: Int64 { max(0, bytesWanted - bytesDone) }

    /// Payload given for each byte taken, or for each byte of content where none was taken.
    public var ratio: Double? {
        let base = downloaded > 0 ? downloaded : bytesDone
        return base > 0 ? Double(uploaded) / Double(base) : nil
    }

    /// Seconds that are left at the present rate; nil if that is never, or nothing is left.
    public var secondsLeft: Int64? {
        guard state == .downloading, bytesLeft > 0, downloadRate > 0 else { return nil }
        return bytesLeft / downloadRate
    }
}
