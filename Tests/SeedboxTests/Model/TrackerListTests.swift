import Metainfo
import Testing

@testable import Seedbox

/// The list of a torrent's trackers is its user's: nothing else takes any of them out of it.
@Suite(.timeLimit(.minutes(10))) struct TrackerListTests {
    private let scratch: ModelScratch

    init() throws { scratch = try ModelScratch() }

    @Test func trackersThatCannotBeAskedStayInTheList() async throws {
        let forged = "http://127.0.0.1:1/announce?info_hash=x"
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album", tracker: forged)
        var request = AddRequest(.manifest(torrent.manifest))
        request.startsPaused = true
        let id = try await box.box.add(request).id
        func urls() async throws -> [String] { try await box.box.trackers(of: id).map(\.url) }
        var changes = TorrentChanges()
        changes.trackers = [[forged, "http://127.0.0.1:1/announce"], ["udp://127.0.0.1:9"]]
        try await box.box.change([id], changes)
        try await box.box.start([id])
        try await box.wait(for: id, "is active") { $0.state == .downloading }
        let shown = try await box.box.trackers(of: id)
        #expect(shown.map(\.url) == changes.trackers?.flatMap(\.self))
        #expect(shown.map(\.tier) == [0, 0, 1])
        #expect(shown.first?.state == .unused)
        #expect(shown.first?.message?.contains("info_hash") == true)

        // What programs do: they take what is shown, change it and write it back.
        var tiers = [shown.prefix(2).map(\.url), [shown[2].url]]
        tiers.append(["http://127.0.0.1:1/announce.php"])
        changes.trackers = tiers
        try await box.box.change([id], changes)
        #expect(try await urls() == tiers.flatMap(\.self))
        #expect(try Metainfo(await box.box.manifest(of: id)).announceTiers == tiers)
        #expect(try await MagnetLink(box.box.magnet(of: id)).trackers == tiers.flatMap(\.self))
        await box.box.shutdown()
    }

    @Test func whatATorrentCameWithMayBeWrittenBackAndNothingElseThatIsNoTracker() async throws {
        let socket = "wss://tracker.example/"
        let box = try await TestBox.open("box", in: scratch) { $0.network.usesTrackers = false }
        let torrent = TestTorrent("Album", tracker: socket)
        let id = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        var changes = TorrentChanges()
        changes.trackers = [[socket], ["udp://127.0.0.1:9"]]
        try await box.box.change([id], changes)
        #expect(try await box.box.trackers(of: id).map(\.url) == [socket, "udp://127.0.0.1:9"])
        changes.trackers = [["wss://other.example/"]]
        await #expect(throws: SeedboxError.self) { try await box.box.change([id], changes) }
        await box.box.shutdown()
    }
}
