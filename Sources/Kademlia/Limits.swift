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

    // MARK: Items (BEP 44)

    /// Bytes of a stored value, bencoded (BEP 44, "put message").
    static let itemByteCountMax = 1000
    /// Bytes of a salt (BEP 44, "Mutable Items").
    static let saltByteCountMax = 64

    // MARK: Samples (BEP 51)

    /// The longest time for which a sample may stand (BEP 51, "Sampling RPC").
    static let sampleIntervalMax = Interval.seconds(21_600)
}
