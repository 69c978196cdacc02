import Foundation
import Glibc
import Metainfo
import Testing
import Units

@testable import Storage

private typealias File = TestTorrent.File

/// What is done with the content of a torrent as a whole.
@Suite struct ContentTests {
    private let album: RecordedAlbum

    init() throws { album = try RecordedAlbum() }

    private var target: String { album.bench.scratch.path + "/other/place" }

    // MARK: Removing

    @Test func onlyWhatIsTheTorrentsIsRemoved() throws {
        try album.fill()
        try album.bench.scratch.write([1], to: "save/album/deep/mine.txt")
        try album.bench.scratch.write([2], to: "save/neighbour")
        #expect(try album.content().remove() == 3)
        #expect(
            album.bench.scratch.names.filter { $0.hasPrefix("save") } == [
                "save", "save/album", "save/album/deep", "save/album/deep/mine.txt",
                "save/neighbour",
            ])
    }

    @Test func whatIsNotWholeGoesTooAndTheEmptyFolders() throws {
        try album.fill(pieces: 2)
        #expect(try album.content().remove() > 0)
        #expect(album.bench.scratch.names.filter { $0.hasPrefix("save") } == ["save"])
    }

    @Test func aFileThatWasThereAndIsNotTheTorrentsStays() throws {
        try album.bench.scratch.write(
            TestTorrent.random(100_000, seed: 9), to: "save/album/a.bin")
        #expect(try album.content().remove() == 0)
        #expect(album.bench.scratch.bytes(of: "save/album/a.bin")?.count == 100_000)
    }

    @Test func aLinkIsNotFollowed() throws {
        try album.fill()
        try album.bench.scratch.write([1, 2, 3], to: "outside/er/b.bin")
        let deep = album.bench.folder + "/album/deep"
        try FileManager.default.removeItem(atPath: deep)
        try FileManager.default.createSymbolicLink(
            atPath: deep, withDestinationPath: album.bench.scratch.path + "/outside")
        _ = try? album.content().remove()
        #expect(album.bench.scratch.bytes(of: "outside/er/b.bin") == [1, 2, 3])
    }

    // MARK: Moving

    @Test(arguments: [nil, 2])
    func aMovedTorrentIsNotHashedAgain(pieces: Int?) throws {
        try album.fill(pieces: pieces)
        try album.bench.scratch.write([1], to: "save/album/mine.txt")
        var last: MoveProgress?
        try album.content().move(to: target) {
            last = $0
            return true
        }
        #expect(last.map { $0.total > 0 } == true)
        #expect(try album.store.torrents().map(\.folder) == [target])
        #expect(try album.store.moveTarget(of: album.id) == nil)
        let count = pieces ?? album.pieceCount
        #expect(try album.reopened(in: target) == (count, 0))
        #expect(
            album.bench.scratch.names.filter { $0.hasPrefix("save") } == [
                "save", "save/album", "save/album/mine.txt",
            ])
    }

    @Test func nothingThatIsThereIsWrittenOver() throws {
        try album.fill()
        try album.bench.scratch.write([7], to: "other/place/album/deep/er/b.bin")
        #expect(throws: StorageError.self) { try album.content().move(to: target) { _ in true } }
        #expect(album.bench.scratch.bytes(of: "other/place/album/deep/er/b.bin") == [7])
        #expect(try album.store.torrents().map(\.folder) == [album.bench.folder])
        #expect(try album.reopened(in: album.bench.folder) == (album.pieceCount, 0))
    }

    @Test func aMoveThatIsCalledOffLeavesAllWhereItWas() throws {
        try album.fill()
        var calls = 0
        #expect(throws: StorageError.self) {
            try album.content().move(to: target) { _ in
                calls += 1
                return calls < 3
            }
        }
        #expect(try album.store.moveTarget(of: album.id) == nil)
        #expect(try album.reopened(in: album.bench.folder) == (album.pieceCount, 0))
        #expect(album.bench.scratch.names.filter { $0.hasPrefix("other/place/") } == [])
    }

    @Test func aMoveThatACrashInterruptedIsFinished() throws {
        try album.fill()
        let pending = PendingMove(
            source: album.bench.folder, target: target, entries: try album.content().entries())
        try album.store.begin(pending, of: album.id)
        // One file had been moved when the process ended.
        try FileManager.default.createDirectory(
            atPath: target + "/album", withIntermediateDirectories: true)
        try FileManager.default.moveItem(
            atPath: album.bench.folder + "/album/a.bin", toPath: target + "/album/a.bin")
        #expect(try album.content().finishMove { _ in true } == target)
        #expect(try album.content(in: target).finishMove { _ in true } == nil)
        #expect(try album.reopened(in: target) == (album.pieceCount, 0))
        #expect(album.bench.scratch.names.filter { $0.hasPrefix("save/") } == [])
    }

    /// `/dev/shm` is another file system than that of temporary files on most machines.
    @Test func betweenFileSystemsItIsCopiedAndIsNotHashedAgain() throws {
        let target = "/dev/shm/swarm-\(UUID().uuidString)"
        guard DiskPools.device(of: "/dev/shm") != DiskPools.device(of: album.bench.folder) else {
            return
        }
        defer { try? FileManager.default.removeItem(atPath: target) }
        try album.fill()
        try album.content().move(to: target) { _ in true }
        #expect(album.bench.scratch.names.filter { $0.hasPrefix("save/") } == [])
        #expect(try album.reopened(in: target) == (album.pieceCount, 0))
        #expect(
            FileManager.default.contents(atPath: target + "/album/a.bin")
                == Data(TestTorrent.random(100_000, seed: 1)))
    }

    @Test func totalsAndCompletionAreGivenBack() throws {
        #expect(try album.store.totals(of: album.id) == TorrentTotals())
        try album.store.set(totals: [album.id: (uploaded: 7, downloaded: 8)])
        try album.store.set(completed: 1_700_000_009, of: album.id)
        #expect(
            try album.store.totals(of: album.id)
                == TorrentTotals(uploaded: 7, downloaded: 8, completed: 1_700_000_009))
    }
}
