import Glibc
import Hashing
import Synchronization
import Units

/// What the threads share while a plan is carried out.
final class HashRun: Sendable {
    let plan: HashPlan
    let files: [SourceFile]
    let root: SourceRoot
    private let progress: ProgressMeter
    private let cancellation: ChunkCancellation
    private let nextRun = Atomic<Int64>(0)
    private let hasFailed = Atomic<Bool>(false)
    private let state: Mutex<State>

    private struct State {
        var results: [RunHashes?]
        var failure: ChunkerError?
    }

    init(
        plan: HashPlan, files: [SourceFile], root: SourceRoot, progress: ProgressMeter,
        cancellation: ChunkCancellation
    ) {
        self.plan = plan
        self.files = files
        self.root = root
        self.progress = progress
        self.cancellation = cancellation
        let results = [RunHashes?](repeating: nil, count: Int(plan.runCount))
        self.state = Mutex(State(results: results, failure: nil))
    }

    /// The hashes of all pieces in order, after the threads have ended.
    func hashes() throws(ChunkerError) -> RunHashes {
        let (results, failure) = state.withLock { ($0.results, $0.failure) }
        if let failure { throw failure }
        var all = RunHashes()
        all.v1.reserveCapacity(plan.format == .v2 ? 0 : Int(plan.pieceCount) * SHA1Digest.byteCount)
        all.v2.reserveCapacity(plan.format == .v1 ? 0 : Int(plan.pieceCount))
        for result in results {
            // A run without a result and without a failure was left by a cancelled thread.
            guard let result else { throw .cancelled }
            all.v1 += result.v1
            all.v2 += result.v2
        }
        return all
    }

    /// The work of one thread: takes one run after the other until there is none.
    func work() {
        var worker = RunWorker(self)
        do {
            while let run = takeRun() {
                let hashes = try worker.hash(plan.pieces(ofRun: run))
                state.withLock { $0.results[Int(run)] = hashes }
            }
            try worker.closeFile()
        } catch {
            // First the reason: threads that stop because of it must not name another.
            state.withLock { $0.failure = $0.failure ?? error }
            hasFailed.store(true, ordering: .releasing)
        }
    }

    private func takeRun() -> Int64? {
        guard !hasFailed.load(ordering: .acquiring) else { return nil }
        let run = nextRun.add(1, ordering: .relaxed).oldValue
        return run < plan.runCount ? run : nil
    }

    /// Called for every part that is hashed.
    func hashed(_ byteCount: Int, of file: Int) throws(ChunkerError) {
        guard !cancellation.isCancelled, !hasFailed.load(ordering: .acquiring) else {
            throw .cancelled
        }
        progress.add(byteCount) { files[file].name }
    }
}

/// The hashes of a run of pieces.
struct RunHashes: Sendable {
    /// 20 bytes a piece, or nothing in v2.
    var v1: [UInt8] = []
    /// One for each piece, or nothing in v1.
    var v2: [SHA256Digest] = []
}

/// One thread's hashers, buffer and open file.
struct RunWorker: ~Copyable {
    private let shared: HashRun
    private let buffer: UnsafeMutableRawBufferPointer
    private var sha1 = SHA1Hasher()
    private var sha256 = SHA256Hasher()
    private var leaves = MerkleHasher()
    private var result = RunHashes()
    private var open: (number: Int, file: OpenFile)?

