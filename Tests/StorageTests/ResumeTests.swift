import Foundation
import GRDB
import Glibc
import Hashing
import Metainfo
import Testing
import Units

@testable import Storage

private typealias File = TestTorrent.File

/// What a restart believes.
@Suite struct ResumeTests {
    private let torrent: TestTorrent
    private let bench: Bench
    private let id: TorrentRecord.ID

    init() throws {
        self.torrent = try TestTorrent(single: 320 << 10)
        self.bench = try Bench()
        self.id = try bench.store().add(torrent, in: bench.folder).id
    }

    /// Opens with a store of its own, as another process would.
    private func open(
        _ bench: Bench, _ checked: Collected<ContentChecker.Progress>? = nil,
        medium: Medium = Medium(), pace: ResumeJournal.Pace = ResumeJournal.Pace(),
        content: TorrentOpening.Options.Content = .asRecorded, createsFolder: Bool = true,
        events: @escaping @Sendable (TorrentStorage.Event) -> Void = { _ in }
    ) throws -> TorrentStorage {
        try bench.open(
            torrent, record: id, store: bench.store(), content: content,
            creatingFolder: createsFolder, medium: medium, pace: pace, checked: checked,
            events: events)
    }

    private func put(_ pieces: Range<Int>, _ storage: TorrentStorage) throws {
        for piece in pieces {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
    }

    @Test func whatIsWholeAndWasOnlyServedIsLetGoOfWithoutBeingRecordedAgain() throws {
        let first = try open(bench)
        try first.putAll(torrent)
        #expect(try first.closed() == nil)
        let onlooker = try bench.store()
        let version = { () -> Int? in
            // Changes when another connection has written.
            try onlooker.queue.read { try Int.fetchOne($0, sql: "PRAGMA data_version") }
        }
        let before = try version()
        let second = try open(bench)
        #expect(second.had.isFull)
        #expect(try second.closed() == nil)
        #expect(try version() == before)
        #expect(try onlooker.claims(of: id, pieceCount: 5)?.claims.endedInOrder == true)
    }

    /// Pieces 0 to 3 recorded, 4 to 6 in the tail, then the end.
    private func crashed() throws -> Bench {
        let storage = try open(bench)
        try put(0..<4, storage)
        #expect(try storage.flushed() == nil)
        try put(4..<7, storage)
        storage.journal.journal()
        return try bench.afterCrash()
    }

    private func overwrite(_ name: String, at offset: Int, _ bytes: [UInt8]) throws {
        let descriptor = Glibc.open(bench.folder + "/" + name, O_WRONLY)
        try #require(descriptor >= 0)
        #expect(pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count)
        Glibc.close(descriptor)
    }

    @Test("F5 after a crash only the tail is hashed again")
    func f5() throws {
        let bench = try crashed()
        let checked = Collected<ContentChecker.Progress>()
        let storage = try open(bench, checked)
        #expect(storage.had.setCount == 7)
        #expect(checked.all.last?.totalPieces == 3)
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test("F6 bytes of the tail that a power cut took are not claimed")
    func f6() throws {
        let bench = try crashed()
        try overwrite("film.mkv.part", at: 5 * 32768 + 100, Array(repeating: 0, count: 512))
        let storage = try open(bench)
        #expect(storage.had.setCount == 6)
        #expect(!storage.had.contains(PieceIndex(5)))
    }

    @Test func aPartialFileThatIsOlderThanItsRecordIsHashed() throws {
        let bench = try crashed()
        try overwrite("film.mkv.part", at: 100, [1, 2, 3])
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, bench.folder + "/film.mkv.part", &times, 0) == 0)
        #expect(try open(bench).had.setCount == 6)
    }

    @Test func claimsPastTheEndOfAFileAreNotBelieved() throws {
        let bench = try crashed()
        let root = try SaveFolder(path: bench.folder, creating: false)
        try bench.store().record(
            Bitfield(allSet: 10), files: [:], ended: false,
            folder: FolderIdentity(device: root.device, inode: root.inode), of: id
        ) { [] }
        #expect(try open(bench).had.setCount == 7)
    }

