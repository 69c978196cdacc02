import CLinux
import Foundation
import Glibc
import Hashing
import Metainfo
import Testing
import Units

@testable import Storage

private typealias File = TestTorrent.File

/// What is there before: used if it is the torrent's, and never harmed.
@Suite struct AdoptionTests {
    @Test(arguments: TestTorrent.Kind.allCases)
    func completeContentIsRecognised(kind: TestTorrent.Kind) throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000, kind: kind)
        try bench.scratch.write(torrent.bytes, to: "save/film.mkv")
        let checked = Collected<ContentChecker.Progress>()
        let storage = try bench.open(torrent, checked: checked)
        #expect(storage.had.isFull)
        #expect(checked.all.map(\.checkedPieces).max() == torrent.layout.pieceCount)
        #expect(bench.scratch.names == ["save", "save/film.mkv"])
        #expect(try storage.holds(torrent, 6))
    }

    @Test func partialContentUnderTheFinalNameIsGoneOnWithUnderThePartialName() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000)
        try bench.scratch.write(Array(torrent.bytes[..<70_000]), to: "save/film.mkv")
        let storage = try bench.open(torrent)
        #expect(storage.had.setCount == 2)
        #expect(try storage.put(torrent.bytes(of: 2), as: 2).isVerified)
        #expect(bench.scratch.names == ["save", "save/film.mkv.part"])
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.names == ["save", "save/film.mkv"])
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test func aPartialFileOfAnotherRunIsGoneOnWith() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000)
        var bytes = torrent.bytes
        for index in 40_000..<60_000 { bytes[index] = 0 }
        try bench.scratch.write(bytes, to: "save/film.mkv.part")
        let storage = try bench.open(torrent)
        #expect(storage.had.setCount == torrent.layout.pieceCount - 1)
        #expect(try storage.put(torrent.bytes(of: 1), as: 1).isVerified)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test(arguments: [100_000, 200_000, 300_000])
    func somethingElseUnderTheFinalNameIsAnErrorThatNamesItAndIsLeftAlone(count: Int) throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000)
        let other = TestTorrent.random(count, seed: 99)
        try bench.scratch.write(other, to: "save/film.mkv")
        let error = #expect(throws: OpeningError.self) { try bench.open(torrent) }
        guard case .storage(let error) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error.kind == .existsWithOtherContent)
        #expect(error.path == bench.folder + "/film.mkv")
        #expect(bench.scratch.names == ["save", "save/film.mkv"])
        #expect(bench.scratch.holds(other, in: "save/film.mkv"))
    }

    @Test func aFolderOrALinkUnderTheFinalNameIsAnError() throws {
        for isLink in [true, false] {
            let bench = try Bench()
            let torrent = try TestTorrent(single: 200_000)
            try bench.scratch.write([], to: "save/x")
            try bench.scratch.write(torrent.bytes, to: "content")
            if isLink {
                symlink(bench.scratch.path + "/content", bench.folder + "/film.mkv")
            } else {
                mkdir(bench.folder + "/film.mkv", 0o777)
            }
            let error = #expect(throws: OpeningError.self) { try bench.open(torrent) }
            guard case .storage(let error) = error else { continue }
            #expect(error.kind == .existsWithOtherContent)
        }
    }

    @Test func aPartialFileOfSomebodyElseIsLeftAloneAndAnotherNameUsed() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000)
        let other = TestTorrent.random(150_000, seed: 99)
        try bench.scratch.write(other, to: "save/film.mkv.part")
        let storage = try bench.open(torrent)
        #expect(storage.had.isEmpty)
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        let tag = "\(torrent.metainfo.infoHash.primary)".prefix(8)
        #expect(
            bench.scratch.names.contains("save/film.mkv.\(tag).part"), "\(bench.scratch.names)")
        #expect(try storage.closed() == nil)
        // The next run goes on with its own.
        let again = try bench.open(torrent)
        #expect(again.had.setCount == 1)
        try again.putAllMissing(torrent)
        #expect(try again.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
        #expect(bench.scratch.holds(other, in: "save/film.mkv.part"))
    }

    /// Killed before the session store knew of the file, with nothing verified in it yet.
    @Test(.enabled(if: Scratch.keepsNotes, "this file system keeps no notes beside files"))
    func aPartialFileThatNobodyCouldNoteIsOursAndLeavesNothingBehind() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000)
        try bench.files(torrent).write([UInt8](repeating: 1, count: 4_096), at: 70_000)
        #expect(bench.scratch.names == ["save", "save/film.mkv.part"])
        let storage = try bench.open(torrent)
        #expect(storage.had.isEmpty)
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.names == ["save", "save/film.mkv"])
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
        let whole = open(bench.folder + "/film.mkv", O_RDONLY)
        defer { close(whole) }
        #expect(is_part_of(whole, "\(torrent.metainfo.infoHash.primary)") == 0)
    }

    @Test func aPartialFileOfAnotherTorrentIsLeftAlone() throws {
        let bench = try Bench()
        let other = try TestTorrent(single: 150_000)
        try bench.files(other).write([UInt8](repeating: 1, count: 4_096), at: 70_000)
        let left = try #require(bench.scratch.bytes(of: "save/film.mkv.part"))
        let torrent = try TestTorrent(single: 200_000)
        let storage = try bench.open(torrent)
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.names == ["save", "save/film.mkv", "save/film.mkv.part"])
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
        #expect(bench.scratch.holds(left, in: "save/film.mkv.part"))
    }

    @Test func aFileThatComesInTheWayMeanwhileIsKeptAndOursToo() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000)
        let events = Collected<TorrentStorage.Event>()
        let storage = try bench.open(torrent, events: { events.append($0) })
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        let other = TestTorrent.random(200_000, seed: 99)
        try bench.scratch.write(other, to: "save/film.mkv")
        try storage.putAllMissing(torrent)
        let error = try storage.flushed()
        #expect(error?.kind == .existsWithOtherContent)
        #expect(error?.path == bench.folder + "/film.mkv")
        #expect(bench.scratch.holds(other, in: "save/film.mkv"))
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv.part"))
        #expect(!events.all.contains { if case .completed = $0 { true } else { false } })
        // Once it has gone, all is well.
        unlink(bench.folder + "/film.mkv")
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
        #expect(events.all.contains { if case .completed = $0 { true } else { false } })
    }

    @Test func whatComesInTheWayWithTheSameBytesIsKept() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000)
        let storage = try bench.open(torrent)
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        try bench.scratch.write(torrent.bytes, to: "save/film.mkv")
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.names == ["save", "save/film.mkv"])
    }

    @Test func aSmallFileThatCannotBeCheckedAloneIsComparedInTheEnd() throws {
        for isRight in [true, false] {
            let bench = try Bench()
            let torrent = try TestTorrent([
                File(path: ["big"], bytes: TestTorrent.random(100_000, seed: 1)),
                File(path: ["small"], bytes: TestTorrent.random(500, seed: 2)),
            ])
            let small = isRight ? torrent.bytes(ofFile: 1) : TestTorrent.random(500, seed: 9)
            try bench.scratch.write(small, to: "save/album/small")
            let storage = try bench.open(torrent)
            #expect(storage.had.isEmpty)
            try storage.putAll(torrent)
            let error = try storage.flushed()
            #expect(error?.kind == (isRight ? nil : .existsWithOtherContent))
            #expect(bench.scratch.holds(small, in: "save/album/small"))
            #expect(bench.scratch.holds(torrent.bytes(ofFile: 0), in: "save/album/big"))
            let mayStay = isRight ? nil : torrent.bytes(ofFile: 1)
            #expect(bench.scratch.holds(mayStay, in: "save/album/small.part"))
        }
    }

    @Test func aMissingNeighbourDoesNotCostAFileItsGoodPieces() throws {
        let bench = try Bench()
        let torrent = try TestTorrent([
            File(path: ["a"], bytes: TestTorrent.random(100_000, seed: 1)),
            File(path: ["b"], bytes: TestTorrent.random(100_000, seed: 2)),
        ])
        try bench.scratch.write(torrent.bytes(ofFile: 0), to: "save/album/a")
        let storage = try bench.open(torrent)
        #expect(storage.had.setCount == 3)
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.names == ["save", "save/album", "save/album/a", "save/album/b"])
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 0), in: "save/album/a"))
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 1), in: "save/album/b"))
    }

    @Test func whatWasHashedJustNowIsNotHashedAgain() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 200_000)
        try bench.scratch.write(torrent.bytes, to: "save/film.mkv")
        let checked = Collected<ContentChecker.Progress>()
        let storage = try bench.open(torrent, content: .hashedJustNow, checked: checked)
        #expect(storage.had.isFull)
        #expect(checked.all.isEmpty)
        // Unless it is not all there after all.
        truncate(bench.folder + "/film.mkv", 150_000)
        let again = try bench.open(torrent, content: .hashedJustNow, checked: checked)
        #expect(!again.had.isFull)
        #expect(!checked.all.isEmpty)
    }

    @Test func anEmptyFileThatIsThereAlreadyIsFineAndAFullOneIsNot() throws {
        for content in [[], [1]] as [[UInt8]] {
            let bench = try Bench()
            let torrent = try TestTorrent([
                File(path: ["a"], bytes: TestTorrent.random(100, seed: 1)),
                File(path: ["empty"], bytes: []),
            ])
            try bench.scratch.write(content, to: "save/album/empty")
            let events = Collected<TorrentStorage.Event>()
            let storage = try bench.open(torrent, events: { events.append($0) })
            try storage.putAll(torrent)
            #expect(try storage.flushed() == nil)
            let fault = events.all.compactMap {
                if case .fault(let error) = $0 { error } else { nil }
            }.first
            #expect(fault?.kind == (content.isEmpty ? nil : .existsWithOtherContent))
            #expect(bench.scratch.holds(content, in: "save/album/empty"))
        }
    }
}