    init(_ shared: HashRun) {
        self.shared = shared
        self.buffer = .allocate(byteCount: Limits.readBytes, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// Reads what lies in `pieces`, each byte once.
    mutating func hash(_ pieces: Range<Int64>) throws(ChunkerError) -> RunHashes {
        let plan = shared.plan
        result = RunHashes()
        let end = pieces.upperBound * plan.pieceLength
        var address = pieces.lowerBound * plan.pieceLength
        var number = plan.firstSpan(from: address)
        var pieceLeft = plan.pieceLength
        while number < plan.spans.count, plan.spans[number].begin < end {
            let span = plan.spans[number]
            address = max(address, span.begin)
            let spanEnd = min(span.end, end)
            adviseReading(span, address..<spanEnd)
            while address < spanEnd {
                let part = try read(span, at: address, max: spanEnd - address)
                hash(part, of: span, &pieceLeft)
                address += Int64(part.count)
                try shared.hashed(part.count, of: span.file)
            }
            if plan.format != .v1, address == span.end, pieceLeft < plan.pieceLength {
                if plan.format == .hybrid { hashZeros(span.padding) }
                finishPiece(of: span)
                pieceLeft = plan.pieceLength
            }
            number += 1
        }
        // Only the last piece of a v1 manifest ends here, shorter than the others.
        if pieceLeft < plan.pieceLength { finishPiece(of: nil) }
        try checkFile()
        let hashes = result
        result = RunHashes()
        return hashes
    }

    // MARK: - Hashing

    private mutating func hash(
        _ part: UnsafeRawBufferPointer, of span: HashPlan.Span, _ pieceLeft: inout Int64
    ) {
        var rest = part
        while !rest.isEmpty {
            let count = Int(min(Int64(rest.count), pieceLeft))
            let piece = UnsafeRawBufferPointer(rebasing: rest[..<count])
            if shared.plan.format == .v1 { sha1.update(piece) } else { hashBlocks(piece) }
            pieceLeft -= Int64(count)
            if pieceLeft == 0 {
                finishPiece(of: span)
                pieceLeft = shared.plan.pieceLength
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// A block is hashed both ways while it is in the nearest cache. `part` begins at a block of
    /// its file, and ends at one or at the file's end: all but a file's last read are whole blocks.
    private mutating func hashBlocks(_ part: UnsafeRawBufferPointer) {
        var begin = 0
        while begin < part.count {
            let end = min(begin + Int(blockLength), part.count)
            let block = UnsafeRawBufferPointer(rebasing: part[begin..<end])
            if shared.plan.format == .hybrid { sha1.update(block) }
            sha256.update(block)
            leaves.append(sha256.finish())
            begin = end
        }
    }

    private mutating func hashZeros(_ count: Int64) {
        guard count > 0 else { return }
        let zeros = Int(min(count, Int64(buffer.count)))
        UnsafeMutableRawBufferPointer(rebasing: buffer[..<zeros]).initializeMemory(
            as: UInt8.self, repeating: 0)
        var left = count
        while left > 0 {
            let part = Int(min(left, Int64(zeros)))
            sha1.update(UnsafeRawBufferPointer(rebasing: buffer[..<part]))
            left -= Int64(part)
        }
    }

    private mutating func finishPiece(of span: HashPlan.Span?) {
        let plan = shared.plan
        if plan.format != .v2 {
            sha1.finish().withUnsafeBytes { result.v1.append(contentsOf: $0) }
        }
        guard plan.format != .v1, let span else { return }
        // The tree of a file of one piece is no higher than its blocks need (BEP 52).
        let leafCount =
            span.length <= plan.pieceLength
            ? MerkleTree.leafCount(for: leaves.leafCount)
            : Int(plan.pieceLength) / Int(blockLength)
        result.v2.append(leaves.finish(padTo: leafCount))
    }

    // MARK: - Reading

    /// As much as the buffer holds from `address` on, or `max`; less only if the file ends early,
    /// which is an error.
    private mutating func read(
        _ span: HashPlan.Span, at address: Int64, max: Int64
    ) throws(ChunkerError) -> UnsafeRawBufferPointer {
        let file = try open(span.file)
        let wanted = Int(min(max, Int64(buffer.count)))
        var count = 0
        while count < wanted {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count..<wanted])
            let offset = address - span.begin + Int64(count)
            let got = pread(file.descriptor, rest.baseAddress, rest.count, off_t(offset))
            if got > 0 {
                count += got
            } else if got == 0 {
                throw .changed(path: display(span.file))
            } else if errno != EINTR {
                let reason = errno
                try checkFile()
                throw .unreadable(path: display(span.file), errno: reason)
            }
        }
        return UnsafeRawBufferPointer(rebasing: buffer[..<wanted])
    }

    private mutating func open(_ number: Int) throws(ChunkerError) -> OpenFile {
        if let open, open.number == number { return open.file }
        try closeFile()
        guard let file = shared.root.open(shared.files[number].path) else {
            // Gone, or a link by now: it was there and readable when it was scanned.
            let isOther = errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ENXIO
            throw isOther
                ? .changed(path: display(number))
                : .unreadable(path: display(number), errno: errno)
        }
        open = (number, file)
        return file
    }

    /// Lets go of the open file after a last look at whether it changed.
    mutating func closeFile() throws(ChunkerError) {
        try checkFile()
        open = nil
    }

    private func checkFile() throws(ChunkerError) {
        guard let open else { return }
        guard let status = open.file.status(),
            FileStamp(status) == shared.files[open.number].stamp
        else { throw .changed(path: display(open.number)) }
    }

    /// Has a long stretch read ahead as a whole, so that threads that read side by side do not
    /// make a disk seek between them for every part.
    private mutating func adviseReading(_ span: HashPlan.Span, _ range: Range<Int64>) {
        guard range.upperBound - range.lowerBound > Int64(buffer.count),
            let file = try? open(span.file)
        else { return }
        posix_fadvise(
            file.descriptor, off_t(range.lowerBound - span.begin),
            off_t(min(range.upperBound - range.lowerBound, Limits.runBytesMax)),
            POSIX_FADV_WILLNEED)
    }

    private func display(_ number: Int) -> String {
        shared.root.display(shared.files[number].path)
    }
}
