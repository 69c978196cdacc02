import Glibc
import Hashing
import Metainfo
import Synchronization
import Units

/// The part of a piece's journey that happens on its lane: hash what comes in order while it is in
/// memory, write, and in the end read back and hash what came out of order.
// SAFETY: made by the writer, then used by the jobs of one lane only, one after the other.
final class PieceWork: @unchecked Sendable {
    private let piece: PieceIndex
    private let files: FileStore
    private let expected: ExpectedHashes
    private let offset: Int64
    private let length: UInt32
    private var hasher: PieceHasher
    /// How many syncs had failed when the piece was begun: since another did, what was written of
    /// it may be lost, although it has been hashed.
    let failedSyncs: Int
    /// The first error; nothing is written after it.
    private var failure: StorageError?
    private var hasReported = false

    init(_ piece: PieceIndex, files: FileStore, expected: ExpectedHashes) {
        self.piece = piece
        self.files = files
        self.expected = expected
        self.offset = files.layout.byteRange(of: piece).lowerBound
        self.length = files.layout.length(of: piece)
        self.hasher = PieceHasher(length: length, expected: expected)
        self.failedSyncs = files.failedSyncs.load(ordering: .sequentiallyConsistent)
    }

    /// Hashes and writes the blocks that the extent holds; gives the first error of the piece.
    func store(_ extent: Extent) -> StorageError? {
        guard failure == nil else { return failure }
        var block = 0
        let blockCount = Int((extent.length + (blockLength - 1)) / blockLength)
        while block < blockCount {
            guard extent.blocks & (1 << UInt32(block)) != 0 else {
                block += 1
                continue
            }
            var end = block + 1
            while end < blockCount, extent.blocks & (1 << UInt32(end)) != 0 { end += 1 }
            let run = (block * Int(blockLength))..<min(Int(extent.length), end * Int(blockLength))
            store(UnsafeRawBufferPointer(rebasing: extent.bytes[run]), extent, run.lowerBound)
            block = end
        }
        return failure
    }

    private func store(_ bytes: UnsafeRawBufferPointer, _ extent: Extent, _ position: Int) {
        guard failure == nil else { return }
        let begin = extent.begin + UInt32(position)
        hasher.update(bytes, begin: begin)
        do throws(StorageError) {
            try files.write(bytes, at: offset + Int64(begin))
        } catch {
            failure = error
        }
    }

    /// Whether the error is the first of this piece, which alone is news.
    func reports(_ error: StorageError) -> Bool {
        defer { hasReported = true }
        return !hasReported
    }

    /// The verdict on the whole piece.
    func finish() throws(StorageError) -> PieceVerdict {
        if let failure { throw failure }
        if hasher.firstMissing != nil { try hashFromDisk() }
        let verdict = hasher.verdict(expected)
        if verdict != .verified, failedSyncs != files.failedSyncs.load(ordering: .relaxed) {
            // Maybe bytes that the disk has lost were read back: that is nobody's fault who sent
            // them, and the sync has told of it.
            hasReported = true
            throw StorageError(errno: EIO, path: files.folder)
        }
        files.counters.checked(verdict)
        return verdict
    }

    private func hashFromDisk() throws(StorageError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(Limits.extentLengthMax, Int(length)), alignment: 4096)
        defer { buffer.deallocate() }
        while let begin = hasher.firstMissing {
            let count = min(buffer.count, Int(length - begin))
            let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try files.read(at: offset + Int64(begin), into: chunk)
            hasher.update(UnsafeRawBufferPointer(chunk), begin: begin)
        }
    }
}
