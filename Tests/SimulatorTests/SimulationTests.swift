import Testing
import Units

@testable import Simulator

@Suite struct SimulationTests {
    @Test func thingsHappenInTheOrderOfTheirTimesAndOfScheduling() {
        var agenda = Agenda()
        var generator = SeededGenerator(seed: 7)
        let host = HostIndex(0)
        for place in 0..<5_000 {
            let time = Instant(nanoseconds: Int64.random(in: 0..<500, using: &generator))
            agenda.schedule(.control, for: host, payload: UInt32(place), at: time)
        }
        var last = (time: Int64(-1), payload: UInt32(0))
        var count = 0
        while let event = agenda.next() {
            #expect((last.time, last.payload) < (event.time, event.payload) || count == 0)
            last = (event.time, event.payload)
            count += 1
        }
        #expect(count == 5_000)
    }

    @Test func theClockStandsWhereTheLastThingHappenedAndMovesToTheEnd() {
        var simulation = Simulation.toys(1)
        simulation.schedule(5, at: .milliseconds(20))
        simulation.schedule(4, at: .milliseconds(10))
        #expect(simulation.run(until: .milliseconds(100)) == .control(4))
        #expect(simulation.now == .milliseconds(10))
        #expect(simulation.run(until: .milliseconds(15)) == .reached)
        #expect(simulation.now == .milliseconds(15))
        #expect(simulation.run(until: .milliseconds(100)) == .control(5))
        #expect(simulation.run(until: .milliseconds(100)) == .reached)
        #expect(simulation.now == .milliseconds(100))
    }

    @Test func aMachineIsCalledAtItsDeadlines() {
        var simulation = Simulation<Toy>(
            conditions: NetworkConditions(roundTrip: .milliseconds(100)), seed: 1)
        let host = simulation.add(
            Toy(every: .milliseconds(30), ticks: 3), at: simulation.unusedEndpoint())
        _ = simulation.run(until: .milliseconds(1_000))
        #expect(simulation[host].starts == [.zero])
        #expect(simulation[host].ticks == [30, 60, 90].map { .milliseconds($0) })
    }

    @Test func theSameSeedGoesTheSameWayAndAnotherDoesNot() {
        func trace(seed: UInt64) -> UInt64 {
            var simulation = Simulation.toys(20, seed: seed) {
                $0.isSpread = true
                $0.jitter = 0.2
                $0.loss = 0.1
                $0.reordering = 0.1
                $0.duplication = 0.1
            }
            for from in 0..<20 {
                for to in 0..<20 { simulation.send([1, UInt8(to)], from: from, to: to) }
            }
            _ = simulation.run(until: .distantFuture)
            return simulation.trace.value
        }
        #expect(trace(seed: 1) == trace(seed: 1))
        #expect(trace(seed: 1) != trace(seed: 2))
    }

    @Test func traceTellsApartWhatWasSaid() {
        func trace(_ bytes: [UInt8]) -> UInt64 {
            var simulation = Simulation.toys(2)
            simulation.send(bytes, from: 0, to: 1)
            _ = simulation.run(until: .distantFuture)
            return simulation.trace.value
        }
        let traces = Set([[3], [4], [3, 0], [], Array(repeating: 3, count: 8)].map(trace))
        #expect(traces.count == 5)
    }

    @Test func aBrokenInvariantEndsTheRunWithItsMoment() {
        var simulation = Simulation.toys(2)
        simulation.hold("nobody hears a 9", every: .milliseconds(10)) { simulation in
            simulation.toy(1).heard.contains { $0.bytes == [9] } ? "host 1 heard it" : nil
        }
        simulation.send([3], from: 0, to: 1)
        #expect(simulation.run(until: .milliseconds(200)) == .reached)
        simulation.send([9], from: 0, to: 1)
        #expect(simulation.run(until: .milliseconds(400)) == .violated)
        #expect(
            simulation.violations == [
                Violation(
                    time: .milliseconds(250), invariant: "nobody hears a 9", text: "host 1 heard it"
                )
            ])
    }

    @Test func aCrashedHostIsSilentAndARestartBeginsAgain() {
        var simulation = Simulation.toys(2)
        _ = simulation.run(until: .milliseconds(1))
        simulation.crash(HostIndex(1))
        simulation.send([1], from: 0, to: 1)
        _ = simulation.run(until: .milliseconds(500))
        #expect(simulation.toy(1).heard.isEmpty)
        #expect(simulation.counters.toNobody == 1)
        simulation.restart(HostIndex(1), with: Toy())
        simulation.send([1], from: 0, to: 1)
        _ = simulation.run(until: .milliseconds(1_000))
        #expect(simulation.toy(1).starts == [.milliseconds(500)])
        #expect(simulation.toy(1).heard.count == 1)
        #expect(simulation.toy(0).heard.map(\.bytes) == [[2]])
    }

    @Test func aPartitionDividesUntilItHeals() {
        var simulation = Simulation.toys(3)
        simulation.move(HostIndex(2), toGroup: 1)
        simulation.send([3], from: 0, to: 2)
        simulation.send([3], from: 0, to: 1)
        _ = simulation.run(until: .milliseconds(500))
        #expect(simulation.toy(1).heard.count == 1)
        #expect(simulation.toy(2).heard.isEmpty)
        simulation.heal()
        simulation.send([3], from: 0, to: 2)
        _ = simulation.run(until: .milliseconds(1_000))
        #expect(simulation.toy(2).heard.count == 1)
    }

    @Test func timersOfAThousandMachinesAllFireOnce() {
        var simulation = Simulation<Toy>(
            conditions: NetworkConditions(roundTrip: .milliseconds(100)), seed: 3)
        for place in 0..<1_000 {
            simulation.add(
                Toy(every: .microseconds(Int64(900 + place)), ticks: 20),
                at: simulation.unusedEndpoint())
        }
        _ = simulation.run(until: .distantFuture)
        #expect(simulation.eventCount == 21_000)
        #expect(simulation.pendingEventCount == 0)
    }
}
