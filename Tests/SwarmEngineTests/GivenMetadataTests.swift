import Chunker
import Discovery
import Foundation
import Hashing
import Metainfo
import Testing
import Units

@testable import SwarmEngine

/// Torrents that are known by a link, and of which the user then brings the file.
@Suite(.timeLimit(.minutes(10))) struct GivenMetadataTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try TransferTests.tree(scratch)
    }

    private func seek(
        _ infoHash: InfoHash, in session: Session, trackers: [String] = []
    ) async throws -> Torrent {
        let link = MagnetLink(infoHash: infoHash, trackers: trackers)
        let torrent = try await session.add(
            TorrentRequest(magnet: link, directory: try scratch.folder("out")))
        try await untilItSeeks(torrent)
        return torrent
    }

    /// Nothing but a deadline ends it if that never comes: events are for `completion`.
    private func untilItSeeks(_ torrent: Torrent) async throws {
        try await eventually("it asks for metadata") {
            if case .fetchingMetadata = await torrent.status().state { true } else { false }
        }
    }

    /// As a link may name it: by each of the hashes, and by the second cut to 20 bytes.
    private func hash(_ format: ChunkFormat, _ which: Int) throws -> (Metainfo, InfoHash) {
        let manifest = try scratch.manifest(of: "content", format)
        let v1 = manifest.infoHash.v1.map { InfoHash(v1: $0) }
        let v2 = manifest.infoHash.v2.map { InfoHash(v2: $0) }
        let cut = manifest.infoHash.v2.map { InfoHash(v1: $0.truncated) }
        return (manifest, try #require([v1, v2, cut, manifest.infoHash][which]))
    }

    @Test(arguments: [
        (ChunkFormat.v1, 0), (.v2, 1), (.v2, 2), (.hybrid, 0), (.hybrid, 1), (.hybrid, 2),
        (.hybrid, 3),
    ])
    func contentIsFetchedOfWhichNobodyHadToTellTheMetadata(
        format: ChunkFormat, which: Int
    ) async throws {
        let (manifest, name) = try hash(format, which)
        let seeding = try await TransferTests.session(scratch)
        let seed = try await seeding.add(
            TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
        try await TransferTests.completion(of: seed)
        let fetching = try await TransferTests.session(scratch, state: "state")
        let torrent = try await seek(name, in: fetching)
        await torrent.learn(from: manifest)
        #expect(torrent.metainfo?.infoBytes == manifest.infoBytes)
        await torrent.addPeers([TransferTests.endpoint(of: seeding)])
        try await TransferTests.completion(of: torrent)
        await fetching.shutdown()
        await seeding.shutdown()
        let arrived = try Scratch.files(below: scratch.path + "/out/content")
        #expect(try arrived == Scratch.files(below: scratch.path + "/content"))

        // It is known from now on.
        let again = try await TransferTests.session(scratch, state: "state")
        let known = try await again.add(
            TorrentRequest(
                magnet: MagnetLink(infoHash: manifest.infoHash),
                directory: try scratch.folder("out")))
        try await TransferTests.completion(of: known)
        #expect(known.metainfo?.encoded() == manifest.encoded())
        await again.shutdown()
    }

    /// Whichever comes first: what earlier runs know, or the file.
    @Test func aFileThatComesWhileTheTorrentIsOpenedIsTaken() async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let session = try await TransferTests.session(scratch, state: "state")
        let link = MagnetLink(infoHash: manifest.infoHash)
        let torrent = try await session.add(
            TorrentRequest(magnet: link, directory: scratch.path))
        await torrent.learn(from: manifest)
        try await TransferTests.completion(of: torrent)
        #expect(torrent.name == "content")
        await session.shutdown()
    }

    @Test func theFileOfAnotherTorrentIsNotTaken() async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let v1 = try #require(manifest.infoHash.v1)
        let lie = InfoHash(v1: v1, v2: SHA256Digest.hash([1]))
        let session = try await TransferTests.session(scratch)
        let torrent = try await seek(lie, in: session)
        await torrent.learn(from: manifest)
        #expect(torrent.metainfo == nil)
        try await untilItSeeks(torrent)
        await session.shutdown()
    }

    /// Connections stay: what came from the file goes on to those who ask us for it.
    @Test func peersGetFromUsWhatTheFileSays() async throws {
        let manifest = try scratch.manifest(of: "content", .v1)
        let first = try await TransferTests.session(scratch)
        let torrent = try await seek(manifest.infoHash, in: first)
        let second = try await TransferTests.session(scratch)
        var request = TorrentRequest(
            magnet: MagnetLink(infoHash: manifest.infoHash),
            directory: try scratch.folder("second"))
        request.peers = [TransferTests.endpoint(of: first)]
        let asking = try await second.add(request)
        try await eventually("they meet") { torrent.connectionCount == 1 }
        await torrent.learn(from: manifest)
        try await eventually("the second knows it too") { asking.metainfo != nil }
        #expect(torrent.connectionCount == 1)
        await second.shutdown()
        await first.shutdown()
    }

    @Test func aFileThatSaysPrivateEndsAllButTrackers() async throws {
        var builder = ChunkOptions()
        builder.isPrivate = true
        let manifest = try Chunker(path: scratch.path + "/content", options: builder)
            .run(progress: nil)
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.usesTrackers = false
        configuration.dhtBootstrap = []
        configuration.usesLSD = true
        let session = try await Session(configuration)
        let torrent = try await seek(manifest.infoHash, in: session)
        let local = try #require(session.services.localDiscovery)
        #expect(await !torrent.dhtNames.isEmpty)
        #expect(await !local.announced.isEmpty)
        await torrent.learn(from: manifest)
        #expect(await torrent.dhtNames.isEmpty)
        #expect(await !torrent.showsDHT)
        try await eventually("neighbours are told no more") { await local.announced.isEmpty }
        await session.shutdown()
    }

    @Test func trackersOfTheFileAreAskedToo() async throws {
        let tracker = try await StubTracker.start()
        var manifest = try scratch.manifest(of: "content", .v1)
        manifest.announceTiers = [[tracker.url]]
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        (configuration.usesDHT, configuration.usesLSD) = (false, false)
        let session = try await Session(configuration)
        let silent = "http://127.0.0.1:1/announce"
        let torrent = try await seek(
            manifest.infoHash, in: session, trackers: [silent, "http://127.0.0.1:2/announce"])
        // The user's word counts, not the link's.
        await torrent.setTrackers([[silent]])
        await torrent.setTrackers([[silent], [tracker.url]])
        await torrent.learn(from: manifest)
        #expect(torrent.metainfo?.announceTiers == [[tracker.url], [silent]])
        try await eventually("the tracker hears of us") { !tracker.announces.isEmpty }
        await session.shutdown()
        try await tracker.stop()
    }
}
