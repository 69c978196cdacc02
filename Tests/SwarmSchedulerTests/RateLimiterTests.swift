import SwarmScheduler
import Testing
import Units

@Suite struct RateLimiterTests {
    private let begin = Instant.zero + .seconds(1_000)

    private func rate(_ bytesPerSecond: Int64) -> ByteRate {
        ByteRate(bytesPerSecond: bytesPerSecond)
    }

    /// What passes in `time` if 16 KiB blocks are asked for whenever the limiter says so.
    private func bytesPassed(_ limiter: inout RateLimiter, in time: Interval) -> Int64 {
        var passed: Int64 = 0
        var now = begin
        while now <= begin + time {
            if limiter.takeWhole(16_384, now: now) {
                passed += 16_384
            } else if let next = limiter.nextRefill(for: 16_384, now: now) {
                #expect(next > now)
                now = next
            } else {
                break
            }
        }
        return passed
    }

    @Test(arguments: [2_000, 10_000, 1_000_000, 100_000_000, 1_000_000_000] as [Int64])
    func letsTheRatePassAndOneBurst(bytesPerSecond: Int64) {
        var limiter = RateLimiter(rate: rate(bytesPerSecond))
        let seconds: Int64 = bytesPerSecond < 1_000_000 ? 100 : 1
        let passed = bytesPassed(&limiter, in: .seconds(seconds))
        let expected = bytesPerSecond * seconds + limiter.burst
        #expect(passed <= expected)
        #expect(passed > expected - 2 * 16_384)
    }

    @Test func grantsWhatIsThereAndEarnsTheRest() {
        var limiter = RateLimiter(rate: rate(1_000), burst: 500)
        #expect(limiter.take(upTo: 300, now: begin) == 300)
        #expect(limiter.take(upTo: 300, now: begin) == 200)
        #expect(limiter.take(upTo: 300, now: begin) == 0)
        #expect(limiter.take(upTo: 300, now: begin + .milliseconds(100)) == 100)
        #expect(limiter.take(upTo: 9_999, now: begin + .seconds(60)) == 500)
    }

    @Test func earnsFractionsOfBytesOverManySmallSteps() {
        var limiter = RateLimiter(rate: rate(1_500), burst: 100_000)
        _ = limiter.take(upTo: 100_000, now: begin)
        var granted = 0
        for step in 1...10_000 {
            granted += limiter.take(upTo: 100, now: begin + .microseconds(Int64(step) * 100))
        }
        #expect(granted == 1_500)
    }

    @Test func takesNothingThatIsGivenBack() {
        var limiter = RateLimiter(rate: rate(1_000), burst: 1_000)
        #expect(limiter.take(upTo: 800, now: begin) == 800)
        limiter.give(back: 700)
        #expect(limiter.take(upTo: 2_000, now: begin) == 900)
        limiter.give(back: .max)
        #expect(limiter.take(upTo: 2_000, now: begin) == 1_000)
    }

    @Test func takesBlocksWholeOrNotAtAll() {
        var limiter = RateLimiter(rate: rate(1_000), burst: 1_000)
        let takes = [
            limiter.takeWhole(600, now: begin), limiter.takeWhole(600, now: begin),
            limiter.takeWhole(400, now: begin), limiter.takeWhole(1, now: begin),
        ]
        #expect(takes == [true, false, true, false])
    }

    @Test func letsMoreThanABurstPassOnceAndCollectsTheDebt() {
        var limiter = RateLimiter(rate: rate(1_000), burst: 1_000)
        let first = limiter.takeWhole(1_800, now: begin)
        let early = limiter.take(upTo: 1, now: begin + .milliseconds(800))
        let late = limiter.take(upTo: 1, now: begin + .milliseconds(801))
        #expect(first)
        #expect(early == 0)
        #expect(late == 1)
    }

    @Test func debtIsOneBurstAtMost() {
        var limiter = RateLimiter(rate: rate(1_000), burst: 1_000)
        limiter.charge(.max, now: begin)
        limiter.charge(.max, now: begin)
        #expect(limiter.nextRefill(for: 1_000, now: begin) == begin + .seconds(2))
        #expect(limiter.take(upTo: 1_000, now: begin + .milliseconds(1_001)) == 1)
        limiter.give(back: 1)
        #expect(limiter.take(upTo: 1_000, now: begin + .seconds(2)) == 1_000)
    }

    @Test func saysExactlyWhenToAskAgain() {
        var limiter = RateLimiter(rate: rate(3), burst: 10)
        _ = limiter.take(upTo: 10, now: begin)
        let next = limiter.nextRefill(for: 1, now: begin)
        #expect(next == begin + Interval(nanoseconds: 333_333_334))
        #expect(limiter.take(upTo: 1, now: begin + Interval(nanoseconds: 333_333_333)) == 0)
        #expect(limiter.take(upTo: 1, now: begin + Interval(nanoseconds: 333_333_334)) == 1)
    }

