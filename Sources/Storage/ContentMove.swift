import Glibc
import Hashing
import Metainfo
import Units

/// How far a move has come, in bytes.
public struct MoveProgress: Hashable, Sendable {
    public var done: Int64
    public var total: Int64
}

/// A move that was begun, as the session store remembers it until it is over: a crash in the
/// middle would leave the content in two places that nobody knows of.
struct PendingMove: Sendable {
    var source: String
    var target: String
    var entries: [TorrentContent.Entry]
}

extension TorrentContent {
    /// Moves the content to another folder: by renaming where that is on the same file system, and
    /// else by copying all, syncing it, and removing the old files only then. Nothing that is
    /// there already is written over. The session store follows, so that nothing is hashed again.
    ///
    /// - Parameter progress: says how far it is, and is answered with whether to go on. What is
    ///   called off before the copies are complete leaves the content where it was.
    public func move(
        to target: String, progress: (MoveProgress) -> Bool
    ) throws(StorageError) {
        try settled().moveEntries(to: target, progress: progress)
    }

    private func moveEntries(
        to target: String, progress: (MoveProgress) -> Bool
    ) throws(StorageError) {
        let source = try SaveFolder(path: folder, creating: false)
        let pending = PendingMove(source: folder, target: target, entries: try entries())
        let there = try SaveFolder(path: target, creating: true)
        guard there.device != source.device || there.inode != source.inode else {
            return try storing { store, record throws(SessionStoreError) in
                try store.set(folder: target, of: record)
            }
        }
        for entry in pending.entries { try refuseObstacle(entry, source, there) }
        try storing { store, record throws(SessionStoreError) in
            try store.begin(pending, of: record)
        }
        try carryOut(pending, progress: progress)
    }

    /// Finishes a move that a crash interrupted; gives where the content is then. Nil if there was
    /// none.
    public func finishMove(progress: (MoveProgress) -> Bool) throws(StorageError) -> String? {
        var pending: PendingMove?
        try storing { store, record throws(SessionStoreError) in
            pending = try store.pendingMove(of: record)
        }
        guard let pending else { return nil }
        try carryOut(pending, progress: progress)
        return pending.target
    }

    private func carryOut(
        _ pending: PendingMove, progress: (MoveProgress) -> Bool
    ) throws(StorageError) {
        let source = try SaveFolder(path: pending.source, creating: false)
        let target = try SaveFolder(path: pending.target, creating: true)
        var state = MoveProgress(done: 0, total: pending.entries.reduce(0) { $0 + $1.length })
        var known: [UInt32: KnownFile] = [:]
        for entry in pending.entries {
            let before = state.done
            do throws(StorageError) {
                try transfer(entry, from: source, to: target) { bytes in
                    state.done = before + min(bytes, entry.length)
                    return progress(state)
                }
            } catch {
                try abandon(pending, source, target)
                throw error
            }
            state.done = before + entry.length
            guard let number = entry.number, let status = try target.status(of: entry.path) else {
                continue
            }
            let isFinal = number != FileStore.partsNumber && !entry.path.hasPartialName
            known[number] = KnownFile(identity: FileIdentity(status), isWhole: isFinal)
        }
        let identity = FolderIdentity(device: target.device, inode: target.inode)
        try storing { store, record throws(SessionStoreError) in
            try store.arrived(
                folder: pending.target, identity: identity, files: known, of: record)
        }
        for entry in pending.entries where try source.status(of: entry.path) != nil {
            try source.remove(entry.path)
        }
        source.removeEmptyFolders(above: pending.entries.map(\.path))
        try storing { store, record throws(SessionStoreError) in
            try store.endMove(of: record)
        }
    }

    /// Takes back what was begun, as long as nothing is lost by that: what was renamed goes back,
    /// and what was copied goes.
    private func abandon(
        _ pending: PendingMove, _ source: SaveFolder, _ target: SaveFolder
    ) throws(StorageError) {
        for entry in pending.entries {
            guard try target.status(of: entry.path) != nil else { continue }
            if let original = try source.status(of: entry.path) {
                guard let copy = try target.status(of: entry.path),
                    Self.isCopy(copy, of: original)
                else { continue }
                try target.remove(entry.path)
            } else {
                try target.move(entry.path, to: source)
            }
        }
        target.removeEmptyFolders(above: pending.entries.map(\.path))
        try storing { store, record throws(SessionStoreError) in
            try store.endMove(of: record)
        }
    }

    /// Something else stands where a file is to go.
    private func refuseObstacle(
        _ entry: Entry, _ source: SaveFolder, _ target: SaveFolder
    ) throws(StorageError) {
        guard let there = try target.status(of: entry.path) else { return }
        if let here = try source.status(of: entry.path), Self.isCopy(there, of: here) { return }
        throw StorageError(.existsWithOtherContent, path: target.name(of: entry.path))
    }

    /// Whether it is what a move that did not come to its end has made.
    private static func isCopy(_ copy: stat, of original: stat) -> Bool {
        copy.st_mode & S_IFMT == original.st_mode & S_IFMT && copy.st_size == original.st_size
            && copy.st_mtim.tv_sec == original.st_mtim.tv_sec
            && copy.st_mtim.tv_nsec == original.st_mtim.tv_nsec
    }

