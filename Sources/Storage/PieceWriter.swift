public import Hashing
public import Metainfo
import Synchronization
public import Units

/// How a piece ended.
public enum PieceOutcome: Sendable {
    case verdict(PieceVerdict)
    /// It could not be written, or not read back: nobody is to blame but the disk.
    case failed(StorageError)
}

/// What became of a block.
public enum BlockOutcome: Sendable, Equatable {
    case taken
    /// It is there already, or its piece is verified or being finished; nothing was changed.
    case redundant
    /// It is not a block of this torrent.
    case outOfRange
}

/// The way of blocks from the network to the disk, for one torrent.
///
/// Blocks are copied into extents of at most 256 KiB. A full extent goes to the lane of its piece,
/// which hashes it while it is in the cache, and writes it. So a piece is never in memory as a
/// whole, however long it is, and the caller never waits.
///
/// Any thread may call; completions come on a lane's thread.
public final class PieceWriter: Sendable {
    public typealias Completion = @Sendable (PieceOutcome) -> Void

    private struct State {
        var metainfo: Metainfo
        var active: [PieceIndex: ActivePiece] = [:]
        /// Pieces that are verified or about to be: their bytes must not change any more.
        var closed: Bitfield
    }

    /// The blocks of a piece that are on their way.
    // SAFETY: used with the writer's lock held only; `work` goes to the piece's lane.
    private final class ActivePiece: @unchecked Sendable {
        let work: PieceWork
        let length: UInt32
        var extents: [Extent?]
        /// One bit a block.
        var received: [UInt64]

        init(work: PieceWork, length: UInt32, extentLength: Int, blockCount: Int) {
            self.work = work
            self.length = length
            self.extents = Array(
                repeating: nil, count: (Int(length) + extentLength - 1) / extentLength)
            self.received = Array(repeating: 0, count: (blockCount + 63) / 64)
        }
    }

    private let files: FileStore
    private let layout: ContentLayout
    private let pool: DiskPool
    private let memory: ExtentMemory
    private let extentLength: Int
    private let state: Mutex<State>
    private let listener = Mutex<UInt64>(0)
    /// Called on the lane when a piece is verified, before its completion, with how many syncs had
    /// failed when it was begun.
    private let verified: @Sendable (PieceIndex, _ failedSyncs: Int) -> Void
    /// Called on the lane with an error of the disk.
    private let failed: @Sendable (StorageError) -> Void

    /// - Parameters:
    ///   - had: the pieces that are verified already.
    ///   - relieved: called on any thread when `isCongested` has turned false.
    public init(
        _ metainfo: Metainfo, files: FileStore, pool: DiskPool, memory: ExtentMemory,
        had: Bitfield, relieved: @escaping @Sendable () -> Void,
        verified: @escaping @Sendable (PieceIndex, _ failedSyncs: Int) -> Void = { _, _ in },
        failed: @escaping @Sendable (StorageError) -> Void = { _ in }
    ) {
        self.files = files
        self.layout = metainfo.layout
        self.pool = pool
        self.memory = memory
        self.extentLength = ExtentMemory.extentLength(forPieceLength: metainfo.layout.pieceLength)
        self.state = Mutex(State(metainfo: metainfo, closed: had))
        self.verified = verified
        self.failed = failed
        let number = memory.listen(
            ExtentMemory.Listener(
                relieved: relieved,
                flush: { [weak self] bytes in self?.flushPartial(atLeast: bytes) ?? 0 }))
        listener.withLock { $0 = number }
    }

    deinit {
        memory.unlisten(listener.withLock { $0 })
        for active in state.withLock({ Array($0.active.values) }) { giveBack(active) }
    }

    /// Whether reading from the network should pause until `relieved` is called.
    public var isCongested: Bool { memory.isCongested }

    /// Takes over what has been learnt of the torrent: its piece layers (BEP 52).
    public func update(_ metainfo: Metainfo) { state.withLock { $0.metainfo = metainfo } }

    // MARK: - The hot path

