import Synchronization

/// Where the count of changes stood at moments of the last minute, so that who asks for what was
/// active in that minute gets what has changed since.
final class RecentMarks: Sendable {
    struct Mark: Equatable {
        /// Seconds since 1970.
        var time: Int64
        var revision: UInt64
    }

    private let marks: Mutex<[Mark]>

    init(_ first: Mark) { marks = Mutex([first]) }

    /// One for each second at most; of those that are old enough the newest is kept.
    func note(time: Int64, revision: UInt64) {
        marks.withLock { marks in
            guard let last = marks.last, last.time < time else { return }
            marks.append(Mark(time: time, revision: revision))
            let old = marks.lastIndex { $0.time <= time - Limits.recentSeconds }
            if let old { marks.removeFirst(old) }
        }
    }

    /// The count of a minute ago, or of somewhat before: too much is better told than too little.
    func revision(aMinuteBefore time: Int64) -> UInt64 {
        marks.withLock { marks in
            let old = marks.last { $0.time <= time - Limits.recentSeconds }
            return old?.revision ?? marks.first?.revision ?? 0
        }
    }
}
