import Hashing
import Testing
import Units

@testable import Tracker

private typealias ID = UDPTrackerMachine.RequestID

/// The machine with a clock that the test turns, a seeded generator, and what it did last.
private struct Bench {
    var machine = UDPTrackerMachine()
    var generator = SeededGenerator(seed: 7)
    var now = Instant.zero
    var actions = ActionBuffer<UDPTrackerMachine.Action>()
    let tracker = Endpoint(ipv4: 0xC000_0201, port: 6969)

    static func announce(
        _ hash: UInt8 = 1, event: AnnounceEvent = .started
    ) -> AnnounceRequest {
        AnnounceRequest(
            infoHash: SHA1Digest(bytes: Array(repeating: hash, count: 20)) ?? .zero,
            peerID: Array(0..<20), port: 0x1AE1, uploaded: 3, downloaded: 1, left: 2,
            event: event, numWant: 50, key: 0xDEAD_BEEF)
    }

    mutating func request(
        _ id: UInt64, _ query: UDPTrackerMachine.Query? = nil, to other: Endpoint? = nil,
        seconds: Int64 = 100_000
    ) -> [UDPTrackerMachine.Action] {
        machine.request(
            ID(id), query ?? .announce(Self.announce(), urlData: ""), to: other ?? tracker,
            giveUpAt: now + .seconds(seconds), now: now, using: &generator, into: &actions)
        return actions.take()
    }

    mutating func receive(
        _ packet: [UInt8], from sender: Endpoint? = nil
    ) -> (isOurs: Bool, actions: [UDPTrackerMachine.Action]) {
        let isOurs = machine.receive(
            packet[...], from: sender ?? tracker, now: now, using: &generator, into: &actions)
        return (isOurs, actions.take())
    }

    mutating func tick(at seconds: Int64) -> [UDPTrackerMachine.Action] {
        now = .zero + .seconds(seconds)
        return tickNow()
    }

    mutating func tickNow() -> [UDPTrackerMachine.Action] {
        machine.tick(now: now, using: &generator, into: &actions)
        return actions.take()
    }

    /// Answers a connect request with `id`.
    mutating func connect(
        _ sent: [UDPTrackerMachine.Action], id: UInt8 = 0xC1, from sender: Endpoint? = nil
    ) -> [UDPTrackerMachine.Action] {
        receive(
            [0, 0, 0, 0] + transaction(of: sent) + Array(repeating: id, count: 8), from: sender
        ).actions
    }
}

/// The only datagram among `actions`.
private func datagram(_ actions: [UDPTrackerMachine.Action]) -> [UInt8] {
    for case .send(let bytes, _) in actions { return bytes }
    return []
}

/// Bytes 12 to 15 of the only datagram.
private func transaction(of actions: [UDPTrackerMachine.Action]) -> [UInt8] {
    Array(datagram(actions).dropFirst(12).prefix(4))
}

private func operation(of actions: [UDPTrackerMachine.Action]) -> UInt8? {
    datagram(actions).dropFirst(11).first
}

private let announceReply: [UInt8] =
    [0, 0, 7, 8] + [0, 0, 0, 5] + [0, 0, 0, 6] + [192, 0, 2, 9, 0x1A, 0xE1]

@Suite struct UDPPacketTests {
    @Test func writesAConnectRequest() {
        var bench = Bench()
        let sent = bench.request(1)
        let packet = datagram(sent)
        #expect(sent == [.send(packet, to: bench.tracker)])
        #expect(packet.count == 16)
        #expect(packet.prefix(12) == [0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0])
    }

    @Test func writesAnAnnounceRequest() {
        var bench = Bench()
        let sent = bench.connect(bench.request(1))
        let expected: [UInt8] =
            Array(repeating: 0xC1, count: 8) + [0, 0, 0, 1] + transaction(of: sent)
            + Array(repeating: 1, count: 20) + Array(0..<20)
            + [0, 0, 0, 0, 0, 0, 0, 1] + [0, 0, 0, 0, 0, 0, 0, 2] + [0, 0, 0, 0, 0, 0, 0, 3]
            + [0, 0, 0, 2] + [0, 0, 0, 0] + [0xDE, 0xAD, 0xBE, 0xEF] + [0, 0, 0, 50]
            + [0x1A, 0xE1]
        #expect(sent == [.send(expected, to: bench.tracker)])
        #expect(expected.count == 98)
    }