    /// Copies a block: `begin` is a multiple of 16 KiB, and `bytes` as long as the block is.
    @discardableResult
    public func write(
        _ piece: PieceIndex, begin: UInt32, bytes: UnsafeRawBufferPointer
    ) -> BlockOutcome {
        let outcome = state.withLock { state -> BlockOutcome in
            guard piece.position < layout.pieceCount, begin.isMultiple(of: blockLength) else {
                return .outOfRange
            }
            let length = layout.length(of: piece)
            guard begin < length, bytes.count == Int(min(blockLength, length - begin)) else {
                return .outOfRange
            }
            guard !state.closed.contains(piece) else { return .redundant }
            let active = state.active[piece] ?? activate(piece, length: length, &state)
            return store(bytes, begin: begin, piece, active)
        }
        if memory.isCongested { memory.relieveIfStuck() }
        return outcome
    }

    private func activate(
        _ piece: PieceIndex, length: UInt32, _ state: inout State
    ) -> ActivePiece {
        let expected = ExpectedHashes(state.metainfo, piece)
        let active = ActivePiece(
            work: PieceWork(piece, files: files, expected: expected), length: length,
            extentLength: extentLength, blockCount: layout.blockCount(of: piece))
        state.active[piece] = active
        return active
    }

    private func store(
        _ bytes: UnsafeRawBufferPointer, begin: UInt32, _ piece: PieceIndex, _ active: ActivePiece
    ) -> BlockOutcome {
        let block = Int(begin / blockLength)
        let bit: UInt64 = 1 << UInt64(block % 64)
        guard active.received[block / 64] & bit == 0 else { return .redundant }
        active.received[block / 64] |= bit
        let index = Int(begin) / extentLength
        let extent = active.extents[index] ?? take(index, active)
        let position = Int(begin - extent.begin)
        UnsafeMutableRawBufferPointer(rebasing: extent.bytes[position...]).copyMemory(from: bytes)
        extent.blocks |= 1 << UInt32(position / Int(blockLength))
        let blockCount = (extent.length + (blockLength - 1)) / blockLength
        if extent.blocks.nonzeroBitCount == Int(blockCount) {
            active.extents[index] = nil
            send(extent, piece, active.work)
        }
        return .taken
    }

    private func take(_ index: Int, _ active: ActivePiece) -> Extent {
        let extent = memory.take(length: extentLength)
        extent.begin = UInt32(index * extentLength)
        extent.length = min(UInt32(extentLength), active.length - extent.begin)
        active.extents[index] = extent
        return extent
    }

    private func send(_ extent: Extent, _ piece: PieceIndex, _ work: PieceWork) {
        memory.queued(extent)
        let sent = pool.run(.write(key: piece.position)) { [memory, failed] in
            let failure = work.store(extent)
            memory.give(extent)
            if let failure, work.reports(failure) { failed(failure) }
        }
        // A pool that has stopped takes nothing; the piece is then not had in the next run.
        if !sent { memory.give(extent) }
    }

    // MARK: - The end of a piece

    /// Has what was written of `piece` checked against its hashes; what is missing is taken from
    /// the disk. From now until a completion other than `.verified`, its blocks are refused.
    public func finish(_ piece: PieceIndex, completion: @escaping Completion) {
        let work = state.withLock { state -> PieceWork? in
            guard piece.position < layout.pieceCount else { return nil }
            state.closed.insert(piece)
            guard let active = state.active.removeValue(forKey: piece) else {
                return PieceWork(
                    piece, files: files, expected: ExpectedHashes(state.metainfo, piece))
            }
            for extent in active.extents.compactMap(\.self) { send(extent, piece, active.work) }
            return active.work
        }
        guard let work else {
            return completion(.failed(StorageError(.outOfRange, path: files.folder)))
        }
        let sent = pool.run(.write(key: piece.position)) { [self] in
            completion(finish(piece, work))
        }
        if !sent { completion(.failed(StorageError(.other, path: files.folder))) }
    }

