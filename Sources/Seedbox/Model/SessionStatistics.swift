/// What a seedbox has done, and how it is now.
public struct SessionStatistics: Hashable, Sendable {
    public struct Totals: Hashable, Sendable {
        /// Bytes of payload.
        public var downloaded: Int64 = 0
        public var uploaded: Int64 = 0
        public var secondsActive: Int64 = 0
        public var sessions: Int64 = 0
        public var torrentsAdded: Int64 = 0

        public init() {}

        fileprivate mutating func add(_ more: Int64, to path: WritableKeyPath<Totals, Int64>) {
            let (sum, overflow) = self[keyPath: path].addingReportingOverflow(max(0, more))
            self[keyPath: path] = overflow ? .max : sum
        }
    }

    public var thisRun = Totals()
    /// With this run.
    public var allTime = Totals()
    /// Bytes a second, of all torrents.
    public var downloadRate: Int64 = 0
    public var uploadRate: Int64 = 0
    /// Connected ones.
    public var peers = 0
    /// Whether the alternative limits hold now, by the schedule or because they are turned on.
    public var usesAlternativeLimits = false
    /// Which of the two has said so last.
    public var alternativeDecision = AlternativeDecision.hand
    /// Seconds since 1970.
    public var started: Int64 = 0

    public init() {}

    /// As it is kept in the store.
    var kept: String {
        let totals = allTime
        return [
            totals.downloaded, totals.uploaded, totals.secondsActive, totals.sessions,
            totals.torrentsAdded,
        ].map { "\($0)" }.joined(separator: " ")
    }

    /// What is damaged counts from nothing.
    init(kept: String?, now: Int64) {
        started = now
        let numbers = (kept ?? "").split(separator: " ").map { max(0, Int64($0) ?? 0) }
        if numbers.count == 5 {
            allTime.downloaded = numbers[0]
            allTime.uploaded = numbers[1]
            allTime.secondsActive = numbers[2]
            allTime.sessions = numbers[3]
            allTime.torrentsAdded = numbers[4]
        }
        count(\.sessions, 1)
    }

    /// Counts for this run and for all.
    mutating func count(_ path: WritableKeyPath<Totals, Int64>, _ more: Int64) {
        thisRun.add(more, to: path)
        allTime.add(more, to: path)
    }
}

/// What the maker of a torrent says of it.
public struct TorrentAbout: Hashable, Sendable {
    public var comment: String?
    public var creator: String?
    /// Seconds since 1970.
    public var created: Int64?

    public init(comment: String? = nil, creator: String? = nil, created: Int64? = nil) {
        self.comment = comment
        self.creator = creator
        self.created = created
    }
}

/// Something that programs and links are told of.
public struct SeedboxEvent: Sendable {
    public var kind: Settings.Event
    /// The torrent as it was then.
    public var row: TorrentRow

    public init(kind: Settings.Event, row: TorrentRow) {
        self.kind = kind
        self.row = row
    }
}
