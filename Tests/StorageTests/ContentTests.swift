import Foundation
import Glibc
import Metainfo
import Testing
import Units

@testable import Storage

private typealias File = TestTorrent.File

/// What is done with the content of a torrent as a whole.
@Suite struct ContentTests {
    private let bench: Bench
    private let torrent: TestTorrent
    private let store: SessionStore
    private let id: TorrentRecord.ID

    init() throws {
        self.bench = try Bench()
        self.torrent = try TestTorrent([
            File(path: ["a.bin"], bytes: TestTorrent.random(100_000, seed: 1)),
            File(path: ["deep", "er", "b.bin"], bytes: TestTorrent.random(50_000, seed: 2)),
            File(path: ["deep", "empty"], bytes: []),
        ])
        self.store = try bench.store()
        self.id = try store.add(torrent, in: bench.folder).id
    }

    private var target: String { bench.scratch.path + "/other/place" }

    private func content(in folder: String? = nil) -> TorrentContent {
        TorrentContent(torrent.metainfo, in: folder ?? bench.folder, store: store, record: id)
    }

    /// The torrent whole, or its first two pieces.
    private func fill(pieces: Int? = nil) throws {
        let storage = try bench.open(torrent, record: id, store: store)
        for piece in 0..<(pieces ?? torrent.layout.pieceCount) {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
        #expect(try storage.closed() == nil)
    }

    private func reopened(in folder: String) throws -> (had: Int, checked: Int) {
        let checked = Collected<ContentChecker.Progress>()
        var options = TorrentOpening.Options(folder: folder, record: id)
        options.createsFolder = true
        let result: Result<TorrentStorage, OpeningError> = try answer { answer in
            TorrentOpening.open(
                torrent.metainfo, options, resources: bench.resources(store),
                progress: { checked.append($0) }, completion: answer)
        }
        let storage = try result.get()
        let had = storage.had.setCount
        #expect(try storage.closed() == nil)
        return (had, checked.all.last?.totalPieces ?? 0)
    }

    // MARK: Removing

    @Test func onlyWhatIsTheTorrentsIsRemoved() throws {
        try fill()
        try bench.scratch.write([1], to: "save/album/deep/mine.txt")
        try bench.scratch.write([2], to: "save/neighbour")
        #expect(try content().remove() == 3)
        #expect(
            bench.scratch.names.filter { $0.hasPrefix("save") } == [
                "save", "save/album", "save/album/deep", "save/album/deep/mine.txt",
                "save/neighbour",
            ])
    }

    @Test func whatIsNotWholeGoesTooAndTheEmptyFolders() throws {
        try fill(pieces: 2)
        #expect(try content().remove() > 0)
        #expect(bench.scratch.names.filter { $0.hasPrefix("save") } == ["save"])
    }

    @Test func aFileThatWasThereAndIsNotTheTorrentsStays() throws {
        try bench.scratch.write(
            TestTorrent.random(100_000, seed: 9), to: "save/album/a.bin")
        #expect(try content().remove() == 0)
        #expect(bench.scratch.bytes(of: "save/album/a.bin")?.count == 100_000)
    }

    @Test func aLinkIsNotFollowed() throws {
        try fill()
        try bench.scratch.write([1, 2, 3], to: "outside/er/b.bin")
        let deep = bench.folder + "/album/deep"
        try FileManager.default.removeItem(atPath: deep)
        try FileManager.default.createSymbolicLink(
            atPath: deep, withDestinationPath: bench.scratch.path + "/outside")
        _ = try? content().remove()
        #expect(bench.scratch.bytes(of: "outside/er/b.bin") == [1, 2, 3])
    }

    // MARK: Moving

    @Test(arguments: [nil, 2])
    func aMovedTorrentIsNotHashedAgain(pieces: Int?) throws {
        try fill(pieces: pieces)
        try bench.scratch.write([1], to: "save/album/mine.txt")
        var last: MoveProgress?
        try content().move(to: target) {
            last = $0
            return true
        }
        #expect(last.map { $0.total > 0 } == true)
        #expect(try store.torrents().map(\.folder) == [target])
        #expect(try store.moveTarget(of: id) == nil)
        let count = pieces ?? torrent.layout.pieceCount
        #expect(try reopened(in: target) == (count, 0))
        #expect(
            bench.scratch.names.filter { $0.hasPrefix("save") } == [
                "save", "save/album", "save/album/mine.txt",
            ])
    }

    @Test func nothingThatIsThereIsWrittenOver() throws {
        try fill()
        try bench.scratch.write([7], to: "other/place/album/deep/er/b.bin")
        #expect(throws: StorageError.self) { try content().move(to: target) { _ in true } }
        #expect(bench.scratch.bytes(of: "other/place/album/deep/er/b.bin") == [7])
        #expect(try store.torrents().map(\.folder) == [bench.folder])
        #expect(try reopened(in: bench.folder) == (torrent.layout.pieceCount, 0))
    }

    @Test func aMoveThatIsCalledOffLeavesAllWhereItWas() throws {
        try fill()
        var calls = 0
        #expect(throws: StorageError.self) {
            try content().move(to: target) { _ in
                calls += 1
                return calls < 3
            }
        }
        #expect(try store.moveTarget(of: id) == nil)
        #expect(try reopened(in: bench.folder) == (torrent.layout.pieceCount, 0))
        #expect(bench.scratch.names.filter { $0.hasPrefix("other/place/") } == [])
    }

    @Test func aMoveThatACrashInterruptedIsFinished() throws {
        try fill()
        let pending = PendingMove(
            source: bench.folder, target: target, entries: try content().entries())
        try store.begin(pending, of: id)
        // One file had been moved when the process ended.
        try FileManager.default.createDirectory(
            atPath: target + "/album", withIntermediateDirectories: true)
        try FileManager.default.moveItem(
            atPath: bench.folder + "/album/a.bin", toPath: target + "/album/a.bin")
        #expect(try content().finishMove { _ in true } == target)
        #expect(try content(in: target).finishMove { _ in true } == nil)
        #expect(try reopened(in: target) == (torrent.layout.pieceCount, 0))
        #expect(bench.scratch.names.filter { $0.hasPrefix("save/") } == [])
    }

    /// `/dev/shm` is another file system than that of temporary files on most machines.
    @Test func betweenFileSystemsItIsCopiedAndIsNotHashedAgain() throws {
        let target = "/dev/shm/swarm-\(UUID().uuidString)"
        guard DiskPools.device(of: "/dev/shm") != DiskPools.device(of: bench.folder) else { return }
        defer { try? FileManager.default.removeItem(atPath: target) }
        try fill()
        try content().move(to: target) { _ in true }
        #expect(bench.scratch.names.filter { $0.hasPrefix("save/") } == [])
        #expect(try reopened(in: target) == (torrent.layout.pieceCount, 0))
        #expect(
            FileManager.default.contents(atPath: target + "/album/a.bin")
                == Data(TestTorrent.random(100_000, seed: 1)))
    }

    @Test func totalsAndCompletionAreGivenBack() throws {
        #expect(try store.totals(of: id) == TorrentTotals())
        try store.set(totals: [id: (uploaded: 7, downloaded: 8)])
        try store.set(completed: 1_700_000_009, of: id)
        #expect(
            try store.totals(of: id)
                == TorrentTotals(uploaded: 7, downloaded: 8, completed: 1_700_000_009))
    }
}
