import Dispatch
import Glibc
import Synchronization
import Testing
import Units

@testable import Storage

@Suite struct DiskCountersTests {
    @Test func callsBytesAndFailuresAreCountedAndErrorsStayWhatTheyAre() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(
            [TestTorrent.File(path: ["a"], bytes: TestTorrent.random(100_000, seed: 1))],
            kind: .v1)
        let isFull = Atomic<Bool>(false)
        var medium = Medium()
        let write = medium.write
        medium.write = { file, bytes, offset in
            guard isFull.load(ordering: .relaxed) else { return write(file, bytes, offset) }
            errno = ENOSPC
            return -1
        }
        let counters = DiskCounters(counting: medium)
        let files = try FileStore(
            torrent.metainfo, in: bench.folder, creatingFolder: true, openFiles: bench.openFiles,
            counters: counters)
        let bytes = [UInt8](repeating: 7, count: 50_000)
        try bytes.withUnsafeBytes { try files.write($0, at: 0) }
        var read = [UInt8](repeating: 0, count: 20_000)
        try read.withUnsafeMutableBytes { try files.read(at: 0, into: $0) }
        isFull.store(true, ordering: .relaxed)
        let error = #expect(throws: StorageError.self) {
            try bytes.withUnsafeBytes { try files.write($0, at: 0) }
        }
        #expect(error?.kind == .noSpace)
        let reading = counters.reading
        #expect((reading.bytesWritten, reading.bytesRead) == (50_000, 20_000))
        #expect((reading.writes.total, reading.reads.total) == (2, 1))
        #expect((reading.writeErrors, reading.readErrors) == (1, 0))
    }

    @Test func piecesAreCountedByWhatTheyTurnedOutToBe() {
        let counters = DiskCounters()
        for verdict in [
            PieceVerdict.verified, .verified, .mismatch(leaves: nil), .inconsistent, .unverifiable,
        ] {
            counters.checked(verdict)
        }
        #expect(counters.reading.piecesChecked == 4)
        #expect(counters.reading.piecesFailed == 2)
    }

    @Test func theQueueHasWhatWaitsAndWhatIsBeingDone() throws {
        let pool = DiskPool(readLanes: 1)
        let gate = try pool.holdingReads()
        for _ in 0..<3 { pool.run(.read(key: 0)) {} }
        #expect(pool.queue.reads == 4)
        #expect(pool.queue.writes == 0)
        gate.signal()
        pool.stop()
        #expect(pool.queue == DiskQueue())
    }
}
