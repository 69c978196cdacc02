import Testing

@testable import Seedbox

/// Who may be active, in a seedbox that runs.
@Suite(.timeLimit(.minutes(10))) struct QueueTests {
    private let scratch: ModelScratch

    init() throws { scratch = try ModelScratch() }

    @Test func theQueueLetsSoManyFetchAndThePausedMakeRoom() async throws {
        let box = try await TestBox.open("box", in: scratch) { $0.queue.activeDownloads = 1 }
        var ids: [TorrentID] = []
        for name in ["one", "two", "three"] {
            let torrent = TestTorrent(name)
            ids.append(try await box.box.add(AddRequest(.manifest(torrent.manifest))).id)
        }
        try await box.wait(for: ids[0], "fetches") { $0.state == .downloading }
        #expect(box.box.catalogue.row(ids[1])?.state == .queued)
        try await box.box.start([ids[2]], bypassingQueue: true)
        try await box.wait(for: ids[2], "passes the queue") { $0.state == .downloading }
        try await box.box.pause([ids[0]])
        try await box.wait(for: ids[1], "is next") { $0.state == .downloading }
        await box.box.shutdown()
    }

    /// The queue is not asked for each of them, and misses none.
    @Test func theQueueSeesAllThatComesAndGoesAtOnce() async throws {
        let box = try await TestBox.open("box", in: scratch) { $0.queue.activeDownloads = 2 }
        var ids: [TorrentID] = []
        for number in 0..<12 {
            let torrent = TestTorrent("\(number)", files: [("a", 9)])
            ids.append(try await box.box.add(AddRequest(.manifest(torrent.manifest))).id)
        }
        func active() -> [TorrentID] {
            ids.filter { box.box.catalogue.row($0)?.state == .downloading }
        }
        for id in ids[0...1] {
            try await box.wait(for: id, "is first") { $0.state == .downloading }
        }
        #expect(active() == Array(ids[0...1]))
        for id in ids[0...7] { try await box.box.pause([id]) }
        for id in ids[8...9] { try await box.wait(for: id, "is next") { $0.state == .downloading } }
        #expect(active() == Array(ids[8...9]))
        for id in ids[0...3].reversed() { try await box.box.start([id]) }
        for id in ids[0...1] { try await box.wait(for: id, "is back") { $0.state == .downloading } }
        // Of those that were started before the first ones some may have begun.
        for id in ids[2...3] + ids[8...9] {
            try await box.wait(for: id, "waits") { $0.state == .queued }
        }
        #expect(active() == Array(ids[0...1]))
        await box.box.shutdown()
    }

    @Test func aStalledDownloadMakesRoomAndSaysSo() async throws {
        let box = try await TestBox.open("box", in: scratch) {
            ($0.queue.activeDownloads, $0.queue.stalledMinutes) = (1, 1)
        }
        var ids: [TorrentID] = []
        for name in ["one", "two"] {
            let torrent = TestTorrent(name)
            ids.append(try await box.box.add(AddRequest(.manifest(torrent.manifest))).id)
        }
        try await box.wait(for: ids[0], "fetches") { $0.state == .downloading }
        #expect(box.box.catalogue.row(ids[0])?.isStalled == false)
        let now = Seedbox.now
        await box.box.tick(now: now)
        // The seedbox's own clock goes on meanwhile, for which it has not stalled.
        try await box.wait(for: ids[1], "has its place") { row in
            let first = box.box.catalogue.row(ids[0])
            Task { await box.box.tick(now: now + 70) }
            return row.state == .downloading && first?.isStalled == true
                && first?.state == .downloading
        }
        await box.box.shutdown()
    }
}
