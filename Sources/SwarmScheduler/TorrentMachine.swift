public import Metainfo
public import PeerWire
public import Units

/// The whole of a torrent's decisions: whom to dial and keep, what to ask of whom, whom to serve,
/// whom to blame. Inputs come from connections, disk, trackers and the clock; actions go back.
///
/// It holds no bytes of content: blocks pass through it into `write` actions.
public struct TorrentMachine: SwarmMember, Sendable {
    /// What the machine is made with. Inputs change some of it later.
    public struct Configuration: Sendable {
        public var ourID: PeerID
        /// Where we accept connections; told to peers.
        public var listenPort: UInt16 = 0
        public var clientName = "swarm"
        public var connectionsMax = 200
        /// Connections that may be under way at once.
        public var halfOpenMax = 50
        /// How many peers are served at once; nil: as many as go fast.
        public var uploadSlots: Int?
        public var uploadLimit: ByteRate?
        public var downloadLimit: ByteRate?
        public var isSequential = false
        /// Whether peers are told of each other (BEP 11); never those of a private torrent.
        public var usesPEX = true
        /// Whether to let seeds go once we are one.
        public var dropsSeedsWhenFinished = true

        public init(ourID: PeerID) { self.ourID = ourID }
    }

    /// Gains the piece layers that a hybrid torrent may lack at first.
    public internal(set) var metainfo: Metainfo
    let layout: ContentLayout
    var configuration: Configuration
    var picker: PiecePicker
    var peers = PeerTable()
    var peerList: PeerList
    var choker: Choker
    var banPolicy: BanPolicy
    var peerExchange: PeerExchange
    var downloadLimiter: RateLimiter
    var uploadLimiter: RateLimiter
    var generator: SeededGenerator
    public internal(set) var counters = TorrentCounters()

    /// Payload bytes since the machine was made.
    public internal(set) var downloaded: Int64 = 0
    public internal(set) var uploaded: Int64 = 0
    var downloadMeter = RateMeter()
    var uploadMeter = RateMeter()

    /// Peers that came to owe us less than they should in this turn.
    var peersToFill: [PeerKey] = []
    // Reused between turns.
    var chokeChanges = ActionBuffer<ChokeChange>()
    var verdicts = ActionBuffer<BanVerdict>()
    var picked: [(PieceIndex, BlockIndex)] = []
    /// Bad pieces whose blocks' true hashes were asked for.
    var leafQuestions: [LeafQuestion] = []
    /// Pieces that passed after having failed, whose blocks are being told apart.
    var redeemed: [PieceIndex: [Endpoint?]] = [:]
    var isDiskCongested = false
    /// Nothing can be written, so nothing is asked for.
    public internal(set) var isDiskFaulted = false
    /// The content cannot be reached.
    public internal(set) var isSuspended = false
    var diskRetryAt: Instant?
    var consecutiveDiskFailures = 0
    public internal(set) var hasFailed = false
    var wasFinished: Bool
    /// Content bytes of the wanted pieces, and of those of them that are had.
    var wantedTotal: Int64 = 0
    var wantedHad: Int64 = 0
    /// Where round robin among served peers goes on.
    var serveTurn = 0
    var lastTick = Instant.distantPast
    var metadataServer = MetadataServer()
    /// The piece layers that a hybrid torrent was begun without.
    var missingLayers: LayerPicker?
    /// Peers that came with the metadata and were not yet told what we have.
    var heirlooms: [PeerKey] = []
    /// When the interest that was said before the pieces were known is looked at again.
    var interestReviewAt: Instant?

    /// - Parameter handover: what is left of the machine that fetched the metadata: its peers stay
    ///   connected. What they have comes as messages once their sessions know the piece count.
    public init(
        metainfo: Metainfo, have: Bitfield, wanted: Bitfield, configuration: Configuration,
        seed: UInt64, inheriting handover: MetadataHandover? = nil
    ) {
        let layout = metainfo.layout
        var generator = SeededGenerator(seed: seed)
        self.metainfo = metainfo
        self.layout = layout
        self.configuration = configuration
        self.picker = PiecePicker(
            have: have, wanted: wanted, blockCount: { layout.blockCount(of: $0) },
            seed: generator.next())
        self.picker.order = configuration.isSequential ? .sequential : .rarestFirst
        var known = PeerList.Configuration()
        known.connectionsMax = configuration.connectionsMax
        known.halfOpenMax = configuration.halfOpenMax
        self.peerList = PeerList(configuration: known, seed: generator.next())
        self.choker = Choker(slots: configuration.uploadSlots.map { .fixed($0) } ?? .automatic)
        self.banPolicy = BanPolicy()
        self.peerExchange = PeerExchange(isOn: configuration.usesPEX && !metainfo.isPrivate)
        self.downloadLimiter = RateLimiter(rate: configuration.downloadLimit)
        self.uploadLimiter = RateLimiter(rate: configuration.uploadLimit)
        self.wasFinished = picker.isFinished
        self.generator = generator
        if metainfo.version == .hybrid, !metainfo.filesWithoutPieceLayer.isEmpty {
            self.missingLayers = LayerPicker(metainfo)
        }
        recountWanted()
        if let handover { inherit(handover) }
    }

    // MARK: What can be seen

    public var have: Bitfield { picker.have }
    public var wanted: Bitfield { picker.wanted }
    public var isFinished: Bool { picker.isFinished }
    public var isSeeding: Bool { picker.have.isFull }
    public var peerCount: Int { peers.count }
    var pieceCount: Int { layout.pieceCount }
    var isPrivate: Bool { metainfo.isPrivate }

    // MARK: Inputs

