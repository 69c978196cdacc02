import Chunker
import Discovery
import Foundation
import Hashing
import Metainfo
import Storage
import Synchronization
import Testing
import Units

@testable import SwarmEngine

/// Seeds that sleep, by whole sessions over loopback. Who looks at them from outside sees nothing
/// of that.
@Suite(.timeLimit(.minutes(10))) struct DormantTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try scratch.write("content", bytes: 300_000, seed: 1)
    }

    /// Wakes what is wanted, as the owner of a session does.
    private final class Owner: Sendable {
        let session: Session
        private let wakes = Mutex<[Torrent]>([])
        private let request: Mutex<TorrentRequest>

        init(_ session: Session, _ request: TorrentRequest) {
            self.session = session
            self.request = Mutex(request)
            session.listenToDormant { [weak self] _, event in
                guard event == .wanted, let self else { return }
                Task { try await self.wake() }
            }
        }

        var woken: [Torrent] { wakes.withLock(\.self) }

        /// Adds it for the first time, and lets it sleep when it is open.
        func sleepAfterOpening() async throws {
            let torrent = try await session.add(request.withLock(\.self))
            try await TransferTests.completion(of: torrent)
            request.withLock { $0.record = torrent.record }
            #expect(await session.lull(torrent))
        }

        private func wake() async throws {
            let torrent = try await session.add(request.withLock(\.self))
            wakes.withLock { $0.append(torrent) }
        }
    }

    private func session(
        _ name: String, adjusting adjust: (inout SessionConfiguration) -> Void = { _ in }
    ) async throws -> Session {
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        (configuration.usesDHT, configuration.usesLSD) = (false, false)
        configuration.stateDirectory = try scratch.folder(name)
        adjust(&configuration)
        return try await Session(configuration)
    }

    private func owner(_ manifest: Metainfo, tracker: StubTracker? = nil) async throws -> Owner {
        var request = TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed)
        request.trackers = tracker.map { [[$0.url]] } ?? []
        return Owner(try await session("state"), request)
    }

    private func fetch(
        _ name: String, _ request: TorrentRequest, from seeding: Session
    ) async throws -> Session {
        let fetching = try await TransferTests.session(scratch)
        var request = request
        request.directory = try scratch.folder(name)
        request.peers = [TransferTests.endpoint(of: seeding)]
        try await TransferTests.completion(of: try await fetching.add(request))
        return fetching
    }

    @Test func aPeerThatConnectsIsServedAndTrackersHearNothingOfTheSleep() async throws {
        let tracker = try await StubTracker.start()
        let manifest = try scratch.manifest(of: "content", .v1)
        let owner = try await owner(manifest, tracker: tracker)
        try await owner.sleepAfterOpening()
        #expect(owner.session.services.directory.all.isEmpty)
        try await eventually { tracker.announces.count == 1 }

        let request = TorrentRequest(metainfo: manifest, directory: "", mode: .fetch)
        let first = try await fetch("one", request, from: owner.session)
        await first.shutdown()
        let torrent = try #require(owner.woken.first)
        try await eventually { await owner.session.lull(torrent) }
        let second = try await fetch("two", request, from: owner.session)
        await second.shutdown()
        #expect(owner.woken.count == 2)
        let last = try #require(owner.woken.last)
        try await eventually { await owner.session.lull(last) }

        await owner.session.shutdown()
        #expect(tracker.announces.map(\.event) == ["started", "stopped"])
        #expect(tracker.announces.map(\.left) == [0, 0])
        // All naps count.
        #expect(tracker.announces.map(\.uploaded) == [0, 600_000])
        #expect(Set(tracker.announces.map(\.peerID)).count == 1)
        try await tracker.stop()
    }

    @Test func aHybridTorrentWakesByEitherOfItsNames() async throws {
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let owner = try await owner(manifest)
        try await owner.sleepAfterOpening()
        let v1 = InfoHash(v1: try #require(manifest.infoHash.v1))
        let v2 = InfoHash(v2: try #require(manifest.infoHash.v2))
        for (count, name) in [v1, v2].enumerated() {
            let request = TorrentRequest(infoHash: name, directory: "")
            let fetching = try await fetch("out\(count)", request, from: owner.session)
            await fetching.shutdown()
            #expect(owner.woken.count == count + 1)
            let torrent = try #require(owner.woken.last)
            try await eventually { await owner.session.lull(torrent) }
        }
        await owner.session.shutdown()
    }

    @Test func aLeecherThatATrackerNamesIsDialled() async throws {
        let manifest = try scratch.manifest(of: "content", .v1)
        let fetching = try await TransferTests.session(scratch)
        let tracker = try await StubTracker.start(
            naming: [TransferTests.endpoint(of: fetching)])
        let owner = try await owner(manifest, tracker: tracker)
        try await owner.sleepAfterOpening()
        let fetch = try await fetching.add(
            TorrentRequest(
                metainfo: manifest, directory: try scratch.folder("out"), mode: .fetch))
        // It had nobody to ask; by its answer the tracker wakes the seed.
        try await eventually { tracker.announces.count == 1 }
        let record = try #require(try owner.session.store?.torrents().first?.id)
        owner.session.reannounce(dormant: record)
        try await TransferTests.completion(of: fetch)
        await fetching.shutdown()
        await owner.session.shutdown()
        try await tracker.stop()
    }

    @Test func aSeedIsAnnouncedAndToldOfWithoutWaking() async throws {
        let tracker = try await StubTracker.start()
        var manifest = try scratch.manifest(of: "content", .v1)
        manifest.announceTiers = [[tracker.url]]
        let session = try await session("state")
        let woken = Atomic<Int>(0)
        session.listenToDormant { _, event in
            if event == .wanted { woken.add(1, ordering: .relaxed) }
        }
        let seed = try seed(manifest, in: session)
        #expect(session.lay([seed]) == [seed.record])
        #expect(session.lay([seed]).isEmpty)
        try await eventually { await session.trackers(dormant: seed.record).first?.seeds == 1 }
        let status = try #require(await session.trackers(dormant: seed.record).first)
        #expect(status.state == .working && status.nextAnnounce != nil)
        // Sooner, but not sooner than trackers allow.
        session.reannounce(dormant: seed.record)
        try await eventually {
            let next = await session.trackers(dormant: seed.record).first?.nextAnnounce
            return next.map { $0 < Services.now + 300 } == true
        }
        #expect(session.services.directory.all.isEmpty)
        await session.remove(dormant: seed.record)
        #expect(tracker.announces.map(\.event) == ["started", "stopped"])
        #expect(tracker.announces.allSatisfy { $0.left == 0 })
        #expect(woken.load(ordering: .relaxed) == 0)
        await session.shutdown()
        try await tracker.stop()
    }

    @Test func trackersAreToldOfSeedsThatSleepWhenTheyAreTurnedOffAndOn() async throws {
        let tracker = try await StubTracker.start()
        var manifest = try scratch.manifest(of: "content", .v1)
        manifest.announceTiers = [[tracker.url]]
        let session = try await session("state")
        func use(_ isOn: Bool) async {
            var configuration = session.configuration
            configuration.usesTrackers = isOn
            await session.setConfiguration(configuration)
        }
        let seed = try seed(manifest, in: session)
        #expect(session.lay([seed]).count == 1)
        try await eventually { await session.trackers(dormant: seed.record).first?.seeds == 1 }
        await use(false)
        #expect(await session.trackers(dormant: seed.record).isEmpty)
        try await eventually { tracker.announces.map(\.event) == ["started", "stopped"] }
        await use(true)
        try await eventually { await session.trackers(dormant: seed.record).first?.seeds == 1 }
        await session.shutdown()
        #expect(tracker.announces.map(\.event) == ["started", "stopped", "started", "stopped"])
        try await tracker.stop()
    }

    private func seed(_ manifest: Metainfo, in session: Session) throws -> DormantSeed {
        let record = try #require(session.store).add(
            manifest.infoHash, name: manifest.name, folder: scratch.path,
            metainfo: manifest.encoded(), now: 0)
        return DormantSeed(
            record: record.id, infoHash: manifest.infoHash, isPrivate: manifest.isPrivate,
            isWhole: true)
    }

    @Test("BEP 27: a private torrent that sleeps is not in the DHT, nor told to neighbours")
    func privateSeedsStayPrivate() async throws {
        let open = try scratch.manifest(of: "content", .hybrid)
        let hidden = try scratch.manifest(of: "content", .v1).changingInfo(isPrivate: true)
        let session = try await session("state") { configuration in
            (configuration.usesDHT, configuration.usesLSD) = (true, true)
            configuration.dhtBootstrap = []
        }
        let seeds = [try seed(hidden, in: session), try seed(open, in: session)]
        #expect(session.lay(seeds).count == 2)
        let names = Set(open.infoHash.wireForms)
        let local = try #require(session.services.localDiscovery)
        let dht = try #require(session.services.dht)
        try await eventually { await local.announced == names }
        try await eventually { await dht.status.torrentCount == names.count }
        await session.remove(dormant: seeds[1].record)
        try await eventually { await local.announced.isEmpty }
        #expect(await dht.status.torrentCount == 0)
        await session.shutdown()
    }

    @Test func whoWaitsIsSentAwayWhenTheSeedIsRemoved() async throws {
        let manifest = try scratch.manifest(of: "content", .v1)
        let session = try await session("state")
        let seed = try seed(manifest, in: session)
        #expect(session.lay([seed]).count == 1)
        let isWanted = Atomic<Bool>(false)
        session.listenToDormant { _, event in
            if event == .wanted { isWanted.store(true, ordering: .relaxed) }
        }
        let fetching = try await TransferTests.session(scratch)
        var request = TorrentRequest(
            metainfo: manifest, directory: try scratch.folder("out"), mode: .fetch)
        request.peers = [TransferTests.endpoint(of: session)]
        let fetch = try await fetching.add(request)
        try await eventually { isWanted.load(ordering: .relaxed) }
        await session.remove(dormant: seed.record)
        #expect(session.services.directory.takeWaiting(for: seed.record).isEmpty)
        #expect(session.services.directory.holder(of: manifest.infoHash.primary) == nil)
        #expect(await !fetch.status().isFinished)
        await fetching.shutdown()
        await session.shutdown()
    }
}
