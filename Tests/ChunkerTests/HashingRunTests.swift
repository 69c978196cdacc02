import Foundation
import Glibc
import Hashing
import Synchronization
import Testing
import Units

import struct Metainfo.ContentLayout
import struct Metainfo.FileEntry

@testable import Chunker

@Suite struct HashingRunTests {
    private func hashes(_ chunker: Chunker) throws -> RunHashes {
        try chunker.hashes(ProgressMeter(total: chunker.totalLength), ChunkCancellation())
    }

    private func options(
        _ format: ChunkFormat, _ pieceLength: UInt32, threads: Int = 2
    ) -> ChunkOptions {
        var options = ChunkOptions()
        options.format = format
        options.pieceLength = pieceLength
        options.threads = threads
        return options
    }

    /// What the hashes are, made in memory and piece by piece.
    private func expected(
        _ contents: [[UInt8]], _ format: ChunkFormat, _ pieceLength: Int
    ) -> RunHashes {
        var result = RunHashes()
        var stream: [UInt8] = []
        for content in contents {
            stream += content
            guard format != .v1 else { continue }
            for begin in stride(from: 0, to: content.count, by: pieceLength) {
                let piece = Array(content[begin..<min(begin + pieceLength, content.count)])
                let leaves = stride(from: 0, to: piece.count, by: 16384).map {
                    SHA256Digest.hash(Array(piece[$0..<min($0 + 16384, piece.count)]))
                }
                let isWhole = content.count > pieceLength
                result.v2.append(
                    MerkleTree.root(
                        of: leaves,
                        padTo: isWhole
                            ? pieceLength / 16384 : MerkleTree.leafCount(for: leaves.count)))
            }
            let isLoneFile = contents.count == 1
            if stream.count % pieceLength != 0, !isLoneFile, !content.isEmpty {
                stream += Array(repeating: 0, count: pieceLength - stream.count % pieceLength)
            }
        }
        guard format != .v2 else { return result }
        for begin in stride(from: 0, to: stream.count, by: pieceLength) {
            let piece = Array(stream[begin..<min(begin + pieceLength, stream.count)])
            result.v1 += SHA1Digest.hash(piece).bytes
        }
        return result
    }

    @Test(arguments: ChunkFormat.allCases, [71, 72, 73] as [UInt64])
    func hashesLikeAProgramThatHoldsEverythingInMemory(
        format: ChunkFormat, seed: UInt64
    ) throws {
        var rng = SeededGenerator(seed: seed)
        for round in 0..<6 {
            let tree = try TemporaryTree()
            let lengths = [0, 1, 16383, 16384, 16385, 32768, 65535, 65536, 100_000, 300_000]
            let contents = (0..<Int.random(in: 1...7, using: &rng)).map { number in
                TemporaryTree.bytes(
                    (lengths.randomElement(using: &rng) ?? 0) + (number == 0 ? 1 : 0),
                    seed: rng.next())
            }
            for (number, content) in contents.enumerated() { try tree.file("\(number)", content) }
            let pieceLength = UInt32(16384) << UInt32.random(in: 0...3, using: &rng)
            let wanted = expected(contents, format, Int(pieceLength))
            for threads in [1, 3] {
                let chunker = try Chunker(
                    path: tree.path, options: options(format, pieceLength, threads: threads))
                let found = try hashes(chunker)
                #expect(found.v1 == wanted.v1, "seed \(seed) round \(round)")
                #expect(found.v2 == wanted.v2, "seed \(seed) round \(round)")
            }
        }
    }

    @Test func piecesShorterAndLongerThanWhatIsReadAtATime() throws {
        let tree = try TemporaryTree()
        let contents = [700_001, 5, 1_300_000].map { TemporaryTree.bytes($0, seed: UInt64($0)) }
        for (number, content) in contents.enumerated() { try tree.file("\(number)", content) }
        for format in ChunkFormat.allCases {
            for pieceLength in [16384, 524_288, 1 << 20, 1 << 22] as [UInt32] {
                let chunker = try Chunker(path: tree.path, options: options(format, pieceLength))
                let wanted = expected(contents, format, Int(pieceLength))
                let found = try hashes(chunker)
                #expect(found.v1 == wanted.v1, "\(format) \(pieceLength)")
                #expect(found.v2 == wanted.v2, "\(format) \(pieceLength)")
            }
        }
        for pieceLength in [1024, 49152, 16384 * 5] as [UInt32] {
            let chunker = try Chunker(path: tree.path, options: options(.v1, pieceLength))
            #expect(try hashes(chunker).v1 == expected(contents, .v1, Int(pieceLength)).v1)
        }
    }

