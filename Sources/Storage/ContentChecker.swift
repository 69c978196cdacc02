import Glibc
import Hashing
public import Metainfo
import Synchronization
public import Units

/// Hashes content that is on disk already, on all cores and at low priority.
public final class ContentChecker: Sendable {
    public struct Progress: Sendable, Equatable {
        public var checkedPieces: Int
        public var totalPieces: Int
        public var goodPieces: Int
        /// Content of the pieces that were there to be read. Holes are not, nor is what is missing.
        public var hashedBytes: Int64 = 0
    }

    public struct Result: Sendable {
        /// The pieces whose bytes are right.
        public var good: Bitfield
        /// The pieces whose bytes are wrong. What could not be read, or has no known hash, is
        /// neither good nor bad.
        public var bad: Bitfield
        /// A hybrid torrent's hashes contradict each other at one of these pieces.
        public var inconsistent: [PieceIndex]
        /// The first piece that could not be read for another reason than that bytes are missing.
        public var error: StorageError?
        public var isCancelled: Bool
    }

    private struct State {
        var result: Result
        var next = 0
        var running = 0
        var progress: Progress
    }

    private let metainfo: Metainfo
    private let files: FileStore
    private let pieces: [PieceIndex]
    private let cancelled = Atomic<Bool>(false)
    private let state: Mutex<State>
    private let onProgress: @Sendable (Progress) -> Void
    private let completion: @Sendable (Result) -> Void
    private let zeros: ZeroPieces

    /// Starts to check `pieces`.
    ///
    /// - Parameters:
    ///   - progress: called now and then, on a lane's thread.
    ///   - completion: called once, on a lane's thread.
    @discardableResult
    public static func check(
        _ pieces: Bitfield, of metainfo: Metainfo, files: FileStore, pool: DiskPool,
        progress: @escaping @Sendable (Progress) -> Void = { _ in },
        completion: @escaping @Sendable (Result) -> Void
    ) -> ContentChecker {
        let checker = ContentChecker(
            pieces, of: metainfo, files: files, progress: progress, completion: completion)
        checker.start(pool)
        return checker
    }

    private init(
        _ pieces: Bitfield, of metainfo: Metainfo, files: FileStore,
        progress: @escaping @Sendable (Progress) -> Void,
        completion: @escaping @Sendable (Result) -> Void
    ) {
        var list: [PieceIndex] = []
        list.reserveCapacity(pieces.setCount)
        pieces.forEach { list.append($0) }
        self.pieces = list
        self.metainfo = metainfo
        self.files = files
        self.onProgress = progress
        self.completion = completion
        self.zeros = ZeroPieces()
        let none = Bitfield(count: metainfo.layout.pieceCount)
        self.state = Mutex(
            State(
                result: Result(good: none, bad: none, inconsistent: [], isCancelled: false),
                progress: Progress(checkedPieces: 0, totalPieces: list.count, goodPieces: 0)))
    }

    /// Ends the check soon; the completion comes with what was checked so far.
    public func cancel() { cancelled.store(true, ordering: .relaxed) }

    private func start(_ pool: DiskPool) {
        let lanes = max(1, min(pool.checkLaneCount, pieces.count))
        state.withLock { $0.running = lanes }
        for key in 0..<lanes { queue(key, pool) }
    }

    private func queue(_ key: Int, _ pool: DiskPool) {
        let queued = pool.run(.check(key: key)) { [self, weak pool] in
            guard workOnce(), let pool else { return laneEnded() }
            // At the end of the queue, so that a short check does not wait for a long one.
            queue(key, pool)
        }
        if !queued {
            cancel()
            laneEnded()
        }
    }

