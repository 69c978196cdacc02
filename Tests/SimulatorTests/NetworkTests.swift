import Testing
import Units

@testable import Simulator

@Suite struct NetworkTests {
    @Test func anAnswerTakesARoundTrip() {
        var simulation = Simulation.toys(2)
        simulation.send([1, 7], from: 0, to: 1)
        _ = simulation.run(until: .milliseconds(1_000))
        #expect(simulation.toy(1).heard.map(\.time) == [.milliseconds(50)])
        let answer = simulation.toy(0).heard
        #expect(answer.map(\.time) == [.milliseconds(100)])
        #expect(answer.map(\.bytes) == [[2, 7]])
        #expect(answer.map(\.from) == [simulation.endpoint(of: HostIndex(1))])
    }

    @Test func pairsKeepTheirDistanceAndTheirMedianIsTheStatedOne() {
        let conditions = NetworkConditions(roundTrip: .milliseconds(100))
        let model = DelayModel(conditions, seed: 4)
        var all: [Interval] = []
        var generator = SeededGenerator(seed: 5)
        for a in 0..<100 {
            for b in 0..<a {
                let (a, b) = (HostIndex(a), HostIndex(b))
                #expect(model.roundTrip(a, b) == model.roundTrip(b, a))
                let there = model.delay(from: a, to: b, using: &generator)
                all.append(there + model.delay(from: b, to: a, using: &generator))
            }
        }
        all.sort()
        let median = all[all.count / 2].seconds
        #expect((0.095...0.105).contains(median), "\(median)")
        #expect(all[all.count / 10].seconds < 0.06)
        #expect(all[all.count * 9 / 10].seconds > 0.15)
    }

    @Test func lossDuplicationAndReorderingHaveTheirShares() {
        var simulation = Simulation.toys(2) {
            $0.loss = 0.2
            $0.duplication = 0.1
            $0.reordering = 0.5
        }
        for number in 0..<1_000 {
            simulation.send([3, UInt8(number / 250), UInt8(number % 250)], from: 0, to: 1)
            _ = simulation.run(until: simulation.now + .milliseconds(1))
        }
        _ = simulation.run(until: simulation.now + .milliseconds(1_000))
        let heard = simulation.toy(1).heard.map(\.bytes)
        #expect((150...250).contains(Int(simulation.counters.lost)))
        #expect((820...940).contains(heard.count))
        let distinct = Set(heard)
        #expect(distinct.count == 1_000 - Int(simulation.counters.lost))
        let overtaken = zip(heard, heard.dropFirst()).count { $1.lexicographicallyPrecedes($0) }
        #expect(overtaken > 100)
    }

    @Test func anUplinkSendsOneDatagramAfterTheOtherAndDropsWhatWouldWaitTooLong() {
        var simulation = Simulation.toys(1)
        let slow = simulation.add(
            Toy(), at: simulation.unusedEndpoint(),
            profile: HostProfile(uplink: ByteRate(bytesPerSecond: 10_000)))
        for _ in 0..<20 {
            simulation.send(Array(repeating: 3, count: 1_000), from: slow.position, to: 0)
        }
        _ = simulation.run(until: .milliseconds(5_000))
        let times = simulation.toy(0).heard.map(\.time)
        // A second's worth may wait behind the one that is being sent.
        #expect(times == (1...11).map { .milliseconds(50 + 100 * Int64($0)) })
        #expect(simulation.counters.dropped == 9)
    }

    @Test func aDatagramThatIsTooLongIsDropped() {
        var simulation = Simulation.toys(2)
        simulation.send(Array(repeating: 3, count: 1_500), from: 0, to: 1)
        simulation.send(Array(repeating: 3, count: 1_501), from: 0, to: 1)
        _ = simulation.run(until: .distantFuture)
        #expect(simulation.toy(1).heard.count == 1)
        #expect(simulation.counters.dropped == 1)
    }

