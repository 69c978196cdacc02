import PeerWire
public import Units

/// All endpoints that a torrent knows, and the decision whom to dial. Every source of peers ends
/// here; nothing else dials.
///
/// A public address may have `Configuration.connectionsPerAddressMax` connections. A local one
/// (loopback, private, link-local) may have any number, since behind our own translator, or in a
/// house, many peers share one address.
public struct PeerList: Sendable {
    public struct Configuration: Sendable {
        /// Connections, dialled and accepted.
        public var connectionsMax = 200
        /// Connections that are being opened at once.
        public var halfOpenMax = Limits.halfOpenMax
        /// Connections with one public address.
        public var connectionsPerAddressMax = 1
        /// Endpoints known at most.
        public var endpointsMax = Limits.endpointsMax

        public init() {}
    }

    public var configuration: Configuration
    /// Why known endpoints were not dialled at the last `nextDials`.
    public private(set) var dialRefusals = DialRefusals()
    /// How many endpoints were not taken in, by reason, since the beginning.
    public private(set) var endpointRefusals: [EndpointRefusal: Int] = [:]
    /// How many accepted connections were turned away, by reason, since the beginning.
    public internal(set) var admissionRefusals: [AdmissionRefusal: Int] = [:]

    var records: ContiguousArray<PeerRecord> = []
    var positions: [Endpoint: Int] = [:]
    /// Endpoints that are being dialled.
    var halfOpen: [Endpoint] = []
    var connections: [PeerKey: Connection] = [:]
    var connectedAddresses = EndpointTally()
    var connectedSubnets = EndpointTally()
    var bans: [Endpoint: Ban] = [:]
    var gate = AcceptGate()

    private var knownAddresses = EndpointTally()
    private var strangersInSubnets = EndpointTally()
    private var ownEndpoints: [Endpoint] = []
    private var ownAddress: Endpoint?
    private let seed: UInt64
    /// When the first of the endpoints that back off may be dialled.
    private var nextDialAt: Instant?

    struct Connection: Sendable {
        /// The other end of the socket.
        let remote: Endpoint
        /// Where the peer accepts connections, if that is known.
        var listening: Endpoint?
        let since: Instant
    }

    struct Ban: Sendable {
        let reason: BanReason
        let until: Instant
    }

    /// - Parameter seed: decides among equals as long as our own address is not known.
    public init(configuration: Configuration = Configuration(), seed: UInt64) {
        self.configuration = configuration
        self.seed = seed
    }

    public var knownCount: Int { records.count }
    public var connectedCount: Int { connections.count }
    public var halfOpenCount: Int { halfOpen.count }

    /// What is known of an endpoint; `nil` if nothing is.
    public func record(of endpoint: Endpoint) -> PeerRecord? {
        positions[endpoint].map { records[$0] }
    }

    /// Where the peer of a connection can be reached by others, if that is known: for PEX, for
    /// holepunching and for the next run.
    public func listeningEndpoint(of key: PeerKey) -> Endpoint? { connections[key]?.listening }

    /// Who named the peer of a connection; nobody, as long as it is not known where it listens.
    func origins(of key: PeerKey) -> PeerOrigins {
        guard let endpoint = connections[key]?.listening, let position = positions[endpoint]
        else { return [] }
        return records[position].origins
    }

    /// The endpoints worth keeping for the next run, the best first: those connected, then those
    /// that were connected and left well, then those never tried.
    public func worthKeeping(_ count: Int) -> [Endpoint] {
        func rank(_ record: PeerRecord) -> Int {
            if case .connected = record.status { return 0 }
            return record.lastAttempt == nil ? 2 : 1
        }
        let kept = records.filter { $0.failureCount == 0 }.sorted { a, b in
            let (x, y) = (rank(a), rank(b))
            guard x == y else { return x < y }
            guard a.heardOf == b.heardOf else { return a.heardOf > b.heardOf }
            return a.endpoint.isOrderedBefore(b.endpoint)
        }
        return kept.prefix(max(0, count)).map(\.endpoint)
    }
}

