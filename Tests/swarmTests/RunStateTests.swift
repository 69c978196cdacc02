import Glibc
import Terminal
import Testing
import Units

@testable import swarm

@Suite(.ownThreads) struct RunStateTests {
    private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

    private func numbers(_ bytes: Int64..., ratio: Double = 0) -> [RunState.Numbers] {
        bytes.map { RunState.Numbers(bytesReceived: $0, ratio: ratio) }
    }

    @Test func aFetchIsOverWhenEveryTorrentIsWhole() {
        var state = RunState(torrents: 2, policy: .init(seeds: false), now: .zero)
        state.started(0)
        state.completed(0, now: at(1))
        #expect(state.outcome == nil)
        #expect(state.isUnfinished)
        // One that was whole from the start says so without a download.
        state.completed(1, now: at(2))
        #expect(state.outcome == .done)
        #expect(!state.isUnfinished)
    }

    @Test func metadataThatDoesNotComeIsAStallAndCheckingIsNone() {
        var state = RunState(
            torrents: 1, policy: .init(seeds: false, stallTimeout: .seconds(10)), now: .zero)
        state.isSeekingMetadata(0)
        let waiting = [
            state.isStalled(numbers(0), now: at(5)), state.isStalled(numbers(7), now: at(14)),
            state.isStalled(numbers(7), now: at(23)),
        ]
        #expect(waiting == [false, false, false])
        #expect(state.isUnfinished)
        state.hasMetadata(0)
        let isCheckingStalled = state.isStalled(numbers(7), now: at(60))
        #expect(!isCheckingStalled)
        state.started(0)
        #expect(state.phases == [.downloading])
        let isStalled = state.isStalled(numbers(7), now: at(70))
        #expect(isStalled)
    }

    @Test func aSeedIsOverWhenItsGoalIsReached() {
        var state = RunState(
            torrents: 2, policy: .init(seeds: true, goal: SeedGoal(ratio: 1, time: .seconds(60))),
            now: .zero)
        state.completed(0, now: at(0))
        state.completed(1, now: at(30))
        #expect(state.leave(numbers(0, 0), now: at(59)) == [])
        #expect(state.leave(numbers(0, 0), now: at(60)) == [0])
        #expect(state.leave(numbers(0, 0), now: at(61)) == [])
        #expect(state.outcome == nil)
        #expect(state.leave(numbers(0, 0, ratio: 1), now: at(62)) == [1])
        #expect(state.outcome == .done)
    }

    @Test func withoutAGoalSeedingHasNoEnd() {
        var state = RunState(torrents: 1, policy: .init(seeds: true), now: .zero)
        state.completed(0, now: at(1))
        #expect(state.leave(numbers(0, ratio: 99), now: at(1_000_000)) == [])
        #expect(state.outcome == nil)
    }

    @Test func theEndWaitsForTheUsersCommand() {
        var state = RunState(torrents: 1, policy: .init(seeds: false), now: .zero)
        state.hookStarted()
        state.completed(0, now: at(1))
        #expect(state.outcome == nil)
        state.hookEnded(well: false)
        #expect(state.outcome == .failed)
    }

    @Test func aFailureIsTheStatusOfTheWholeButEndsOnlyItsTorrent() {
        var state = RunState(torrents: 2, policy: .init(seeds: false), now: .zero)
        state.failed(1, .unwritable)
        state.failed(1, .failed)
        #expect(state.outcome == nil)
        state.completed(1, now: at(1))
        state.completed(0, now: at(1))
        #expect(state.outcome == .unwritable)
    }

    @Test func downloadsThatStandStillAreStalled() {
        var state = RunState(
            torrents: 2, policy: .init(seeds: false, stallTimeout: .seconds(10)), now: .zero)
        var seen: [Bool] = []
        func look(_ numbers: [RunState.Numbers], _ second: Int64) {
            seen.append(state.isStalled(numbers, now: at(second)))
        }
        look(numbers(0, 0), 100)  // Still being checked.
        state.started(0)
        state.completed(1, now: at(100))
        look(numbers(0, 0), 101)
        look(numbers(0, 0), 109)
        look(numbers(1, 0), 110)
        look(numbers(1, 99), 119)  // What is whole does not count.
        look(numbers(1, 99), 120)
        #expect(seen == [false, false, false, false, false, true])
    }

    @Test func withoutATimeoutNothingIsStalled() {
        var state = RunState(torrents: 1, policy: .init(seeds: false), now: .zero)
        state.started(0)
        let isStalled = state.isStalled(numbers(0), now: at(1_000_000))
        #expect(!isStalled)
    }

    @Test func signalsHaveStatusesOfTheirOwn() {
        var state = RunState(torrents: 1, policy: .init(seeds: true), now: .zero)
        state.started(0)
        #expect(state.outcome(afterSignal: SIGINT) == .interrupted)
        #expect(state.outcome(afterSignal: SIGTERM) == .terminated)
        #expect(state.outcome(afterSignal: SIGHUP) == .unfinished)
        state.completed(0, now: at(1))
        #expect(state.outcome(afterSignal: SIGINT) == .interrupted)
        #expect(state.outcome(afterSignal: SIGHUP) == .done)
    }
}
