import CLinux
import Glibc
public import Metainfo
import Synchronization
public import Units

/// The files of one torrent on disk: reads and writes ranges of the torrent's address space.
///
/// A file is `NAME.part` until all its pieces are verified and its bytes synced, and is then
/// renamed; a name that is taken is never taken over. Pad files are never on disk. Bytes of files
/// that are not wanted, from pieces that are, go to one hidden sparse file.
///
/// All calls may wait for the disk, so none is for event loops. Any thread may call.
public final class FileStore: Sendable {
    /// Where the bytes of a file are.
    enum Place: Sendable {
        /// Nothing of it is on disk: made as `NAME.part` when first written, if it is wanted.
        case absent
        /// In `NAME.part`.
        case part
        /// In `NAME.<info-hash>.part`.
        case alternativePart
        /// Under its final name. It becomes a `.part` again should it have to be written.
        case final
    }

    struct Slot {
        var place = Place.absent
        var isWanted = true
        /// `NAME.part` is somebody else's.
        var partIsTaken = false
    }

    struct State {
        var slots: [Slot]
        /// Files with bytes that are not synced, each with a descriptor so that an error of the
        /// medium is not lost with it.
        var unsynced: [UInt32: Descriptor] = [:]
        /// Of these, those whose bytes the system could not begin to write, and dropped: it may say
        /// so only once, and not to who syncs.
        var notBegun: [UInt32: Int32] = [:]
        /// Files that were made since `takeCreated` was last called.
        var created: [FileIndex] = []
        /// Files under their final names as they were when they got there or were checked.
        var finals: [UInt32: FileIdentity] = [:]
        /// Folders with entries that are not synced.
        var unsyncedFolders: Set<[String]> = []
    }

    public enum Allocation: Sendable {
        /// Files grow, with holes: the default.
        case sparse
        /// Blocks are taken from the file system when a file is made, where it can.
        case full
    }

    public let layout: ContentLayout
    public let folder: String
    let names: FileNames
    let root: SaveFolder
    let state: Mutex<State>
    /// Held while files are made, opened and renamed, so that two lanes do not both try.
    let opening = Mutex<Void>(())
    private let metainfo: Metainfo
    private let allocation: Allocation
    let medium: Medium
    let counters: DiskCounters
    /// How often a file could not be synced: what was written before may be lost.
    let failedSyncs = Atomic<Int>(0)
    let openFiles: OpenFiles
    private let number: UInt64

    /// The number that stands for the hidden file of unwanted bytes among those of files.
    static let partsNumber = UInt32.max

    /// - Parameters:
    ///   - folder: the save folder. A single file is `FOLDER/NAME`, others are `FOLDER/NAME/…`.
    ///   - wanted: the files that are wanted; `nil` for all.
    ///   - creatingFolder: makes the folder. Only for a torrent that was never there before: a
    ///     folder that has gone is a disk that is not mounted.
    public convenience init(
        _ metainfo: Metainfo, in folder: String, wanted: Set<FileIndex>? = nil,
        creatingFolder: Bool = false, allocation: Allocation = .sparse, openFiles: OpenFiles,
        counters: DiskCounters = DiskCounters()
    ) throws(StorageError) {
        try self.init(
            metainfo, in: folder, wanted: wanted, creatingFolder: creatingFolder,
            allocation: allocation, openFiles: openFiles, medium: counters.medium,
            counters: counters)
    }

    init(
        _ metainfo: Metainfo, in folder: String, wanted: Set<FileIndex>?,
        renamed: RenamedPaths = RenamedPaths(), creatingFolder: Bool, allocation: Allocation,
        openFiles: OpenFiles, medium: Medium, counters: DiskCounters = DiskCounters()
    ) throws(StorageError) {
        self.root = try SaveFolder(path: folder, creating: creatingFolder)
        self.folder = folder
        self.layout = metainfo.layout
        self.metainfo = metainfo
        self.names = FileNames(metainfo, renamed)
        self.allocation = allocation
        self.openFiles = openFiles
        self.medium = medium
        self.counters = counters
        self.number = openFiles.newStore()
        let slots = metainfo.layout.files.indices.map { file in
            Slot(isWanted: wanted?.contains(FileIndex(file)) ?? true)
        }
        self.state = Mutex(State(slots: slots))
    }

    deinit { openFiles.removeAll(of: number) }

    /// Whether the file is wanted.
    public func isWanted(_ file: FileIndex) -> Bool {
        state.withLock { state in
            file.position < state.slots.count && state.slots[file.position].isWanted
        }
    }

    /// The pieces that hold a byte of a file that is wanted.
    public var wantedPieces: Bitfield {
        var pieces = Bitfield(count: layout.pieceCount)
        let wanted = state.withLock { $0.slots.map(\.isWanted) }
        for (file, isWanted) in wanted.enumerated()
        where isWanted && !layout.files[file].isPad {
            for piece in layout.pieces(of: FileIndex(file)) { pieces.insert(PieceIndex(piece)) }
        }
        return pieces
    }

