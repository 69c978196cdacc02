import Chunker
import Discovery
import Glibc
import Hashing
import Metainfo
import Synchronization
import Testing
import Units

@testable import SwarmEngine

/// What is turned on, off and moved while a session runs.
@Suite(.timeLimit(.minutes(10))) struct PresenceTests {
    private let scratch: Scratch
    private let manifest: Metainfo

    init() throws {
        scratch = try Scratch()
        try scratch.write("content", bytes: 300_000, seed: 21)
        manifest = try scratch.manifest(of: "content", .v1)
    }

    private func session(
        _ adjust: (inout SessionConfiguration) -> Void = { _ in }
    ) async throws -> Session {
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.usesTrackers = false
        configuration.usesLSD = false
        configuration.dhtBootstrap = []
        adjust(&configuration)
        return try await Session(configuration)
    }

    private func seed(in session: Session, tracker url: String? = nil) async throws -> Torrent {
        var request = TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed)
        request.trackers = url.map { [[$0]] }
        let torrent = try await session.add(request)
        try await TransferTests.completion(of: torrent)
        return torrent
    }

    private func fetch(
        in session: Session, to folder: String, from peers: [Endpoint] = []
    ) async throws -> Torrent {
        var request = TorrentRequest(
            metainfo: manifest, directory: try scratch.folder(folder), mode: .fetch)
        request.peers = peers
        return try await session.add(request)
    }

    private func change(
        _ session: Session, _ change: (inout SessionConfiguration) -> Void
    ) async {
        var configuration = session.configuration
        change(&configuration)
        await session.setConfiguration(configuration)
    }

    /// Lets it listen at another port. One that was free a moment ago may be in use for what
    /// another test has dialled.
    private func move(_ session: Session) async throws -> UInt16 {
        for _ in 0..<8 {
            let port = try await freePort()
            if (try? await session.listen(at: port)) != nil { return port }
        }
        throw EngineError.stopped
    }

    /// One at which nobody listens.
    private func freePort() async throws -> UInt16 {
        let other = try await session { $0.usesDHT = false }
        let port = other.port
        await other.shutdown()
        return port
    }

    private func isOpen(_ port: UInt16) -> Bool {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(file) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    @Test func torrentsLeaveTheDHTWhenItIsTurnedOffAndAreFoundWhenItIsOnAgain() async throws {
        let seeding = try await session()
        let torrent = try await seed(in: seeding)
        #expect(await torrent.dhtNames.count == 1)
        await change(seeding) { $0.usesDHT = false }
        #expect(seeding.services.dht == nil)
        #expect(await torrent.dhtNames.isEmpty)
        #expect(await !torrent.showsDHT)
        #expect(await seeding.network().dhtNodesIPv4 == nil)
        await change(seeding) { $0.usesDHT = true }
        #expect(await torrent.dhtNames.count == 1)
        let place = DHTPlace(host: "127.0.0.1", port: seeding.port)
        let fetching = try await session { $0.dhtBootstrap = [place] }
        try await TransferTests.completion(of: try await fetch(in: fetching, to: "dht"))
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func theDHTCanBeTurnedOnWhereItWasOffFromTheStart() async throws {
        let session = try await session { $0.usesDHT = false }
        let torrent = try await seed(in: session)
        #expect(await torrent.dhtNames.isEmpty)
        await change(session) { $0.usesDHT = true }
        #expect(await torrent.dhtNames.count == 1)
        let home = Endpoint(ipv4: 0x7F00_0001, port: 1)
        #expect(session.services.dhtPort(towards: home) == session.port)
        await session.shutdown()
    }

    @Test func neighboursAreToldWhileThatIsTurnedOn() async throws {
        let session = try await session { $0.usesDHT = false }
        _ = try await seed(in: session)
        #expect(session.services.localDiscovery == nil)
        await change(session) { $0.usesLSD = true }
        let local = try #require(session.services.localDiscovery)
        #expect(await local.announced == Set(manifest.infoHash.wireForms))
        await change(session) { $0.usesLSD = false }
        #expect(session.services.localDiscovery == nil)
        await session.shutdown()
    }

    @Test func trackersAreToldWhenTheyAreTurnedOnAndOff() async throws {
        let tracker = try await StubTracker.start()
        let session = try await session { $0.usesDHT = false }
        let torrent = try await seed(in: session, tracker: tracker.url)
        #expect(await torrent.trackers().isEmpty)
        await change(session) { $0.usesTrackers = true }
        try await eventually { tracker.announces.map(\.event) == ["started"] }
        await change(session) { $0.usesTrackers = false }
        #expect(session.services.trackers == nil)
        #expect(await torrent.trackers().isEmpty)
        // They hear of it in the order in which it was done.
        await change(session) { $0.usesTrackers = true }
        try await eventually {
            tracker.announces.map(\.event) == ["started", "stopped", "started"]
        }
        #expect(tracker.announces.allSatisfy { $0.left == 0 })
        await change(session) { $0.usesTrackers = false }
        await session.shutdown()
        #expect(tracker.announces.map(\.event) == ["started", "stopped", "started", "stopped"])
        try await tracker.stop()
    }

    @Test func trackersThatHearAgainThatWeHaveComeCountFromZero() async throws {
        let tracker = try await StubTracker.start()
        let seeding = try await session { ($0.usesDHT, $0.usesTrackers) = (false, true) }
        _ = try await seed(in: seeding, tracker: tracker.url)
        let fetching = try await session { $0.usesDHT = false }
        let fetch = try await fetch(
            in: fetching, to: "counted", from: [TransferTests.endpoint(of: seeding)])
        try await TransferTests.completion(of: fetch)
        await fetching.shutdown()
        await change(seeding) { $0.usesTrackers = false }
        await change(seeding) { $0.usesTrackers = true }
        try await eventually { tracker.announces.count == 3 }
        await seeding.shutdown()
        #expect(tracker.announces.map(\.uploaded) == [0, 300_000, 0, 0])
        try await tracker.stop()
    }

    @Test func trackersOverUDPAreAskedFromThePortOfPeers() async throws {
        let tracker = try await StubUDPTracker.start()
        let session = try await session { ($0.usesDHT, $0.usesTrackers) = (false, true) }
        _ = try await seed(in: session, tracker: tracker.url)
        let before = session.port
        try await eventually { tracker.announces.count == 1 }
        let after = try await move(session)
        #expect(
            session.services.presence.withLock { $0.sockets.map(\.localEndpoint.port) } == [after])
        await session.shutdown()
        #expect(tracker.announces.map(\.source) == [before, after])
        #expect(tracker.announces.map(\.port) == [before, after])
        #expect(tracker.announces.map(\.event) == [2, 3])
        await tracker.stop()
    }

    @Test func changesThatComeTogetherEndAsTheLastOneSays() async throws {
        let session = try await session()
        let torrent = try await seed(in: session)
        await withTaskGroup(of: Void.self) { group in
            for round in 0..<10 {
                group.addTask { await change(session) { $0.usesDHT = round.isMultiple(of: 2) } }
            }
        }
        await change(session) { $0.usesDHT = true }
        #expect(session.services.dht != nil)
        #expect(await torrent.dhtNames.count == 1)
        await session.shutdown()
    }

    @Test func peersComeToTheNewPortAndNoLongerToTheOldOne() async throws {
        let seeding = try await session()
        let torrent = try await seed(in: seeding)
        let before = seeding.port
        let after = try await move(seeding)
        #expect(seeding.port == after)
        #expect(torrent.listenPort == after)
        #expect(!isOpen(before))
        #expect(isOpen(after))
        #expect(
            seeding.services.dhtPort(towards: Endpoint(ipv4: 0x7F00_0001, port: 1)) == after)
        #expect(await torrent.dhtNames.count == 1)
        // Found by the DHT alone, which says the new port.
        let place = DHTPlace(host: "127.0.0.1", port: after)
        let fetching = try await session { $0.dhtBootstrap = [place] }
        try await TransferTests.completion(of: try await fetch(in: fetching, to: "moved"))
        await fetching.shutdown()
        await seeding.shutdown()
    }

    @Test func aPortThatIsTakenLeavesAllAsItWas() async throws {
        let (first, second) = (try await session(), try await session())
        let port = first.port
        await #expect(throws: EngineError.self) { try await first.listen(at: second.port) }
        #expect(first.port == port)
        #expect(isOpen(port))
        #expect(first.configuration.port == 0)
        // The next attempt is not hindered by that.
        #expect(isOpen(try await move(first)))
        await first.shutdown()
        await second.shutdown()
    }
}