// MARK: - Taking in

extension PeerList {
    /// Takes in an endpoint that somebody named.
    ///
    /// - Parameters:
    ///   - source: who named it, where that is another host: the peer of a PEX message, the DHT
    ///     node, the tracker. Local addresses are taken from local hosts only; without a source
    ///     they are refused of PEX and DHT, and taken from the others.
    ///   - isSeed: whether it was said to be a seed (PEX flag 0x02).
    @discardableResult
    public mutating func add(
        _ endpoint: Endpoint, origin: PeerOrigins, from source: Endpoint? = nil,
        isSeed: Bool = false, now: Instant
    ) -> EndpointOutcome {
        if let refusal = refusal(of: endpoint, origin: origin, from: source, now: now) {
            return refuse(refusal)
        }
        if let position = positions[endpoint] {
            hearAgain(at: position, origin: origin, isSeed: isSeed, now: now)
            return .known
        }
        if let refusal = crowding(endpoint, origin: origin) { return refuse(refusal) }
        if records.count >= configuration.endpointsMax {
            guard let worst = worstPosition(for: origin) else { return refuse(.listFull) }
            removeRecord(at: worst)
        }
        var record = PeerRecord(
            endpoint: endpoint, origins: origin, priority: priority(of: endpoint), now: now)
        record.isSeed = isSeed
        positions[endpoint] = records.count
        records.append(record)
        knownAddresses.add(endpoint.address)
        if origin.areStrangers { strangersInSubnets.add(endpoint.subnet) }
        noteDial(at: now)
        return .added
    }

    /// Never dials this endpoint again: a connection to it turned out to be to ourselves.
    public mutating func markOwn(_ endpoint: Endpoint) {
        if let position = positions[endpoint] { removeRecord(at: position) }
        guard !ownEndpoints.contains(endpoint) else { return }
        if ownEndpoints.count >= Limits.ownEndpointsMax { ownEndpoints.removeFirst() }
        ownEndpoints.append(endpoint)
    }

    /// Tells the address and port at which others see us, for the canonical priority (BEP 40).
    public mutating func setOwnAddress(_ endpoint: Endpoint?) {
        guard endpoint != ownAddress else { return }
        ownAddress = endpoint
        for position in records.indices {
            records[position].priority = priority(of: records[position].endpoint)
        }
    }

    private mutating func refuse(_ refusal: EndpointRefusal) -> EndpointOutcome {
        endpointRefusals[refusal, default: 0] += 1
        return .refused(refusal)
    }

    private func refusal(
        of endpoint: Endpoint, origin: PeerOrigins, from source: Endpoint?, now: Instant
    ) -> EndpointRefusal? {
        guard endpoint.isDialable else { return .notDialable }
        guard !ownEndpoints.contains(endpoint), endpoint != ownAddress else { return .ourselves }
        let isNear = source?.isLocal ?? !origin.areStrangers
        if endpoint.isLocal, !isNear, !origin.contains(.explicit) { return .localFromAfar }
        if endpoint.port < 1024, origin.isDisjoint(with: [.tracker, .explicit]) {
            return .privilegedPort
        }
        return ban(of: endpoint, now: now) == nil ? nil : .banned
    }

    private func crowding(_ endpoint: Endpoint, origin: PeerOrigins) -> EndpointRefusal? {
        guard !origin.contains(.explicit) else { return nil }
        let addressMax =
            endpoint.isLocal
            ? Limits.endpointsPerLocalAddressMax : Limits.endpointsPerAddressMax
        guard knownAddresses[endpoint.address] < addressMax else { return .addressFull }
        guard origin.areStrangers, !endpoint.isLocal else { return nil }
        return strangersInSubnets[endpoint.subnet] < Limits.strangersPerSubnetMax
            ? nil : .subnetFull
    }

