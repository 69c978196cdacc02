public import Units

/// Which bytes of which files the pieces are made of.
///
/// The files follow each other in one space of addresses, which the pieces divide. In v1 and hybrid
/// torrents they do so without gaps; what makes a hybrid's files begin with a piece are pad files.
/// In v2 torrents each file begins with a piece, and the last piece of a file is as long as what is
/// left of it (BEP 52, "piece length"); the addresses in the gap that follows belong to nothing.
public struct ContentLayout: Hashable, Sendable {
    public let files: [FileEntry]
    /// Bytes of a piece that is not cut short.
    public let pieceLength: UInt32
    public let pieceCount: Int
    /// Bytes of the address space: pad files and gaps count.
    public let totalLength: Int64
    /// Bytes of the files that are not pad files.
    public let contentLength: Int64
    /// Whether each file begins with a piece, with gaps before: v2 torrents.
    public let hasGaps: Bool
    /// What of each file is looked up for each block, apart from what is only for disk.
    private let extents: [Extent]

    private struct Extent: Hashable {
        let offset: Int64
        let end: Int64
        /// Bytes of content in the files before.
        let contentBefore: Int64
        let isPad: Bool
    }

    /// Lays `files` out one after the other. `nil` if a length is below 0, their sum overflows,
    /// the piece length is not of use or there are too many pieces.
    public init?(files: [FileEntry], pieceLength: UInt32, hasGaps: Bool = false) {
        guard let layout = try? ContentLayout(laying: files, pieceLength, hasGaps: hasGaps) else {
            return nil
        }
        self = layout
    }

    init(
        laying entries: [FileEntry], _ pieceLength: UInt32, hasGaps: Bool
    ) throws(MetainfoError) {
        let unit = Int64(pieceLength)
        guard (1...Limits.pieceLengthMax).contains(unit) else {
            throw .pieceLengthOutOfRange(unit, 1...Limits.pieceLengthMax)
        }
        var files = entries
        var extents: [Extent] = []
        extents.reserveCapacity(files.count)
        var end: Int64 = 0
        var content: Int64 = 0
        for index in files.indices {
            let length = files[index].length
            guard length >= 0 else { throw .fileLengthInvalid(length, file: index) }
            if hasGaps, length > 0, end % unit > 0 {
                end = try sum(end, unit - end % unit)
            }
            files[index].offset = end
            let begin = end
            let isPad = files[index].isPad
            end = try sum(end, length)
            extents.append(
                Extent(offset: begin, end: end, contentBefore: content, isPad: isPad))
            if !isPad { content += length }
        }
        let pieceCount = end / unit + (end % unit > 0 ? 1 : 0)
        guard pieceCount <= Limits.pieceCountMax else {
            throw .tooManyPieces(pieceCount, max: Limits.pieceCountMax)
        }
        self.files = files
        self.extents = extents
        self.pieceLength = pieceLength
        self.pieceCount = Int(pieceCount)
        self.totalLength = end
        self.contentLength = content
        self.hasGaps = hasGaps
    }
}

private func sum(_ a: Int64, _ b: Int64) throws(MetainfoError) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    guard !overflow else { throw .lengthOverflow }
    return sum
}

// MARK: - Pieces and blocks

extension ContentLayout {
    /// Bytes of `piece`; 0 of a piece that there is not. Pads count.
    public func length(of piece: PieceIndex) -> UInt32 {
        guard piece.position < pieceCount else { return 0 }
        let begin = Int64(piece.position) * Int64(pieceLength)
        let end = min(begin + Int64(pieceLength), hasGaps ? endOfFile(at: begin) : totalLength)
        return UInt32(truncatingIfNeeded: end - begin)
    }

    /// The blocks of 16 KiB that `piece` has, the last of which may be shorter.
    public func blockCount(of piece: PieceIndex) -> Int {
        Int((length(of: piece) + blockLength - 1) / blockLength)
    }

    /// Bytes of `block` of `piece`; 0 if there is no such block.
    public func length(of block: BlockIndex, of piece: PieceIndex) -> UInt32 {
        let pieceLength = UInt64(length(of: piece))
        let begin = UInt64(block.rawValue) * UInt64(blockLength)
        guard begin < pieceLength else { return 0 }
        return UInt32(truncatingIfNeeded: min(UInt64(blockLength), pieceLength - begin))
    }

    /// The addresses of `piece`; empty for a piece that there is not.
    public func byteRange(of piece: PieceIndex) -> ByteRange {
        let length = Int64(length(of: piece))
        guard length > 0 else { return ByteRange(totalLength..<totalLength) }
        let begin = Int64(piece.position) * Int64(pieceLength)
        return ByteRange(begin..<begin + length)
    }

    /// Bytes of `piece` that are in files: all but pads.
    public func contentLength(of piece: PieceIndex) -> Int64 {
        let range = byteRange(of: piece)
        return contentLength(before: range.upperBound) - contentLength(before: range.lowerBound)
    }

    /// The numbers of the pieces that hold any byte of `file`; none if it is empty.
    public func pieces(of file: FileIndex) -> Range<Int> {
        guard file.position < files.count else { return 0..<0 }
        let entry = files[file.position]
        let first = Int(entry.offset / Int64(pieceLength))
        guard entry.length > 0 else { return first..<first }
        return first..<Int((entry.offset + entry.length - 1) / Int64(pieceLength)) + 1
    }
}

// MARK: - Files

extension ContentLayout {
    /// The file that holds the byte at `address`, or before the gap that it is in; `nil` outside
    /// the address space.
    public func file(at address: Int64) -> FileIndex? {
        guard address >= 0, address < totalLength else { return nil }
        return FileIndex(position(of: address))
    }

    /// Calls `body` with the parts of files that `range` is made of, in order. What is outside the
    /// address space is left out. A gap comes as a pad: a part of the file before it, past its end.
    public func forEachSegment<Failure: Error>(
        of range: ByteRange, _ body: (FileSegment) throws(Failure) -> Void
    ) throws(Failure) {
        var address = range.lowerBound
        let end = min(range.upperBound, totalLength)
        guard address < end else { return }
        var position = position(of: address)
        while address < end {
            let extent = extents[position]
            let next = position + 1 < extents.count ? extents[position + 1].offset : totalLength
            let contentEnd = min(end, extent.end)
            if address < contentEnd {
                try body(
                    FileSegment(
                        file: FileIndex(position), offset: address - extent.offset,
                        length: contentEnd - address, isPad: extent.isPad))
                address = contentEnd
            }
            let gapEnd = min(end, next)
            if address < gapEnd {
                try body(
                    FileSegment(
                        file: FileIndex(position), offset: address - extent.offset,
                        length: gapEnd - address, isPad: true))
                address = gapEnd
            }
            position += 1
        }
    }

    /// The last file that begins at `address` or before. `address` is within the address space, so
    /// that there is one, and it is not empty.
    private func position(of address: Int64) -> Int {
        var low = 0
        var high = extents.count
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if extents[middle].offset <= address { low = middle } else { high = middle }
        }
        return low
    }

    private func endOfFile(at address: Int64) -> Int64 { extents[position(of: address)].end }

    private func contentLength(before address: Int64) -> Int64 {
        guard address < totalLength else { return contentLength }
        let extent = extents[position(of: address)]
        let within = extent.isPad ? 0 : min(address, extent.end) - extent.offset
        return extent.contentBefore + within
    }
}
