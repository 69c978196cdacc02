/// For how long a torrent has had nothing to do, in seconds since 1970.
struct Quiet: Equatable {
    private var since: Int64?

    /// Takes in how it is now.
    ///
    /// - Returns: whether it may sleep: a peer that comes again and again keeps it awake, and what
    ///   it has dialled has had time to answer.
    mutating func isLong(_ isQuiet: Bool, now: Int64) -> Bool {
        guard isQuiet else {
            since = nil
            return false
        }
        // A clock that is set back begins anew.
        guard let since, since <= now else {
            self.since = now
            return false
        }
        return now - since >= Limits.sleepAfterSeconds
    }
}
