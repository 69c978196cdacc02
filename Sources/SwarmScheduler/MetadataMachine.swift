public import Hashing
public import Metainfo
import PeerWire
public import Units

/// The decisions of a torrent of which nothing is known but its hash: whom to dial, whom to ask
/// for what part of the info dictionary (BEP 9), whom to blame, and then, for v2, where the piece
/// layers come from (BEP 52). It takes the inputs of `TorrentMachine` and gives its actions, and
/// leaves its connections to it.
public struct MetadataMachine: SwarmMember, Sendable {
    public typealias Configuration = TorrentMachine.Configuration
    public typealias DeadlineReason = TorrentMachine.DeadlineReason

    public let infoHash: InfoHash
    let configuration: Configuration
    var peers = PeerTable()
    var peerList: PeerList
    var peerExchange: PeerExchange
    var generator: SeededGenerator
    public internal(set) var counters = TorrentCounters()

    /// The info dictionary once it is verified, with the piece layers so far.
    public internal(set) var metainfo: Metainfo?
    /// `metadataComplete` has been said.
    public internal(set) var isComplete = false
    public internal(set) var hasFailed = false

    public init(infoHash: InfoHash, configuration: Configuration, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        self.infoHash = infoHash
        self.configuration = configuration
        var known = PeerList.Configuration()
        known.connectionsMax = configuration.connectionsMax
        known.halfOpenMax = configuration.halfOpenMax
        self.peerList = PeerList(configuration: known, seed: generator.next())
        self.peerExchange = PeerExchange(isOn: configuration.usesPEX)
        self.generator = generator
    }

    // MARK: What can be seen

    public var peerCount: Int { peers.count }
    public var knownPeerCount: Int { peerList.knownCount }
    var isFinished: Bool { false }
    var pieceCount: Int { 0 }

    /// How far it has come.
    public var progress: MetadataProgress { MetadataProgress() }

    // MARK: Inputs

    /// Takes one input and appends what is to be done. Inputs about content are ignored.
    public mutating func handle(
        _ input: TorrentInput, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        if hasFailed {
            if case .connected(_, let id) = input {
                actions.append(.refuse(connectionID: id, .shutdown))
            }
            return
        }
        switch input {
        case .connected(let connection, let id):
            connected(connection, id: id, now: now, into: &actions)
        case .disconnected(let key, let reason):
            forget(key, reason, now: now, into: &actions)
        case .dialFailed(let endpoint, let reason):
            dialFailed(endpoint, reason, now: now, into: &actions)
        case .peersFound(let endpoints, let origins, let source):
            peersFound(endpoints, origins, from: source, now: now, into: &actions)
        case .seenAs(let address):
            peerList.setOwnAddress(address.with(port: configuration.listenPort))
        case .tick: dial(now: now, into: &actions)
        default: break
        }
    }

    /// When `tick` is due next; nil while nothing can happen by itself.
    public func nextDeadline() -> (Instant, DeadlineReason)? {
        guard !hasFailed else { return nil }
        return peerList.nextDeadline().map { ($0, .dial) }
    }

    /// Gives away what it has. Nothing is to be done with the machine afterwards.
    public mutating func handOver() -> MetadataHandover {
        defer {
            hasFailed = true
            peers = PeerTable()
        }
        return MetadataHandover(
            peers: peers, peerList: peerList, peerExchange: peerExchange, counters: counters,
            isAnnounced: isComplete)
    }

    // MARK: Connections

    private mutating func connected(
        _ connection: PeerConnection, id: UInt64, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard let key = admit(connection, id: id, now: now, into: &actions) else { return }
        if connection.supportsFast { actions.append(.send(key, .haveNone)) }
    }

    mutating func forget(
        _ key: PeerKey, _ reason: CloseReason, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard peers.remove(key) != nil else { return }
        peerList.disconnected(key, reason.departure, now: now, using: &generator)
        dial(now: now, into: &actions)
    }
}

/// How much of a torrent's metadata is there.
public struct MetadataProgress: Hashable, Sendable {
    /// Bytes of the info dictionary as most peers say; nil while nobody has.
    public var byteCount: Int?
    /// Bytes of it that came so far, not yet verified.
    public var bytesReceived = 0
    /// Connected peers that have the metadata.
    public var sourceCount = 0
    /// Hashes of pieces that are there and that are needed (BEP 52); 0 before the info dictionary
    /// is verified, and for v1.
    public var layerHashesDone = 0
    public var layerHashesTotal = 0

    public init() {}
}
