import Foundation
import GRDB
public import Hashing
public import Units

/// What the session knows of one torrent in one folder.
public struct TorrentRecord: Sendable, Hashable {
    /// Names the torrent in the session store.
    public struct ID: Hashable, Sendable {
        public let rawValue: Int64

        public init(rawValue: Int64) { self.rawValue = rawValue }
    }

    public let id: ID
    public let infoHash: InfoHash
    /// The save folder; empty for a torrent of which only the metadata is kept.
    public let folder: String
    public var name: String
    /// The bytes of the .torrent; `nil` until a magnet's metadata is there.
    public var metainfo: [UInt8]?
    /// The magnet link that led to the torrent.
    public var link: String?
    /// The files that are wanted; `nil` for all.
    public var wantedFiles: [FileIndex]?
    /// Seconds since 1970.
    public var added: Int64
    public var completed: Int64?
    /// Bytes of payload, over all runs.
    public var uploaded: Int64
    public var downloaded: Int64
}

/// What was counted of a torrent over all runs.
public struct TorrentTotals: Hashable, Sendable {
    /// Bytes of payload.
    public var uploaded: Int64
    public var downloaded: Int64
    /// Seconds since 1970.
    public var completed: Int64?

    public init(uploaded: Int64 = 0, downloaded: Int64 = 0, completed: Int64? = nil) {
        self.uploaded = uploaded
        self.downloaded = downloaded
        self.completed = completed
    }
}

/// The torrents of a session and how far each of them is: one SQLite database.
///
/// Processes may share it: transactions are short, and wait for each other. Calls wait for the
/// disk, so none is for event loops. Any thread may call.
public final class SessionStore: Sendable {
    public let path: String
    /// Where a damaged store was moved to when this one was opened.
    public let setAside: String?
    let queue: DatabaseQueue

    /// Opens the store at `path`, and makes it and its folder if need be. A file that is no
    /// database or is damaged is kept under another name, and a new store begun.
    public init(path: String) throws(SessionStoreError) {
        self.path = path
        let lock = try SessionStore.lock(path)
        defer { withExtendedLifetime(lock) {} }
        do throws(SessionStoreError) {
            self.queue = try SessionStore.open(path)
            self.setAside = nil
        } catch {
            guard case .failed = error, let moved = SessionStore.setAside(path) else {
                guard case .failed(let reason) = error else { throw error }
                throw .cannotOpen(path: path, reason: reason)
            }
            self.queue = try SessionStore.open(path)
            self.setAside = moved
        }
    }

    /// One of the values that a seedbox keeps in the store at `path`, which may be in use and is
    /// not changed by this: neither brought to a newer schema nor mended.
    public static func keptValue(
        named name: String, in path: String
    ) throws(SessionStoreError) -> String? {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(Limits.storeBusySeconds)
        do {
            return try DatabaseQueue(path: path, configuration: configuration).read { db in
                guard try db.tableExists("seedbox_values") else { return nil }
                return try String.fetchOne(
                    db, sql: "SELECT value FROM seedbox_values WHERE name = ?", arguments: [name])
            }
        } catch {
            throw SessionStoreError(error)
        }
    }

    // MARK: - Torrents

    /// Adds a torrent, or finds it if it is there already in that folder. What is `nil` here stays
    /// as it was; with `metainfo` the torrent gets its real name and all its hashes.
    ///
    /// - Parameter now: seconds since 1970.
    public func add(
        _ infoHash: InfoHash, name: String, folder: String, metainfo: [UInt8]? = nil,
        link: String? = nil, wantedFiles: [FileIndex]? = nil, now: Int64
    ) throws(SessionStoreError) -> TorrentRecord {
        try durably { db in
            try Self.add(
                infoHash, name: name, folder: folder, metainfo: metainfo, link: link,
                wantedFiles: wantedFiles, now: now, db)
        }
    }

    static func add(
        _ infoHash: InfoHash, name: String, folder: String, metainfo: [UInt8]?, link: String?,
        wantedFiles: [FileIndex]?, now: Int64, _ db: Database
    ) throws -> TorrentRecord {
        try db.execute(
            sql: """
                INSERT INTO torrents
                    (hash, v1, v2, folder, name, metainfo, link, selection, added)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (hash, folder) DO UPDATE SET
                    v1 = iif(excluded.metainfo IS NULL, v1, excluded.v1),
                    v2 = iif(excluded.metainfo IS NULL, v2, excluded.v2),
                    name = iif(excluded.metainfo IS NULL, name, excluded.name),
                    metainfo = coalesce(excluded.metainfo, metainfo),
                    link = coalesce(excluded.link, link),
                    selection = coalesce(excluded.selection, selection)
                """,
            arguments: [
                Data(infoHash.primary.bytes), infoHash.v1.map { Data($0.bytes) },
                infoHash.v2.map { Data($0.bytes) }, folder, name, metainfo.map { Data($0) },
                link, wantedFiles.map { bigEndian($0.map(\.rawValue)) }, now,
            ])
        let row = try Row.fetchOne(
            db, sql: "SELECT * FROM torrents WHERE hash = ? AND folder = ?",
            arguments: [Data(infoHash.primary.bytes), folder])
        return try row.map(TorrentRecord.init) ?? { throw SessionStoreError.unknownTorrent }()
    }

