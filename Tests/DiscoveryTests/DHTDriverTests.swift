import Foundation
import Hashing
import Kademlia
import NIOCore
import Testing
import Units

@testable import Discovery

private let loopback4 = Endpoint(ipv4: 0x7F00_0001, port: 0)
private let loopback6 = Endpoint(ipv6High: 0, low: 1, port: 0)
private let torrent = SHA1Digest.hash(Array("a torrent".utf8))

/// A node on loopback with sockets of its own.
private struct TestNode {
    let driver: DHTDriver
    let sockets: [UDPSocket]

    var endpoint: Endpoint { sockets[0].localEndpoint }

    init(
        at addresses: [Endpoint] = [loopback4], knowing others: [Endpoint] = [],
        names: [String: [Endpoint]] = [:],
        _ change: (inout DHTDriver.Configuration) -> Void = { _ in }
    ) async throws {
        var configuration = DHTDriver.Configuration()
        configuration.bootstrapNodes = others.map { DHTPlace($0) }
        change(&configuration)
        var sockets: [UDPSocket] = []
        for address in addresses { sockets.append(try await .bind(to: address)) }
        self.sockets = sockets
        driver = try #require(
            await DHTDriver.start(
                configuration, sockets: sockets,
                resolver: NameResolver { names[$0] }, logger: silentLogger))
    }

    func stop() async {
        await driver.shutdown()
        for socket in sockets { await socket.close() }
    }

    func joins() async -> Bool {
        await !driver.waitUntilJoined(within: .seconds(20), other: .seconds(5)).isEmpty
    }
}

/// The end of a piece of work, and what came before it.
private func outcome(_ events: AsyncStream<DHTEvent>) async -> (all: [DHTEvent], DHTResult?) {
    var all: [DHTEvent] = []
    for await event in events {
        all.append(event)
        if case .finished(_, let result) = event { return (all, result) }
    }
    return (all, nil)
}

