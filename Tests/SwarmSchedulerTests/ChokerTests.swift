import Testing
import Units

@testable import SwarmScheduler

@Suite struct ChokerTests {
    private let begin = Instant.zero + .seconds(1_000)

    /// Interested, choked, connected long ago.
    private func candidate(_ number: UInt32, gives: Int64 = 0) -> ChokeCandidate {
        var candidate = ChokeCandidate(
            key: PeerKey(slot: number, generation: 0), connectedAt: begin - .minutes(60))
        candidate.isInterested = true
        candidate.downloadRate = ByteRate(bytesPerSecond: gives)
        return candidate
    }

    private func round(
        _ choker: inout Choker, _ candidates: inout [ChokeCandidate], at seconds: Int64 = 0,
        role: Choker.Role = .leeching, limit: Int64? = nil, seed: UInt64 = 1
    ) -> [ChokeChange] {
        var generator = SeededGenerator(seed: seed)
        var changes = ActionBuffer<ChokeChange>()
        let now = begin + .seconds(seconds)
        choker.rechoke(
            candidates, role: role, uploadLimit: limit.map { ByteRate(bytesPerSecond: $0) },
            now: now, using: &generator, into: &changes)
        let taken = changes.take()
        for change in taken { carryOut(change, &candidates, now: now) }
        return taken
    }

    private func carryOut(
        _ change: ChokeChange, _ candidates: inout [ChokeCandidate], now: Instant
    ) {
        for index in candidates.indices { candidates[index].carryOut(change, now: now) }
    }

    private func unchoked(_ candidates: [ChokeCandidate]) -> [UInt32] {
        candidates.filter { !$0.isChoked }.map(\.key.slot)
    }

    // MARK: Rounds

    @Test func unchokesAllInterestedWhenTheyAreFew() {
        for role in [Choker.Role.leeching, .seeding] {
            var choker = Choker(slots: .fixed(4))
            var peers = (0..<4).map { candidate($0) }
            peers[2].isSnubbed = true
            #expect(round(&choker, &peers, role: role) == peers.map { .unchoke($0.key) })
            #expect(round(&choker, &peers, at: 10, role: role) == [])
            #expect(choker.waitingCount == 0)
        }
    }