    @Test(arguments: [
        (AnnounceEvent.none, 0), (.completed, 1), (.started, 2), (.stopped, 3),
    ])
    func numbersEvents(event: AnnounceEvent, number: Int) {
        var announce = Bench.announce()
        announce.event = event
        let packet = UDPTracker.announceRequest(
            announce, urlData: "", connectionID: 0, transaction: 0, overIPv4: true)
        #expect(packet[83] == UInt8(number))
    }

    @Test func writesTheURLInOptionsOf255Bytes() {
        func options(_ urlData: String) -> [UInt8] {
            Array(
                UDPTracker.announceRequest(
                    Bench.announce(), urlData: urlData, connectionID: 0, transaction: 0,
                    overIPv4: true
                ).dropFirst(98))
        }
        #expect(options("") == [])
        #expect(options("/dir?a=b&c=d") == [2, 12] + Array("/dir?a=b&c=d".utf8))
        let a = [UInt8](repeating: 0x61, count: 255)
        #expect(options(String(repeating: "a", count: 255)) == [2, 255] + a)
        #expect(options(String(repeating: "a", count: 256)) == [2, 255] + a + [2, 1, 0x61])
        #expect(options(String(repeating: "a", count: 5000)).count == 4 * 257)
    }

    @Test func tellsAnAddressOnlyOverIPv4() {
        var announce = Bench.announce()
        announce.address = Endpoint("192.0.2.200:0")
        for overIPv4 in [true, false] {
            let packet = UDPTracker.announceRequest(
                announce, urlData: "", connectionID: 0, transaction: 0, overIPv4: overIPv4)
            #expect(packet[84..<88] == (overIPv4 ? [192, 0, 2, 200] : [0, 0, 0, 0]))
        }
    }

    @Test func keepsFieldsInTheirPlaceWhateverThePeerID() {
        var announce = Bench.announce()
        for count in [0, 19, 21] {
            announce.peerID = Array(repeating: 9, count: count)
            let packet = UDPTracker.announceRequest(
                announce, urlData: "", connectionID: 0, transaction: 0, overIPv4: true)
            #expect(packet.count == 98)
            #expect(packet[56..<64] == [0, 0, 0, 0, 0, 0, 0, 1])
        }
    }

    @Test func writesAndReadsScrapes() {
        var bench = Bench()
        let hashes = (1...75).compactMap {
            SHA1Digest(bytes: Array(repeating: UInt8($0), count: 20))
        }
        let sent = bench.connect(bench.request(1, .scrape(hashes)))
        #expect(operation(of: sent) == 2)
        #expect(datagram(sent).count == 16 + 74 * 20)
        let reply: [UInt8] =
            [0, 0, 0, 2] + transaction(of: sent) + [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]
            + [0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF] + [0, 0, 0, 9]
        let expected = ScrapeResponse(counts: [
            hashes[0]: SwarmCounts(seeders: 1, leechers: 3, downloads: 2),
            hashes[1]: SwarmCounts(leechers: Int(Int32.max)),
        ])
        #expect(bench.receive(reply).actions == [.scraped(ID(1), expected)])
        #expect(bench.machine.requestCount == 0)
    }

    @Test func readsPeersOfTheFamilyThatCarriedThem() {
        let head: [UInt8] = Array(repeating: 0, count: 8) + announceReply.prefix(12)
        let six: [UInt8] = [0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1, 0, 9]
        let response = UDPTracker.announceResponse((head + six + [1, 2])[...], overIPv4: false)
        #expect(response?.peers == [Endpoint("[2001:db8::1]:9")].compactMap(\.self))
        let four = UDPTracker.announceResponse(
            (head + [192, 0, 2, 9, 0, 9, 1])[...], overIPv4: true)
        #expect(four?.peers == [Endpoint("192.0.2.9:9")].compactMap(\.self))
        #expect(four?.interval == .seconds(1800))
        #expect(four?.counts == SwarmCounts(seeders: 6, leechers: 5))
    }
}

@Suite struct UDPTrackerMachineTests {
    @Test func connectsAnnouncesAndEnds() {
        var bench = Bench()
        let sent = bench.connect(bench.request(1))
        #expect(operation(of: sent) == 1)
        let (isOurs, actions) = bench.receive([0, 0, 0, 1] + transaction(of: sent) + announceReply)
        #expect(isOurs)
        let expected = AnnounceResponse(
            interval: .seconds(1800), peers: [Endpoint("192.0.2.9:6881")].compactMap(\.self),
            counts: SwarmCounts(seeders: 6, leechers: 5))
        #expect(actions == [.announced(ID(1), expected)])
        #expect(bench.machine.requestCount == 0)
        #expect(bench.machine.nextDeadline() == nil)
        #expect(!bench.receive([0, 0, 0, 1] + transaction(of: sent) + announceReply).isOurs)
    }

