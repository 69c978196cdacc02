import Testing

@testable import Seedbox

@Suite struct SeedingRuleTests {
    private func limits(
        ratio: SeedingLimits.Rule<Double> = .inherited,
        seedTime: SeedingLimits.Rule<Int64> = .inherited,
        idle: SeedingLimits.Rule<Int64> = .inherited, action: LimitAction? = nil
    ) -> SeedingLimits {
        var limits = SeedingLimits()
        (limits.ratio, limits.seedTime, limits.idle) = (ratio, seedTime, idle)
        limits.action = action
        return limits
    }

    private func facts(
        ratio: Double? = 0, seconds: Int64 = 0, idle: Int64 = 0
    ) -> SeedingRule.Facts {
        SeedingRule.Facts(ratio: ratio, secondsSeeding: seconds, secondsIdle: idle)
    }

    @Test func eachLimitEndsSeedingWhenItIsReachedAndNotBefore() {
        let rule = SeedingRule([limits(ratio: .atMost(2), seedTime: .atMost(60), idle: .atMost(30))]
        )
        #expect(rule.verdict(facts(ratio: 1.99, seconds: 59, idle: 29)) == nil)
        #expect(rule.reached(facts(ratio: 2)) == [.ratio])
        #expect(rule.reached(facts(seconds: 60)) == [.seedTime])
        #expect(rule.reached(facts(idle: 30)) == [.idle])
        #expect(rule.verdict(facts(idle: 30))?.action == .pause)
        #expect(rule.verdict(facts(ratio: 2, idle: 30))?.limit == .ratio)
        #expect(rule.verdict(facts(ratio: nil)) == nil)
    }

    @Test func theTorrentDecidesBeforeItsCategoryAndThatBeforeAll() {
        let own = limits(ratio: .unlimited)
        let category = limits(ratio: .atMost(1), seedTime: .atMost(10), action: .remove)
        let all = limits(seedTime: .atMost(5), idle: .atMost(7), action: .removeWithData)
        let rule = SeedingRule([own, category, all])
        #expect(rule.ratio == nil)
        #expect(rule.seedTime == 10)
        #expect(rule.idle == 7)
        #expect(rule.action == .remove)
        #expect(SeedingRule([own, all]).action == .removeWithData)
    }

    @Test func whoHasNoLimitsOfItsOwnHasThoseOfItsCategoryOrEverybodys() {
        let category = limits(ratio: .atMost(1))
        let everybody = limits(ratio: .atMost(9), idle: .atMost(7))
        let rules = SeedingRules(categories: ["films": category], everybody: everybody)
        let none = SeedingLimits()
        #expect(rules.rule(none, category: "films").ratio == 1)
        #expect(rules.rule(none, category: "films").idle == 7)
        #expect(rules.rule(none, category: "gone").ratio == 9)
        #expect(rules.rule(none, category: nil).ratio == 9)
        let own = rules.rule(limits(idle: .atMost(3)), category: "films")
        #expect(own.ratio == 1 && own.idle == 3)
        #expect(own.hasLimits)
        let without = SeedingRules(categories: ["films": none], everybody: none)
        #expect(!without.rule(none, category: "films").hasLimits)
    }

    @Test func withoutLimitsSeedingNeverEnds() {
        let rule = SeedingRule([SeedingLimits(), SeedingLimits()])
        #expect(rule.verdict(facts(ratio: 1_000, seconds: .max, idle: .max)) == nil)
    }

    @Test func limitsThatAreLiftedDoNotEndSeedingAgain() {
        var own = limits(idle: .atMost(5))
        let all = limits(ratio: .atMost(1))
        let now = facts(ratio: 3, seconds: 10, idle: 9)
        own.lift(SeedingRule([own, all]).reached(now))
        #expect(SeedingRule([own, all]).verdict(now) == nil)
    }
}
