public import Units

/// A node of the DHT, in both its address families (BEP 5, BEP 32): it answers others, and finds
/// and stores for its owner. It has no socket and no clock: packets and the moment come in, and
/// packets and events go out into a `DHTOutput`.
///
/// What it hears is doubted. An answer counts if its number, its sender's address and port, and its
/// sender's id are all those that were asked. Only nodes that answered are in the table, and nobody
/// gets there, or is pinged more than once in five minutes, because somebody else says so.
public struct DHTNode: Sendable {
    public struct Configuration: Sendable {
        /// The id in the IPv4 network, and that in the IPv6 one; they must differ (BEP 45).
        public var id: NodeID
        public var id6: NodeID
        /// The families that there is a socket for.
        public var families: AddressFamilies = [.ipv4, .ipv6]
        /// The client and its version (BEP 5, `v`), the first byte highest; 0 says nothing.
        public var version: UInt32 = 0
        /// Whether queries are left unanswered, and ours say so (BEP 43): for who cannot be
        /// reached from outside.
        public var isReadOnly = false
        /// What strangers may have of us.
        public var limits = SourceGuard.Configuration()
        /// Whether nodes at loopback and private addresses are nodes: for private networks.
        public var acceptsLocalAddresses = false
        /// Nodes of the table's farthest bucket; each nearer one holds half as many, down to 8.
        public var rootCapacity = 128
        /// Whether the table is kept alive, and filled, without being asked for anything.
        public var isMaintained = true
        /// Whether `hop` tells of every step of a lookup.
        public var isTracing = false

        public init(id: NodeID, id6: NodeID) {
            self.id = id
            self.id6 = id6
        }

        /// With random ids, which become secure ones when the address is known.
        public init(using generator: inout some RandomNumberGenerator) {
            self.init(id: .random(using: &generator), id6: .random(using: &generator))
        }
    }

    /// Why the node wants to be called.
    public enum Reason: Hashable, Sendable {
        case answersDue, work, maintenance, joining
    }

    public internal(set) var configuration: Configuration
    public internal(set) var counters = DHTCounters()
    var generator: KeyedGenerator
    var table4: RoutingTable
    var table6: RoutingTable
    var transactions = Transactions()
    var roundTrips = RoundTrips()
    var works: [DHTWork] = []
    private var lastWork: UInt64 = 0
    var votes4 = AddressVotes()
    var votes6 = AddressVotes()
    var joining = Joining()
    /// When a packet last came that answered us.
    var lastAnswerAt = Instant.distantPast
    /// Nodes that have no new sample (BEP 51), and until when.
    var sampled: [(endpoint: Endpoint, until: Instant)] = []
    var tokens: TokenMint
    var peerStore = PeerStore()
    var itemStore = ItemStore()
    var sourceGuard: SourceGuard

    /// A node that knows nobody yet. `seed` decides all its chances, tokens' secrets included, so
    /// outside of tests it must not be foreseen.
    public init(_ configuration: Configuration, seed: UInt64) {
        var generator = KeyedGenerator(seed: seed)
        self.configuration = configuration
        self.table4 = RoutingTable(
            id: configuration.id, rootCapacity: configuration.rootCapacity,
            acceptsLocalAddresses: configuration.acceptsLocalAddresses)
        self.table6 = RoutingTable(
            id: configuration.id6, rootCapacity: configuration.rootCapacity,
            acceptsLocalAddresses: configuration.acceptsLocalAddresses)
        self.tokens = TokenMint(secret: (generator.next(), generator.next()))
        self.sourceGuard = SourceGuard(configuration.limits)
        self.generator = generator
    }

    // MARK: What comes in