    @Test func repeatsAConnectAfter15SecondsDoubled() {
        var bench = Bench()
        let first = bench.request(1)
        var at: Int64 = 0
        for n in 0..<11 {
            at += 15 << min(Int64(n), 8)
            #expect(bench.machine.nextDeadline()?.0 == .zero + .seconds(at))
            #expect(bench.tick(at: at - 1).isEmpty)
            #expect(bench.tick(at: at) == first)
        }
    }

    @Test func followsTheExampleOfTheBEPWhereAnnouncesTimeOut() {
        var bench = Bench()
        let connect = bench.request(1)
        bench.now = .zero + .seconds(1)
        let announce = bench.connect(connect)
        #expect(operation(of: announce) == 1)
        #expect(bench.tick(at: 15).isEmpty)
        #expect(bench.tick(at: 16) == announce)
        #expect(bench.tick(at: 46) == announce)
        let again = bench.tick(at: 106)
        #expect(operation(of: again) == 0)
        #expect(bench.machine.nextDeadline()?.0 == .zero + .seconds(226))
        #expect(bench.tick(at: 226) == again)
        let late = bench.connect(again, id: 0xC2)
        #expect(datagram(late).prefix(8) == Array(repeating: 0xC2, count: 8)[...])
        #expect(transaction(of: late) == transaction(of: announce))
    }

    @Test func whoLeavesRepeatsAfterASecondDoubled() {
        var bench = Bench()
        let stopped = UDPTrackerMachine.Query.announce(Bench.announce(event: .stopped), urlData: "")
        var sent = bench.request(1, stopped)
        for at: Int64 in [1, 3] {
            bench.now = .zero + .milliseconds(at * 1000 - 1)
            #expect(bench.tickNow().isEmpty)
            sent = bench.tick(at: at)
            #expect(operation(of: sent) == 0)
        }
        #expect(operation(of: bench.connect(sent)) == 1)
        #expect(bench.machine.nextDeadline()?.0 == .zero + .seconds(4))
        #expect(operation(of: bench.tick(at: 4)) == 1)
        #expect(bench.machine.nextDeadline()?.0 == .zero + .seconds(6))
    }

    @Test func whoLeavesDoesNotWaitForTheNextConnectOfOthers() {
        var bench = Bench()
        _ = bench.request(1)
        bench.now = .zero + .seconds(2)
        let stopped = UDPTrackerMachine.Query.announce(Bench.announce(event: .stopped), urlData: "")
        #expect(bench.request(2, stopped).isEmpty)
        let sent = bench.tick(at: 3)
        #expect(operation(of: sent) == 0)
        #expect(bench.connect(sent).count == 2)
        // Of the two, only the one who leaves is in a hurry.
        #expect(bench.tick(at: 4).count == 1)
    }

    @Test func usesAConnectionIDForAMinute() {
        var bench = Bench()
        _ = bench.connect(bench.request(1))
        bench.now = .zero + .milliseconds(59_999)
        #expect(operation(of: bench.request(2)) == 1)
        bench.now = .zero + .seconds(60)
        #expect(operation(of: bench.request(3)) == 0)
    }

    @Test func sharesOneConnectAmongRequestsToOneTracker() {
        var bench = Bench()
        let connect = bench.request(1)
        #expect(bench.request(2).isEmpty)
        let other = Endpoint(ipv4: 0xC000_0201, port: 6970)
        let elsewhere = bench.request(3, to: other)
        #expect(operation(of: elsewhere) == 0)
        #expect(transaction(of: elsewhere) != transaction(of: connect))
        let sent = bench.connect(connect)
        #expect(sent.count == 2)
        #expect(sent.allSatisfy { if case .send(_, bench.tracker) = $0 { true } else { false } })
        #expect(bench.machine.requestCount == 3)
    }

