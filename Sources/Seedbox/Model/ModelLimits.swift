extension Limits {
    /// Removed torrents that a delta can still tell of: two full boxes, so that who asks once a
    /// minute misses nothing even if all of one was removed.
    static let removedKeptMax = 20_000
    /// Those who are told when something changes: pages, programs and our own parts.
    static let listenersMax = 1_024
    /// How often they are told at most: people do not see more, and each of them then asks.
    static let pulseMilliseconds = 250
}
