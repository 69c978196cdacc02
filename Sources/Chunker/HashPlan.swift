import Metainfo
import Units

/// Which bytes make which piece, and how the pieces are dealt out to threads: what the manifest's
/// layout says, for hashing.
///
/// Files lie one after the other in an address space. In v1 without gaps; in v2 and hybrid every
/// file begins at a piece, and what is free before the next is no content (v2) or zeros (hybrid).
struct HashPlan: Sendable {
    let format: ChunkFormat
    let pieceLength: Int64
    let pieceCount: Int64
    /// The files with content, in order.
    let spans: [Span]
    /// Pieces of one run of work.
    let piecesPerRun: Int64

    struct Span: Sendable {
        /// The number of the file in the scan's list.
        let file: Int
        /// Where the file begins in the address space.
        let begin: Int64
        let length: Int64
        /// How many zeros follow and are hashed with it in SHA-1.
        let padding: Int64

        var end: Int64 { begin + length }
    }

    /// `sources` has, for each file of `layout`, its number in the scan's list, or nil for a pad.
    init(_ layout: ContentLayout, sources: [Int?], format: ChunkFormat, threads: Int) {
        let files = layout.files
        self.spans = files.indices.compactMap { index in
            guard let file = sources[index], files[index].length > 0 else { return nil }
            let isPadded = index + 1 < files.count && files[index + 1].isPad
            return Span(
                file: file, begin: files[index].offset, length: files[index].length,
                padding: isPadded ? files[index + 1].length : 0)
        }
        self.format = format
        self.pieceLength = Int64(layout.pieceLength)
        self.pieceCount = Int64(layout.pieceCount)
        let share = layout.totalLength / (Int64(threads) * Limits.runsPerThread)
        self.piecesPerRun = max(1, min(Limits.runBytesMax, share) / pieceLength)
    }

    var runCount: Int64 {
        pieceCount / piecesPerRun + (pieceCount % piecesPerRun == 0 ? 0 : 1)
    }

    /// The pieces of a run.
    func pieces(ofRun run: Int64) -> Range<Int64> {
        let first = run * piecesPerRun
        return first..<min(first + piecesPerRun, pieceCount)
    }

    /// The number of the first span that has a byte at `address` or after it.
    func firstSpan(from address: Int64) -> Int {
        var low = 0
        var high = spans.count
        while low < high {
            let middle = (low + high) / 2
            if spans[middle].end > address { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
