import Units

/// The bounds of a session.
enum Limits {
    /// Events that wait for a slow listener; older ones are forgotten.
    static let eventsMax = 1_024
    /// Bytes that one read for one peer collects: large enough to make system calls cheap, small
    /// enough that peers take turns.
    static let uploadBatchBytesMax = 256 * 1024
    /// Upload buffers kept for the next batches of a torrent.
    static let uploadBuffersKept = 16
    /// Seconds that leaving may take in all.
    static let shutdownSeconds = 5.0
    /// Accepted connections that wait for a torrent to be opened: it takes that many at once when
    /// it is.
    static let waitingPeersMax = 64
    /// How often it is looked whether a disk that was not there is there again.
    static let storageProbeInterval = Interval.seconds(10)
    /// How often it is looked how much is free of the disks that are written to.
    static let freeSpaceInterval = Interval.seconds(2)
    /// Bytes that may come before that is looked at again where next to nothing is left: so much,
    /// and what comes while somebody looks, is written beyond it.
    static let roomStepMin: Int64 = 2 << 20
    /// Bytes that have to be there for a torrent to go on that misses more than that: it would stop
    /// again at once.
    static let roomToGoOn: Int64 = 16 << 20
    /// How often totals and peers are written to the session store: a crash loses so much of them.
    static let totalsInterval = Interval.seconds(30)
    /// Connections that have not named a torrent yet. They do so at once, or are closed when the
    /// time for a handshake is over.
    static let strangersMax = 500
    /// Those of them from one public address: as many as a household behind a translator opens.
    static let strangersPerAddressMax = 16
    /// How often the limits of a session are divided anew: often enough that a torrent that begins
    /// does not wait, and seldom enough to cost nothing.
    static let shareInterval = Interval.milliseconds(250)
    /// All torrents that use nothing keep one part in so many of a limit, to begin with.
    static let idleShareDivisor: Int64 = 8
    /// Torrents that come later by priority keep one part in so many of a limit.
    static let laterShareDivisor: Int64 = 8
    /// Ports that are tried until one is free over both TCP and UDP.
    static let portAttemptsMax = 8
    /// How often it is looked which dormant seeds are due.
    static let sleeperTick = Interval.seconds(1)
    /// Between the first announces of two dormant seeds, so that ten thousand of them take four
    /// minutes: less than trackers take to forget, and half of what is let through to one.
    static let sleeperBeginningSpacing = Interval.milliseconds(25)
    /// How often a seed is woken to dial peers of whom it is not known whether they fetch.
    static let sleeperTrialInterval = Interval.seconds(3_600)
    /// Answers that name peers of a dormant seed, and peers of each, that are kept to be dialled.
    static let sleeperSourcesMax = 8
    static let sleeperPeersMax = 100
    /// Dormant seeds of one tracker that leave at once, each of which takes some kilobytes
    /// meanwhile: more than a tracker is told at once.
    static let sleepersLeavingMax = 1_536
    /// URLs of trackers that are kept once for all torrents.
    static let trackerURLsKept = 4_096
}
