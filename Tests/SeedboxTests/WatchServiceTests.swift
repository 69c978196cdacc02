import Foundation
import Logging
import Testing
import Units

@testable import Seedbox

/// Real folders. What is added goes into a list.
@Suite struct WatchServiceTests {
    private struct Ground {
        let folder: URL
        let requests = Shared<[AddRequest]>([])
        let counters = AutomationCounters()

        func exists(_ name: String) -> Bool {
            // Not through a link.
            (try? FileManager.default.attributesOfItem(atPath: folder.appending(path: name).path))
                != nil
        }

        func put(_ name: String, _ text: String) throws {
            let hidden = folder.appending(path: ".\(name).part")
            try Data(text.utf8).write(to: hidden)
            try FileManager.default.moveItem(at: hidden, to: folder.appending(path: name))
        }

        func text(_ name: String) -> String {
            (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
        }
    }

    /// - Parameter refusing: why nothing can be added.
    private func withService(
        refusing: SeedboxError? = nil, change: (inout Settings.WatchFolder) -> Void = { _ in },
        _ body: (Ground) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "watch-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let ground = Ground(folder: folder)
        var settings = Settings.WatchFolder(folder: folder.path)
        change(&settings)
        let requests = ground.requests
        let service = WatchService(
            settings, counters: ground.counters,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        ) { request throws(SeedboxError) in
            if let refusing { throw refusing }
            requests.change { $0.append(request) }
            return Added(id: TorrentID(1), isNew: true)
        }
        let task = Task { await service.run() }
        defer { task.cancel() }
        try await body(ground)
    }

    @Test func aFileThatIsPutThereIsAddedAndPutAway() async throws {
        try await withService(change: {
            $0.category = "tv"
            $0.labels = ["x"]
            $0.startsPaused = true
        }) { ground in
            try ground.put("a.torrent", "d4:infoe")
            try await eventually("it is put away") { ground.exists(".added/a.torrent") }
            #expect(!ground.exists("a.torrent"))
            let request = try #require(ground.requests.value.first)
            guard case .manifest(let bytes) = request.source else {
                Issue.record("no manifest")
                return
            }
            #expect(bytes == Array("d4:infoe".utf8))
            #expect(request.category == "tv")
            #expect(request.labels == ["x"])
            #expect(request.startsPaused == true)
        }
    }

    @Test func aLinkIsReadFromItsFirstLine() async throws {
        try await withService { ground in
            try ground.put("a.magnet", "\n  magnet:?xt=urn:btih:00 \r\nmore\n")
            try await eventually("it is put away") { ground.exists(".added/a.magnet") }
            guard case .link(let link) = ground.requests.value.first?.source else {
                Issue.record("no link")
                return
            }
            #expect(link == "magnet:?xt=urn:btih:00")
        }
    }

    @Test func aSecondFileOfTheSameNameGetsANameOfItsOwn() async throws {
        try await withService { ground in
            try ground.put("a.torrent", "1")
            try await eventually("it is put away") { ground.exists(".added/a.torrent") }
            try ground.put("a.torrent", "2")
            try await eventually("so is the other") { ground.exists(".added/a (2).torrent") }
            #expect(ground.text(".added/a.torrent") == "1")
            #expect(ground.text(".added/a (2).torrent") == "2")
        }
    }

    @Test("R8 links in a watch folder lead nowhere")
    func linksAreNotFollowed() async throws {
        try await withService { ground in
            let files = FileManager.default
            let outside = ground.folder.appending(path: "outside.txt")
            try Data("secret".utf8).write(to: outside)
            try files.createSymbolicLink(
                at: ground.folder.appending(path: "a.torrent"), withDestinationURL: outside)
            try ground.put("b.torrent", "1")
            try await eventually("the file is added") { ground.exists(".added/b.torrent") }
            #expect(ground.requests.value.count == 1)
            #expect(ground.exists("a.torrent"))
        }
    }

    @Test("R8 a link in place of the folder for what was added is not followed")
    func putAwayFoldersAreNoLinks() async throws {
        try await withService { ground in
            let elsewhere = FileManager.default.temporaryDirectory.appending(path: "e-\(UUID())")
            try FileManager.default.createDirectory(
                at: elsewhere, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: elsewhere) }
            try FileManager.default.createSymbolicLink(
                at: ground.folder.appending(path: ".added"), withDestinationURL: elsewhere)
            try ground.put("a.torrent", "1")
            try await eventually("it is added") { !ground.requests.value.isEmpty }
            try ground.put("b.torrent", "1")
            try await eventually("so is the next") { ground.requests.value.count == 2 }
            #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere.path) == [])
            #expect(ground.exists("a.torrent"))
        }
    }

    @Test func aFolderThatComesLaterIsWatchedToo() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "watch-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(throws: WatchedDirectory.Fault.self) { try WatchedDirectory(folder.path) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let directory = try WatchedDirectory(folder.path)
        #expect(try directory.list().isEmpty)
        #expect(directory.tellsEvents)
    }

    @Test func whatIsTooLargeIsNotRead() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "watch-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(count: 11).write(to: folder.appending(path: "a.magnet"))
        mkfifo(folder.appending(path: "b.magnet").path, 0o644)
        let directory = try WatchedDirectory(folder.path)
        #expect(throws: WatchedDirectory.Fault.self) {
            try directory.read("a.magnet", bytesMax: 10)
        }
        #expect(try directory.read("a.magnet", bytesMax: 11).count == 11)
        #expect(throws: WatchedDirectory.Fault.self) {
            try directory.read("b.magnet", bytesMax: 10)
        }
        #expect(try directory.list().first { $0.name == "b.magnet" }?.isRegularFile == false)
    }

    @Test func aReasonIsPutBesideWhatCannotBeAdded() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "watch-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("x".utf8).write(to: folder.appending(path: "a.torrent"))
        let directory = try WatchedDirectory(folder.path)
        let name = try directory.move("a.torrent", to: WatchedDirectory.failedFolder)
        try directory.write("no torrent\n", to: "\(name).reason", in: WatchedDirectory.failedFolder)
        let ground = Ground(folder: folder)
        #expect(ground.text(".failed/a.torrent") == "x")
        #expect(ground.text(".failed/a.torrent.reason") == "no torrent\n")
    }
}