    /// Checks a run of neighbouring pieces, so that the disk reads ahead; false if none is left.
    private func workOnce() -> Bool {
        guard let run = takeRun() else { return false }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Limits.checkLength, alignment: 4096)
        defer { buffer.deallocate() }
        for piece in run where !cancelled.load(ordering: .relaxed) { check(piece, buffer) }
        return true
    }

    private func takeRun() -> ArraySlice<PieceIndex>? {
        let length = Int(max(1, Limits.checkRunBytes / max(1, metainfo.layout.pieceLength)))
        return state.withLock { state in
            guard state.next < pieces.count, !cancelled.load(ordering: .relaxed) else { return nil }
            let end = min(pieces.count, state.next + length)
            defer { state.next = end }
            return pieces[state.next..<end]
        }
    }

    private func laneEnded() {
        let result = state.withLock { state -> Result? in
            state.running -= 1
            guard state.running == 0 else { return nil }
            state.result.isCancelled = cancelled.load(ordering: .relaxed)
            return state.result
        }
        if let result { completion(result) }
    }

    private func check(_ piece: PieceIndex, _ buffer: UnsafeMutableRawBufferPointer) {
        var verdict: PieceVerdict?
        var failure: StorageError?
        var isHole = false
        do throws(StorageError) {
            isHole = try files.isHole(piece)
            let found = try isHole ? verdictOnHole(piece) : self.verdict(on: piece, buffer)
            files.counters.checked(found)
            verdict = found
        } catch {
            // Bytes that are not there are no failure: the piece is simply not had.
            if error.kind != .truncated, error.kind != .missing { failure = error }
        }
        let progress = state.withLock { state -> Progress in
            switch verdict {
            case .verified: state.result.good.insert(piece)
            case .mismatch: state.result.bad.insert(piece)
            case .inconsistent: state.result.inconsistent.append(piece)
            case .unverifiable, nil: break
            }
            if state.result.error == nil { state.result.error = failure }
            state.progress.checkedPieces += 1
            state.progress.goodPieces = state.result.good.setCount
            if verdict != nil, !isHole {
                state.progress.hashedBytes += metainfo.layout.contentLength(of: piece)
            }
            return state.progress
        }
        onProgress(progress)
    }

    private func verdictOnHole(_ piece: PieceIndex) -> PieceVerdict {
        zeros.verdict(
            length: metainfo.layout.length(of: piece), ExpectedHashes(metainfo, piece))
    }

    private func verdict(
        on piece: PieceIndex, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> PieceVerdict {
        let length = metainfo.layout.length(of: piece)
        let expected = ExpectedHashes(metainfo, piece)
        var hasher = PieceHasher(length: length, expected: expected)
        var begin: UInt32 = 0
        while begin < length {
            let count = min(buffer.count, Int(length - begin))
            let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try files.read(piece, begin: begin, into: chunk)
            hasher.update(UnsafeRawBufferPointer(chunk), begin: begin)
            begin += UInt32(count)
        }
        return hasher.verdict(expected)
    }
}

/// The verdicts on pieces of zeros: most are holes in files that are being downloaded, so they
/// are compared with hashes that are computed once.
private final class ZeroPieces: Sendable {
    private struct Tree: Hashable {
        let contentLength: UInt32
        let leafCount: Int
    }

    private struct Known {
        var v1: [UInt32: SHA1Digest] = [:]
        var v2: [Tree: SHA256Digest] = [:]
    }

    private let known = Mutex(Known())

    func verdict(length: UInt32, _ expected: ExpectedHashes) -> PieceVerdict {
        let v1 = expected.v1.map { $0 == digest(length: length) }
        let v2 = expected.v2.map { tree in
            tree.root
                == root(Tree(contentLength: tree.contentLength, leafCount: tree.leafCount))
        }
        return PieceVerdict(v1Matches: v1, v2Matches: v2, leaves: nil)
    }

    private func digest(length: UInt32) -> SHA1Digest {
        if let digest = known.withLock({ $0.v1[length] }) { return digest }
        var hasher = SHA1Hasher()
        let zeros = [UInt8](repeating: 0, count: Limits.extentLengthMax)
        var left = Int(length)
        while left > 0 {
            let count = min(left, zeros.count)
            zeros.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            left -= count
        }
        let digest = hasher.finish()
        known.withLock { $0.v1[length] = digest }
        return digest
    }

    private func root(_ tree: Tree) -> SHA256Digest {
        if let root = known.withLock({ $0.v2[tree] }) { return root }
        let block = Int(blockLength)
        let whole = SHA256Digest.hash([UInt8](repeating: 0, count: block))
        var leaves = Array(repeating: whole, count: Int(tree.contentLength) / block)
        let rest = Int(tree.contentLength) % block
        if rest > 0 { leaves.append(SHA256Digest.hash([UInt8](repeating: 0, count: rest))) }
        let root = MerkleTree.root(of: leaves, padTo: tree.leafCount)
        known.withLock { $0.v2[tree] = root }
        return root
    }
}

extension FileStore {
    /// Whether all bytes of the piece that are not padding are in holes of their files, which
    /// read as zeros.
    func isHole(_ piece: PieceIndex) throws(StorageError) -> Bool {
        let range = layout.byteRange(of: piece)
        var isHole = true
        try forEachRun(range.lowerBound, length: Int(range.length)) {
            (segment, _) throws(StorageError) in
            guard isHole, !segment.isPad else { return }
            let (descriptor, begin) = try self.open(segment, writing: false)
            isHole = isHoleInFile(descriptor.rawValue, begin..<(begin + segment.length))
        }
        return isHole
    }
}

private func isHoleInFile(_ descriptor: Int32, _ range: Range<Int64>) -> Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int64(status.st_size) >= range.upperBound,
        // Nobody but the file system knows how long a block is; with all of them there, there
        // can be no hole.
        Int64(status.st_blocks) * 512 < Int64(status.st_size)
    else { return false }
    return nextData(descriptor, from: range.lowerBound).map { $0.lowerBound >= range.upperBound }
        ?? true
}
