import Glibc
import Metainfo
import Units

/// A renaming that was begun, as the session store remembers it until it is over.
struct PendingRenaming: Hashable, Sendable {
    struct Step: Hashable, Codable, Sendable {
        var from: [String]
        var to: [String]
        /// What tells the file from one of somebody else's that stands at either path.
        var inode: UInt64
    }

    /// The path that the torrent itself has for what is renamed.
    var original: String
    /// Nil where that is the name that it gets back.
    var name: String?
    /// The files that are on disk.
    var steps: [Step]
}

extension TorrentContent {
    /// Renames a file of the torrent, a folder in it or the torrent itself. Nothing is hashed
    /// again, and nothing that is there is written over. What stands in a folder and is not the
    /// torrent's stays where it is.
    ///
    /// - Parameters:
    ///   - path: where it is now, from the save folder down, with `/` between its elements.
    ///   - name: one element of a path.
    /// - Returns: what its files and folders are called now.
    @discardableResult
    public func rename(
        _ path: String, to name: String
    ) throws(RenameError) -> RenamedPaths {
        let content: TorrentContent
        let renamed: RenamedPaths
        do throws(StorageError) {
            content = try settled()
            renamed = try content.renamedPaths()
        } catch {
            throw .storage(error)
        }
        return try content.rename(path, to: name, from: renamed)
    }

    private func rename(
        _ path: String, to name: String, from renamed: RenamedPaths
    ) throws(RenameError) -> RenamedPaths {
        guard let store, let record else { throw .notRemembered }
        let renaming = try Renaming(path, to: name, of: metainfo, renamed)
        guard !renaming.changesNothing else { return renamed }
        let after = renaming.applied(to: renamed)
        let pending = try pending(renaming, from: renamed, to: after)
        do throws(SessionStoreError) {
            try store.begin(pending, of: record)
        } catch {
            throw .storage(StorageError(.other, path: store.path))
        }
        do throws(StorageError) {
            try carryOut(pending)
        } catch {
            throw error.kind == .existsWithOtherContent ? .taken(name) : .storage(error)
        }
        return after
    }

    /// Finishes a renaming that a crash interrupted.
    public func finishRenaming() throws(StorageError) {
        var pending: PendingRenaming?
        try storing { store, record throws(SessionStoreError) in
            pending = try store.pendingRenaming(of: record)
        }
        if let pending { try carryOut(pending) }
    }

    /// What of it is on disk, and where it is to go. Nothing may stand there.
    func pending(
        _ renaming: Renaming, from old: RenamedPaths, to new: RenamedPaths
    ) throws(RenameError) -> PendingRenaming {
        var pending = PendingRenaming(
            original: renaming.original, name: renaming.isOriginal ? nil : renaming.name, steps: [])
        do throws(StorageError) {
            guard let root = try folderThatIsThere() else { return pending }
            let (before, after) = (FileNames(metainfo, old), FileNames(metainfo, new))
            var targets: [[String]: [String]] = [:]
            for file in renaming.files {
                targets[before.final(file)] = after.final(file)
                targets[before.part(file)] = after.part(file)
                targets[before.alternativePart(file)] = after.alternativePart(file)
            }
            for entry in try entries() {
                guard let target = targets[entry.path],
                    let file = try root.status(of: entry.path)
                else { continue }
                pending.steps.append(
                    .init(from: entry.path, to: target, inode: UInt64(file.st_ino)))
            }
            for path in [renaming.to] + pending.steps.map(\.to) {
                guard let there = try root.status(of: path) else { continue }
                // A folder may be shared with others, as the torrent's own may be.
                let isFolder = there.st_mode & S_IFMT == S_IFDIR && path == renaming.to
                guard isFolder, renaming.isFolder(of: metainfo) else {
                    throw StorageError(.existsWithOtherContent, path: root.name(of: path))
                }
            }
            return pending
        } catch {
            throw error.kind == .existsWithOtherContent ? .taken(renaming.name) : .storage(error)
        }
    }

    /// Nil if there is no folder because nothing was ever fetched. Names that change while their
    /// disk is missing would not be those of its files.
    private func folderThatIsThere() throws(StorageError) -> SaveFolder? {
        let known = try claims()
        let hasFiles = known.map { !$0.claims.recorded.isEmpty || !$0.claims.files.isEmpty }
        let root: SaveFolder
        do throws(StorageError) {
            root = try SaveFolder(path: folder, creating: false)
        } catch {
            guard error.kind == .missingVolume, hasFiles != true else { throw error }
            return nil
        }
        let now = FolderIdentity(device: root.device, inode: root.inode)
        guard hasFiles == true, known?.folder.mayBeUnmounted(now: now) == true,
            try entries().isEmpty
        else { return root }
        throw StorageError(.missingVolume, path: folder)
    }

    private func carryOut(_ pending: PendingRenaming) throws(StorageError) {
        if !pending.steps.isEmpty {
            let root = try SaveFolder(path: folder, creating: false)
            do throws(StorageError) {
                try rename(pending.steps, in: root)
            } catch {
                try rename(pending.steps.reversed().map(\.reversed), in: root)
                try storing { store, record throws(SessionStoreError) in
                    try store.abandonRenaming(of: record)
                }
                throw error
            }
        }
        try storing { store, record throws(SessionStoreError) in
            try store.finish(pending, of: record)
        }
    }

    /// Those that are done already are passed over.
    private func rename(
        _ steps: [PendingRenaming.Step], in root: SaveFolder
    ) throws(StorageError) {
        for step in steps {
            let file = try root.status(of: step.from)
            guard let file, UInt64(file.st_ino) == step.inode else { continue }
            try root.move(step.from, to: root, as: step.to)
        }
        root.removeEmptyFolders(above: steps.map(\.from))
        var folders = Set(steps.flatMap { [$0.from.dropLast(), $0.to.dropLast()] })
        // The folder that the outermost ones were made in and removed from.
        folders.insert([])
        for folder in folders.map({ Array($0) }) {
            if !folder.isEmpty, try root.status(of: folder) == nil { continue }
            try root.syncFolder(folder)
        }
    }
}

extension PendingRenaming.Step {
    fileprivate var reversed: Self { Self(from: to, to: from, inode: inode) }
}

extension Renaming {
    fileprivate func isFolder(of metainfo: Metainfo) -> Bool {
        files.contains { metainfo.originalPath(of: $0).count > from.count }
    }
}
