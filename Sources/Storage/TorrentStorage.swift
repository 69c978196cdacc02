import Glibc
public import Hashing
public import Metainfo
import Synchronization
public import Units

/// All of one torrent that is on disk: its files, the way of blocks to them, and what a restart
/// may believe. Made by `TorrentOpening`; ends with `close`.
///
/// `write`, `finish`, `discard`, `blockDigests`, `isCongested` and `had` never wait for the disk.
/// `read` and `lease` do, so they are for `pool.run(.read(key:))`.
public final class TorrentStorage: Sendable {
    /// What all torrents of a process share; the pool, those on one device.
    public struct Resources: Sendable {
        public var pool: DiskPool
        public var memory: ExtentMemory
        public var openFiles: OpenFiles
        /// Without one, nothing is remembered, and the next run checks all there is.
        public var store: SessionStore?
        /// Where it is counted what the disk does.
        public var counters: DiskCounters

        public init(
            pool: DiskPool, memory: ExtentMemory, openFiles: OpenFiles, store: SessionStore? = nil,
            counters: DiskCounters = DiskCounters()
        ) {
            self.pool = pool
            self.memory = memory
            self.openFiles = openFiles
            self.store = store
            self.counters = counters
        }
    }

    /// What the torrent's owner must know of. Comes on a lane's thread.
    public enum Event: Sendable {
        /// `isCongested` has turned false.
        case relieved
        /// Nothing more can be written, until `probe` succeeds. Said once.
        case fault(StorageError)
        /// All pieces of a file are verified and synced, and it has its final name.
        case fileCompleted(FileIndex)
        /// All that is wanted is verified, synced, under its final names, and recorded.
        case completed
        /// Pieces that were had are not: stop offering them, and fetch them again.
        case piecesLost([PieceIndex])
        /// What is had could not be recorded; it is tried again. Said once.
        case notRecorded(SessionStoreError)
    }

    public let metainfo: Metainfo
    public let files: FileStore
    public let resources: Resources
    private let writer: PieceWriter
    let journal: ResumeJournal
    private let watch: FaultWatch
    private let events: @Sendable (Event) -> Void

    init(
        _ metainfo: Metainfo, files: FileStore, resources: Resources, id: TorrentRecord.ID?,
        durable: Bitfield, had: Bitfield, pace: ResumeJournal.Pace,
        events: @escaping @Sendable (Event) -> Void
    ) {
        self.metainfo = metainfo
        self.files = files
        self.resources = resources
        self.events = events
        let watch = FaultWatch(events)
        self.watch = watch
        let suspects = Suspects()
        let target = resources.store.flatMap { store in
            id.map { ResumeJournal.Target(store: store, id: $0) }
        }
        let journal = ResumeJournal(
            layout: metainfo.layout, files: files, pool: resources.pool, target: target,
            durable: durable, wanted: files.wantedPieces, pace: pace,
            events: ResumeJournal.Events(
                fileCompleted: { events(.fileCompleted($0)) },
                completed: { events(.completed) },
                suspect: { suspects.tell($0) },
                failed: { watch.failed($0) },
                notRecorded: { events(.notRecorded($0)) },
                caughtUp: { events(.relieved) }))
        self.journal = journal
        self.writer = PieceWriter(
            metainfo, files: files, pool: resources.pool, memory: resources.memory, had: had,
            relieved: { if !journal.isBehind { events(.relieved) } },
            verified: { piece, failedSyncs in
                watch.succeeded()
                journal.pieceVerified(piece, failedSyncs: failedSyncs)
            },
            failed: { watch.failed($0) })
        suspects.listener.withLock { $0 = { [weak self] in self?.recheck($0, reporting: []) } }
        journal.adopt(had)
    }

    // MARK: - The hot path

    /// The pieces that are had.
    public var had: Bitfield { journal.verified }

    /// Whether reading from the network should pause until `.relieved` comes.
    public var isCongested: Bool { writer.isCongested || journal.isBehind }

    /// Takes a block that was asked for. `begin` is a multiple of 16 KiB and the block is whole;
    /// what does not fit the torrent is refused. The bytes are copied.
    @discardableResult
    public func write(
        _ piece: PieceIndex, begin: UInt32, bytes: UnsafeRawBufferPointer
    ) -> BlockOutcome {
        writer.write(piece, begin: begin, bytes: bytes)
    }

    /// To be called after the last block of a piece. `completion` comes on a lane's thread; after
    /// `.verdict(.verified)` the piece is had and may be read.
    public func finish(_ piece: PieceIndex, completion: @escaping PieceWriter.Completion) {
        writer.finish(piece, completion: completion)
    }

    /// Forgets the blocks of an unfinished piece, which may then be written anew.
    public func discard(_ piece: PieceIndex) { writer.discard(piece) }

    /// The SHA-1 of each block as it is on disk. To be called before the piece is written again.
    public func blockDigests(
        of piece: PieceIndex,
        completion: @escaping @Sendable (Result<[SHA1Digest], StorageError>) -> Void
    ) {
        writer.blockDigests(of: piece, completion: completion)
    }

    /// Fills `buffer` with bytes of a piece that is had. Waits for the disk.
    public func read(
        _ piece: PieceIndex, begin: UInt32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) {
        try files.read(piece, begin: begin, into: buffer)
    }

    /// The file and the place in it, for `sendfile`; `nil` if the bytes are not in one file.
    /// May wait for the disk.
    public func lease(
        _ piece: PieceIndex, begin: UInt32, length: Int
    ) throws(StorageError) -> FileStore.Lease? {
        try files.lease(piece, begin: begin, length: length)
    }

