import Synchronization
import Testing
import Transport
import Units

@testable import Discovery

@Suite(.timeLimit(.minutes(10))) struct DatagramLoopTests {
    private let loop = DatagramLoop.shared

    /// Runs `body` on the loop, and waits for what it gives.
    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { waiter in
            loop.execute { waiter.resume(returning: body()) }
        }
    }

    @Test func whatIsCalledFromOutsideRunsOnTheLoopInItsOrder() async {
        #expect(!loop.isCurrent)
        let numbers = Happenings<(Int, Bool)>()
        for number in 0..<1_000 {
            loop.execute { numbers.add((number, DatagramLoop.shared.isCurrent)) }
        }
        let all = await numbers.first(1_000)
        #expect(all.map(\.0) == Array(0..<1_000))
        #expect(all.allSatisfy { $0.1 })
    }

    @Test func actorsThatLiveOnItCallEachOtherWithoutAHop() async {
        actor Neighbour {
            var count = 0
            nonisolated var unownedExecutor: UnownedSerialExecutor {
                DatagramLoop.shared.asUnownedSerialExecutor()
            }
            nonisolated func add() { assumeIsolated { $0.count += 1 } }
            func add(by other: Neighbour) { other.add() }
        }
        let neighbours = [Neighbour(), Neighbour()]
        await neighbours[0].add(by: neighbours[1])
        await onLoop { neighbours[1].add() }
        #expect(await neighbours[1].count == 2)
    }

    @Test func alarmsGoOffInTheirOrderAndNotBeforeTheirTime() async {
        let begun = MonotonicClock.now
        let rings = Happenings<(Int, Instant)>()
        for milliseconds in [30, 10, 20, 10] {
            _ = loop.schedule(at: begun + .milliseconds(Int64(milliseconds))) {
                rings.add((milliseconds, MonotonicClock.now))
            }
        }
        let all = await rings.first(4)
        #expect(all.map(\.0) == [10, 10, 20, 30])
        #expect(all.allSatisfy { $0.1 >= begun + .milliseconds(Int64($0.0)) })
    }

    @Test func whatWasCalledOffIsNotDone() async {
        let now = MonotonicClock.now
        let rings = Happenings<Int>()
        let first = loop.schedule(at: now + .milliseconds(20)) { rings.add(1) }
        let second = loop.schedule(at: now + .milliseconds(30)) { rings.add(2) }
        _ = loop.schedule(at: now + .milliseconds(40)) { rings.add(3) }
        // The one that everybody waits for, and one behind it.
        first.cancel()
        second.cancel()
        #expect(await rings.first(1) == [3])
    }

    @Test func anAlarmForTheEndOfTimeHoldsNobodyUp() async {
        let never = loop.schedule(at: .distantFuture) {}
        let rings = Happenings<Int>()
        _ = loop.schedule(at: MonotonicClock.now + .milliseconds(5)) { rings.add(1) }
        #expect(await rings.first(1) == [1])
        // Nothing else waits: the loop counts how long it is until then.
        await onLoop {}
        await onLoop {}
        never.cancel()
    }

    @Test func anAlarmOfTheLoopItselfIsNotSleptThrough() async {
        let rings = Happenings<Int>()
        loop.execute {
            _ = DatagramLoop.shared.schedule(at: MonotonicClock.now + .milliseconds(5)) {
                _ = DatagramLoop.shared.schedule(at: MonotonicClock.now) { rings.add(1) }
            }
        }
        #expect(await rings.first(1) == [1])
    }
}