    @Test func aPieceThatIsLostWhileAnEpochRunsIsNotRecorded() throws {
        let gate = DispatchSemaphore(value: 0)
        let entered = DispatchSemaphore(value: 0)
        var medium = Medium()
        medium.sync = {
            entered.signal()
            gate.wait()
            return fdatasync($0)
        }
        let storage = try open(bench, medium: medium)
        try put(0..<3, storage)
        storage.flush { _ in }
        entered.wait()
        storage.drop([PieceIndex(1)])
        for _ in 0..<10 { gate.signal() }
        #expect(try storage.flushed() == nil)
        let claims = try #require(try bench.store().claims(of: id, pieceCount: 10)).claims
        #expect(claims.recorded.setCount == 2)
        #expect(!claims.recorded.contains(PieceIndex(1)))
        // Nor is what was recorded before the epoch.
        try put(1..<2, storage)
        #expect(try storage.flushed() == nil)
        while entered.wait(timeout: .now()) == .success {}
        while gate.wait(timeout: .now()) == .success {}
        try put(3..<4, storage)
        storage.flush { _ in }
        entered.wait()
        storage.drop([PieceIndex(1)])
        for _ in 0..<10 { gate.signal() }
        #expect(try storage.flushed() == nil)
        let later = try #require(try bench.store().claims(of: id, pieceCount: 10)).claims
        #expect(later.recorded.setCount == 3)
        #expect(!later.recorded.contains(PieceIndex(1)))
    }

    @Test func whatWasNeverNotedIsFetchedAgainAndNotClaimed() throws {
        let storage = try open(bench)
        try put(0..<3, storage)
        #expect(try storage.flushed() == nil)
        try put(3..<6, storage)
        let bench = try bench.afterCrash()
        #expect(try open(bench).had.setCount == 3)
    }

    @Test func theTailIsStillNotedWhenTheNextRunCrashesTooAtOnce() throws {
        var bench = try crashed()
        for _ in 0..<2 {
            #expect(try open(bench).had.setCount == 7)
            bench = try bench.afterCrash()
        }
        #expect(try open(bench).had.setCount == 7)
    }

    @Test func aRunThatEndedInOrderIsBelievedWithoutLooking() throws {
        let storage = try open(bench)
        try put(0..<5, storage)
        #expect(try storage.closed() == nil)
        let checked = Collected<ContentChecker.Progress>()
        let again = try open(bench, checked)
        #expect(again.had.setCount == 5)
        #expect(checked.all.isEmpty)
        #expect(try again.closed() == nil)
    }

    @Test func aCrashSoonAfterARunThatEndedInOrderCostsNoCheck() throws {
        let storage = try open(bench)
        try put(0..<5, storage)
        #expect(try storage.closed() == nil)
        // Blocks are written, and the end comes before anything is noted.
        try put(5..<6, open(bench))
        let checked = Collected<ContentChecker.Progress>()
        #expect(try open(bench.afterCrash(), checked).had.setCount == 5)
        #expect(checked.all.isEmpty)
    }

    @Test func aPartialFileThatSomebodyTouchedAfterAnOrderlyEndIsHashed() throws {
        let storage = try open(bench)
        try put(0..<5, storage)
        #expect(try storage.closed() == nil)
        try overwrite("film.mkv.part", at: 0, [1, 2, 3])
        let checked = Collected<ContentChecker.Progress>()
        let again = try open(bench, checked)
        #expect(again.had.setCount == 4)
        #expect(checked.all.last?.totalPieces == 5)
        // And not believed by the run after a crash, either.
        let bench = try bench.afterCrash()
        #expect(try open(bench).had.setCount == 4)
    }

