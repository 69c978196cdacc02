import Units

/// Which of the session's limits hold now.
struct RateRule {
    let limits: Settings.Rates

    struct Rates: Equatable {
        var download: ByteRate?
        var upload: ByteRate?
        /// They are the alternative ones.
        var isAlternative: Bool
        /// By whom they are those, or are not.
        var decision: AlternativeDecision
    }

    /// - Parameters:
    ///   - minuteOfWeek: from Monday 00:00, in the time of the place.
    ///   - byHand: what was turned on or off against the schedule, if that holds still.
    func rates(minuteOfWeek: Int, byHand: AlternativeByHand? = nil) -> Rates {
        let isScheduled = limits.schedule.contains(minuteOfWeek: minuteOfWeek)
        let hasSchedule = !limits.schedule.spans.isEmpty
        let isAlternative =
            hasSchedule ? byHand?.isOn ?? isScheduled : limits.alternativeIsOn
        return Rates(
            download: isAlternative ? limits.alternativeDown : limits.down,
            upload: isAlternative ? limits.alternativeUp : limits.up, isAlternative: isAlternative,
            decision: hasSchedule && byHand == nil ? .schedule : .hand)
    }
}

/// Who says whether the alternative limits hold.
public enum AlternativeDecision: String, CaseIterable, Sendable {
    case hand, schedule
}

/// The alternative limits were turned on or off while there is a schedule: that holds until the
/// schedule next begins or ends.
struct AlternativeByHand: Equatable {
    let isOn: Bool
    /// What the schedule said then.
    let isScheduled: Bool
    /// What the settings say, which shows again afterwards.
    var isKept = false

    func holds(_ schedule: WeekSchedule, minuteOfWeek: Int) -> Bool {
        schedule.contains(minuteOfWeek: minuteOfWeek) == isScheduled
    }
}

/// A moment of the week.
enum WeekClock {
    /// - Parameters:
    ///   - seconds: since 1970, which began on a Thursday.
    ///   - offset: what the time of the place is ahead of Greenwich's, in seconds.
    static func minuteOfWeek(seconds: Int64, offset: Int64) -> Int {
        let minutesFromMonday =
            (seconds.addingReportingOverflow(offset).partialValue / 60) + 3 * 24 * 60
        let week = Int64(WeekSchedule.minutesOfWeek)
        let minute = minutesFromMonday % week
        return Int(minute < 0 ? minute + week : minute)
    }
}
