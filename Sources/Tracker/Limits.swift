import Units

/// What one tracker, or the author of a metainfo file, may cost us.
enum Limits {
    /// Bytes of a tracker's URL. Real ones, passkey included, stay under 500.
    static let urlByteCountMax = 4096
    /// Bytes of a host name (RFC 1035, section 2.3.4).
    static let hostByteCountMax = 253
    /// Bytes of a host name's label (RFC 1035, section 2.3.4).
    static let hostLabelByteCountMax = 63

    /// Bytes of a reply, inflated: 1,000 peers as dictionaries take about 100 KB.
    static let replyByteCountMax = 1 << 20
    /// Containers within containers in a reply; real ones nest 3 deep.
    static let replyDepthMax = 16
    /// Tokens in a reply: 1,000 peers as dictionaries take about 9,000.
    static let replyTokenCountMax = 100_000
    /// Peers taken from one reply; trackers send 50 to 200.
    static let peersMax = 1000
    /// Peers given by name that are taken from one reply, as each costs a look-up.
    static let namedPeersMax = 20
    /// Bytes of a text that a tracker sends for people to read.
    static let textByteCountMax = 256
    /// Bytes of a tracker id that we carry back to its tracker.
    static let trackerIDByteCountMax = 256

    /// An announce sooner than this after another helps nobody.
    static let intervalMin = Interval.seconds(60)
    /// A tracker forgets peers that are silent for longer.
    static let intervalMax = Interval.seconds(86_400)
    /// What most trackers ask for, so what is taken when one asks for nothing.
    static let intervalDefault = Interval.seconds(1800)
    /// The wait before asking for more peers where the tracker names no `min interval`.
    static let minIntervalDefault = Interval.seconds(120)
    /// The most that `Retry-After` and `retry in` may put off the next announce.
    static let retryAfterMax = Interval.seconds(86_400)
    /// A regular announce is late by at most this part of its interval, so that torrents that
    /// began together drift apart.
    static let jitterDivisor: Int64 = 20
    /// The most that jitter adds.
    static let jitterMax = Interval.seconds(60)

    /// The wait after the first failure to reach a tracker; it doubles with each further one.
    static let unreachableRetryMin = Interval.seconds(30)
    /// The wait after a tracker's first refusal, or an answer that no tracker gives; it doubles.
    static let refusedRetryMin = Interval.seconds(300)
    /// The longest wait before a failing tracker is tried again.
    static let retryMax = Interval.seconds(3600)
    /// How often a wait is doubled at most; 30 s · 2⁷ is over an hour.
    static let retryDoublingsMax = 7

    /// Trackers of one torrent; the rest are not used.
    static let trackersMax = 200
    /// The wait between two scrapes of a tracker.
    static let scrapeIntervalMin = Interval.seconds(60)
    /// The wait after a scrape that failed.
    static let scrapeRetry = Interval.seconds(900)
    /// Torrents in one scrape over UDP (BEP 15).
    static let scrapeHashesMax = 74

    /// Requests under way at once over one UDP socket.
    static let udpRequestsMax = 4096
    /// UDP trackers of which something is remembered.
    static let udpTrackersMax = 1024
    /// How long a connection id may be used (BEP 15).
    static let connectionIDLife = Interval.seconds(60)
    /// The wait for the first answer to a datagram (BEP 15).
    static let retransmitMin = Interval.seconds(15)
    /// The same wait of who leaves: he has gone after 15 seconds.
    static let leavingRetransmitMin = Interval.seconds(1)
    /// The last `n` of 15·2ⁿ seconds (BEP 15).
    static let retransmitDoublingsMax = 8
    /// Bytes of path and query sent to a UDP tracker (BEP 41): the datagram stays under the
    /// 1,200 bytes that pass everywhere.
    static let urlDataByteCountMax = 1020

    /// Bytes of a local announce that is read; BEP 14 asks for no more than 1,400.
    static let localAnnounceBytesMax = 2048
    /// Info-hashes of a local announce that we send: 52 bytes each, and 130 beside them, stay
    /// under 1,400 (BEP 14).
    static let localAnnounceHashesMax = 24
    /// Info-hashes taken from a local announce: as many as fit into it.
    static let localAnnounceHashesTaken = 40
    /// Bytes of a local announce's cookie. A longer one is not ours.
    static let localCookieBytesMax = 32
    /// Bytes of a local announce's header name that is looked at.
    static let localHeaderNameBytesMax = 16
    /// Torrents that are announced locally.
    static let localTorrentsMax = 100_000
    /// Between two local announces of a torrent (BEP 14).
    static let localAnnounceInterval = Interval.minutes(5)
    /// Between two datagrams to a group (BEP 14).
    static let localDatagramInterval = Interval.seconds(60)
    /// The wait for other torrents that could share the datagram.
    static let localGatherTime = Interval.milliseconds(500)
    /// What a neighbour's datagram costs, so that ten a second may come for ever …
    static let localDatagramCost = Interval.milliseconds(100)
    /// … and a hundred at once: some clients send one for each torrent, three times.
    static let localDatagramBurst = Interval.seconds(10)
    /// Neighbours whose datagrams are counted.
    static let localNeighboursMax = 1024

    /// Requests under way in all and to one tracker, and starts a second, of those who stay: a
    /// program that starts with ten thousand torrents is to be no attack.
    static let stayingBounds = AnnounceGate.Bounds(
        concurrentMax: 256, concurrentPerTrackerMax: 8, startsPerSecond: 100)
    /// Ten thousand who leave one tracker have five seconds. 128 at once do that where an answer
    /// takes 50 ms. Each has a connection, and a second one where the tracker has both address
    /// families: 512 descriptors at most.
    static let leavingBounds = AnnounceGate.Bounds(
        concurrentMax: 256, concurrentPerTrackerMax: 128, startsPerSecond: leavesPerSecond,
        burstMax: leavesAtOnce)
    /// Requests over UDP cost no descriptor, so that more of them may be under way: answers may
    /// take 250 ms. Within what one socket has under way (`udpRequestsMax`).
    static let leavingByUDPBounds = AnnounceGate.Bounds(
        concurrentMax: 2048, concurrentPerTrackerMax: 1024, startsPerSecond: leavesPerSecond,
        burstMax: leavesAtOnce)
    /// So that ten thousand have left in half of their time.
    private static let leavesPerSecond = 4_000
    /// Datagrams of a burst have to fit into the receive buffer of a tracker that has what Linux
    /// gives by default, about 270; what is lost there is sent again only after a second.
    private static let leavesAtOnce = 128

    /// Announces that may wait to be sent, over all torrents.
    static let waitingAnnouncesMax = 500_000
    /// After so many requests in a row that a tracker did not answer, it is avoided for a while.
    static let silencesMax = 3
    /// How long a silent tracker is avoided before one request tries it again.
    static let avoidance = Interval.seconds(60)
    /// Trackers whose silence is remembered.
    static let silentTrackersMax = 4096
}
