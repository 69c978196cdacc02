public import Hashing
public import NIOCore
public import Units

/// The machine of one connection: handshake, framing, what is legal when, ids of extensions,
/// timers and flood limits. It does not pick, choke or match blocks with requests.
///
/// Bytes and time go in, events are appended to the caller's buffer. After `.close` it is inert.
public struct PeerSession: Sendable {
    let configuration: Configuration
    /// The 20 bytes by which v2 knows the torrent.
    var v2InfoHash: SHA1Digest?
    /// The handshake that we send; `nil` until an accepted connection is accepted.
    public internal(set) var handshake: Handshake?
    /// The peer's handshake, once it came.
    public internal(set) var peerHandshake: Handshake?
    /// The ids under which the peer takes extension messages.
    public internal(set) var peerExtensions = ExtensionIDs()
    /// The peer's choking of us, as last said; it begins choking (BEP 3).
    public internal(set) var isPeerChoking = true
    /// The peer's interest in what we have, as last said.
    public internal(set) var isPeerInterested = false
    /// What was dropped, for metrics.
    public internal(set) var counters = Counters()

    var phase = Phase.handshaking
    var reader = FrameReader()
    var rules: FrameRules
    var availability = HeldAvailability()
    /// The unfinished handshake, then what came before `accept`.
    var held = ByteBuffer()

    var startedAt: Instant
    var lastSent: Instant
    var lastHeard: Instant
    /// The length of the unfinished frame at `lastHeard`.
    var progressMark = 0
    var isReading = true

    var control = Allowance()
    var ports = Allowance()
    var suggestions = Allowance()
    var allowedFastCount = 0
    var haveCount = 0
    /// Our extension handshake has been sent.
    var hasAdvertised = false

    enum Phase: Sendable {
        case handshaking
        case awaitingAccept
        /// Accepted by mistake: the peer has our own peer id. The next input closes.
        case connectedToSelf
        case open
        case closed
    }

    /// A connection that is there since `now`.
    public init(_ configuration: Configuration, now: Instant) {
        self.configuration = configuration
        self.handshake = configuration.handshake
        self.v2InfoHash = configuration.alternateInfoHash
        self.rules = FrameRules(pieceCount: configuration.pieceCount)
        self.startedAt = now
        self.lastSent = now
        self.lastHeard = now
    }
}

extension PeerSession {
    public struct Configuration: Sendable {
        /// Whether we dialled.
        public var isInitiator: Bool
        /// What we send; `nil` for an accepted connection, until the peer named its torrent.
        public var handshake: Handshake?
        /// The v2 form of the info-hash, where it is known. The peer may answer a hybrid torrent's
        /// v1 form with it, and whoever names it speaks v2 (BEP 52, "Upgrade path").
        public var alternateInfoHash: SHA1Digest?
        /// `nil` before the metadata is known.
        public var pieceCount: Int?
        public var timeouts = Timeouts()

        /// A connection that we dialled. The caller sends `handshake` at once.
        public static func initiating(
            _ handshake: Handshake, alternateInfoHash: SHA1Digest? = nil, pieceCount: Int?
        ) -> Configuration {
            Configuration(
                isInitiator: true, handshake: handshake, alternateInfoHash: alternateInfoHash,
                pieceCount: pieceCount)
        }

        /// A connection that came to us. After `.handshake` the caller closes it or calls
        /// `accept`.
        public static let accepting = Configuration(isInitiator: false)
    }

    public struct Timeouts: Hashable, Sendable {
        public var handshake = Limits.handshakeTimeout
        public var idle = Limits.idleTimeout
        public var keepAlive = Limits.keepAliveInterval

        public init() {}
    }

    public enum Event: Equatable, Sendable {
        /// The peer's handshake, before all else. Answer an accepted connection with `accept`.
        indirect case handshake(Handshake)
        case message(PeerMessage)
        /// Send this: a keep-alive, or the rejection of a request that cannot be answered.
        case send(PeerMessage)
        /// Close the connection. Nothing comes after this.
        case close(PeerError)
    }

