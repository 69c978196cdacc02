import Glibc
public import Metainfo
import Synchronization
import Units

/// The files of a torrent that nobody has open, as one thing: to be removed, or moved elsewhere.
/// Everything here waits for the disk.
///
/// What belongs to the torrent is what an earlier run made or found right. Whatever else stands
/// there, also under a name of the torrent's, is left alone.
public struct TorrentContent: Sendable {
    public let metainfo: Metainfo
    public let folder: String
    let store: SessionStore?
    let record: TorrentRecord.ID?

    public init(
        _ metainfo: Metainfo, in folder: String, store: SessionStore?, record: TorrentRecord.ID?
    ) {
        self.metainfo = metainfo
        self.folder = folder
        self.store = store
        self.record = record
    }

    /// A file or link of the torrent, below its save folder.
    struct Entry: Hashable, Codable, Sendable {
        /// What it is in the session store; nil where nothing is known of it there.
        var number: UInt32?
        var path: [String]
        var length: Int64
        var isLink = false
    }

    /// Removes the torrent's files, also those that are not whole, and the folders that become
    /// empty by that. Links are removed, not followed. Gives how many files went.
    @discardableResult
    public func remove() throws(StorageError) -> Int { try settled().removeEntries() }

    private func removeEntries() throws(StorageError) -> Int {
        let root = try SaveFolder(path: folder, creating: false)
        let entries = try entries()
        for entry in entries { try root.remove(entry.path) }
        root.removeEmptyFolders(above: entries.map(\.path))
        return entries.count
    }

    /// The same where a crash has left it between two folders or names: it is finished first.
    func settled() throws(StorageError) -> TorrentContent {
        let moved = try finishMove { _ in true }
        let content = TorrentContent(metainfo, in: moved ?? folder, store: store, record: record)
        try content.finishRenaming()
        return content
    }

    /// What users call its files and folders.
    func renamedPaths() throws(StorageError) -> RenamedPaths {
        var renamed = RenamedPaths()
        try storing { store, record throws(SessionStoreError) in
            renamed = try store.renamedPaths(of: record)
        }
        return renamed
    }

    /// What an earlier run has recorded.
    func claims() throws(StorageError) -> (claims: Claims, folder: FolderIdentity)? {
        var known: (claims: Claims, folder: FolderIdentity)?
        let count = metainfo.layout.pieceCount
        try storing { store, record throws(SessionStoreError) in
            known = try store.claims(of: record, pieceCount: count)
        }
        return known
    }

    func storing(
        _ body: (SessionStore, TorrentRecord.ID) throws(SessionStoreError) -> Void
    ) throws(StorageError) {
        guard let store, let record else { return }
        do throws(SessionStoreError) {
            try body(store, record)
        } catch {
            throw StorageError(.other, path: store.path)
        }
    }

    /// Whether nothing of it is there, in a folder that is.
    public func isMissing() throws(StorageError) -> Bool {
        try !openFiles().hasAnything()
    }

    private func openFiles() throws(StorageError) -> FileStore {
        try FileStore(
            metainfo, in: folder, wanted: nil, renamed: try renamedPaths(),
            creatingFolder: false, allocation: .sparse,
            openFiles: OpenFiles(limit: Limits.openFilesMin), medium: Medium())
    }

    /// What is there of the torrent.
    func entries() throws(StorageError) -> [Entry] {
        let layout = metainfo.layout
        let claims = try claims()?.claims ?? Claims(recorded: Bitfield(count: layout.pieceCount))
        let files = try openFiles()
        let found = try files.survey()
        let own = try files.resume(from: found, claims: claims).ownFiles
        var entries: [Entry] = []
        for (index, file) in layout.files.enumerated() where !file.isPad {
            guard file.length > 0 else {
                if let entry = try emptyEntry(index, file, files) { entries.append(entry) }
                continue
            }
            let slot = files.state.withLock { $0.slots[index] }
            guard slot.place != .absent else { continue }
            let pieces = layout.pieces(of: FileIndex(index))
            let isRight = pieces.allSatisfy { claims.recorded.contains(PieceIndex($0)) }
            let isWhole = slot.place == .final && found[index].final?.size == file.length
            // Without a store nobody knows better than the names.
            guard
                own.contains(UInt32(index)) || slot.place == .alternativePart
                    || (isWhole && isRight) || (record == nil && (isWhole || slot.place == .part))
            else { continue }
            entries.append(
                Entry(
                    number: UInt32(index), path: files.elements(of: index, slot),
                    length: file.length))
        }
        if let parts = try files.root.status(of: files.names.parts) {
            entries.append(
                Entry(
                    number: FileStore.partsNumber, path: files.names.parts,
                    length: Int64(parts.st_size)))
        }
        return entries
    }

    /// A file without bytes, or a link.
    private func emptyEntry(
        _ index: Int, _ file: FileEntry, _ files: FileStore
    ) throws(StorageError) -> Entry? {
        let path = files.names.final(index)
        guard let status = try files.root.status(of: path) else { return nil }
        let kind = status.st_mode & S_IFMT
        let isLink = file.symlinkTarget != nil && kind == S_IFLNK
        guard isLink || (kind == S_IFREG && status.st_size == 0) else { return nil }
        return Entry(number: nil, path: path, length: 0, isLink: isLink)
    }
}
