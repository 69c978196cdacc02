import Foundation
import GRDB
public import Hashing
public import Units

/// What a seedbox keeps of a torrent beside its content: what its user wants of it, and what has
/// been counted. It is read without the metainfo, so that thousands are there at once.
public struct SeedboxRecord: Hashable, Sendable {
    public let id: TorrentRecord.ID
    // These three are the torrent's own, and are only read here.
    public let infoHash: InfoHash
    public let folder: String
    public let name: String

    public var isPaused = false
    public var queuePosition: Int64 = 0
    public var bypassesQueue = false
    public var labels: [String] = []
    public var category: String?
    public var group: String?
    public var priority: Int64 = 0
    public var isSequential = false
    public var honoursSessionLimits = true
    public var downloadLimit: Int64?
    public var uploadLimit: Int64?
    public var peersMax: Int64?
    /// Nil is what the level above says, and what is negative is no limit.
    public var ratioLimit: Double?
    public var seedTimeLimit: Int64?
    public var idleLimit: Int64?
    public var limitAction: String?
    /// Files by number, where it is not 0.
    public var filePriorities: [UInt32: Int8] = [:]

    /// What the metadata says; nil while it is not known.
    public var shape: Shape?
    public var tracker: String?
    public var bytesWanted: Int64 = 0
    public var bytesDone: Int64 = 0
    public var downloaded: Int64 = 0
    public var uploaded: Int64 = 0
    public var wasted: Int64 = 0
    public var secondsDownloading: Int64 = 0
    public var secondsSeeding: Int64 = 0
    /// Seconds since 1970.
    public var added: Int64
    public var completed: Int64?
    public var lastActive: Int64?

    public struct Shape: Hashable, Sendable {
        public var length: Int64
        public var fileCount: Int64
        public var pieceCount: Int64
        public var pieceLength: Int64
        public var isPrivate: Bool

        public init(
            length: Int64, fileCount: Int64, pieceCount: Int64, pieceLength: Int64,
            isPrivate: Bool
        ) {
            self.length = length
            self.fileCount = fileCount
            self.pieceCount = pieceCount
            self.pieceLength = pieceLength
            self.isPrivate = isPrivate
        }
    }

    public init(
        id: TorrentRecord.ID, infoHash: InfoHash, folder: String, name: String, added: Int64
    ) {
        self.id = id
        self.infoHash = infoHash
        self.folder = folder
        self.name = name
        self.added = added
    }
}

/// A torrent that comes to a seedbox.
public struct SeedboxArrival: Sendable {
    public var infoHash: InfoHash
    public var name: String
    public var folder: String
    /// The bytes of the .torrent, or else the link to it.
    public var metainfo: [UInt8]?
    public var link: String?
    /// The files that are wanted; `nil` for all.
    public var wantedFiles: [FileIndex]?
    /// Peers that the user knows of.
    public var peers: [Endpoint] = []

    public init(infoHash: InfoHash, name: String, folder: String) {
        self.infoHash = infoHash
        self.name = name
        self.folder = folder
    }
}

extension SessionStore {
    // MARK: - Torrents of a seedbox

    /// Adds a torrent, with what `record` makes of its number. It is on the disk when this
    /// returns.
    public func enlist(
        _ arrival: SeedboxArrival, now: Int64,
        record: @Sendable (TorrentRecord.ID) -> SeedboxRecord
    ) throws(SessionStoreError) -> SeedboxRecord {
        try durably { db in
            let torrent = try Self.add(
                arrival.infoHash, name: arrival.name, folder: arrival.folder,
                metainfo: arrival.metainfo, link: arrival.link,
                wantedFiles: arrival.wantedFiles, now: now, db)
            let record = record(torrent.id)
            try Self.write([record], db)
            if !arrival.peers.isEmpty { try Self.write(arrival.peers, of: torrent.id, db) }
            return record
        }
    }

