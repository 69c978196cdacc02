import Foundation
import GRDB
import Hashing
import Units

/// The folder that claims were made of: another one of that name on another device is most
/// likely the mount point of a disk that is not mounted. On the same device, somebody has simply
/// removed it.
struct FolderIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64

    /// Whether what is at the folder's path now may be there only because a disk is missing.
    /// Devices are numbered anew by a restart of the machine, folders are not.
    func mayBeUnmounted(now: FolderIdentity) -> Bool {
        device != now.device && inode != now.inode
    }
}

extension SessionStore {
    /// What an earlier run recorded. What does not fit the torrent, or was damaged, is not claimed.
    func claims(
        of id: TorrentRecord.ID, pieceCount: Int
    ) throws(SessionStoreError) -> (claims: Claims, folder: FolderIdentity)? {
        try reading { db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT * FROM resume WHERE torrent = ?", arguments: [id.rawValue])
            else { return nil }
            let pieces = try row.decode(Data.self, forColumn: "pieces")
            let digest = try row.decode(Data.self, forColumn: "digest")
            let isSound = digest.elementsEqual(SHA1Digest.hash(Array(pieces)).bytes)
            let recorded = Bitfield(wireBytes: pieces, count: pieceCount)
            var claims = Claims(
                recorded: (isSound ? recorded : nil) ?? Bitfield(count: pieceCount))
            if let tail = try Row.fetchOne(
                db, sql: "SELECT * FROM tails WHERE torrent = ?", arguments: [id.rawValue])
            {
                claims.tail = numbers(in: try tail.decode(forColumn: "pieces")).map {
                    PieceIndex($0)
                }
                .filter { $0.position < pieceCount }
                claims.endedInOrder = try tail.decode(forColumn: "ended")
            }
            let files = try Row.fetchCursor(
                db, sql: "SELECT * FROM files WHERE torrent = ?", arguments: [id.rawValue])
            while let file = try files.next() {
                let number = try file.decode(Int64.self, forColumn: "number")
                guard let number = UInt32(exactly: number) else { continue }
                claims.files[number] = try KnownFile(file)
            }
            let folder = FolderIdentity(
                device: UInt64(bitPattern: try row.decode(forColumn: "folder_device")),
                inode: UInt64(bitPattern: try row.decode(forColumn: "folder_inode")))
            return (claims, folder)
        }
    }

    /// Records an epoch: `pieces`, whose bytes are synced, the files that hold them, and the
    /// pieces verified since. On the disk when this returns. `tail` is asked when the store's turn
    /// has come, so that it is never older than what a `journal` wrote.
    ///
    /// - Parameter forgotten: files of which nothing is known any more.
    func record(
        _ pieces: Bitfield, files: [UInt32: KnownFile], forgotten: [UInt32] = [], ended: Bool,
        folder: FolderIdentity, of id: TorrentRecord.ID, tail: @Sendable () -> [PieceIndex]
    ) throws(SessionStoreError) {
        let bytes = pieces.wireBytes
        try durably { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO resume
                        (torrent, piece_count, pieces, digest, folder_device, folder_inode)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id.rawValue, pieces.count, Data(bytes), Data(SHA1Digest.hash(bytes).bytes),
                    Int64(bitPattern: folder.device), Int64(bitPattern: folder.inode),
                ])
            try Self.write(tail(), ended: ended, of: id, db)
            for number in forgotten {
                try db.execute(
                    sql: "DELETE FROM files WHERE torrent = ? AND number = ?",
                    arguments: [id.rawValue, Int64(number)])
            }
            try Self.write(files, of: id, db)
        }
    }

    /// Notes which pieces were verified since the last epoch, and which files were made. `tail` is
    /// asked when the store's turn has come, so that it is never older than the last epoch; `nil`
    /// says that there is nothing to note any more.
    func journal(
        files: [UInt32: KnownFile], of id: TorrentRecord.ID,
        tail: @Sendable () -> [PieceIndex]?
    ) throws(SessionStoreError) {
        try quickly { db in
            guard let tail = tail() else { return }
            try Self.write(tail, ended: false, of: id, db)
            try Self.write(files, of: id, db)
        }
    }

    /// Forgets all that was claimed: the files are to be checked anew.
    public func forgetClaims(of id: TorrentRecord.ID) throws(SessionStoreError) {
        try durably { db in
            for table in ["resume", "tails", "files"] {
                try db.execute(
                    sql: "DELETE FROM \(table) WHERE torrent = ?", arguments: [id.rawValue])
            }
        }
    }

    private static func write(
        _ tail: [PieceIndex], ended: Bool, of id: TorrentRecord.ID, _ db: Database
    ) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO tails (torrent, pieces, ended) VALUES (?, ?, ?)",
            arguments: [id.rawValue, bigEndian(tail.map(\.rawValue)), ended])
    }

    static func write(
        _ files: [UInt32: KnownFile], of id: TorrentRecord.ID, _ db: Database
    ) throws {
        guard !files.isEmpty else { return }
        let statement = try db.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO files
                    (torrent, number, device, inode, size, modified, is_whole)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """)
        for (number, file) in files {
            try statement.execute(arguments: [
                id.rawValue, Int64(number), Int64(bitPattern: file.identity.device),
                Int64(bitPattern: file.identity.inode), file.identity.size,
                file.identity.modified, file.isWhole,
            ])
        }
    }
}

extension KnownFile {
    fileprivate init(_ row: Row) throws {
        self.init(
            identity: FileIdentity(
                device: UInt64(bitPattern: try row.decode(forColumn: "device")),
                inode: UInt64(bitPattern: try row.decode(forColumn: "inode")),
                size: try row.decode(forColumn: "size"),
                modified: try row.decode(forColumn: "modified")),
            isWhole: try row.decode(forColumn: "is_whole"))
    }
}
