import Foundation
import GRDB
import Units

extension SessionStore {
    /// The torrents of which every piece is recorded, in a folder that is where it was, and whose
    /// content is not on its way to another one, or to another name. They can be served without
    /// being looked at.
    public func wholeTorrents() throws(SessionStoreError) -> Set<TorrentRecord.ID> {
        try reading { db in
            var whole: Set<TorrentRecord.ID> = []
            var folders: [String: FolderIdentity?] = [:]
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT torrent, folder, piece_count, pieces, folder_device, folder_inode
                    FROM resume JOIN torrents ON torrents.id = resume.torrent
                    WHERE torrent NOT IN (SELECT torrent FROM moves)
                        AND torrent NOT IN (SELECT torrent FROM renames)
                    """)
            while let row = try rows.next() {
                let path = try row.decode(String.self, atIndex: 1)
                if folders[path] == nil { folders[path] = .some(FolderIdentity(at: path)) }
                let recorded = FolderIdentity(
                    device: UInt64(bitPattern: try row.decode(atIndex: 4)),
                    inode: UInt64(bitPattern: try row.decode(atIndex: 5)))
                let count = Int(clamping: try row.decode(Int64.self, atIndex: 2))
                let pieces = try row.decode(Data.self, atIndex: 3)
                guard let folder = folders[path] ?? nil, !recorded.mayBeUnmounted(now: folder),
                    Bitfield(wireBytes: pieces, count: count)?.isFull == true
                else { continue }
                whole.insert(TorrentRecord.ID(rawValue: try row.decode(atIndex: 0)))
            }
            return whole
        }
    }
}

extension SessionStore {
    /// Whether the folder of the torrent is not the one that its pieces were recorded in, and has
    /// nothing of it: its disk is most likely not mounted. Waits for the disk, so not for the
    /// thread of a model.
    public func isDiskMissing(of id: TorrentRecord.ID) throws(SessionStoreError) -> Bool {
        let found = try reading { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT folder, name, folder_device, folder_inode
                    FROM resume JOIN torrents ON torrents.id = resume.torrent WHERE torrent = ?
                    """, arguments: [id.rawValue]
            ).map { row in
                (
                    folder: try row.decode(String.self, atIndex: 0),
                    name: try row.decode(String.self, atIndex: 1),
                    recorded: FolderIdentity(
                        device: UInt64(bitPattern: try row.decode(atIndex: 2)),
                        inode: UInt64(bitPattern: try row.decode(atIndex: 3)))
                )
            }
        }
        // Without the store: a disk that hangs must not keep others from it.
        guard let (folder, name, recorded) = found else { return false }
        guard let now = FolderIdentity(at: folder) else {
            return recorded.device != DiskPools.device(of: folder)
        }
        let content = folder + "/" + name
        return recorded.mayBeUnmounted(now: now)
            && [content, content + ".part"].allSatisfy { FileIdentity(at: $0) == nil }
    }
}

extension FolderIdentity {
    /// Of what is at the path now; nil if nothing is.
    fileprivate init?(at path: String) {
        guard let found = FileIdentity(at: path) else { return nil }
        self.init(device: found.device, inode: found.inode)
    }
}
