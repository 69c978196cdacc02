import Units

/// Which of the session's limits hold now.
struct RateRule {
    let limits: Settings.Rates

    struct Rates: Equatable {
        var download: ByteRate?
        var upload: ByteRate?
        /// They are the alternative ones.
        var isAlternative: Bool
    }

    /// - Parameter minuteOfWeek: from Monday 00:00, in the time of the place.
    func rates(minuteOfWeek: Int) -> Rates {
        let isAlternative =
            limits.alternativeIsOn || limits.schedule.contains(minuteOfWeek: minuteOfWeek)
        return isAlternative
            ? Rates(
                download: limits.alternativeDown, upload: limits.alternativeUp,
                isAlternative: true)
            : Rates(download: limits.down, upload: limits.up, isAlternative: false)
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
