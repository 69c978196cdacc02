import Chunker
import Foundation
import Hashing
import Metainfo
import Storage
import SwarmEngine
import Testing
import Units

/// Torrents of which a session knows no more than a link says.
@Suite(.timeLimit(.minutes(10))) struct MagnetTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try TransferTests.tree(scratch)
    }

    private func seed(_ manifest: Metainfo) async throws -> Session {
        let session = try await TransferTests.session(scratch)
        let torrent = try await session.add(
            TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
        try await TransferTests.completion(of: torrent)
        return session
    }

    private func request(
        _ link: MagnetLink, from session: Session, into folder: String = "out"
    ) throws -> TorrentRequest {
        var request = TorrentRequest(magnet: link, directory: try scratch.folder(folder))
        request.peers = [TransferTests.endpoint(of: session)]
        return request
    }

    /// The names of the events until the torrent is complete.
    private func story(of torrent: Torrent) async throws -> [String] {
        var story: [String] = []
        for await event in torrent.events {
            switch event {
            case .fetchingMetadata: story.append("asks")
            case .metadata(let metainfo): story.append("learns \(metainfo.name)")
            case .resumed: story.append("begins")
            case .completed: return story + ["completes"]
            case .failed(let error): throw error
            default: continue
            }
        }
        return story
    }

    private func expectSame(_ folder: String = "out") throws {
        let sent = try Scratch.files(below: scratch.path + "/content")
        let arrived = try Scratch.files(below: scratch.path + "/\(folder)/content")
        #expect(arrived == sent)
    }

    /// Padding has a number in the metainfo, and none among the files that users see.
    @Test func filesAreChosenByTheirPlacesAmongThoseThatAreShown() async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let shown = manifest.layout.files.indices.filter { !manifest.layout.files[$0].isPad }
        try #require(shown.last != shown.count - 1)
        let seeding = try await seed(manifest)
        let fetching = try await TransferTests.session(scratch)
        var request = try request(MagnetLink(infoHash: manifest.infoHash), from: seeding)
        request.shownFiles = [shown.count - 1, shown.count]
        let torrent = try await fetching.add(request)
        _ = try await story(of: torrent)
        let wanted = await torrent.files().map(\.isWanted)
        #expect(wanted == shown.dropLast().map { _ in false } + [true])
        request.shownFiles = [shown.count]
        await fetching.remove(torrent)
        let other = try await fetching.add(request)
        await #expect(throws: EngineError.self) { try await story(of: other) }
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test(arguments: [ChunkFormat.v1, .v2, .hybrid])
    func contentArrivesThatIsKnownByItsHashOnly(format: ChunkFormat) async throws {
        let manifest = try scratch.manifest(of: "content", format)
        let seeding = try await seed(manifest)
        let fetching = try await TransferTests.session(scratch)
        let torrent = try await fetching.add(
            try request(MagnetLink(infoHash: manifest.infoHash), from: seeding))
        let story = try await story(of: torrent)
        #expect(story == ["asks", "learns content", "begins", "completes"])
        #expect(torrent.metainfo?.infoBytes == manifest.infoBytes)
        #expect(torrent.metainfo?.filesWithoutPieceLayer.isEmpty == true)
        #expect(torrent.name == "content")
        await fetching.shutdown()
        await seeding.shutdown()
        try expectSame()
    }

    /// A hybrid torrent is known by either of its hashes, and by the first 20 bytes of the second.
    @Test(arguments: 0..<3)
    func aHybridTorrentIsFoundByEachOfItsHashes(which: Int) async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let v1 = try #require(manifest.infoHash.v1)
        let v2 = try #require(manifest.infoHash.v2)
        let hash = [InfoHash(v1: v1), InfoHash(v2: v2), InfoHash(v1: v2.truncated)][which]
        let seeding = try await seed(manifest)
        let fetching = try await TransferTests.session(scratch)
        let torrent = try await fetching.add(
            try request(MagnetLink(infoHash: hash), from: seeding))
        try await TransferTests.completion(of: torrent)
        #expect(torrent.infoHash == hash)
        #expect(torrent.metainfo?.infoHash == manifest.infoHash)
        await fetching.shutdown()
        await seeding.shutdown()
        try expectSame()
    }

    /// Of one that is known by its v1 hash nobody was asked for the v2 hashes: they are made of the
    /// content, so that a later run, and others, have the whole manifest.
    @Test func theV2HashesOfAHybridTorrentAreMadeIfNobodySendsThem() async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let v1 = InfoHash(v1: try #require(manifest.infoHash.v1))
        let seeding = try await seed(manifest)
        let fetching = try await TransferTests.session(scratch, state: "state")
        let torrent = try await fetching.add(
            try request(MagnetLink(infoHash: v1), from: seeding))
        for await event in torrent.events {
            if case .metadata(let begun) = event { #expect(begun.filesWithoutPieceLayer != []) }
            if case .completed = event { break }
        }
        #expect(torrent.metainfo?.filesWithoutPieceLayer.isEmpty == true)
        await fetching.shutdown()
        await seeding.shutdown()

        let later = try await TransferTests.session(scratch, state: "state")
        let kept = try #require(later.store).torrents(matching: manifest.infoHash)
        let bytes = try #require(kept.first?.metainfo)
        let whole = try Metainfo(bytes)
        #expect(whole.infoHash == manifest.infoHash)
        for file in manifest.layout.files.indices.map({ FileIndex($0) }) {
            #expect(whole.pieceLayer(of: file) == manifest.pieceLayer(of: file))
        }
        await later.shutdown()
    }

    @Test func theLinkSelectsFiles() async throws {
        let manifest = try scratch.manifest(of: "content", .v1)
        let small = try #require(
            manifest.layout.files.firstIndex { $0.path.last == "one byte" })
        let number = UInt32(small)
        let seeding = try await seed(manifest)
        let fetching = try await TransferTests.session(scratch)
        let link = MagnetLink(
            infoHash: manifest.infoHash, selectedFiles: FileSelection([number...number]))
        let torrent = try await fetching.add(try request(link, from: seeding))
        try await TransferTests.completion(of: torrent)
        await fetching.shutdown()
        await seeding.shutdown()
        let arrived = try Scratch.files(below: scratch.path + "/out/content")
        #expect(Array(arrived.keys) == ["deep/er/one byte"])
    }

    /// A pad file is nothing that there is.
    @Test func aSelectionOfNothingThatThereIsFails() async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let pad = manifest.layout.files.firstIndex { $0.isPad }
        let number = UInt32(try #require(pad))
        let seeding = try await seed(manifest)
        let fetching = try await TransferTests.session(scratch)
        let link = MagnetLink(
            infoHash: manifest.infoHash, selectedFiles: FileSelection([number...number, 70...90]))
        let torrent = try await fetching.add(try request(link, from: seeding))
        await #expect(throws: EngineError.self) { try await story(of: torrent) }
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func metadataThatCameOnceNeedNotComeAgain() async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let seeding = try await seed(manifest)
        let link = MagnetLink(infoHash: manifest.infoHash)
        var first = try request(link, from: seeding)
        first.wantsMetadataOnly = true
        let asking = try await TransferTests.session(scratch, state: "state")
        let asked = try await asking.add(first)
        #expect(try await story(of: asked) == ["asks", "learns content", "completes"])
        await asking.shutdown()
        #expect(try Scratch.files(below: scratch.path + "/out").isEmpty)

        let fetching = try await TransferTests.session(scratch, state: "state")
        let torrent = try await fetching.add(try request(link, from: seeding))
        #expect(try await story(of: torrent) == ["learns content", "begins", "completes"])
        await fetching.shutdown()
        await seeding.shutdown()
        try expectSame()
    }

    @Test func aLinkThatWasStoppedIsRememberedWithWhatItKnew() async throws {
        let manifest = try scratch.manifest(of: "content", .v1)
        let link = MagnetLink(
            infoHash: manifest.infoHash, trackers: ["http://192.0.2.1/announce"],
            webSeeds: ["http://192.0.2.2/w"])
        let idle = try await TransferTests.session(scratch, state: "state")
        let waiting = try await idle.add(
            TorrentRequest(magnet: link, directory: try scratch.folder("out")))
        for await event in waiting.events {
            if case .fetchingMetadata = event { break }
        }
        guard case .fetchingMetadata(0, nil) = await waiting.status().state else {
            Issue.record("not fetching metadata")
            return
        }
        await idle.shutdown()

        let seeding = try await seed(manifest)
        let fetching = try await TransferTests.session(scratch, state: "state")
        let torrent = try await fetching.add(
            try request(MagnetLink(infoHash: manifest.infoHash), from: seeding))
        try await TransferTests.completion(of: torrent)
        #expect(torrent.metainfo?.announceTiers == [["http://192.0.2.1/announce"]])
        #expect(torrent.metainfo?.webSeeds == ["http://192.0.2.2/w"])
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test("M19 a link does not make us knock on our neighbours")
    func peersNearByAreNotDialled() async throws {
        let manifest = try scratch.manifest(of: "content", .v1)
        let seeding = try await seed(manifest)
        let peer = try #require(MagnetLink.Peer(host: "127.0.0.1", port: seeding.port))
        let link = MagnetLink(infoHash: manifest.infoHash, peers: [peer])
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.usesTrackers = false
        configuration.usesDHT = false
        configuration.usesLSD = false
        configuration.acceptsLocalAddresses = false
        let careful = try await Session(configuration)
        let waiting = try await careful.add(
            TorrentRequest(magnet: link, directory: try scratch.folder("careful")))
        for await event in waiting.events {
            if case .fetchingMetadata = event { break }
        }
        #expect(await waiting.status().peersKnown == 0)
        await careful.shutdown()

        configuration.acceptsLocalAddresses = nil
        let near = try await Session(configuration)
        let torrent = try await near.add(
            TorrentRequest(magnet: link, directory: try scratch.folder("out")))
        try await TransferTests.completion(of: torrent)
        await near.shutdown()
        await seeding.shutdown()
        try expectSame()
    }
}
