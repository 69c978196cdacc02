public import Hashing
public import Metainfo
public import NIOCore
public import PeerWire
public import Units

/// What happens to a torrent.
public enum TorrentInput: Sendable {
    /// A connection's handshakes are done. Whether it is kept is said by the actions.
    case connected(PeerConnection, connectionID: UInt64)
    case message(PeerKey, PeerMessage)
    /// The bytes that were read at once are all handled: time to ask for more.
    case turnEnded(PeerKey)
    case disconnected(PeerKey, CloseReason)
    case dialFailed(Endpoint, CloseReason = .closedByPeer)
    /// Somebody named peers: `from` is who, where that is another host.
    case peersFound([Endpoint], PeerOrigins, from: Endpoint? = nil)

    /// The torrent's own metadata, from elsewhere than from peers, who need not be asked any more.
    case metadataGiven(Metainfo)
    /// The address that others see us at.
    case seenAs(Endpoint)

    /// What the disk says of a piece that was to be finished.
    case pieceChecked(PieceIndex, PieceCheck)
    /// The SHA-1 of each block of a piece that was to be told block from block.
    case blockDigests(PieceIndex, [SHA1Digest])
    /// So many bytes of blocks have left for the peer.
    case served(PeerKey, bytes: Int)
    /// A block could not be read back.
    case serveFailed(PeerKey, BlockRequest)
    /// The disk cannot take more for now, or can again.
    case diskCongested(Bool)
    /// Nothing can be written for now, as when the disk is full.
    case diskFaulted
    /// Whether writing works again, in answer to `probeDisk`.
    case diskProbed(works: Bool)
    /// Pieces that were had are not: their bytes are gone or changed.
    case piecesLost([PieceIndex])

    /// The content is let go of, to be checked anew or moved, or because its disk has gone.
    /// Connections stay; nothing is asked for or served until `resume`.
    case suspend
    /// The content is there again, with these pieces.
    case resume(have: Bitfield, wanted: Bitfield)
    case select(Bitfield)
    /// Which pieces go before the others, and which after them.
    case prioritize(high: Bitfield, low: Bitfield)
    case setOrder(sequential: Bool)
    case setLimits(download: ByteRate?, upload: ByteRate?)
    /// Connections at most; of those above it the least useful go.
    case setConnectionsMax(Int)
    /// How many peers are served at once; nil: as many as go fast.
    case setUploadSlots(Int?)
    /// Whether peers are told of each other from now on (BEP 11).
    case setPeerExchange(Bool)
    /// Peers are told of this port from now on.
    case setListenPort(UInt16)
    /// Time has passed.
    case tick
}

/// What the disk says of a piece.
public enum PieceCheck: Sendable {
    /// Its hash is right and its bytes are written.
    case verified
    /// Its hash is wrong. `leaves` are the SHA-256 of its blocks, for v2 and hybrid torrents.
    case mismatch(leaves: [SHA256Digest]?)
    /// The v1 and the v2 hash of a hybrid torrent disagree on the same bytes (BEP 52).
    case inconsistent
    /// It could not be written or read back. That is no peer's fault.
    case failed
}

/// What a torrent wants done.
public enum TorrentAction: Sendable {
    /// The connection belongs to the torrent from now on, under this key.
    case admit(connectionID: UInt64, PeerKey)
    /// The connection is not wanted.
    case refuse(connectionID: UInt64, CloseReason)
    case send(PeerKey, PeerMessage)
    case disconnect(PeerKey, CloseReason)
    case dial(Endpoint)

    /// Take these bytes of a piece towards the disk.
    case write(PieceIndex, begin: UInt32, ByteBuffer)
    /// All blocks of the piece were written: check it, and answer with `pieceChecked`.
    case finish(PieceIndex)
    /// Forget what was written of the piece.
    case discard(PieceIndex)
    /// Find out whether the disk can be written again, and answer with `diskProbed`.
    case probeDisk
    /// Read the piece back and answer with `blockDigests`.
    case digestBlocks(PieceIndex)
    /// Read a block and send it, and answer with `served` or `serveFailed`.
    case serve(PeerKey, BlockRequest)
    /// Answer a request for hashes (BEP 52).
    case serveHashes(PeerKey, HashRequest)