    /// What the next deadline is for.
    public enum Reason: Hashable, Sendable {
        case handshake
        case idle
        case keepAlive
    }

    /// What was dropped without closing the connection.
    public struct Counters: Hashable, Sendable {
        /// Messages with ids that we do not know.
        public internal(set) var unknown: UInt32 = 0
        /// Extension messages with ids that we never gave out.
        public internal(set) var unadvertised: UInt32 = 0
        /// Messages that repeat what was said, or come more often than they count.
        public internal(set) var redundant: UInt32 = 0
        /// Messages about pieces that do not exist, or not yet.
        public internal(set) var outOfRange: UInt32 = 0
        /// Messages whose content made no sense.
        public internal(set) var malformed: UInt32 = 0
        /// Requests that no torrent can answer.
        public internal(set) var invalidRequests: UInt32 = 0
    }
}

// MARK: - State

extension PeerSession {
    /// Whether messages may be exchanged.
    public var isOpen: Bool { phase == .open }
    public var isClosed: Bool { phase == .closed }
    /// The peer has named its torrent and waits for `accept`.
    public var isAwaitingAccept: Bool { phase == .awaitingAccept }
    public var isInitiator: Bool { configuration.isInitiator }
    public var pieceCount: Int? { rules.pieceCount }
    /// Whether both sides know BEP 6.
    public var supportsFast: Bool { rules.fast }
    /// Whether both sides know BEP 10.
    public var supportsExtensions: Bool { rules.extensions }
    /// Whether both sides know BEP 52.
    public var supportsV2: Bool { rules.v2 }

    /// The extensions that we gave out ids for; all that we know, unless it is set. Messages of
    /// others are ignored and counted.
    public var advertisedExtensions: ExtensionIDs {
        get { rules.advertised }
        set { rules.advertised = newValue }
    }

    /// Our extension handshake says this. What the first does not name is not taken; later ones
    /// name only what changes (BEP 10).
    public mutating func advertise(_ extensions: ExtensionIDs) {
        var ids = hasAdvertised ? advertisedExtensions : ExtensionIDs()
        ids.merge(extensions)
        advertisedExtensions = ids
        hasAdvertised = true
    }

    /// Bytes of memory held for a frame or handshake that is not complete.
    public var heldByteCount: Int { reader.heldCapacity + held.capacity }

    /// Appends `message` as this peer takes it. False, and nothing written, if it was not
    /// negotiated: then say it otherwise (have-all as a bitfield) or not at all.
    @discardableResult
    public func encode(_ message: PeerMessage, into buffer: inout ByteBuffer) -> Bool {
        switch message {
        case .suggest, .haveAll, .haveNone, .reject, .allowedFast:
            guard supportsFast else { return false }
        case .extensionHandshake, .extended, .dontHave, .uploadOnly:
            guard supportsExtensions else { return false }
        case .hashRequest, .hashes, .hashReject:
            guard supportsV2 else { return false }
        default: break
        }
        return message.encode(into: &buffer, ids: peerExtensions)
    }
}

// MARK: - Inputs

extension PeerSession {
    /// Takes all of `bytes`. A block wholly inside comes out as a slice of them; what is left of
    /// a frame is kept here, so the caller may use its buffer again.
    public mutating func receive(
        _ bytes: inout ByteBuffer, now: Instant, into events: inout ActionBuffer<Event>
    ) {
        if phase == .open, held.readableBytes == 0 {
            consume(&bytes, now: now, into: &events)
            return
        }
        receiveEarly(&bytes, now: now, into: &events)
    }

    /// Answers the handshake of a connection that came to us: `handshake` is what the caller
    /// sends. What came since is taken with the next `receive`, which may be given no bytes.
    ///
    /// - Parameter v2InfoHash: the v2 form of the info-hash, where it is known.
    public mutating func accept(
        handshake: Handshake, pieceCount: Int?, v2InfoHash: SHA1Digest? = nil
    ) {
        guard phase == .awaitingAccept else { return }
        self.handshake = handshake
        self.v2InfoHash = v2InfoHash
        rules.pieceCount = pieceCount
        guard handshake.peerID != peerHandshake?.peerID else {
            phase = .connectedToSelf
            return
        }
        open()
    }