    /// All torrents, in the order in which they were added.
    public func torrents() throws(SessionStoreError) -> [TorrentRecord] {
        try reading { db in
            try Row.fetchAll(db, sql: "SELECT * FROM torrents ORDER BY id")
                // One damaged row is one torrent lost, not all.
                .compactMap { try? TorrentRecord($0) }
        }
    }

    /// The torrents with this info-hash, the one added last first. Where it is one of 20 bytes, it
    /// may also be the beginning of the second name of a hybrid torrent.
    public func torrents(
        matching infoHash: InfoHash
    ) throws(SessionStoreError) -> [TorrentRecord] {
        try reading { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM torrents WHERE hash = ?1 OR v2 = ?2 OR v2 BETWEEN ?1 AND ?3
                    ORDER BY id DESC
                    """,
                arguments: [
                    Data(infoHash.primary.bytes), infoHash.v2.map { Data($0.bytes) },
                    Data(infoHash.primary.bytes) + Data(repeating: 0xFF, count: 12),
                ]
            ).compactMap { try? TorrentRecord($0) }
        }
    }

    /// Forgets the torrent; its files stay.
    public func remove(_ id: TorrentRecord.ID) throws(SessionStoreError) {
        try durably { db in
            try db.execute(sql: "DELETE FROM torrents WHERE id = ?", arguments: [id.rawValue])
        }
    }

    /// Keeps the .torrent, so that the torrent is found again by its hash alone.
    public func set(
        metainfo: [UInt8], name: String, of id: TorrentRecord.ID
    ) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: "UPDATE torrents SET metainfo = ?, name = ? WHERE id = ?",
                arguments: [Data(metainfo), name, id.rawValue])
        }
    }

    public func set(
        wantedFiles: [FileIndex]?, of id: TorrentRecord.ID
    ) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: "UPDATE torrents SET selection = ? WHERE id = ?",
                arguments: [wantedFiles.map { bigEndian($0.map(\.rawValue)) }, id.rawValue])
        }
    }

    /// - Parameter completed: seconds since 1970; `nil` if it is not complete any more.
    public func set(
        completed: Int64?, of id: TorrentRecord.ID
    ) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: "UPDATE torrents SET completed = ? WHERE id = ?",
                arguments: [completed, id.rawValue])
        }
    }

    /// What was counted of the torrent over all runs; nil if there is no such torrent.
    public func totals(
        of id: TorrentRecord.ID
    ) throws(SessionStoreError) -> TorrentTotals? {
        try reading { db in
            try Row.fetchOne(
                db, sql: "SELECT uploaded, downloaded, completed FROM torrents WHERE id = ?",
                arguments: [id.rawValue]
            ).map { row in
                TorrentTotals(
                    uploaded: try row.decode(forColumn: "uploaded"),
                    downloaded: try row.decode(forColumn: "downloaded"),
                    completed: try row.decode(forColumn: "completed"))
            }
        }
    }

    /// The totals of several torrents, in one transaction.
    public func set(
        totals: [TorrentRecord.ID: (uploaded: Int64, downloaded: Int64)]
    ) throws(SessionStoreError) {
        try quickly { db in
            for (id, total) in totals {
                try db.execute(
                    sql: "UPDATE torrents SET uploaded = ?, downloaded = ? WHERE id = ?",
                    arguments: [total.uploaded, total.downloaded, id.rawValue])
            }
        }
    }

    // MARK: - Transactions

    func reading<Value: Sendable>(
        _ body: (Database) throws -> Value
    ) throws(SessionStoreError) -> Value {
        do {
            return try queue.read(body)
        } catch {
            throw SessionStoreError(error)
        }
    }

    /// A transaction that is on the disk when this returns.
    func durably<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) throws(SessionStoreError) -> Value {
        try writing(synchronous: "FULL", body)
    }

    /// A transaction that survives the end of the process at once, and a power cut soon.
    func quickly<Value: Sendable>(
        _ body: @Sendable (Database) throws -> Value
    ) throws(SessionStoreError) -> Value {
        try writing(synchronous: "NORMAL", body)
    }

    private func writing<Value: Sendable>(
        synchronous: String, _ body: @Sendable (Database) throws -> Value
    ) throws(SessionStoreError) -> Value {
        do {
            return try queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = \(synchronous)")
                var value: Value?
                try db.inTransaction(.immediate) {
                    value = try body(db)
                    return .commit
                }
                guard let value else { throw SessionStoreError.failed(reason: "no value") }
                return value
            }
        } catch {
            throw SessionStoreError(error)
        }
    }

    // MARK: - Opening

    private static func open(_ path: String) throws(SessionStoreError) -> DatabaseQueue {
        // Made by SQLite it would be for everybody to read, and so would the files beside it. One
        // that is there is not opened here: closing it would take away the locks that another
        // connection of this process has on it, and the next program to leave the store would
        // remove the journal beneath that one.
        let made = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if made >= 0 { close(made) }
        do {
            var configuration = Configuration()
            configuration.journalMode = .wal
            configuration.busyMode = .timeout(Limits.storeBusySeconds)
            configuration.label = "session store"
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let migrator = SessionSchema.migrator
            guard try !queue.read(migrator.hasBeenSuperseded) else {
                throw SessionStoreError.newerSchema(path: path)
            }
            try migrator.migrate(queue)
            return queue
        } catch let error as DatabaseError {
            let code = error.resultCode
            guard code == .SQLITE_CORRUPT || code == .SQLITE_NOTADB else {
                throw .cannotOpen(path: path, reason: "\(error)")
            }
            throw .failed(reason: "\(error)")
        } catch {
            throw (error as? SessionStoreError) ?? .cannotOpen(path: path, reason: "\(error)")
        }
    }

    /// Makes the folder that a store is to be in, and those that it is in, for this user only.
    public static func makeFolder(_ path: String) throws(SessionStoreError) {
        let failure = makeFolders(path)
        guard failure == 0 else {
            throw .cannotOpen(path: path, reason: String(cString: strerror(failure)))
        }
    }

    /// Gives the system's error number, or 0.
    private static func makeFolders(_ path: String) -> Int32 {
        var made = path.hasPrefix("/") ? "" : "."
        for element in path.split(separator: "/") {
            made += "/" + element
            if mkdir(made, 0o700) == 0 { continue }
            let failure = errno
            // A folder that may not be written to can be there all the same.
            var status = stat()
            guard stat(made, &status) == 0 else { return failure }
            guard status.st_mode & S_IFMT == S_IFDIR else { return ENOTDIR }
        }
        return 0
    }

    /// Keeps others from opening the store until the result is let go: SQLite does not wait when
    /// two change the journal's mode, and two would both make the tables.
    private static func lock(_ path: String) throws(SessionStoreError) -> Descriptor {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try makeFolder(folder)
        let raw = Glibc.open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard raw >= 0 else {
            throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        let descriptor = Descriptor(raw, isWritable: true)
        guard retrying({ flock(raw, LOCK_EX) }) == 0 else {
            throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        return descriptor
    }

    /// Moves the store out of the way; gives the new name.
    private static func setAside(_ path: String) -> String? {
        for number in 1...Limits.brokenStoresMax {
            let target = "\(path).broken-\(number)"
            guard access(target, F_OK) != 0 else { continue }
            guard rename(path, target) == 0 else { return nil }
            for suffix in ["-wal", "-shm"] { _ = rename(path + suffix, target + suffix) }
            return target
        }
        return nil
    }
}

extension SessionStoreError {
    init(_ error: any Error) {
        self = (error as? SessionStoreError) ?? .failed(reason: "\(error)")
    }
}

extension TorrentRecord {
    /// A damaged store may hold anything anywhere, so each value is decoded with care.
    init(_ row: Row) throws {
        let v1 = try row.decode(Data?.self, forColumn: "v1").flatMap { SHA1Digest(bytes: $0) }
        let v2 = try row.decode(Data?.self, forColumn: "v2").flatMap { SHA256Digest(bytes: $0) }
        guard let infoHash = InfoHash(v1, v2) else {
            throw SessionStoreError.failed(reason: "a torrent without an info-hash")
        }
        self.infoHash = infoHash
        self.id = ID(rawValue: try row.decode(forColumn: "id"))
        self.folder = try row.decode(forColumn: "folder")
        self.name = try row.decode(forColumn: "name")
        self.metainfo = try row.decode(Data?.self, forColumn: "metainfo").map { Array($0) }
        self.link = try row.decode(forColumn: "link")
        self.wantedFiles = try row.decode(Data?.self, forColumn: "selection").map {
            numbers(in: $0).map(FileIndex.init)
        }
        self.added = try row.decode(forColumn: "added")
        self.completed = try row.decode(forColumn: "completed")
        self.uploaded = try row.decode(forColumn: "uploaded")
        self.downloaded = try row.decode(forColumn: "downloaded")
    }
}

/// 32 bits a number, high byte first.
func bigEndian(_ numbers: some Sequence<UInt32>) -> Data {
    var data = Data()
    for number in numbers {
        for shift in [24, 16, 8, 0] as [UInt32] {
            data.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
    return data
}

/// What `bigEndian` made; bytes left over are dropped.
func numbers(in data: Data) -> [UInt32] {
    var numbers: [UInt32] = []
    var number: UInt32 = 0
    for (position, byte) in data.enumerated() {
        number = number << 8 | UInt32(byte)
        if position % 4 == 3 { numbers.append(number) }
    }
    return numbers
}