    /// The piece is ours: record it.
    case completed(PieceIndex)
    /// Every wanted piece is ours.
    case finished
    /// The peer at this address is not spoken to again for a while.
    case banned(Endpoint, BanReason)
    /// The info dictionary is known, and is the one that was asked for. What a private torrent was
    /// looked up with stops now (BEP 27).
    case metadataVerified(Metainfo)
    /// All that belongs to the metadata is there, the piece layers of v2 too if they can be had:
    /// open the storage, then go on with `TorrentMachine(metainfo:…inheriting:)`.
    case metadataComplete(Metainfo)
    /// The piece layers have come that a hybrid torrent was begun without: only now a `.torrent` of
    /// it can be written.
    case layersComplete(Metainfo)
    /// The torrent cannot go on.
    case failed(TorrentFailure)
}

/// Why a connection ends, or was not taken.
public enum CloseReason: Hashable, Sendable {
    /// The peer broke the protocol.
    case protocolError(PeerError)
    /// The connection was closed or lost by the other side or the network.
    case closedByPeer
    case timedOut
    case banned
    case tooManyConnections
    /// We are connected to this peer already.
    case duplicate
    /// It is ourselves.
    case ourselves
    /// Both ends have everything, or neither has what the other needs.
    case useless
    /// It made requests that no honest client makes.
    case misbehaved(Misbehaviour)
    case shutdown
}

extension CloseReason {
    /// What the list of peers concludes from it.
    var departure: DisconnectReason {
        switch self {
        case .protocolError(.connectedToSelf), .ourselves: .ourselves
        case .protocolError(.idle): .timedOut
        case .protocolError(.handshakeTimeout), .protocolError(.wrongInfoHash),
            .protocolError(.notBitTorrent):
            .handshakeFailed
        case .protocolError, .misbehaved, .banned: .protocolError
        case .closedByPeer: .closedByPeer
        case .timedOut: .timedOut
        case .tooManyConnections: .madeRoom
        case .duplicate: .duplicate
        case .useless: .redundant
        case .shutdown: .stopped
        }
    }
}

/// What no honest client does.
public enum Misbehaviour: Hashable, Sendable {
    case requestOutOfRange(BlockRequest)
    case unsolicitedBlocks
    case badHashes
    /// Many messages about metadata that make no sense, or that nobody asked for.
    case badMetadata
    /// Its messages about peers come too often, or make no sense.
    case badPeerExchange
}

/// Why a torrent stops for good.
public enum TorrentFailure: Hashable, Sendable {
    /// The hashes of a hybrid torrent contradict each other.
    case inconsistentHashes(PieceIndex)
    /// The disk fails again and again.
    case disk
    /// The info dictionary has the right hash, and no torrent can be made of it.
    case metadata(MetainfoError)
}

/// How often what happened, to answer "why is it not faster?".
public struct TorrentCounters: Hashable, Sendable {
    public var redundantBytes: Int64 = 0
    public var unsolicitedBlocks = 0
    public var hashFailures = 0
    public var blocksBlamed = 0
    public var bans = 0
    public var snubs = 0
    public var rejectsReceived = 0
    public var rejectsSent = 0
    public var dials = 0
    public var dialFailures = 0
    public var refusedConnections = 0
    /// Connections that others opened and that were taken.
    public var incomingConnections = 0
    /// Times that the disk could not take more for a while.
    public var diskStalls = 0
    /// Times that a peer could have been asked for more but for the rate limit.
    public var limitedRequests = 0
    /// Times that a block could have been served but for the rate limit.
    public var limitedServes = 0
    public var diskFailures = 0
    /// Messages about peers (BEP 11): told, taken, and ignored because they came too soon or made
    /// no sense; and the endpoints that were new among what was taken.
    public var pexMessagesSent = 0
    public var pexMessagesReceived = 0
    public var pexMessagesIgnored = 0
    public var pexPeersTaken = 0

    public init() {}

    /// Adds what has happened between two moments.
    public mutating func add(_ now: TorrentCounters, since before: TorrentCounters) {
        redundantBytes = redundantBytes.addingSaturating(
            max(0, now.redundantBytes - before.redundantBytes))
        for count in Self.counts {
            self[keyPath: count] = self[keyPath: count].addingSaturating(
                max(0, now[keyPath: count] - before[keyPath: count]))
        }
    }

    /// All that are counted one by one.
    static var counts: [WritableKeyPath<TorrentCounters, Int>] {
        [
            \.unsolicitedBlocks, \.hashFailures, \.blocksBlamed, \.bans, \.snubs,
            \.rejectsReceived, \.rejectsSent, \.dials, \.dialFailures, \.refusedConnections,
            \.incomingConnections, \.diskStalls, \.limitedRequests, \.limitedServes,
            \.diskFailures, \.pexMessagesSent, \.pexMessagesReceived, \.pexMessagesIgnored,
            \.pexPeersTaken,
        ]
    }
}
