import Foundation
import Logging
import SwarmEngine
import Testing
import Units

@testable import Seedbox

/// Seeds that sleep: their users see nothing of that.
@Suite(.timeLimit(.minutes(10))) struct SleepingTests {
    private let scratch: ModelScratch
    private let torrent = TestTorrent("seed")

    init() throws { scratch = try ModelScratch() }

    /// A seedbox that has the torrent whole, opened for the second time.
    private func openedAgain() async throws -> (TestBox, TorrentID) {
        let first = try await TestBox.open("one", in: scratch)
        try torrent.write(to: first.folder)
        let id = try await first.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await first.wait(for: id, "seeding") { $0.state == .seeding && $0.completed != nil }
        await first.box.shutdown()
        return (try await TestBox.open("one", in: scratch), id)
    }

    /// Lets it sleep as if nobody had come for long.
    private func sleep(_ id: TorrentID, in box: Seedbox) async throws {
        try await eventually("it sleeps") {
            await box.tire(id)
            return box.torrent(id) == nil
        }
    }

    @Test func aSeedThatWasThereBeforeIsSeedingAtOnceAndAsleep() async throws {
        let (test, id) = try await openedAgain()
        let row = try #require(test.box.catalogue.row(id))
        #expect(row.state == .seeding && row.progress == 1 && row.isComplete)
        #expect(test.box.torrent(id) == nil)
        let pieces = try await test.box.pieces(of: id)
        #expect(pieces.have.isFull)
        #expect(try await test.box.files(of: id).allSatisfy { $0.bytesDone == $0.length })
        #expect(try await test.box.peers(of: id).isEmpty)
        _ = try await test.box.slowness(of: id)
        await test.box.shutdown()
    }

    @Test func itSleepsOnWhenPeersAreNamedForAllTorrents() async throws {
        let (test, id) = try await openedAgain()
        var request = AddRequest(.manifest(TestTorrent("other").manifest))
        request.startsPaused = true
        let other = try await test.box.add(request).id
        let named = KnownPeers(
            seedbox: test.box, peers: [test.endpoint], logger: Logger(label: "test"))
        let naming = Task { try await named.run() }
        try await eventually("the other is told") { await test.box.firstPeers[other] != nil }
        #expect(await test.box.members[id]?.isDormant == true)
        #expect(await test.box.firstPeers[id] == nil)
        naming.cancel()
        try await naming.value
        await test.box.shutdown()
    }

    @Test func itWakesForAPeerAndSleepsAgain() async throws {
        let (test, id) = try await openedAgain()
        let states = Task { () -> Set<TorrentState> in
            var states: Set<TorrentState> = []
            while !Task.isCancelled {
                if let row = test.box.catalogue.row(id) { states.insert(row.state) }
                try? await Task.sleep(for: .milliseconds(1))
            }
            return states
        }
        for (number, name) in ["two", "three"].enumerated() {
            let other = try await TestBox.open(name, in: scratch)
            var request = AddRequest(.manifest(torrent.manifest))
            request.peers = [test.endpoint]
            let fetched = try await other.box.add(request).id
            try await other.wait(for: fetched, "fetched") { $0.state == .seeding }
            #expect(torrent.isWhole(in: other.folder))
            try await test.wait(for: id, "counted") {
                $0.uploaded >= Int64(number + 1) * 170_000
            }
            await other.box.shutdown()
            try await sleep(id, in: test.box)
        }
        states.cancel()
        let seen = await states.value
        #expect(seen == [.seeding])
        await test.box.shutdown()
    }

    @Test func whatIsDoneWithItIsDone() async throws {
        let (test, id) = try await openedAgain()
        try await test.box.pause([id])
        #expect(test.box.catalogue.row(id)?.state == .paused)
        try await test.box.start([id])
        try await test.wait(for: id, "seeding") { $0.state == .seeding }
        try await sleep(id, in: test.box)
        // Each of these needs it awake, or makes it so.
        try await test.box.recheck([id])
        try await test.wait(for: id, "checked") { $0.state == .seeding }
        try await sleep(id, in: test.box)
        let folder = try scratch.folder("one/downloads/elsewhere")
        try await test.box.move([id], to: folder, movingData: true)
        try await test.wait(for: id, "moved") { $0.state == .seeding && $0.folder == folder }
        #expect(torrent.isWhole(in: folder))
        try await sleep(id, in: test.box)
        try await test.box.remove([id], deletingData: true)
        #expect(test.box.catalogue.count == 0 && !torrent.isWhole(in: folder))
        await test.box.shutdown()
    }

    @Test func filesThatAreMissingAreNoticedWhenItWakes() async throws {
        let (test, id) = try await openedAgain()
        try FileManager.default.removeItem(atPath: test.folder + "/seed/b.bin")
        try await test.box.addPeers(id, [Endpoint(ipv4: 0x7F00_0001, port: 9)])
        try await test.wait(for: id, "noticed") { $0.state == .downloading && !$0.isComplete }
        await test.box.shutdown()
    }

    @Test func aFolderThatIsMissingAtTheStartIsWaitedFor() async throws {
        let first = try await TestBox.open("one", in: scratch)
        let folder = try scratch.folder("one/downloads/disk")
        try torrent.write(to: folder)
        var request = AddRequest(.manifest(torrent.manifest))
        request.folder = folder
        let id = try await first.box.add(request).id
        try await first.wait(for: id, "seeding") { $0.state == .seeding && $0.completed != nil }
        await first.box.shutdown()
        try FileManager.default.removeItem(atPath: folder)
        let test = try await TestBox.open("one", in: scratch)
        // It is awake, since there is something to be found out.
        try await test.wait(for: id, "noticed") { $0.state != .seeding && $0.state != .queued }
        await test.box.shutdown()
    }

    /// It is the list that programs change and write back.
    @Test func trackersThatCannotBeAskedAreNamedAsleepAndAwake() async throws {
        let urls = ["wss://a.example/x", "http://127.0.0.1:1/announce"]
        let first = try await TestBox.open("one", in: scratch)
        try torrent.write(to: first.folder)
        let id = try await first.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await first.wait(for: id, "seeding") { $0.state == .seeding && $0.completed != nil }
        try await first.box.keepTrackers(urls.map { [$0] }, of: id)
        await first.box.shutdown()

        let test = try await TestBox.open("one", in: scratch)
        func named() async throws -> [TrackerRow] { try await test.box.trackers(of: id) }
        try await eventually { try await named().last?.state == .failed }
        #expect(test.box.torrent(id) == nil)
        #expect(try await named().map(\.url) == urls)
        #expect(try await named().map(\.tier) == [0, 1])
        try await test.box.addPeers(id, [Endpoint(ipv4: 0x7F00_0001, port: 9)])
        try await eventually { test.box.torrent(id) != nil }
        try await sleep(id, in: test.box)
        #expect(try await named().map(\.url) == urls)
        await test.box.shutdown()
    }

    @Test func whatHasHadNothingToDoForLongMaySleep() {
        var quiet = Quiet()
        let looks: [(isQuiet: Bool, now: Int64, isLong: Bool)] = [
            (true, 100, false), (true, 189, false), (true, 190, true),
            // Somebody came, and has gone again.
            (false, 191, false), (true, 192, false), (true, 281, false), (true, 282, true),
            // The clock was set back.
            (true, 10, false), (true, 100, true),
        ]
        for look in looks {
            let isLong = quiet.isLong(look.isQuiet, now: look.now)
            #expect(isLong == look.isLong, "at \(look.now)")
        }
    }
}

extension Seedbox {
    /// As if nobody had been connected to it for long.
    fileprivate func tire(_ id: TorrentID) {
        guard let torrent = torrent(id), torrent.connectionCount == 0 else { return }
        noteQuiet(id, isQuiet: true, now: 1_000)
        noteQuiet(id, isQuiet: true, now: 2_000)
    }
}
