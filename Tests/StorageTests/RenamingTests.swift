import Foundation
import Metainfo
import Testing
import Units

@testable import Storage

private typealias File = TestTorrent.File

/// What becomes of a torrent whose user calls its files something else.
@Suite struct RenamingTests {
    private let album: RecordedAlbum

    init() throws { album = try RecordedAlbum() }

    private var saved: [String] {
        album.bench.scratch.names.filter { $0.hasPrefix("save/") }.map { String($0.dropFirst(5)) }
    }

    // MARK: What is renamed

    @Test(arguments: [nil, 2])
    func whatIsRenamedIsNotHashedAgain(pieces: Int?) throws {
        try album.fill(pieces: pieces)
        try album.content().rename("album/a.bin", to: "first")
        try album.content().rename("album/deep", to: "shallow")
        try album.content().rename("album", to: "Sammlung")
        let renamed = try album.content().rename("Sammlung/shallow/er/b.bin", to: "second")
        let paths = album.torrent.layout.files.indices.map {
            renamed.path(of: FileIndex($0), in: album.torrent.metainfo).joined(separator: "/")
        }
        #expect(
            paths == ["Sammlung/first", "Sammlung/shallow/er/second", "Sammlung/shallow/empty"])
        #expect(renamed.name(of: album.torrent.metainfo) == "Sammlung")
        #expect(try album.store.renamedPaths(of: album.id) == renamed)
        let isWhole = pieces == nil
        #expect(saved.contains("Sammlung/first" + (isWhole ? "" : ".part")), "\(saved)")
        #expect(!saved.contains { $0.hasPrefix("album") }, "\(saved)")
        #expect(try album.reopened() == (pieces ?? album.pieceCount, 0))
        guard isWhole else { return }
        #expect(
            saved.filter { !$0.hasSuffix("er") && !$0.hasSuffix("shallow") } == ["Sammlung"] + [
                "Sammlung/first", "Sammlung/shallow/empty", "Sammlung/shallow/er/second",
            ])
    }

    @Test func whatIsNotThereYetIsMadeUnderItsNewName() throws {
        try album.content().rename("album/a.bin", to: "first")
        try album.fill()
        #expect(saved.contains("album/first"))
        #expect(!saved.contains { $0.hasPrefix("album/a.bin") })
    }

    @Test func aTorrentOfOneFileIsRenamed() throws {
        let film = try TestTorrent(single: 100_000)
        try album.fill(film, pieces: 1)
        try album.content(film).rename("film.mkv", to: "Film (2001).mkv")
        #expect(saved == ["Film (2001).mkv.part"])
        #expect(try album.reopened(film) == (1, 0))
        try album.fill(film)
        #expect(saved == ["Film (2001).mkv"])
    }

    @Test func aNameThatIsGivenBackIsForgotten() throws {
        try album.fill()
        try album.content().rename("album", to: "other")
        try album.content().rename("other/deep", to: "x")
        try album.content().rename("other", to: "album")
        #expect(try album.store.renamedPaths(of: album.id).names == ["album/deep": "x"])
        try album.content().rename("album/x", to: "deep")
        #expect(try album.store.renamedPaths(of: album.id) == RenamedPaths())
        #expect(try album.reopened() == (album.pieceCount, 0))
    }

    @Test func checkingMovingAndRemovingFindItUnderItsNewNames() throws {
        try album.fill()
        try album.content().rename("album/deep", to: "x")
        try album.content().rename("album", to: "other")
        #expect(
            try album.reopened(content: .checkAll)
                == (album.pieceCount, album.pieceCount))
        let target = album.bench.scratch.path + "/elsewhere"
        try album.content().move(to: target) { _ in true }
        #expect(saved == [])
        #expect(FileManager.default.fileExists(atPath: target + "/other/x/er/b.bin"))
        let moved = TorrentContent(
            album.torrent.metainfo, in: target, store: album.store, record: album.id)
        #expect(try moved.remove() == 3)
        #expect(!FileManager.default.fileExists(atPath: target + "/other"))
        // It goes with the torrent.
        try album.store.remove(album.id)
        #expect(try album.store.renamedPaths(of: album.id) == RenamedPaths())
    }

    @Test func whatIsNotTheTorrentsStaysWhereItIs() throws {
        try album.fill()
        try album.bench.scratch.write([1], to: "save/album/mine.txt")
        try album.content().rename("album", to: "other")
        #expect(album.bench.scratch.bytes(of: "save/album/mine.txt") == [1])
        #expect(saved.contains("other/a.bin"))
        // So the folder is there when it gets its name back.
        try album.content().rename("other", to: "album")
        #expect(saved.contains("album/a.bin"))
    }

    /// The unfinished file beside it has another name because of this one, and keeps it.
    @Test func renamingAFileDoesNotChangeWhereAnotherIs() throws {
        let torrent = try TestTorrent([
            File(path: ["a"], bytes: TestTorrent.random(100_000, seed: 1)),
            File(path: ["a.part"], bytes: TestTorrent.random(50_000, seed: 2)),
        ])
        try album.fill(torrent, pieces: 1)
        let before = saved
        try album.content(torrent).rename("album/a.part", to: "b")
        #expect(saved == before)
        #expect(try album.reopened(torrent) == (1, 0))
        try album.content(torrent).rename("album/b", to: "a.part")
        try album.fill(torrent)
        #expect(saved == ["album", "album/a", "album/a.part"])
    }

    // MARK: What is refused

    @Test("R8 a name that is none, is reserved or is taken changes nothing")
    func badNames() throws {
        try album.fill()
        try album.bench.scratch.write([7], to: "save/album/theirs")
        try album.bench.scratch.write([8], to: "save/neighbour")
        let before = saved
        let long = String(repeating: "x", count: 256)
        for name in [
            "", ".", "..", "../../x", "/etc/x", "a/b", "a\\b", "a\0b", "a\nb", "\u{202E}x", long,
            "x.part", ".x.\(FileNames.tag(of: album.torrent.metainfo)).moving",
        ] {
            #expect("\(name) is refused") {
                try album.content().rename("album/a.bin", to: name)
            } throws: { error in
                if case .badName? = error as? RenameError { true } else { false }
            }
        }
        for name in ["deep", "DEEP", "theirs"] {
            #expect(throws: RenameError.taken(name)) {
                try album.content().rename("album/a.bin", to: name)
            }
        }
        #expect(throws: RenameError.taken("theirs")) {
            try album.content().rename("album/deep", to: "theirs")
        }
        #expect(throws: RenameError.taken("neighbour")) {
            try album.content().rename("album", to: "neighbour")
        }
        for path in [
            "", "/", "album/", "album//a.bin", "album/../album/a.bin", "neighbour", "a.bin",
        ] {
            #expect(throws: RenameError.noSuchPath(path)) {
                try album.content().rename(path, to: "x")
            }
        }
        #expect(saved == before)
        #expect(album.bench.scratch.bytes(of: "save/album/theirs") == [7])
        #expect(try album.store.renamedPaths(of: album.id) == RenamedPaths())
        #expect(try !album.store.isRenaming(album.id))
        try album.content().rename("album/a.bin", to: String(long.dropLast()))
        #expect(try album.reopened() == (album.pieceCount, 0))
    }

    @Test func noLinkIsFollowed() throws {
        try album.fill()
        try FileManager.default.createSymbolicLink(
            atPath: album.bench.folder + "/away", withDestinationPath: "/tmp")
        #expect(throws: RenameError.taken("away")) {
            try album.content().rename("album", to: "away")
        }
        #expect(try album.reopened() == (album.pieceCount, 0))
    }

    @Test func namesStayWhileTheirDiskIsMissing() throws {
        try album.fill()
        rename(album.bench.folder, album.bench.folder + "-away")
        #expect(throws: RenameError.self) { try album.content().rename("album", to: "other") }
        rename(album.bench.folder + "-away", album.bench.folder)
        #expect(try album.store.renamedPaths(of: album.id) == RenamedPaths())
        #expect(try album.reopened() == (album.pieceCount, 0))
    }

    @Test func withoutAStoreNothingIsRenamed() throws {
        let content = TorrentContent(
            album.torrent.metainfo, in: album.bench.folder, store: nil, record: nil)
        #expect(throws: RenameError.notRemembered) { try content.rename("album", to: "other") }
    }

    // MARK: Crashes

    private func pending(_ path: String, to name: String) throws -> PendingRenaming {
        let none = RenamedPaths()
        let renaming = try Renaming(path, to: name, of: album.torrent.metainfo, none)
        return try album.content().pending(renaming, from: none, to: renaming.applied(to: none))
    }

    /// The process ends after so many files had their new names.
    @Test(arguments: 0...3)
    func whatACrashInterruptedIsFinished(count: Int) throws {
        try album.fill()
        let pending = try pending("album", to: "other")
        #expect(pending.steps.count == 3)
        try album.store.begin(pending, of: album.id)
        for step in pending.steps.prefix(count) {
            let target = album.bench.folder + "/" + step.to.joined(separator: "/")
            try FileManager.default.createDirectory(
                atPath: (target as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true)
            try FileManager.default.moveItem(
                atPath: album.bench.folder + "/" + step.from.joined(separator: "/"), toPath: target)
        }
        try album.content().finishRenaming()
        #expect(try !album.store.isRenaming(album.id))
        #expect(!saved.contains("album"))
        #expect(try album.reopened() == (album.pieceCount, 0))
    }

    @Test func whatCannotBeFinishedIsTakenBack() throws {
        try album.fill()
        let pending = try pending("album", to: "other")
        try album.store.begin(pending, of: album.id)
        try album.bench.scratch.write([9], to: "save/other/deep/er/b.bin")
        #expect(throws: StorageError.self) { try album.content().finishRenaming() }
        #expect(album.bench.scratch.bytes(of: "save/other/deep/er/b.bin") == [9])
        #expect(try album.store.renamedPaths(of: album.id) == RenamedPaths())
        #expect(try !album.store.isRenaming(album.id))
        #expect(try album.reopened() == (album.pieceCount, 0))
    }

    /// Whatever is done with the content next, it is first where it should be.
    @Test func whatACrashInterruptedIsFinishedBeforeAnythingElse() throws {
        try album.fill()
        try album.store.begin(try pending("album/a.bin", to: "first"), of: album.id)
        #expect(try album.content().remove() == 3)
        #expect(saved == [])
    }
}