@Suite(.timeLimit(.minutes(10))) struct DHTDriverTests {
    @Test(arguments: [loopback4, loopback6])
    func aNodeFindsPeersThatAnotherHasAnnounced(address: Endpoint) async throws {
        let first = try await TestNode(at: [address])
        let second = try await TestNode(at: [address], knowing: [first.endpoint])
        let third = try await TestNode(at: [address], knowing: [first.endpoint])
        #expect(await second.joins())
        #expect(await third.joins())
        let family = address.family
        let announced = await outcome(
            second.driver.perform(.getPeers(torrent, family, announcing: .init(port: 7))))
        #expect((announced.1?.storedCount ?? 0) > 0)
        let (events, _) = await outcome(third.driver.perform(.getPeers(torrent, family)))
        let peers = events.flatMap { event -> [Endpoint] in
            if case .peers(_, let peers, _) = event { return peers }
            return []
        }
        #expect(peers.contains(address.with(port: 7)))
        for node in [first, second, third] { await node.stop() }
    }

    @Test func aNetworkOfTwoIsEnoughForATorrent() async throws {
        let first = try await TestNode()
        let found = Happenings<[Endpoint]>()
        // It announces while it is alone, and again when it is not.
        _ = await first.driver.join(torrent, announcing: .init(port: 7)) { _ in }
        let second = try await TestNode(knowing: [first.endpoint])
        _ = await second.driver.join(torrent, announcing: nil) { found.add($0) }
        let peers = await found.first(1)
        #expect(peers.first == [loopback4.with(port: 7)])
        for node in [first, second] { await node.stop() }
    }

    /// Each knows the one before it, which may not be there yet. Whoever starts first finds nobody,
    /// and may already be known to somebody when the one that it names begins to listen.
    @Test(arguments: [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    func nodesThatStartInAnyOrderMakeOneNetwork(order: [Int]) async throws {
        // Addresses of this test alone, so that nobody else takes what is not listened to yet.
        let block = UInt32(1 + order[0] * 3 + order[1]) << 8
        let places = (0..<3).map { Endpoint(ipv4: 0x7F4D_0001 + block + $0, port: 7_001) }
        let peers = places.map { $0.with(port: 1) }
        let found = Happenings<Endpoint>()
        var nodes: [TestNode] = []
        for number in order {
            let known = number == 0 ? [] : [places[number - 1]]
            let node = try await TestNode(at: [places[number]], knowing: known)
            // The first finds the last, or the other way round: one of them calls.
            let other: Endpoint? = number == 1 ? nil : peers[2 - number]
            _ = await node.driver.join(torrent, announcing: DHTAnnouncement(port: 1)) {
                for peer in $0 where peer == other { found.add(peer) }
            }
            nodes.append(node)
            // Long enough for what was asked to be refused.
            try await Task.sleep(for: .milliseconds(200))
        }
        #expect(await found.first(1).count == 1)
        for node in nodes { await node.stop() }
    }

    @Test func aNetworkOfTwoIsEnoughForItems() async throws {
        let first = try await TestNode()
        let second = try await TestNode(knowing: [first.endpoint])
        #expect(await second.joins())
        let immutable = DHTItem(value: Array("5:value".utf8))
        guard let key = Ed25519PrivateKey(seed: Array(1...32)) else {
            Issue.record("no key")
            return
        }
        let salt = Array("salt".utf8)
        let made = DHTItem(value: Array("i1e".utf8), sequence: 3, salt: salt, signingWith: key)
        let mutable = try #require(made)
        let publicKey = key.publicKey
        for (item, salt) in [(immutable, []), (mutable, salt)] {
            let put = await outcome(
                second.driver.perform(.put(item, salt: salt, expecting: nil, .ipv4)))
            #expect(put.1?.storedCount == 1)
        }
        for node in [first, second] {
            for (item, work) in [
                (immutable, DHTDriver.Operation.getImmutable(immutable.target(), .ipv4)),
                (mutable, .getMutable(publicKey, salt: salt, .ipv4)),
            ] {
                let (events, _) = await outcome(node.driver.perform(work))
                let found = events.compactMap { event -> DHTItem? in
                    if case .item(_, let item) = event { item } else { nil }
                }
                #expect(found == [item])
            }
        }
        for node in [first, second] { await node.stop() }
    }

    @Test func bothFamiliesAreServedBySocketsOfOneNode() async throws {
        let first = try await TestNode(at: [loopback4, loopback6])
        let both = first.sockets.map(\.localEndpoint)
        let second = try await TestNode(at: [loopback4, loopback6], knowing: both)
        let joined = await second.driver.waitUntilJoined(
            within: .seconds(20), other: .seconds(20))
        #expect(joined == [.ipv4, .ipv6])
        let status = await second.driver.status
        #expect(status.nodeCounts == [.ipv4: 1, .ipv6: 1])
        #expect(status.ids[.ipv4] != status.ids[.ipv6])
        for node in [first, second] { await node.stop() }
    }

    @Test func aRestartIsWarm() async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "dht.dat").path
        let first = try await TestNode()
        let second = try await TestNode(knowing: [first.endpoint]) { $0.stateFile = path }
        #expect(await second.joins())
        let id = await second.driver.status.ids[.ipv4]
        await second.stop()
        // Nobody is named this time.
        let again = try await TestNode { $0.stateFile = path }
        #expect(await again.joins())
        #expect(await again.driver.status.ids[.ipv4] == id)
        for node in [first, again] { await node.stop() }
    }

    @Test func aTableThatMetNobodyDoesNotReplaceOneThatDid() async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "dht.dat").path
        let gone = NodeContact(id: NodeID(torrent), endpoint: loopback4.with(port: 9))
        let saved = DHTState(id: NodeID(torrent), id6: .zero, contacts: [gone])
        #expect(saved.save(path) == 0)
        let node = try await TestNode { $0.stateFile = path }
        await node.stop()
        #expect(DHTState.load(path) == saved)
    }

    @Test func aNodeIsFoundByName() async throws {
        let first = try await TestNode()
        let second = try await TestNode(
            names: ["node.example": [first.endpoint.address]]
        ) {
            $0.bootstrapNodes = [
                DHTPlace(host: "node.example", port: first.endpoint.port),
                DHTPlace(host: "lost.example", port: 1),
            ]
        }
        #expect(await second.joins(), "names that lead to a private network make it one")
        for node in [first, second] { await node.stop() }
    }

    @Test func workEndsWhenTheNodeIsShutDown() async throws {
        let silent = try await UDPSocket.bind(to: loopback4)
        let node = try await TestNode()
        let events = await node.driver.perform(.ping(silent.localEndpoint))
        await node.stop()
        for await _ in events {}
        for await _ in await node.driver.perform(.ping(silent.localEndpoint)) {}
        await silent.close()
    }

    @Test func aTorrentThatWasLeftIsToldNothing() async throws {
        let first = try await TestNode()
        let second = try await TestNode(knowing: [first.endpoint])
        #expect(await second.joins())
        let found = Happenings<[Endpoint]>()
        let id = await second.driver.join(torrent, announcing: .init(port: 7)) { found.add($0) }
        await second.driver.leave(id)
        _ = await outcome(second.driver.perform(.getPeers(torrent, .ipv4)))
        #expect(found.all.isEmpty)
        #expect(await second.driver.status.torrentCount == 0)
        for node in [first, second] { await node.stop() }
    }
}