    private mutating func hearAgain(
        at position: Int, origin: PeerOrigins, isSeed: Bool, now: Instant
    ) {
        let old = records[position]
        if old.origins.areStrangers, !origin.areStrangers {
            strangersInSubnets.remove(old.endpoint.subnet)
        }
        records[position].origins.formUnion(origin)
        records[position].heardOf = now
        // What a peer itself said while it was connected counts for more than what others say.
        if old.lastAttempt == nil, old.status == .idle, isSeed { records[position].isSeed = true }
        if origin.contains(.explicit) {
            records[position].failureCount = 0
            records[position].nextAttempt = min(old.nextAttempt, now)
        } else if !origin.isDisjoint(with: [.lsd, .incoming]) {
            // A sign of life. It shortens the wait and does not end it, or else whoever sends
            // such signs could aim our dials.
            let soon = max(now, old.attemptedAt + Limits.retryAfterSignOfLife)
            records[position].nextAttempt = min(old.nextAttempt, soon)
        }
        noteDial(at: records[position].nextAttempt)
    }

    /// Whom to forget for an endpoint of this origin: failures first, then what strangers named.
    /// `nil` if all are as good.
    private func worstPosition(for origin: PeerOrigins) -> Int? {
        func isWorse(_ a: PeerRecord, than b: PeerRecord) -> Bool {
            guard a.failureCount == b.failureCount else { return a.failureCount > b.failureCount }
            guard a.origins.rank == b.origins.rank else { return a.origins.rank < b.origins.rank }
            guard a.heardOf == b.heardOf else { return a.heardOf < b.heardOf }
            return a.endpoint.isOrderedBefore(b.endpoint)
        }
        var worst: Int?
        for position in records.indices {
            let record = records[position]
            guard record.status == .idle, !record.origins.contains(.explicit) else { continue }
            if let known = worst, !isWorse(record, than: records[known]) { continue }
            worst = position
        }
        guard let worst else { return nil }
        let isBetter = records[worst].failureCount > 0 || records[worst].origins.rank < origin.rank
        return isBetter || origin.contains(.explicit) ? worst : nil
    }

    mutating func removeRecord(at position: Int) {
        let record = records[position]
        positions[record.endpoint] = nil
        knownAddresses.remove(record.endpoint.address)
        if record.origins.areStrangers { strangersInSubnets.remove(record.endpoint.subnet) }
        let last = records.removeLast()
        guard position < records.count else { return }
        records[position] = last
        positions[last.endpoint] = position
    }

    private func priority(of endpoint: Endpoint) -> UInt32 {
        if let ownAddress { return canonicalPeerPriority(ownAddress, endpoint) }
        var mixer = SeededGenerator(
            seed: seed ^ endpoint.high &* 0x9E37_79B9_7F4A_7C15 ^ endpoint.low
                ^ UInt64(endpoint.port) << 48)
        return UInt32(truncatingIfNeeded: mixer.next())
    }
}

// MARK: - Dialling

extension PeerList {
    /// When `nextDials` may have something new because time has passed; `nil` if only an event
    /// (a new endpoint, a dial or a connection that ends) can change its answer.
    public func nextDeadline() -> Instant? { hasRoomToDial ? nextDialAt : nil }

    private var hasRoomToDial: Bool {
        connections.count + halfOpen.count < configuration.connectionsMax
            && halfOpen.count < configuration.halfOpenMax
    }

