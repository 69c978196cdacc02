import Units

extension Limits {
    // MARK: Picking

    /// Peers that are counted for one piece; more make it no less rare.
    static let availabilityMax = 60_000
    /// Pieces that may be begun at once: bounds the book-keeping, not the memory for bytes, which
    /// the disk's own budget bounds.
    static let partialPiecesMax = 2_048
    /// Pieces had before rarest first begins: the first ones are picked at random.
    static let randomFirstPieces = 4
    /// Entries of the rarest-first order that are looked at before the peer's own pieces are.
    static let pickScanMax = 4_096
    /// Peers that may owe us the same block in endgame.
    static let endgameRequestsMax = 3

    // MARK: Requests to a peer

    /// Blocks that one peer may owe us: 16 MiB, a round trip of 20 ms at 800 MB/s.
    static let requestsInFlightMax = 1_000
    /// What a peer is taken to queue that does not say (libtorrent's and Transmission's own
    /// limits are at least that).
    static let requestQueueAssumed = 250
    static let pipelineDepthStart = 8
    static let pipelineDepthMin = 2
    /// The time that requests may wait in the peer's queue, so that it never runs dry.
    static let pipelineQueueTime = Interval.milliseconds(300)
    /// How long the shortest round trip seen is believed before it may grow by a quarter.
    static let roundTripWindow = Interval.seconds(20)
    /// The same where hardly anything is asked for.
    static let roundTripWindowIdle = Interval.seconds(5)
    /// A peer that owes blocks and sends none for this long is snubbed: what it owes is asked of
    /// others (60 s at most; half of it keeps a fake seed from holding a piece for long).
    static let snubAfter = Interval.seconds(30)

    // MARK: Requests from a peer

    /// Requests of one peer that wait to be served; more are rejected.
    static let uploadQueueMax = 2_000
    /// The longest block that we serve, in bytes: 128 KiB, as most clients do.
    static let requestLengthMax: UInt32 = 128 * 1024
    /// Bytes on their way from disk to one peer: at least and at most.
    static let uploadInFlightMin = 256 * 1024
    static let uploadInFlightMax = 4 * 1024 * 1024
    /// How much of a peer's upload rate, in time, may be on its way from disk.
    static let uploadInFlightTime = Interval.milliseconds(500)

    // MARK: Peer exchange (BEP 11)

    /// From a peer's extension handshake to the first message for it, and between two looks for
    /// news: others of whom it may be told are just connecting.
    static let peerExchangeFirstWait = Interval.seconds(5)
    /// Between two messages to a peer: BEP 11's minute, and what the network may make of it.
    static let peerExchangeInterval = Interval.seconds(65)
    /// Between two messages of a peer …
    static let peerExchangePeriod = Interval.seconds(60)
    /// … of which each may come so much too soon, for it may have waited on its way.
    static let peerExchangeTolerance = Interval.seconds(30)
    /// Messages that came too soon or made no sense, less those that were in order.
    static let peerExchangeStrikesMax = 10
    /// How long others are told of a peer that we let go.
    static let peerExchangeRecentLife = Interval.minutes(30)
    /// New endpoints of one peer: so many at once, then one in so much time. Nobody can fill the
    /// list with inventions.
    static let peerExchangeNewBurst: Int64 = 200
    static let peerExchangeNewInterval = Interval.seconds(6)

    // MARK: Peers

    /// Pieces that inherited peers are told of one by one; for more a bitfield is shorter.
    static let inheritedHavesMax = 1_024
    /// How long inherited peers have to say what they have before we take back our interest.
    static let inheritedInterestTime = Interval.seconds(2)

