import Chunker
import Foundation
import Metainfo
import Storage
import SwarmEngine
import SwarmScheduler
import Testing
import Units

/// What is done to torrents that run, by whole sessions over loopback.
@Suite(.timeLimit(.minutes(10))) struct ControlTests {
    private let scratch: Scratch
    private let manifest: Metainfo

    init() throws {
        self.scratch = try Scratch()
        try scratch.write("content/one.bin", bytes: 700_000, seed: 1)
        try scratch.write("content/two.bin", bytes: 300_000, seed: 2)
        self.manifest = try scratch.manifest(of: "content", .v2)
    }

    private func seed(in session: Session) async throws -> Torrent {
        let seed = try await session.add(
            TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
        try await TransferTests.completion(of: seed)
        return seed
    }

    private func request(_ folder: String, from session: Session) throws -> TorrentRequest {
        var request = TorrentRequest(
            metainfo: manifest, directory: try scratch.folder(folder), mode: .fetch)
        request.peers = [TransferTests.endpoint(of: session)]
        return request
    }

    private func isSeeding(_ torrent: Torrent) async -> Bool {
        await torrent.status().state == .seeding
    }

    @Test func filesThatAreSelectedLaterAreFetchedAndOthersAreNot() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch)
        _ = try await seed(in: seeding)
        var request = try request("out", from: seeding)
        request.selectedFiles = [FileIndex(1)]
        let fetch = try await fetching.add(request)
        try await TransferTests.completion(of: fetch)
        let first = await fetch.files()
        #expect(first.map(\.path) == ["content/one.bin", "content/two.bin"])
        #expect(first.map(\.isWanted) == [false, true])
        #expect(first.map(\.bytesDone) == [0, 300_000])
        try await fetch.select(nil, priorities: [FileIndex(0): .high])
        try await eventually { await fetch.files().map(\.bytesDone) == [700_000, 300_000] }
        #expect(await fetch.files().map(\.priority) == [.high, .normal])
        await #expect(throws: EngineError.self) { try await fetch.select([FileIndex(2)]) }
        await fetching.shutdown()
        await seeding.shutdown()
        let sent = try Scratch.files(below: scratch.path + "/content")
        #expect(try Scratch.files(below: scratch.path + "/out/content") == sent)
    }

    @Test func whatWasCountedIsGivenBackAndNothingIsHashedAgain() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch, state: "state")
        let seed = try await seed(in: seeding)
        let fetch = try await fetching.add(try request("out", from: seeding))
        try await TransferTests.completion(of: fetch)
        try await eventually { await seed.status().uploaded >= 1_000_000 }
        let record = try #require(fetch.record)
        await fetching.remove(fetch)

        var again = try request("out", from: seeding)
        again.peers = []
        again.record = record
        let resumed = try await fetching.add(again)
        try await eventually { await isSeeding(resumed) }
        let status = await resumed.status()
        #expect(status.downloaded == 0)
        #expect(status.totals.downloaded == 1_000_000)
        #expect(status.totals.completed != nil)
        #expect(status.rehashedBytes == 0)
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func whatSeedsHasItsFinalNames() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch, state: "state")
        _ = try await seed(in: seeding)
        let fetch = try await fetching.add(try request("out", from: seeding))
        try await eventually { await isSeeding(fetch) }
        let names = try Scratch.files(below: scratch.path + "/out/content").keys.sorted()
        #expect(names == ["one.bin", "two.bin"])
        #expect(await fetch.pieces().have.isFull)
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func aFinishedTorrentWhoseSelectionWidensMeetsItsPeersAgain() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch)
        let seed = try await seed(in: seeding)
        var request = try request("out", from: seeding)
        request.selectedFiles = [FileIndex(1)]
        let fetch = try await fetching.add(request)
        try await eventually { await isSeeding(fetch) }
        // Neither needs the other any more.
        try await eventually { seed.connectionCount == 0 && fetch.connectionCount == 0 }
        try await fetch.select(nil)
        #expect(await fetch.status().state == .downloading)
        try await eventually { await fetch.files().map(\.bytesDone) == [700_000, 300_000] }
        try await eventually { await isSeeding(fetch) }
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func whatIsGoneOfATorrentThatIsNotWholeIsClaimedNoMore() async throws {
        let first = try await TransferTests.session(scratch, state: "state")
        var request = TorrentRequest(
            metainfo: manifest, directory: try scratch.folder("out"), mode: .fetch)
        request.missesContent = true
        let content = scratch.path + "/out/content"
        try FileManager.default.createDirectory(
            atPath: content, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: scratch.path + "/content/one.bin", toPath: content + "/one.bin")
        let earlier = try await first.add(request)
        try await eventually { await earlier.files().map(\.bytesDone) == [700_000, 0] }
        request.record = earlier.record
        await first.shutdown()

        // Nothing was read of it, so no file of it is open.
        let serving = try await TransferTests.session(scratch, state: "state")
        let torrent = try await serving.add(request)
        try await eventually { await torrent.files().map(\.bytesDone) == [700_000, 0] }
        try FileManager.default.removeItem(atPath: content)
        let asking = try await TransferTests.session(scratch)
        _ = try await asking.add(try self.request("other", from: serving))
        try await eventually("what was asked for is lost") {
            await torrent.files()[0].bytesDone < 700_000
        }
        #expect(await torrent.status().state == .downloading)
        await asking.shutdown()
        await serving.shutdown()
    }

    @Test func whatIsRenamedWhileItRunsGoesOnUnderItsNewName() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch, state: "state")
        _ = try await seed(in: seeding)
        var request = try request("out", from: seeding)
        request.selectedFiles = [FileIndex(1)]
        let fetch = try await fetching.add(request)
        try await TransferTests.completion(of: fetch)
        try await fetch.rename("content", to: "renamed")
        await #expect(throws: EngineError.self) { try await fetch.rename("content", to: "x") }
        try await eventually { await isSeeding(fetch) }
        try await fetch.rename("renamed/one.bin", to: "first.bin")
        try await eventually { await isSeeding(fetch) }
        #expect(await fetch.status().rehashedBytes == 0)
        #expect(await fetch.files().map(\.path) == ["renamed/first.bin", "renamed/two.bin"])
        #expect(fetch.name == "renamed")
        try await fetch.select(nil)
        try await eventually { await fetch.files().map(\.bytesDone) == [700_000, 300_000] }
        await fetching.shutdown()
        await seeding.shutdown()
        #expect(
            try Scratch.files(below: scratch.path + "/out/renamed")["first.bin"]
                == Scratch.files(below: scratch.path + "/content")["one.bin"])
    }

    @Test func aRecheckFindsWhatWasBroken() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch, state: "state")
        _ = try await seed(in: seeding)
        let fetch = try await fetching.add(try request("out", from: seeding))
        try await TransferTests.completion(of: fetch)
        let file = scratch.path + "/out/content/one.bin"
        let good = try Data(contentsOf: URL(fileURLWithPath: file))
        var bad = good
        bad[100_000] ^= 1
        try bad.write(to: URL(fileURLWithPath: file))
        await seeding.shutdown()
        try await fetch.recheck()
        try await eventually { await fetch.status().state == .downloading }
        #expect(await fetch.pieces().have.setCount == manifest.layout.pieceCount - 1)
        try good.write(to: URL(fileURLWithPath: file))
        try await fetch.recheck()
        try await eventually { await isSeeding(fetch) }
        await fetching.shutdown()
    }

    @Test func whatIsMovedIsServedFromThereAndFoundThereAgain() async throws {
        let seeding = try await TransferTests.session(scratch, state: "state")
        let fetching = try await TransferTests.session(scratch)
        var request = TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .fetch)
        request.peers = []
        let seed = try await seeding.add(request)
        try await eventually { await isSeeding(seed) }
        let target = scratch.path + "/moved"
        try await seed.move(to: target, movingData: true)
        try await eventually { await isSeeding(seed) }
        #expect(seed.request.directory == target)
        #expect(await seed.status().rehashedBytes == 0)
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/content"))
        let fetch = try await fetching.add(try self.request("out", from: seeding))
        try await TransferTests.completion(of: fetch)
        try await seed.deleteContent()
        #expect(!FileManager.default.fileExists(atPath: target + "/content"))
        #expect(FileManager.default.fileExists(atPath: target))
        await seeding.remove(seed)
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func aPeerThatComesWhileContentIsCheckedIsTakenInAfterwards() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch)
        let fetch = try await fetching.add(try request("out", from: seeding))
        // Nothing is known of the content, so it is hashed while the peer dials.
        let seed = try await seeding.add(
            TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
        await fetch.addPeers([TransferTests.endpoint(of: seeding)])
        try await TransferTests.completion(of: seed)
        try await TransferTests.completion(of: fetch)
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func aFolderThatIsNotThereIsWaitedForAndFoundAgain() async throws {
        let session = try await TransferTests.session(scratch, state: "state")
        var request = TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .fetch)
        request.waitsForStorage = true
        let disk = scratch.path + "/disk"
        try FileManager.default.createDirectory(
            atPath: disk, withIntermediateDirectories: true)
        try FileManager.default.moveItem(
            atPath: scratch.path + "/content", toPath: disk + "/content")
        request.directory = disk
        request.mode = .seed
        let first = try await session.add(request)
        try await eventually { await isSeeding(first) }
        request.record = first.record
        await session.remove(first)
        try FileManager.default.moveItem(atPath: disk, toPath: disk + ".away")
        let torrent = try await session.add(request)
        try await eventually {
            if case .waitingForStorage = await torrent.status().state { true } else { false }
        }
        #expect(!FileManager.default.fileExists(atPath: disk))
        try FileManager.default.moveItem(atPath: disk + ".away", toPath: disk)
        try await eventually { await isSeeding(torrent) }
        #expect(await torrent.status().rehashedBytes == 0)
        await session.shutdown()
    }

    @Test func whatIsToStayFreeIsNotWrittenTo() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch)
        _ = try await seed(in: seeding)
        var configuration = fetching.configuration
        configuration.minimumFree = .max
        configuration.downloadLimit = ByteRate(bytesPerSecond: 100_000)
        await fetching.setConfiguration(configuration)
        let fetch = try await fetching.add(try request("out", from: seeding))
        try await eventually { await fetch.status().state == .diskFull }
        #expect(await fetch.slowness().isDiskFaulted)
        #expect(await !fetch.status().isFinished)
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func limitsBindAtRunTimeAndPeersAreTold() async throws {
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch)
        let seed = try await seed(in: seeding)
        await seeding.setGroups(["slow": RateLimits(upload: ByteRate(bytesPerSecond: 1))])
        await seed.setGroup("slow")
        let fetch = try await fetching.add(try request("out", from: seeding))
        try await eventually { await fetch.status().peersConnected == 1 }
        try await eventually { await seed.slowness().heldByUploadLimit > 0 }
        let peer = try #require(await fetch.peers().first)
        #expect(peer.isSeed && !peer.isIncoming && peer.isInterestingToUs)
        #expect(peer.endpoint == TransferTests.endpoint(of: seeding))
        #expect(peer.client.hasPrefix("swarm"))
        await seeding.setGroups([:])
        try await TransferTests.completion(of: fetch)
        // A session that is full dials nobody.
        var configuration = fetching.configuration
        configuration.maxConnections = 0
        await fetching.setConfiguration(configuration)
        await seed.setMaxPeers(0)
        try await eventually { seed.connectionCount == 0 && fetch.connectionCount == 0 }
        await seed.setMaxPeers(nil)
        await fetch.addPeers([TransferTests.endpoint(of: seeding)])
        #expect(await fetch.slowness().peersConnected == 0)
        #expect(await fetch.slowness().dialsUnderWay == 0)
        await fetching.shutdown()
        await seeding.shutdown()
    }
}
