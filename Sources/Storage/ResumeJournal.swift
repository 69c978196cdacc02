import Metainfo
import Synchronization
import Units

/// Keeps what the session store says of one torrent true, off the network's threads.
///
/// A piece that was verified is in the *tail* until an *epoch* has synced its bytes; only then is
/// it recorded as had. The tail is noted often, so that after a crash it is hashed again and not
/// downloaded again, and is never trusted. An epoch begins when 64 MiB are unsynced, or 5 seconds
/// after the first piece; until then, bytes go on their way to the disk as pieces are verified, so
/// that an epoch has little to wait for. In an epoch, files that are whole and synced get their
/// final names.
final class ResumeJournal: Sendable {
    struct Events: Sendable {
        /// A file got its final name, or had it.
        var fileCompleted: @Sendable (FileIndex) -> Void = { _ in }
        /// All that is wanted is verified, synced, under its final name and recorded.
        var completed: @Sendable () -> Void = {}
        /// The bytes of these pieces did not reach the disk and must be hashed from there.
        var suspect: @Sendable (Bitfield) -> Void = { _ in }
        var failed: @Sendable (StorageError) -> Void = { _ in }
        var notRecorded: @Sendable (SessionStoreError) -> Void = { _ in }
        /// `isBehind` has turned false.
        var caughtUp: @Sendable () -> Void = {}
    }

    struct Target: Sendable {
        let store: SessionStore
        let id: TorrentRecord.ID
    }

    /// When things happen.
    struct Pace: Sendable {
        var epochBytes = Limits.epochBytes
        var epochNanoseconds = Limits.epochNanoseconds
        var writeOutBytes = Limits.writeOutBytes
        var writeOutRunMin = Limits.writeOutRunMin
        var unsyncedFilesMax = Limits.unsyncedFilesMax
        var unsyncedBytesMax = Limits.unsyncedBytesMax
        var unnotedBytesMax = Limits.unnotedBytesMax
        var journalBytes = Limits.journalBytes
        var journalNanoseconds = Limits.journalNanoseconds
    }

    private struct State {
        /// Pieces whose bytes were hashed and are right.
        var verified: Bitfield
        /// Of these, those whose bytes are synced.
        var durable: Bitfield
        /// Verified since the epoch began that began last.
        var unsynced: [PieceIndex] = []
        var unsyncedBytes: Int64 = 0
        /// Of these, those that wait to go on their way to the disk.
        var toWriteOut: [PieceIndex] = []
        var bytesToWriteOut: Int64 = 0
        /// A job for these is on its way.
        var writesOut = false
        /// What the running epoch is about.
        var syncing: [PieceIndex] = []
        var syncingBytes: Int64 = 0
        /// Verified when the run began, and not recorded yet; and the files they are in.
        var adopted: [PieceIndex] = []
        var filesToSync: Set<UInt32> = []
        /// How many pieces each file lacks, by `verified`.
        var lacking: [Int32]
        /// Files that lack none and do not have their final names yet, or have not been told of.
        var ready: Set<UInt32> = []
        var wanted: Bitfield
        var wantedLacking: Int
        var epochRuns = false
        var epochIsDue = false
        var epochTimerIsSet = false
        var journalIsDue = false
        var journalTimerIsSet = false
        var unjournalledBytes: Int64 = 0
        /// Bytes that were verified since this was opened, and how many of them the store knows of.
        var verifiedBytes: Int64 = 0
        var notedBytes: Int64 = 0
        var waiting: [@Sendable (StorageError?) -> Void] = []
        var saidCompleted = false
        var saidNotRecorded = false
        var closes = false
        var isClosed = false
        /// Something has been recorded since this was opened.
        var hasRecorded = false
    }

    private let layout: ContentLayout
    private let files: FileStore
    private let pool: DiskPool
    private let target: Target?
    private let events: Events
    private let pace: Pace
    private let behind = Atomic<Bool>(false)
    private let state: Mutex<State>

