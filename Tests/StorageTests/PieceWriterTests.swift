import Foundation
import Glibc
import Hashing
import Metainfo
import Testing
import Units

@testable import Storage

private typealias File = TestTorrent.File

@Suite struct PieceWriterTests {
    private struct Block {
        let piece: Int
        let begin: Int
    }

    private func blocks(_ torrent: TestTorrent) -> [Block] {
        (0..<torrent.layout.pieceCount).flatMap { piece in
            stride(from: 0, to: Int(torrent.layout.length(of: PieceIndex(piece))), by: 16384).map {
                Block(piece: piece, begin: $0)
            }
        }
    }

    @discardableResult
    private func write(
        _ block: Block, of torrent: TestTorrent, to storage: TorrentStorage, flip: Bool = false
    ) -> BlockOutcome {
        var bytes = Array(torrent.bytes(of: block.piece)[block.begin...].prefix(16384))
        if flip { bytes[0] ^= 0xFF }
        return bytes.withUnsafeBytes {
            storage.write(PieceIndex(block.piece), begin: UInt32(block.begin), bytes: $0)
        }
    }

    @Test(arguments: TestTorrent.Kind.allCases, [UInt64(11), 12, 13])
    func blocksInAnyOrderMakeThePieces(kind: TestTorrent.Kind, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let bench = try Bench()
        // Pieces longer than extents, and a file boundary within one.
        let torrent = try TestTorrent(
            [
                File(path: ["a"], bytes: TestTorrent.random(700_001, seed: seed)),
                File(path: ["b"], bytes: TestTorrent.random(1_500_000, seed: seed + 1)),
            ], pieceLength: 512 << 10, kind: kind)
        let storage = try bench.open(torrent)
        var left = Dictionary(grouping: blocks(torrent), by: \.piece).mapValues(\.count)
        var outcomes: [Int: PieceOutcome] = [:]
        for (number, block) in blocks(torrent).shuffled(using: &generator).enumerated() {
            #expect(write(block, of: torrent, to: storage) == .taken, "seed \(seed)")
            if number % 7 == 0 {
                let again = write(block, of: torrent, to: storage, flip: true)
                #expect(again == .redundant, "what is there does not change; seed \(seed)")
            }
            if number % 50 == 0 { #expect(try storage.flushed() == nil) }
            left[block.piece, default: 0] -= 1
            guard left[block.piece] == 0 else { continue }
            outcomes[block.piece] = try answer {
                storage.finish(PieceIndex(block.piece), completion: $0)
            }
        }
        #expect(outcomes.count == torrent.layout.pieceCount)
        #expect(outcomes.values.count { $0.isVerified } == outcomes.count, "seed \(seed)")
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 0), in: "save/album/a"))
        #expect(bench.memory.usedBytes == 0)
    }

    @Test("W8 blocks of a verified piece change nothing")
    func w8() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000)
        let storage = try bench.open(torrent)
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        let outcome = write(Block(piece: 0, begin: 16384), of: torrent, to: storage, flip: true)
        #expect(outcome == .redundant)
        #expect(try storage.flushed() == nil)
        #expect(try storage.holds(torrent, 0))
        #expect(bench.memory.usedBytes == 0)
    }

    @Test("W8 a block that comes while its piece is being finished changes nothing")
    func w8Finishing() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000)
        let storage = try bench.open(torrent)
        for block in blocks(torrent).filter({ $0.piece == 1 }) {
            write(block, of: torrent, to: storage)
        }
        let gate = DispatchSemaphore(value: 0)
        bench.pool.run(.write(key: 1)) { gate.wait() }
        let outcome: PieceOutcome = try answer { answer in
            storage.finish(PieceIndex(1), completion: answer)
            let late = write(Block(piece: 1, begin: 0), of: torrent, to: storage, flip: true)
            #expect(late == .redundant)
            gate.signal()
        }
        #expect(outcome.isVerified)
        #expect(try storage.holds(torrent, 1))
    }

    @Test func aDiscardedPieceIsWrittenAnew() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 1 << 20, pieceLength: 512 << 10)
        let storage = try bench.open(torrent)
        for block in blocks(torrent).prefix(20) {
            write(block, of: torrent, to: storage, flip: true)
        }
        storage.discard(PieceIndex(0))
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        #expect(bench.memory.usedBytes == 0)
    }

    @Test("M13 a hybrid torrent that is two torrents in one is found out")
    func m13() throws {
        let bench = try Bench()
        let files = [File(path: ["a"], bytes: TestTorrent.random(30_000, seed: 1))]
        let torrent = try TestTorrent(files, kind: .hybrid, corruptV2: true)
        let storage = try bench.open(torrent)
        let outcome = try storage.put(torrent.bytes(of: 0), as: 0)
        guard case .verdict(.inconsistent) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(storage.had.isEmpty)
        #expect(try storage.closed() == nil)
        let again = #expect(throws: OpeningError.self) { try bench.open(torrent) }
        guard case .inconsistent(PieceIndex(0)) = again else {
            Issue.record("\(String(describing: again))")
            return
        }
    }

    @Test func aPieceWithoutAKnownHashIsNotHad() throws {
        let bench = try Bench()
        let whole = try TestTorrent(single: 100_000, kind: .v2)
        // As a magnet link gives it: without piece layers.
        let metainfo = try Metainfo(
            infoBytes: whole.metainfo.infoBytes, expecting: whole.metainfo.infoHash)
        let files = try FileStore(
            metainfo, in: bench.folder, creatingFolder: true, openFiles: bench.openFiles)
        let writer = PieceWriter(
            metainfo, files: files, pool: bench.pool, memory: bench.memory,
            had: Bitfield(count: 4), relieved: {})
        for knows in [false, true] {
            if knows { writer.update(whole.metainfo) }
            writer.put(whole.bytes(of: 2), as: 2)
            let outcome: PieceOutcome = try answer {
                writer.finish(PieceIndex(2), completion: $0)
            }
            guard case .verdict(let verdict) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(verdict == (knows ? .verified : .unverifiable))
        }
    }

    @Test func memoryStaysWithinItsBudgetHoweverManyPiecesAreBegun() throws {
        let bench = try Bench(budget: 1 << 20)
        let torrent = try TestTorrent(single: 6 << 20, pieceLength: 512 << 10)
        let relieved = Collected<Int>()
        let storage = try bench.open(
            torrent,
            events: {
                if case .relieved = $0 { relieved.append(1) }
            })
        // One block of each piece in turn: no extent is ever full before its time.
        var wasCongested = false
        var most = 0
        let all = blocks(torrent).sorted { ($0.begin, $0.piece) < ($1.begin, $1.piece) }
        for block in all {
            write(block, of: torrent, to: storage)
            most = max(most, bench.memory.usedBytes)
            guard storage.isCongested else { continue }
            wasCongested = true
            while storage.isCongested { usleep(50) }
        }
        #expect(wasCongested)
        #expect(most <= (1 << 20) + (256 << 10), "\(most)")
        for piece in 0..<torrent.layout.pieceCount {
            let outcome: PieceOutcome = try answer {
                storage.finish(PieceIndex(piece), completion: $0)
            }
            #expect(outcome.isVerified)
        }
        #expect(!relieved.all.isEmpty)
        #expect(bench.memory.usedBytes == 0)
    }

    @Test func aPoolThatHasStoppedFailsPiecesAndHangsNobody() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000)
        let storage = try bench.open(torrent)
        bench.pool.stop()
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).error != nil)
        #expect(try storage.closed() != nil)
        #expect(bench.memory.usedBytes == 0)
    }
}