    @Test func unlimitedGrantsAllAndNothingNeverPasses() {
        var open = RateLimiter.unlimited
        #expect(open.take(upTo: .max, now: begin) == .max)
        #expect(open.nextRefill(for: .max, now: begin) == begin)
        var shut = RateLimiter(rate: .zero)
        shut.give(back: 5)
        let whole = shut.takeWhole(1, now: begin + .seconds(9_999))
        #expect(!whole)
        #expect(shut.take(upTo: 1, now: begin + .seconds(99_999)) == 0)
        #expect(shut.nextRefill(for: 1, now: begin) == nil)
    }

    @Test func changesOfRateGiveNothingAway() {
        var limiter = RateLimiter(rate: rate(1_000), burst: 1_000)
        _ = limiter.take(upTo: 1_000, now: begin)
        for _ in 0..<100 {
            limiter.setRate(rate(1_000_000_000), now: begin)
            limiter.setRate(rate(1_000), burst: 1_000, now: begin)
        }
        #expect(limiter.take(upTo: 1_000, now: begin) == 0)
        limiter.setRate(rate(5_000), burst: 1_000, now: begin)
        #expect(limiter.take(upTo: 9_999, now: begin + .milliseconds(100)) == 500)
        limiter.setRate(.zero, now: begin + .milliseconds(200))
        #expect(limiter.take(upTo: 1, now: begin + .seconds(100)) == 0)
        limiter.setRate(nil, now: begin + .seconds(100))
        #expect(limiter.take(upTo: 123_456_789, now: begin + .seconds(100)) == 123_456_789)
    }

    @Test("W22 times and sizes at the ends of their range saturate")
    func w22EndsOfTheRangeSaturate() {
        for bytesPerSecond in [1, 2_000, Int64.max] {
            for burst in [nil, 1, Int.max] {
                var limiter = RateLimiter(rate: rate(bytesPerSecond), burst: burst)
                _ = limiter.take(upTo: .max, now: .distantPast)
                _ = limiter.take(upTo: .max, now: .distantFuture)
                limiter.charge(.max, now: .distantFuture)
                #expect(limiter.nextRefill(for: .max, now: .distantFuture) != nil)
                #expect(limiter.take(upTo: -5, now: .zero) == 0)
                limiter.setRate(rate(.max), burst: -1, now: .distantPast)
                #expect(limiter.burst == 1)
            }
        }
    }

    @Test func timeThatRunsBackwardsEarnsNothing() {
        var limiter = RateLimiter(rate: rate(1_000), burst: 1_000)
        _ = limiter.take(upTo: 1_000, now: begin)
        #expect(limiter.take(upTo: 1, now: begin - .seconds(50)) == 0)
        #expect(limiter.take(upTo: 1, now: begin) == 0)
    }

    // MARK: Chains

    @Test func aChainGrantsTheLesserAndReturnsTheRest() {
        var chain = RateLimiterChain(
            session: RateLimiter(rate: rate(100), burst: 300),
            torrent: RateLimiter(rate: rate(100), burst: 1_000))
        #expect(chain.take(upTo: 800, now: begin) == 300)
        #expect(chain.torrent.take(upTo: 9_999, now: begin) == 700)
        chain.give(back: 100)
        #expect(chain.take(upTo: 800, now: begin) == 100)
    }

    @Test func aChainTakesWholeBlocksFromBothOrNeither() {
        var chain = RateLimiterChain(
            session: RateLimiter(rate: rate(100), burst: 300),
            torrent: RateLimiter(rate: rate(100), burst: 500))
        let takes = [300, 100].map { chain.takeWhole($0, now: begin) }
        #expect(takes == [true, false])
        #expect(chain.torrent.take(upTo: 9_999, now: begin) == 200)
        #expect(chain.nextRefill(for: 100, now: begin) == begin + .seconds(1))
        #expect(chain.rate == rate(100))
        #expect(!chain.isUnlimited)
    }

    @Test func aChainWithAShutLimiterNeverRefills() {
        let chain = RateLimiterChain(session: RateLimiter(rate: .zero), torrent: .unlimited)
        #expect(chain.nextRefill(for: 1, now: begin) == nil)
        #expect(RateLimiterChain().isUnlimited)
        #expect(RateLimiterChain().rate == nil)
    }

    // MARK: Shares

    @Test func sharesLeaveNobodyMoreThanAskedForAndDivideTheRest() {
        let shares = rate(100).shares(for: [rate(10), nil, rate(500), rate(20)])
        #expect(shares.map(\.bytesPerSecond) == [10, 35, 35, 20])
        #expect(rate(100).shares(for: []) == [])
        #expect(rate(0).shares(for: [nil]) == [.zero])
        #expect(rate(100).shares(for: [rate(3), rate(4)]) == [rate(3), rate(4)])
    }

