import Chunker
import Foundation
import Metainfo
import Storage
import SwarmEngine
import Testing
import Units

/// Whom a torrent knew in one run it dials in the next, without asking anybody.
@Suite(.timeLimit(.minutes(10))) struct EarlierPeersTests {
    /// A seed with content, and the request of somebody who wants it.
    private struct Ground {
        let scratch: Scratch
        let seeding: Session
        var request: TorrentRequest

        init() async throws {
            scratch = try Scratch()
            try TransferTests.tree(scratch)
            let manifest = try scratch.manifest(of: "content", .v1)
            seeding = try await TransferTests.session(scratch)
            let seed = try await seeding.add(
                TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
            try await TransferTests.completion(of: seed)
            request = TorrentRequest(
                metainfo: manifest, directory: try scratch.folder("out"), mode: .fetch)
        }

        var seed: Endpoint { TransferTests.endpoint(of: seeding) }

        func fetching() async throws -> Session {
            try await TransferTests.session(scratch, state: "state")
        }
    }

    @Test func aFetchGoesOnWithThePeersOfTheRunBefore() async throws {
        var ground = try await Ground()
        ground.request.downloadLimit = ByteRate(bytesPerSecond: 50_000)
        let first = try await ground.fetching()
        let slow = try await first.add(ground.request)
        await slow.addPeers([ground.seed])
        try await eventually("it is connected") { slow.connectionCount > 0 }
        await first.shutdown()

        ground.request.downloadLimit = nil
        let second = try await ground.fetching()
        let fetch = try await second.add(ground.request)
        try await TransferTests.completion(of: fetch)
        let record = try #require(fetch.record)
        await second.shutdown()
        let third = try await ground.fetching()
        let store = try #require(third.store)
        #expect(try store.peers(of: record) == [], "one that has all needs nobody")
        await third.shutdown()
        await ground.seeding.shutdown()
    }

    @Test func whoIsNamedIsKeptAtOnce() async throws {
        var ground = try await Ground()
        // Nobody is there.
        let peer = Endpoint(ipv4: 0x7F00_0001, port: 9)
        ground.request.peers = [peer]
        let session = try await ground.fetching()
        let fetch = try await session.add(ground.request)
        let store = try #require(session.store)
        try await eventually("it is in the store") {
            try fetch.record.map { try store.peers(of: $0) } == [peer]
        }
        await session.shutdown()
        await ground.seeding.shutdown()
    }
}
