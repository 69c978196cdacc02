import NIOCore
import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// Peer exchange (BEP 11), as a whole torrent does it.
@Suite struct PeerExchangeTests {
    private static func contact(_ number: UInt32, port: UInt16 = 6881) -> Endpoint {
        Endpoint(ipv4: 0x0B00_0001 + number << 16, port: port)
    }

    /// Says in its extension handshake that it takes such messages, and where it listens.
    private func offer(port: UInt16 = 6881, id: UInt8 = 9) -> PeerMessage {
        var ids = ExtensionIDs()
        ids[.peerExchange] = id
        return .extensionHandshake(ExtensionHandshake(extensions: ids, listenPort: port))
    }

    private func message(
        _ added: [Endpoint], dropped: [Endpoint] = [],
        flags: PeerExchangeMessage.Flags = []
    ) -> PeerMessage {
        let message = PeerExchangeMessage(
            added: added.map { .init($0, flags: flags) }, dropped: dropped)
        return .extended(.peerExchange, message.encoded())
    }

    private func endpoint(of key: PeerKey, port: UInt16 = 6881) -> Endpoint {
        // As the fixture numbers its connections.
        Endpoint(ipv4: 0x1400_0001 + (key.slot + 1) << 16, port: port)
    }

    // MARK: Telling

