import Testing

@testable import Seedbox

@Suite struct PaceTests {
    private let start = ContinuousClock.now
    private var pace = Pace(every: .milliseconds(250))

    private func at(_ milliseconds: Int) -> ContinuousClock.Instant {
        start + .milliseconds(milliseconds)
    }

    @Test mutating func whatIsAskedForAfterAWhileIsDoneAtOnce() {
        #expect(pace.ask(now: at(0)) == .now)
        #expect(pace.ask(now: at(250)) == .now)
        #expect(pace.ask(now: at(499)) == .after(.milliseconds(1)))
    }

    @Test mutating func whatIsAskedForOftenIsDoneOnceForAll() {
        #expect(pace.ask(now: at(0)) == .now)
        #expect(pace.ask(now: at(50)) == .after(.milliseconds(200)))
        #expect(pace.ask(now: at(60)) == .nothing)
        // Also if it comes late.
        #expect(pace.ask(now: at(300)) == .nothing)
        pace.due(now: at(310))
        #expect(pace.ask(now: at(320)) == .after(.milliseconds(240)))
    }

    @Test mutating func itIsDoneAtMostSoOften() {
        var done = 0
        var dueAt: ContinuousClock.Instant?
        for now in stride(from: 0, to: 10_000, by: 5).map(at) {
            if let due = dueAt, now >= due {
                pace.due(now: now)
                dueAt = nil
                done += 1
            }
            switch pace.ask(now: now) {
            case .now: done += 1
            case .after(let delay): dueAt = now + delay
            case .nothing: break
            }
        }
        #expect((38...41).contains(done))
    }
}
