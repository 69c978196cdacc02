import Chunker
import Discovery
import Metainfo
import Testing
import Transport
import Units

@testable import SwarmEngine

/// What is removed, or has ended, is given back: a session runs for months.
@Suite(.timeLimit(.minutes(10))) struct ReleaseTests {
    /// What there was of a torrent and its session, kept alive by others only.
    private struct Traces {
        weak var torrent: Torrent?
        weak var driver: TrackerDriver?
        weak var conduit: PeerConduit?

        var left: [String] {
            [
                torrent.map { _ in "torrent" }, driver.map { _ in "driver" },
                conduit.map { _ in "conduit" },
            ].compactMap(\.self)
        }
    }

    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try scratch.write("content", bytes: 300_000, seed: 1)
    }

    private func session(state: String? = nil) async throws -> Session {
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.usesLSD = false
        configuration.dhtBootstrap = []
        configuration.stateDirectory = try state.map { try scratch.folder($0) }
        return try await Session(configuration)
    }

    /// To be fetched from a session, or, without one, to be seeded.
    private func request(
        _ tracker: StubTracker, from session: Session? = nil
    ) throws -> TorrentRequest {
        let manifest = try scratch.manifest(of: "content", .v1)
        var request = TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed)
        request.trackers = [[tracker.url]]
        guard let session else { return request }
        request.directory = try scratch.folder("out")
        request.mode = .fetch
        request.peers = [TransferTests.endpoint(of: session)]
        return request
    }

    /// Adds a torrent and does something with it, so that nothing here keeps it afterwards.
    private func traces(
        of request: TorrentRequest, in session: Session,
        after body: (Torrent) async throws -> Void
    ) async throws -> Traces {
        let torrent = try await session.add(request)
        try? await TransferTests.completion(of: torrent)
        var traces = Traces()
        traces.torrent = torrent
        traces.driver = await torrent.trackers
        traces.conduit = await torrent.conduits.compactMap(\.self).first
        try await body(torrent)
        return traces
    }

    @Test func nothingOfARemovedTorrentIsKept() async throws {
        let tracker = try await StubTracker.start()
        let (seeding, fetching) = (try await session(), try await session())
        let seed = try await seeding.add(try request(tracker))
        try await TransferTests.completion(of: seed)
        let traces = try await traces(
            of: try request(tracker, from: seeding), in: fetching
        ) { torrent in
            let (driver, conduits) = await (torrent.trackers, torrent.conduits)
            #expect(driver != nil && !conduits.isEmpty)
            await fetching.remove(torrent)
        }
        try await eventually { traces.left.isEmpty }
        #expect(traces.left == [])
        await fetching.shutdown()
        await seeding.shutdown()
        try await tracker.stop()
    }

    @Test func nothingOfATorrentThatFellAsleepIsKept() async throws {
        let tracker = try await StubTracker.start()
        let session = try await session(state: "state")
        let traces = try await traces(of: try request(tracker), in: session) { torrent in
            #expect(await torrent.trackers != nil)
            try await eventually { await session.lull(torrent) }
        }
        // The driver ends a moment later, when what it knows is laid by.
        try await eventually { traces.left.isEmpty }
        #expect(traces.left == [])
        await session.shutdown()
        try await tracker.stop()
    }

    @Test func nothingOfAFailedTorrentIsKeptOnceItIsRemoved() async throws {
        let tracker = try await StubTracker.start()
        let session = try await session()
        var request = try request(tracker)
        request.directory = try scratch.folder("empty")
        let traces = try await traces(of: request, in: session) { torrent in
            #expect(await torrent.status().state != .seeding)
            await session.remove(torrent)
        }
        try await eventually { traces.left.isEmpty }
        #expect(traces.left == [])
        await session.shutdown()
        try await tracker.stop()
    }

    @Test func nothingOfASessionIsKeptThatHasEnded() async throws {
        let tracker = try await StubTracker.start()
        weak var kept: Services?
        do {
            let session = try await session(state: "state")
            kept = session.services
            let seed = try await session.add(try request(tracker))
            try await TransferTests.completion(of: seed)
            #expect(kept != nil)
            await session.shutdown()
        }
        try await eventually { kept == nil }
        #expect(kept == nil)
        try await tracker.stop()
    }
}
