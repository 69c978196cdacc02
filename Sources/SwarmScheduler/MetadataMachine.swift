public import Hashing
public import Metainfo
import PeerWire
public import Units

/// The decisions of a torrent of which nothing is known but its hash: whom to dial, whom to ask
/// for what part of the info dictionary (BEP 9), whom to blame, and then, for v2, where the hashes
/// of the pieces come from (BEP 52). It takes the inputs of `TorrentMachine` and gives its actions,
/// and leaves its connections to it.
///
/// First it says `metadataVerified`, then `metadataComplete`. A hybrid torrent is complete without
/// its piece layers if peers do not give them in time, since each piece can be checked by v1; then
/// `Metainfo.filesWithoutPieceLayer` names what is missing, and no `.torrent` can be written before
/// `TorrentMachine` has got them and says `layersComplete`.
public struct MetadataMachine: SwarmMember, Sendable {
    public typealias Configuration = TorrentMachine.Configuration
    public typealias DeadlineReason = TorrentMachine.DeadlineReason

    public let infoHash: InfoHash
    var configuration: Configuration
    var peers = PeerTable()
    var peerList: PeerList
    var peerExchange: PeerExchange
    var generator: SeededGenerator
    public internal(set) var counters = TorrentCounters()

    /// The info dictionary once it is verified, with the piece layers once they are complete.
    public internal(set) var metainfo: Metainfo?
    /// `metadataComplete` has been said.
    public internal(set) var isComplete = false
    public internal(set) var hasFailed = false

    /// What is known of each connected peer as one that may have the metadata.
    var sources: [PeerKey: MetadataSource] = [:]
    var picker = MetadataPicker()
    var layers: LayerPicker?
    /// When a hybrid torrent goes on without piece layers.
    var layersDueAt: Instant?
    var server = MetadataServer()
    var uploadLimiter: RateLimiter
    /// Wrong copies that each address had a part in.
    var suspicions: [Endpoint: Int] = [:]
    var lastTick = Instant.distantPast

    public init(infoHash: InfoHash, configuration: Configuration, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        self.infoHash = infoHash
        self.configuration = configuration
        var known = PeerList.Configuration()
        known.connectionsMax = configuration.connectionsMax
        known.halfOpenMax = configuration.halfOpenMax
        self.peerList = PeerList(configuration: known, seed: generator.next())
        self.peerExchange = PeerExchange(isOn: configuration.usesPEX)
        self.uploadLimiter = RateLimiter(rate: configuration.uploadLimit)
        self.generator = generator
    }

    // MARK: What can be seen

    public var peerCount: Int { peers.count }
    public var knownPeerCount: Int { peerList.knownCount }
    /// Whom to dial first in the next run, the best first.
    public func peersWorthKeeping(_ count: Int) -> [Endpoint] { peerList.worthKeeping(count) }
    var isFinished: Bool { false }
    var pieceCount: Int { 0 }
    var isPrivate: Bool { metainfo?.isPrivate ?? false }

    /// How far it has come.
    public var progress: MetadataProgress {
        var progress = MetadataProgress()
        progress.byteCount = metainfo?.infoBytes.count ?? picker.likelySize
        progress.bytesReceived = metainfo?.infoBytes.count ?? picker.bestByteCount
        progress.sourceCount = sources.values.count { $0.size != nil }
        progress.layerHashesDone = layers?.hashesDone ?? 0
        progress.layerHashesTotal = layers?.hashesTotal ?? 0
        return progress
    }

    // MARK: Inputs

