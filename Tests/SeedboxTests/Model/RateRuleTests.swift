import Testing
import Units

@testable import Seedbox

@Suite struct RateRuleTests {
    private func rate(_ value: Int64) -> ByteRate { ByteRate(bytesPerSecond: value) }

    private var limits: Settings.Rates {
        var limits = Settings.Rates()
        (limits.down, limits.alternativeDown, limits.alternativeUp) = (rate(9), rate(2), rate(1))
        limits.schedule = WeekSchedule([WeekSchedule.Span("mon 08:00-10:00")].compactMap(\.self))
        return limits
    }

    @Test func theAlternativeLimitsHoldWhileTheScheduleSaysSo() {
        let rule = RateRule(limits: limits)
        #expect(rule.rates(minuteOfWeek: 8 * 60 - 1).download == rate(9))
        let inside = rule.rates(minuteOfWeek: 8 * 60)
        #expect((inside.download, inside.upload) == (rate(2), rate(1)))
        #expect(inside.isAlternative)
        #expect(!rule.rates(minuteOfWeek: 10 * 60).isAlternative)
    }

    @Test func theAlternativeLimitsHoldWhenTheyAreTurnedOn() {
        var limits = limits
        limits.alternativeIsOn = true
        // With a schedule it is that which says so.
        #expect(!RateRule(limits: limits).rates(minuteOfWeek: 5_000).isAlternative)
        limits.schedule = WeekSchedule()
        let rates = RateRule(limits: limits).rates(minuteOfWeek: 5_000)
        #expect(rates.upload == rate(1))
        #expect(rates.decision == .hand)
    }

    @Test func whatIsTurnedOffOrOnByHandHoldsUntilTheScheduleBeginsOrEnds() {
        let (rule, schedule) = (RateRule(limits: limits), limits.schedule)
        let off = AlternativeByHand(isOn: false, isScheduled: true)
        #expect(off.holds(schedule, minuteOfWeek: 8 * 60))
        #expect(off.holds(schedule, minuteOfWeek: 10 * 60 - 1))
        #expect(!off.holds(schedule, minuteOfWeek: 10 * 60))
        let rates = rule.rates(minuteOfWeek: 9 * 60, byHand: off)
        #expect(!rates.isAlternative && rates.download == rate(9))
        #expect(rates.decision == .hand)
        #expect(rule.rates(minuteOfWeek: 9 * 60).decision == .schedule)
        let on = AlternativeByHand(isOn: true, isScheduled: false)
        #expect(on.holds(schedule, minuteOfWeek: 0) && !on.holds(schedule, minuteOfWeek: 8 * 60))
        #expect(rule.rates(minuteOfWeek: 0, byHand: on).isAlternative)
    }

    private struct Moment {
        var seconds: Int64
        var offset: Int64 = 0
        var minute: Int
    }

    @Test func theMinuteOfTheWeekBeginsOnMonday() {
        let day: Int64 = 86_400
        // 1970-01-05 was the first Monday, and 2026-11-21 is a Saturday.
        let moments: [Moment] = [
            Moment(seconds: 4 * day, minute: 0), Moment(seconds: 4 * day - 60, minute: 10_079),
            Moment(seconds: 0, minute: 4_320), Moment(seconds: -60, minute: 4_319),
            Moment(seconds: 1_795_219_200, offset: 3_600, minute: 7_260),
            Moment(seconds: 4 * day, offset: -3_600, minute: 10_020),
        ]
        for moment in moments {
            let minute = WeekClock.minuteOfWeek(seconds: moment.seconds, offset: moment.offset)
            #expect(minute == moment.minute, "\(moment.seconds)")
        }
    }
}
