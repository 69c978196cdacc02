public import Units

/// What to add, and how.
public struct AddRequest: Sendable {
    public enum Source: Sendable {
        /// The bytes of a `.torrent`.
        case manifest([UInt8])
        /// A magnet link, or an info-hash in hex.
        case link(String)
        /// A `.torrent` on the web. Private addresses are refused unless settings allow them.
        case url(String)
    }

    public var source: Source
    /// Nil is the category's folder, or the one of the settings. Under the allowed roots.
    public var folder: String?
    /// Nil is what the settings say.
    public var startsPaused: Bool?
    public var category: String?
    public var labels: [String] = []
    /// Numbers of files; nil is all.
    public var wantedFiles: Set<Int>?
    public var filePriorities: [Int: FilePriority] = [:]
    public var isSequential = false
    public var goesToTopOfQueue = false
    public var priority = FilePriority.normal
    public var seedingLimits = SeedingLimits()
    public var downloadLimit: Int64?
    public var uploadLimit: Int64?
    public var peersMax: Int?
    public var peers: [Endpoint] = []

    public init(_ source: Source) { self.source = source }
}

/// What came of adding.
public struct Added: Sendable {
    public var id: TorrentID
    /// False if it was there already; nothing was changed then but trackers that it lacked, and
    /// metadata if only its link was known.
    public var isNew: Bool

    public init(id: TorrentID, isNew: Bool) {
        self.id = id
        self.isNew = isNew
    }
}

/// What to change of a torrent; nil leaves it as it is.
public struct TorrentChanges: Sendable {
    public var labels: [String]?
    /// `.some(nil)` takes the category away.
    public var category: String??
    public var group: String??
    public var priority: FilePriority?
    public var isSequential: Bool?
    public var honoursSessionLimits: Bool?
    public var downloadLimit: Int64??
    public var uploadLimit: Int64??
    public var peersMax: Int??
    public var seedingLimits: SeedingLimits?
    public var queuePosition: Int?
    /// Files by number: wanted or not, and how much. All that are named must be there.
    public var wanted: [Int: Bool] = [:]
    public var filePriorities: [Int: FilePriority] = [:]
    /// URLs by tier; replaces all.
    public var trackers: [[String]]?

    public init() {}
}

public enum QueueMove: String, CaseIterable, Sendable {
    case top, up, down, bottom
}

/// Why the seedbox does not do what it is asked. Each says so in one line, fit for a user.
public enum SeedboxError: Error, Hashable, Sendable, CustomStringConvertible {
    case noSuchTorrent(String)
    case noSuchFile(Int)
    case noSuchCategory(String)
    case noSuchGroup(String)
    /// The value of a field or setting.
    case badValue(field: String, reason: String)
    /// A manifest or link that is none.
    case badSource(String)
    /// A path that is not under the folders that may be written to.
    case forbiddenPath(String)
    /// Something is there already.
    case exists(String)
    case storage(String)
    /// The metadata is not known yet.
    case noMetadata(String)
    /// The same of the v2 hashes of a hybrid torrent that is known by its v1 hash.
    case lacksHashes(String)
    /// What there was of the content is not where it was.
    case diskMissing(String, folder: String)
    case stopping

    public var description: String {
        switch self {
        case .noSuchTorrent(let name): "\(name): no such torrent"
        case .noSuchFile(let index): "file \(index): no such file"
        case .noSuchCategory(let name): "\(name): no such category"
        case .noSuchGroup(let name): "\(name): no such group"
        case .badValue(let field, let reason): "\(field): \(reason)"
        case .badSource(let reason): reason
        case .forbiddenPath(let path): "\(path): not under the folders that may be written to"
        case .exists(let name): "\(name): is there already"
        case .storage(let reason): reason
        case .noMetadata(let name): "\(name): what it holds is not known yet"
        case .lacksHashes(let name):
            "\(name): not all of its v2 hashes are known before all of it is here"
        case .diskMissing(let name, let folder):
            "\(name): nothing of it is in \(folder) any more: mount its disk, or remove it and add "
                + "it again"
        case .stopping: "the seedbox is about to stop"
        }
    }
}
