import Metainfo
import Testing
import Units

@Suite struct LayoutTests {
    private let a = FileEntry(path: ["a"], length: 40)
    private let b = FileEntry(path: ["b"], length: 24)

    @Test func piecesOfV1RunThroughFiles() throws {
        let layout = try #require(ContentLayout(files: [a, b], pieceLength: 32))
        #expect(layout.pieceCount == 2)
        #expect(layout.totalLength == 64)
        #expect(layout.length(of: PieceIndex(1)) == 32)
        #expect(layout.pieces(of: FileIndex(0)) == 0..<2)
        #expect(layout.pieces(of: FileIndex(1)) == 1..<2)
        #expect(
            segments(layout, 0, 64) == [
                FileSegment(file: FileIndex(0), offset: 0, length: 40, isPad: false),
                FileSegment(file: FileIndex(1), offset: 0, length: 24, isPad: false),
            ])
        #expect(
            segments(layout, 39, 2) == [
                FileSegment(file: FileIndex(0), offset: 39, length: 1, isPad: false),
                FileSegment(file: FileIndex(1), offset: 0, length: 1, isPad: false),
            ])
    }

    @Test func piecesOfV2EndWithTheirFile() throws {
        let layout = try #require(ContentLayout(files: [a, b], pieceLength: 32, hasGaps: true))
        #expect(layout.pieceCount == 3)
        #expect(layout.files.map(\.offset) == [0, 64])
        #expect(layout.totalLength == 88)
        #expect(layout.contentLength == 64)
        #expect((0..<4).map { layout.length(of: PieceIndex($0)) } == [32, 8, 24, 0])
        #expect(layout.byteRange(of: PieceIndex(1)) == ByteRange(32..<40))
        #expect(layout.byteRange(of: PieceIndex(3)).isEmpty)
        #expect(layout.pieces(of: FileIndex(1)) == 2..<3)
        #expect(
            segments(layout, 32, 40) == [
                FileSegment(file: FileIndex(0), offset: 32, length: 8, isPad: false),
                FileSegment(file: FileIndex(0), offset: 40, length: 24, isPad: true),
                FileSegment(file: FileIndex(1), offset: 0, length: 8, isPad: false),
            ])
    }

    @Test func padsCountAsLengthButNotAsContent() throws {
        let pad = FileEntry(path: [".pad", "24"], length: 24, isPad: true)
        let layout = try #require(ContentLayout(files: [a, pad, b], pieceLength: 32))
        #expect(layout.length(of: PieceIndex(1)) == 32)
        #expect((0..<4).map { layout.contentLength(of: PieceIndex($0)) } == [32, 8, 24, 0])
        #expect(layout.contentLength == 64)
        #expect(segments(layout, 40, 24).map(\.isPad) == [true])
    }

    @Test func blocksAreSixteenKibibytesButTheLast() throws {
        let file = FileEntry(path: ["a"], length: 50_000)
        let layout = try #require(ContentLayout(files: [file], pieceLength: 40_000))
        #expect(layout.blockCount(of: PieceIndex(0)) == 3)
        #expect(layout.blockCount(of: PieceIndex(1)) == 1)
        #expect(layout.blockCount(of: PieceIndex(2)) == 0)
        #expect(
            (0..<4).map { layout.length(of: BlockIndex($0), of: PieceIndex(0)) }
                == [16_384, 16_384, 7_232, 0])
        #expect(layout.length(of: BlockIndex(0), of: PieceIndex(1)) == 10_000)
        #expect(layout.length(of: BlockIndex(UInt32.max), of: PieceIndex(0)) == 0)
    }

    @Test func whatIsOutsideIsEmpty() throws {
        let layout = try #require(ContentLayout(files: [a, b], pieceLength: 32))
        let far = PieceIndex(UInt32.max)
        #expect(layout.length(of: far) == 0)
        #expect(layout.byteRange(of: far).isEmpty)
        #expect(layout.contentLength(of: far) == 0)
        #expect(layout.pieces(of: FileIndex(UInt32.max)).isEmpty)
        #expect(layout.file(at: -1) == nil)
        #expect(layout.file(at: 64) == nil)
        #expect(segments(layout, 60, 1_000).map(\.length) == [4])
        #expect(segments(layout, 64, 1).isEmpty)
        #expect(segments(layout, .max - 1, 1).isEmpty)
        #expect(segments(layout, 3, 0).isEmpty)
    }

    @Test func filesWithoutBytesHoldNothing() throws {
        let empty = FileEntry(path: ["e"], length: 0)
        for hasGaps in [false, true] {
            let none = try #require(
                ContentLayout(files: [empty, empty], pieceLength: 32, hasGaps: hasGaps))
            #expect(none.pieceCount == 0)
            #expect(none.totalLength == 0)
            #expect(none.file(at: 0) == nil)
            #expect(none.pieces(of: FileIndex(0)).isEmpty)
            let some = try #require(
                ContentLayout(
                    files: [empty, a, empty, empty, b, empty], pieceLength: 40, hasGaps: hasGaps))
            #expect(some.file(at: 0) == FileIndex(1))
            #expect(some.file(at: 39) == FileIndex(1))
            #expect(some.file(at: 40) == FileIndex(4))
            #expect(segments(some, 0, 64).map(\.file) == [FileIndex(1), FileIndex(4)])
        }
    }

    @Test func refusesWhatCannotBeLaidOut() {
        let huge = FileEntry(path: ["h"], length: .max)
        let negative = FileEntry(path: ["n"], length: -1)
        #expect(ContentLayout(files: [a], pieceLength: 0) == nil)
        #expect(ContentLayout(files: [negative], pieceLength: 32) == nil)
        #expect(ContentLayout(files: [huge, a], pieceLength: 32) == nil)
        #expect(ContentLayout(files: [huge], pieceLength: 1 << 28, hasGaps: true) == nil)
        #expect(ContentLayout(files: [a], pieceLength: .max) == nil)
        let most = FileEntry(path: ["m"], length: Int64(MetainfoLimits.pieceCountMax))
        #expect(
            ContentLayout(files: [most], pieceLength: 1)?.pieceCount == MetainfoLimits.pieceCountMax
        )
        #expect(ContentLayout(files: [most, a], pieceLength: 1) == nil)
    }

    /// Against a list of who every single address belongs to.
    @Test(arguments: UInt64(1)...30)
    func agreesWithAMapOfEveryByte(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let hasGaps = Bool.random(using: &random)
            let pieceLength = UInt32.random(in: 1...24, using: &random)
            let files = (0..<Int.random(in: 1...12, using: &random)).map { number in
                FileEntry(
                    path: ["\(number)"],
                    length: [0, Int64.random(in: 0...60, using: &random)]
                        .randomElement(using: &random) ?? 0,
                    isPad: !hasGaps && Int.random(in: 0..<4, using: &random) == 0)
            }
            let layout = try #require(
                ContentLayout(files: files, pieceLength: pieceLength, hasGaps: hasGaps))
            try compare(layout, ByteMap(files, Int(pieceLength), hasGaps), &random, seed)
        }
    }

    private func compare(
        _ layout: ContentLayout, _ map: ByteMap, _ random: inout SeededGenerator, _ seed: UInt64
    ) throws {
        #expect(layout.totalLength == Int64(map.bytes.count), "seed \(seed)")
        #expect(layout.contentLength == Int64(map.bytes.count { $0.isContent }), "seed \(seed)")
        for piece in 0..<layout.pieceCount {
            let bytes = map.piece(piece)
            let index = PieceIndex(piece)
            #expect(layout.length(of: index) == UInt32(bytes.count), "seed \(seed)")
            #expect(
                layout.contentLength(of: index) == Int64(bytes.count { $0.isContent }),
                "seed \(seed)")
        }
        for file in layout.files.indices {
            let numbers = Set(
                map.bytes.indices.filter { map.bytes[$0].file == file && !map.bytes[$0].isGap }
                    .map { $0 / map.pieceLength })
            #expect(Set(layout.pieces(of: FileIndex(file))) == numbers, "seed \(seed)")
        }
        for _ in 0..<10 {
            let start = Int.random(in: 0...map.bytes.count, using: &random)
            let end = Int.random(in: start...map.bytes.count, using: &random)
            var found: [ByteMap.Byte] = []
            for part in segments(layout, Int64(start), Int64(end - start)) {
                #expect(part.length > 0, "seed \(seed)")
                let length = layout.files[part.file.position].length
                for offset in part.offset..<part.offset + part.length {
                    found.append(
                        ByteMap.Byte(
                            isGap: offset >= length, isContent: !part.isPad,
                            file: offset < length ? part.file.position : nil,
                            offset: offset < length ? Int(offset) : nil))
                }
            }
            #expect(found == Array(map.bytes[start..<end]), "seed \(seed)")
        }
    }

    private func segments(
        _ layout: ContentLayout, _ begin: Int64, _ length: Int64
    ) -> [FileSegment] {
        var segments: [FileSegment] = []
        if let range = ByteRange(begin: begin, length: length) {
            layout.forEachSegment(of: range) { segments.append($0) }
        }
        return segments
    }
}

/// Every address of a torrent's space, one by one.
private struct ByteMap {
    struct Byte: Equatable {
        var isGap = false
        var isContent = false
        var file: Int?
        var offset: Int?
    }

    let pieceLength: Int
    private let hasGaps: Bool
    private(set) var bytes: [Byte] = []

    init(_ files: [FileEntry], _ pieceLength: Int, _ hasGaps: Bool) {
        self.pieceLength = pieceLength
        self.hasGaps = hasGaps
        for (index, file) in files.enumerated() {
            while hasGaps, file.length > 0, bytes.count % pieceLength > 0 {
                bytes.append(Byte(isGap: true))
            }
            for offset in 0..<Int(file.length) {
                bytes.append(Byte(isContent: !file.isPad, file: index, offset: offset))
            }
        }
    }

    /// Without the gap that ends it.
    func piece(_ number: Int) -> [Byte] {
        let start = number * pieceLength
        let all = bytes[start..<min(bytes.count, start + pieceLength)]
        return Array(all.prefix { !$0.isGap })
    }
}