@Suite struct ContentCheckerTests {
    private func check(
        _ torrent: TestTorrent, _ bench: Bench, _ pieces: Bitfield? = nil,
        medium: Medium = Medium(),
        progress: @escaping @Sendable (ContentChecker.Progress) -> Void = { _ in }
    ) throws -> ContentChecker.Result {
        let files = try FileStore(
            torrent.metainfo, in: bench.folder, wanted: nil, creatingFolder: true,
            allocation: .sparse, openFiles: bench.openFiles, medium: medium)
        _ = try files.resume(
            from: files.survey(),
            claims: Claims(recorded: Bitfield(count: torrent.layout.pieceCount)))
        return try answer { answer in
            ContentChecker.check(
                pieces ?? Bitfield(allSet: torrent.layout.pieceCount), of: torrent.metainfo,
                files: files, pool: bench.pool, progress: progress, completion: answer)
        }
    }

    @Test(arguments: TestTorrent.Kind.allCases)
    func saysWhichPiecesAreGoodAndWhichAreBad(kind: TestTorrent.Kind) throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 3_000_000, pieceLength: 64 << 10, kind: kind)
        var bytes = torrent.bytes
        bytes[5 * 65536 + 7] ^= 1
        try bench.scratch.write(Array(bytes.prefix(2_900_000)), to: "save/film.mkv")
        let seen = Collected<ContentChecker.Progress>()
        let result = try check(torrent, bench, progress: { seen.append($0) })
        #expect(result.bad.setCount == 1)
        #expect(result.bad.contains(PieceIndex(5)))
        #expect(result.good.setCount == 43)
        #expect(seen.all.map(\.checkedPieces).sorted() == Array(1...46))
        // The last two are not all there.
        #expect(seen.all.map(\.hashedBytes).max() == Int64(44 * 65536))
        #expect(!result.isCancelled)
        #expect(result.error == nil)
    }

    @Test(arguments: TestTorrent.Kind.allCases)
    func holesAreNotReadAndZerosAreStillRight(kind: TestTorrent.Kind) throws {
        let bench = try Bench()
        var content = [UInt8](repeating: 0, count: 1 << 20)
        content.replaceSubrange(0..<65536, with: TestTorrent.random(65536, seed: 5))
        content.replaceSubrange((900 << 10)..<(901 << 10), with: TestTorrent.random(1024, seed: 6))
        let torrent = try TestTorrent(
            name: "film.mkv", [TestTorrent.File(path: ["film.mkv"], bytes: content)],
            pieceLength: 64 << 10, kind: kind, isSingle: true)
        try bench.scratch.write([], to: "save/film.mkv")
        let path = bench.folder + "/film.mkv"
        let descriptor = Glibc.open(path, O_RDWR)
        defer { Glibc.close(descriptor) }
        #expect(ftruncate(descriptor, 1 << 20) == 0)
        #expect(pwrite(descriptor, Array(content.prefix(65536)), 65536, 0) == 65536)
        let reads = Collected<Int64>()
        var medium = Medium()
        medium.read = {
            reads.append($2)
            return pread($0, $1.baseAddress, $1.count, off_t($2))
        }
        let seen = Collected<ContentChecker.Progress>()
        let result = try check(torrent, bench, medium: medium) { seen.append($0) }
        #expect(result.good.setCount == 15, "all but the piece that should not be zeros")
        #expect(result.bad.setCount == 1)
        #expect(reads.all == [0])
        #expect(seen.all.map(\.hashedBytes).max() == 65536)
        #expect(seen.all.map(\.checkedPieces).max() == 16)
    }

    @Test func canBeCancelled() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 4 << 20, pieceLength: 64 << 10, name: "zeros")
        try bench.scratch.write(torrent.bytes, to: "save/zeros")
        let files = try bench.files(torrent)
        _ = try files.resume(
            from: files.survey(), claims: Claims(recorded: Bitfield(count: 64)))
        let gate = DispatchSemaphore(value: 0)
        for key in 0..<bench.pool.checkLaneCount {
            bench.pool.run(.check(key: key)) { gate.wait() }
        }
        let result: ContentChecker.Result = try answer { answer in
            let checker = ContentChecker.check(
                Bitfield(allSet: 64), of: torrent.metainfo, files: files, pool: bench.pool,
                completion: answer)
            checker.cancel()
            for _ in 0..<bench.pool.checkLaneCount { gate.signal() }
        }
        #expect(result.isCancelled)
        #expect(result.good.isEmpty)
    }

    @Test func anUnreadablePieceIsNeitherGoodNorBad() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000)
        try bench.scratch.write(torrent.bytes, to: "save/film.mkv")
        let disk = FakeMedium()
        disk.set { $0.readErrors = [EIO] }
        let result = try check(torrent, bench, medium: disk.medium)
        #expect(result.good.setCount == 3)
        #expect(result.bad.isEmpty)
        #expect(result.error?.kind == .io)
    }
}