    /// - Parameters:
    ///   - durable: pieces that are recorded as had.
    ///   - wanted: the pieces that make the torrent complete.
    init(
        layout: ContentLayout, files: FileStore, pool: DiskPool, target: Target?,
        durable: Bitfield, wanted: Bitfield, pace: Pace = Pace(), events: Events
    ) {
        self.layout = layout
        self.files = files
        self.pool = pool
        self.target = target
        self.events = events
        self.pace = pace
        var lacking: [Int32] = []
        var ready: Set<UInt32> = []
        lacking.reserveCapacity(layout.files.count)
        for (index, entry) in layout.files.enumerated() {
            let pieces = layout.pieces(of: FileIndex(index))
            let had = pieces.count { durable.contains(PieceIndex($0)) }
            lacking.append(Int32(clamping: pieces.count - had))
            // The last run ended before it gave the name.
            if had == pieces.count, !entry.isPad, files.isPartial(FileIndex(index)) {
                ready.insert(UInt32(index))
            }
        }
        var wantedLacking = 0
        wanted.forEach { if !durable.contains($0) { wantedLacking += 1 } }
        self.state = Mutex(
            State(
                verified: durable, durable: durable, lacking: lacking, ready: ready,
                wanted: wanted, wantedLacking: wantedLacking,
                saidCompleted: wantedLacking == 0 && ready.isEmpty))
    }

    /// The pieces that are had: verified, though maybe not synced yet.
    var verified: Bitfield { state.withLock { $0.verified } }

    /// Whether so much is unsynced that reading from the network should pause.
    var isBehind: Bool { behind.load(ordering: .relaxed) }

    // MARK: - What happens to pieces

    /// Its bytes are written and have been hashed.
    ///
    /// - Parameter failedSyncs: how many syncs had failed when the first of them was written. Since
    ///   another did, they may be lost, and are hashed from the disk before the piece is had.
    func pieceVerified(_ piece: PieceIndex, failedSyncs: Int) {
        let unsyncedFiles = files.unsyncedFileCount
        var isSuspect = false
        let due = state.withLock { state -> Bool in
            // A sync that fails from now on finds the piece among what it suspects.
            isSuspect = files.failedSyncs.load(ordering: .sequentiallyConsistent) != failedSyncs
            guard !isSuspect, state.verified.insert(piece) else { return false }
            let length = Int64(layout.length(of: piece))
            state.unsynced.append(piece)
            state.unsyncedBytes += length
            state.unjournalledBytes += length
            state.verifiedBytes += length
            count(piece, -1, &state)
            state.toWriteOut.append(piece)
            state.bytesToWriteOut += length
            if isTooMuch(state) { behind.store(true, ordering: .relaxed) }
            return state.unsyncedBytes >= pace.epochBytes
                || unsyncedFiles >= pace.unsyncedFilesMax || state.wantedLacking == 0
        }
        if isSuspect {
            var suspects = Bitfield(count: layout.pieceCount)
            suspects.insert(piece)
            return events.suspect(suspects)
        }
        beginToWriteOut()
        if due { beginEpoch() } else { setEpochTimer() }
        noteTail()
    }

    /// On the lane of syncs: that one may wait for a disk that has much to do. No more than one job
    /// of this at a time, so that an epoch that is due does not wait for many.
    private func beginToWriteOut() {
        let begins = state.withLock { state -> Bool in
            guard !state.writesOut, state.bytesToWriteOut >= pace.writeOutBytes else {
                return false
            }
            state.writesOut = true
            return true
        }
        guard begins else { return }
        pool.run(.sync) { [self] in
            let pieces = state.withLock { state in
                defer { (state.toWriteOut, state.bytesToWriteOut) = ([], 0) }
                state.writesOut = false
                return state.toWriteOut
            }
            files.beginToWriteOut(pieces, shortest: pace.writeOutRunMin)
        }
    }

    /// Whether a crash would cost more than it may, or a restart take longer, as the disk of the
    /// content or that of the session store does not keep up.
    private func isTooMuch(_ state: State, divisor: Int64 = 1) -> Bool {
        let unnoted = target == nil ? 0 : state.verifiedBytes - state.notedBytes
        return state.unsyncedBytes + state.syncingBytes >= pace.unsyncedBytesMax / divisor
            || unnoted >= pace.unnotedBytesMax / divisor
    }

    /// Whether reading may go on, which it does only once there is half as much.
    private func relieve(_ state: State) -> Bool {
        guard isBehind, !isTooMuch(state, divisor: 2) else { return false }
        behind.store(false, ordering: .relaxed)
        return true
    }

