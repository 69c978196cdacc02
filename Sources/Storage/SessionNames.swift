import Foundation
import GRDB

/// What users call files and folders of torrents.
extension SessionStore {
    public func renamedPaths(of id: TorrentRecord.ID) throws(SessionStoreError) -> RenamedPaths {
        try reading { db in
            let rows = try Row.fetchCursor(
                db, sql: "SELECT path, name FROM names WHERE torrent = ?", arguments: [id.rawValue])
            var names: [String: String] = [:]
            while let row = try rows.next() {
                names[try row.decode(atIndex: 0)] = try row.decode(String.self, atIndex: 1)
            }
            return RenamedPaths(names: names)
        }
    }

    /// Whether files of the torrent are on their way to other names.
    public func isRenaming(_ id: TorrentRecord.ID) throws(SessionStoreError) -> Bool {
        try reading { db in
            try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM renames WHERE torrent = ?)",
                arguments: [id.rawValue]) ?? false
        }
    }

    /// The torrents of which that is so.
    public func renamings() throws(SessionStoreError) -> [TorrentRecord.ID] {
        try reading { db in
            try Int64.fetchAll(db, sql: "SELECT torrent FROM renames ORDER BY torrent")
                .map(TorrentRecord.ID.init(rawValue:))
        }
    }

    func begin(_ renaming: PendingRenaming, of id: TorrentRecord.ID) throws(SessionStoreError) {
        let steps: Data
        do {
            steps = try JSONEncoder().encode(renaming.steps)
        } catch {
            throw .failed(reason: "\(error)")
        }
        try durably { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO renames (torrent, path, name, steps)
                    VALUES (?, ?, ?, ?)
                    """,
                arguments: [id.rawValue, renaming.original, renaming.name, steps])
        }
    }

    func pendingRenaming(
        of id: TorrentRecord.ID
    ) throws(SessionStoreError) -> PendingRenaming? {
        try reading { db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT * FROM renames WHERE torrent = ?", arguments: [id.rawValue])
            else { return nil }
            return PendingRenaming(
                original: try row.decode(forColumn: "path"),
                name: try row.decode(forColumn: "name"),
                steps: try JSONDecoder().decode(
                    [PendingRenaming.Step].self, from: try row.decode(forColumn: "steps")))
        }
    }

    /// The files have their new names: from now on those are the torrent's.
    func finish(_ renaming: PendingRenaming, of id: TorrentRecord.ID) throws(SessionStoreError) {
        try durably { db in
            if let name = renaming.name {
                try db.execute(
                    sql: "INSERT OR REPLACE INTO names (torrent, path, name) VALUES (?, ?, ?)",
                    arguments: [id.rawValue, renaming.original, name])
            } else {
                try db.execute(
                    sql: "DELETE FROM names WHERE torrent = ? AND path = ?",
                    arguments: [id.rawValue, renaming.original])
            }
            try db.execute(
                sql: "DELETE FROM renames WHERE torrent = ?", arguments: [id.rawValue])
        }
    }

    /// The files have the names that they had.
    func abandonRenaming(of id: TorrentRecord.ID) throws(SessionStoreError) {
        try durably { db in
            try db.execute(
                sql: "DELETE FROM renames WHERE torrent = ?", arguments: [id.rawValue])
        }
    }
}