    public func seedboxRecordCount() throws(SessionStoreError) -> Int {
        try reading { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM seedbox") ?? 0 }
    }

    /// All torrents of the seedbox, in the order of their ids.
    ///
    /// - Parameter take: is given one after the other, so that thousands never are in memory
    ///   beside what is made of them.
    public func eachSeedboxRecord(
        _ take: (SeedboxRecord) -> Void
    ) throws(SessionStoreError) {
        // What was read is not needed again.
        defer { queue.releaseMemory() }
        try reading { db in
            // Only columns of `torrents` that stand before its long one: to get at those behind it
            // all of it would be read.
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT torrents.id, v1, v2, folder, coalesce(names.name, torrents.name),
                        seedbox.* FROM seedbox
                    JOIN torrents ON torrents.id = seedbox.torrent
                    LEFT JOIN names ON names.torrent = torrents.id AND path = torrents.name
                    ORDER BY torrents.id
                    """)
            while let row = try rows.next() {
                // One damaged row is one torrent lost, not all.
                if let record = try? SeedboxRecord(row) { take(record) }
            }
        }
    }

    /// Writes what users have changed. It is on the disk when this returns.
    public func save(_ records: [SeedboxRecord]) throws(SessionStoreError) {
        guard !records.isEmpty else { return }
        try durably { db in try Self.write(records, db) }
    }

    /// Writes what was counted: all in one transaction, which a power cut may undo.
    public func note(
        _ records: [SeedboxRecord], values: [String: String] = [:]
    ) throws(SessionStoreError) {
        guard !records.isEmpty || !values.isEmpty else { return }
        try quickly { db in
            try Self.write(records, db)
            for (name, value) in values { try Self.set(value, named: name, db) }
        }
    }

    /// Forgets torrents; their files stay. On the disk when this returns.
    public func remove(_ ids: [TorrentRecord.ID]) throws(SessionStoreError) {
        try durably { db in
            for id in ids {
                try db.execute(sql: "DELETE FROM torrents WHERE id = ?", arguments: [id.rawValue])
            }
        }
    }

    /// All that is known of one torrent.
    public func torrent(_ id: TorrentRecord.ID) throws(SessionStoreError) -> TorrentRecord? {
        try reading { db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM torrents WHERE id = ?", arguments: [id.rawValue]
            ).map { try TorrentRecord($0) }
        }
    }

    /// The torrent is now known by what its metadata says. Its number stays.
    public func learn(
        _ metainfo: [UInt8], infoHash: InfoHash, name: String, wantedFiles: [FileIndex]?,
        of id: TorrentRecord.ID
    ) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: """
                    UPDATE torrents SET hash = ?, v1 = ?, v2 = ?, name = ?, metainfo = ?,
                        selection = coalesce(?, selection) WHERE id = ?
                    """,
                arguments: [
                    Data(infoHash.primary.bytes), infoHash.v1.map { Data($0.bytes) },
                    infoHash.v2.map { Data($0.bytes) }, name, Data(metainfo),
                    wantedFiles.map { bigEndian($0.map(\.rawValue)) }, id.rawValue,
                ])
        }
    }

    /// The folder that the torrent's content is in from now on.
    public func set(folder: String, of id: TorrentRecord.ID) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: "UPDATE torrents SET folder = ? WHERE id = ?",
                arguments: [folder, id.rawValue])
        }
    }

    /// The link that names a torrent whose metadata is not known yet.
    public func set(link: String, of id: TorrentRecord.ID) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: "UPDATE torrents SET link = ? WHERE id = ?", arguments: [link, id.rawValue])
        }
    }

    /// Files by number, where their priority is not 0.
    public func filePriorities(
        of id: TorrentRecord.ID
    ) throws(SessionStoreError) -> [UInt32: Int8] {
        try reading { db in
            let data = try Data.fetchOne(
                db, sql: "SELECT file_priorities FROM seedbox WHERE torrent = ?",
                arguments: [id.rawValue])
            return SeedboxRecord.priorities(in: data ?? Data())
        }
    }

    /// The pieces that the last run has recorded, of a torrent that is not open.
    public func pieces(
        of id: TorrentRecord.ID, pieceCount: Int
    ) throws(SessionStoreError) -> Bitfield {
        guard let (claims, _) = try claims(of: id, pieceCount: pieceCount) else {
            return Bitfield(count: pieceCount)
        }
        var pieces = claims.recorded
        for piece in claims.tail { pieces.insert(piece) }
        return pieces
    }

    // MARK: - Values by name

    /// What is kept of the seedbox as a whole.
    public func value(named name: String) throws(SessionStoreError) -> String? {
        try reading { db in
            try String.fetchOne(
                db, sql: "SELECT value FROM seedbox_values WHERE name = ?", arguments: [name])
        }
    }

    /// On the disk when this returns.
    public func set(_ value: String, named name: String) throws(SessionStoreError) {
        try durably { db in try Self.set(value, named: name, db) }
    }

    private static func set(_ value: String, named name: String, _ db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO seedbox_values (name, value) VALUES (?, ?)",
            arguments: [name, value])
    }

    // MARK: - Writing

    /// Whatever has been removed meanwhile stays removed.
    private static func write(_ records: [SeedboxRecord], _ db: Database) throws {
        let names = SeedboxRecord.columns.joined(separator: ", ")
        let marks = SeedboxRecord.columns.map { _ in "?" }.joined(separator: ", ")
        let statement = try db.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO seedbox (\(names)) SELECT \(marks)
                WHERE EXISTS (SELECT 1 FROM torrents WHERE id = ?)
                """)
        for record in records {
            try statement.execute(
                arguments: StatementArguments(record.values + [record.id.rawValue]))
        }
    }
}

// MARK: - Rows

extension SeedboxRecord {
    /// In the order of `values`.
    static let columns = [
        "torrent", "is_paused", "position", "bypasses", "labels", "category", "limit_group",
        "priority", "sequential", "honours", "down_limit", "up_limit", "peers_max", "ratio",
        "seed_time", "idle", "action", "file_priorities", "length", "file_count", "piece_count",
        "piece_length", "is_private", "tracker", "bytes_wanted", "bytes_done", "downloaded",
        "uploaded", "wasted", "seconds_down", "seconds_seed", "added", "completed", "last_active",
    ]