    // MARK: - Changes

    /// Takes over the piece layers that were learnt (BEP 52).
    public func update(_ metainfo: Metainfo) { writer.update(metainfo) }

    /// Gives up pieces that turned out bad or unreadable; they can be written again.
    public func drop(_ pieces: [PieceIndex]) {
        journal.piecesLost(pieces)
        writer.reopen(pieces)
    }

    /// Changes which files are wanted. `completion` comes on a lane's thread.
    public func setWanted(
        _ wanted: Set<FileIndex>, completion: @escaping @Sendable (StorageError?) -> Void
    ) {
        let sent = resources.pool.run(.sync) { [files, journal] in
            do throws(StorageError) {
                try files.setWanted(wanted)
            } catch {
                return completion(error)
            }
            journal.setWanted(files.wantedPieces)
            completion(nil)
            guard files.hasIdleParts else { return }
            // What was kept aside goes once it is safe where it is now.
            journal.flush { [files] error in if error == nil { files.removeIdleParts() } }
        }
        if !sent { completion(stopped) }
    }

    /// Whether the save folder is not there any more, or another one is in its place. Waits for the
    /// disk.
    public var missingVolume: StorageError? {
        do throws(StorageError) {
            let now = try SaveFolder(path: files.folder, creating: false)
            guard now.device != files.root.device || now.inode != files.root.inode else {
                return nil
            }
            return StorageError(.missingVolume, path: files.folder)
        } catch {
            return error.kind == .missingVolume ? error : nil
        }
    }

    /// Whether nothing of the content is there any more. Waits for the disk.
    public var missingContent: StorageError? {
        (try? files.hasAnything()) == false ? files.missingContent : nil
    }

    /// After a fault: tries whether the save folder can be written again. `completion` comes on a
    /// lane's thread, with the error if not.
    public func probe(completion: @escaping @Sendable (StorageError?) -> Void) {
        let sent = resources.pool.run(.sync) { [files, watch, journal] in
            do throws(StorageError) {
                try files.probe()
            } catch {
                return completion(error)
            }
            watch.reset()
            journal.beginEpoch()
            completion(nil)
        }
        if !sent { completion(stopped) }
    }

    /// Syncs and records all that is verified so far. `completion` comes on a lane's thread, with
    /// the error if that could not be done.
    public func flush(completion: @escaping @Sendable (StorageError?) -> Void) {
        writer.flush { [journal] in journal.flush(completion: completion) }
    }

    /// Looks whether files that nobody should have touched have changed or gone, and checks the
    /// pieces of those that have. Lost pieces come as `.piecesLost`; `completion` comes with the
    /// files, on a lane's thread.
    public func sweep(completion: @escaping @Sendable ([FileIndex]) -> Void) {
        let sent = resources.pool.run(.check(key: 0)) { [self] in
            let changed = files.changedSinceFinal()
            var pieces = Bitfield(count: metainfo.layout.pieceCount)
            let had = had
            for file in changed {
                for piece in metainfo.layout.pieces(of: file) where had.contains(PieceIndex(piece))
                {
                    pieces.insert(PieceIndex(piece))
                }
            }
            completion(changed)
            if !pieces.isEmpty { recheck(pieces, reporting: changed) }
        }
        if !sent { completion([]) }
    }

    /// Writes and records what is verified and lets go of all files. Nothing may be called after
    /// it. `completion` comes on a lane's thread.
    public func close(completion: @escaping @Sendable (StorageError?) -> Void) {
        writer.flush { [journal, files] in
            journal.close { error in
                files.closeFiles()
                completion(error)
            }
        }
    }

    private var stopped: StorageError { StorageError(.other, path: files.folder) }

    /// Hashes from the disk what may have been lost there.
    private func recheck(_ pieces: Bitfield, reporting changed: [FileIndex]) {
        ContentChecker.check(pieces, of: metainfo, files: files, pool: resources.pool) {
            [weak self] result in
            guard let self, !result.isCancelled else { return }
            var lost: [PieceIndex] = []
            pieces.forEach { if !result.good.contains($0) { lost.append($0) } }
            if !lost.isEmpty {
                drop(lost)
                events(.piecesLost(lost))
            }
            journal.adopt(result.good, alsoRecording: changed)
            for file in changed { files.noteFinal(file) }
        }
    }
}

/// Says once that the torrent cannot be written.
private final class FaultWatch: Sendable {
    private struct State {
        var fault: StorageError?
        var mediumFailures = 0
    }

    private let state = Mutex(State())
    private let events: @Sendable (TorrentStorage.Event) -> Void

    init(_ events: @escaping @Sendable (TorrentStorage.Event) -> Void) { self.events = events }

    func failed(_ error: StorageError) {
        let isNews = state.withLock { state -> Bool in
            state.mediumFailures += 1
            guard state.fault == nil,
                error.stopsWriting || state.mediumFailures >= Limits.mediumFailuresMax
            else { return false }
            state.fault = error
            return true
        }
        if isNews { events(.fault(error)) }
    }

    func succeeded() { state.withLock { $0.mediumFailures = 0 } }

    func reset() { state.withLock { $0 = State() } }
}

/// Passes suspect pieces on to a listener that is made later.
private final class Suspects: Sendable {
    let listener = Mutex<(@Sendable (Bitfield) -> Void)?>(nil)

    func tell(_ pieces: Bitfield) { listener.withLock { $0 }?(pieces) }
}