    /// Takes one input and appends what is to be done.
    public mutating func handle(
        _ input: TorrentInput, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard !hasFailed else { return refuseWhenFailed(input, into: &actions) }
        if !heirlooms.isEmpty { greetInherited(now: now, into: &actions) }
        switch input {
        case .message(let key, let message):
            receive(message, from: key, now: now, into: &actions)
        case .turnEnded:
            fillPeers(now: now, into: &actions)
        case .served(let key, let bytes):
            served(key, bytes: bytes, now: now, into: &actions)
        case .pieceChecked(let piece, let outcome):
            pieceChecked(piece, outcome, now: now, into: &actions)
        case .tick:
            tick(now: now, into: &actions)
        default:
            handleSeldom(input, now: now, into: &actions)
        }
    }

    private mutating func handleSeldom(
        _ input: TorrentInput, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
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
        case .blockDigests(let piece, let digests):
            blockDigests(digests, of: piece, now: now, into: &actions)
        case .serveFailed(let key, let request):
            serveFailed(key, request, now: now, into: &actions)
        case .diskCongested(let isCongested):
            isDiskCongested = isCongested
            if isCongested { counters.diskStalls += 1 }
            if !isCongested { fillAllPeers(now: now, into: &actions) }
        case .diskFaulted:
            isDiskFaulted = true
            diskRetryAt = now + Limits.diskRetryInterval
        case .diskProbed(let works):
            isDiskFaulted = !works
            if !works { diskRetryAt = now + Limits.diskRetryInterval }
            fillAllPeers(now: now, into: &actions)
        case .piecesLost(let pieces):
            for piece in pieces { lost(piece, into: &actions) }
            fillAllPeers(now: now, into: &actions)
        default:
            adjust(input, now: now, into: &actions)
        }
    }

    /// What the user changes.
    private mutating func adjust(
        _ input: TorrentInput, now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) {
        switch input {
        case .suspend:
            suspend(now: now, into: &actions)
        case .resume(let have, let wanted):
            resume(having: have, wanted, now: now, into: &actions)
        case .select(let wanted):
            select(wanted, now: now, into: &actions)
        case .prioritize(let high, let low):
            picker.prioritize(high: high, low: low)
        case .setOrder(let isSequential):
            picker.order = isSequential ? .sequential : .rarestFirst
        case .setLimits(let download, let upload):
            downloadLimiter.setRate(download, now: now)
            uploadLimiter.setRate(upload, now: now)
            fillAllPeers(now: now, into: &actions)
            serveAll(now: now, into: &actions)
        case .setConnectionsMax(let count):
            setConnectionsMax(count, now: now, into: &actions)
        case .setUploadSlots(let count):
            choker.slots = count.map { .fixed($0) } ?? .automatic
        case .setPeerExchange(let isOn):
            let isOn = isOn && !isPrivate
            if isOn != peerExchange.isOn { peerExchange = PeerExchange(isOn: isOn) }
        case .setListenPort(let port): configuration.listenPort = port
        default: break
        }
    }

    private func refuseWhenFailed(
        _ input: TorrentInput, into actions: inout ActionBuffer<TorrentAction>
    ) {
        if case .connected(_, let id) = input {
            actions.append(.refuse(connectionID: id, .shutdown))
        }
    }

    // MARK: Time

    /// Why the machine wants to be called.
    public enum DeadlineReason: Hashable, Sendable {
        case tick, choke, dial, limiter, diskRetry, metadata
    }

    /// When `tick` is due next; nil while nothing can happen by itself.
    public func nextDeadline() -> (Instant, DeadlineReason)? {
        guard !hasFailed else { return nil }
        guard heirlooms.isEmpty else { return (.distantPast, .tick) }
        var next: (Instant, DeadlineReason)?
        func consider(_ time: Instant?, _ reason: DeadlineReason) {
            guard let time, next.map({ time < $0.0 }) ?? true else { return }
            next = (time, reason)
        }
        if peers.count > 0 {
            let interval =
                metadataServer.isOwing ? Limits.metadataTickInterval : Limits.tickInterval
            consider(lastTick + interval, .tick)
            if !isSuspended { consider(choker.nextDeadline(), .choke) }
        }
        consider(limiterDeadline, .limiter)
        consider(peerList.nextDeadline(), .dial)
        consider(diskRetryAt, .diskRetry)
        return next
    }

    private var limiterDeadline: Instant? {
        var next: Instant?
        for slot in peers.active {
            if let until = peers[slot]?.askingHeldUntil { next = min(next ?? until, until) }
            if let until = peers[slot]?.servingHeldUntil { next = min(next ?? until, until) }
        }
        return next
    }

    /// A time that has come is no deadline any more: whoever is still held back is held anew, and
    /// whoever has nothing left to ask or to be served would be called for without end.
    private mutating func releaseHeld(now: Instant) {
        for slot in peers.active {
            if let until = peers[slot]?.askingHeldUntil, until <= now {
                peers[slot]?.askingHeldUntil = nil
            }
            if let until = peers[slot]?.servingHeldUntil, until <= now {
                peers[slot]?.servingHeldUntil = nil
            }
        }
    }

    mutating func tick(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        lastTick = now
        if let retry = diskRetryAt, now >= retry {
            diskRetryAt = nil
            actions.append(.probeDisk)
        }
        releaseHeld(now: now)
        snubStalledPeers(now: now, into: &actions)
        reviewInterest(now: now, into: &actions)
        askForLayers(now: now, into: &actions)
        abandonUnansweredLeaves(now: now, into: &actions)
        rechoke(now: now, into: &actions)
        dropUselessPeers(now: now, into: &actions)
        fillAllPeers(now: now, into: &actions)
        serveAll(now: now, into: &actions)
        serveMetadata(now: now, into: &actions)
        tellOfPeers(now: now, into: &actions)
        dial(now: now, into: &actions)
    }
}