    /// Pieces that were found on disk and hashed, maybe very many. Begins an epoch, in which their
    /// files are synced, since nobody knows who wrote them and when, if there is anything new.
    ///
    /// - Parameter changed: files that are recorded as they are now.
    func adopt(_ pieces: Bitfield, alsoRecording changed: [FileIndex] = []) {
        let isNews = state.withLock { state -> Bool in
            for file in changed { state.filesToSync.insert(files.number(of: file)) }
            pieces.forEach { piece in
                guard state.verified.insert(piece) else { return }
                state.adopted.append(piece)
                count(piece, -1, &state)
                layout.forEachSegment(of: layout.byteRange(of: piece)) { segment in
                    if !segment.isPad { state.filesToSync.insert(files.number(of: segment.file)) }
                }
            }
            return !state.filesToSync.isEmpty || !state.ready.isEmpty
        }
        if isNews { beginEpoch() }
    }

    /// Its bytes are not right any more, or cannot be read.
    func piecesLost(_ pieces: [PieceIndex]) {
        state.withLock { state in
            for piece in pieces {
                state.durable.remove(piece)
                guard state.verified.remove(piece) else { continue }
                count(piece, 1, &state)
                state.saidCompleted = false
            }
            forgetUnverified(&state)
        }
        // Soon, since until then the store claims what is not had.
        beginEpoch()
    }

    /// What makes the torrent complete has changed.
    func setWanted(_ wanted: Bitfield) {
        state.withLock { state in
            state.wanted = wanted
            state.wantedLacking = 0
            wanted.forEach { if !state.verified.contains($0) { state.wantedLacking += 1 } }
            state.saidCompleted = false
        }
        beginEpoch()
    }

    private func count(_ piece: PieceIndex, _ change: Int32, _ state: inout State) {
        if state.wanted.contains(piece) { state.wantedLacking += Int(change) }
        var last: FileIndex?
        layout.forEachSegment(of: layout.byteRange(of: piece)) { segment in
            let position = segment.file.position
            guard segment.file != last, position < state.lacking.count else { return }
            state.lacking[position] += change
            if state.lacking[position] == 0, !layout.files[position].isPad {
                state.ready.insert(segment.file.rawValue)
            } else {
                state.ready.remove(segment.file.rawValue)
            }
            last = segment.file
        }
    }

    /// Takes what is not verified any more out of what waits to be durable: should it be verified
    /// again, its bytes are other ones.
    private func forgetUnverified(_ state: inout State) {
        let verified = state.verified
        state.syncing.removeAll { !verified.contains($0) }
        state.unsynced.removeAll { !verified.contains($0) }
        state.unsyncedBytes = state.unsynced.reduce(0) { $0 + Int64(layout.length(of: $1)) }
        state.adopted.removeAll { !verified.contains($0) }
    }

    // MARK: - When

    /// Begins an epoch now and calls back when all that is verified is synced and recorded; with
    /// the error if it could not be.
    func flush(completion: @escaping @Sendable (StorageError?) -> Void) {
        state.withLock { $0.waiting.append(completion) }
        beginEpoch()
    }

    /// The last epoch: what it records is all that there is, so that the next run trusts files
    /// only as they are now. Nothing may be written any more.
    func close(completion: @escaping @Sendable (StorageError?) -> Void) {
        state.withLock { $0.closes = true }
        flush(completion: completion)
    }

    func beginEpoch() {
        let begins = state.withLock { state -> Bool in
            guard !state.isClosed else { return false }
            defer { state.epochIsDue = true }
            return !state.epochRuns && !state.epochIsDue
        }
        guard begins else { return }
        if !pool.run(.sync, { [self] in runEpochs() }) { answerWaiting() }
    }

    private func setEpochTimer() {
        let sets = state.withLock { state -> Bool in
            defer { state.epochTimerIsSet = true }
            return !state.epochTimerIsSet && !state.isClosed
        }
        guard sets else { return }
        pool.runLater(nanoseconds: pace.epochNanoseconds) { [weak self] in
            guard let self else { return }
            state.withLock { $0.epochTimerIsSet = false }
            beginEpoch()
        }
    }

