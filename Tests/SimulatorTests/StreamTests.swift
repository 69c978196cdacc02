import Testing
import Units

@testable import Simulator

@Suite struct StreamTests {
    private func connect(_ simulation: inout Simulation<Toy>, from: Int, to: Int) -> StreamID {
        let endpoint = simulation.endpoint(of: HostIndex(to))
        return simulation.withNode(HostIndex(from)) { $2.connect(to: endpoint) }
    }

    @Test func aStreamOpensInARoundTripAndCarriesBytesInOrder() {
        var simulation = Simulation.toys(2)
        let stream = connect(&simulation, from: 0, to: 1)
        _ = simulation.run(until: .milliseconds(100))
        #expect(simulation.toy(0).streamEvents == [.opened])
        #expect(simulation.toy(0).streamTimes == [.milliseconds(100)])
        #expect(simulation.toy(1).streamTimes == [.milliseconds(50)])
        simulation.withNode(HostIndex(0)) {
            $2.send([3, 4], on: stream)
            $2.send([1], on: stream)
        }
        _ = simulation.run(until: .milliseconds(1_000))
        let arrived = simulation.toy(1).streamEvents.dropFirst()
        #expect(arrived == [.received([3, 4]), .received([1]), .sent(1)])
        #expect(
            simulation.toy(0).streamEvents.dropFirst() == [.sent(2), .sent(1), .received([2])])
        #expect(simulation.toy(0).streamTimes.last == .milliseconds(200))
    }

    @Test func bytesLeaveAtTheRateOfTheUplinkAndStayInOrderUnderJitterAndLoss() {
        var simulation = Simulation.toys(1) {
            $0.jitter = 1
            $0.loss = 0.2
        }
        let sender = simulation.add(
            Toy(), at: simulation.unusedEndpoint(),
            profile: HostProfile(uplink: ByteRate(bytesPerSecond: 100_000)))
        let stream = connect(&simulation, from: sender.position, to: 0)
        for number in 0..<100 {
            simulation.withNode(sender) {
                $2.send(Array(repeating: UInt8(100 + number), count: 1_000), on: stream)
            }
        }
        _ = simulation.run(until: .distantFuture)
        let numbers = simulation.toy(0).streamEvents.compactMap { event -> UInt8? in
            guard case .received(let bytes) = event else { return nil }
            return bytes.first
        }
        #expect(numbers == (100..<200).map { UInt8($0) })
        let last = simulation.toy(0).streamTimes.last?.nanoseconds ?? 0
        #expect(last >= 1_000_000_000 && last < 2_000_000_000)
    }

    @Test func whatWasSentBeforeCloseStillArrives() {
        var simulation = Simulation.toys(2)
        let stream = connect(&simulation, from: 0, to: 1)
        _ = simulation.run(until: .milliseconds(100))
        simulation.withNode(HostIndex(0)) {
            $2.send([3], on: stream)
            $2.close(stream)
            $2.send([4], on: stream)
        }
        _ = simulation.run(until: .distantFuture)
        #expect(simulation.toy(1).streamEvents.dropFirst() == [.received([3]), .closed])
        #expect(simulation.streams.isEmpty)
        #expect(!simulation.streamsOf.values.contains { !$0.isEmpty })
    }

    @Test func dialsThatCannotSucceedFailAfterAWhile() {
        var simulation = Simulation.toys(3)
        let hidden = simulation.add(
            Toy(), at: simulation.unusedEndpoint(), profile: HostProfile(nat: .fullCone))
        simulation.crash(HostIndex(1))
        simulation.move(HostIndex(2), toGroup: 1)
        let nobody = simulation.unusedEndpoint()
        simulation.withNode(HostIndex(0)) { _ = $2.connect(to: nobody) }
        _ = connect(&simulation, from: 0, to: 1)
        _ = connect(&simulation, from: 0, to: 2)
        _ = connect(&simulation, from: 0, to: hidden.position)
        _ = simulation.run(until: .milliseconds(3_000))
        #expect(simulation.toy(0).streamEvents == Array(repeating: .failed, count: 4))
        _ = connect(&simulation, from: hidden.position, to: 0)
        _ = simulation.run(until: .milliseconds(4_000))
        #expect(simulation[hidden].streamEvents == [.opened])
    }

    @Test func aCrashOfTheProgramClosesAndAPowerCutIsFoundOut() {
        for (crash, expected) in [
            (Simulation<Toy>.Crash.program, Instant.milliseconds(150)),
            (.power, .milliseconds(3_200)),
        ] {
            var simulation = Simulation.toys(2)
            let stream = connect(&simulation, from: 0, to: 1)
            _ = simulation.run(until: .milliseconds(100))
            simulation.crash(HostIndex(1), crash)
            _ = simulation.run(until: .milliseconds(200))
            simulation.withNode(HostIndex(0)) { $2.send([3], on: stream) }
            _ = simulation.run(until: .distantFuture)
            #expect(simulation.toy(0).streamEvents.last == .closed)
            #expect(simulation.toy(0).streamTimes.last == expected, "\(crash)")
            #expect(simulation.streams.isEmpty)
        }
    }

    @Test func aHostThatComesBackKnowsNothingOfItsStreams() {
        var simulation = Simulation.toys(2)
        let stream = connect(&simulation, from: 0, to: 1)
        _ = simulation.run(until: .milliseconds(100))
        simulation.crash(HostIndex(1), .power)
        simulation.restart(HostIndex(1), with: Toy())
        simulation.withNode(HostIndex(0)) { $2.send([3], on: stream) }
        _ = simulation.run(until: .distantFuture)
        #expect(simulation.toy(1).streamEvents.isEmpty)
        #expect(simulation.toy(0).streamEvents.last == .closed)
        #expect(simulation.toy(0).streamTimes.last == .milliseconds(200))
    }
}