    @Test func sharesNeverAddUpToMoreThanTheWhole() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let whole = Int64.random(in: 0...1_000, using: &generator)
            let demands = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? nil : rate(.random(in: 0...500, using: &generator))
            }
            let sum = rate(whole).shares(for: demands).reduce(0) { $0 + $1.bytesPerSecond }
            #expect(sum <= whole)
            if demands.contains(nil) { #expect(sum == whole) }
        }
    }
}

@Suite struct RateMeterTests {
    private let begin = Instant.zero + .seconds(1_000)

    private func fed(_ meter: inout RateMeter, bytesPerTenth: Int, tenths: Range<Int64>) {
        for tenth in tenths { meter.add(bytesPerTenth, now: begin + .milliseconds(tenth * 100)) }
    }

    private func isNear(_ rate: ByteRate, _ bytesPerSecond: Int64, within percent: Int64) -> Bool {
        abs(rate.bytesPerSecond - bytesPerSecond) * 100 <= bytesPerSecond * percent
    }

    @Test func tellsASteadyRate() {
        var meter = RateMeter()
        fed(&meter, bytesPerTenth: 1_000, tenths: 0..<300)
        for window in [1, 4, 19] as [Int64] {
            let rate = meter.rate(now: begin + .milliseconds(29_950), over: .seconds(window))
            #expect(isNear(rate, 10_000, within: 6), "\(window) s: \(rate)")
        }
        #expect(meter.total == 300_000)
    }

    @Test func reactsWithinASecondAndSettlesWithinTheWindow() {
        var meter = RateMeter()
        fed(&meter, bytesPerTenth: 1_000, tenths: 0..<200)
        fed(&meter, bytesPerTenth: 9_000, tenths: 200..<210)
        let early = meter.rate(now: begin + .seconds(21))
        #expect(early.bytesPerSecond > 20_000)
        fed(&meter, bytesPerTenth: 9_000, tenths: 210..<250)
        #expect(isNear(meter.rate(now: begin + .milliseconds(24_950)), 90_000, within: 6))
    }

    @Test func fallsToNothingAfterSilence() {
        var meter = RateMeter()
        fed(&meter, bytesPerTenth: 1_000, tenths: 0..<50)
        #expect(meter.rate(now: begin + .seconds(10)) == .zero)
        #expect(meter.rate(now: begin + .seconds(10), over: RateMeter.windowMax) > .zero)
        #expect(meter.rate(now: begin + .seconds(30), over: RateMeter.windowMax) == .zero)
        meter.add(100, now: begin + .seconds(1_000))
        #expect(meter.rate(now: begin + .seconds(1_001), over: .seconds(10)).bytesPerSecond <= 10)
    }

    @Test func forgetsWhatTheRingHeldBeforeASilence() {
        var meter = RateMeter()
        fed(&meter, bytesPerTenth: 1_000, tenths: 0..<200)
        meter.add(1, now: begin + .seconds(30))
        #expect(meter.rate(now: begin + .seconds(30)) == .zero)
        meter.add(1, now: begin + .seconds(300))
        #expect(meter.rate(now: begin + .seconds(300), over: RateMeter.windowMax) == .zero)
    }

    @Test func doesNotExaggerateTheFirstBytes() {
        var meter = RateMeter()
        #expect(meter.rate(now: begin) == .zero)
        meter.add(16_384, now: begin)
        #expect(meter.rate(now: begin).bytesPerSecond == 16_384)
        #expect(meter.rate(now: begin + .seconds(2)).bytesPerSecond == 8_192)
    }

    @Test func liesStillWhenBlocksComeOneByOne() {
        var meter = RateMeter()
        for block in 0..<40 as Range<Int64> { meter.add(16_384, now: begin + .seconds(block)) }
        for tenth in 0..<10 as Range<Int64> {
            let now = begin + .seconds(39) + .milliseconds(tenth * 100)
            #expect(isNear(meter.rate(now: now), 16_384, within: 26))
            #expect(isNear(meter.rate(now: now, over: .seconds(19)), 16_384, within: 7))
        }
    }

    @Test("W22 times and sizes at the ends of their range saturate")
    func w22EndsOfTheRangeSaturate() {
        var meter = RateMeter()
        meter.add(.max, now: .distantFuture)
        meter.add(.max, now: .distantPast)
        meter.add(-1, now: .zero)
        #expect(meter.total == .max)
        #expect(meter.rate(now: .distantFuture, over: Interval(nanoseconds: .max)) > .zero)
        #expect(meter.rate(now: .distantPast, over: Interval(nanoseconds: .min)) > .zero)
        var other = RateMeter()
        other.add(1, now: .distantPast)
        other.add(1, now: .distantFuture)
        #expect(other.rate(now: .distantFuture).bytesPerSecond <= 1)
    }
}
