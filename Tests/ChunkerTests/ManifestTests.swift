import Bencode
import Hashing
import Metainfo
import Synchronization
import Testing
import Units

@testable import Chunker

@Suite struct ManifestTests {
    private func tree() throws -> TemporaryTree {
        let tree = try TemporaryTree()
        try tree.file("a/one", length: 40_000)
        try tree.file("a/two", length: 16_384)
        try tree.file("empty", [])
        try tree.file("run", length: 70_000)
        return tree
    }

    private func metainfo(
        of tree: TemporaryTree, _ change: (inout ChunkOptions) -> Void = { _ in }
    ) throws -> Metainfo {
        var options = ChunkOptions()
        options.pieceLength = 32_768
        change(&options)
        return try Chunker(path: tree.path, options: options).run()
    }

    @Test func theOptionsStandInTheManifest() throws {
        let made = try metainfo(of: try tree()) {
            $0.announceTiers = [
                ["http://a.example/announce"], ["udp://b.example:1", "http://c.d/e"],
            ]
            $0.webSeeds = ["https://seed.example/"]
            $0.isPrivate = true
            $0.comment = "hello"
            $0.source = "HERE"
            $0.createdBy = "a test"
            $0.creationDate = 1_700_000_000
            $0.name = "other"
        }
        let read = try Metainfo(made.encoded())
        #expect(read.infoHash == made.infoHash)
        #expect(read.version == .hybrid)
        #expect(read.name == "other")
        #expect(
            read.announceTiers == [
                ["http://a.example/announce"], ["udp://b.example:1", "http://c.d/e"],
            ])
        #expect(read.webSeeds == ["https://seed.example/"])
        #expect(read.isPrivate)
        #expect(read.comment == "hello")
        #expect(read.source == "HERE")
        #expect(read.createdBy == "a test")
        #expect(read.creationDate == 1_700_000_000)
    }

    @Test func withoutOptionsNothingOfThePlaceAndTimeStandsInIt() throws {
        let made = try metainfo(of: try tree())
        #expect(made.comment == nil && made.createdBy == nil && made.creationDate == nil)
        #expect(made.announceTiers.isEmpty && made.webSeeds.isEmpty)
        #expect(!made.isPrivate && made.source == nil)
    }

    @Test func theInfoHashDependsOnTheContentAndNotOnWhoHashesIt() throws {
        let tree = try tree()
        for format in ChunkFormat.allCases {
            let once = try metainfo(of: tree) { $0.format = format }.infoHash
            for threads in [1, 2, 5, 1000, 0, -1] {
                let again = try metainfo(of: try self.tree()) {
                    $0.format = format
                    $0.threads = threads
                    $0.comment = "\(threads)"
                    $0.announceTiers = [["http://a.example/\(threads)"]]
                }
                #expect(again.infoHash == once)
            }
            #expect(try metainfo(of: tree) { $0.isPrivate = true }.infoHash != once)
            #expect(try metainfo(of: tree) { $0.source = "X" }.infoHash != once)
            #expect(try metainfo(of: tree) { $0.name = "X" }.infoHash != once)
        }
    }

    @Test func theHashesInTheManifestAreThoseOfTheFiles() throws {
        let tree = try tree()
        let made = try metainfo(of: tree)
        let two = TemporaryTree.bytes(16_384, seed: 16_385)
        let index = try #require(made.layout.files.firstIndex { $0.path == ["a", "two"] })
        #expect(made.layout.files[index].piecesRoot == SHA256Digest.hash(two))
        let piece = try #require(made.layout.pieces(of: FileIndex(index)).first)
        let padded = two + [UInt8](repeating: 0, count: 16_384)
        #expect(made.v1Hash(of: PieceIndex(piece)) == SHA1Digest.hash(padded))
    }

    @Test func theAsyncWayMakesTheSame() async throws {
        let tree = try tree()
        let chunker = try Chunker(path: tree.path)
        let reports = Reports()
        let made = try await chunker.manifest { report in reports.all.withLock { $0.append(report) }
        }
        #expect(try chunker.run().infoHash == made.infoHash)
        let last = try #require(reports.all.withLock { $0.last })
        #expect(last.bytesHashed == chunker.totalLength)
        #expect(last.bytesTotal == 126_384)
        #expect(last.currentFile == "run")
    }

    private final class Reports: Sendable {
        let all = Mutex<[ChunkProgress]>([])
    }

    @Test(arguments: ChunkFormat.allCases)
    func theSizeToldBeforeIsNotLessThanThatOfTheManifest(format: ChunkFormat) throws {
        let tree = try tree()
        for number in 0..<60 {
            try tree.file("deep/\(number % 7)/er/file \(number)", length: number * 999)
        }
        try tree.file("x", length: 1)
        try tree.link("link", to: "deep/1/er/file 1")
        var options = ChunkOptions()
        options.format = format
        options.pieceLength = 16_384
        let chunker = try Chunker(path: tree.path, options: options)
        let size = ManifestSize(chunker.plan, chunker.sources)
        let encoded = try chunker.run().encoded()
        let document = try BencodeDocument(encoded, limits: .metainfo)
        let tokens = tokenCount(document.root)
        #expect(size.bytes >= encoded.count)
        #expect(size.bytes <= 2 * encoded.count + 4096)
        #expect(size.tokens >= tokens)
        #expect(size.tokens <= 2 * tokens)
    }

    private func tokenCount(_ value: BencodeValue) -> Int {
        if value.isList { return value.elements.reduce(2) { $0 + tokenCount($1) } }
        if value.isDictionary { return value.entries.reduce(2) { $0 + 1 + tokenCount($1.value) } }
        return 1
    }

    @Test func everyErrorIsOneLineThatNamesItsPath() {
        let named: [ChunkerError] = [
            .notFound(path: "P"), .unreadable(path: "P", errno: 13), .specialFile(path: "P", .fifo),
            .changed(path: "P"), .nameNotUTF8(path: "P"), .nameNotPortable(path: "P", wouldBe: "Q"),
            .linkLeavesFolder(path: "P", target: "T"), .linkDangles(path: "P", target: "T"),
            .noFiles(path: "P"), .noContent(path: "P"), .tooManyFiles(path: "P", max: 1),
            .tooDeep(path: "P", max: 1), .tooLong(path: "P"),
            .manifestTooLarge(path: "P", files: 1, pieces: 2),
        ]
        for error in named { #expect("\(error)".hasPrefix("P: ")) }
        let others: [ChunkerError] = [
            .pieceLengthNotAllowed(5, .v1), .pieceLengthNotAllowed(5, .v2),
            .tooManyPieces(count: 3, max: 2, pieceLength: 1), .nameNotAllowed("a\nb"),
            .patternNotAllowed("[", .openSet), .tooManyPatterns(max: 1), .manifest(.noFiles),
            .noThread(errno: 11), .cancelled,
        ]
        for error in named + others {
            #expect("\(error)".utf8.count > 5)
            #expect(!"\(error)".utf8.contains(10))
        }
        #expect("\(named[1])" == "P: cannot be read: Permission denied")
        #expect("\(others[1])" == "piece length 5: for v2 a power of two, 16 KiB to 256 MiB")
    }
}
