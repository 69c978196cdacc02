public import PeerWire
public import Units

/// What a torrent knows of one connected peer.
struct PeerState: Sendable {
    let key: PeerKey
    let connection: PeerConnection
    let connectedAt: Instant

    /// What it has, as far as it said.
    var pieces: Bitfield
    /// It had everything when it first said what it has, and is counted so by the picker.
    var isCountedAsSeed = false
    /// How many pieces it has that we need.
    var interestingCount = 0

    var isChokedByUs = true
    var isInterestingToUs = false
    var isChokingUs = true
    var isInterestedInUs = false
    /// It says that it wants nothing (BEP 21).
    var isUploadOnly = false
    /// Pieces that it gives although it chokes us (BEP 6).
    var allowedFast: [PieceIndex] = []
    /// It may only fetch whole pieces alone, because it took part in bad ones.
    var isOnParole = false

    var pipeline = RequestPipeline()
    /// Nothing is asked of it before this, because it rejected what it was asked for.
    var requestsPausedUntil = Instant.distantPast
    /// It came to owe us less than it should in this turn.
    var needsRequests = false
    /// Until when a rate limit keeps us from asking it, and from serving it.
    var askingHeldUntil: Instant?
    var servingHeldUntil: Instant?

    var uploads = UploadQueue()
    /// Messages about metadata that made no sense.
    var metadataFaults = 0
    /// It is not asked for piece layers before, because it rejected or was silent.
    var layersPausedUntil = Instant.distantPast
    /// When the answers to its hash requests will be paid for: a bucket in one word.
    var hashesPaidAt = Instant.distantPast
    var unchokedAt: Instant?
    var sentSinceUnchoke: Int64 = 0

    var downloadRate = RateMeter()
    var uploadRate = RateMeter()
    /// Payload bytes that we took from it and gave it.
    var downloaded: Int64 = 0
    var uploaded: Int64 = 0
    /// Blocks that came without having been asked for.
    var unsolicitedBlocks = 0
    /// Since when neither end has use for the other.
    var uselessSince: Instant?
    var clientName: String?

    /// What it has is known now to be of so many pieces.
    mutating func setPieceCount(_ count: Int) { pieces = Bitfield(count: count) }

    init(key: PeerKey, connection: PeerConnection, pieceCount: Int, now: Instant) {
        self.key = key
        self.connection = connection
        self.connectedAt = now
        self.pieces = Bitfield(count: pieceCount)
    }

    var isSeed: Bool { pieces.isFull && pieces.count > 0 }

    /// Whether anything may be asked of it, if it has what we need.
    func mayBeAsked(now: Instant) -> Bool {
        (!isChokingUs || !allowedFast.isEmpty) && isInterestingToUs && now >= requestsPausedUntil
    }
}

/// A connection whose handshakes have been exchanged.
public struct PeerConnection: Hashable, Sendable {
    /// Where the peer is, with the port that it came from or was dialled at.
    public let endpoint: Endpoint
    public let isIncoming: Bool
    public let peerID: PeerID
    public let supportsFast: Bool
    public let supportsExtensions: Bool
    /// It speaks BEP 52's hash messages.
    public let supportsV2: Bool

    public init(
        endpoint: Endpoint, isIncoming: Bool, peerID: PeerID, supportsFast: Bool,
        supportsExtensions: Bool, supportsV2: Bool
    ) {
        self.endpoint = endpoint
        self.isIncoming = isIncoming
        self.peerID = peerID
        self.supportsFast = supportsFast
        self.supportsExtensions = supportsExtensions
        self.supportsV2 = supportsV2
    }
}

/// The connected peers of a torrent, found by key in constant time. A slot is used again with
/// another generation, so that a key that outlived its connection finds nothing.
struct PeerTable: Sendable {
    private var slots: [PeerState?] = []
    private var generations: [UInt32] = []
    private var freeSlots: [Int] = []
    /// The slots in use, in the order in which the peers came.
    private(set) var active: [Int] = []

    var count: Int { active.count }

    mutating func insert(_ make: (PeerKey) -> PeerState) -> PeerKey {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count {
            slots.append(nil)
            generations.append(0)
        }
        let key = PeerKey(
            slot: UInt32(truncatingIfNeeded: slot), generation: generations[slot])
        slots[slot] = make(key)
        active.append(slot)
        return key
    }

    mutating func remove(_ key: PeerKey) -> PeerState? {
        guard let slot = slot(of: key), let state = slots[slot] else { return nil }
        slots[slot] = nil
        generations[slot] &+= 1
        freeSlots.append(slot)
        active.removeAll { $0 == slot }
        return state
    }

    func slot(of key: PeerKey) -> Int? {
        let slot = Int(key.slot)
        guard slot < slots.count, generations[slot] == key.generation, slots[slot] != nil else {
            return nil
        }
        return slot
    }

    subscript(key: PeerKey) -> PeerState? {
        slot(of: key).flatMap { slots[$0] }
    }

    /// The peer in a slot, to be read or changed in place.
    subscript(slot: Int) -> PeerState? {
        _read { yield slots[slot] }
        _modify { yield &slots[slot] }
    }
}