    /// Where the user finds the file now, or will; the folder of a file that does not exist.
    public func path(of file: FileIndex) -> String {
        guard file.position < layout.files.count else { return folder }
        let slot = state.withLock { $0.slots[file.position] }
        return root.name(of: elements(of: file.position, slot))
    }

    // MARK: - Reading and writing

    /// Fills `buffer` with the bytes of `piece` from `begin` on. Pad files read as zeros.
    public func read(
        _ piece: PieceIndex, begin: UInt32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) {
        try read(at: try offset(of: piece, begin: begin, length: buffer.count), into: buffer)
    }

    /// Fills `buffer` with the bytes of the torrent from `offset` on.
    func read(
        at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) {
        try forEachRun(offset, length: buffer.count) { (segment, position) throws(StorageError) in
            let target = UnsafeMutableRawBufferPointer(
                rebasing: buffer[position..<(position + Int(segment.length))])
            if segment.isPad {
                target.initializeMemory(as: UInt8.self, repeating: 0)
                return
            }
            let (descriptor, begin) = try self.open(segment, writing: false)
            try self.readAll(descriptor, at: begin, into: target, of: segment.file)
        }
    }

    /// Writes the bytes of the torrent from `offset` on. Bytes of pad files are dropped.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageError) {
        try forEachRun(offset, length: bytes.count) { (segment, position) throws(StorageError) in
            guard !segment.isPad else { return }
            let source = UnsafeRawBufferPointer(
                rebasing: bytes[position..<(position + Int(segment.length))])
            let (descriptor, begin) = try self.open(segment, writing: true)
            try self.writeAll(source, to: descriptor, at: begin, of: segment.file)
            // Only now: a sync that began before these bytes came must not pass for theirs.
            self.markUnsynced(segment.file, descriptor)
        }
    }

    /// Bytes in one file, for `sendfile`. The descriptor stays open as long as this is kept.
    public struct Lease: Sendable {
        public let descriptor: Descriptor
        public let offset: Int64
    }

    /// A lease on the bytes of `piece` from `begin` on, if they all lie in one file and that file
    /// is long enough; `nil` otherwise.
    public func lease(
        _ piece: PieceIndex, begin: UInt32, length: Int
    ) throws(StorageError) -> Lease? {
        let offset = try offset(of: piece, begin: begin, length: length)
        var found: Lease?
        try forEachRun(offset, length: length) { (segment, _) throws(StorageError) in
            guard segment.length == length, !segment.isPad else { return }
            let (descriptor, begin) = try self.open(segment, writing: false)
            var status = stat()
            guard fstat(descriptor.rawValue, &status) == 0 else {
                throw StorageError(errno: errno, path: self.path(of: segment.file))
            }
            guard Int64(status.st_size) >= begin + Int64(length) else {
                throw StorageError(.truncated, path: self.path(of: segment.file))
            }
            found = Lease(descriptor: descriptor, offset: begin)
        }
        return found
    }

    private func offset(
        of piece: PieceIndex, begin: UInt32, length: Int
    ) throws(StorageError) -> Int64 {
        guard piece.position < layout.pieceCount, length >= 0,
            Int64(begin) + Int64(length) <= Int64(layout.length(of: piece))
        else { throw StorageError(.outOfRange, path: root.name(of: [metainfo.name])) }
        return layout.byteRange(of: piece).lowerBound + Int64(begin)
    }

    func forEachRun(
        _ offset: Int64, length: Int,
        _ body: (FileSegment, _ position: Int) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard let range = ByteRange(begin: offset, length: Int64(length)),
            range.upperBound <= layout.totalLength
        else { throw StorageError(.outOfRange, path: root.name(of: [metainfo.name])) }
        var position = 0
        try layout.forEachSegment(of: range) { (segment) throws(StorageError) in
            try body(segment, position)
            position += Int(segment.length)
        }
        guard position == length else {
            throw StorageError(.outOfRange, path: root.name(of: [metainfo.name]))
        }
    }

    private func readAll(
        _ descriptor: Descriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer,
        of file: FileIndex
    ) throws(StorageError) {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = retrying {
                medium.read(descriptor.rawValue, rest, offset + Int64(done))
            }
            if count == 0 { throw StorageError(.truncated, path: path(of: file)) }
            guard count > 0 else { throw StorageError(errno: errno, path: path(of: file)) }
            done += count
        }
    }

    func writeAll(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Descriptor, at offset: Int64,
        of file: FileIndex
    ) throws(StorageError) {
        var done = 0
        var mayRetry = true
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            // Letting go of the lock may change `errno`.
            let (count, error) = descriptor.writing.withLock { _ in
                let count = retrying {
                    medium.write(descriptor.rawValue, rest, offset + Int64(done))
                }
                return (count, errno)
            }
            if count > 0 {
                done += count
                continue
            }
            let code = count == 0 ? EIO : error
            guard code == EIO, mayRetry else {
                throw StorageError(errno: code, path: path(of: file))
            }
            mayRetry = false
        }
    }

    private func markUnsynced(_ file: FileIndex, _ descriptor: Descriptor) {
        state.withLock { state in
            let number = isInParts(state.slots[file.position]) ? Self.partsNumber : file.rawValue
            state.unsynced[number] = descriptor
        }
    }

    /// The number under which the bytes of the file are kept: its own, or `partsNumber`.
    func number(of file: FileIndex) -> UInt32 {
        state.withLock { isInParts($0.slots[file.position]) } ? Self.partsNumber : file.rawValue
    }

    // MARK: - Opening

    func isInParts(_ slot: Slot) -> Bool { !slot.isWanted && slot.place == .absent }

    func elements(of file: Int, _ slot: Slot) -> [String] {
        switch slot.place {
        case .final: names.final(file)
        case .alternativePart: names.alternativePart(file)
        case .part: names.part(file)
        case .absent: slot.partIsTaken ? names.alternativePart(file) : names.part(file)
        }
    }

    /// The open file that holds the segment, and where in that file it begins.
    func open(
        _ segment: FileSegment, writing: Bool
    ) throws(StorageError) -> (Descriptor, Int64) {
        let file = segment.file
        let slot = state.withLock { $0.slots[file.position] }
        if isInParts(slot) {
            let descriptor = try descriptor(Self.partsNumber, writing: writing)
            return (descriptor, layout.files[file.position].offset + segment.offset)
        }
        return (try descriptor(file.rawValue, writing: writing), segment.offset)
    }

    private func descriptor(_ number: UInt32, writing: Bool) throws(StorageError) -> Descriptor {
        let key = OpenFiles.Key(store: self.number, file: number)
        if let open = openFiles.use(key), open.isWritable || !writing { return open }
        return try opening.withLock { _ throws(StorageError) in
            if let open = openFiles.use(key), open.isWritable || !writing { return open }
            let descriptor =
                number == Self.partsNumber
                ? try openParts(writing: writing)
                : try openFile(Int(number), writing: writing)
            openFiles.insert(descriptor, for: key)
            return descriptor
        }
    }

    /// With `opening` held.
    private func openFile(_ file: Int, writing: Bool) throws(StorageError) -> Descriptor {
        var slot = state.withLock { $0.slots[file] }
        if slot.place == .final, writing {
            try demote(file, slot)
            slot = state.withLock { $0.slots[file] }
        }
        let elements = elements(of: file, slot)
        guard slot.place == .absent else {
            // A file that is not whole will be written again soon, so it is opened for both.
            return try openShedding(elements, writing: slot.place != .final)
        }
        guard writing else { throw StorageError(.missing, path: root.name(of: elements)) }
        let made = try create(file, slot)
        if allocation == .full {
            let length = Int(layout.files[file].length)
            if allocate_blocks(made.rawValue, length) != 0, errno == ENOSPC || errno == EFBIG {
                throw StorageError(errno: errno, path: path(of: FileIndex(file)))
            }
        }
        return made
    }

    func create(_ file: Int, _ slot: Slot) throws(StorageError) -> Descriptor {
        let elements = elements(of: file, slot)
        let descriptor = try openShedding(elements, writing: true, creating: true)
        // Until the session store knows of it. Without the note, should we be killed before that,
        // it would be somebody else's to the next run.
        _ = note_whole(descriptor.rawValue, names.whole)
        state.withLock { state in
            state.slots[file].place = slot.partIsTaken ? .alternativePart : .part
            state.created.append(FileIndex(file))
            state.unsyncedFolders.insert(Array(elements.dropLast()))
        }
        return descriptor
    }

    private func openParts(writing: Bool) throws(StorageError) -> Descriptor {
        do throws(StorageError) {
            return try openShedding(names.parts, writing: true)
        } catch {
            guard error.kind == .missing, writing else { throw error }
            state.withLock { _ = $0.unsyncedFolders.insert([]) }
            return try openShedding(names.parts, writing: true, creating: true)
        }
    }

    /// Opens; if no descriptor is left, lets go of those that are kept and tries again.
    private func openShedding(
        _ elements: [String], writing: Bool, creating: Bool = false
    ) throws(StorageError) -> Descriptor {
        do throws(StorageError) {
            return try root.open(elements, writing: writing, creating: creating)
        } catch {
            guard error.kind == .tooManyOpenFiles else { throw error }
            openFiles.shed()
            return try root.open(elements, writing: writing, creating: creating)
        }
    }

    /// Gives a file that must be written again its partial name back.
    private func demote(_ file: Int, _ slot: Slot) throws(StorageError) {
        let partial = slot.partIsTaken ? names.alternativePart(file) : names.part(file)
        try root.rename(names.final(file), to: partial)
        state.withLock { state in
            state.slots[file].place = slot.partIsTaken ? .alternativePart : .part
            state.finals[UInt32(file)] = nil
        }
        forget(file)
    }

    /// Closes what is kept open of the file.
    func forget(_ file: Int) {
        openFiles.remove(OpenFiles.Key(store: number, file: UInt32(file)))
    }

    func forgetParts() {
        openFiles.remove(OpenFiles.Key(store: number, file: Self.partsNumber))
    }

    /// Closes all that is kept open, so that the disk can be unmounted.
    public func closeFiles() { openFiles.removeAll(of: number) }
}