    @Test func tellsAPeerOfTheOthersAndNeverOfItself() throws {
        var torrent = try TorrentFixture(pieces: 2)
        let first = try torrent.connect()
        _ = torrent.receive(offer(), .haveAll, from: first)
        let second = try torrent.connect()
        _ = torrent.receive(offer(port: 7000), .haveNone, from: second)
        let actions = torrent.feed(.tick, after: .seconds(5))
        #expect(
            actions.told(first)?.added == [
                .init(endpoint(of: second, port: 7000))
            ])
        #expect(actions.told(second)?.added == [.init(endpoint(of: first), flags: .seed)])
        #expect(actions.told(first)?.dropped == [])
        #expect(torrent.machine.counters.pexMessagesSent == 2)
    }

    @Test func tellsWhomItHasDialledAndWhoPunchesHoles() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let first = try torrent.connect()
        _ = torrent.receive(offer(), from: first)
        let second = try torrent.connect(isIncoming: false)
        var ids = ExtensionIDs()
        ids[.holepunch] = 4
        _ = torrent.receive(
            .extensionHandshake(ExtensionHandshake(extensions: ids)), from: second)
        let told = torrent.feed(.tick, after: .seconds(5)).told(first)
        let expected = PeerExchangeMessage.Contact(
            endpoint(of: second, port: 40_000), flags: [.reachable, .supportsHolepunch])
        #expect(told?.added == [expected])
    }

    @Test func tellsOnlyOfPeersWhoseListeningEndpointIsKnown() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let first = try torrent.connect()
        _ = torrent.receive(offer(), from: first)
        _ = try torrent.connect()
        #expect(torrent.feed(.tick, after: .seconds(5)).told(first) == nil)
    }

    @Test func tellsChangesOnceAMinuteAndNothingTwice() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let first = try torrent.connect()
        _ = torrent.receive(offer(), from: first)
        let second = try torrent.connect()
        _ = torrent.receive(offer(), from: second)
        #expect(torrent.feed(.tick, after: .seconds(5)).told(first)?.added.count == 1)
        let third = try torrent.connect()
        _ = torrent.receive(offer(), from: third)
        _ = torrent.feed(.disconnected(second, .closedByPeer))
        for _ in 0..<59 {
            #expect(torrent.feed(.tick, after: .seconds(1)).told(first) == nil)
        }
        let told = torrent.feed(.tick, after: .seconds(6)).told(first)
        #expect(told?.added == [.init(endpoint(of: third))])
        #expect(told?.dropped == [endpoint(of: second)])
        for _ in 0..<300 {
            #expect(torrent.feed(.tick, after: .seconds(1)).told(first) == nil)
        }
    }

    @Test func aPeerThatLeftAndCameBackBetweenTwoMessagesIsInNeither() throws {
        var exchange = PeerExchange(isOn: true)
        var generator = SeededGenerator(seed: 1)
        let key = PeerKey(slot: 0, generation: 0)
        var ids = ExtensionIDs()
        ids[.peerExchange] = 1
        exchange.heard(ids, from: key, at: Self.contact(900), now: .zero)
        func tell(_ generation: UInt32, at now: Instant) -> PeerExchangeMessage? {
            var actions = ActionBuffer<TorrentAction>()
            let other = PeerKey(slot: 1, generation: generation)
            _ = exchange.tell(
                of: [.init(key: other, endpoint: Self.contact(1))], now: now, using: &generator,
                into: &actions)
            return actions.take().told(key)
        }
        #expect(tell(0, at: .zero + .seconds(10))?.added.count == 1)
        #expect(tell(1, at: .zero + .seconds(100)) == nil)
    }

    @Test func tellsAtMost50AndTheRestWithTheNextMessages() throws {
        var exchange = PeerExchange(isOn: true)
        var generator = SeededGenerator(seed: 1)
        let key = PeerKey(slot: 0, generation: 0)
        var ids = ExtensionIDs()
        ids[.peerExchange] = 1
        exchange.heard(ids, from: key, at: Self.contact(900), now: .zero)
        let contacts = (1...120).map {
            PeerExchange.Contact(
                key: PeerKey(slot: UInt32($0), generation: 0), endpoint: Self.contact($0))
        }
        var now = Instant.zero
        func tell(_ contacts: [PeerExchange.Contact]) -> [Int] {
            now = now + .seconds(65)
            var actions = ActionBuffer<TorrentAction>()
            _ = exchange.tell(of: contacts, now: now, using: &generator, into: &actions)
            guard let told = actions.take().told(key) else { return [] }
            added += told.added.map(\.endpoint)
            dropped += told.dropped
            return [told.added.count, told.dropped.count]
        }
        var (added, dropped): ([Endpoint], [Endpoint]) = ([], [])
        check(tell(contacts) == [50, 0])
        check(tell(contacts) == [50, 0])
        check(tell(contacts) == [20, 0])
        #expect(Set(added) == Set(contacts.map(\.endpoint)))
        check(tell([]) == [0, 50])
        check(tell([]) == [0, 50])
        check(tell([]) == [0, 20])
        #expect(Set(dropped) == Set(added))
        check(tell([]) == [])
    }

    @Test func aSeedTellsOfSeedsThatItLetGoAndTakesThatBackWithTheNextMessage() throws {
        var torrent = try TorrentFixture(pieces: 1, have: [0])
        let seed = try torrent.connect()
        _ = torrent.receive(offer(), .haveAll, from: seed)
        let letGo = endpoint(of: seed)
        #expect(torrent.feed(.tick, after: .seconds(1)).closes(seed) == .useless)
        let key = try torrent.connect()
        _ = torrent.receive(offer(port: 7_000), .haveNone, from: key)
        let first = torrent.feed(.tick, after: .seconds(5)).told(key)
        #expect(first?.added == [.init(letGo, flags: .seed)])
        for _ in 0..<60 {
            #expect(torrent.feed(.tick, after: .seconds(1)).told(key) == nil)
        }
        let second = torrent.feed(.tick, after: .seconds(6)).told(key)
        #expect(second?.added == [])
        #expect(second?.dropped == [letGo])
        for _ in 0..<80 {
            #expect(torrent.feed(.tick, after: .seconds(1)).told(key) == nil)
        }
        // After a while it may have gone, and who misbehaved is not passed on at all.
        torrent.now = torrent.now + .minutes(30)
        let later = try torrent.connect()
        _ = torrent.receive(offer(port: 7_001), .haveNone, from: later)
        let told = torrent.feed(.tick, after: .seconds(5)).told(later)
        #expect(told?.added.map(\.endpoint).contains(letGo) == false)
    }

    @Test func thoseThatWereLetGoFillUpShortListsOnly() throws {
        for (live, expected) in [(0, 25), (24, 49), (25, 25)] {
            var exchange = PeerExchange(isOn: true)
            var generator = SeededGenerator(seed: 1)
            let key = PeerKey(slot: 0, generation: 0)
            var ids = ExtensionIDs()
            ids[.peerExchange] = 1
            exchange.heard(ids, from: key, at: Self.contact(900), now: .zero)
            func contact(_ number: UInt32) -> PeerExchange.Contact {
                .init(
                    key: PeerKey(slot: number, generation: 0), endpoint: Self.contact(number))
            }
            for number in 100..<140 as Range<UInt32> {
                exchange.willLetGo(contact(number), now: .zero)
            }
            var actions = ActionBuffer<TorrentAction>()
            _ = exchange.tell(
                of: (0..<live).map { contact(UInt32($0 + 1)) }, now: .zero + .seconds(10),
                using: &generator, into: &actions)
            #expect(actions.take().told(key)?.added.count == expected)
        }
    }

    @Test("X3 local addresses are told to local peers only, loopback to loopback")
    func x3TellsLocalAddressesToLocalPeersOnly() throws {
        let kinds = ["8.8.8.8:6881", "192.168.7.7:6881", "127.0.0.1:6881"]
        let expected = [[0], [0, 1], [0, 1, 2]]
        for (remote, seen) in zip(["9.9.9.9:1", "10.0.0.1:1", "127.0.0.1:1"], expected) {
            var exchange = PeerExchange(isOn: true)
            var generator = SeededGenerator(seed: 1)
            let key = PeerKey(slot: 0, generation: 0)
            var ids = ExtensionIDs()
            ids[.peerExchange] = 1
            exchange.heard(ids, from: key, at: try #require(Endpoint(remote)), now: .zero)
            let contacts = try kinds.enumerated().map {
                PeerExchange.Contact(
                    key: PeerKey(slot: UInt32($0.offset + 1), generation: 0),
                    endpoint: try #require(Endpoint($0.element)))
            }
            var actions = ActionBuffer<TorrentAction>()
            _ = exchange.tell(
                of: contacts, now: .zero + .seconds(9), using: &generator, into: &actions)
            let told = Set(actions.take().told(key)?.added.map(\.endpoint) ?? [])
            #expect(told == Set(seen.map { contacts[$0].endpoint }))
        }
    }

    @Test func nothingIsToldToPeersThatDoNotTakeIt() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let silent = try torrent.connect()
        let off = try torrent.connect()
        _ = torrent.receive(offer(), offer(id: 0), from: off)
        let other = try torrent.connect()
        _ = torrent.receive(offer(), from: other)
        let actions = torrent.feed(.tick, after: .seconds(10))
        #expect(actions.told(silent) == nil)
        #expect(actions.told(off) == nil)
        #expect(actions.told(other)?.added.count == 1)
    }

    // MARK: Being told

    @Test func dialsWhomAPeerNames() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let peer = try torrent.connect()
        let named = [Self.contact(1), Self.contact(2)]
        #expect(Set(torrent.receive(message(named), from: peer).dials) == Set(named))
        #expect(torrent.machine.counters.pexPeersTaken == 2)
        #expect(torrent.machine.peerList.record(of: named[0])?.origins == .pex)
    }

    @Test func aSeedDoesNotDialSeedsThatItIsToldOf() throws {
        var torrent = try TorrentFixture(pieces: 1, have: [0])
        let peer = try torrent.connect()
        let actions = torrent.receive(message([Self.contact(1)], flags: .seed), from: peer)
        #expect(actions.dials == [])
        #expect(torrent.receive(offer(), from: peer).dials == [])
    }

    @Test("X3 of a message with 400 peers 50 are taken, one with 100,000 is ignored")
    func x3Many() throws {
        var torrent = try TorrentFixture(pieces: 1) { $0.connectionsMax = 3_000 }
        let first = try torrent.connect()
        _ = torrent.receive(message((0..<400).map { Self.contact($0) }), from: first)
        #expect(torrent.machine.knownPeerCount == 50)
        let second = try torrent.connect()
        _ = torrent.receive(
            message((0..<100_000).map { Endpoint(ipv4: 0x0C00_0000 + $0 << 8, port: 6881) }),
            from: second)
        #expect(torrent.machine.knownPeerCount == 50)
        #expect(torrent.machine.counters.pexMessagesIgnored == 1)
    }

    @Test("X3 more than one message a minute is ignored, and a flood ends the connection")
    func x3Rate() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let peer = try torrent.connect()
        var known = 0
        for round in 0..<10 as Range<UInt32> {
            _ = torrent.receive(message([Self.contact(round)]), from: peer)
            #expect(torrent.machine.knownPeerCount == known + 1)
            known += 1
            let soon = torrent.receive(message([Self.contact(100 + round)]), from: peer)
            #expect(torrent.machine.knownPeerCount == known)
            #expect(soon.closes(peer) == nil)
            torrent.now = torrent.now + .seconds(60)
        }
        #expect(torrent.machine.counters.pexMessagesIgnored == 10)
        // One a minute is in order and forgives one that was not; without them, ten are enough.
        var closed: CloseReason?
        for round in 0..<12 as Range<UInt32> {
            closed =
                closed
                ?? torrent.receive(message([Self.contact(round)]), from: peer)
                .closes(peer)
        }
        #expect(closed == .misbehaved(.badPeerExchange))
    }

    @Test("X3 a message may come late and the next early, but not more than one a minute for long")
    func x3Jitter() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let peer = try torrent.connect()
        var taken = 0
        for round in 0..<20 as Range<UInt32> {
            let before = torrent.machine.knownPeerCount
            _ = torrent.receive(message([Self.contact(round)]), from: peer)
            taken += torrent.machine.knownPeerCount - before
            torrent.now = torrent.now + .seconds(35)
        }
        #expect((11...13).contains(taken), "\(taken) in 11 minutes")
    }

    @Test("X3 messages that make no sense are ignored, and many of them end the connection")
    func x3Senseless() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let peer = try torrent.connect()
        let lengths = ByteBuffer(string: "d5:added7:1234567e")
        let senseless = [ByteBuffer(string: "le"), ByteBuffer(), lengths]
        for round in 0..<10 {
            let actions = torrent.receive(
                .extended(.peerExchange, senseless[round % 3]), from: peer)
            #expect(actions.closes(peer) == nil)
            torrent.now = torrent.now + .seconds(60)
        }
        let last = torrent.receive(.extended(.peerExchange, lengths), from: peer)
        #expect(last.closes(peer) == .misbehaved(.badPeerExchange))
        #expect(torrent.machine.knownPeerCount == 0)
    }

    @Test("X3 what cannot be a peer, ourselves, and local addresses from afar are not dialled")
    func x3Filters() throws {
        var torrent = try TorrentFixture(pieces: 1) { $0.listenPort = 6881 }
        let own = Self.contact(50)
        _ = torrent.feed(.seenAs(own.with(port: 1234)))
        let peer = try torrent.connect()
        let bad = [
            "127.0.0.1:6881", "10.0.0.1:6881", "192.168.0.1:6881", "172.16.0.1:6881",
            "169.254.1.1:6881", "224.0.0.1:6881", "255.255.255.255:6881", "0.0.0.0:6881",
            "8.8.8.8:0", "[::1]:6881", "[fe80::1]:6881", "[fd00::1]:6881", "[ff02::1]:6881",
        ]
        let endpoints = try bad.map { try #require(Endpoint($0)) } + [own]
        let actions = torrent.receive(message(endpoints), from: peer)
        #expect(actions.dials == [])
        #expect(torrent.machine.knownPeerCount == 0)
    }

    @Test("X3 a local peer may name local peers, but not our own loopback")
    func x3LocalOfLocal() throws {
        var exchange = PeerExchange(isOn: true)
        let near = PeerExchangeMessage.Contact(try #require(Endpoint("192.168.0.1:6881")))
        let loopback = PeerExchangeMessage.Contact(try #require(Endpoint("127.0.0.1:6881")))
        let payload = PeerExchangeMessage(added: [near, loopback]).encoded()
        for (slot, remote, believed) in [
            (UInt32(0), "192.168.0.9:1", [near]), (1, "127.0.0.1:1", [near, loopback]),
            (2, "8.8.8.8:1", []),
        ] {
            let reception = exchange.receive(
                payload, from: PeerKey(slot: slot, generation: 0),
                at: try #require(Endpoint(remote)), now: .zero)
            #expect(reception == .taken(believed), "of \(remote)")
        }
    }

    @Test("X4 an endpoint is tried once in its back-off, however often it is named")
    func x4OneAttempt() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let victim = Self.contact(1)
        var dials = 0
        for _ in 0..<20 {
            let peer = try torrent.connect()
            dials += torrent.receive(message([victim]), from: peer).dials.count
            _ = torrent.feed(.dialFailed(victim))
            _ = torrent.feed(.disconnected(peer, .closedByPeer), after: .seconds(1))
        }
        #expect(dials == 1)
    }

    @Test("X4 a subnet, a port and a host are dialled a few times at once")
    func x4Quotas() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let subnet = (1...40).map { Endpoint(ipv4: 0x0B00_0000 + $0, port: 2_000 + UInt16($0)) }
        var peer = try torrent.connect()
        #expect(torrent.receive(message(subnet), from: peer).dials.count == 4)
        let port = (1...50).map { Self.contact($0, port: 25_565) }
        peer = try torrent.connect()
        #expect(torrent.receive(message(port), from: peer).dials.count == 16)
        var other = try TorrentFixture(pieces: 1)
        peer = try other.connect()
        let host = (1...50).map { Self.contact(1, port: 2_000 + UInt16($0)) }
        #expect(other.receive(message(host), from: peer).dials.count == 1)
        #expect(other.machine.knownPeerCount == 1)
    }

    @Test("X4 ports below 1024 are not dialled unless a tracker has named them too")
    func x4Ports() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let peer = try torrent.connect()
        let web = Self.contact(1, port: 443)
        #expect(torrent.receive(message([web]), from: peer).dials == [])
        #expect(torrent.feed(.peersFound([web], .tracker)).dials == [web])
    }

    @Test("X4 one peer brings so many endpoints, and then one in a while")
    func x4OneSource() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let peer = try torrent.connect()
        for round in 0..<20 as Range<UInt32> {
            let named = (0..<50).map { Self.contact(round * 50 + $0) }
            _ = torrent.receive(message(named), from: peer)
            torrent.now = torrent.now + .seconds(60)
        }
        // 200 at once and ten for each of the 19 minutes after.
        #expect((380...400).contains(torrent.machine.knownPeerCount))
    }

    @Test("X5 that a peer has lost another is no reason to forget or leave it")
    func x5DroppedIsAdvice() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let honest = try torrent.connect(isIncoming: false)
        let known = Self.contact(7)
        _ = torrent.feed(.peersFound([known], .tracker))
        let liar = try torrent.connect()
        let actions = torrent.receive(
            message([], dropped: [endpoint(of: honest, port: 40_000), known]), from: liar)
        #expect(actions.closes(honest) == nil)
        #expect(torrent.machine.peerCount == 2)
        #expect(torrent.machine.peerList.record(of: known) != nil)
    }

    // MARK: Off

    @Test func privateTorrentsNeitherTellNorTakeNorMentionIt() throws {
        for isPrivate in [true, false] {
            var torrent = try TorrentFixture(pieces: 1, isPrivate: isPrivate)
            try expectPEX(&torrent, isOn: !isPrivate)
        }
        var off = try TorrentFixture(pieces: 1) { $0.usesPEX = false }
        try expectPEX(&off, isOn: false)
    }

    private func expectPEX(_ torrent: inout TorrentFixture, isOn: Bool) throws {
        let id = try #require(PeerID(bytes: Array("-XX0000-abcdefghijkl".utf8)))
        let connection = PeerConnection(
            endpoint: Self.contact(800), isIncoming: true, peerID: id, supportsFast: true,
            supportsExtensions: true, supportsV2: false)
        let greeting = torrent.feed(.connected(connection, connectionID: 99)).sent.map(\.1)
        var mentioned: UInt8?
        for case .extensionHandshake(let said) in greeting {
            mentioned = said.extensions[.peerExchange]
        }
        #expect(mentioned == (isOn ? ExtensionID.peerExchange.rawValue : nil))
        let first = try torrent.connect()
        let dials = torrent.receive(offer(), message([Self.contact(1)]), from: first).dials
        #expect(dials.count == (isOn ? 1 : 0))
        let second = try torrent.connect()
        _ = torrent.receive(offer(), from: second)
        let told = torrent.feed(.tick, after: .seconds(70)).told(first)
        #expect(told?.added.count == (isOn ? 1 : nil))
    }
}

extension [TorrentAction] {
    fileprivate var dials: [Endpoint] {
        compactMap { if case .dial(let endpoint) = $0 { endpoint } else { nil } }
    }

    /// The message about peers that was sent to one of them.
    fileprivate func told(_ key: PeerKey) -> PeerExchangeMessage? {
        for case .extended(.peerExchange, let payload) in sent(to: key) {
            return try? PeerExchangeMessage(parsing: payload)
        }
        return nil
    }
}