    /// Takes one input and appends what is to be done. Inputs about content are ignored.
    public mutating func handle(
        _ input: TorrentInput, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard !hasFailed else {
            if case .connected(_, let id) = input {
                actions.append(.refuse(connectionID: id, .shutdown))
            }
            return
        }
        switch input {
        case .connected(let connection, let id):
            connected(connection, id: id, now: now, into: &actions)
        case .message(let key, let message):
            receive(message, from: key, now: now, into: &actions)
        case .turnEnded(let key):
            ask(key, now: now, into: &actions)
        case .disconnected(let key, let reason):
            forget(key, reason, now: now, into: &actions)
        case .dialFailed(let endpoint, let reason):
            dialFailed(endpoint, reason, now: now, into: &actions)
        case .peersFound(let endpoints, let origins, let source):
            peersFound(endpoints, origins, from: source, now: now, into: &actions)
        case .metadataGiven(let metainfo):
            given(metainfo, now: now, into: &actions)
        case .seenAs(let address):
            peerList.setOwnAddress(address.with(port: configuration.listenPort))
        case .setLimits(_, let upload):
            uploadLimiter.setRate(upload, now: now)
        case .setConnectionsMax(let count):
            setConnectionsMax(count, now: now, into: &actions)
        case .setListenPort(let port): configuration.listenPort = port
        case .tick:
            tick(now: now, into: &actions)
        default: break
        }
    }

    /// Gives away what it has. Nothing is to be done with the machine afterwards.
    public mutating func handOver() -> MetadataHandover {
        defer {
            hasFailed = true
            peers = PeerTable()
            sources = [:]
            picker.removeAll()
            layers = nil
        }
        return MetadataHandover(
            peers: peers, peerList: peerList, peerExchange: peerExchange, server: server,
            counters: counters)
    }

    // MARK: Time

    /// When `tick` is due next; nil while nothing can happen by itself.
    public func nextDeadline() -> (Instant, DeadlineReason)? {
        guard !hasFailed else { return nil }
        var next = peerList.nextDeadline().map { ($0, DeadlineReason.dial) }
        func consider(_ time: Instant?, _ reason: DeadlineReason) {
            guard let time, next.map({ time < $0.0 }) ?? true else { return }
            next = (time, reason)
        }
        if !peers.active.isEmpty {
            let isBusy = server.isOwing || sources.values.contains { $0.isOwing }
            let interval = isBusy ? Limits.metadataTickInterval : Limits.tickInterval
            consider(lastTick + interval, .metadata)
        }
        consider(layersDueAt, .metadata)
        return next
    }

    private mutating func tick(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        lastTick = now
        releaseSilent(now: now)
        if let bytes = metainfo?.infoBytes, !isPrivate {
            server.serve(of: bytes, limiter: &uploadLimiter, now: now, into: &actions)
        }
        askAll(now: now, into: &actions)
        if let due = layersDueAt, now >= due { complete(into: &actions) }
        dropPeersOfNoUse(now: now, into: &actions)
        tellOfPeers(now: now, into: &actions)
        dial(now: now, into: &actions)
    }
}

/// How much of a torrent's metadata is there.
public struct MetadataProgress: Hashable, Sendable {
    /// Bytes of the info dictionary as most peers say; nil while nobody has.
    public var byteCount: Int?
    /// Bytes of it that came so far, in the copy that has most; not verified before all are there.
    public var bytesReceived = 0
    /// Connected peers that say that they have the metadata.
    public var sourceCount = 0
    /// Hashes of pieces that are there and that are needed (BEP 52); 0 before the info dictionary
    /// is verified, and for v1.
    public var layerHashesDone = 0
    public var layerHashesTotal = 0

    public init() {}
}

/// A connected peer as one that may have the metadata.
struct MetadataSource: Sendable {
    struct Request: Sendable {
        let pick: MetadataPicker.Pick
        /// It was asked of others since.
        var isOverdue = false
    }

    /// The size of the info dictionary, as it says.
    var size: Int?
    /// It takes messages about metadata.
    var speaksMetadata = false
    /// It speaks BEP 52.
    var speaksV2: Bool
    /// It is not asked for metadata before, because it rejected or was silent.
    var pausedUntil: Instant
    /// The same for hashes.
    var hashesPausedUntil = Instant.distantPast
    /// What it was asked for, in order.
    var requests: [Request] = []
    /// It was asked for the first piece, to see whether it has metadata that it did not tell of.
    var probe = Probe.none

    enum Probe: Sendable { case none, owed, overdue }
    var hashRequestCount = 0
    /// When it last gave something, or was first asked.
    var lastAnswer: Instant
    var strikes = 0

    var isOwing: Bool {
        hashRequestCount > 0 || requests.contains { !$0.isOverdue } || probe == .owed
    }
    var owedCount: Int { requests.count { !$0.isOverdue } }
}