    @Test("T12 a wrong transaction, operation or sender is ignored")
    func t12() {
        var bench = Bench()
        let connect = bench.request(1)
        let good = transaction(of: connect)
        let id = [UInt8](repeating: 0xC1, count: 8)
        let wrong = [good[0] ^ 1] + good.dropFirst()
        let elsewhere = Endpoint(ipv4: 0xC000_0201, port: 6970)
        let stranger = Endpoint(ipv4: 0xC000_0202, port: 6969)
        let before = bench.machine.nextDeadline()?.0
        for (packet, sender) in [
            ([0, 0, 0, 0] + wrong + id, bench.tracker), ([0, 0, 0, 0] + good + id, elsewhere),
            ([0, 0, 0, 0] + good + id, stranger), ([0, 0, 0, 9] + good + id, bench.tracker),
            ([0, 0, 0], bench.tracker), ([], bench.tracker), (Array(good), bench.tracker),
            ([0, 0, 0, 3] + good, stranger),
        ] {
            let result = bench.receive(packet, from: sender)
            #expect(!result.isOurs && result.actions.isEmpty)
        }
        for packet in [
            [0, 0, 0, 1] + good + id, [0, 0, 0, 2] + good + id,
            [0, 0, 0, 0] + good + id.dropLast(),
        ] {
            let result = bench.receive(packet)
            #expect(result.isOurs && result.actions.isEmpty)
        }
        #expect(bench.machine.nextDeadline()?.0 == before)
        #expect(bench.machine.requestCount == 1)
        #expect(operation(of: bench.connect(connect)) == 1)
    }

    @Test("T12 an announce's reply that is too short is ignored", arguments: 8..<20)
    func t12Short(count: Int) {
        var bench = Bench()
        let sent = bench.connect(bench.request(1))
        let reply = [0, 0, 0, 1] + transaction(of: sent) + announceReply
        let result = bench.receive(Array(reply.prefix(count)))
        #expect(result.isOurs && result.actions.isEmpty)
        #expect(bench.receive([0, 0, 0, 2] + reply.dropFirst(4)).actions.isEmpty)
        #expect(bench.receive([0, 0, 0, 0] + reply.dropFirst(4)).actions.isEmpty)
        #expect(bench.receive(Array(reply.prefix(20))).actions.count == 1)
    }

    @Test("T12 an error's 64 KB of text are shortened")
    func t12Error() {
        var bench = Bench()
        let sent = bench.connect(bench.request(1))
        let text = Array("no\u{1B} ".utf8) + Array(repeating: 0x61, count: 65_000)
        let actions = bench.receive([0, 0, 0, 3] + transaction(of: sent) + text).actions
        guard case .failed(ID(1), .refused(let reason, nil))? = actions.first else {
            Issue.record("not refused: \(actions)")
            return
        }
        #expect(reason.hasPrefix("no\u{FFFD} aaa"))
        #expect(reason.utf8.count <= 256)
        #expect(bench.machine.requestCount == 0)
    }

    @Test("T12 a connection id is not used after two minutes, and nothing is hammered")
    func t12Reuse() {
        var bench = Bench()
        _ = bench.connect(bench.request(1))
        bench.now = .zero + .seconds(120)
        #expect(operation(of: bench.request(2)) == 0)
        #expect(bench.tick(at: 121).allSatisfy { operation(of: [$0]) == 0 })
    }