    /// Chooses whom to dial now: at most `budget`, and within the torrent's own bounds. Each one
    /// must be answered by `connected` or `dialFailed`.
    public mutating func nextDials(budget: Int, isSeeding: Bool, now: Instant) -> [Endpoint] {
        dialRefusals = DialRefusals()
        var candidates = self.candidates(isSeeding: isSeeding, now: now)
        guard !candidates.isEmpty else { return [] }
        candidates.sort { a, b in
            guard a.first == b.first else { return a.first < b.first }
            guard a.second == b.second else { return a.second < b.second }
            return records[a.position].endpoint.isOrderedBefore(records[b.position].endpoint)
        }
        var dials: [Endpoint] = []
        for candidate in candidates where isFree(dials.count, budget: budget) {
            let record = records[candidate.position]
            guard isWithinQuota(record) else { continue }
            records[candidate.position].status = .dialing
            records[candidate.position].attemptedAt = now
            halfOpen.append(record.endpoint)
            dials.append(record.endpoint)
        }
        dialRefusals.busy += dials.count
        return dials
    }

    private struct DialCandidate {
        let position: Int
        let first: UInt64
        let second: UInt64
    }

    private mutating func candidates(isSeeding: Bool, now: Instant) -> [DialCandidate] {
        nextDialAt = nil
        var found: [DialCandidate] = []
        for position in records.indices {
            let record = records[position]
            if record.status != .idle {
                dialRefusals.busy += 1
            } else if isSeeding, record.isSeed {
                dialRefusals.seeds += 1
            } else if record.nextAttempt > now {
                dialRefusals.backingOff += 1
                noteDial(at: record.nextAttempt)
            } else {
                found.append(Self.candidate(record, at: position))
            }
        }
        return found
    }

    /// The user's peers first, then by failures, near before far, least lately tried, by origin
    /// and by priority: all in two words that compare quickly.
    private static func candidate(_ record: PeerRecord, at position: Int) -> DialCandidate {
        let milliseconds = max(0, record.attemptedAt.nanoseconds) / 1_000_000
        var first: UInt64 = record.origins.contains(.explicit) ? 0 : 1 << 63
        first |= UInt64(record.failureCount) << 55
        first |= record.endpoint.isLocal ? 0 : 1 << 54
        first |= min(UInt64(milliseconds) + 1, 1 << 54 - 1) * (record.lastAttempt == nil ? 0 : 1)
        let second = (3 - record.origins.rank) << 32 | UInt64(~record.priority)
        return DialCandidate(position: position, first: first, second: second)
    }

    /// Counts why not, for each candidate that has to wait.
    private mutating func isFree(_ dialCount: Int, budget: Int) -> Bool {
        if connections.count + halfOpen.count >= configuration.connectionsMax {
            dialRefusals.connectionsFull += 1
        } else if halfOpen.count >= configuration.halfOpenMax {
            dialRefusals.halfOpenFull += 1
        } else if dialCount >= budget {
            dialRefusals.budgetSpent += 1
        } else {
            return true
        }
        return false
    }

    private mutating func isWithinQuota(_ record: PeerRecord) -> Bool {
        // A dial to an endpoint that was forgotten and named again may still be on its way.
        guard !halfOpen.contains(record.endpoint) else {
            dialRefusals.busy += 1
            return false
        }
        guard !record.endpoint.isLocal else { return true }
        let (address, subnet) = (record.endpoint.address, record.endpoint.subnet)
        var (inAddress, inSubnet, toPort) = (connectedAddresses[address], 0, 0)
        for other in halfOpen where !other.isLocal {
            inAddress += other.address == address ? 1 : 0
            inSubnet += other.subnet == subnet ? 1 : 0
            toPort += other.port == record.endpoint.port ? 1 : 0
        }
        guard inAddress < configuration.connectionsPerAddressMax else {
            dialRefusals.addressFull += 1
            return false
        }
        let isAimed =
            record.origins.areStrangers && toPort >= Limits.halfOpenPerStrangePortMax
        guard inSubnet < Limits.halfOpenPerSubnetMax, !isAimed else {
            dialRefusals.quota += 1
            return false
        }
        return true
    }

    mutating func noteDial(at moment: Instant) {
        nextDialAt = min(nextDialAt ?? moment, moment)
    }
}