    @Test("F8 a whole file that has changed is hashed again, and then believed again")
    func f8() throws {
        let storage = try open(bench)
        try storage.putAll(torrent)
        #expect(try storage.closed() == nil)
        let checked = Collected<ContentChecker.Progress>()
        let again = try open(bench, checked)
        #expect(again.had.isFull)
        #expect(checked.all.isEmpty)
        #expect(try again.closed() == nil)
        try overwrite("film.mkv", at: 3 * 32768, [1, 2, 3])
        let third = try open(bench, checked)
        #expect(third.had.setCount == 9)
        #expect(checked.all.last?.totalPieces == 10)
        try third.putAllMissing(torrent)
        #expect(try third.closed() == nil)
        let last = Collected<ContentChecker.Progress>()
        #expect(try open(bench, last).had.isFull)
        #expect(last.all.isEmpty)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test func aCopyOfTheFileIsHashedAndBelievedFromThenOn() throws {
        let storage = try open(bench)
        try storage.putAll(torrent)
        #expect(try storage.closed() == nil)
        let path = bench.folder + "/film.mkv"
        try FileManager.default.copyItem(atPath: path, toPath: path + "2")
        unlink(path)
        rename(path + "2", path)
        for total in [10, nil] {
            let checked = Collected<ContentChecker.Progress>()
            let again = try open(bench, checked)
            #expect(again.had.isFull)
            #expect(checked.all.last?.totalPieces == total)
            #expect(try again.closed() == nil)
        }
    }

