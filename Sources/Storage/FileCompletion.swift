import CLinux
import Glibc
import Metainfo
import Synchronization
import Units

extension FileStore {
    /// A file whose bytes may not have reached the disk although they were written.
    struct SyncFailure: Sendable {
        /// The number of the file, or `partsNumber`.
        let number: UInt32
        let error: StorageError
    }

    /// Has what is not synced of the pieces begin its way to the disk, so that `sync` has little
    /// to wait for.
    ///
    /// Nothing is promised by it, and a disk that fails is for `sync` to tell of. Most of what
    /// fails it hears of itself, since nothing is waited for here (sync_file_range(2)); but bytes
    /// for which ext4 finds no place are gone after this call, and are not missed by a sync.
    ///
    /// - Parameter shortest: bytes of neighbouring pieces that are worth it.
    func beginToWriteOut(_ pieces: [PieceIndex], shortest: Int64 = Limits.writeOutRunMin) {
        let (unsynced, slots) = state.withLock { ($0.unsynced, $0.slots) }
        for range in runs(of: pieces) where range.length >= shortest {
            layout.forEachSegment(of: range) { segment in
                let file = segment.file
                let isInParts = isInParts(slots[file.position])
                let number = isInParts ? Self.partsNumber : file.rawValue
                guard !segment.isPad, let descriptor = unsynced[number] else { return }
                let begin = segment.offset + (isInParts ? layout.files[file.position].offset : 0)
                let end = begin + segment.length
                for offset in stride(from: begin, to: end, by: Int(Limits.writeOutBytes)) {
                    let length = min(Limits.writeOutBytes, end - offset)
                    let result = medium.writeOut(descriptor.rawValue, offset, length)
                    let code = errno
                    // Where the call is not known, or not allowed, nothing is lost by it.
                    guard result != 0, Self.lossErrors.contains(code) else { continue }
                    state.withLock { $0.notBegun[number] = code }
                }
            }
        }
    }

    /// What a file system says that could not find a place for bytes.
    private static let lossErrors: Set<Int32> = [EIO, ENOSPC, EDQUOT, EROFS, EUCLEAN, EBADMSG]

    /// The bytes of pieces, those of neighbours as one.
    private func runs(of pieces: [PieceIndex]) -> [ByteRange] {
        var runs: [ByteRange] = []
        for piece in pieces.sorted() {
            let range = layout.byteRange(of: piece)
            if let last = runs.last, last.upperBound == range.lowerBound {
                runs[runs.count - 1] = ByteRange(last.lowerBound..<range.upperBound)
            } else {
                runs.append(range)
            }
        }
        return runs
    }

