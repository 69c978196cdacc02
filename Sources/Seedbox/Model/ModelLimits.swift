extension Limits {
    /// Removed torrents that a delta can still tell of: two full boxes, so that who asks once a
    /// minute misses nothing even if all of one was removed.
    static let removedKeptMax = 20_000

    /// Changes that are looked at when one is added, to see which are idle: some microseconds.
    static let changesSweptAtOnce = 256
    /// Seconds for which a torrent that has changed, or has gone, counts as recently active.
    static let recentSeconds: Int64 = 60
    /// Those who are told when something changes: pages, programs and our own parts.
    static let listenersMax = 1_024
    /// How often they are told at most: people do not see more, and each of them then asks.
    static let pulseInterval = Duration.milliseconds(250)
    /// How often it is looked who may be active, at most. That is a look at all torrents, and a
    /// program may add hundreds in a second.
    static let queueInterval = Duration.milliseconds(100)
    /// Bytes of the path of a folder: the system's own limit.
    static let folderBytesMax = 4_095
    /// Labels of one torrent, and bytes of a label, a category or a group.
    static let labelsMax = 64
    static let labelBytesMax = 128
    /// Bytes of a .torrent: as large as the command line takes.
    static let manifestBytesMax = 10_000_000
    /// Bytes of a link or of a hash: a link with a hundred trackers has a tenth of it.
    static let linkBytesMax = 64 << 10
    /// Trackers of one torrent that a user may set.
    static let trackersMax = 1_000
    static let trackerURLBytesMax = 2_048
    /// Torrents of one seedbox: beyond it lists take seconds, and memory a gigabyte.
    static let torrentsMax = 100_000
    /// Torrents that are opened at once at the start, so that neither the disk nor the event loops
    /// have more to do than they can.
    static let opensAtOnceMax = 32
    /// How often the counters are written of those at which something happened: what a crash
    /// forgets of them at most.
    static let noteSeconds = 20
    /// How often those of seeds are at which nothing happened: how long they have been that.
    static let noteAllSeconds = 3_600
    /// Torrents at which nothing happens are asked how they are once in so many seconds.
    static let idlePollSeconds = 30
    /// Seeds at which nothing happens are looked at once in so many seconds, whether they have
    /// reached a limit of time.
    static let limitLookSeconds = 10
    /// Complete torrents to which nobody is connected for so many seconds fall asleep: as long as
    /// dialled peers may take to answer, and peers that come again and again to do so.
    static let sleepAfterSeconds: Int64 = 90
    /// Seconds after which a seedbox that ends waits no more.
    static let shutdownSeconds = 8
    /// Addresses of peers that a user names for a torrent at once.
    static let peersNamedMax = 1_000
    /// Connections of one torrent that a user may set.
    static let peersMaxMax = 10_000
    /// Characters of what a peer calls itself, and of what a tracker has to say.
    static let clientNameMax = 64
    static let troubleMax = 512
    /// Seconds that one tick counts at most: a machine that slept has not seeded meanwhile.
    static let tickSecondsMax: Int64 = 10
    /// What happened to torrents and waits for the seedbox: as much as thousands of them do in the
    /// time that a slow disk takes.
    static let happeningsMax = 65_536
    /// Events that wait for a slow listener; older ones are forgotten.
    static let eventsMax = 4_096
}
