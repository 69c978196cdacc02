/// When to do what many things ask for, and what need not be done for each of them: at once, and
/// then not again before a while has passed.
struct Pace {
    enum Decision: Equatable {
        case now
        /// After this time; `due` is to be called then.
        case after(Duration)
        /// It is about to be done already.
        case nothing
    }

    let gap: Duration
    private var last: ContinuousClock.Instant?
    private var isWaiting = false

    init(every gap: Duration) { self.gap = gap }

    /// It is asked for.
    mutating func ask(now: ContinuousClock.Instant) -> Decision {
        guard !isWaiting else { return .nothing }
        guard let last, now - last < gap else {
            self.last = now
            return .now
        }
        isWaiting = true
        return .after(gap - (now - last))
    }

    /// The time that `ask` named is over.
    mutating func due(now: ContinuousClock.Instant) {
        isWaiting = false
        last = now
    }
}