    /// The metadata showed that the torrent is v2, and by these 20 bytes: who has named them speaks
    /// v2, though we could not know it then.
    public mutating func setV2InfoHash(_ infoHash: SHA1Digest) {
        v2InfoHash = infoHash
        if phase == .open { noteV2() }
    }

    /// The metadata came: what the peer said before is checked and told.
    public mutating func setPieceCount(_ count: Int, into events: inout ActionBuffer<Event>) {
        guard phase != .closed, rules.pieceCount == nil else { return }
        rules.pieceCount = count
        let said = availability
        availability = HeldAvailability()
        do throws(PeerError) {
            if let message = try said.resolve(pieceCount: count) {
                events.append(.message(message))
            }
        } catch {
            close(error, into: &events)
            return
        }
        for piece in said.allowedFast {
            guard piece.position < count else {
                counters.outOfRange.count()
                continue
            }
            events.append(.message(.allowedFast(piece)))
        }
    }

    /// Something was sent to the peer.
    public mutating func sent(now: Instant) { lastSent = max(lastSent, now) }

    /// Whether the caller reads from the connection. While it does not, silence is not the
    /// peer's.
    public mutating func setReading(_ isReading: Bool, now: Instant) {
        guard isReading != self.isReading else { return }
        self.isReading = isReading
        lastHeard = max(lastHeard, now)
    }

    /// The connection is gone, from whichever side. Nothing is held and nothing comes any more.
    public mutating func disconnected() {
        phase = .closed
        reader.reset()
        held = ByteBuffer()
        availability = HeldAvailability()
    }

    public func nextDeadline() -> (Instant, Reason)? {
        switch phase {
        case .closed: return nil
        case .handshaking, .awaitingAccept:
            return (startedAt + configuration.timeouts.handshake, .handshake)
        case .connectedToSelf: return (startedAt, .handshake)
        case .open:
            let keepAlive = lastSent + configuration.timeouts.keepAlive
            let idle = lastHeard + configuration.timeouts.idle
            return isReading && idle <= keepAlive ? (idle, .idle) : (keepAlive, .keepAlive)
        }
    }

    public mutating func tick(now: Instant, into events: inout ActionBuffer<Event>) {
        switch phase {
        case .closed: break
        case .handshaking, .awaitingAccept:
            guard now >= startedAt + configuration.timeouts.handshake else { return }
            close(.handshakeTimeout, into: &events)
        case .connectedToSelf: close(.connectedToSelf, into: &events)
        case .open:
            if isReading, now >= lastHeard + configuration.timeouts.idle {
                close(.idle, into: &events)
            } else if now >= lastSent + configuration.timeouts.keepAlive {
                lastSent = now
                events.append(.send(.keepAlive))
            }
        }
    }

    mutating func close(_ error: PeerError, into events: inout ActionBuffer<Event>) {
        guard phase != .closed else { return }
        disconnected()
        events.append(.close(error))
    }
}

// MARK: - One input type

extension PeerSession {
    /// All that can happen to a session, as one type: for traces and for machines that drive it
    /// with anything.
    public enum Input: Sendable {
        case received(ByteBuffer)
        case tick
        case sent
        case accept(Handshake, pieceCount: Int?)
        case pieceCount(Int)
        case reading(Bool)
        case disconnected
    }

    public mutating func handle(
        _ input: Input, now: Instant, into events: inout ActionBuffer<Event>
    ) {
        switch input {
        case .received(var bytes): receive(&bytes, now: now, into: &events)
        case .tick: tick(now: now, into: &events)
        case .sent: sent(now: now)
        case .accept(let handshake, let pieceCount):
            accept(handshake: handshake, pieceCount: pieceCount)
        case .pieceCount(let count): setPieceCount(count, into: &events)
        case .reading(let isReading): setReading(isReading, now: now)
        case .disconnected: disconnected()
        }
    }
}