    private func transfer(
        _ entry: Entry, from source: SaveFolder, to target: SaveFolder,
        progress: (Int64) -> Bool
    ) throws(StorageError) {
        guard progress(0) else { throw StorageError(.cancelled, path: target.path) }
        guard let here = try source.status(of: entry.path) else { return }
        if let there = try target.status(of: entry.path) {
            guard Self.isCopy(there, of: here) else {
                throw StorageError(.existsWithOtherContent, path: target.name(of: entry.path))
            }
            return
        }
        do throws(StorageError) {
            return try source.move(entry.path, to: target)
        } catch {
            guard error.errno == EXDEV else { throw error }
        }
        if entry.isLink {
            try target.link(entry.path, text: try source.linkText(of: entry.path))
        } else {
            try source.copy(entry.path, to: target, as: temporaryName(entry.path), progress)
        }
    }

    /// A name of our own beside the file's, which is given only to what is whole and synced.
    private func temporaryName(_ path: [String]) -> [String] {
        let tag = "\(metainfo.infoHash.primary)".prefix(8)
        return Array(path.dropLast()) + [FileNames.temporary(path.last ?? "", tag: String(tag))]
    }
}

extension [String] {
    fileprivate var hasPartialName: Bool { last?.hasSuffix(".part") ?? false }
}

// MARK: - Between folders

extension SaveFolder {
    /// Renames into another folder, where nothing of that name may be. Fails with EXDEV between
    /// file systems.
    func move(_ path: [String], to target: SaveFolder) throws(StorageError) {
        try move(path, to: target, as: path)
        try target.syncFolder(path.dropLast())
    }

    /// The same under another path. The entries of both folders are still to be synced.
    func move(
        _ path: [String], to target: SaveFolder, as newPath: [String]
    ) throws(StorageError) {
        let (folder, name) = try parent(of: path, creating: false)
        let (targetFolder, newName) = try target.parent(of: newPath, creating: true)
        try Self.rename(
            folder, name, to: targetFolder, newName, path: target.name(of: newPath))
    }

    /// Copies a file, holes as holes, with its mode and times, and syncs it before it gets its
    /// name.
    fileprivate func copy(
        _ path: [String], to target: SaveFolder, as temporary: [String],
        _ progress: (Int64) -> Bool
    ) throws(StorageError) {
        let from = try open(path, writing: false)
        var status = stat()
        guard fstat(from.rawValue, &status) == 0 else {
            throw StorageError(errno: errno, path: name(of: path))
        }
        if try target.status(of: temporary) != nil { try target.remove(temporary) }
        let to = try target.open(temporary, writing: true, creating: true)
        do throws(StorageError) {
            try copyBytes(from, to, length: Int64(status.st_size), path, target, progress)
            var times = [status.st_atim, status.st_mtim]
            guard fchmod(to.rawValue, status.st_mode & 0o7777) == 0,
                futimens(to.rawValue, &times) == 0, retrying({ fsync(to.rawValue) }) == 0
            else { throw StorageError(errno: errno, path: target.name(of: path)) }
            var copied = stat()
            guard fstat(to.rawValue, &copied) == 0, copied.st_size == status.st_size else {
                throw StorageError(.truncated, path: target.name(of: path))
            }
            try target.rename(temporary, to: path)
        } catch {
            try? target.remove(temporary)
            throw error
        }
    }

    private func copyBytes(
        _ from: Descriptor, _ to: Descriptor, length: Int64, _ path: [String],
        _ target: SaveFolder, _ progress: (Int64) -> Bool
    ) throws(StorageError) {
        guard ftruncate(to.rawValue, off_t(length)) == 0 else {
            throw StorageError(errno: errno, path: target.name(of: path))
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Limits.checkLength, alignment: 4096)
        defer { buffer.deallocate() }
        var position: Int64 = 0
        while position < length, let data = nextData(from.rawValue, from: position) {
            position = data.lowerBound
            while position < min(data.upperBound, length) {
                let wanted = Int(min(Int64(buffer.count), data.upperBound - position))
                let count = retrying {
                    pread(from.rawValue, buffer.baseAddress, wanted, off_t(position))
                }
                guard count > 0 else {
                    throw StorageError(errno: count < 0 ? errno : EIO, path: name(of: path))
                }
                var written = 0
                while written < count {
                    let result = retrying {
                        pwrite(
                            to.rawValue, buffer.baseAddress?.advanced(by: written),
                            count - written, off_t(position + Int64(written)))
                    }
                    guard result > 0 else {
                        throw StorageError(
                            errno: result < 0 ? errno : EIO, path: target.name(of: path))
                    }
                    written += result
                }
                position += Int64(count)
                guard progress(position) else {
                    throw StorageError(.cancelled, path: target.path)
                }
            }
        }
    }

    fileprivate func linkText(of path: [String]) throws(StorageError) -> String {
        let (folder, name) = try parent(of: path, creating: false)
        let length = Int(PATH_MAX)
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: length) {
            buffer -> String? in
            guard let base = buffer.baseAddress else { return nil }
            let count = readlinkat(folder.rawValue, name, base, length)
            guard count > 0, count < length else { return nil }
            return String(
                decoding: UnsafeRawBufferPointer(
                    rebasing: UnsafeRawBufferPointer(buffer)[..<count]),
                as: UTF8.self)
        }
        guard let text else { throw StorageError(errno: errno, path: self.name(of: path)) }
        return text
    }

    /// Removes the folders that held these paths, from the deepest up, as far as they are empty;
    /// never the save folder itself.
    func removeEmptyFolders(above paths: [[String]]) {
        var folders: Set<[String]> = []
        for path in paths {
            var folder = path.dropLast()
            while !folder.isEmpty, folders.insert(Array(folder)).inserted {
                folder = folder.dropLast()
            }
        }
        for folder in folders.sorted(by: { $0.count > $1.count }) {
            guard let (parent, name) = try? parent(of: folder, creating: false) else { continue }
            _ = unlinkat(parent.rawValue, name, AT_REMOVEDIR)
        }
    }
}