    /// Makes everything that was written before this call durable.
    ///
    /// - Returns: the numbers of the files that were synced, and those that could not be. What was
    ///   written to the latter since their last sync may be lost although reading it still
    ///   succeeds, so what is cached of them is dropped: the next read comes from the disk.
    func sync() -> (synced: [UInt32], failed: [SyncFailure]) {
        let (files, folders, notBegun) = state.withLock { state in
            defer {
                state.unsynced = [:]
                state.unsyncedFolders = []
                state.notBegun = [:]
            }
            return (state.unsynced, state.unsyncedFolders, state.notBegun)
        }
        var synced: [UInt32] = []
        var failed: [SyncFailure] = []
        for (number, descriptor) in files.sorted(by: { $0.key < $1.key }) {
            var code = retrying({ medium.sync(descriptor.rawValue) }) == 0 ? 0 : errno
            if code == 0 { code = notBegun[number] ?? 0 }
            guard code != 0 else {
                synced.append(number)
                continue
            }
            let error = StorageError(errno: code, path: root.name(of: elements(of: number)))
            failedSyncs.add(1, ordering: .sequentiallyConsistent)
            posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED)
            failed.append(SyncFailure(number: number, error: error))
        }
        for folder in folders {
            do throws(StorageError) {
                try root.syncFolder(folder)
            } catch {
                // The entries of files below may be lost: none of them is safe.
                state.withLock { _ = $0.unsyncedFolders.insert(folder) }
                let below = synced.filter { elements(of: $0).dropLast().elementsEqual(folder) }
                synced.removeAll { below.contains($0) }
                failed += below.map { SyncFailure(number: $0, error: error) }
            }
        }
        return (synced, failed)
    }

    /// The number of files with bytes that are not synced.
    var unsyncedFileCount: Int { state.withLock { $0.unsynced.count } }

    /// Makes what is in one file durable, whoever wrote it.
    func sync(_ number: UInt32) -> StorageError? {
        do throws(StorageError) {
            // Not while it is being renamed.
            let descriptor = try opening.withLock { _ throws(StorageError) in
                try root.open(elements(of: number), writing: false)
            }
            guard retrying({ medium.sync(descriptor.rawValue) }) != 0 else { return nil }
            let code = errno
            failedSyncs.add(1, ordering: .sequentiallyConsistent)
            posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED)
            return StorageError(errno: code, path: root.name(of: elements(of: number)))
        } catch {
            return error
        }
    }

    /// The files that were made since the last call, with what tells them from others.
    func takeCreated() -> [UInt32: FileIdentity] {
        let created = state.withLock { state in
            defer { state.created = [] }
            return state.created
        }
        var identities: [UInt32: FileIdentity] = [:]
        for file in created { identities[file.rawValue] = identity(of: file.rawValue) }
        return identities
    }

    /// What is on disk under the number now.
    func identity(of number: UInt32) -> FileIdentity? {
        opening.withLock { _ in identityWhileHeld(of: number) }
    }

    /// With `opening` held.
    private func identityWhileHeld(of number: UInt32) -> FileIdentity? {
        (try? root.status(of: elements(of: number))).flatMap { $0.map(FileIdentity.init) }
    }

    /// Remembers how the file is under its final name, now that its content is known to be right.
    func noteFinal(_ file: FileIndex) {
        opening.withLock { _ in noteFinalWhileHeld(file) }
    }

    private func noteFinalWhileHeld(_ file: FileIndex) {
        guard isFinal(file), let identity = identityWhileHeld(of: file.rawValue) else { return }
        state.withLock { $0.finals[file.rawValue] = identity }
    }

    /// The files under final names that are no longer as `noteFinal` saw them.
    func changedSinceFinal() -> [FileIndex] {
        let finals = state.withLock { $0.finals }
        return finals.filter { identity(of: $0.key) != $0.value }.keys.sorted().map {
            FileIndex($0)
        }
    }

    /// Writes a little and takes it away again: whether the folder can be written.
    func probe() throws(StorageError) {
        let path = names.probe
        if try root.status(of: path) != nil { try root.remove(path) }
        let descriptor = try root.open(path, writing: true, creating: true)
        let bytes = [UInt8](repeating: 0xA5, count: Limits.probeLength)
        let written = bytes.withUnsafeBytes { bytes in
            retrying { medium.write(descriptor.rawValue, bytes, 0) }
        }
        var code = written < 0 ? errno : ENOSPC
        if written == bytes.count {
            code = retrying { medium.sync(descriptor.rawValue) } == 0 ? 0 : errno
        }
        try root.remove(path)
        guard code == 0 else { throw StorageError(errno: code, path: folder) }
    }

    private func elements(of number: UInt32) -> [String] {
        guard number != Self.partsNumber else { return names.parts }
        return elements(of: Int(number), state.withLock { $0.slots[Int(number)] })
    }

    // MARK: - Whole files

    /// Whether the file has its final name.
    func isFinal(_ file: FileIndex) -> Bool {
        state.withLock { $0.slots[file.position].place == .final }
    }

    /// Whether the file is on disk under a partial name.
    func isPartial(_ file: FileIndex) -> Bool {
        state.withLock { state in
            let place = state.slots[file.position].place
            return place == .part || place == .alternativePart
        }
    }

    /// Whether a file that is wanted is on disk under a partial name.
    public var hasPartialFiles: Bool {
        state.withLock { state in
            state.slots.contains { slot in
                slot.isWanted && (slot.place == .part || slot.place == .alternativePart)
            }
        }
    }

    /// Gives a file its final name. To be called when all its pieces are verified and synced.
    ///
    /// A file of that name that holds the same bytes is kept, and ours removed.
    func finish(_ file: FileIndex) throws(StorageError) {
        try opening.withLock { _ throws(StorageError) in
            let slot = state.withLock { $0.slots[file.position] }
            guard slot.place == .part || slot.place == .alternativePart else { return }
            let partial = elements(of: file.position, slot)
            let final = names.final(file.position)
            if layout.files[file.position].isExecutable { try makeExecutable(partial) }
            let noted = try root.open(partial, writing: false)
            forget_whole(noted.rawValue)
            do throws(StorageError) {
                try root.rename(partial, to: final)
            } catch {
                guard error.kind == .existsWithOtherContent, try isSame(partial, final) else {
                    throw error
                }
                try root.remove(partial)
            }
            state.withLock { $0.slots[file.position].place = .final }
            // What is open was opened for writing.
            forget(file.position)
            noteFinalWhileHeld(file)
        }
    }

    /// Makes what has no bytes: empty files and symbolic links, of those that are wanted.
    func finishEntriesWithoutContent() throws(StorageError) {
        for (index, file) in layout.files.enumerated() where file.length == 0 && !file.isPad {
            guard isWanted(FileIndex(index)) else { continue }
            let path = names.final(index)
            if let target = file.symlinkTarget {
                guard path.count > 1, !target.isEmpty, !target.contains("..") else { continue }
                // From the link's folder up to the torrent's, and down again.
                let up = Array(repeating: "..", count: path.count - 2)
                try root.link(path, text: (up + target).joined(separator: "/"))
                continue
            }
            do throws(StorageError) {
                _ = try root.open(path, writing: true, creating: true)
                if file.isExecutable { try makeExecutable(path) }
            } catch {
                guard error.errno == EEXIST, let there = try root.status(of: path),
                    there.st_mode & S_IFMT == S_IFREG, there.st_size == 0
                else { throw error }
            }
        }
    }

    /// Whoever may read it may execute it.
    private func makeExecutable(_ path: [String]) throws(StorageError) {
        let descriptor = try root.open(path, writing: false)
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0,
            fchmod(descriptor.rawValue, status.st_mode & 0o7777 | (status.st_mode & 0o444) >> 2)
                == 0
        else { throw StorageError(errno: errno, path: root.name(of: path)) }
    }

    private func isSame(_ a: [String], _ b: [String]) throws(StorageError) -> Bool {
        guard let first = try root.status(of: a), let second = try root.status(of: b),
            first.st_size == second.st_size, second.st_mode & S_IFMT == S_IFREG
        else { return false }
        let left = try root.open(a, writing: false)
        let right = try root.open(b, writing: false)
        let length = Limits.checkLength
        return withUnsafeTemporaryAllocation(byteCount: 2 * length, alignment: 4096) { buffer in
            var offset = 0
            while true {
                let ours = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
                let theirs = UnsafeMutableRawBufferPointer(rebasing: buffer[length...])
                let count = readFully(left, at: offset, into: ours)
                guard count >= 0, count == readFully(right, at: offset, into: theirs),
                    let a = ours.baseAddress, let b = theirs.baseAddress, memcmp(a, b, count) == 0
                else { return false }
                if count == 0 { return true }
                offset += count
            }
        }
    }

    /// The number of bytes read: less than asked for only at the end; -1 for an error.
    private func readFully(
        _ descriptor: Descriptor, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        var done = 0
        while done < buffer.count, let base = buffer.baseAddress {
            let count = retrying {
                pread(descriptor.rawValue, base + done, buffer.count - done, off_t(offset + done))
            }
            guard count > 0 else { return count < 0 ? -1 : done }
            done += count
        }
        return done
    }

    // MARK: - Bytes of files that are not wanted

    /// Changes which files are wanted. What is kept of a file that was not wanted moves into it.
    func setWanted(_ wanted: Set<FileIndex>) throws(StorageError) {
        for index in layout.files.indices where !layout.files[index].isPad {
            let file = FileIndex(index)
            let isWanted = wanted.contains(file)
            let slot = state.withLock { $0.slots[index] }
            guard isWanted != slot.isWanted else { continue }
            if isWanted, slot.place == .absent, layout.files[index].length > 0 {
                try moveFromParts(file, slot)
            }
            state.withLock { $0.slots[index].isWanted = isWanted }
        }
    }

    private func moveFromParts(_ file: FileIndex, _ slot: Slot) throws(StorageError) {
        let entry = layout.files[file.position]
        let runs = try dataInParts(entry.offset..<(entry.offset + entry.length))
        guard let parts = runs.descriptor, !runs.ranges.isEmpty else { return }
        let target = try opening.withLock { _ throws(StorageError) in
            try create(file.position, slot)
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Limits.checkLength, alignment: 4096)
        defer { buffer.deallocate() }
        for range in runs.ranges {
            var position = range.lowerBound
            while position < range.upperBound {
                let length = Int(min(Int64(buffer.count), range.upperBound - position))
                let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
                guard readFully(parts, at: Int(position), into: chunk) == length else {
                    throw StorageError(errno: EIO, path: root.name(of: names.parts))
                }
                try writeAll(
                    UnsafeRawBufferPointer(chunk), to: target, at: position - entry.offset,
                    of: file)
                position += Int64(length)
            }
        }
        state.withLock { $0.unsynced[file.rawValue] = target }
    }

    /// The ranges, within `range` of the torrent, that the hidden file has bytes for.
    private func dataInParts(
        _ range: Range<Int64>
    ) throws(StorageError) -> (descriptor: Descriptor?, ranges: [Range<Int64>]) {
        guard try root.status(of: names.parts) != nil else { return (nil, []) }
        let parts = try root.open(names.parts, writing: false)
        var ranges: [Range<Int64>] = []
        var position = range.lowerBound
        while position < range.upperBound,
            let data = nextData(parts.rawValue, from: position), data.lowerBound < range.upperBound
        {
            ranges.append(data.clamped(to: range))
            position = data.upperBound
        }
        return (parts, ranges)
    }

    /// Whether the hidden file is there, and no file keeps its bytes in it any more.
    var hasIdleParts: Bool {
        let slots = state.withLock { $0.slots }
        let isInUse = layout.files.indices.contains { index in
            let file = layout.files[index]
            return isInParts(slots[index]) && !file.isPad && file.length > 0
        }
        return !isInUse && (try? root.status(of: names.parts)) != nil
    }

    /// Removes the hidden file if nothing is in it that is needed. On the lane of `setWanted`, so
    /// that none becomes needed meanwhile. If it cannot be removed it is in nobody's way.
    func removeIdleParts() {
        guard hasIdleParts else { return }
        opening.withLock { _ in
            try? root.remove(names.parts)
            forgetParts()
        }
    }
}

/// The next run of bytes at or after `position` that is not a hole; to the end of the file where
/// the file system cannot tell. `nil` past the last.
func nextData(_ descriptor: Int32, from position: Int64) -> Range<Int64>? {
    let begin = lseek(descriptor, off_t(position), seekData)
    if begin < 0 {
        guard errno == EINVAL else { return nil }
        let end = lseek(descriptor, 0, SEEK_END)
        return end > position ? position..<Int64(end) : nil
    }
    let end = lseek(descriptor, begin, seekHole)
    return Int64(begin)..<Int64(max(begin + 1, end))
}

// The C library shows these for _GNU_SOURCE only.
private let seekData: Int32 = 3
private let seekHole: Int32 = 4
