import Foundation
import GRDB
import Units

/// Moves that are under way.
extension SessionStore {
    func begin(_ move: PendingMove, of id: TorrentRecord.ID) throws(SessionStoreError) {
        let entries = try Self.encoded(move.entries)
        try durably { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO moves (torrent, source, target, entries)
                    VALUES (?, ?, ?, ?)
                    """,
                arguments: [id.rawValue, move.source, move.target, entries])
        }
    }

    func pendingMove(of id: TorrentRecord.ID) throws(SessionStoreError) -> PendingMove? {
        try reading { db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT * FROM moves WHERE torrent = ?", arguments: [id.rawValue])
            else { return nil }
            let entries = try JSONDecoder().decode(
                [TorrentContent.Entry].self, from: try row.decode(forColumn: "entries"))
            return PendingMove(
                source: try row.decode(forColumn: "source"),
                target: try row.decode(forColumn: "target"), entries: entries)
        }
    }

    /// Where the content is on its way to; nil if it is where it should be.
    public func moveTarget(of id: TorrentRecord.ID) throws(SessionStoreError) -> String? {
        try reading { db in
            try String.fetchOne(
                db, sql: "SELECT target FROM moves WHERE torrent = ?", arguments: [id.rawValue])
        }
    }

    /// All bytes are in their new folder: from now on that is the torrent's.
    func arrived(
        folder: String, identity: FolderIdentity, files: [UInt32: KnownFile],
        of id: TorrentRecord.ID
    ) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: "UPDATE torrents SET folder = ? WHERE id = ?",
                arguments: [folder, id.rawValue])
            try db.execute(
                sql: "UPDATE resume SET folder_device = ?, folder_inode = ? WHERE torrent = ?",
                arguments: [
                    Int64(bitPattern: identity.device), Int64(bitPattern: identity.inode),
                    id.rawValue,
                ])
            try Self.write(files, of: id, db)
        }
    }

    func endMove(of id: TorrentRecord.ID) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: "DELETE FROM moves WHERE torrent = ?", arguments: [id.rawValue])
        }
    }

    private static func encoded(
        _ entries: [TorrentContent.Entry]
    ) throws(SessionStoreError) -> Data {
        do {
            return try JSONEncoder().encode(entries)
        } catch {
            throw .failed(reason: "\(error)")
        }
    }
}
