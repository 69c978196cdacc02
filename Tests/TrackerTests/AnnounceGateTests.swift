import Testing
import Tracker
import Units

private typealias Ticket = AnnounceGate.Ticket

private struct Bench {
    var gate: AnnounceGate
    var now = Instant.zero
    var buffer = ActionBuffer<AnnounceGate.Action>()

    init(
        total: Int = 100, perTracker: Int = 100, rate: Int = 1000,
        leaving: AnnounceGate.Bounds? = nil, leavingByUDP: AnnounceGate.Bounds? = nil
    ) {
        var configuration = AnnounceGate.Configuration()
        configuration.staying = AnnounceGate.Bounds(
            concurrentMax: total, concurrentPerTrackerMax: perTracker, startsPerSecond: rate)
        if let leaving { configuration.leaving = leaving }
        if let leavingByUDP { configuration.leavingByUDP = leavingByUDP }
        gate = AnnounceGate(configuration)
    }

    mutating func enqueue(
        _ tickets: ClosedRange<UInt64>, to tracker: String = "a",
        over scheme: TrackerURL.Scheme = .https, _ priority: AnnounceGate.Priority = .regular
    ) {
        for ticket in tickets {
            let isQueued = gate.enqueue(
                Ticket(ticket), to: tracker, over: scheme, priority, now: now)
            #expect(isQueued)
        }
    }

    mutating func admit() -> [UInt64] {
        act().compactMap { if case .begin(let ticket) = $0 { ticket.rawValue } else { nil } }
    }

    mutating func act() -> [AnnounceGate.Action] {
        gate.admit(now: now, into: &buffer)
        return buffer.take()
    }

    mutating func end(_ ticket: UInt64, _ ending: AnnounceGate.Ending = .answered) {
        gate.end(Ticket(ticket), ending, now: now)
    }
}

@Suite struct AnnounceGateTests {
    @Test func admitsInOrder() {
        var bench = Bench()
        bench.enqueue(1...3)
        #expect(bench.admit() == [1, 2, 3])
        #expect(bench.gate.waitingCount == 0)
        #expect(bench.admit() == [])
    }

    @Test func boundsRequestsInAll() {
        var bench = Bench(total: 2)
        bench.enqueue(1...2, to: "a")
        bench.enqueue(3...4, to: "b")
        #expect(bench.admit() == [1, 3])
        #expect(bench.gate.nextDeadline() == nil)
        bench.end(3)
        #expect(bench.admit() == [2])
        bench.end(1)
        bench.end(2)
        #expect(bench.admit() == [4])
    }

    @Test func boundsRequestsToOneTracker() {
        var bench = Bench(perTracker: 2)
        bench.enqueue(1...5, to: "slow")
        bench.enqueue(6...7, to: "fast")
        #expect(Set(bench.admit()) == [1, 2, 6, 7])
        #expect(bench.gate.waitingCount == 3)
        bench.end(6)
        #expect(bench.admit() == [])
        bench.end(1)
        #expect(bench.admit() == [3])
    }

    @Test func letsTrackersTakeTurns() {
        var bench = Bench(total: 4)
        bench.enqueue(1...10, to: "a")
        bench.enqueue(11...12, to: "b")
        #expect(bench.admit() == [1, 11, 2, 12])
    }

    @Test func letsEventsGoFirst() {
        var bench = Bench(total: 1)
        bench.enqueue(1...1, .regular)
        bench.enqueue(2...2, .event)
        for expected: UInt64 in [2, 1] {
            #expect(bench.admit() == [expected])
            bench.end(expected)
        }
    }

    @Test(arguments: [TrackerURL.Scheme.http, .udp])
    func leavingIsNotHeldToThePaceOfStarts(scheme: TrackerURL.Scheme) {
        var bench = Bench(total: 1, perTracker: 1, rate: 1)
        bench.now = .zero + .seconds(10_000)
        bench.enqueue(1...3, over: scheme)
        bench.enqueue(11...13, over: scheme, .event)
        bench.enqueue(101...10_100, over: scheme, .leaving)
        let begin = bench.now
        #expect(Array(bench.admit().prefix(2)) == [101, 102])
        // All have gone, though the one who stays is still under way, and the others wait.
        while bench.gate.waitingCount > 5 {
            for ticket: UInt64 in 101...10_100 { bench.end(ticket) }
            bench.now = bench.gate.nextDeadline()?.0 ?? bench.now
            _ = bench.admit()
        }
        #expect(bench.now - begin < .seconds(3))
        bench.end(11)
        bench.now = bench.now + .seconds(1)
        #expect(bench.admit() == [12])
    }