    private func finish(_ piece: PieceIndex, _ work: PieceWork) -> PieceOutcome {
        do throws(StorageError) {
            let verdict = try work.finish()
            if verdict == .verified {
                verified(piece, work.failedSyncs)
            } else {
                reopen([piece])
            }
            return .verdict(verdict)
        } catch {
            reopen([piece])
            if work.reports(error) { failed(error) }
            return .failed(error)
        }
    }

    /// Takes blocks of the pieces again, which are not had any more.
    public func reopen(_ pieces: some Sequence<PieceIndex>) {
        state.withLock { state in
            for piece in pieces { state.closed.remove(piece) }
        }
    }

    /// Forgets the blocks of a piece, which may then be written anew.
    public func discard(_ piece: PieceIndex) {
        let active = state.withLock { $0.active.removeValue(forKey: piece) }
        if let active { giveBack(active) }
    }

    private func giveBack(_ active: ActivePiece) {
        for extent in active.extents.compactMap(\.self) { memory.give(extent, wasQueued: false) }
    }

    /// The SHA-1 of each block of `piece` as it is on disk, for telling who sent a bad one. To be
    /// called before the piece is written again: it runs on the piece's lane, in order.
    public func blockDigests(
        of piece: PieceIndex,
        completion: @escaping @Sendable (Result<[SHA1Digest], StorageError>) -> Void
    ) {
        let sent = pool.run(.write(key: piece.position)) { [files] in
            do throws(StorageError) {
                completion(.success(try files.blockDigests(of: piece)))
            } catch {
                completion(.failure(error))
            }
        }
        if !sent { completion(.failure(StorageError(.other, path: files.folder))) }
    }

    // MARK: - Partial extents

    /// Hands over all blocks that wait for their neighbours, and calls `completion` on a lane when
    /// these and everything before them have been written.
    public func flush(completion: @escaping @Sendable () -> Void) {
        _ = flushPartial(atLeast: .max)
        pool.afterWrites(completion)
    }

    /// Hands over extents that are not full, the oldest first, until there are `bytes` of them;
    /// gives how many bytes it were. The rest of their blocks come into new extents.
    private func flushPartial(atLeast bytes: Int) -> Int {
        state.withLock { state in
            var partial: [(piece: PieceIndex, active: ActivePiece, index: Int, age: UInt64)] = []
            for (piece, active) in state.active {
                for (index, extent) in active.extents.enumerated() {
                    if let extent { partial.append((piece, active, index, extent.age)) }
                }
            }
            partial.sort { $0.age < $1.age }
            var sent = 0
            for entry in partial where sent < bytes {
                guard let extent = entry.active.extents[entry.index] else { continue }
                entry.active.extents[entry.index] = nil
                sent += extent.bytes.count
                send(extent, entry.piece, entry.active.work)
            }
            return sent
        }
    }
}

extension DiskPool {
    /// Calls `completion` on a lane once every write lane has done what it was given so far.
    func afterWrites(_ completion: @escaping @Sendable () -> Void) {
        let left = Atomic<Int>(writeLaneCount)
        let countdown = Countdown(left: left, completion: completion)
        for key in 0..<writeLaneCount where !run(.write(key: key), { countdown.step() }) {
            countdown.step()
        }
    }
}

/// Calls its completion at the last of so many steps.
private final class Countdown: Sendable {
    private let left: Atomic<Int>
    private let completion: @Sendable () -> Void

    init(left: consuming Atomic<Int>, completion: @escaping @Sendable () -> Void) {
        self.left = left
        self.completion = completion
    }

    func step() {
        if left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { completion() }
    }
}

extension FileStore {
    /// The SHA-1 of each block of `piece`.
    func blockDigests(of piece: PieceIndex) throws(StorageError) -> [SHA1Digest] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(blockLength), alignment: 4096)
        defer { buffer.deallocate() }
        var digests: [SHA1Digest] = []
        for block in 0..<layout.blockCount(of: piece) {
            let length = Int(layout.length(of: BlockIndex(block), of: piece))
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
            try read(piece, begin: UInt32(block) * blockLength, into: bytes)
            digests.append(SHA1Digest.hash(UnsafeRawBufferPointer(bytes)))
        }
        return digests
    }
}