    /// Blocks that a peer may send without being asked before it is cut off.
    static let unsolicitedBlocksMax = 200
    /// How far apart two connections may be that came of dialling each other at once: the time
    /// that handshakes may take.
    static let simultaneousDialTime = Interval.seconds(10)
    /// Pieces that a peer may allow us while choking (BEP 6 gives 10).
    static let allowedFastMax = 16
    /// How long a peer that rejects though it does not choke is left alone.
    static let rejectPause = Interval.seconds(1)
    /// How long a peer may take to send the hashes of a bad piece's blocks.
    static let leafAnswerTime = Interval.seconds(10)
    /// Bad pieces whose blocks are asked about at once.
    static let leafQuestionsMax = 64
    /// Peers that both ends have no use for are let go after this.
    static let uselessPeerTime = Interval.seconds(60)
    /// The longest that the machine goes without looking around.
    static let tickInterval = Interval.seconds(1)
    /// A write error other than a full disk is tried again this often before the torrent stops.
    static let pieceErrorsMax = 3
    /// How long after a full disk writing is tried again.
    static let diskRetryInterval = Interval.seconds(30)

    // MARK: Metadata (BEP 9)

    /// Pieces of the info dictionary that one peer may owe us: half a megabyte. Transmission
    /// answers 64 at once.
    static let metadataRequestsMax = 32
    /// Bytes of an info dictionary that is fetched whole from each of a few peers.
    static let metadataSoloBytesMax = 64 * 1024
    /// How many such copies of one size are fetched at once, besides those that have stalled.
    static let metadataSoloCopiesMax = 3
    /// Copies in all, each of at most 16 MiB.
    static let metadataCopiesMax = 6
    /// Peers that may owe us the same piece of a copy that many share.
    static let metadataAskersMax = 3
    /// A copy without a new piece for so long has stalled, and a piece that is owed for so long is
    /// asked of a second peer.
    static let metadataSlowTime = Interval.milliseconds(500)
    /// How long a peer may be silent before it is not asked for a while.
    static let metadataAnswerTime = Interval.seconds(10)
    /// How long a peer is not asked that rejected, was silent or has no metadata yet: at random, so
    /// that not all are asked again at once.
    static let metadataBackOffMin = Interval.seconds(20)
    static let metadataBackOffMax = Interval.seconds(70)
    /// Wrong copies whose senders are remembered until the right one is there.
    static let metadataFailuresMax = 8
    /// Wrong copies that a peer may have had a part in before it is banned. One that was alone in
    /// it is banned for the first.
    static let metadataSuspicionsMax = 1
    /// Messages that make no sense, or that nobody asked for, before a peer is cut off.
    static let metadataStrikesMax = 20
    /// How often the machine looks around while anything is owed to it.
    static let metadataTickInterval = Interval.milliseconds(250)
    /// Bytes a second of the info dictionary for one peer, and at once.
    static let metadataServeRate = ByteRate(bytesPerSecond: 4 << 20)
    static let metadataServeBurst = 1 << 20
    /// Requests of one peer for pieces of the info dictionary that wait; more are rejected.
    static let metadataQueueMax = 64
    /// Requests of one peer that are rejected before it is cut off.
    static let metadataRejectsMax = 2_000

    // MARK: Hashes of pieces (BEP 52)

    /// Hashes that one request asks for (BEP 52, "hash request").
    static let hashesPerRequestMax = 512
    /// Requests for hashes that one peer may owe us.
    static let hashRequestsMax = 8
    /// Open requests that are looked at for one that a peer has not refused.
    static let hashPartsScanned = 64
    /// Peers that refused a request and are remembered.
    static let hashRefusalsMax = 16
    /// How long a peer may take to send hashes of pieces before others are asked.
    static let hashAnswerTime = Interval.seconds(5)
    /// How long a peer that rejects or is silent is not asked for hashes.
    static let hashBackOff = Interval.seconds(5)
    /// How long a hybrid torrent waits for hashes of v2 without getting any. It can do without.
    static let hybridHashTime = Interval.seconds(10)
    /// Requests of one peer for hashes of blocks that are answered at once, and then one in this
    /// time: an answer may take reading a whole piece.
    static let hashServeBurst: Int64 = 64
    static let hashServeInterval = Interval.milliseconds(30)
    /// What a request for hashes of pieces costs of that, which are in memory.
    static let layerServeInterval = Interval.milliseconds(2)
}
