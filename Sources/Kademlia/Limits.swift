import Units

/// What a stranger's packets may cost us, and what ours may cost a stranger.
enum Limits {
    // MARK: Packets

    /// Bytes of a packet that is read at all: what a path of Ethernet carries. Anything longer
    /// came in fragments, and no message needs that.
    static let datagramByteCountMax = 1500
    /// Bytes of a packet that we send: passes IPv4 paths unbroken, and holds a `get`'s answer with
    /// a value of 1,000 bytes.
    static let sentByteCountMax = 1400
    /// Bytes that we fill with peers' addresses (BEP 32, "Maximum packet size").
    static let sentPeersByteCountMax = 1024
    /// Bytes of a broken query that is still told what is wrong with it: a `put` that is a little
    /// too long for BEP 44 is.
    static let answeredFaultByteCountMax = 1400
    /// Lists and dictionaries within each other; messages nest 3 deep, stored values deeper.
    static let depthMax = 32
    /// Integers, strings, keys, lists and dictionaries of a packet: a value of 1,000 bytes may
    /// have 1,000 tokens, and with them its query has 40 more.
    static let tokenCountMax = 1100

    /// Bytes of a transaction id that is echoed. Those in use have 2, 4 or 8.
    static let transactionIDByteCountMax = 24
    /// Bytes of a write token that is echoed. Those in use have 4 to 20.
    static let tokenByteCountMax = 64
    /// Nodes that are taken from one list of one answer; BEP 5 has 8.
    static let nodesPerListMax = 16
    /// Peers that are taken from one answer; as many as its bytes can hold.
    static let peersPerMessageMax = 200
    /// Info-hashes that are taken from one answer (BEP 51); as many as its bytes can hold.
    static let samplesPerMessageMax = 70
    /// Bytes of the text of an error that is kept for people to read.
    static let errorTextByteCountMax = 100

    // MARK: Tokens

    /// A token is taken for this long, and at most for twice as long (BEP 5, "Overview").
    static let tokenPeriod = Interval.minutes(5)

    // MARK: Sources

    /// Sources of which is known how often they asked.
    static let sourcesMax = 16_384
    /// Sources that are not heard.
    static let blockedSourcesMax = 4096
    /// Addresses that have proven themselves.
    static let provenSourcesMax = 16_384
    /// Queries at once of one source: all that a client with many torrents may want of a small DHT.
    static let sourceQueryBurst: Int64 = 250
    /// Queries a second of one source, in the long run.
    static let sourceQueryRate = ByteRate(bytesPerSecond: 25)
    /// So many queries too many within `floodPeriod` are no mistake.
    static let floodQueryCount = 500
    static let floodPeriod = Interval.seconds(10)
    /// How long a source that floods is not heard.
    static let blockTime = Interval.minutes(5)
    /// Bytes to an unproven address for each that came from it.
    static let amplificationMax = 3
    /// Bytes beyond that, at once: with those that `unprovenAllowanceRate` adds, at most 2,048 over
    /// any 10 seconds. It is an answer with peers, or a few queries of ours.
    static let unprovenAllowanceByteCount: Int64 = 1024
    static let unprovenAllowanceRate = ByteRate(bytesPerSecond: 102)
    /// All answers, unless the owner says otherwise: 900 a second with nodes, where a node that is
    /// long in the public DHT has some dozens to give.
    static let replyRate = ByteRate(bytesPerSecond: 256 << 10)
    /// One source gets at most this part of the rate of all answers.
    static let sourceShareDivisor: Int64 = 16
    /// How long a proof holds: as long as a node of the table is good (BEP 5, "Routing Table").
    static let proofLife = Interval.minutes(15)

    // MARK: Stored peers (BEP 5, BEP 33)

    /// Info-hashes with peers.
    static let storedTorrentsMax = 10_000
    /// Peers of one info-hash; filters tell of up to 6,000 (BEP 33).
    static let storedPeersPerTorrentMax = 1000
    /// Peers of all info-hashes, 40 bytes each.
    static let storedPeersMax = 200_000
    /// Info-hashes that one address is a peer of.
    static let storedTorrentsPerSourceMax = 1000
    /// How long a peer stays that does not announce again; most do every 15 to 30 minutes.
    static let storedPeerLife = Interval.minutes(45)
    /// Peers that are looked for in answer to one query; more do not fit a packet.
    static let answeredPeersMax = 128
    /// How long filters are used again, as making them hashes every address.
    static let filterLife = Interval.seconds(60)
    /// Info-hashes of a sample; more do not fit a packet.
    static let sampleCount = 40
    /// How long a sample stands that is not of all info-hashes.
    static let sampleLife = Interval.minutes(10)

    // MARK: Items (BEP 44)

    /// Items that are stored, about 1,300 bytes each.
    static let storedItemsMax = 4000
    /// Items that one source may have stored.
    static let storedItemsPerSourceMax = 400
    /// How long an item stays that is not put again (BEP 44, "Expiration").
    static let storedItemLife = Interval.minutes(120)
    /// Signatures that are verified at once, and a second: 2 % of a core.
    static let verificationBurst: Int64 = 200
    static let verificationRate = ByteRate(bytesPerSecond: 200)
    /// Bytes of a stored value, bencoded (BEP 44, "put message").
    static let itemByteCountMax = 1000
    /// Bytes of a salt (BEP 44, "Mutable Items").
    static let saltByteCountMax = 64

    // MARK: Samples (BEP 51)

    /// The longest time for which a sample may stand (BEP 51, "Sampling RPC").
    static let sampleIntervalMax = Interval.seconds(21_600)
}
