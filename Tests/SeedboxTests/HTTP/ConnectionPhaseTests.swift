import Testing

@testable import Seedbox

@Suite struct ConnectionPhaseTests {
    private func seconds(_ count: Int) -> Int64 { Int64(count) * 1_000_000_000 }

    @Test("R5 a head has ten seconds, however it trickles") func slowHead() {
        var phase = ConnectionPhase(now: 0)
        for second in 1..<10 { phase.bytesCame(now: seconds(second)) }
        #expect(phase.deadline == seconds(Limits.headSecondsMax))
        phase.headCame(now: seconds(9))
        phase.requestEnded(now: seconds(9))
        #expect(phase.deadline == nil)
        phase.answerEnded(now: seconds(20))
        #expect(phase.isIdle)
        #expect(phase.deadline == seconds(20 + Limits.idleSecondsMax))
        phase.bytesCame(now: seconds(30))
        phase.bytesCame(now: seconds(35))
        #expect(phase.deadline == seconds(30 + Limits.headSecondsMax))
    }

    @Test func aBodyHasTimeAsLongAsItComes() {
        var phase = ConnectionPhase(now: 0)
        phase.headCame(now: seconds(1))
        phase.bodyCame(now: seconds(8))
        #expect(phase.deadline == seconds(8 + Limits.bodyStallSecondsMax))
    }

    @Test("R15 a reader that takes nothing for a minute is let go") func stalledReader() {
        var phase = ConnectionPhase(now: 0)
        phase.headCame(now: 0)
        phase.requestEnded(now: 0)
        phase.readerStalls(true, now: seconds(5))
        #expect(phase.deadline == seconds(5 + Limits.readerStallSecondsMax))
        phase.readerStalls(false, now: seconds(6))
        #expect(phase.deadline == nil)
    }

    @Test func anAnswerBeforeTheEndOfItsRequestDoesNotMakeItIdle() {
        var phase = ConnectionPhase(now: 0)
        phase.headCame(now: 0)
        phase.answerEnded(now: seconds(1))
        #expect(!phase.isIdle)
        phase.requestEnded(now: seconds(2))
        #expect(phase.isIdle)
    }

    @Test func ofTwoRequestsAtOnceBothAreAnswered() {
        var phase = ConnectionPhase(now: 0)
        for _ in 0..<2 {
            phase.headCame(now: 0)
            phase.requestEnded(now: 0)
        }
        phase.answerEnded(now: 0)
        #expect(!phase.isIdle)
        phase.answerEnded(now: 0)
        #expect(phase.isIdle)
    }
}
