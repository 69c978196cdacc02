import Units

/// What trackers and resolvers may cost us.
enum Limits {
    /// The wait for a connection to an HTTP tracker.
    static let connectTimeMax = Interval.seconds(10)
    /// The wait for the next byte of an HTTP tracker's answer.
    static let readTimeMax = Interval.seconds(30)
    /// The time of a whole announce or scrape, once its turn has come.
    static let requestTimeMax = Interval.seconds(60)
    /// The wait for a tracker's answer over one address family after it has answered over the
    /// other.
    static let otherFamilyTimeMax = Interval.seconds(5)
    /// How long a tracker is not asked over a family over which it was silent while it answered
    /// over the other.
    static let silentFamilyLife = Interval.seconds(1800)
    /// Trackers of which such a family is remembered.
    static let silentFamiliesMax = 4096
    /// The time to find the addresses of peers that a tracker gave by name.
    static let namedPeersTimeMax = Interval.seconds(5)
    /// The time in which all trackers of a torrent must have heard that we leave.
    static let stopTimeMax = Interval.seconds(5)
    /// How long an HTTP connection is kept open for the next announce.
    static let idleTimeMax = Interval.seconds(60)
    /// Redirects that one request may follow.
    static let redirectsMax = 5
    /// Bytes of a refusal's body that are looked at, for the tracker's reason.
    static let refusalByteCountMax = 16 * 1024

    /// What is said to be left while the size is not known, in bytes: a block, so as not to pass
    /// for a seed.
    static let leftUnknown: Int64 = 16 * 1024

    /// Threads that wait for the system's resolver; each look-up holds one until it ends.
    static let resolverThreadCount = 4
    /// The wait for the addresses of a name.
    static let resolveTimeMax = Interval.seconds(10)
    /// How long addresses are believed. The system tells no life of theirs; trackers move rarely,
    /// but a rebinding of a name must not be slept through for hours.
    static let addressLife = Interval.seconds(300)
    /// How long it is believed that a name has no address.
    static let noAddressLife = Interval.seconds(15)
    /// Names whose addresses are remembered.
    static let resolvedNamesMax = 4096
    /// Names that wait for the resolver at once.
    static let resolvingNamesMax = 1024
    /// Addresses taken of one name.
    static let addressesPerNameMax = 16
    /// The wait for a UDP tracker's answer from one address: for two datagrams of ours.
    static let udpAnswerTimeMax = Interval.seconds(30)
    /// Addresses of a UDP tracker that one request tries, one after the other.
    static let udpAddressesMax = 2

    /// Datagrams read or sent by one system call: beyond this the call itself costs nothing.
    static let datagramsPerCall = 64
    /// Datagrams whose answers are sent together while few come: 2 send too often, and with 16
    /// who asked waits for all of them.
    static let answersAtOnce = 4
    /// Bytes of a datagram that are read: those of trackers, DHT and uTP stay under 1,500.
    static let datagramByteCountMax = 2048
    /// Descriptors whose news the loop of datagrams takes at once: the sockets that there are.
    static let descriptorsPerTurn = 64
    /// The longest wait of that loop, in milliseconds: what comes later is waited for again.
    static let waitMillisecondsMax: Int64 = 60_000
    /// Reads of a UDP socket before others on its loop get their turn.
    static let datagramReadsPerTurn = 16
    /// Bytes that wait to be sent over a UDP socket; what comes beyond is lost, as on the way.
    static let datagramBytesWaitingMax = 1 << 20
    /// Bytes of datagrams that the system may hold for us, as far as it lets us have them: a
    /// burst must outlast a pause of the loop.
    static let datagramReceiveBuffer: Int32 = 4 << 20
    /// Who may share one UDP socket: trackers, DHT and uTP.
    static let datagramReceiversMax = 8
    /// The wait before a UDP socket that broke is opened again.
    static let rebindWait = Interval.seconds(1)

    /// Interfaces, times two for both address families, on which torrents are announced.
    static let localLinksMax = 64

    // MARK: The DHT

    /// What our node calls itself and its version, `SW` 0 1 (BEP 5, `v`).
    static let dhtVersion: UInt32 = 0x5357_0001
    /// Bytes of the file that the table is kept in: twice what the most nodes take.
    static let dhtStateByteCountMax = 64 * 1024
    /// Nodes that are kept in the file: enough to be sure of some that are still there.
    static let dhtSavedNodesMax = 800
    /// How often the table is saved.
    static let dhtSaveInterval = Interval.seconds(600)
    /// How soon the table is saved for the first time, once the network is joined.
    static let dhtFirstSaveWait = Interval.seconds(15)
    /// Nodes that are enough not to need a bootstrap node: a bucket of them.
    static let dhtNodesWanted = 8
    /// How long nodes of an earlier run have to answer before bootstrap nodes are asked.
    static let dhtWarmWait = Interval.seconds(4)
    /// The wait until bootstrap nodes are looked up and asked again, doubled each time. Short at
    /// first: nodes that are started together may ask one another before they listen.
    static let dhtBootstrapWait = Interval.seconds(2)
    static let dhtBootstrapWaitMax = Interval.seconds(600)
    /// Places that one torrent or the user may name.
    static let dhtPlacesMax = 64
    /// Timers are not set sooner than this, so that no mistake of ours becomes a tight loop.
    static let dhtTickMin = Interval.milliseconds(1)
    /// Torrents that are looked for at the same time.
    static let dhtSearchesMax = 16
    /// How often a torrent is announced: nodes forget announces after half an hour or so.
    static let dhtAnnounceInterval = Interval.seconds(15 * 60)
    /// The wait after a first search that found little, doubled each time.
    static let dhtRetryWait = Interval.seconds(3)
    /// The time between two searches for the same torrent where new nodes turn up.
    static let dhtGrowthSpacing = Interval.seconds(1)
    /// The time between two searches for the same torrent.
    static let dhtSearchSpacing = Interval.seconds(15)
    /// Nodes that should have taken an announce; fewer are too easily lost.
    static let dhtStoredWanted = 4
    /// Peers that one search may tell of.
    static let dhtPeersPerSearchMax = 2_000
}