    /// Takes in a packet.
    public mutating func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant,
        into output: inout DHTOutput
    ) {
        counters.packetsReceived += 1
        guard isUsable(sender) else {
            counters.packetsRejected += 1
            return
        }
        do throws(KRPCError) {
            let message = try KRPCMessage(parsing: datagram)
            switch message.kind {
            case .query(let method):
                counters.queriesReceived += 1
                answer(message, method, datagram, from: sender, now: now, into: &output)
            case .response:
                take(message, datagram, from: sender, now: now, into: &output)
            case .error(let code):
                takeError(message, code: code, from: sender, now: now, into: &output)
            }
        } catch {
            counters.packetsRejected += 1
            refuse(error, byteCount: datagram.count, from: sender, now: now, into: &output)
        }
    }

    /// Does what is due.
    public mutating func tick(now: Instant, into output: inout DHTOutput) {
        while let transaction = transactions.expire(now: now) {
            unanswered(transaction, now: now, into: &output)
        }
        var place = 0
        while place < works.count {
            let id = works[place].id
            advance(id, now: now, into: &output)
            if place < works.count, works[place].id == id { place += 1 }
        }
        maintain(now: now, into: &output)
    }

    /// When `tick` is to be called next, and why; `nil` if nothing will happen by itself.
    public func nextDeadline() -> (Instant, Reason)? {
        var next: (Instant, Reason)?
        func consider(_ instant: Instant, _ reason: Reason) {
            if let earliest = next, earliest.0 <= instant { return }
            next = (instant, reason)
        }
        if let due = transactions.nextDeadline() { consider(due, .answersDue) }
        for work in works { consider(work.nextDeadline(), .work) }
        if let due = maintenanceDeadline() { consider(due, .maintenance) }
        if let due = joining.nextDeadline() { consider(due, .joining) }
        return next
    }

    private func isUsable(_ endpoint: Endpoint) -> Bool {
        configuration.families.contains(AddressFamilies(endpoint.family)) && endpoint.isDialable
            && (configuration.acceptsLocalAddresses || !endpoint.isLocal)
    }

    /// Whether nodes at loopback and private addresses are nodes from now on: what network this is
    /// may be found out late.
    public mutating func setAcceptsLocalAddresses(_ accepts: Bool) {
        configuration.acceptsLocalAddresses = accepts
        table4.acceptsLocalAddresses = accepts
        table6.acceptsLocalAddresses = accepts
    }

    // MARK: What it knows

    public func id(_ family: AddressFamily) -> NodeID {
        family == .ipv4 ? configuration.id : configuration.id6
    }

    public func table(_ family: AddressFamily) -> RoutingTable {
        family == .ipv4 ? table4 : table6
    }

    /// How many nodes each table holds.
    public var tableSizes: (ipv4: Int, ipv6: Int) { (table4.count, table6.count) }

    /// Our address as others see it, once enough of them agree.
    public func externalAddress(_ family: AddressFamily) -> Endpoint? {
        family == .ipv4 ? votes4.address : votes6.address
    }

    /// How many nodes there seem to be.
    public func networkSize(_ family: AddressFamily) -> Double {
        family == .ipv4 ? table4.networkSize : table6.networkSize
    }

    /// What is kept for others: info-hashes, their peers, and items.
    public var storedCounts: (torrents: Int, peers: Int, items: Int) {
        (peerStore.torrentCount, peerStore.peerCount, itemStore.count)
    }

    /// Why queries stayed without an answer.
    public var limitCounters: SourceGuard.Counters { sourceGuard.counters }

    /// Pieces of work that are not finished, those that the node gave itself included.
    public var workCount: Int { works.count }

    /// Queries that may still be answered.
    public var openQueryCount: Int { transactions.count }

    func sender(_ family: AddressFamily) -> KRPCSender {
        KRPCSender(
            id: id(family), version: configuration.version, isReadOnly: configuration.isReadOnly)
    }

    mutating func withTable<Result>(
        _ family: AddressFamily, _ body: (inout RoutingTable) -> Result
    ) -> Result {
        switch family {
        case .ipv4: body(&table4)
        case .ipv6: body(&table6)
        }
    }

    mutating func newWorkID() -> WorkID {
        lastWork += 1
        return WorkID(lastWork)
    }
}
