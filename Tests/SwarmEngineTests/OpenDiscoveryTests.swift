import Chunker
import Discovery
import Hashing
import Kademlia
import Metainfo
import PeerWire
import SwarmScheduler
import Testing
import Units

@testable import SwarmEngine

/// Peers that no tracker and no user names.
@Suite(.timeLimit(.minutes(10))) struct OpenDiscoveryTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try scratch.write("content", bytes: 300_000, seed: 11)
    }

    private func session(
        bootstrap: [DHTPlace] = [], state: String? = nil
    ) async throws -> Session {
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.usesTrackers = false
        configuration.dhtBootstrap = bootstrap
        configuration.stateDirectory = try state.map { try scratch.folder($0) }
        return try await Session(configuration)
    }

    private func place(of session: Session) -> DHTPlace {
        DHTPlace(host: "127.0.0.1", port: session.port)
    }

    private func seed(_ manifest: Metainfo, in session: Session) async throws -> Torrent {
        let torrent = try await session.add(
            TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
        try await TransferTests.completion(of: torrent)
        return torrent
    }

    @Test func aDHTOfTwoIsEnoughToBeFound() async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let seeding = try await session()
        _ = try await seed(manifest, in: seeding)
        let fetching = try await session(bootstrap: [place(of: seeding)])
        let torrent = try await fetching.add(
            TorrentRequest(
                metainfo: manifest, directory: try scratch.folder("out"), mode: .fetch))
        try await TransferTests.completion(of: torrent)
        await fetching.shutdown()
        await seeding.shutdown()
        #expect(
            try Scratch.files(below: scratch.path + "/out")["content"]
                == Scratch.files(below: scratch.path)["content"])
    }

    @Test func bothNamesOfAHybridTorrentAreAnnounced() async throws {
        let seeding = try await session()
        let torrent = try await seed(try scratch.manifest(of: "content", .hybrid), in: seeding)
        #expect(await torrent.dhtNames.count == 2)
        await seeding.remove(torrent)
        #expect(await torrent.dhtNames.isEmpty)
        await seeding.shutdown()
    }

    @Test("BEP 27: a private torrent is not in the DHT, nor is it told of there")
    func privateTorrentsStayPrivate() async throws {
        let open = try scratch.manifest(of: "content", .v1)
        let manifest = try open.changingInfo(isPrivate: true)
        let session = try await session()
        let dht = try #require(session.services.dht)
        let torrent = try await seed(manifest, in: session)
        #expect(await torrent.dhtNames.isEmpty)
        #expect(await !torrent.showsDHT)
        #expect(await !torrent.ourHandshake(naming: manifest.infoHash.primary).supportsDHT)
        // What neighbours say of it is not heeded.
        torrent.found([Endpoint(ipv4: 0x7F00_0001, port: 7_000)], .lsd)
        #expect(await torrent.status().peersKnown == 0)
        // The same content in the open is.
        _ = try await seed(open, in: session)
        try await eventually { await dht.status.torrentCount == 1 }
        await session.shutdown()
    }

    @Test("M20 a link that turns out to be private is in the DHT no longer")
    func m20() async throws {
        let manifest = try scratch.manifest(of: "content", .v1).changingInfo(isPrivate: true)
        let session = try await session()
        let dht = try #require(session.services.dht)
        let torrent = try await session.add(
            TorrentRequest(infoHash: manifest.infoHash, directory: scratch.path))
        for await event in torrent.events {
            if case .fetchingMetadata = event { break }
        }
        #expect(await torrent.dhtNames.count == 1)
        #expect(await torrent.showsDHT)
        await torrent.metadataVerified(manifest)
        #expect(await torrent.dhtNames.isEmpty)
        #expect(await !torrent.showsDHT)
        try await eventually { await dht.status.torrentCount == 0 }
        await session.shutdown()
    }

    /// Two processes that share a folder of state are two nodes all the same.
    @Test func sessionsWithOneStateFolderAreNodesOfTheirOwn() async throws {
        let first = try await session(state: "state")
        let second = try await session(bootstrap: [place(of: first)], state: "state")
        let ids = [
            await first.services.dht?.status.ids[.ipv4],
            await second.services.dht?.status.ids[.ipv4],
        ]
        #expect(ids[0] != nil && ids[1] != nil && ids[0] != ids[1])
        await second.shutdown()
        await first.shutdown()
        let again = try await session(state: "state")
        #expect(await again.services.dht?.status.ids[.ipv4] == ids[0])
        await again.shutdown()
    }
}
