import Testing

@testable import Seedbox

@Suite struct RestartRuleTests {
    @Test func whatWasPausedStaysPausedAndTheRestWaitsForItsTurn() {
        #expect(RestartRule.state(isPaused: true) == .paused)
        #expect(RestartRule.state(isPaused: false) == .queued)
    }

    @Test func aLaterRunCountsFromAboveAllThatAnEarlierOneReached() {
        let first = RestartRule.firstRevision(startedAt: 1_795_219_200)
        let second = RestartRule.firstRevision(startedAt: 1_795_219_201)
        #expect(second - first == 1 << 20)
        #expect(second < 1 << 53)
        #expect(RestartRule.firstRevision(startedAt: -5) == 0)
        #expect(RestartRule.firstRevision(startedAt: .max) <= 1 << 53)
    }
}
