import Units

/// Every bound of this room, with its unit and its reason.
public enum Limits {
    // MARK: Rates

    /// Bytes. Four blocks: even the slowest limit lets a block pass whole.
    static let burstBytesMin: Int64 = 64 * 1024
    /// Bytes. More at once would be no limit; it also keeps bytes times nanoseconds in 64 bits.
    static let burstBytesMax: Int64 = 1 << 30

    // MARK: Choking

    /// Upload slots. Each one costs the disk a stream of reads of its own.
    public static let uploadSlotsMax = 500
    /// Upload slots that are opened without being asked for.
    static let automaticSlotsMax = 200
    /// Upload slots below which the automatic never goes, if the limit allows it: BEP 3's four.
    static let automaticSlotsMin = 4
    /// Between two decisions (BEP 3): long enough for TCP to reach its rate.
    static let rechokeInterval = Interval.seconds(10)
    /// Between two decisions when a slot has become free before its time.
    static let rechokeIntervalMin = Interval.seconds(1)
    /// How long an optimistic unchoke lasts (BEP 3).
    static let optimisticInterval = Interval.seconds(30)
    /// How long a connection counts as new, and is three times as likely to be tried (BEP 3).
    static let newPeerAge = Interval.seconds(90)
    /// A seed's slot is kept at least so long, or TCP never gets up to speed.
    static let turnMin = Interval.seconds(20)
    /// A seed's slot goes on to the next peer after so long at most.
    static let turnMax = Interval.seconds(40)
    /// Bytes that end a seed's turn after `turnMin`.
    static let turnBytes: Int64 = 64 * 1024 * 1024

    // MARK: Known endpoints

    /// Endpoints of a torrent, about 64 bytes each.
    public static let endpointsMax = 3_000
    /// Endpoints with the same public address; other ports of one host are a port scan.
    static let endpointsPerAddressMax = 8
    /// Endpoints with the same local address: everybody behind this host's own NAT.
    static let endpointsPerLocalAddressMax = 256
    /// Endpoints of one /24 (IPv6: /48) heard of from strangers only.
    static let strangersPerSubnetMax = 64
    /// Connections being opened at once for a torrent.
    public static let halfOpenMax = 50
    /// Of those, in one public /24 (IPv6: /48), and to one port named by strangers only.
    static let halfOpenPerSubnetMax = 4
    static let halfOpenPerStrangePortMax = 16
    /// Addresses of our own, as learnt from connections to ourselves.
    static let ownEndpointsMax = 64
    /// Banned addresses of a torrent.
    public static let bansMax = 1_000
    /// Connections of one public subnet once a torrent is half full.
    static let connectionsPerSubnetSoftMax = 8

    // MARK: Accepted connections

    /// Accepted connections a second, unless told otherwise, and at most.
    public static let acceptsPerSecond = 50
    static let acceptsPerSecondMax = 10_000
    /// Accepted connections of one public subnet at once, and then one in this time.
    static let acceptsPerSubnetBurst: Int64 = 10
    static let acceptsSubnetInterval = Interval.seconds(3)
    /// Public subnets whose accepted connections are counted.
    static let acceptSubnetsMax = 512

    // MARK: Dialling again

    /// After the first failure, and after many: twice as long each time.
    static let retryMin = Interval.seconds(30)
    static let retryMax = Interval.minutes(60)
    /// The same for peers in the house …
    static let localRetryMin = Interval.seconds(5)
    static let localRetryMax = Interval.minutes(5)
    /// … and for peers that the user named.
    static let explicitRetryMin = Interval.seconds(1)
    static let explicitRetryMax = Interval.seconds(60)
    /// After a dial, however alive the peer has shown itself since.
    static let retryAfterSignOfLife = Interval.seconds(10)
    /// After a dial that our own network or our own choice ended.
    static let retryAfterOwnFault = Interval.seconds(5)
    /// A connection that lasted so long wipes out earlier failures.
    static let usefulConnectionMin = Interval.seconds(60)
    static let waitAfterProtocolError = Interval.minutes(10)
    /// After a connection that neither side needed, or that made room.
    static let waitWithoutNeed = Interval.minutes(5)

    // MARK: Bans

    /// Failed pieces whose blocks are remembered until they pass.
    static let failedPiecesMax = 64
    /// Blocks remembered over all failed pieces, 32 bytes each.
    static let failedBlocksMax = 65_536
    /// Times that a piece may fail with its blocks remembered; later ones add nothing new.
    static let failuresPerPieceMax = 4
    /// Peers that took part in failed pieces.
    static let suspectsMax = 1_000
    /// Failed pieces after which a peer gets whole pieces to itself.
    static let failedPiecesBeforeParole = 2
}
