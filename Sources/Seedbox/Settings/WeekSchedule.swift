/// Times of the week, to the minute, in the local time of the machine.
public struct WeekSchedule: Hashable, Sendable {
    /// From one minute of some days until another; over midnight if that is not later. It then
    /// belongs to the day on which it begins.
    public struct Span: Hashable, Sendable {
        public var days: Set<Weekday>
        /// Minutes since midnight, below 1440.
        public var from: Int
        public var until: Int

        public init(days: Set<Weekday>, from: Int, until: Int) {
            self.days = days
            self.from = from
            self.until = until
        }
    }

    public enum Weekday: Int, CaseIterable, Sendable {
        case monday, tuesday, wednesday, thursday, friday, saturday, sunday

        /// The first three letters of its name.
        public var abbreviation: String { Self.abbreviations[rawValue] }

        init?(_ text: some StringProtocol) {
            guard let index = Self.abbreviations.firstIndex(of: text.lowercased()) else {
                return nil
            }
            self.init(rawValue: index)
        }

        private static let abbreviations = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    }

    public var spans: [Span]

    public init(_ spans: [Span] = []) { self.spans = spans }

    public static let minutesOfDay = 24 * 60
    public static let minutesOfWeek = 7 * minutesOfDay

    /// Whether the minute, counted from Monday 00:00, is in any of the spans.
    public func contains(minuteOfWeek: Int) -> Bool {
        spans.contains { span in
            span.days.contains { day in
                let start = day.rawValue * Self.minutesOfDay + span.from
                let length =
                    span.until > span.from
                    ? span.until - span.from : span.until + Self.minutesOfDay - span.from
                // A span of Sunday night ends on Monday.
                let since = (minuteOfWeek - start + 2 * Self.minutesOfWeek) % Self.minutesOfWeek
                return since < length
            }
        }
    }
}

extension WeekSchedule.Span {
    /// `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00`, or `daily 01:00-07:00`.
    public init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 2, let days = Self.days(words[0]) else { return nil }
        let ends = words[1].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let from = Self.minute(ends[0]), let until = Self.minute(ends[1]),
            from < WeekSchedule.minutesOfDay
        else { return nil }
        self.init(days: days, from: from, until: until % WeekSchedule.minutesOfDay)
    }

    public var text: String {
        // Until midnight, which is the end of a day there and not its beginning.
        let end = until == 0 ? WeekSchedule.minutesOfDay : until
        return "\(daysText) \(Self.text(ofMinute: from))-\(Self.text(ofMinute: end))"
    }

    private var daysText: String {
        if days.count == WeekSchedule.Weekday.allCases.count { return "daily" }
        let sorted = days.map(\.rawValue).sorted()
        let isRun = sorted.count > 2 && sorted.last == (sorted.first ?? 0) + sorted.count - 1
        let shown = isRun ? [sorted.first, sorted.last].compactMap(\.self) : sorted
        return shown.compactMap { WeekSchedule.Weekday(rawValue: $0)?.abbreviation }
            .joined(separator: isRun ? "-" : ",")
    }

    private static func days(_ text: Substring) -> Set<WeekSchedule.Weekday>? {
        if text.lowercased() == "daily" { return Set(WeekSchedule.Weekday.allCases) }
        var days: Set<WeekSchedule.Weekday> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count <= 2, let first = ends.first.flatMap({ WeekSchedule.Weekday($0) }),
                let last = ends.last.flatMap({ WeekSchedule.Weekday($0) })
            else { return nil }
            // Saturday to Monday goes over the end of the week.
            let count = (last.rawValue - first.rawValue + 7) % 7 + 1
            for offset in 0..<count {
                guard let day = WeekSchedule.Weekday(rawValue: (first.rawValue + offset) % 7)
                else { return nil }
                days.insert(day)
            }
        }
        return days
    }

    /// `24:00` is a midnight too.
    private static func minute(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ (1...2).contains($0.utf8.count) }),
            parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60
        else { return nil }
        let total = hour * 60 + minute
        return total <= WeekSchedule.minutesOfDay ? total : nil
    }

    private static func text(ofMinute minute: Int) -> String {
        let digits = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
        return digits(minute / 60) + ":" + digits(minute % 60)
    }
}