    @Test func anAddressFamilyReachesItsOwnKindOnly() {
        var simulation = Simulation.toys(1)
        let ipv6 = simulation.unusedEndpoint(isIPv6: true)
        let both = simulation.add(Toy(), at: simulation.unusedEndpoint(), ipv6: ipv6)
        let only6 = simulation.add(Toy(), at: simulation.unusedEndpoint(isIPv6: true))
        simulation.send([3], from: 0, to: ipv6)
        simulation.send([1], from: only6.position, to: ipv6)
        _ = simulation.run(until: .distantFuture)
        #expect(simulation[both].heard.count == 1)
        #expect(simulation[only6].heard.map(\.from) == [ipv6])
    }

    // MARK: NAT

    /// Host 0 is behind a NAT and writes to host 1; then hosts 1 and 2 write to what host 1 saw,
    /// host 1 also from another port. Who gets through?
    private func whoGetsThrough(_ kind: NATKind) -> [UInt8] {
        var simulation = Simulation.toys(0)
        simulation.add(
            Toy(), at: simulation.unusedEndpoint(), profile: HostProfile(nat: kind))
        let first = simulation.unusedEndpoint()
        simulation.add(Toy(), at: first)
        simulation.add(Toy(), at: simulation.unusedEndpoint())
        simulation.send([3], from: 0, to: 1)
        _ = simulation.run(until: .milliseconds(60))
        guard let seen = simulation.toy(1).heard.first?.from else { return [] }
        simulation.send([11], from: 1, to: seen)
        simulation.send([12], from: 2, to: seen)
        _ = simulation.run(until: .milliseconds(300))
        // Host 0 writes to another port of the second: its address is then known, not its port.
        simulation.send([3], from: 0, to: simulation.endpoint(of: HostIndex(2)).with(port: 9))
        _ = simulation.run(until: .milliseconds(400))
        simulation.send([13], from: 2, to: seen)
        _ = simulation.run(until: .milliseconds(500))
        return simulation.toy(0).heard.compactMap(\.bytes.first)
    }

    @Test func eachKindOfNATLetsInWhomItShould() {
        #expect(whoGetsThrough(.fullCone) == [11, 12, 13])
        #expect(whoGetsThrough(.addressRestricted) == [11, 13])
        #expect(whoGetsThrough(.portRestricted) == [11])
        #expect(whoGetsThrough(.symmetric) == [11])
    }

    @Test func aSymmetricNATShowsAnotherPortToEach() {
        var simulation = Simulation.toys(2)
        let hidden = simulation.add(
            Toy(), at: simulation.unusedEndpoint(), profile: HostProfile(nat: .symmetric))
        for _ in 0..<2 {
            simulation.send([3], from: hidden.position, to: 0)
            simulation.send([3], from: hidden.position, to: 1)
        }
        _ = simulation.run(until: .distantFuture)
        let first = Set(simulation.toy(0).heard.map(\.from))
        let second = Set(simulation.toy(1).heard.map(\.from))
        #expect(first.count == 1 && second.count == 1)
        #expect(first != second)
    }

    @Test func aNATForgetsAMappingThatIsNotUsed() {
        for kind in NATKind.allCases {
            var simulation = Simulation.toys(1)
            let hidden = simulation.add(
                Toy(), at: simulation.unusedEndpoint(), profile: HostProfile(nat: kind))
            simulation.send([3], from: hidden.position, to: 0)
            _ = simulation.run(until: .zero + .seconds(100))
            guard let seen = simulation.toy(0).heard.first?.from else { continue }
            simulation.send([11], from: 0, to: seen)
            _ = simulation.run(until: .zero + .seconds(130))
            simulation.send([12], from: 0, to: seen)
            _ = simulation.run(until: .zero + .seconds(140))
            #expect(simulation[hidden].heard.map(\.bytes) == [[11]], "\(kind)")
            #expect(simulation.counters.refusedByNAT == 1)
        }
    }
}