    /// A pool that has stopped runs no epoch.
    private func answerWaiting() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for answer in waiting { answer(StorageError(.other, path: files.folder)) }
    }

    // MARK: - The tail

    private func noteTail() {
        guard target != nil else { return }
        let (now, timer) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed, !state.journalIsDue else { return (false, false) }
            if state.unjournalledBytes >= pace.journalBytes {
                state.journalIsDue = true
                return (true, false)
            }
            defer { state.journalTimerIsSet = true }
            return (false, !state.journalTimerIsSet)
        }
        if now { pool.run(.journal) { [weak self] in self?.journal() } }
        if timer {
            pool.runLater(nanoseconds: pace.journalNanoseconds) { [weak self] in
                guard let self else { return }
                state.withLock { $0.journalTimerIsSet = false }
                journal()
            }
        }
    }

    /// Notes the tail now.
    func journal() {
        guard let target else { return }
        let isOpen = state.withLock { state -> Bool in
            state.journalIsDue = false
            state.unjournalledBytes = 0
            return !state.isClosed && !state.closes
        }
        guard isOpen else { return }
        state.withLock { $0.hasRecorded = true }
        let created = files.takeCreated().mapValues { KnownFile(identity: $0, isWhole: false) }
        let noted = Atomic<Int64>(0)
        do throws(SessionStoreError) {
            try target.store.journal(files: created, of: target.id) {
                // After the last epoch a note would say that the run did not end in order.
                self.state.withLock { $0.isClosed || $0.closes }
                    ? nil : self.tail(withEpoch: true, upTo: noted)
            }
            let isRelieved = state.withLock { state in
                state.notedBytes = max(state.notedBytes, noted.load(ordering: .relaxed))
                return relieve(state)
            }
            if isRelieved { events.caughtUp() }
        } catch {
            say(error)
        }
    }

    /// What is verified and not recorded: the newest, should it be very many. `noted` becomes how
    /// much had been verified until now.
    private func tail(withEpoch: Bool, upTo noted: borrowing Atomic<Int64>) -> [PieceIndex] {
        state.withLock { state in
            noted.store(state.verifiedBytes, ordering: .relaxed)
            let tail = (withEpoch ? state.syncing : []) + state.adopted + state.unsynced
            return Array(tail.suffix(Limits.tailPiecesMax))
        }
    }

    private func say(_ error: SessionStoreError) {
        let isNews = state.withLock { state in
            defer { state.saidNotRecorded = true }
            return !state.saidNotRecorded
        }
        if isNews { events.notRecorded(error) }
    }

    // MARK: - An epoch

    /// On the sync lane: one epoch, and another as long as one is due.
    private func runEpochs() {
        while let epoch = takeEpoch() { run(epoch) }
    }

    private struct Epoch {
        /// Who waits for what was verified before it began.
        var waiting: [@Sendable (StorageError?) -> Void]
        /// It is the last.
        var closes: Bool
    }

    /// What is verified so far becomes the next epoch's; `nil` if none is due.
    private func takeEpoch() -> Epoch? {
        state.withLock { state in
            state.epochRuns = state.epochIsDue && !state.isClosed
            guard state.epochRuns else { return nil }
            state.epochIsDue = false
            state.syncing = state.adopted + state.unsynced
            state.syncingBytes = state.unsyncedBytes
            state.adopted = []
            state.unsynced = []
            state.unsyncedBytes = 0
            (state.toWriteOut, state.bytesToWriteOut) = ([], 0)
            defer { state.waiting = [] }
            return Epoch(waiting: state.waiting, closes: state.closes)
        }
    }

    private func run(_ epoch: Epoch) {
        let (synced, failures) = syncFiles()
        var error = failures.first?.error
        if !failures.isEmpty { distrust(failures) }
        let durable = state.withLock { state -> Bitfield in
            var durable = state.durable
            for piece in state.syncing { durable.insert(piece) }
            return durable
        }
        let (finished, finishError) = finishFiles(durable)
        error = error ?? finishError
        let isRecorded = record(
            durable, synced, finished, ended: epoch.closes && error == nil)
        let isComplete = settle(isRecorded: isRecorded, closes: epoch.closes)
        for file in finished { events.fileCompleted(file) }
        if let error { events.failed(error) }
        if isComplete, error == nil, finishEntries() { events.completed() }
        if !isRecorded, error == nil, let target {
            error = StorageError(.other, path: target.store.path)
        }
        for answer in epoch.waiting { answer(error) }
    }

    private func syncFiles() -> (synced: [UInt32], failed: [FileStore.SyncFailure]) {
        var (synced, failed) = files.sync()
        let others = state.withLock { state in
            defer { state.filesToSync = [] }
            return state.filesToSync
        }
        for number in others.subtracting(synced) {
            if let error = files.sync(number) {
                failed.append(FileStore.SyncFailure(number: number, error: error))
            } else {
                synced.append(number)
            }
        }
        return (synced, failed)
    }

    /// What was written to these files since their last sync may not be on the disk.
    private func distrust(_ failures: [FileStore.SyncFailure]) {
        let numbers = Set(failures.map(\.number))
        var suspects = Bitfield(count: layout.pieceCount)
        state.withLock { state in
            let undecided = state.adopted + state.syncing + state.unsynced
            for piece in undecided where touches(piece, numbers) {
                suspects.insert(piece)
                if state.verified.remove(piece) { count(piece, 1, &state) }
            }
            forgetUnverified(&state)
            state.saidCompleted = false
            state.filesToSync.formUnion(numbers)
        }
        if !suspects.isEmpty { events.suspect(suspects) }
    }

    private func touches(_ piece: PieceIndex, _ numbers: Set<UInt32>) -> Bool {
        var touches = false
        layout.forEachSegment(of: layout.byteRange(of: piece)) { segment in
            if segment.isPad || touches { return }
            touches = numbers.contains(files.number(of: segment.file))
        }
        return touches
    }

    /// Gives the files whose pieces are all durable their final names.
    private func finishFiles(_ durable: Bitfield) -> ([FileIndex], StorageError?) {
        var finished: [FileIndex] = []
        var failure: StorageError?
        for number in state.withLock({ $0.ready.sorted() }) {
            let file = FileIndex(number)
            guard layout.pieces(of: file).allSatisfy({ durable.contains(PieceIndex($0)) }) else {
                continue
            }
            do throws(StorageError) {
                if files.isPartial(file) { try files.finish(file) }
                guard files.isFinal(file) else { continue }
                _ = state.withLock { $0.ready.remove(number) }
                finished.append(file)
            } catch {
                failure = failure ?? error
            }
        }
        return (finished, failure)
    }

    private func record(
        _ durable: Bitfield, _ synced: [UInt32], _ finished: [FileIndex], ended: Bool
    ) -> Bool {
        guard let target else { return true }
        // What was whole at the start and has not been touched since is in the store as it is.
        // Thousands of torrents are let go of so without waiting for the disk thousands of times.
        let isTouched = state.withLock { $0.hasRecorded || !$0.syncing.isEmpty }
        if ended, !isTouched, synced.isEmpty, finished.isEmpty, durable.isFull { return true }
        var known: [UInt32: KnownFile] = [:]
        for number in synced + finished.map(\.rawValue) where known[number] == nil {
            guard let identity = files.identity(of: number) else { continue }
            let isWhole =
                number != FileStore.partsNumber && files.isFinal(FileIndex(number))
            known[number] = KnownFile(identity: identity, isWhole: isWhole)
        }
        let folder = FolderIdentity(device: files.root.device, inode: files.root.inode)
        let noted = Atomic<Int64>(0)
        do throws(SessionStoreError) {
            try target.store.record(
                durable, files: known, ended: ended, folder: folder, of: target.id
            ) { self.tail(withEpoch: false, upTo: noted) }
            state.withLock { state in
                state.hasRecorded = true
                state.notedBytes = max(state.notedBytes, noted.load(ordering: .relaxed))
            }
            return true
        } catch {
            say(error)
            return false
        }
    }

    /// Whether the torrent has become complete.
    private func settle(isRecorded: Bool, closes: Bool) -> Bool {
        let (isComplete, isRelieved) = state.withLock { state -> (Bool, Bool) in
            if isRecorded {
                // Without what was lost meanwhile.
                for piece in state.syncing { state.durable.insert(piece) }
                state.saidNotRecorded = false
                if closes { state.isClosed = true }
            } else {
                state.unsynced = state.syncing + state.unsynced
                state.unsyncedBytes += state.syncingBytes
            }
            state.syncing = []
            state.syncingBytes = 0
            forgetUnverified(&state)
            let isRelieved = relieve(state)
            let isComplete =
                state.wantedLacking == 0 && state.unsynced.isEmpty && state.adopted.isEmpty
                && !state.saidCompleted
            return (isComplete, isRelieved)
        }
        if isRelieved { events.caughtUp() }
        if !isRecorded { setEpochTimer() }
        return isComplete
    }

    private func finishEntries() -> Bool {
        do throws(StorageError) {
            try files.finishEntriesWithoutContent()
        } catch {
            events.failed(error)
            return false
        }
        return state.withLock { state in
            defer { state.saidCompleted = true }
            return !state.saidCompleted
        }
    }
}
