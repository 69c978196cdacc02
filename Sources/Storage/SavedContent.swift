import Glibc
public import Metainfo
import Units

/// What a torrent that is not open has on disk: the files that the session store knows to be its
/// own, and nothing else that may stand beside them.
public struct SavedContent: Sendable {
    private let names: FileNames
    private let fileCount: Int
    private let folder: String
    private let known: [UInt32: KnownFile]

    public init(
        _ metainfo: Metainfo, in folder: String, of id: TorrentRecord.ID, store: SessionStore
    ) throws(SessionStoreError) {
        names = FileNames(metainfo)
        fileCount = metainfo.layout.files.count
        self.folder = folder
        known =
            try store.claims(of: id, pieceCount: metainfo.layout.pieceCount)?.claims.files ?? [:]
    }

    /// Deletes the files, and then the folders that held them and are empty. A file of the same
    /// name that is another one stays. Waits for the disk.
    public func delete() throws(StorageError) {
        guard !known.isEmpty else { return }
        let root = try SaveFolder(path: folder, creating: false)
        var folders: Set<[String]> = []
        for (number, file) in known {
            for elements in places(of: number) where try isThere(file, elements, root) {
                try root.remove(elements)
                var parent = Array(elements.dropLast())
                while !parent.isEmpty {
                    folders.insert(parent)
                    parent.removeLast()
                }
            }
        }
        // The deepest first, so that those above are empty by then.
        for elements in folders.sorted(by: { $0.count > $1.count }) {
            try root.removeEmptyFolder(elements)
        }
    }

    private func places(of number: UInt32) -> [[String]] {
        if number == FileStore.partsNumber { return [names.parts] }
        let file = Int(number)
        guard file < fileCount else { return [] }
        return [names.final(file), names.part(file), names.alternativePart(file)]
    }

    private func isThere(
        _ file: KnownFile, _ elements: [String], _ root: SaveFolder
    ) throws(StorageError) -> Bool {
        guard let status = try root.status(of: elements) else { return false }
        let found = FileIdentity(status)
        return found.inode == file.identity.inode && found.device == file.identity.device
    }
}