    @Test func boundsThoseWhoLeave() {
        let leaving = AnnounceGate.Bounds(
            concurrentMax: 5, concurrentPerTrackerMax: 3, startsPerSecond: 1000)
        let byUDP = AnnounceGate.Bounds(
            concurrentMax: 9, concurrentPerTrackerMax: 6, startsPerSecond: 1000)
        var bench = Bench(total: 1, leaving: leaving, leavingByUDP: byUDP)
        bench.enqueue(1...10, to: "a", .leaving)
        bench.enqueue(11...20, to: "b", .leaving)
        bench.enqueue(21...30, to: "c", over: .udp, .leaving)
        bench.enqueue(31...40, to: "d", over: .udp, .leaving)
        #expect(bench.admit() == [1, 11, 2, 12, 3, 21, 31, 22, 32, 23, 33, 24, 34, 25])
        bench.end(1)
        #expect(bench.admit() == [13])
        bench.end(21)
        #expect(bench.admit() == [35])
        bench.enqueue(41...42, to: "a")
        #expect(bench.admit() == [41])
    }

    @Test func burstsOfThoseWhoLeaveAreBounded() {
        let leaving = AnnounceGate.Bounds(
            concurrentMax: 100, concurrentPerTrackerMax: 100, startsPerSecond: 1000, burstMax: 9)
        var bench = Bench(leaving: leaving)
        bench.now = .zero + .seconds(10_000)
        bench.enqueue(1...100, .leaving)
        #expect(bench.admit() == Array(1...10))
        bench.now = bench.now + .milliseconds(2)
        #expect(bench.admit() == [11, 12])
        #expect(bench.gate.nextDeadline()?.0 == bench.now + .milliseconds(1))
    }

    @Test func whoLeavesKnowsOfTheSilenceOfThoseWhoStay() {
        var bench = Bench(perTracker: 3)
        bench.enqueue(1...3, over: .udp)
        bench.enqueue(4...4, to: "b", .leaving)
        #expect(bench.admit() == [4, 1, 2, 3])
        bench.enqueue(5...6, over: .udp)
        for ticket: UInt64 in 1...3 { bench.end(ticket, .silent) }
        #expect(bench.act() == [.avoid(Ticket(5)), .avoid(Ticket(6))])
        bench.enqueue(7...7, over: .udp, .leaving)
        #expect(bench.act() == [.avoid(Ticket(7))])
    }

    @Test func forgetsWhatIsWithdrawn() {
        var bench = Bench(total: 1)
        bench.enqueue(1...3)
        bench.end(1)
        bench.end(1)
        #expect(bench.gate.waitingCount == 2)
        #expect(bench.admit() == [2])
        bench.end(3)
        bench.end(2)
        #expect(bench.admit() == [])
        bench.enqueue(4...4)
        #expect(bench.admit() == [4])
    }

    @Test("T14 50,000 torrents of one tracker begin as fast as is set, and no faster")
    func t14() {
        var bench = Bench(total: 1_000_000, perTracker: 1_000_000, rate: 100)
        bench.now = .zero + .seconds(10_000)
        let begin = bench.now
        bench.enqueue(1...50_000)
        var begun = 0
        // A second's worth may begin at once.
        begun += bench.admit().count
        #expect(begun == 101)
        while let (at, reason) = bench.gate.nextDeadline() {
            #expect(reason == .rate)
            #expect(at > bench.now)
            bench.now = at
            begun += bench.admit().count
            let seconds = (bench.now - begin).seconds
            #expect(Double(begun) <= 101 + seconds * 100 + 1e-6)
        }
        #expect(begun == 50_000)
        #expect(abs((bench.now - begin).seconds - 499) < 1)
    }

    @Test("T14 first announces are spread so that they do not queue")
    func t14Spread() {
        let configuration = AnnounceGate.Configuration()
        #expect(configuration.spread(torrents: 50_000) == .seconds(500))
        #expect(configuration.spread(torrents: 0) == .zero)
        #expect(configuration.spread(torrents: .max) > .zero)
    }

    @Test("T14 the number that waits is bounded")
    func t14Bound() {
        var bench = Bench()
        for ticket in 1...UInt64(500_000) {
            let isQueued = bench.gate.enqueue(
                Ticket(ticket), to: "a", over: .udp, .regular, now: .zero)
            guard isQueued else {
                Issue.record("refused at \(ticket)")
                return
            }
        }
        let isQueued = bench.gate.enqueue(
            Ticket(500_001), to: "a", over: .udp, .regular, now: .zero)
        #expect(!isQueued)
        bench.end(7)
        bench.enqueue(500_001...500_001)
    }

    @Test func avoidsATrackerThatIsSilent() {
        var bench = Bench(perTracker: 3)
        bench.enqueue(1...10, to: "dead")
        bench.enqueue(11...11, to: "alive")
        #expect(Set(bench.admit()) == [1, 2, 3, 11])
        bench.end(1, .silent)
        bench.end(2, .silent)
        // Two that begin in their places; the third silence ends all that wait.
        #expect(bench.act() == [.begin(Ticket(4)), .begin(Ticket(5))])
        bench.end(3, .silent)
        #expect(bench.gate.nextDeadline()?.0 == .distantPast)
        #expect(bench.act() == (6...10).map { .avoid(Ticket($0)) })
        bench.enqueue(12...12, to: "dead", .leaving)
        bench.enqueue(13...13, to: "alive")
        #expect(bench.act() == [.avoid(Ticket(12)), .begin(Ticket(13))])
        #expect(bench.gate.waitingCount == 0)
    }

