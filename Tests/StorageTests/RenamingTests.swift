import Foundation
import Metainfo
import Testing
import Units

@testable import Storage

private typealias File = TestTorrent.File

/// What becomes of a torrent whose user calls its files something else.
@Suite struct RenamingTests {
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

    private func content(_ torrent: TestTorrent? = nil) -> TorrentContent {
        TorrentContent(
            (torrent ?? self.torrent).metainfo, in: bench.folder, store: store, record: id)
    }

    private func fill(_ torrent: TestTorrent? = nil, pieces: Int? = nil) throws {
        let torrent = torrent ?? self.torrent
        let storage = try bench.open(torrent, record: id, store: store)
        for piece in 0..<(pieces ?? torrent.layout.pieceCount) {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
        #expect(try storage.closed() == nil)
    }

    /// The pieces that are had when it is opened again, and those that were hashed for that.
    private func reopened(
        _ torrent: TestTorrent? = nil, content: TorrentOpening.Options.Content = .asRecorded
    ) throws -> [Int] {
        let checked = Collected<ContentChecker.Progress>()
        let storage = try bench.open(
            torrent ?? self.torrent, record: id, store: store, content: content, checked: checked)
        defer { _ = try? storage.closed() }
        return [storage.had.setCount, checked.all.last?.totalPieces ?? 0]
    }

    private var saved: [String] {
        bench.scratch.names.filter { $0.hasPrefix("save/") }.map { String($0.dropFirst(5)) }
    }

    // MARK: What is renamed

    @Test(arguments: [nil, 2])
    func whatIsRenamedIsNotHashedAgain(pieces: Int?) throws {
        try fill(pieces: pieces)
        try content().rename("album/a.bin", to: "first")
        try content().rename("album/deep", to: "shallow")
        try content().rename("album", to: "Sammlung")
        let renamed = try content().rename("Sammlung/shallow/er/b.bin", to: "second")
        let paths = torrent.layout.files.indices.map {
            renamed.path(of: FileIndex($0), in: torrent.metainfo).joined(separator: "/")
        }
        #expect(
            paths == ["Sammlung/first", "Sammlung/shallow/er/second", "Sammlung/shallow/empty"])
        #expect(renamed.name(of: torrent.metainfo) == "Sammlung")
        #expect(try store.renamedPaths(of: id) == renamed)
        let isWhole = pieces == nil
        #expect(saved.contains("Sammlung/first" + (isWhole ? "" : ".part")), "\(saved)")
        #expect(!saved.contains { $0.hasPrefix("album") }, "\(saved)")
        #expect(try reopened() == [pieces ?? torrent.layout.pieceCount, 0])
        guard isWhole else { return }
        #expect(
            saved.filter { !$0.hasSuffix("er") && !$0.hasSuffix("shallow") } == ["Sammlung"] + [
                "Sammlung/first", "Sammlung/shallow/empty", "Sammlung/shallow/er/second",
            ])
    }

    @Test func whatIsNotThereYetIsMadeUnderItsNewName() throws {
        try content().rename("album/a.bin", to: "first")
        try fill()
        #expect(saved.contains("album/first"))
        #expect(!saved.contains { $0.hasPrefix("album/a.bin") })
    }

    @Test func aTorrentOfOneFileIsRenamed() throws {
        let film = try TestTorrent(single: 100_000)
        try fill(film, pieces: 1)
        try content(film).rename("film.mkv", to: "Film (2001).mkv")
        #expect(saved == ["Film (2001).mkv.part"])
        #expect(try reopened(film) == [1, 0])
        try fill(film)
        #expect(saved == ["Film (2001).mkv"])
    }

    @Test func aNameThatIsGivenBackIsForgotten() throws {
        try fill()
        try content().rename("album", to: "other")
        try content().rename("other/deep", to: "x")
        try content().rename("other", to: "album")
        #expect(try store.renamedPaths(of: id).names == ["album/deep": "x"])
        try content().rename("album/x", to: "deep")
        #expect(try store.renamedPaths(of: id) == RenamedPaths())
        #expect(try reopened() == [torrent.layout.pieceCount, 0])
    }

    @Test func checkingMovingAndRemovingFindItUnderItsNewNames() throws {
        try fill()
        try content().rename("album/deep", to: "x")
        try content().rename("album", to: "other")
        #expect(
            try reopened(content: .checkAll)
                == [torrent.layout.pieceCount, torrent.layout.pieceCount])
        let target = bench.scratch.path + "/elsewhere"
        try content().move(to: target) { _ in true }
        #expect(saved == [])
        #expect(FileManager.default.fileExists(atPath: target + "/other/x/er/b.bin"))
        let moved = TorrentContent(torrent.metainfo, in: target, store: store, record: id)
        #expect(try moved.remove() == 3)
        #expect(!FileManager.default.fileExists(atPath: target + "/other"))
        // It goes with the torrent.
        try store.remove(id)
        #expect(try store.renamedPaths(of: id) == RenamedPaths())
    }

    @Test func whatIsNotTheTorrentsStaysWhereItIs() throws {
        try fill()
        try bench.scratch.write([1], to: "save/album/mine.txt")
        try content().rename("album", to: "other")
        #expect(bench.scratch.bytes(of: "save/album/mine.txt") == [1])
        #expect(saved.contains("other/a.bin"))
        // So the folder is there when it gets its name back.
        try content().rename("other", to: "album")
        #expect(saved.contains("album/a.bin"))
    }

    /// The unfinished file beside it has another name because of this one, and keeps it.
    @Test func renamingAFileDoesNotChangeWhereAnotherIs() throws {
        let torrent = try TestTorrent([
            File(path: ["a"], bytes: TestTorrent.random(100_000, seed: 1)),
            File(path: ["a.part"], bytes: TestTorrent.random(50_000, seed: 2)),
        ])
        try fill(torrent, pieces: 1)
        let before = saved
        try content(torrent).rename("album/a.part", to: "b")
        #expect(saved == before)
        #expect(try reopened(torrent) == [1, 0])
        try content(torrent).rename("album/b", to: "a.part")
        try fill(torrent)
        #expect(saved == ["album", "album/a", "album/a.part"])
    }

    // MARK: What is refused

    @Test("R8 a name that is none, is reserved or is taken changes nothing")
    func badNames() throws {
        try fill()
        try bench.scratch.write([7], to: "save/album/theirs")
        try bench.scratch.write([8], to: "save/neighbour")
        let before = saved
        let long = String(repeating: "x", count: 256)
        for name in [
            "", ".", "..", "../../x", "/etc/x", "a/b", "a\\b", "a\0b", "a\nb", "\u{202E}x", long,
            "x.part", ".x.\(FileNames.tag(of: torrent.metainfo)).moving",
        ] {
            #expect("\(name) is refused") {
                try content().rename("album/a.bin", to: name)
            } throws: { error in
                if case .badName? = error as? RenameError { true } else { false }
            }
        }
        for name in ["deep", "DEEP", "theirs"] {
            #expect(throws: RenameError.taken(name)) {
                try content().rename("album/a.bin", to: name)
            }
        }
        #expect(throws: RenameError.taken("theirs")) {
            try content().rename("album/deep", to: "theirs")
        }
        #expect(throws: RenameError.taken("neighbour")) {
            try content().rename("album", to: "neighbour")
        }
        for path in [
            "", "/", "album/", "album//a.bin", "album/../album/a.bin", "neighbour", "a.bin",
        ] {
            #expect(throws: RenameError.noSuchPath(path)) { try content().rename(path, to: "x") }
        }
        #expect(saved == before)
        #expect(bench.scratch.bytes(of: "save/album/theirs") == [7])
        #expect(try store.renamedPaths(of: id) == RenamedPaths())
        #expect(try !store.isRenaming(id))
        try content().rename("album/a.bin", to: String(long.dropLast()))
        #expect(try reopened() == [torrent.layout.pieceCount, 0])
    }

    @Test func noLinkIsFollowed() throws {
        try fill()
        try FileManager.default.createSymbolicLink(
            atPath: bench.folder + "/away", withDestinationPath: "/tmp")
        #expect(throws: RenameError.taken("away")) { try content().rename("album", to: "away") }
        #expect(try reopened() == [torrent.layout.pieceCount, 0])
    }

    @Test func namesStayWhileTheirDiskIsMissing() throws {
        try fill()
        rename(bench.folder, bench.folder + "-away")
        #expect(throws: RenameError.self) { try content().rename("album", to: "other") }
        rename(bench.folder + "-away", bench.folder)
        #expect(try store.renamedPaths(of: id) == RenamedPaths())
        #expect(try reopened() == [torrent.layout.pieceCount, 0])
    }

    @Test func withoutAStoreNothingIsRenamed() throws {
        let content = TorrentContent(torrent.metainfo, in: bench.folder, store: nil, record: nil)
        #expect(throws: RenameError.notRemembered) { try content.rename("album", to: "other") }
    }

    // MARK: Crashes

    private func pending(_ path: String, to name: String) throws -> PendingRenaming {
        let none = RenamedPaths()
        let renaming = try Renaming(path, to: name, of: torrent.metainfo, none)
        return try content().pending(renaming, from: none, to: renaming.applied(to: none))
    }

    /// The process ends after so many files had their new names.
    @Test(arguments: 0...3)
    func whatACrashInterruptedIsFinished(count: Int) throws {
        try fill()
        let pending = try pending("album", to: "other")
        #expect(pending.steps.count == 3)
        try store.begin(pending, of: id)
        for step in pending.steps.prefix(count) {
            let target = bench.folder + "/" + step.to.joined(separator: "/")
            try FileManager.default.createDirectory(
                atPath: (target as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true)
            try FileManager.default.moveItem(
                atPath: bench.folder + "/" + step.from.joined(separator: "/"), toPath: target)
        }
        try content().finishRenaming()
        #expect(try !store.isRenaming(id))
        #expect(!saved.contains("album"))
        #expect(try reopened() == [torrent.layout.pieceCount, 0])
    }

    @Test func whatCannotBeFinishedIsTakenBack() throws {
        try fill()
        let pending = try pending("album", to: "other")
        try store.begin(pending, of: id)
        try bench.scratch.write([9], to: "save/other/deep/er/b.bin")
        #expect(throws: StorageError.self) { try content().finishRenaming() }
        #expect(bench.scratch.bytes(of: "save/other/deep/er/b.bin") == [9])
        #expect(try store.renamedPaths(of: id) == RenamedPaths())
        #expect(try !store.isRenaming(id))
        #expect(try reopened() == [torrent.layout.pieceCount, 0])
    }

    /// Whatever is done with the content next, it is first where it should be.
    @Test func whatACrashInterruptedIsFinishedBeforeAnythingElse() throws {
        try fill()
        try store.begin(try pending("album/a.bin", to: "first"), of: id)
        #expect(try content().remove() == 3)
        #expect(saved == [])
    }
}