    var values: [(any DatabaseValueConvertible)?] {
        var priorities = Data()
        for (file, priority) in filePriorities.sorted(by: { $0.key < $1.key }) {
            priorities.append(bigEndian([file, UInt32(bitPattern: Int32(priority))]))
        }
        return [
            id.rawValue, isPaused, queuePosition, bypassesQueue,
            labels.joined(separator: Self.separator), category, group, priority, isSequential,
            honoursSessionLimits, downloadLimit, uploadLimit, peersMax, ratioLimit, seedTimeLimit,
            idleLimit, limitAction, priorities.isEmpty ? nil : priorities, shape?.length,
            shape?.fileCount, shape?.pieceCount, shape?.pieceLength, shape?.isPrivate, tracker,
            bytesWanted, bytesDone, downloaded, uploaded, wasted, secondsDownloading,
            secondsSeeding, added, completed, lastActive,
        ]
    }

    /// Labels have no line feeds in them.
    private static let separator = "\n"

    /// The torrent's id, hashes, folder and name, and then the columns.
    fileprivate init(_ row: Row) throws {
        let v1 = try row.decode(Data?.self, atIndex: 1).flatMap { SHA1Digest(bytes: $0) }
        let v2 = try row.decode(Data?.self, atIndex: 2).flatMap { SHA256Digest(bytes: $0) }
        guard let infoHash = InfoHash(v1, v2) else {
            throw SessionStoreError.failed(reason: "a torrent without an info-hash")
        }
        let first = 5
        self.init(
            id: TorrentRecord.ID(rawValue: try row.decode(atIndex: 0)), infoHash: infoHash,
            folder: try row.decode(atIndex: 3), name: try row.decode(atIndex: 4),
            added: try row.decode(atIndex: first + 31))
        try readWishes(row, first)
        try readCounters(row, first)
    }

    private mutating func readWishes(_ row: Row, _ first: Int) throws {
        isPaused = try row.decode(atIndex: first + 1)
        queuePosition = try row.decode(atIndex: first + 2)
        bypassesQueue = try row.decode(atIndex: first + 3)
        let joined = try row.decode(String.self, atIndex: first + 4)
        labels = joined.isEmpty ? [] : joined.components(separatedBy: Self.separator)
        category = try row.decode(atIndex: first + 5)
        group = try row.decode(atIndex: first + 6)
        priority = try row.decode(atIndex: first + 7)
        isSequential = try row.decode(atIndex: first + 8)
        honoursSessionLimits = try row.decode(atIndex: first + 9)
        downloadLimit = try row.decode(atIndex: first + 10)
        uploadLimit = try row.decode(atIndex: first + 11)
        peersMax = try row.decode(atIndex: first + 12)
        ratioLimit = try row.decode(atIndex: first + 13)
        seedTimeLimit = try row.decode(atIndex: first + 14)
        idleLimit = try row.decode(atIndex: first + 15)
        limitAction = try row.decode(atIndex: first + 16)
        let data = try row.decode(Data?.self, atIndex: first + 17)
        filePriorities = Self.priorities(in: data ?? Data())
    }

    fileprivate static func priorities(in data: Data) -> [UInt32: Int8] {
        let pairs = numbers(in: data)
        var priorities: [UInt32: Int8] = [:]
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            let priority = Int32(bitPattern: pairs[index + 1])
            priorities[pairs[index]] = Int8(truncatingIfNeeded: priority)
        }
        return priorities
    }

    private mutating func readCounters(_ row: Row, _ first: Int) throws {
        if let length = try row.decode(Int64?.self, atIndex: first + 18) {
            shape = Shape(
                length: length, fileCount: try row.decode(atIndex: first + 19),
                pieceCount: try row.decode(atIndex: first + 20),
                pieceLength: try row.decode(atIndex: first + 21),
                isPrivate: try row.decode(atIndex: first + 22))
        }
        tracker = try row.decode(atIndex: first + 23)
        bytesWanted = try row.decode(atIndex: first + 24)
        bytesDone = try row.decode(atIndex: first + 25)
        downloaded = try row.decode(atIndex: first + 26)
        uploaded = try row.decode(atIndex: first + 27)
        wasted = try row.decode(atIndex: first + 28)
        secondsDownloading = try row.decode(atIndex: first + 29)
        secondsSeeding = try row.decode(atIndex: first + 30)
        completed = try row.decode(atIndex: first + 32)
        lastActive = try row.decode(atIndex: first + 33)
    }
}

extension InfoHash {
    init?(_ v1: SHA1Digest?, _ v2: SHA256Digest?) {
        switch (v1, v2) {
        case (let v1?, let v2?): self.init(v1: v1, v2: v2)
        case (let v1?, nil): self.init(v1: v1)
        case (nil, let v2?): self.init(v2: v2)
        case (nil, nil): return nil
        }
    }
}