private func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(
        path: "swarm-dht-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

@Suite struct DHTStateTests {
    private let state = DHTState(
        id: NodeID(torrent), id6: .zero,
        contacts: [
            NodeContact(id: NodeID(torrent), endpoint: loopback4.with(port: 1)),
            NodeContact(id: .zero, endpoint: loopback6.with(port: 2)),
        ])

    @Test func whatWasSavedIsReadBack() {
        #expect(DHTState(state.encoded()) == state)
    }

    @Test func aDamagedFileIsNone() {
        let bytes = state.encoded()
        for count in 0..<bytes.count { #expect(DHTState(Array(bytes[..<count])) == nil) }
        #expect(DHTState(Array(repeating: 0x6C, count: 1 << 20)) == nil)
        #expect(
            DHTState(Array("d2:id20:aaaaaaaaaaaaaaaaaaaa3:id6i0e5:nodes0:6:nodes60:e".utf8)) == nil)
        #expect(DHTState.load("/nowhere/dht.dat") == nil)
    }

    @Test func moreNodesThanAreReadAreNotWritten() {
        var many = state
        many.contacts = (0..<5_000).map { number in
            NodeContact(id: .zero, endpoint: Endpoint(ipv6High: 1, low: UInt64(number), port: 1))
        }
        #expect(many.encoded().count <= Limits.dhtStateByteCountMax)
        #expect(DHTState(many.encoded())?.contacts.count == Limits.dhtSavedNodesMax)
    }
}

@Suite struct DHTScheduleTests {
    private func key(_ number: UInt64) -> DHTSchedule.Key {
        DHTSchedule.Key(torrent: .init(rawValue: number), family: .ipv4)
    }

    private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

    @Test func theSoonestComesFirst() {
        var schedule = DHTSchedule()
        for (number, seconds) in [(1, 30), (2, 10), (3, 20), (4, 10)] as [(UInt64, Int64)] {
            schedule.set(key(number), at: at(seconds))
        }
        #expect(schedule.next == at(10))
        let early = schedule.takeDue(now: at(9))
        #expect(early == nil)
        schedule.remove(key(4))
        schedule.advance(key(1), to: at(5))
        schedule.advance(key(3), to: at(25))
        let order = (0..<4).map { _ in schedule.takeDue(now: at(100)) }
        #expect(order == [key(1), key(2), key(3), nil])
    }

    @Test func poorSearchesAreRepeatedEverMoreRarely() {
        var full = DHTResult()
        full.closest = Array(
            repeating: NodeContact(id: .zero, endpoint: loopback4), count: 8)
        full.storedCount = 8
        func waits(_ result: DHTResult, peers: Int, announces: Bool) -> [Interval] {
            (0..<12).map { attempt in
                DHTSchedule.wait(
                    result: result, peerCount: peers, announces: announces, attempt: attempt)
            }
        }
        #expect(
            waits(full, peers: 0, announces: true).allSatisfy { $0 == Limits.dhtAnnounceInterval })
        for waits in [
            waits(full, peers: 0, announces: false), waits(DHTResult(), peers: 3, announces: true),
        ] {
            #expect(waits.first == Limits.dhtRetryWait)
            #expect(waits.last == Limits.dhtAnnounceInterval)
            #expect(waits == waits.sorted())
        }
    }

    @Test("K13 bootstrap nodes that are no use are asked ever more rarely")
    func k13() {
        var bootstrap = DHTBootstrap()
        bootstrap.begin(at: .zero)
        var asked: [Instant] = []
        var now = Instant.zero
        while now < at(24 * 3600), let due = bootstrap.dueAt {
            #expect(due > now || asked.isEmpty)
            now = due
            if bootstrap.isDue(nodeCount: 0, now: now) { asked.append(now) }
        }
        #expect(asked.count < 160)
        #expect(asked[1] == at(2))
        // Once there are nodes they are left in peace, and asked at once when all are lost.
        let askedInPeace = bootstrap.isDue(nodeCount: 8, now: now + .seconds(3600))
        let askedAgain = bootstrap.isDue(nodeCount: 0, now: now + .seconds(7200))
        #expect(!askedInPeace && askedAgain)
    }

    @Test func privateAddressesCountWhereNoWayIntoThePublicNetworkIsKnown() {
        let name = DHTPlace(host: "node.example", port: 1)
        let local = Endpoint(ipv4: 0x0A00_0001, port: 1)
        let open = Endpoint(ipv4: 0x0808_0808, port: 1)
        func waysIn(_ places: [DHTPlace], saved: [Endpoint] = [], bound: Endpoint = local)
            -> DHTWaysIn
        {
            DHTWaysIn(
                places, saved: saved.map { NodeContact(id: .zero, endpoint: $0) }, bound: [bound])
        }
        #expect(waysIn([]).acceptsLocalAddresses)
        #expect(waysIn([DHTPlace(local)]).acceptsLocalAddresses)
        #expect(!waysIn([DHTPlace(local), DHTPlace(open)]).acceptsLocalAddresses)
        #expect(!waysIn([], saved: [open]).acceptsLocalAddresses)
        #expect(waysIn([name], bound: loopback4).acceptsLocalAddresses)
        var later = waysIn([name])
        #expect(!later.acceptsLocalAddresses)
        later.resolved(name, [])
        #expect(later.acceptsLocalAddresses)
        later.resolved(name, [open])
        #expect(!later.acceptsLocalAddresses)
    }
}
