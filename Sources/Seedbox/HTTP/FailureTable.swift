/// Who has guessed wrong, how often, and how long it has to wait. Guessing gets slow, then
/// impossible; the table cannot grow, whoever guesses from wherever.
struct FailureTable: Sendable {
    private struct Entry {
        var count = 0
        var windowEnds: Int64
        var waitsUntil: Int64
    }

    private var entries: [String: Entry] = [:]

    var count: Int { entries.count }

    /// Seconds that it must wait before it may try again; nil if it may now.
    func wait(of address: String, now: Int64) -> Int64? {
        guard let entry = entries[address], now < entry.waitsUntil else { return nil }
        return entry.waitsUntil - now
    }

    /// Counts an attempt before it is known to be wrong: many at once are as many.
    mutating func attempt(by address: String, now: Int64) {
        var entry =
            entries[address].flatMap { now < $0.windowEnds ? $0 : nil }
            ?? Entry(windowEnds: now + Limits.failureWindowSeconds, waitsUntil: now)
        entry.count += 1
        if entry.count >= Limits.failuresMax {
            entry.waitsUntil = now + Limits.failureWindowSeconds
            entry.windowEnds = entry.waitsUntil
        } else if entry.count > Limits.freeFailures {
            let doublings = entry.count - Limits.freeFailures - 1
            entry.waitsUntil = now + Int64(1) << Int64(doublings)
        }
        if entries[address] == nil, entries.count >= Limits.failedAddressesMax { makeRoom() }
        entries[address] = entry
    }

    /// Takes the last attempt back: it was right. What was wrong before stays counted, or whoever
    /// has a token that can do little could guess the password for ever.
    mutating func wasRight(_ address: String, now: Int64) {
        guard var entry = entries[address] else { return }
        entry.count -= 1
        entry.waitsUntil = now
        entries[address] = entry.count > 0 ? entry : nil
    }

    private mutating func makeRoom() {
        guard let oldest = entries.min(by: { $0.value.windowEnds < $1.value.windowEnds }) else {
            return
        }
        entries[oldest.key] = nil
    }
}
