import Chunker
import Discovery
import Foundation
import Hashing
import Metainfo
import Testing
import Units

@testable import SwarmEngine

/// What a session tells the local network (BEP 14). Nothing here is sent: loopback is no network
/// with neighbours, and a session keeps to the address that it is bound to.
@Suite struct NeighbourTests {
    private static func session(usesLSD: Bool = true) async throws -> Session {
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.usesTrackers = false
        configuration.usesLSD = usesLSD
        return try await Session(configuration)
    }

    private static func seed(
        _ manifest: Metainfo, of scratch: Scratch, in session: Session
    ) async throws -> Torrent {
        let torrent = try await session.add(
            TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
        try await TransferTests.completion(of: torrent)
        return torrent
    }

    private static func announced(_ session: Session) async -> Set<SHA1Digest> {
        await session.services.localDiscovery?.announced ?? []
    }

    @Test func aTorrentIsAnnouncedByAllItsNamesUntilItEnds() async throws {
        let scratch = try Scratch()
        try scratch.write("content", bytes: 100_000, seed: 1)
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let session = try await Self.session()
        let torrent = try await Self.seed(manifest, of: scratch, in: session)
        #expect(manifest.infoHash.wireForms.count == 2)
        #expect(await Self.announced(session) == Set(manifest.infoHash.wireForms))
        await session.remove(torrent)
        #expect(await Self.announced(session) == [])
        await session.shutdown()
    }

    @Test func aTorrentThatFailsIsNotAnnouncedAnyMore() async throws {
        let scratch = try Scratch()
        try scratch.write("content", bytes: 100_000, seed: 2)
        let manifest = try scratch.manifest(of: "content", .v1)
        let session = try await Self.session()
        let torrent = try await Self.seed(manifest, of: scratch, in: session)
        await torrent.fail(.stopped)
        #expect(await Self.announced(session) == [])
        await session.shutdown()
    }

    @Test func aPrivateTorrentIsNotAnnounced() async throws {
        let scratch = try Scratch()
        try scratch.write("content", bytes: 100_000, seed: 1)
        var options = ChunkOptions()
        options.isPrivate = true
        let manifest = try Chunker(path: scratch.path + "/content", options: options)
            .run(progress: nil)
        #expect(manifest.isPrivate)
        let session = try await Self.session()
        _ = try await Self.seed(manifest, of: scratch, in: session)
        #expect(await Self.announced(session) == [])
        await session.shutdown()
    }

    @Test func withoutItNobodyIsToldAnything() async throws {
        let session = try await Self.session(usesLSD: false)
        #expect(session.services.localDiscovery == nil)
        await session.shutdown()
    }
}
