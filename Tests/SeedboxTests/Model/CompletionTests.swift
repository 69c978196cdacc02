import Testing
import Units

@testable import Seedbox

/// Who waits for a download is told when it has ended.
@Suite(.timeLimit(.minutes(10))) struct CompletionTests {
    private let scratch: ModelScratch

    init() throws { scratch = try ModelScratch() }

    /// What is told until the torrent has completed so many times.
    private func story(
        _ events: AsyncStream<SeedboxEvent>, until count: Int
    ) async -> [SeedboxEvent] {
        var story: [SeedboxEvent] = []
        for await event in events {
            if event.kind == .completed { story.append(event) }
            if story.count == count { break }
        }
        return story
    }

    @Test func everyDownloadIsToldOfHoweverSoonItEnds() async throws {
        let torrents = (0..<8).map { TestTorrent("Small \($0)", files: [("a.bin", 40_000)]) }
        let seed = try await TestBox.open("seed", in: scratch)
        for torrent in torrents {
            try torrent.write(to: seed.folder)
            let id = try await seed.box.add(AddRequest(.manifest(torrent.manifest))).id
            try await seed.wait(for: id, "seeds") { $0.state == .seeding }
        }
        let leech = try await TestBox.open("leech", in: scratch)
        let events = leech.box.events()
        for torrent in torrents {
            var request = AddRequest(.manifest(torrent.manifest))
            request.peers = [seed.endpoint]
            _ = try await leech.box.add(request)
        }
        let told = await story(events, until: torrents.count)
        #expect(Set(told.map(\.row.name)) == Set(torrents.map(\.name)))
        #expect(told.allSatisfy { $0.row.downloaded >= 40_000 }, "\(told.map(\.row.downloaded))")
        await leech.box.shutdown()
        await seed.box.shutdown()
    }

    @Test func whoWantsMoreIsToldAgainAndWhatWasThereIsNotToldOf() async throws {
        let torrent = TestTorrent("Album")
        let seed = try await TestBox.open("seed", in: scratch)
        try torrent.write(to: seed.folder)
        let quiet = seed.box.events()
        let id = try await seed.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await seed.wait(for: id, "seeds") { $0.state == .seeding && $0.completed != nil }

        let leech = try await TestBox.open("leech", in: scratch)
        let events = leech.box.events()
        var request = AddRequest(.manifest(torrent.manifest))
        request.peers = [seed.endpoint]
        request.wantedFiles = [0]
        let fetched = try await leech.box.add(request).id
        try await leech.wait(for: fetched, "has one file") { $0.completed != nil }
        var changes = TorrentChanges()
        changes.wanted = [1: true]
        try await leech.box.change([fetched], changes)
        let told = await story(events, until: 2)
        #expect(told.map(\.row.bytesWanted).last == 170_000)
        #expect(torrent.isWhole(in: leech.folder))

        await leech.box.shutdown()
        await seed.box.shutdown()
        for await event in quiet { #expect(event.kind != .completed) }
    }
}
