import Hashing
import Testing
import Tracker
import Units

/// What every tracker is told over a long time of mishaps, held against the rules.
private struct Ledger {
    struct Key: Hashable {
        let url: TrackerURL
        let infoHash: SHA1Digest
    }

    struct Account {
        var isStarted = false
        var isCompleted = false
        var isGone = false
        var lastAnnounce: Instant?
    }

    var accounts: [Key: Account] = [:]
    var open: [TrackerSchedule.AttemptID: TrackerSchedule.Announce] = [:]
    var tierOf: [TrackerURL: Int] = [:]
    let seed: Int

    mutating func note(_ actions: [TrackerSchedule.Action], at now: Instant) {
        for action in actions {
            switch action {
            case .announce(let announce): noteAnnounce(announce, at: now)
            case .cancel(let attempt):
                guard let announce = open.removeValue(forKey: attempt) else { continue }
                if announce.event == .started { accounts[key(announce)]?.isStarted = true }
            default: break
            }
        }
    }

    func key(_ announce: TrackerSchedule.Announce) -> Key {
        Key(url: announce.url, infoHash: announce.infoHash)
    }

    private mutating func noteAnnounce(_ announce: TrackerSchedule.Announce, at now: Instant) {
        let tier = tierOf[announce.url]
        var account = accounts[key(announce), default: Account()]
        #expect(!account.isGone, "seed \(seed): asked after never")
        switch announce.event {
        case .started: #expect(!account.isStarted, "seed \(seed): started twice")
        case .completed:
            #expect(account.isStarted && !account.isCompleted, "seed \(seed): completed twice")
        case .none: #expect(account.isStarted, "seed \(seed): not started")
        case .stopped:
            #expect(account.isStarted, "seed \(seed): stopped one that was not told")
            account.isStarted = false
            account.isCompleted = false
        }
        if announce.event == .none, let last = account.lastAnnounce {
            #expect(now - last >= .seconds(30), "seed \(seed): hammered")
        }
        account.lastAnnounce = now
        if announce.event != .stopped {
            let rivals = open.values.filter {
                $0.event != .stopped && $0.infoHash == announce.infoHash && tierOf[$0.url] == tier
            }
            #expect(rivals.isEmpty, "seed \(seed): two announces in a tier")
        }
        accounts[key(announce)] = account
        #expect(open.updateValue(announce, forKey: announce.attempt) == nil, "seed \(seed)")
    }

    mutating func leaveWithoutAWord() {
        accounts = accounts.mapValues { Account(isGone: $0.isGone) }
        open = [:]
    }

    mutating func answered(_ announce: TrackerSchedule.Announce) {
        open[announce.attempt] = nil
        guard announce.event != .stopped else { return }
        accounts[key(announce)]?.isStarted = true
        if announce.event == .completed { accounts[key(announce)]?.isCompleted = true }
    }

    mutating func failed(_ announce: TrackerSchedule.Announce, isNever: Bool) {
        open[announce.attempt] = nil
        if isNever, announce.event != .stopped { accounts[key(announce)]?.isGone = true }
    }
}

@Suite struct TrackerSchedulePropertyTests {
    @Test(arguments: 0..<60)
    func keepsItsRulesWhateverHappens(seed: Int) {
        var dice = SeededGenerator(seed: UInt64(seed))
        let hashes =
            seed.isMultiple(of: 2)
            ? [ScheduleBench.v1] : [ScheduleBench.v1, ScheduleBench.v2]
        let tiers = ["a b c", "d", "e f"]
        var bench = ScheduleBench(tiers, hashes: hashes, seed: UInt64(seed))
        var ledger = Ledger(seed: seed)
        for (tier, urls) in ScheduleBench.urls(tiers).enumerated() {
            for url in urls { ledger.tierOf[url] = tier }
        }
        for _ in 0..<400 {
            let input = randomInput(&bench, &ledger, &dice)
            ledger.note(bench.handle(input), at: bench.now)
            if let (at, _) = bench.schedule.nextDeadline() {
                #expect(at > bench.now, "seed \(seed): a deadline that has passed")
            }
        }
        ledger.note(bench.handle(.stop), at: bench.now)
        ledger.note(bench.handle(.abandon), at: bench.now)
        #expect(!bench.schedule.isRunning)
        #expect(bench.schedule.nextDeadline() == nil)
        for (key, account) in ledger.accounts where !account.isGone {
            #expect(!account.isStarted, "seed \(seed): \(key.url) was not told that we left")
        }
    }

    private func randomInput(
        _ bench: inout ScheduleBench, _ ledger: inout Ledger, _ dice: inout SeededGenerator
    ) -> TrackerSchedule.Input {
        let waiting = ledger.open.values.sorted { $0.attempt < $1.attempt }
        switch Int.random(in: 0..<40, using: &dice) {
        case 0: return .start(isComplete: Bool.random(using: &dice), spread: .seconds(30))
        case 1: return .stop
        case 2: return .completed
        case 3: return .needPeers
        case 4: return .reannounce
        case 5:
            if bench.schedule.isRunning { ledger.leaveWithoutAWord() }
            return .abandon
        case 6..<16:
            guard let announce = waiting.randomElement(using: &dice) else { return .tick }
            ledger.answered(announce)
            let wait = Int64.random(in: -10...4000, using: &dice)
            return .announced(announce.attempt, AnnounceResponse(interval: .seconds(wait)))
        case 16..<24:
            guard let announce = waiting.randomElement(using: &dice) else { return .tick }
            let isNever = Int.random(in: 0..<30, using: &dice) == 0
            ledger.failed(announce, isNever: isNever)
            return .failed(
                announce.attempt, isNever ? .refused(reason: "", retry: .never) : .timedOut)
        case 24..<32:
            if let (at, _) = bench.schedule.nextDeadline() { bench.now = max(bench.now, at) }
            return .tick
        default:
            bench.now = bench.now + .seconds(Int64.random(in: 0...600, using: &dice))
            return .tick
        }
    }
}