    @Test("M9 a piece of 256 MiB is hashed without being held")
    func m9() throws {
        let tree = try TemporaryTree()
        try tree.file("sparse", [])
        let length = 260 << 20
        truncate(tree.below("sparse"), off_t(length))
        let chunker = try Chunker(path: tree.path, options: options(.v1, Limits.pieceLengthMax))
        #expect(chunker.pieceCount == 2)
        var hasher = SHA1Hasher()
        var wanted: [UInt8] = []
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for piece in [256, 4] {
            for _ in 0..<piece { zeros.withUnsafeBytes { hasher.update($0) } }
            wanted += hasher.finish().bytes
        }
        #expect(try hashes(chunker).v1 == wanted)
    }

    @Test func everyPieceIsInExactlyOneRun() throws {
        for hasGaps in [false, true] {
            for (pieceLength, threads) in [(16384, 1), (1 << 20, 2), (256 << 20, 64)] {
                let files = [5 << 30, 0, 1, 70_000].enumerated().map { number, length in
                    FileEntry(path: ["\(number)"], length: Int64(length))
                }
                let layout = try #require(
                    ContentLayout(
                        files: files, pieceLength: UInt32(pieceLength), hasGaps: hasGaps))
                let plan = HashPlan(
                    layout, sources: [0, 1, 2, 3], format: hasGaps ? .v2 : .v1, threads: threads)
                var next: Int64 = 0
                for run in 0..<plan.runCount {
                    let pieces = plan.pieces(ofRun: run)
                    #expect(pieces.lowerBound == next && !pieces.isEmpty)
                    next = pieces.upperBound
                    let most = max(8 << 20, plan.pieceLength)
                    #expect(Int64(pieces.count) * plan.pieceLength <= most)
                }
                #expect(next == layout.pieceCount)
                #expect(plan.spans.map(\.file) == [0, 2, 3])
                for span in plan.spans {
                    #expect(plan.spans[plan.firstSpan(from: span.begin)].file == span.file)
                    #expect(plan.spans[plan.firstSpan(from: span.end - 1)].file == span.file)
                }
                #expect(plan.firstSpan(from: layout.totalLength) == 3)
            }
        }
    }

    // MARK: - Files that change

    @Test(arguments: [
        "grown", "shrunk", "touched", "replaced", "removed", "pipe", "link", "folder",
    ])
    func aFileThatChangedSinceTheScanIsNamed(change: String) throws {
        let tree = try TemporaryTree()
        try tree.file("a", length: 20_000)
        try tree.file("b", length: 40_000)
        let path = tree.below("b")
        let chunker = try Chunker(path: tree.path, options: options(.hybrid, 16384))
        switch change {
        case "grown": truncate(path, 40_001)
        case "shrunk": truncate(path, 39_999)
        case "touched":
            var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
            utimensat(AT_FDCWD, path, &times, 0)
        case "replaced":
            let moved = tree.below("moved")
            try FileManager.default.copyItem(atPath: path, toPath: moved)
            rename(moved, path)
        default:
            unlink(path)
            if change == "pipe" { mkfifo(path, 0o600) }
            if change == "link" { symlink("a", path) }
            if change == "folder" { mkdir(path, 0o700) }
        }
        #expect(throws: ChunkerError.changed(path: path)) { try hashes(chunker) }
    }

    @Test func aFileThatChangesBetweenTwoReadsIsNamed() throws {
        let tree = try TemporaryTree()
        try tree.file("big", length: 100_000)
        let chunker = try Chunker(path: tree.path, options: options(.v1, 16384))
        let run = HashRun(
            plan: chunker.plan, files: chunker.sources, root: chunker.root,
            progress: ProgressMeter(total: 100_000), cancellation: ChunkCancellation())
        var worker = RunWorker(run)
        let first = try worker.hash(0..<2)
        #expect(first.v1.count == 40)
        let file = try #require(fopen(tree.below("big"), "r+"))
        fputc(7, file)
        fclose(file)
        var times = [timespec(tv_sec: 9, tv_nsec: 9), timespec(tv_sec: 9, tv_nsec: 9)]
        utimensat(AT_FDCWD, tree.below("big"), &times, 0)
        var failure: ChunkerError?
        do { _ = try worker.hash(2..<4) } catch { failure = error }
        #expect(failure == .changed(path: tree.below("big")))
    }

    @Test func aFolderThatIsMovedMeanwhileIsStillTheSame() throws {
        let tree = try TemporaryTree()
        try tree.file("x/a", length: 20_000)
        let chunker = try Chunker(path: tree.path, options: options(.v1, 16384))
        rename(tree.path, tree.outside("moved"))
        defer { rename(tree.outside("moved"), tree.path) }
        #expect(try hashes(chunker).v1.count == 40)
    }

    // MARK: - Progress and cancelling

    private final class TestClock: Sendable {
        let time = Atomic<Int64>(0)
        func set(_ now: Int64) { time.store(now, ordering: .relaxed) }
    }

    private final class Reports: Sendable {
        let all = Mutex<[ChunkProgress]>([])
    }

    @Test func progressIsToldAtMostOncePerInterval() {
        let clock = TestClock()
        let reports = Reports()
        let meter = ProgressMeter(
            total: 100, report: { report in reports.all.withLock { $0.append(report) } },
            now: { clock.time.load(ordering: .relaxed) })
        meter.add(10) { "early" }
        clock.set(Limits.progressInterval)
        meter.add(10) { "first" }
        meter.add(10) { "same time" }
        clock.set(2 * Limits.progressInterval - 1)
        meter.add(10) { "too early" }
        clock.set(2 * Limits.progressInterval)
        meter.add(10) { "second" }
        meter.finish(file: "last")
        let told = reports.all.withLock { $0 }
        #expect(told.map(\.currentFile) == ["first", "second", "last"])
        #expect(told.map(\.bytesHashed) == [20, 50, 100])
        #expect(told.allSatisfy { $0.bytesTotal == 100 })
    }

    @Test func cancellingEndsTheWork() throws {
        let tree = try TemporaryTree()
        try tree.file("a", length: 20_000)
        let chunker = try Chunker(path: tree.path, options: options(.v1, 16384))
        let cancellation = ChunkCancellation()
        cancellation.cancel()
        #expect(throws: ChunkerError.cancelled) { try chunker.run(cancellation: cancellation) }
    }

    @Test func cancellingTheTaskEndsTheWork() async throws {
        let tree = try TemporaryTree()
        try tree.file("sparse", [])
        truncate(tree.below("sparse"), 1 << 40)
        let chunker = try Chunker(path: tree.path, options: options(.v1, 1 << 20))
        let task = Task { try await chunker.manifest() }
        task.cancel()
        await #expect(throws: ChunkerError.cancelled) { try await task.value }
    }

    // MARK: - Piece lengths

    @Test func choosesPieceLengthsByTheContent() {
        let bounds: [(Int64, UInt32)] = [
            (2_684_355, 16), (10_737_418, 32), (42_949_673, 64), (171_798_692, 128),
            (687_194_767, 256), (2_748_779_069, 512), (10_995_116_278, 1024),
            (43_980_465_111, 2048), (175_921_860_444, 4096), (703_687_441_777, 8192),
        ]
        #expect(automaticPieceLength(for: 1) == 16384)
        for (last, kibibytes) in bounds {
            #expect(automaticPieceLength(for: last) == kibibytes * 1024)
            #expect(automaticPieceLength(for: last + 1) == kibibytes * 2048)
        }
        #expect(automaticPieceLength(for: .max) == Limits.automaticPieceLengthMax)
    }

    @Test func takesOnlyThePieceLengthsThatTheFormatAllows() throws {
        let tree = try TemporaryTree()
        try tree.file("a", [1])
        func isAllowed(_ length: UInt32, _ format: ChunkFormat) -> Bool {
            do {
                return try Chunker(path: tree.path, options: options(format, length)).pieceLength
                    == length
            } catch {
                #expect(error == .pieceLengthNotAllowed(length, format))
                return false
            }
        }
        for length in [UInt32(16384), 1 << 20, 256 << 20] {
            for format in ChunkFormat.allCases { #expect(isAllowed(length, format)) }
        }
        for length in [UInt32(1), 1024, 8192, 49152] {
            #expect(isAllowed(length, .v1))
            #expect(!isAllowed(length, .v2) && !isAllowed(length, .hybrid))
        }
        for length in [UInt32(0), 3, 10_000, 16385, (256 << 20) + 16384, 512 << 20, .max] {
            for format in ChunkFormat.allCases { #expect(!isAllowed(length, format)) }
        }
    }

    @Test func refusesMorePiecesThanReadersTake() throws {
        let tree = try TemporaryTree()
        try tree.file("sparse", [])
        let pieceCountMax: Int64 = 2_097_152
        truncate(tree.below("sparse"), off_t(pieceCountMax * 16384))
        #expect(
            try Chunker(path: tree.path, options: options(.v1, 16384)).pieceCount
                == Int(pieceCountMax))
        #expect(
            throws: ChunkerError.manifestTooLarge(
                path: tree.path, files: 1, pieces: pieceCountMax)
        ) { try Chunker(path: tree.path, options: options(.hybrid, 16384)) }
        truncate(tree.below("sparse"), off_t(pieceCountMax * 16384 + 1))
        let error = ChunkerError.tooManyPieces(
            count: pieceCountMax + 1, max: Int(pieceCountMax), pieceLength: 16384)
        #expect(throws: error) { try Chunker(path: tree.path, options: options(.v1, 16384)) }
        #expect(try Chunker(path: tree.path).pieceLength == 2 << 20)
    }
}