    @Test func aMissingFileIsFetchedAgain() throws {
        let storage = try open(bench)
        try storage.putAll(torrent)
        #expect(try storage.closed() == nil)
        unlink(bench.folder + "/film.mkv")
        let again = try open(bench)
        #expect(again.had.isEmpty)
        try again.putAll(torrent)
        #expect(try again.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test("F9 a folder that is gone is waited for, unless it may be made")
    func f9() throws {
        let storage = try open(bench)
        try put(0..<5, storage)
        #expect(try storage.closed() == nil)
        let moved = bench.scratch.path + "/elsewhere"
        rename(bench.folder, moved)
        let error = #expect(throws: OpeningError.self) { try open(bench, createsFolder: false) }
        guard case .storage(let error) = error else { return }
        #expect(error == StorageError(.missingVolume, path: bench.folder, errno: error.errno))
        #expect(access(bench.folder, F_OK) != 0)
        rename(moved, bench.folder)
        #expect(try open(bench).had.setCount == 5)
    }

    @Test func aFolderThatWasRemovedIsFetchedIntoAgain() throws {
        let storage = try open(bench)
        try put(0..<5, storage)
        #expect(try storage.closed() == nil)
        rename(bench.folder, bench.scratch.path + "/elsewhere")
        #expect(try open(bench).had.isEmpty)
        rename(bench.folder, bench.scratch.path + "/elsewhere too")
        mkdir(bench.folder, 0o777)
        #expect(try open(bench).had.isEmpty)
    }

    @Test(
        "F9 an empty folder on another device is no place to begin anew",
        arguments: [
            (1, 2, false), (9, 2, false), (1, 7, false), (9, 7, true),
        ] as [(UInt64, UInt64, Bool)])
    func f9Mounts(device: UInt64, inode: UInt64, isUnmounted: Bool) {
        let known = FolderIdentity(device: 1, inode: 2)
        #expect(known.mayBeUnmounted(now: .init(device: device, inode: inode)) == isUnmounted)
    }

    @Test("F9 a folder that goes while the torrent runs is a fault until it is back")
    func f9WhileRunning() throws {
        let events = Collected<TorrentStorage.Event>()
        let storage = try open(bench, events: { events.append($0) })
        try put(0..<2, storage)
        #expect(try storage.flushed() == nil)
        storage.files.closeFiles()
        rename(bench.folder, bench.folder + "-away")
        mkdir(bench.folder, 0o777)
        #expect(try storage.put(torrent.bytes(of: 2), as: 2).error?.kind == .missingVolume)
        #expect(try storage.put(torrent.bytes(of: 3), as: 3).error?.kind == .missingVolume)
        #expect(events.all.compactMap(\.fault).map(\.kind) == [.missingVolume])
        #expect(try answer { storage.probe(completion: $0) }?.kind == .missingVolume)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder).isEmpty)
        rmdir(bench.folder)
        rename(bench.folder + "-away", bench.folder)
        let probed: StorageError? = try answer { storage.probe(completion: $0) }
        #expect(probed == nil)
        try put(2..<10, storage)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test func aCrashBetweenTheNewNameAndItsRecordIsNoHarm() throws {
        let storage = try open(bench)
        try put(0..<10, storage)
        storage.journal.journal()
        let identity = try #require(storage.files.identity(of: 0))
        let folder = FolderIdentity(
            device: storage.files.root.device, inode: storage.files.root.inode)
        _ = try bench.afterCrash()
        // As an epoch leaves it that synced and renamed and then recorded nothing.
        try bench.store().record(
            Bitfield(count: 10), files: [0: KnownFile(identity: identity, isWhole: false)],
            ended: false, folder: folder, of: id
        ) { (0..<10).map { PieceIndex($0) } }
        rename(bench.folder + "/film.mkv.part", bench.folder + "/film.mkv")
        let again = try open(Bench(scratch: bench.scratch))
        #expect(again.had.isFull)
        #expect(try again.flushed() == nil)
        #expect(bench.scratch.names.filter { $0.hasPrefix("save/") } == ["save/film.mkv"])
    }

    @Test("F7 a bit that flipped in the record costs a check and claims nothing")
    func f7() throws {
        let storage = try open(bench)
        try put(0..<5, storage)
        #expect(try storage.closed() == nil)
        try bench.store().durably { db in
            try db.execute(sql: "UPDATE resume SET pieces = x'FFC0'")
        }
        #expect(try open(bench).had.isEmpty, "nothing is believed")
        #expect(try open(bench, content: .checkAll).had.setCount == 5)
    }

    @Test func aCheckOfAllFindsWhatIsGoodAndRecordsIt() throws {
        let storage = try open(bench)
        try storage.putAll(torrent)
        #expect(try storage.closed() == nil)
        try overwrite("film.mkv", at: 0, [9, 9])
        let checked = Collected<ContentChecker.Progress>()
        let again = try open(bench, checked, content: .checkAll)
        #expect(again.had.setCount == 9)
        #expect(checked.all.last?.totalPieces == 10)
        #expect(try again.closed() == nil)
        let last = Collected<ContentChecker.Progress>()
        #expect(try open(bench, last).had.setCount == 9)
        #expect(last.all.isEmpty)
    }

    @Test func anEpochBeginsByItselfWhenEnoughIsUnsynced() throws {
        var pace = ResumeJournal.Pace()
        pace.epochBytes = 4 * 32768
        pace.journalNanoseconds = .max / 2
        let synced = Collected<Int32>()
        var medium = Medium()
        medium.sync = {
            synced.append($0)
            return fdatasync($0)
        }
        let storage = try open(bench, medium: medium, pace: pace)
        try put(0..<3, storage)
        // A job on the lane of syncs comes after an epoch that has begun.
        let _: Bool = try answer { answer in bench.pool.run(.sync) { answer(true) } }
        #expect(synced.all.isEmpty)
        try put(3..<4, storage)
        bench.pool.stop()
        #expect(synced.all.count == 1)
        #expect(try open(Bench(scratch: bench.scratch)).had.setCount == 4)
    }

    @Test func whatIsVerifiedBeginsItsWayToTheDiskBeforeItsEpoch() throws {
        var pace = ResumeJournal.Pace()
        pace.writeOutBytes = 4 * 32768
        pace.writeOutRunMin = 2 * 32768
        let begun = Collected<Range<Int64>>()
        let synced = Collected<Int32>()
        var medium = Medium()
        medium.writeOut = { _, offset, length in
            begun.append(offset..<(offset + length))
            // As of a file system that knows no such call.
            errno = ENOSYS
            return -1
        }
        medium.sync = {
            synced.append($0)
            return fdatasync($0)
        }
        let storage = try open(bench, medium: medium, pace: pace)
        // A job on the lane of syncs comes after what was sent there.
        let wait = { () throws -> Void in
            let _: Bool = try answer { answer in bench.pool.run(.sync) { answer(true) } }
        }
        try put(0..<3, storage)
        try wait()
        #expect(begun.all.isEmpty)
        // One without neighbours is left to its epoch.
        try put(5..<6, storage)
        try wait()
        #expect(begun.all == [0..<98304])
        #expect(synced.all.isEmpty)
        try put(3..<5, storage)
        #expect(try storage.flushed() == nil)
        // What an epoch has synced need not be begun with any more.
        try put(6..<9, storage)
        try wait()
        #expect(begun.all.count == 1)
        #expect(synced.all.count == 1)
        #expect(storage.had.setCount == 9)
    }

    @Test func anEpochWaitsForOneJobOfWritingOutAtMost() throws {
        var pace = ResumeJournal.Pace()
        pace.writeOutBytes = 32768
        pace.writeOutRunMin = 0
        let begun = Collected<Range<Int64>>()
        let gate = DispatchSemaphore(value: 0)
        var medium = Medium()
        medium.writeOut = { _, offset, length in
            begun.append(offset..<(offset + length))
            gate.wait()
            return 0
        }
        let storage = try open(bench, medium: medium, pace: pace)
        try put(0..<1, storage)
        try wait { !begun.all.isEmpty }
        try put(1..<5, storage)
        #expect(bench.pool.queue.syncs == 2)
        for _ in 0..<2 { gate.signal() }
        #expect(try storage.flushed() == nil)
        #expect(begun.all == [0..<32768, 32768..<163_840])
    }

    @Test func anEpochBeginsByItselfAfterAWhile() throws {
        var pace = ResumeJournal.Pace()
        pace.epochNanoseconds = 1_000_000
        var medium = Medium()
        let came = DispatchSemaphore(value: 0)
        medium.sync = {
            came.signal()
            return fdatasync($0)
        }
        let storage = try open(bench, medium: medium, pace: pace)
        try put(0..<1, storage)
        #expect(came.wait(timeout: .now() + 30) == .success)
    }

    @Test func theTailIsNotedByItselfWhenThereIsEnoughOfIt() throws {
        var pace = ResumeJournal.Pace()
        pace.journalBytes = 3 * 32768
        let storage = try open(bench, pace: pace)
        try put(0..<3, storage)
        let again = try bench.afterCrash()
        #expect(try open(again).had.setCount == 3)
    }

    @Test func aDiskThatCannotKeepUpPushesBack() throws {
        var pace = ResumeJournal.Pace()
        pace.epochBytes = 32768
        pace.unsyncedBytesMax = 3 * 32768
        let gate = DispatchSemaphore(value: 0)
        var medium = Medium()
        medium.sync = {
            gate.wait()
            return fdatasync($0)
        }
        let relieved = DispatchSemaphore(value: 0)
        let storage = try open(bench, medium: medium, pace: pace) {
            if case .relieved = $0 { relieved.signal() }
        }
        try put(0..<2, storage)
        #expect(!storage.isCongested)
        try put(2..<3, storage)
        #expect(storage.isCongested)
        for _ in 0..<10 { gate.signal() }
        #expect(relieved.wait(timeout: .now() + 30) == .success)
        #expect(!storage.isCongested)
    }

    @Test func aSessionStoreThatCannotKeepUpPushesBack() throws {
        var pace = ResumeJournal.Pace()
        pace.unnotedBytesMax = 3 * 32768
        let relieved = DispatchSemaphore(value: 0)
        let storage = try open(bench, pace: pace) {
            if case .relieved = $0 { relieved.signal() }
        }
        let (isHeld, letGo) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let store = try #require(storage.resources.store)
        Thread.detachNewThread {
            try? store.quickly { _ in
                isHeld.signal()
                letGo.wait()
            }
        }
        isHeld.wait()
        try put(0..<2, storage)
        #expect(!storage.isCongested)
        try put(2..<3, storage)
        #expect(storage.isCongested)
        letGo.signal()
        #expect(relieved.wait(timeout: .now() + 30) == .success)
        #expect(!storage.isCongested)
    }

    @Test func manySmallFilesBeginAnEpochToo() throws {
        let files = (0..<10).map {
            File(path: ["\($0)"], bytes: TestTorrent.random(40_000, seed: $0))
        }
        let torrent = try TestTorrent(files)
        var pace = ResumeJournal.Pace()
        pace.unsyncedFilesMax = 4
        let synced = Collected<Int32>()
        var medium = Medium()
        medium.sync = {
            synced.append($0)
            return fdatasync($0)
        }
        let storage = try bench.open(torrent, medium: medium, pace: pace)
        for piece in 0..<5 {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
        bench.pool.stop()
        #expect(synced.all.count >= 4)
    }
}

extension TorrentStorage.Event {
    var fault: StorageError? {
        if case .fault(let error) = self { return error }
        return nil
    }

    var lost: [PieceIndex]? {
        if case .piecesLost(let pieces) = self { return pieces }
        return nil
    }
}
