import Testing
import Units

@testable import SwarmScheduler

@Suite struct PeerListTests {
    private let begin = Instant.zero + .seconds(1_000)
    private let local = Endpoint(ipv4: 0xC0A8_0107, port: 6881)

    /// Public addresses, each in a /24 of its own.
    private func peer(_ number: UInt32, port: UInt16 = 6881) -> Endpoint {
        Endpoint(ipv4: 0x0800_0001 + number << 8, port: port)
    }

    private func key(_ number: UInt32) -> PeerKey { PeerKey(slot: number, generation: 0) }

    private func list(_ change: (inout PeerList.Configuration) -> Void = { _ in }) -> PeerList {
        var configuration = PeerList.Configuration()
        change(&configuration)
        return PeerList(configuration: configuration, seed: 42)
    }

    // MARK: Taking in

    @Test func anEndpointIsKnownOnceWithAllItsOrigins() {
        var list = list()
        #expect(list.add(peer(1), origin: .pex, now: begin) == .added)
        #expect(list.add(peer(1), origin: .tracker, now: begin) == .known)
        #expect(list.knownCount == 1)
        #expect(list.record(of: peer(1))?.origins == [.pex, .tracker])
        #expect(list.record(of: peer(2)) == nil)
    }

    @Test("T3 X3 endpoints that no peer can have are refused")
    func x3UndialableEndpoints() {
        var list = list()
        let addresses = [
            "8.8.8.8:0", "0.0.0.0:6881", "224.0.0.1:6881", "255.255.255.255:6881", "[::]:6881",
            "[ff02::1]:6881", "240.0.0.1:6881",
        ]
        for text in addresses {
            guard let endpoint = Endpoint(text) else {
                Issue.record("\(text)")
                continue
            }
            #expect(
                list.add(endpoint, origin: .explicit, now: begin) == .refused(.notDialable))
        }
        #expect(list.knownCount == 0)
        #expect(list.endpointRefusals == [.notDialable: addresses.count])
    }

    @Test("X3 local addresses are taken of local sources only")
    func x3LocalAddresses() {
        for text in ["192.168.1.9:6881", "127.0.0.1:6881", "169.254.3.4:6881", "[fe80::1]:6881"] {
            guard let endpoint = Endpoint(text) else {
                Issue.record("\(text)")
                continue
            }
            for origin in [PeerOrigins.pex, .dht, .tracker] {
                var list = list()
                let fromAfar = list.add(endpoint, origin: origin, from: peer(1), now: begin)
                #expect(fromAfar == .refused(.localFromAfar))
                let fromNear = list.add(endpoint, origin: origin, from: local, now: begin)
                #expect(fromNear == .added)
            }
            var list = list()
            #expect(list.add(endpoint, origin: .pex, now: begin) == .refused(.localFromAfar))
            #expect(list.add(endpoint, origin: .lsd, now: begin) == .added)
            #expect(list.add(endpoint, origin: .explicit, from: peer(1), now: begin) == .known)
        }
    }

    @Test("X4 ports below 1024 are dialled only if a tracker or the user names them")
    func x4PrivilegedPorts() {
        for origin in [PeerOrigins.pex, .dht, .lsd, .incoming, .resume] {
            var list = list()
            let outcome = list.add(peer(1, port: 1023), origin: origin, now: begin)
            #expect(outcome == .refused(.privilegedPort))
            #expect(list.add(peer(1, port: 1024), origin: origin, now: begin) == .added)
        }
        for origin in [PeerOrigins.tracker, .explicit] {
            var list = list()
            #expect(list.add(peer(1, port: 80), origin: origin, now: begin) == .added)
        }
    }

    @Test("X4 one address and one subnet are known a few times only")
    func x4PortScansAndSubnets() {
        var list = list()
        for port in 0..<UInt16(Limits.endpointsPerAddressMax) {
            #expect(list.add(peer(1, port: 2_000 + port), origin: .pex, now: begin) == .added)
        }
        #expect(
            list.add(peer(1, port: 9_999), origin: .tracker, now: begin)
                == .refused(.addressFull))
        #expect(list.add(peer(1, port: 9_999), origin: .explicit, now: begin) == .added)

        let strangers = (0..<UInt32(Limits.strangersPerSubnetMax)).map {
            Endpoint(ipv4: 0x0900_0000 + $0, port: 6881)
        }
        for endpoint in strangers {
            #expect(list.add(endpoint, origin: .dht, now: begin) == .added)
        }
        let oneMore = Endpoint(ipv4: 0x0900_00FF, port: 6881)
        #expect(list.add(oneMore, origin: .pex, now: begin) == .refused(.subnetFull))
        // A tracker vouches for one of them, which makes room for another stranger.
        _ = list.add(strangers[0], origin: .tracker, now: begin)
        #expect(list.add(oneMore, origin: .pex, now: begin) == .added)
        #expect(list.add(oneMore.with(port: 7_000), origin: .tracker, now: begin) == .added)
    }

    @Test func neverGrowsPastItsBoundAndDropsTheWorst() {
        var list = list { $0.endpointsMax = 10 }
        var generator = SeededGenerator(seed: 1)
        for number in 0..<10 as Range<UInt32> {
            _ = list.add(
                peer(number), origin: number < 5 ? .pex : .tracker,
                now: begin + .seconds(Int64(number)))
        }
        #expect(list.add(peer(20), origin: .pex, now: begin) == .refused(.listFull))
        // A tracker's peer takes the place of the stranger that was heard of longest ago.
        #expect(list.add(peer(20), origin: .tracker, now: begin) == .added)
        #expect(list.record(of: peer(0)) == nil)
        // One that failed goes first.
        let dials = list.nextDials(budget: 50, isSeeding: false, now: begin + .seconds(20))
        #expect(dials.count == 10)
        #expect(list.add(peer(21), origin: .tracker, now: begin) == .refused(.listFull))
        list.dialFailed(peer(7), .refused, now: begin + .seconds(21), using: &generator)
        #expect(list.add(peer(21), origin: .pex, now: begin) == .added)
        #expect(list.record(of: peer(7)) == nil)
        #expect(list.knownCount == 10)
    }

    @Test func anEndpointTakesSixtyFourBytes() {
        #expect(MemoryLayout<PeerRecord>.stride <= 64)
    }

    @Test func survivesRandomUse() {
        for seed in 0..<20 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var list = list {
                $0.endpointsMax = 30; $0.connectionsMax = 12; $0.halfOpenMax = 6
            }
            var open: [PeerKey] = []
            var dialing: [Endpoint] = []
            var now = begin
            for step in 0..<600 as Range<UInt32> {
                now = now + .milliseconds(.random(in: 0...40_000, using: &generator))
                let endpoint = peer(.random(in: 0..<60, using: &generator))
                switch Int.random(in: 0..<8, using: &generator) {
                case 0, 1: _ = list.add(endpoint, origin: .tracker, now: now)
                case 2, 3: dialing += list.nextDials(budget: 4, isSeeding: false, now: now)
                case 4 where !dialing.isEmpty:
                    list.dialFailed(dialing.removeLast(), .timedOut, now: now, using: &generator)
                case 5 where !dialing.isEmpty:
                    let dialed = dialing.removeFirst()
                    let outcome = list.connected(dialed, as: key(step), isInbound: false, now: now)
                    if outcome == .entered { open.append(key(step)) }
                case 6 where !open.isEmpty:
                    let gone = open.remove(at: .random(in: 0..<open.count, using: &generator))
                    list.disconnected(gone, .closedByPeer, now: now, using: &generator)
                default:
                    let closing = list.ban(endpoint, .protocolAbuse, now: now)
                    for gone in closing {
                        list.disconnected(gone, .protocolError, now: now, using: &generator)
                    }
                    open.removeAll { closing.contains($0) }
                    if step % 3 == 0 { list.unban(endpoint) }
                }
                #expect(list.knownCount <= 30, "seed \(seed)")
                #expect(list.halfOpenCount == dialing.count, "seed \(seed)")
                #expect(list.connectedCount == open.count, "seed \(seed)")
                #expect(list.connectedCount <= 12 && list.halfOpenCount <= 6, "seed \(seed)")
                for (position, record) in list.records.enumerated() {
                    #expect(list.positions[record.endpoint] == position, "seed \(seed)")
                }
            }
        }
    }

    // MARK: Dialling

    @Test func dialsWithinItsBudgetAndItsBounds() {
        var list = list {
            $0.connectionsMax = 12; $0.halfOpenMax = 10
        }
        for number in 0..<30 as Range<UInt32> {
            _ = list.add(peer(number), origin: .tracker, now: begin)
        }
        #expect(list.nextDials(budget: 0, isSeeding: false, now: begin) == [])
        #expect(list.dialRefusals.budgetSpent == 30)
        #expect(list.nextDials(budget: 4, isSeeding: false, now: begin).count == 4)
        #expect(list.dialRefusals.busy == 4)
        let more = list.nextDials(budget: 99, isSeeding: false, now: begin)
        #expect(more.count == 6)
        #expect(list.dialRefusals.halfOpenFull == 20)
        #expect(list.halfOpenCount == 10)
        for (number, endpoint) in more.enumerated() {
            let outcome = list.connected(
                endpoint, as: key(UInt32(number)), isInbound: false, now: begin)
            #expect(outcome == .entered)
        }
        #expect(list.nextDials(budget: 99, isSeeding: false, now: begin).count == 2)
        #expect(list.dialRefusals.connectionsFull == 18)
        #expect(list.connectedCount + list.halfOpenCount == 12)
    }

    @Test func aFullListHasNoDeadlineUntilSomethingEnds() {
        var list = list {
            $0.connectionsMax = 2
            $0.halfOpenMax = 1
        }
        var generator = SeededGenerator(seed: 1)
        for number in 0..<3 as Range<UInt32> {
            _ = list.add(peer(number), origin: .tracker, now: begin)
        }
        #expect(list.nextDeadline() == begin)
        for number in 0..<2 as Range<UInt32> {
            let dials = list.nextDials(budget: 9, isSeeding: false, now: begin)
            #expect(dials.count == 1)
            _ = list.add(peer(10 + number), origin: .tracker, now: begin)
            #expect(list.nextDeadline() == nil)
            for endpoint in dials {
                _ = list.connected(endpoint, as: key(number), isInbound: false, now: begin)
            }
        }
        #expect(list.nextDeadline() == nil)
        list.disconnected(key(0), .stopped, now: begin + .seconds(1), using: &generator)
        #expect(list.nextDeadline().map { $0 <= begin + .seconds(1) } == true)
    }

    @Test func anEndpointIsDialledOnceAtATime() {
        var list = list()
        _ = list.add(peer(1), origin: .tracker, now: begin)
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [peer(1)])
        #expect(list.record(of: peer(1))?.status == .dialing)
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [])
        let outcome = list.connected(peer(1), as: key(5), isInbound: false, now: begin)
        #expect(outcome == .entered)
        #expect(list.record(of: peer(1))?.status == .connected(key(5)))
        _ = list.add(peer(1), origin: .explicit, now: begin)
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [])
        #expect(list.dialRefusals.busy == 1)
    }

    @Test func seedsDoNotDialSeeds() {
        var list = list()
        _ = list.add(peer(1), origin: .pex, isSeed: true, now: begin)
        _ = list.add(peer(2), origin: .pex, now: begin)
        #expect(list.nextDials(budget: 9, isSeeding: true, now: begin) == [peer(2)])
        #expect(list.dialRefusals.seeds == 1)
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [peer(1)])
    }

    @Test func whatAPeerSaysItselfCountsMoreThanGossip() {
        var list = list()
        var generator = SeededGenerator(seed: 1)
        _ = list.add(peer(1), origin: .tracker, now: begin)
        _ = list.nextDials(budget: 9, isSeeding: false, now: begin)
        _ = list.connected(peer(1), as: key(0), isInbound: false, now: begin)
        list.setSeed(false, of: key(0))
        _ = list.add(peer(1), origin: .pex, isSeed: true, now: begin)
        #expect(list.record(of: peer(1))?.isSeed == false)
        list.setSeed(true, of: key(0))
        list.disconnected(key(0), .redundant, now: begin, using: &generator)
        #expect(list.record(of: peer(1))?.isSeed == true)
    }

    @Test func theUsersPeersComeFirstAndFailedOnesLast() {
        var list = list()
        var generator = SeededGenerator(seed: 1)
        _ = list.add(peer(1), origin: .tracker, now: begin)
        #expect(list.nextDials(budget: 1, isSeeding: false, now: begin) == [peer(1)])
        list.dialFailed(peer(1), .timedOut, now: begin, using: &generator)
        _ = list.add(peer(2), origin: .pex, now: begin)
        _ = list.add(peer(3), origin: .dht, now: begin)
        _ = list.add(peer(4), origin: .tracker, now: begin)
        _ = list.add(local, origin: .lsd, now: begin)
        _ = list.add(peer(5), origin: .explicit, now: begin)
        let later = begin + .minutes(5)
        #expect(
            list.nextDials(budget: 9, isSeeding: false, now: later)
                == [peer(5), local, peer(4), peer(3), peer(2), peer(1)])
    }

    @Test func thoseTriedLeastLatelyComeFirst() {
        var list = list()
        var generator = SeededGenerator(seed: 1)
        for number in 0..<10 as Range<UInt32> {
            _ = list.add(peer(number), origin: .tracker, now: begin)
        }
        var order: [Endpoint] = []
        for step in 0..<9 as Range<Int64> {
            let now = begin + .seconds(step)
            let dials = list.nextDials(budget: 1, isSeeding: false, now: now)
            for endpoint in dials {
                list.dialFailed(endpoint, .notAttempted, now: now, using: &generator)
            }
            order += dials
            if step == 4 { #expect(Set(order).count == 5) }
        }
        let later = list.nextDials(budget: 10, isSeeding: false, now: begin + .minutes(1))
        #expect(Array(later.dropFirst()) == order)
    }

    @Test func equalsAreDialledByCanonicalPriority() {
        // The example of BEP 40: 123.213.32.10 gives 123.213.32.234 priority 0x99568189 and
        // 98.76.54.32 priority 0xEC2D7224.
        guard let ours = Endpoint("123.213.32.10:6881"), let far = Endpoint("98.76.54.32:6881"),
            let near = Endpoint("123.213.32.234:6881")
        else {
            Issue.record("not endpoints")
            return
        }
        for order in [[far, near], [near, far]] {
            var list = list()
            for endpoint in order { _ = list.add(endpoint, origin: .tracker, now: begin) }
            list.setOwnAddress(ours)
            #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [far, near])
        }
    }

    @Test func theOrderOfArrivalDecidesNothing() {
        var generator = SeededGenerator(seed: 3)
        let endpoints = (0..<40).map { peer($0) }
        var orders: Set<[Endpoint]> = []
        for _ in 0..<5 {
            var list = list()
            for endpoint in endpoints.shuffled(using: &generator) {
                _ = list.add(endpoint, origin: .tracker, now: begin)
            }
            orders.insert(list.nextDials(budget: 99, isSeeding: false, now: begin))
        }
        #expect(orders.count == 1)
    }

    @Test func aPublicAddressHasOneConnectionAndALocalOneMany() {
        var list = list()
        for port in 0..<3 as Range<UInt16> {
            _ = list.add(peer(1, port: 6881 + port), origin: .tracker, now: begin)
            _ = list.add(local.with(port: 6881 + port), origin: .lsd, now: begin)
        }
        let dials = list.nextDials(budget: 9, isSeeding: false, now: begin)
        #expect(dials.count { $0.isLocal } == 3)
        #expect(dials.count { !$0.isLocal } == 1)
        #expect(list.dialRefusals.addressFull == 2)
        guard let dialed = dials.first(where: { !$0.isLocal }) else { return }
        _ = list.connected(dialed, as: key(1), isInbound: false, now: begin)
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [])
        #expect(list.dialRefusals.addressFull == 2)
    }

    @Test("X4 strangers cannot aim our dials at one subnet, or at one port")
    func x4DialQuotas() {
        var list = list()
        for host in 1...20 as ClosedRange<UInt32> {
            _ = list.add(Endpoint(ipv4: 0x0800_0000 + host, port: 7_000), origin: .pex, now: begin)
        }
        let first = list.nextDials(budget: 99, isSeeding: false, now: begin)
        #expect(first.count == Limits.halfOpenPerSubnetMax)
        #expect(list.dialRefusals.quota == 20 - Limits.halfOpenPerSubnetMax)
        for number in 100..<150 as Range<UInt32> {
            _ = list.add(peer(number, port: 8_080), origin: .dht, now: begin)
        }
        let second = list.nextDials(budget: 99, isSeeding: false, now: begin)
        #expect(second.count == Limits.halfOpenPerStrangePortMax)
    }

    @Test("W2 ourselves are dialled once and never again")
    func w2OurselvesAreNotDialledAgain() {
        var list = list()
        var generator = SeededGenerator(seed: 1)
        _ = list.add(peer(1), origin: .tracker, now: begin)
        _ = list.nextDials(budget: 9, isSeeding: false, now: begin)
        _ = list.connected(peer(1), as: key(1), isInbound: false, now: begin)
        list.disconnected(key(1), .ourselves, now: begin, using: &generator)
        #expect(list.knownCount == 0)
        #expect(
            list.add(peer(1), origin: .tracker, now: begin + .minutes(999))
                == .refused(.ourselves))
        for number in 0..<200 as Range<UInt32> { list.markOwn(peer(number)) }
        #expect(list.add(peer(199), origin: .tracker, now: begin) == .refused(.ourselves))
    }
}