    @Test func chokesTheUninterestedAndTheUploadOnly() {
        var choker = Choker(slots: .fixed(4))
        var peers = (0..<4).map { candidate($0, gives: 1_000) }
        _ = round(&choker, &peers)
        peers[0].isInterested = false
        peers[1].isUploadOnly = true
        #expect(
            round(&choker, &peers, at: 10) == [.choke(peers[0].key), .choke(peers[1].key)])
        #expect(choker.unchoked == [peers[2].key, peers[3].key])
        #expect(round(&choker, &peers, at: 20) == [])
    }

    @Test func givesSlotsToThoseThatGiveMostAndTriesOneMore() {
        var choker = Choker(slots: .fixed(4))
        var peers = (0..<20).map { candidate($0, gives: Int64($0) * 1_000) }
        _ = round(&choker, &peers)
        #expect(unchoked(peers).count == 4)
        #expect(Set(unchoked(peers)).isSuperset(of: [17, 18, 19]))
        #expect(choker.optimistic.count == 1)
        #expect(choker.optimistic.first.map { $0.slot < 17 } == true)
        #expect(choker.waitingCount == 16)
    }

    @Test func aFifthOfTheSlotsIsForTrials() {
        var choker = Choker(slots: .fixed(20))
        var peers = (0..<50).map { candidate($0, gives: 1_000 + Int64($0)) }
        _ = round(&choker, &peers)
        #expect(choker.optimistic.count == 4)
        #expect(Set(unchoked(peers)).isSuperset(of: 34..<50))
    }

    @Test func aSingleSlotIsEarnedWhenSomebodyGivesAndTriedOtherwise() {
        var choker = Choker(slots: .fixed(1))
        var peers = (0..<9).map { candidate($0) }
        _ = round(&choker, &peers)
        #expect(choker.optimistic.count == 1)
        peers[5].downloadRate = ByteRate(bytesPerSecond: 10)
        _ = round(&choker, &peers, at: 30)
        #expect(unchoked(peers) == [5])
        #expect(choker.optimistic == [])
    }

    @Test func aHolderKeepsItsSlotAgainstOneThatIsHardlyBetter() {
        for (rate, earner) in [(1_100, 0), (1_200, 1)] as [(Int64, UInt32)] {
            var choker = Choker(slots: .fixed(2))
            var peers = [candidate(0, gives: 1_000), candidate(1, gives: rate), candidate(2)]
            peers[0].isChoked = false
            _ = round(&choker, &peers)
            #expect(choker.unchoked.first?.slot == earner)
            #expect(choker.optimistic.map(\.slot) != [earner])
        }
    }

    @Test func aTrialLastsThirtySecondsAndThenAnotherPeerHasOne() {
        var choker = Choker(slots: .fixed(4))
        var peers = (0..<20).map { candidate($0, gives: $0 < 3 ? 1_000 : 0) }
        _ = round(&choker, &peers)
        let first = choker.optimistic
        #expect(round(&choker, &peers, at: 10, seed: 2) == [])
        #expect(round(&choker, &peers, at: 20, seed: 3) == [])
        let changes = round(&choker, &peers, at: 30, seed: 4)
        #expect(changes.first == first.first.map { .choke($0) })
        #expect(changes.count == 2)
        #expect(choker.optimistic.count == 1)
        #expect(choker.optimistic != first)
    }

    @Test func aTrialThatGivesEarnsASlotAndLeavesTheTrialToAnother() {
        var choker = Choker(slots: .fixed(4))
        var peers = (0..<20).map { candidate($0, gives: $0 < 3 ? 1_000 : 0) }
        _ = round(&choker, &peers)
        guard let trial = choker.optimistic.first else {
            Issue.record("no trial")
            return
        }
        peers[Int(trial.slot)].downloadRate = ByteRate(bytesPerSecond: 5_000)
        _ = round(&choker, &peers, at: 10)
        #expect(!peers[Int(trial.slot)].isChoked)
        #expect(choker.optimistic.count == 1)
        #expect(choker.optimistic != [trial])
        #expect(unchoked(peers).count == 4)
    }

    @Test func newPeersAreTriedThreeTimesAsOften() {
        var newWins = 0
        let draws = 4_000
        for seed in 0..<UInt64(draws) {
            var choker = Choker(slots: .fixed(1))
            var peers = (0..<10).map { candidate($0) }
            for index in 0..<5 { peers[index].connectedAt = begin - .seconds(30) }
            _ = round(&choker, &peers, seed: seed)
            if let winner = choker.optimistic.first, winner.slot < 5 { newWins += 1 }
        }
        #expect((draws * 72 / 100...draws * 78 / 100).contains(newWins), "\(newWins) of \(draws)")
    }

    @Test("W13 a peer that sends nothing of what it claims gets no slot while others wait")
    func w13SnubbingPeersAreNotTried() {
        for seed in 0..<200 as Range<UInt64> {
            var choker = Choker(slots: .fixed(4))
            var peers = (0..<10).map { candidate($0, gives: $0 < 3 ? 1_000 : 0) }
            for index in 4..<10 { peers[index].isSnubbed = true }
            peers[9].downloadRate = ByteRate(bytesPerSecond: 9_999)
            _ = round(&choker, &peers, seed: seed)
            #expect(unchoked(peers) == [0, 1, 2, 3])
        }
    }

    @Test func aSlotThatOnlySnubbingPeersWantIsNotWasted() {
        var choker = Choker(slots: .fixed(4))
        var peers = (0..<9).map { candidate($0) }
        for index in peers.indices { peers[index].isSnubbed = true }
        _ = round(&choker, &peers)
        #expect(unchoked(peers).count == 4)
    }

    @Test func theOrderOfTheTableDecidesNothing() {
        var generator = SeededGenerator(seed: 99)
        for role in [Choker.Role.leeching, .seeding] {
            let peers = (0..<30).map { candidate($0, gives: Int64($0 % 4) * 1_000) }
            var outcomes: Set<[UInt32]> = []
            for _ in 0..<20 {
                var choker = Choker(slots: .fixed(6))
                var shuffled = peers.shuffled(using: &generator)
                _ = round(&choker, &shuffled, role: role, seed: 5)
                outcomes.insert(unchoked(shuffled).sorted())
            }
            #expect(outcomes.count == 1)
        }
    }

    @Test func thereAreNeverMoreUnchokedThanSlots() {
        for seed in 0..<40 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var choker = Choker(slots: .fixed(5))
            var peers = (0..<25).map { candidate($0) }
            for step in 0..<30 as Range<Int64> {
                for index in peers.indices {
                    peers[index].isInterested = Int.random(in: 0..<4, using: &generator) > 0
                    peers[index].isSnubbed = Int.random(in: 0..<5, using: &generator) == 0
                    peers[index].downloadRate = ByteRate(
                        bytesPerSecond: .random(in: 0...3, using: &generator))
                }
                let role: Choker.Role = Bool.random(using: &generator) ? .leeching : .seeding
                let before = peers
                var open = Set(unchoked(before))
                for change in round(&choker, &peers, at: step * 10, role: role, seed: seed) {
                    switch change {
                    case .choke(let key): #expect(open.remove(key.slot) != nil, "seed \(seed)")
                    case .unchoke(let key): #expect(open.insert(key.slot).inserted)
                    }
                    #expect(open.count <= 5, "seed \(seed)")
                }
                let wanted = peers.count { $0.isInterested }
                #expect(open.count == min(5, wanted), "seed \(seed)")
            }
        }
    }

    @Test func chokesEverybodyWhenAsked() {
        var choker = Choker(slots: .fixed(2))
        var peers = (0..<5).map { candidate($0) }
        _ = round(&choker, &peers)
        let open = peers.filter { !$0.isChoked }.map(\.key)
        var changes = ActionBuffer<ChokeChange>()
        choker.chokeAll(into: &changes)
        #expect(Set(changes.take()) == Set(open.map { .choke($0) }))
        #expect(choker.unchoked == [])
        #expect(choker.nextDeadline() == .distantPast)
    }

    // MARK: Between rounds

    @Test func unchokesANewlyInterestedPeerAtOnceIfASlotIsFree() {
        var choker = Choker(slots: .fixed(2))
        var changes = ActionBuffer<ChokeChange>()
        for number in 0..<3 as Range<UInt32> {
            choker.becameInterested(candidate(number), now: begin, into: &changes)
        }
        #expect(
            changes.take() == [.unchoke(candidate(0).key), .unchoke(candidate(1).key)])
        #expect(choker.waitingCount == 1)
    }

    @Test func aSeedThatSaysInterestedGetsNothing() {
        var choker = Choker(slots: .fixed(2))
        var changes = ActionBuffer<ChokeChange>()
        var seed = candidate(0)
        seed.isUploadOnly = true
        choker.becameInterested(seed, now: begin, into: &changes)
        #expect(changes.isEmpty)
    }

    @Test("W12 flapping interest is answered twice a round at most, and takes no slot twice")
    func w12FlappingInterest() {
        var choker = Choker(slots: .fixed(4))
        var peers = [candidate(0)]
        peers[0].isInterested = false
        var changes = ActionBuffer<ChokeChange>()
        var answers = 0
        for step in 0..<100_000 as Range<Int64> {
            let now = begin + .microseconds(step * 301)
            if now >= choker.nextDeadline() {
                answers +=
                    round(&choker, &peers, at: (now - begin).nanoseconds / 1_000_000_000)
                    .count
            }
            peers[0].isInterested.toggle()
            guard peers[0].isInterested else { continue }
            choker.becameInterested(peers[0], now: now, into: &changes)
            for change in changes.take() {
                carryOut(change, &peers, now: now)
                answers += 1
            }
        }
        #expect((4...8).contains(answers), "\(answers)")
        #expect(choker.unchoked.count <= 1)
    }

    @Test func aFreedSlotForWhichOthersWaitBringsTheRoundForward() {
        var choker = Choker(slots: .fixed(2))
        var peers = (0..<5).map { candidate($0) }
        _ = round(&choker, &peers)
        #expect(choker.nextDeadline() == begin + .seconds(10))
        guard let key = choker.unchoked.first else {
            Issue.record("nobody unchoked")
            return
        }
        choker.remove(PeerKey(slot: 99, generation: 0))
        #expect(choker.nextDeadline() == begin + .seconds(10))
        choker.remove(key)
        #expect(choker.nextDeadline() == begin + .seconds(1))
        #expect(!choker.unchoked.contains(key))
        #expect(!choker.optimistic.contains(key))
    }

    // MARK: Slots

    @Test func slotsAreBounded() {
        var none = Choker(slots: .fixed(0))
        #expect(none.slotCount == 1)
        var many = Choker(slots: .fixed(Limits.uploadSlotsMax + 1))
        #expect(many.slotCount == Limits.uploadSlotsMax)
        var peers = (0..<9).map { candidate($0) }
        _ = round(&none, &peers)
        _ = round(&many, &peers)
        #expect(none.slotCount == 1)
        #expect(many.slotCount == Limits.uploadSlotsMax)
    }

    @Test func automaticSlotsGrowWithWhatTheyCarryAndShrinkOneByOne() {
        var simulation = UplinkSimulation(slots: .automatic, uplink: 1_000_000_000)
        for number in 0..<210 as Range<UInt32> { simulation.join(number, capacity: 1_000_000) }
        simulation.run(seconds: 60)
        #expect((6...20).contains(simulation.choker.slotCount))
        simulation.run(seconds: 400)
        #expect(simulation.choker.slotCount == Limits.automaticSlotsMax)
        for index in simulation.peers.indices { simulation.peers[index].capacity = 0 }
        simulation.run(seconds: 40)
        let before = simulation.choker.slotCount
        simulation.run(seconds: 10)
        #expect(simulation.choker.slotCount == before - 1)
        simulation.run(seconds: 2_500)
        #expect(simulation.choker.slotCount == Limits.automaticSlotsMin)
    }

    @Test func aTinyLimitHasTwoSlots() {
        var simulation = UplinkSimulation(slots: .automatic, uplink: 1_000, limitIsKnown: true)
        for number in 0..<9 as Range<UInt32> { simulation.join(number, capacity: 50_000) }
        simulation.run(seconds: 300)
        #expect(simulation.choker.slotCount == 2)
        #expect(simulation.unchokedCount == 2)
    }

    // MARK: Seeding

    @Test(arguments: [(5, 4, 600), (7, 3, 600), (10, 4, 600), (30, 4, 600), (50, 8, 3_600)])
    func aSeedSharesFairlyBetweenEqualPeers(peerCount: Int, slots: Int, seconds: Int) {
        var simulation = UplinkSimulation(slots: .fixed(slots), uplink: 4_000_000)
        for number in 0..<UInt32(peerCount) { simulation.join(number, capacity: 10_000_000) }
        simulation.run(seconds: seconds)
        let received = simulation.peers.map(\.received)
        let mean = simulation.sent / Int64(peerCount)
        #expect(received.allSatisfy { abs($0 - mean) * 5 <= mean }, "\(received)")
    }

    @Test("W14 peers that take a trickle do not hold a seed's slots")
    func w14SlowPeersLoseTheirSlots() {
        var simulation = UplinkSimulation(slots: .fixed(4), uplink: 1_000_000)
        for number in 0..<4 as Range<UInt32> { simulation.join(number, capacity: 17) }
        simulation.run(seconds: 60)
        for number in 4..<10 as Range<UInt32> { simulation.join(number, capacity: 500_000) }
        simulation.run(seconds: 1_200)
        // Four slow peers would hold the four slots for ever, if a turn ended by bytes alone.
        #expect(simulation.sent > 1_200 * 1_000_000 * 3 / 4)
        for number in 4..<10 as Range<UInt32> {
            #expect(simulation.received(number) > 100_000_000)
        }
    }

    @Test func aTurnLastsFortySecondsAndHalfAsLongForASlowPeerOrOneThatHadItsBytes() {
        for (slot, capacity) in [(0, 10_000), (1, 100_000_000)] as [(UInt32, Int64)] {
            var simulation = UplinkSimulation(slots: .fixed(4), uplink: 200_000_000)
            for number in 0..<8 as Range<UInt32> {
                simulation.join(number, capacity: number == slot ? capacity : 500_000)
            }
            simulation.run(seconds: 20)
            #expect(simulation.choker.unchoked.map(\.slot) == [0, 1, 2, 3])
            simulation.run(seconds: 1)
            let after = [0, 1, 2, 3].filter { $0 != slot } + [4]
            #expect(simulation.choker.unchoked.map(\.slot) == after)
            simulation.run(seconds: 20)
            #expect(Set(simulation.choker.unchoked.map(\.slot)) == [4, 5, 6, 7])
        }
    }

    @Test(arguments: [true, false])
    func fastPeersFillTheUplinkThroughAutomaticSlots(limitIsKnown: Bool) {
        var simulation = UplinkSimulation(
            slots: .automatic, uplink: 3_000_000, limitIsKnown: limitIsKnown)
        for number in 0..<20 as Range<UInt32> { simulation.join(number, capacity: 50_000) }
        for number in 20..<24 as Range<UInt32> { simulation.join(number, capacity: 2_000_000) }
        simulation.run(seconds: 600)
        let before = simulation.sent
        simulation.run(seconds: 600)
        #expect(simulation.sent - before > 600 * 3_000_000 * 85 / 100)
    }

    @Test func leavingAndComingBackIsNoShortCut() {
        var simulation = UplinkSimulation(slots: .fixed(4), uplink: 1_000_000)
        for number in 0..<20 as Range<UInt32> { simulation.join(number, capacity: 1_000_000) }
        var stolen: Int64 = 0
        for round in 1...120 as ClosedRange<UInt32> {
            simulation.run(seconds: 10)
            stolen += simulation.received(0)
            simulation.leave(0)
            simulation.join(0, capacity: 1_000_000, generation: round)
        }
        #expect(stolen < simulation.sent / 20)
    }

    @Test("W12 flapping interest gains no bytes from a seed")
    func w12FlappingGainsNothing() {
        var simulation = UplinkSimulation(slots: .fixed(4), uplink: 1_000_000)
        for number in 0..<20 as Range<UInt32> { simulation.join(number, capacity: 1_000_000) }
        for second in 0..<1_200 {
            if second % 3 == 1 { simulation.setInterested(false, 0) }
            if second % 3 == 2 { simulation.setInterested(true, 0) }
            simulation.run(seconds: 1)
        }
        #expect(simulation.received(0) < simulation.sent / 20)
        #expect(simulation.changeCount < 1_000)
    }

    // MARK: Incentives

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func aFreeRiderAmongReciprocatorsGetsLittle(seed: UInt64) {
        var swarm = SwarmSimulation(
            uplinks: [0] + Array(repeating: 100_000, count: 24), slots: 4, seed: seed)
        swarm.run(rounds: 90)
        let mean = swarm.received.dropFirst().reduce(0, +) / 24
        #expect(swarm.received[0] * 2 < mean, "seed \(seed): \(swarm.received[0]) of \(mean)")
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func whoGivesMoreGetsMore(seed: UInt64) {
        var swarm = SwarmSimulation(
            uplinks: Array(repeating: 400_000, count: 12) + Array(repeating: 50_000, count: 12),
            slots: 4, seed: seed)
        swarm.run(rounds: 180)
        let fast = swarm.received.prefix(12).reduce(0, +)
        let slow = swarm.received.suffix(12).reduce(0, +)
        #expect(fast > 2 * slow, "seed \(seed): \(fast) and \(slow)")
    }
}
