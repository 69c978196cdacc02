import Foundation
import Hashing
import Metainfo
import Storage
import Testing
import Units

@testable import Seedbox

/// Torrents that are known by a link only, and whose file is added then.
@Suite(.timeLimit(.minutes(10))) struct LinkAndFileTests {
    private let scratch: ModelScratch
    private let album = TestTorrent("Album", tracker: "http://127.0.0.1:1/announce")

    init() throws { scratch = try ModelScratch() }

    private func link(
        to torrent: TestTorrent, _ adjust: (inout AddRequest) -> Void = { _ in }
    ) throws -> AddRequest {
        let hash = try #require(SHA1Digest(bytes: torrent.infoHash))
        var request = AddRequest(
            .link("magnet:?xt=urn:btih:\(hash)&tr=http://127.0.0.1:2/announce"))
        adjust(&request)
        return request
    }

    private func file(_ torrent: TestTorrent) -> AddRequest {
        AddRequest(.manifest(torrent.manifest))
    }

    /// A hybrid torrent of content that nobody has.
    private func hybrid() throws -> Metainfo {
        let builder = try MetainfoBuilder(
            name: Array("Both".utf8),
            files: [
                .init(path: [Array("a".utf8)], length: 16_384),
                .init(path: [Array("b".utf8)], length: 16_384),
            ],
            isSingleFile: false, pieceLength: 16_384, version: .hybrid)
        let roots = builder.layout.files.map { file in
            [SHA256Digest.hash(Array("\(file.path)".utf8))]
        }
        let pieces = (0..<builder.layout.pieceCount).flatMap { SHA1Digest.hash([UInt8($0)]).bytes }
        return try builder.build(pieces: pieces, pieceRoots: roots)
    }

    @Test func oneThatIsActiveBecomesWhatTheFileSays() async throws {
        var box = try await TestBox.open("box", in: scratch)
        try album.write(to: box.folder)
        let id = try await box.box.add(try link(to: album)).id
        try await box.wait(for: id, "asks") { $0.state == .fetchingMetadata }
        let added = try await box.box.add(file(album))
        #expect((added.id, added.isNew) == (id, false))
        let row = try #require(box.box.catalogue.row(id))
        #expect((row.name, row.content?.fileCount) == ("Album", 2))
        try await box.wait(for: id, "finds its content") { $0.state == .seeding && $0.isComplete }
        #expect(box.box.statistics.allTime.torrentsAdded == 1)
        let trackers = ["http://127.0.0.1:1/announce", "http://127.0.0.1:2/announce"]
        #expect(try await box.box.trackers(of: id).map(\.url).sorted() == trackers)
        let manifest = try await box.box.manifest(of: id)
        await box.box.shutdown()

        box = try await TestBox.open("box", in: scratch)
        #expect(try await box.box.manifest(of: id) == manifest)
        #expect(try Metainfo(manifest).announceTiers == trackers.map { [$0] })
        try await box.wait(for: id, "seeds again") { $0.state == .seeding }
        await box.box.shutdown()
    }

    @Test func oneThatIsPausedStaysSoAndShowsItsFiles() async throws {
        var box = try await TestBox.open("box", in: scratch)
        try album.write(to: box.folder)
        let id = try await box.box.add(try link(to: album) { $0.startsPaused = true }).id
        #expect(try await box.box.add(file(album)).isNew == false)
        let row = try #require(box.box.catalogue.row(id))
        #expect((row.state, row.name, row.isComplete) == (.paused, "Album", false))
        #expect(try await box.box.files(of: id).map(\.path) == ["Album/a.bin", "Album/b.bin"])
        await box.box.shutdown()

        box = try await TestBox.open("box", in: scratch)
        #expect(box.box.catalogue.row(id)?.state == .paused)
        #expect(box.box.catalogue.row(id)?.content?.length == 170_000)
        try await box.box.start([id])
        try await box.wait(for: id, "finds its content") { $0.state == .seeding && $0.isComplete }
        await box.box.shutdown()
    }

    @Test func oneThatIsQueuedStaysSo() async throws {
        let box = try await TestBox.open("box", in: scratch) { $0.queue.activeDownloads = 1 }
        let first = try await box.box.add(try link(to: TestTorrent("Other"))).id
        let id = try await box.box.add(try link(to: album)).id
        try await box.wait(for: first, "asks") { $0.state == .fetchingMetadata }
        #expect(try await box.box.add(file(album)).id == id)
        let row = try await box.wait(for: id, "waits") { $0.state == .queued }
        #expect(row.content?.fileCount == 2)
        #expect(box.box.torrent(id) == nil)
        await box.box.shutdown()
    }

    @Test func filesThatWereChosenBeforeStayChosen() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let id = try await box.box.add(
            try link(to: album) { ($0.wantedFiles, $0.startsPaused) = ([1], true) }
        ).id
        _ = try await box.box.add(file(album))
        #expect(try await box.box.files(of: id).map(\.isWanted) == [false, true])
        #expect(box.box.catalogue.row(id)?.bytesWanted == Int64(170_000 - 3 * 32_768))

        // Of which there is none: the file is not what was meant.
        let other = TestTorrent("Other")
        let odd = try await box.box.add(
            try link(to: other) { ($0.wantedFiles, $0.startsPaused) = ([7], true) }
        ).id
        await #expect(throws: SeedboxError.self) { try await box.box.add(file(other)) }
        #expect(box.box.catalogue.row(odd)?.content == nil)
        await box.box.shutdown()
    }

    /// A link may name either hash of a hybrid torrent; the file has both.
    @Test func aHybridTorrentIsFoundByBothItsHashesFromThenOn() async throws {
        let torrent = try hybrid()
        let (v1, v2) = (try #require(torrent.infoHash.v1), try #require(torrent.infoHash.v2))
        for (number, named) in [
            "urn:btih:\(v1)", "urn:btmh:1220\(v2)", "urn:btih:\(v2.truncated)",
        ].enumerated() {
            let box = try await TestBox.open("box\(number)", in: scratch)
            var request = AddRequest(.link("magnet:?xt=\(named)"))
            request.startsPaused = true
            let id = try await box.box.add(request).id
            #expect(try await box.box.add(AddRequest(.manifest(torrent.encoded()))).id == id)
            #expect(box.box.catalogue.row(id)?.infoHash == torrent.infoHash)
            for hex in ["\(v1)", "\(v2)"] { #expect(box.box.catalogue.row(named: hex)?.id == id) }
            #expect(try await box.box.manifest(of: id) == torrent.encoded())
            await box.box.shutdown()
            let again = try await TestBox.open("box\(number)", in: scratch)
            #expect(again.box.catalogue.row(named: "\(v2)")?.content?.fileCount == 2)
            await again.box.shutdown()
        }
    }

    @Test func aFileWhoseOtherHashIsAnotherTorrentsIsRefused() async throws {
        let torrent = try hybrid()
        let box = try await TestBox.open("box", in: scratch)
        var ids: [TorrentID] = []
        let (v1, v2) = (try #require(torrent.infoHash.v1), try #require(torrent.infoHash.v2))
        for named in ["urn:btih:\(v1)", "urn:btmh:1220\(v2)"] {
            var request = AddRequest(.link("magnet:?xt=\(named)&dn=\(named.count)"))
            request.startsPaused = true
            ids.append(try await box.box.add(request).id)
        }
        let name = try #require(box.box.catalogue.row(ids[1])?.name)
        await #expect(throws: SeedboxError.exists(name)) {
            try await box.box.add(AddRequest(.manifest(torrent.encoded())))
        }
        #expect(ids.allSatisfy { box.box.catalogue.row($0)?.content == nil })
        // Nor is it the torrent of a link that names another second hash.
        try await box.box.remove(ids)
        var lie = AddRequest(
            .link("magnet:?xt=urn:btih:\(v1)&xt=urn:btmh:1220\(SHA256Digest.hash([1]))"))
        lie.startsPaused = true
        _ = try await box.box.add(lie)
        await #expect(throws: SeedboxError.self) {
            try await box.box.add(AddRequest(.manifest(torrent.encoded())))
        }
        await box.box.shutdown()
    }

    /// The power may go between the two places where it is written down.
    @Test func metadataThatOnlyTheTorrentsOwnRecordHasIsShownOnceItIsStarted() async throws {
        var box = try await TestBox.open("box", in: scratch)
        let id = try await box.box.add(try link(to: album) { $0.startsPaused = true }).id
        let metainfo = try Metainfo(album.manifest)
        try box.box.store.learn(
            album.manifest, infoHash: metainfo.infoHash, name: metainfo.name, wantedFiles: nil,
            of: id.record)
        await box.box.shutdown()
        box = try await TestBox.open("box", in: scratch)
        try album.write(to: box.folder)
        try await box.box.start([id])
        let row = try await box.wait(for: id, "seeds") { $0.state == .seeding }
        #expect((row.content?.fileCount, row.isComplete) == (2, true))
        await box.box.shutdown()
    }
}
