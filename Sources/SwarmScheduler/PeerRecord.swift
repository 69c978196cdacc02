public import Units

/// Who named an endpoint. One may be named by several.
public struct PeerOrigins: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let tracker = PeerOrigins(rawValue: 1 << 0)
    public static let dht = PeerOrigins(rawValue: 1 << 1)
    /// Peer exchange (BEP 11), or a holepunch relay (BEP 55).
    public static let pex = PeerOrigins(rawValue: 1 << 2)
    /// Local service discovery (BEP 14).
    public static let lsd = PeerOrigins(rawValue: 1 << 3)
    /// The peer connected to us and told its port (BEP 10).
    public static let incoming = PeerOrigins(rawValue: 1 << 4)
    /// The user, or a magnet's `x.pe`.
    public static let explicit = PeerOrigins(rawValue: 1 << 5)
    /// An earlier run of ours.
    public static let resume = PeerOrigins(rawValue: 1 << 6)

    /// Who may name peers of a private torrent (BEP 27).
    static let ofPrivateTorrents: PeerOrigins = [.tracker, .explicit, .incoming, .resume]

    /// Named only by sources that pass on what anybody told them.
    var areStrangers: Bool { isSubset(of: [.pex, .dht]) }

    /// How far their word goes: 0 to 3.
    var rank: UInt64 {
        if !isDisjoint(with: [.tracker, .lsd, .incoming, .explicit]) { return 3 }
        if contains(.resume) { return 2 }
        return contains(.dht) ? 1 : 0
    }
}

/// What is known of one endpoint.
public struct PeerRecord: Sendable {
    public enum Status: Hashable, Sendable {
        case idle
        /// A connection to it is being opened.
        case dialing
        case connected(PeerKey)
    }

    public let endpoint: Endpoint
    public internal(set) var origins: PeerOrigins
    /// Attempts in a row that came to nothing.
    public internal(set) var failureCount: UInt8 = 0
    /// The canonical priority (BEP 40): the higher, the sooner it is dialled.
    var priority: UInt32
    public internal(set) var status = Status.idle
    /// It has everything, as it last said itself or was said to.
    public internal(set) var isSeed = false
    /// When it was last dialled; `nil` if never.
    public var lastAttempt: Instant? { attemptedAt == .distantPast ? nil : attemptedAt }
    var attemptedAt = Instant.distantPast
    /// Not to be dialled before.
    public internal(set) var nextAttempt: Instant
    /// When it was last heard of.
    var heardOf: Instant

    init(endpoint: Endpoint, origins: PeerOrigins, priority: UInt32, now: Instant) {
        self.endpoint = endpoint
        self.origins = origins
        self.priority = priority
        self.nextAttempt = now
        self.heardOf = now
    }
}

/// Why an endpoint was not taken into the list.
public enum EndpointRefusal: Hashable, Sendable, CaseIterable {
    /// Port 0, unspecified, multicast or reserved.
    case notDialable
    /// It is ourselves.
    case ourselves
    /// A local address, named by somebody who is not local.
    case localFromAfar
    /// A port below 1024 that neither a tracker nor the user named: no peer, but a victim.
    case privilegedPort
    case banned
    /// Enough ports of this address are known.
    case addressFull
    /// Strangers have named enough endpoints of this subnet.
    case subnetFull
    /// The list is full of endpoints that are at least as good.
    case listFull
}

public enum EndpointOutcome: Hashable, Sendable {
    case added
    /// It was known; its origins were added to.
    case known
    case refused(EndpointRefusal)
}

/// Why known endpoints were not dialled the last time that it was asked: the answer to "why are
/// there so few peers?".
public struct DialRefusals: Hashable, Sendable {
    /// Connected, or being dialled.
    public var busy = 0
    /// They failed or were left lately.
    public var backingOff = 0
    /// They are seeds, as we are.
    public var seeds = 0
    /// Their address has its connections already.
    public var addressFull = 0
    /// Enough connections to their subnet, or to their port, are being opened.
    public var quota = 0
    /// Enough connections are being opened.
    public var halfOpenFull = 0
    /// The torrent has all the connections that it may have.
    public var connectionsFull = 0
    /// The caller's budget was used up.
    public var budgetSpent = 0

    public init() {}
}

/// Whether an accepted connection may stay.
public enum Admission: Hashable, Sendable {
    case admitted
    case refused(AdmissionRefusal)
}

public enum AdmissionRefusal: Hashable, Sendable, CaseIterable {
    case banned
    /// Connections come too fast, from everywhere or from its subnet.
    case tooFast
    case addressFull
    case subnetFull
    case connectionsFull
}

/// What came of entering a connection.
public enum ConnectOutcome: Hashable, Sendable {
    case entered
    /// The endpoint is connected already. Close the new one; it was not entered.
    case duplicate(of: PeerKey)
    /// It was banned meanwhile, or there are too many connections. Close it; it was not entered.
    case refused(AdmissionRefusal)
}

/// Why a dial came to nothing.
public enum DialFailure: Hashable, Sendable {
    case refused
    case timedOut
    /// The connection opened, but no valid handshake came.
    case handshakeFailed
    /// Our own network is at fault or the dial was called off: not held against the endpoint.
    case notAttempted
}

/// Why a connection ended.
public enum DisconnectReason: Hashable, Sendable {
    /// The peer closed or reset it.
    case closedByPeer
    case timedOut
    case handshakeFailed
    case protocolError
    /// Both sides have everything, or neither wants anything of the other.
    case redundant
    /// We made room for others.
    case madeRoom
    /// Another connection to the same peer stays.
    case duplicate
    /// We had dialled ourselves.
    case ourselves
    /// The torrent was stopped.
    case stopped
}

extension Endpoint {
    /// The network that one operator probably holds: /24 for IPv4, /48 for IPv6. Port 0.
    var subnet: Endpoint {
        if let ipv4 { return Endpoint(ipv4: ipv4 & 0xFFFF_FF00, port: 0) }
        return Endpoint(ipv6High: high & 0xFFFF_FFFF_FFFF_0000, low: 0, port: 0)
    }

    /// An order for decisions that must not depend on anything else.
    func isOrderedBefore(_ other: Endpoint) -> Bool {
        (high, low, port) < (other.high, other.low, other.port)
    }
}

/// Counts by address or subnet; asks nothing of its own order.
struct EndpointTally: Sendable {
    private var counts: [Endpoint: Int] = [:]

    subscript(key: Endpoint) -> Int { counts[key] ?? 0 }

    mutating func add(_ key: Endpoint) { counts[key, default: 0] += 1 }

    mutating func remove(_ key: Endpoint) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }
}