    @Test func failsWhoWaitsWhenTheConnectIsRefused() {
        var bench = Bench()
        let connect = bench.request(1)
        _ = bench.request(2)
        let refusal = [0, 0, 0, 3] + transaction(of: connect) + Array("full".utf8)
        let error = TrackerError.refused(reason: "full", retry: nil)
        #expect(
            bench.receive(refusal).actions == [.failed(ID(1), error), .failed(ID(2), error)])
        #expect(bench.machine.nextDeadline() == nil)
    }

    @Test func asksForANewConnectionIDWhenAnOldOneIsRefused() {
        var bench = Bench()
        let first = bench.connect(bench.request(1))
        _ = bench.receive([0, 0, 0, 1] + transaction(of: first) + announceReply)
        bench.now = .zero + .seconds(30)
        let sent = bench.request(2)
        #expect(operation(of: sent) == 1)
        let refusal = [0, 0, 0, 3] + transaction(of: sent) + Array("bad id".utf8)
        let connect = bench.receive(refusal).actions
        #expect(operation(of: connect) == 0)
        let again = bench.connect(connect, id: 0xC2)
        #expect(datagram(again).prefix(8) == Array(repeating: 0xC2, count: 8)[...])
        let error = TrackerError.refused(reason: "bad id", retry: nil)
        #expect(bench.receive(refusal).actions == [.failed(ID(2), error)])
    }

    @Test func givesUpInTime() {
        var bench = Bench()
        _ = bench.request(1, seconds: 5)
        #expect(bench.machine.nextDeadline()?.0 == .zero + .seconds(5))
        #expect(bench.machine.nextDeadline()?.1 == .giveUp)
        #expect(bench.tick(at: 4).isEmpty)
        #expect(bench.tick(at: 5) == [.failed(ID(1), .timedOut)])
        #expect(bench.machine.nextDeadline() == nil)
    }

    @Test func cancelsWithoutAWord() {
        var bench = Bench()
        let connect = bench.request(1)
        _ = bench.request(2)
        bench.machine.cancel(ID(1))
        #expect(bench.machine.requestCount == 1)
        #expect(bench.connect(connect).count == 1)
        bench.machine.cancel(ID(2))
        bench.machine.cancel(ID(2))
        #expect(bench.machine.nextDeadline() == nil)
    }

    @Test func takesOnOnlySoManyRequests() {
        var bench = Bench()
        for id in 1...UInt64(Limits.udpRequestsMax) { _ = bench.request(id) }
        let id = UInt64(Limits.udpRequestsMax) + 1
        let error = TrackerError.tooManyRequests(limit: Limits.udpRequestsMax)
        #expect(bench.request(id) == [.failed(ID(id), error)])
        bench.machine.cancel(ID(1))
        #expect(bench.request(id).isEmpty)
    }

    @Test func forgetsTrackersThatItNoLongerAsks() {
        var bench = Bench()
        for port in 1...UInt16(Limits.udpTrackersMax + 10) {
            let tracker = Endpoint(ipv4: 0xC000_0201, port: port)
            let sent = bench.connect(bench.request(UInt64(port), to: tracker), from: tracker)
            #expect(operation(of: sent) == 1)
            bench.machine.cancel(ID(UInt64(port)))
            #expect(bench.machine.rememberedCount <= Limits.udpTrackersMax)
        }
        #expect(bench.machine.requestCount == 0)
    }

    /// Every request ends once, whatever comes in, and nothing is sent sooner than 15 s after the
    /// same datagram.
    @Test(arguments: 0..<20)
    func endsEveryRequestOnce(seed: Int) {
        var bench = Bench()
        var dice = SeededGenerator(seed: UInt64(seed))
        var ended: [ID: Int] = [:]
        var sent: [[UInt8]] = []
        var lastSent: [[UInt8]: Instant] = [:]
        var begun: UInt64 = 0
        for _ in 0..<600 {
            bench.now = bench.now + .milliseconds(Int64.random(in: 0...4000, using: &dice))
            var actions: [UDPTrackerMachine.Action] = []
            switch Int.random(in: 0..<5, using: &dice) {
            case 0:
                begun += 1
                actions = bench.request(
                    begun, begun.isMultiple(of: 3) ? .scrape([.zero]) : nil,
                    to: Endpoint(ipv4: 0xC000_0201, port: UInt16.random(in: 1...3, using: &dice)),
                    seconds: Int64.random(in: 1...90, using: &dice))
            case 1...3:
                guard let packet = sent.randomElement(using: &dice) else { continue }
                let number = UInt8.random(in: 0...4, using: &dice)
                let port = UInt16.random(in: 1...3, using: &dice)
                let size = Int.random(in: 4...40, using: &dice)
                actions =
                    bench.receive(
                        [0, 0, 0, number] + packet[12..<16] + Array(repeating: 7, count: size),
                        from: Endpoint(ipv4: 0xC000_0201, port: port)
                    ).actions
            default:
                bench.machine.tick(
                    now: bench.now, using: &bench.generator, into: &bench.actions)
                actions = bench.actions.take()
            }
            for action in actions {
                switch action {
                case .send(let bytes, _):
                    if let last = lastSent[bytes] {
                        #expect(bench.now - last >= .seconds(15), "seed \(seed)")
                    }
                    lastSent[bytes] = bench.now
                    sent.append(bytes)
                case .announced(let id, _), .scraped(let id, _), .failed(let id, _):
                    ended[id, default: 0] += 1
                }
            }
        }
        bench.now = bench.now + .seconds(1000)
        for action in bench.tick(at: bench.now.nanoseconds / 1_000_000_000) {
            if case .failed(let id, _) = action { ended[id, default: 0] += 1 }
        }
        #expect(ended.count == Int(begun), "seed \(seed)")
        #expect(ended.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(bench.machine.requestCount == 0)
        #expect(bench.machine.nextDeadline() == nil)
    }
}
