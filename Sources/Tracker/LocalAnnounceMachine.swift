public import Hashing
public import Units

/// When to announce which torrents to the local network, and which of the neighbours' announces
/// to believe (BEP 14).
///
/// Each torrent is announced every five minutes, all networks hear the same, and at most one
/// datagram a minute goes to each; so many torrents share one, and very many take longer. Nothing
/// is answered: who hears of a torrent that it has connects.
public struct LocalAnnounceMachine: Sendable {
    /// The addresses of one interface that share a prefix: hosts that are reached without a router.
    public struct Network: Hashable, Sendable {
        public let address: Endpoint
        /// Bits; at most 32 or 128.
        public let prefixLength: Int

        public init(address: Endpoint, prefixLength: Int) {
            self.address = address.address
            self.prefixLength = min(max(0, prefixLength), address.isIPv4 ? 32 : 128)
        }

        public func contains(_ endpoint: Endpoint) -> Bool {
            guard endpoint.isIPv4 == address.isIPv4 else { return false }
            let bits = prefixLength + (address.isIPv4 ? 96 : 0)
            let (high, low) = (endpoint.high ^ address.high, endpoint.low ^ address.low)
            guard bits > 64 else { return high >> UInt64(64 - bits) == 0 }
            return high == 0 && low >> UInt64(128 - bits) == 0
        }
    }

    public enum Action: Hashable, Sendable {
        /// Send this to the group of every network.
        case announce(LocalAnnounce)
        /// A neighbour takes part in one of our torrents.
        case found(SHA1Digest, Endpoint)
    }

    /// What was heard and not heeded.
    public struct Counters: Hashable, Sendable {
        public var received = 0
        /// Our own announces, as they come back.
        public var own = 0
        /// From an address that is neither local nor on a network of ours, or cannot be dialled.
        public var notLocal = 0
        public var malformed = 0
        /// More than one neighbour, or all together, may send.
        public var tooMany = 0

        public init() {}
    }

    private struct Torrent {
        var port: UInt16
        var dueAt: Instant
        /// Which of them came first.
        let order: UInt64
        /// How often it stood first in a datagram: some clients read the first only.
        var leadCount = 0
    }

    public private(set) var counters = Counters()
    /// Where neighbours may be besides at local addresses.
    public var networks: [Network] = []
    private let cookie: [UInt8]
    private var torrents: [SHA1Digest: Torrent] = [:]
    private var nextOrder: UInt64 = 0
    private var lastAnnounceAt = Instant.distantPast
    /// When each neighbour's bucket will be empty.
    private var neighbours: [Endpoint: Instant] = [:]

    /// - Parameter seed: makes the cookie; different for each client of a host.
    public init(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bytes = (0..<8).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        self.cookie = Array(hexText(bytes).utf8)
    }

    /// The torrents that are announced.
    public var infoHashes: Set<SHA1Digest> { Set(torrents.keys) }

    // MARK: Our torrents

    /// Announces a torrent from now on, whose peers are accepted at `port`. Never a private one
    /// (BEP 27).
    public mutating func add(_ infoHash: SHA1Digest, port: UInt16, now: Instant) {
        guard port != 0 else { return }
        if torrents[infoHash] != nil {
            torrents[infoHash]?.port = port
            return
        }
        guard torrents.count < Limits.localTorrentsMax else { return }
        torrents[infoHash] = Torrent(
            port: port, dueAt: now + Limits.localGatherTime, order: nextOrder)
        nextOrder += 1
    }

    public mutating func remove(_ infoHash: SHA1Digest) { torrents[infoHash] = nil }

    /// There is a network that has heard nothing yet.
    public mutating func networkAppeared(now: Instant) {
        let soon = now + Limits.localGatherTime
        for (infoHash, torrent) in torrents where torrent.dueAt > soon {
            torrents[infoHash]?.dueAt = soon
        }
    }

    // MARK: Time

    /// When `tick` is due; nil while there is nothing to announce.
    public func nextDeadline() -> Instant? {
        guard let first = torrents.values.map(\.dueAt).min() else { return nil }
        return max(first, lastAnnounceAt + Limits.localDatagramInterval)
    }

    public mutating func tick(now: Instant, into actions: inout ActionBuffer<Action>) {
        guard let deadline = nextDeadline(), now >= deadline else { return }
        // What is due so soon goes along: by itself it would wait for the next datagram, as would
        // the second info-hash of a hybrid torrent, which is added a moment after the first.
        let soon = now + Limits.localGatherTime
        let due = torrents.filter { $0.value.dueAt <= soon }.sorted { a, b in
            (a.value.dueAt, a.value.order) < (b.value.dueAt, b.value.order)
        }
        guard let port = due.first?.value.port else { return }
        var chosen = due.filter { $0.value.port == port }.prefix(Limits.localAnnounceHashesMax)
        let leader = chosen.indices.min { chosen[$0].value.leadCount < chosen[$1].value.leadCount }
        if let leader { chosen.swapAt(chosen.startIndex, leader) }
        for (place, entry) in chosen.enumerated() {
            torrents[entry.key]?.dueAt = now + Limits.localAnnounceInterval
            if place == 0 { torrents[entry.key]?.leadCount += 1 }
        }
        lastAnnounceAt = now
        actions.append(
            .announce(LocalAnnounce(infoHashes: chosen.map(\.key), port: port, cookie: cookie)))
    }

    // MARK: Neighbours

    /// Takes in a datagram that came to one of the groups.
    public mutating func receive(
        _ datagram: [UInt8], from sender: Endpoint, now: Instant,
        into actions: inout ActionBuffer<Action>
    ) {
        counters.received += 1
        // An IPv6 address of one link cannot be dialled without its scope, which peers do not have.
        let isNear = sender.isLocal || networks.contains { $0.contains(sender) }
        guard isNear, sender.isIPv4 || !sender.isLinkLocal else {
            counters.notLocal += 1
            return
        }
        guard mayBeHeard(sender.address, now: now) else {
            counters.tooMany += 1
            return
        }
        guard let announce = try? LocalAnnounce(parsing: datagram) else {
            counters.malformed += 1
            return
        }
        guard announce.cookie != cookie else {
            counters.own += 1
            return
        }
        for infoHash in announce.infoHashes where torrents[infoHash] != nil {
            actions.append(.found(infoHash, sender.with(port: announce.port)))
        }
    }

    private mutating func mayBeHeard(_ neighbour: Endpoint, now: Instant) -> Bool {
        let emptyAt = max(neighbours[neighbour] ?? now, now) + Limits.localDatagramCost
        guard emptyAt - now <= Limits.localDatagramBurst else { return false }
        if neighbours[neighbour] == nil, neighbours.count >= Limits.localNeighboursMax {
            neighbours = neighbours.filter { $0.value > now }
            guard neighbours.count < Limits.localNeighboursMax else { return false }
        }
        neighbours[neighbour] = emptyAt
        return true
    }
}
