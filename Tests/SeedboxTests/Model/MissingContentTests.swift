import Foundation
import SwarmEngine
import Testing
import Units

@testable import Seedbox

/// A torrent that was complete and whose files are gone: its user decides what comes of it.
@Suite(.timeLimit(.minutes(10))) struct MissingContentTests {
    private let scratch: ModelScratch
    private let torrent = TestTorrent("seed")

    init() throws { scratch = try ModelScratch() }

    /// A seedbox that has the torrent whole.
    private func seeding() async throws -> (TestBox, TorrentID) {
        let test = try await TestBox.open("one", in: scratch)
        try torrent.write(to: test.folder)
        let id = try await test.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await test.wait(for: id, "seeding") { $0.state == .seeding && $0.completed != nil }
        return (test, id)
    }

    private func removeContent(_ test: TestBox) throws {
        try FileManager.default.removeItem(atPath: test.folder + "/seed")
    }

    private func expectTold(_ test: TestBox, _ id: TorrentID) async throws {
        try await eventually { await test.box.members[id]?.lacksContent == true }
        let row = try await test.wait(for: id, "is told") { $0.state == .failed }
        #expect(row.error?.kind == .local)
        #expect(row.error?.text.contains("no data found") == true, "\(row)")
        #expect(row.isComplete)
        #expect(!FileManager.default.fileExists(atPath: test.folder + "/seed"))
    }

    /// One whose content was moved, which its user was told of.
    private func toldOfContentThatIsAway() async throws -> (TestBox, TorrentID) {
        let (test, id) = try await seeding()
        try await test.box.pause([id])
        try FileManager.default.moveItem(
            atPath: test.folder + "/seed", toPath: test.folder + "/away")
        try await test.box.start([id])
        try await expectTold(test, id)
        return (test, id)
    }

    private func putBack(_ test: TestBox) throws {
        try FileManager.default.moveItem(
            atPath: test.folder + "/away", toPath: test.folder + "/seed")
    }

    /// Without being hashed.
    private func expectSeedsAsItWas(_ test: TestBox, _ id: TorrentID) async throws {
        try await test.wait(for: id, "seeds") { $0.state == .seeding && $0.error == nil }
        let status = try #require(await test.box.torrent(id)?.status())
        #expect(status.rehashedBytes == 0)
        await test.box.shutdown()
    }

    @Test func whoStartsItIsToldAndMayStartItAgainToFetchIt() async throws {
        let (test, id) = try await seeding()
        try await test.box.pause([id])
        try removeContent(test)
        try await test.box.start([id])
        try await expectTold(test, id)
        // It is told anew until somebody takes notice.
        try await test.box.pause([id])
        try await test.box.start([id])
        try await expectTold(test, id)
        try await test.box.start([id])
        let row = try await test.wait(for: id, "fetches") { $0.state == .downloading }
        #expect(row.error == nil && row.bytesDone == 0)
        await test.box.shutdown()
    }

    @Test func whoChecksItIsToldAndMayCheckItAgainToFetchIt() async throws {
        let (test, id) = try await seeding()
        try removeContent(test)
        try await test.box.recheck([id])
        try await expectTold(test, id)
        try await test.box.recheck([id])
        try await test.wait(for: id, "fetches") { $0.state == .downloading && $0.bytesDone == 0 }
        await test.box.shutdown()
    }

    @Test func whatIsPutBackIsSeededAgain() async throws {
        let (test, id) = try await seeding()
        try await test.box.pause([id])
        try removeContent(test)
        try await test.box.start([id])
        try await expectTold(test, id)
        try torrent.write(to: test.folder)
        try await test.box.start([id])
        try await test.wait(for: id, "seeds") { $0.state == .seeding && $0.error == nil }
        #expect(torrent.isWhole(in: test.folder))
        await test.box.shutdown()
    }

    @Test func whatIsBackAsItWasIsNotHashedAgain() async throws {
        let (test, id) = try await toldOfContentThatIsAway()
        try putBack(test)
        try await test.box.start([id])
        try await expectSeedsAsItWas(test, id)
    }

    @Test func whereNothingIsWantedNothingIsMissed() async throws {
        let (test, id) = try await seeding()
        var changes = TorrentChanges()
        changes.wanted = [0: false, 1: false]
        try await test.box.change([id], changes)
        try removeContent(test)
        try await test.box.recheck([id])
        let row = try await test.wait(for: id, "is checked") { $0.state != .checking }
        #expect(row.state != .failed && row.error == nil, "\(row)")
        await test.box.shutdown()
    }

    @Test func whatIsOnADiskThatIsNotMountedIsStillBelievedToBeThere() async throws {
        let (test, id) = try await toldOfContentThatIsAway()
        // Where its disk was is a folder of another one.
        let other = "/dev/shm/swarm-test-\(UUID())"
        try FileManager.default.createDirectory(
            atPath: other, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: other) }
        try FileManager.default.moveItem(atPath: test.folder, toPath: test.folder + ".disk")
        try FileManager.default.createSymbolicLink(
            atPath: test.folder, withDestinationPath: other)
        try await test.box.start([id])
        try await test.wait(for: id, "waits") { $0.state == .waitingForStorage }
        try FileManager.default.removeItem(atPath: test.folder)
        try FileManager.default.moveItem(atPath: test.folder + ".disk", toPath: test.folder)
        try putBack(test)
        try await expectSeedsAsItWas(test, id)
    }

    @Test func aPeerThatAsksFindsItOut() async throws {
        let (first, id) = try await seeding()
        await first.box.shutdown()
        // Nothing was read of it, so no file of it is open.
        let test = try await TestBox.open("one", in: scratch)
        try await test.box.addPeers(id, [Endpoint(ipv4: 0x7F00_0001, port: 9)])
        try await eventually { await test.box.torrent(id)?.status().state == .seeding }
        try removeContent(test)
        let other = try await TestBox.open("two", in: scratch)
        var request = AddRequest(.manifest(torrent.manifest))
        request.peers = [test.endpoint]
        _ = try await other.box.add(request)
        try await expectTold(test, id)
        await other.box.shutdown()
        await test.box.shutdown()
    }
}