    @Test func triesASilentTrackerAgainWithOneRequest() {
        var bench = Bench()
        bench.enqueue(1...3)
        _ = bench.act()
        for ticket: UInt64 in 1...3 { bench.end(ticket, .silent) }
        bench.now = .zero + .milliseconds(59_999)
        bench.enqueue(4...4)
        #expect(bench.act() == [.avoid(Ticket(4))])
        bench.now = .zero + .seconds(60)
        bench.enqueue(5...7)
        #expect(bench.act() == [.begin(Ticket(5))])
        bench.end(5, .silent)
        #expect(bench.act() == [.avoid(Ticket(6)), .avoid(Ticket(7))])
        bench.now = .zero + .seconds(120)
        bench.enqueue(8...10)
        #expect(bench.act() == [.begin(Ticket(8))])
        bench.end(8, .answered)
        #expect(bench.act() == [.begin(Ticket(9)), .begin(Ticket(10))])
    }

    @Test func silencesThatAreNotInARowCountAnew() {
        var bench = Bench()
        for ticket: UInt64 in 1...20 {
            bench.enqueue(ticket...ticket)
            #expect(bench.act() == [.begin(Ticket(ticket))])
            bench.end(ticket, ticket.isMultiple(of: 3) ? .answered : .silent)
        }
        bench.enqueue(21...23)
        _ = bench.act()
        for ticket: UInt64 in 21...23 { bench.end(ticket, .withdrawn) }
        bench.enqueue(24...24)
        #expect(bench.act() == [.begin(Ticket(24))])
    }

    @Test func forgetsWhatIsWithdrawnWhileItIsAvoided() {
        var bench = Bench(perTracker: 3)
        bench.enqueue(1...5)
        _ = bench.act()
        for ticket: UInt64 in 1...3 { bench.end(ticket, .silent) }
        bench.end(4, .withdrawn)
        #expect(bench.act() == [.avoid(Ticket(5))])
        #expect(bench.gate.waitingCount == 0)
    }

    /// Whatever comes in what order: limits hold, nobody begins twice, and all begin in the end.
    @Test(arguments: 0..<20)
    func keepsItsLimits(seed: Int) {
        var dice = SeededGenerator(seed: UInt64(seed))
        let leaving = AnnounceGate.Bounds(
            concurrentMax: 4, concurrentPerTrackerMax: 3, startsPerSecond: 500)
        var bench = Bench(total: 5, perTracker: 2, rate: 50, leaving: leaving)
        var leavers: Set<UInt64> = []
        var tracker: [UInt64: String] = [:]
        var running: Set<UInt64> = []
        var begun: Set<UInt64> = []
        var withdrawn: Set<UInt64> = []
        var last: UInt64 = 0
        for step in 0..<2000 {
            bench.now = bench.now + .milliseconds(Int64.random(in: 0...50, using: &dice))
            switch Int.random(in: 0..<4, using: &dice) {
            case 0 where step < 1000:
                last += 1
                let name = "t\(Int.random(in: 0..<4, using: &dice))"
                let priority = AnnounceGate.Priority.allCases.randomElement(using: &dice)
                tracker[last] = name
                if priority == .leaving { leavers.insert(last) }
                bench.enqueue(last...last, to: name, priority ?? .event)
            case 1:
                guard let ticket = running.sorted().randomElement(using: &dice) else { continue }
                running.remove(ticket)
                bench.end(ticket)
            case 2 where step % 10 == 0:
                let waiting = Set(tracker.keys).subtracting(begun).subtracting(withdrawn)
                guard let ticket = waiting.sorted().randomElement(using: &dice) else { continue }
                withdrawn.insert(ticket)
                bench.end(ticket)
            default:
                for ticket in bench.admit() {
                    #expect(begun.insert(ticket).inserted, "seed \(seed)")
                    #expect(!withdrawn.contains(ticket), "seed \(seed)")
                    running.insert(ticket)
                }
            }
            for (tickets, total, perTracker) in [
                (running.subtracting(leavers), 5, 2), (running.intersection(leavers), 4, 3),
            ] {
                #expect(tickets.count <= total, "seed \(seed)")
                let counts = Dictionary(grouping: tickets) { tracker[$0] ?? "" }
                #expect(counts.values.allSatisfy { $0.count <= perTracker }, "seed \(seed)")
            }
        }
        while bench.gate.waitingCount > 0 {
            for ticket in running { bench.end(ticket) }
            running = []
            bench.now = bench.now + .seconds(1)
            let admitted = bench.admit()
            #expect(!admitted.isEmpty, "seed \(seed)")
            guard !admitted.isEmpty else { return }
            begun.formUnion(admitted)
            running = Set(admitted)
        }
        #expect(begun.union(withdrawn).count == Int(last), "seed \(seed)")
    }
}
