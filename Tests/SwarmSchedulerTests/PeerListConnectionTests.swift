import Testing
import Units

@testable import SwarmScheduler

@Suite struct PeerListConnectionTests {
    private let begin = Instant.zero + .seconds(1_000)
    private let loopback = Endpoint(ipv4: 0x7F00_0001, port: 6881)

    private func peer(_ number: UInt32, port: UInt16 = 6881) -> Endpoint {
        Endpoint(ipv4: 0x0800_0001 + number << 8, port: port)
    }

    private func key(_ number: UInt32) -> PeerKey { PeerKey(slot: number, generation: 0) }

    private func list(_ change: (inout PeerList.Configuration) -> Void = { _ in }) -> PeerList {
        var configuration = PeerList.Configuration()
        change(&configuration)
        return PeerList(configuration: configuration, seed: 42)
    }

    private func dialled(_ endpoint: Endpoint, _ origin: PeerOrigins) -> PeerList {
        var list = list()
        _ = list.add(endpoint, origin: origin, now: begin)
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [endpoint])
        return list
    }

    private func seconds(_ interval: Interval?) -> Double { interval?.seconds ?? -1 }

    // MARK: Back-off

    @Test(arguments: [(PeerOrigins.tracker, 30.0, 3_600.0), (.explicit, 1, 60)])
    func waitsTwiceAsLongAfterEachFailure(origin: PeerOrigins, first: Double, longest: Double) {
        var list = dialled(peer(1), origin)
        var generator = SeededGenerator(seed: 5)
        var now = begin
        for failure in 0..<12 {
            list.dialFailed(peer(1), .timedOut, now: now, using: &generator)
            #expect(list.halfOpenCount == 0)
            guard let next = list.nextDeadline() else {
                Issue.record("no deadline")
                return
            }
            let expected = min(first * Double(1 << failure), longest)
            let wait = seconds(next - now)
            #expect(wait >= expected * 0.75 && wait <= expected * 1.25, "failure \(failure)")
            let early = next - Interval(nanoseconds: 1)
            #expect(list.nextDials(budget: 9, isSeeding: false, now: early) == [])
            #expect(list.dialRefusals.backingOff == 1)
            #expect(list.nextDeadline() == next)
            #expect(list.nextDials(budget: 9, isSeeding: false, now: next) == [peer(1)])
            now = next
        }
        #expect(list.record(of: peer(1))?.failureCount == 12)
    }

    @Test func waitsAreSpread() {
        var waits: Set<Interval> = []
        for seed in 0..<20 as Range<UInt64> {
            var list = dialled(peer(1), .tracker)
            var generator = SeededGenerator(seed: seed)
            list.dialFailed(peer(1), .refused, now: begin, using: &generator)
            if let next = list.nextDeadline() { waits.insert(next - begin) }
        }
        #expect(waits.count == 20)
    }

    @Test func whatWasOurOwnFaultIsNotHeldAgainstThem() {
        var list = dialled(peer(1), .tracker)
        var generator = SeededGenerator(seed: 5)
        list.dialFailed(peer(1), .notAttempted, now: begin, using: &generator)
        #expect(list.record(of: peer(1))?.failureCount == 0)
        #expect(list.nextDeadline() == begin + .seconds(5))
    }

    @Test(arguments: [
        (DisconnectReason.closedByPeer, 10, 22.0...38, 1),
        (.closedByPeer, 100, 22...38, 0),
        (.timedOut, 100, 22...38, 0),
        (.handshakeFailed, 1, 22...38, 1),
        (.protocolError, 100, 600...600, 1),
        (.redundant, 100, 225...375, 0),
        (.madeRoom, 1, 225...375, 0),
        (.duplicate, 1, 22...38, 0),
        (.stopped, 1, 0...0, 0),
    ])
    func waitsAfterAConnectionAsItsEndAsks(
        reason: DisconnectReason, lasted: Int64, wait: ClosedRange<Double>, failures: UInt8
    ) {
        var list = dialled(peer(1), .tracker)
        var generator = SeededGenerator(seed: 5)
        _ = list.connected(peer(1), as: key(1), isInbound: false, now: begin)
        let end = begin + .seconds(lasted)
        list.disconnected(key(1), reason, now: end, using: &generator)
        #expect(list.record(of: peer(1))?.status == .idle)
        #expect(list.record(of: peer(1))?.failureCount == failures)
        #expect(wait.contains(seconds(list.nextDeadline().map { $0 - end })))
        #expect(list.connectedCount == 0)
        // A second report of the same end is nothing.
        list.disconnected(key(1), .protocolError, now: end, using: &generator)
        #expect(list.record(of: peer(1))?.failureCount == failures)
    }

    @Test func aUsefulConnectionWipesOutFailures() {
        var list = dialled(peer(1), .tracker)
        var generator = SeededGenerator(seed: 5)
        list.dialFailed(peer(1), .refused, now: begin, using: &generator)
        let later = begin + .minutes(5)
        #expect(list.nextDials(budget: 9, isSeeding: false, now: later) == [peer(1)])
        _ = list.connected(peer(1), as: key(1), isInbound: false, now: later)
        #expect(list.record(of: peer(1))?.failureCount == 1)
        list.disconnected(key(1), .closedByPeer, now: later + .minutes(1), using: &generator)
        #expect(list.record(of: peer(1))?.failureCount == 0)
    }

    @Test func aSignOfLifeShortensTheWaitAndDoesNotEndIt() {
        var list = dialled(loopback, .lsd)
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<6 {
            list.dialFailed(loopback, .refused, now: begin, using: &generator)
            _ = list.nextDials(budget: 9, isSeeding: false, now: begin + .minutes(60))
        }
        let now = begin + .minutes(60)
        list.dialFailed(loopback, .refused, now: now, using: &generator)
        _ = list.add(loopback, origin: .lsd, now: now + .seconds(1))
        #expect(list.record(of: loopback)?.nextAttempt == now + .seconds(10))
        _ = list.add(loopback, origin: .explicit, now: now + .seconds(2))
        #expect(list.record(of: loopback)?.nextAttempt == now + .seconds(2))
        #expect(list.nextDeadline().map { $0 <= now + .seconds(2) } == true)
    }

    // MARK: Accepted connections

    @Test func anAcceptedPeerIsNotDialledAndCanBeAfterwards() {
        var list = list()
        var generator = SeededGenerator(seed: 5)
        _ = list.add(peer(1), origin: .tracker, now: begin)
        let remote = peer(1, port: 51_234)
        #expect(list.admits(remote, now: begin) == .admitted)
        #expect(list.connected(remote, as: key(1), isInbound: true, now: begin) == .entered)
        #expect(list.listeningEndpoint(of: key(1)) == nil)
        let other = list.learned(listeningPort: 6881, of: key(1), now: begin)
        #expect(other == nil)
        #expect(list.listeningEndpoint(of: key(1)) == peer(1))
        #expect(list.record(of: peer(1))?.status == .connected(key(1)))
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [])
        list.disconnected(key(1), .closedByPeer, now: begin + .minutes(2), using: &generator)
        #expect(
            list.nextDials(budget: 9, isSeeding: false, now: begin + .minutes(3)) == [peer(1)])
    }

    @Test func anAcceptedPeersOwnPortIsLearnt() {
        var list = list()
        _ = list.connected(peer(1, port: 51_234), as: key(1), isInbound: true, now: begin)
        #expect(list.knownCount == 0)
        for port in [0, 80, 7_000] as [UInt16] {
            let other = list.learned(listeningPort: port, of: key(1), now: begin)
            #expect(other == nil)
        }
        #expect(list.knownCount == 1)
        #expect(list.record(of: peer(1, port: 7_000))?.origins == .incoming)
        let again = list.learned(listeningPort: 8_000, of: key(1), now: begin)
        #expect(again == nil)
        #expect(list.knownCount == 1)
    }

    @Test func twoConnectionsToOneEndpointAreNoticed() {
        var list = list()
        for port in 0..<2 as Range<UInt16> {
            let outcome = list.connected(
                loopback.with(port: 50_000 + port), as: key(UInt32(port)), isInbound: true,
                now: begin)
            #expect(outcome == .entered)
        }
        let first = list.learned(listeningPort: 6881, of: key(0), now: begin)
        let second = list.learned(listeningPort: 6881, of: key(1), now: begin)
        #expect(first == nil)
        #expect(second == key(0))
    }

    @Test func aDialThatIsOvertakenByAnAcceptedConnectionIsADuplicate() {
        var list = list()
        var generator = SeededGenerator(seed: 5)
        for number in 1...2 as ClosedRange<UInt32> {
            _ = list.add(peer(number), origin: .tracker, now: begin)
        }
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin).count == 2)
        for number in 1...2 as ClosedRange<UInt32> {
            _ = list.connected(
                peer(number, port: 50_000), as: key(number), isInbound: true, now: begin)
            let other = list.learned(listeningPort: 6881, of: key(number), now: begin)
            #expect(other == nil)
        }
        #expect(
            list.connected(peer(1), as: key(9), isInbound: false, now: begin)
                == .duplicate(of: key(1)))
        list.dialFailed(peer(2), .timedOut, now: begin, using: &generator)
        #expect(list.record(of: peer(2))?.status == .connected(key(2)))
        #expect(list.record(of: peer(2))?.failureCount == 0)
        #expect(list.halfOpenCount == 0)
        #expect(list.connectedCount == 2)
    }

    @Test("W19 one address has one connection, one subnet a few once the torrent is half full")
    func w19AddressAndSubnetCaps() {
        var list = list { $0.connectionsMax = 40 }
        var now = begin
        func admit(_ endpoint: Endpoint, _ number: UInt32) -> Admission {
            now = now + .seconds(10)
            let admission = list.admits(endpoint, now: now)
            guard admission == .admitted else { return admission }
            #expect(
                list.connected(endpoint, as: key(number), isInbound: true, now: now) == .entered)
            return admission
        }
        let attackers = (0..<255).map { Endpoint(ipv4: 0x0900_0000 + $0, port: 40_000) }
        #expect(admit(attackers[0], 0) == .admitted)
        #expect(admit(attackers[0].with(port: 40_001), 0) == .refused(.addressFull))
        for number in 1..<20 as Range<UInt32> {
            #expect(admit(attackers[Int(number)], number) == .admitted)
        }
        for number in 20..<200 as Range<UInt32> {
            #expect(admit(attackers[Int(number)], number) == .refused(.subnetFull))
        }
        for number in 20..<40 as Range<UInt32> {
            #expect(admit(peer(number), number) == .admitted)
        }
        #expect(admit(peer(99), 99) == .refused(.connectionsFull))
        #expect(
            list.admissionRefusals
                == [.addressFull: 1, .subnetFull: 180, .connectionsFull: 1])
        // What they leave is free again.
        var generator = SeededGenerator(seed: 5)
        for number in 0..<20 as Range<UInt32> {
            list.disconnected(key(number), .timedOut, now: now, using: &generator)
        }
        #expect(list.connectedCount == 20)
        #expect(admit(attackers[0], 0) == .admitted)
    }

    @Test("W19 connect-and-close a thousand times a second from one /24 leaves the others in")
    func w19ChurnOfOneSubnet() {
        var list = list()
        var admitted = (attackers: 0, others: 0)
        for millisecond in 0..<10_000 as Range<Int64> {
            let now = begin + .milliseconds(millisecond)
            let attacker = Endpoint(ipv4: 0x0900_0000 + UInt32(millisecond % 255), port: 40_000)
            if list.admits(attacker, now: now) == .admitted { admitted.attackers += 1 }
            guard millisecond % 100 == 0 else { continue }
            if list.admits(peer(UInt32(millisecond)), now: now) == .admitted {
                admitted.others += 1
            }
        }
        #expect(admitted.others == 100)
        #expect(admitted.attackers <= Int(Limits.acceptsPerSubnetBurst) + 4)
    }

    @Test("W19 churn from everywhere is held to the rate, in bounded memory")
    func w19ChurnFromEverywhere() {
        var gate = AcceptGate(perSecond: 50)
        var admitted = 0
        for millisecond in 0..<10_000 as Range<Int64> {
            let now = begin + .milliseconds(millisecond)
            if gate.admits(peer(UInt32(millisecond)), now: now) { admitted += 1 }
        }
        #expect((690...701).contains(admitted), "\(admitted)")
        #expect(gate.subnetCount <= Limits.acceptSubnetsMax)
    }

    @Test func localConnectionsAreNotCountedByAddress() {
        var list = list { $0.connectionsMax = 100 }
        for number in 0..<100 as Range<UInt32> {
            let remote = loopback.with(port: 40_000 + UInt16(number))
            #expect(list.admits(remote, now: begin) == .admitted)
            #expect(
                list.connected(remote, as: key(number), isInbound: true, now: begin) == .entered)
        }
        #expect(list.admits(loopback, now: begin) == .refused(.connectionsFull))
        #expect(
            list.connected(loopback, as: key(100), isInbound: true, now: begin)
                == .refused(.connectionsFull))
    }

    // MARK: Bans

    @Test func aBanEndsConnectionsForgetsEndpointsAndEnds() {
        var list = dialled(peer(1), .tracker)
        var generator = SeededGenerator(seed: 5)
        _ = list.connected(peer(1), as: key(3), isInbound: false, now: begin)
        _ = list.add(peer(1, port: 7_000), origin: .pex, now: begin)
        let keys = list.ban(peer(1, port: 1), .corruptPiece(PieceIndex(4 as UInt32)), now: begin)
        #expect(keys == [key(3)])
        list.disconnected(key(3), .protocolError, now: begin, using: &generator)
        #expect(list.knownCount == 0)
        #expect(list.add(peer(1), origin: .explicit, now: begin) == .refused(.banned))
        #expect(list.admits(peer(1, port: 50_000), now: begin) == .refused(.banned))
        let found = list.banReason(of: peer(1), now: begin)
        #expect(found?.reason == .corruptPiece(PieceIndex(4 as UInt32)))
        #expect(found?.until == begin + .minutes(60))
        #expect(list.add(peer(1), origin: .tracker, now: begin + .minutes(60)) == .added)
        #expect(list.banReason(of: peer(1), now: begin + .minutes(60)) == nil)
    }

    @Test func aBanMeetsADialOnItsWay() {
        var list = dialled(peer(1), .tracker)
        #expect(list.ban(peer(1), .requested, now: begin) == [])
        #expect(
            list.connected(peer(1), as: key(3), isInbound: false, now: begin)
                == .refused(.banned))
        #expect(list.halfOpenCount == 0)
        list.unban(peer(1))
        #expect(list.add(peer(1), origin: .tracker, now: begin) == .added)
    }

    @Test func aLocalBanIsForOnePortOnly() {
        var list = list()
        let remotes = [50_000, 50_001].map { loopback.with(port: $0) }
        for (number, remote) in remotes.enumerated() {
            _ = list.connected(remote, as: key(UInt32(number)), isInbound: true, now: begin)
        }
        #expect(list.ban(remotes[1], .protocolAbuse, now: begin) == [key(1)])
        #expect(list.admits(remotes[0], now: begin) == .admitted)
        #expect(list.admits(remotes[1], now: begin) == .refused(.banned))
    }

    @Test func aBanOfAnIPv6AddressIsForItsNetwork() {
        var list = list()
        let high: UInt64 = 0x2A01_04F8_0001_0002
        let remotes = [1, 2].map { Endpoint(ipv6High: high, low: $0, port: 6881) }
        _ = list.ban(remotes[0], .protocolAbuse, now: begin)
        #expect(list.admits(remotes[1], now: begin) == .refused(.banned))
        let neighbour = Endpoint(ipv6High: high + 1, low: 1, port: 6881)
        #expect(list.admits(neighbour, now: begin) == .admitted)
    }

    @Test func aDialOnItsWayIsNotMadeAgainThoughForgottenMeanwhile() {
        var list = dialled(loopback, .lsd)
        _ = list.ban(loopback, .requested, now: begin)
        list.unban(loopback)
        #expect(list.add(loopback, origin: .lsd, now: begin) == .added)
        #expect(list.nextDials(budget: 9, isSeeding: false, now: begin) == [])
        #expect(list.halfOpenCount == 1)
        #expect(
            list.connected(loopback, as: key(1), isInbound: false, now: begin) == .entered)
    }

    @Test func bansAreBoundedAndTheFirstToEndGoesFirst() {
        var list = list()
        _ = list.ban(peer(0), .protocolAbuse, now: begin)
        for number in 1...UInt32(Limits.bansMax) {
            _ = list.ban(peer(number), .requested, now: begin + .seconds(1))
        }
        #expect(list.bans.count == Limits.bansMax)
        #expect(list.banReason(of: peer(0), now: begin + .seconds(2)) == nil)
        #expect(list.banReason(of: peer(1), now: begin + .seconds(2)) != nil)
    }

    @Test func aShorterBanDoesNotShortenALongerOne() {
        var list = list()
        _ = list.ban(peer(0), .requested, now: begin)
        _ = list.ban(peer(0), .protocolAbuse, now: begin)
        #expect(list.banReason(of: peer(0), now: begin)?.until == begin + .minutes(24 * 60))
    }

    @Test func keepsTheBestEndpointsForTheNextRun() {
        var list = list()
        var generator = SeededGenerator(seed: 5)
        for number in 0..<4 as Range<UInt32> {
            _ = list.add(peer(number), origin: .tracker, now: begin)
        }
        _ = list.nextDials(budget: 9, isSeeding: false, now: begin)
        _ = list.add(peer(7), origin: .pex, now: begin)
        _ = list.connected(peer(0), as: key(0), isInbound: false, now: begin)
        _ = list.connected(peer(1), as: key(1), isInbound: false, now: begin)
        list.disconnected(key(1), .closedByPeer, now: begin + .minutes(9), using: &generator)
        list.dialFailed(peer(2), .refused, now: begin, using: &generator)
        list.dialFailed(peer(3), .refused, now: begin, using: &generator)
        #expect(list.worthKeeping(9) == [peer(0), peer(1), peer(7)])
        #expect(list.worthKeeping(1) == [peer(0)])
        #expect(list.worthKeeping(-1) == [])
    }
}
