import Chunker
import Discovery
import Metainfo
import Testing
import Transport
import Units

@testable import SwarmEngine

/// What is removed, or has ended, is given back: a session runs for months.
@Suite(.timeLimit(.minutes(1))) struct ReleaseTests {
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

    /// Waits for what other threads bring about.
    private func eventually(
        sourceLocation: SourceLocation = #_sourceLocation, _ isTrue: () async throws -> Bool
    ) async throws {
        for _ in 0..<400 {
            if try await isTrue() { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("it did not come about in time", sourceLocation: sourceLocation)
    }

    private func session() async throws -> Session {
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        (configuration.usesDHT, configuration.usesLSD) = (false, false)
        return try await Session(configuration)
    }

    private func traces(of torrent: Torrent) async throws -> Traces {
        try await eventually { torrent.connectionCount > 0 }
        let (driver, conduits) = await (torrent.trackers, torrent.conduits)
        let conduit = conduits.compactMap(\.self).first
        let traces = Traces(torrent: torrent, driver: driver, conduit: conduit)
        #expect(traces.left == ["torrent", "driver", "conduit"])
        return traces
    }

    private func seed(_ request: TorrentRequest, in session: Session) async throws {
        let seed = try await session.add(request)
        try await TransferTests.completion(of: seed)
    }

    private func fetchAndRemove(
        _ request: TorrentRequest, in session: Session
    ) async throws -> Traces {
        let torrent = try await session.add(request)
        try await TransferTests.completion(of: torrent)
        let traces = try await traces(of: torrent)
        await session.remove(torrent)
        return traces
    }

    @Test func nothingOfARemovedTorrentIsKept() async throws {
        let tracker = try await StubTracker.start()
        let (seeding, fetching) = (try await session(), try await session())
        var request = TorrentRequest(
            metainfo: try scratch.manifest(of: "content", .v1), directory: scratch.path,
            mode: .seed)
        request.trackers = [[tracker.url]]
        try await seed(request, in: seeding)
        request.directory = try scratch.folder("out")
        request.mode = .fetch
        request.peers = [TransferTests.endpoint(of: seeding)]
        let traces = try await fetchAndRemove(request, in: fetching)
        try await eventually { traces.left.isEmpty }
        #expect(traces.left == [])
        await fetching.shutdown()
        await seeding.shutdown()
        try await tracker.stop()
    }
}