/// Files that are not wanted.
@Suite struct SelectionTests {
    private func torrent() throws -> TestTorrent {
        try TestTorrent([
            File(path: ["a"], bytes: TestTorrent.random(50_000, seed: 1)),
            File(path: ["b"], bytes: TestTorrent.random(100_000, seed: 2)),
            File(path: ["c"], bytes: TestTorrent.random(50_000, seed: 3)),
        ])
    }

    private func hidden(_ torrent: TestTorrent) -> String {
        "save/.album.\("\(torrent.metainfo.infoHash.primary)".prefix(8)).parts"
    }

    @Test func bytesOfUnwantedFilesAreKeptAsideAndServed() throws {
        let bench = try Bench()
        let torrent = try torrent()
        let events = Collected<TorrentStorage.Event>()
        let storage = try bench.open(
            torrent, wanted: [FileIndex(0), FileIndex(2)], events: { events.append($0) })
        let wanted = storage.files.wantedPieces
        #expect(wanted.setCount == 5)
        try storage.putAllMissing(torrent, only: wanted)
        #expect(try storage.flushed() == nil)
        #expect(
            bench.scratch.names == [
                "save", hidden(torrent), "save/album", "save/album/a", "save/album/c",
            ])
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 0), in: "save/album/a"))
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 2), in: "save/album/c"))
        #expect(events.all.contains { if case .completed = $0 { true } else { false } })
        #expect(try storage.holds(torrent, 1))
    }

    @Test func aFileThatBecomesWantedTakesOverWhatWasKeptAside() throws {
        let bench = try Bench()
        let torrent = try torrent()
        let storage = try bench.open(torrent, wanted: [FileIndex(0), FileIndex(2)])
        try storage.putAllMissing(torrent, only: storage.files.wantedPieces)
        #expect(try storage.flushed() == nil)
        let all: Set = [FileIndex(0), FileIndex(1), FileIndex(2)]
        let error: StorageError? = try answer { storage.setWanted(all, completion: $0) }
        #expect(error == nil)
        #expect(try storage.holds(torrent, 1))
        #expect(try storage.holds(torrent, 4))
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 1), in: "save/album/b"))
        #expect(storage.had.isFull)
        #expect(
            bench.scratch.names == [
                "save", "save/album", "save/album/a", "save/album/b", "save/album/c",
            ])
    }

    @Test func whatIsKeptAsideStaysAsLongAsAFileNeedsIt() throws {
        let bench = try Bench()
        let torrent = try torrent()
        let storage = try bench.open(torrent, wanted: [FileIndex(1)])
        try storage.putAllMissing(torrent, only: storage.files.wantedPieces)
        let some: Set = [FileIndex(0), FileIndex(1)]
        let error: StorageError? = try answer { storage.setWanted(some, completion: $0) }
        #expect(error == nil)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.names.contains(hidden(torrent)))
        #expect(try storage.holds(torrent, 4))
    }

    @Test func whatWasKeptAsideIsTrustedAfterARestart() throws {
        let bench = try Bench()
        let store = try bench.store()
        let torrent = try torrent()
        let record = try store.add(torrent, in: bench.folder)
        let wanted: Set = [FileIndex(0), FileIndex(2)]
        let storage = try bench.open(torrent, record: record.id, store: store, wanted: wanted)
        try storage.putAllMissing(torrent, only: storage.files.wantedPieces)
        #expect(try storage.closed() == nil)
        let checked = Collected<ContentChecker.Progress>()
        let again = try bench.open(
            torrent, record: record.id, store: store, wanted: wanted, checked: checked)
        #expect(again.had.setCount == 5)
        #expect(checked.all.isEmpty)
        #expect(try again.closed() == nil)
        unlink(bench.scratch.path + "/" + hidden(torrent))
        let third = try bench.open(torrent, record: record.id, store: store, wanted: wanted)
        #expect(third.had.setCount == 3)
    }
}
