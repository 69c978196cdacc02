/// How torrents go on after a restart.
enum RestartRule {
    /// The state that a torrent is loaded in: what its user has paused stays paused, and all
    /// others wait for the queue, which lets in as many as may be active.
    static func state(isPaused: Bool) -> TorrentState { isPaused ? .paused : .queued }

    /// The number that the catalogue of a run counts changes from: above all that an earlier run
    /// can have reached, unless it had a million changes a second. Below 2^53, so that programs
    /// that know no other numbers keep it exactly.
    static func firstRevision(startedAt seconds: Int64) -> UInt64 {
        UInt64(clamping: min(max(0, seconds), 1 << 32)) << 20
    }
}
