import Hashing
import Metainfo
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
