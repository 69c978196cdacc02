internal import Kademlia
internal import Units

/// Kademlia as it runs on the network: this program's own `RoutingTable` and `Lookup`. Only the
/// packets between them are left out. Answers take their time, which decides whom a lookup asks;
/// the dead give none.
///
/// A node's table holds, in each bucket, nodes of chance out of all that belong there, as many as
/// there are or as the bucket takes. It follows from the seed and from the node alone, so it is
/// made when the node is asked, and it is the same whenever that is: a million nodes need no memory
/// for tables that nobody looks into.
struct KademliaTables: Overlay {
    let contactsPerNode: Double
    let bytesPerContact = NodeContact.compactIPv4ByteCount

    private let replicaCount: Int
    private let seed: UInt64
    private let rootCapacity: Int
    private let delays: DelayModel
    /// By the number of the sweep that they are for, from 1; 0 for a query of the search itself.
    private var answers = Agenda()
    private var nearest: [NodeContact] = []
    /// What the sweeps of a search ask for, in order.
    private var sweepTargets: [NodeID] = []
    private var members: [UInt32] = []

    /// The time there and back at the median; nine in ten take at most twice as long, and a node
    /// that has been there for long waits a quarter longer than these.
    private static let roundTrip = Interval.milliseconds(100)
    private static let patience = Interval.milliseconds(250)
    /// 10.0.0.0/8 has room for 16 million nodes, and no quotas.
    private static let firstAddress: UInt32 = 10 << 24

    /// - Parameter replicaCount: on how many nodes a record lies; as many contacts stand in an
    ///   answer.
    init(
        _ population: OverlayPopulation, replicaCount: Int, using generator: inout SeededGenerator
    ) {
        self.replicaCount = replicaCount
        self.seed = generator.next()
        var conditions = NetworkConditions(roundTrip: Self.roundTrip)
        conditions.jitter = 0
        self.delays = DelayModel(conditions, seed: generator.next())
        self.rootCapacity = DHTNode.Configuration(id: .zero, id6: .zero).rootCapacity
        let table = RoutingTable(
            id: .zero, rootCapacity: rootCapacity, acceptsLocalAddresses: true)
        var total = 0
        for node in 0..<population.count {
            Self.visitBuckets(of: node, in: population) { bucket, range in
                total += min(range.count, table.capacity(ofBucket: bucket))
            }
        }
        self.contactsPerNode = Double(total) / Double(population.count)
    }

    mutating func find(
        _ lookup: OverlayLookup, in population: OverlayPopulation,
        using generator: inout SeededGenerator
    ) -> OverlayOutcome {
        var outcome = OverlayOutcome()
        let holders = population.closest(to: lookup.key, count: replicaCount)
        var search = begin(Self.id(at: lookup.key), from: lookup.source, in: population)
        var now = Instant.zero
        answers = Agenda()
        sweepTargets.removeAll(keepingCapacity: true)
        while !search.isFinished(now: now) {
            sendQueries(of: &search, from: lookup.source, now: now, in: population, &outcome)
            // What is not answered, the search gives up by itself.
            let change = search.nextDeadline()
            guard let next = answers.nextTime, next <= change.nanoseconds,
                let answer = answers.next()
            else {
                now = max(change, now + .milliseconds(1))
                continue
            }
            now = Instant(nanoseconds: answer.time)
            let node = answer.host.rawValue
            let contact = Self.contact(of: node, in: population)
            guard answer.payload == 0 else {
                ask(node, for: sweepTargets[Int(answer.payload) - 1], in: population)
                search.swept(by: contact, naming: nearest, now: now)
                continue
            }
            ask(node, for: search.target, in: population)
            search.answered(contact, naming: nearest, now: now)
            if outcome.hopCount == nil, holders.contains(node),
                let hops = search.hops(to: contact)
            {
                outcome.hopCount = hops + 1
            }
        }
        return outcome
    }

    private mutating func sendQueries(
        of search: inout Lookup, from source: UInt32, now: Instant,
        in population: OverlayPopulation, _ outcome: inout OverlayOutcome
    ) {
        func send(to contact: NodeContact, sweep: Int) {
            guard let node = Self.node(at: contact.endpoint) else { return }
            outcome.messageCount += 1
            guard population.isAlive[Int(node)] else { return }
            outcome.messageCount += 1
            let delay = delays.roundTrip(HostIndex(source), HostIndex(node))
            answers.schedule(
                .datagram, for: HostIndex(node), payload: UInt32(sweep), at: now + delay)
        }
        while let contact = search.nextQuery(now: now, patience: Self.patience) {
            send(to: contact, sweep: 0)
        }
        while let sweep = search.nextSweep(now: now, patience: Self.patience) {
            sweepTargets.append(sweep.target)
            send(to: sweep.contact, sweep: sweepTargets.count)
        }
    }

    private mutating func begin(
        _ target: NodeID, from source: UInt32, in population: OverlayPopulation
    ) -> Lookup {
        let table = table(of: source, in: population)
        var search = Lookup(
            target: target, family: .ipv4, ownID: table.id, networkSize: table.networkSize,
            acceptsLocalAddresses: true, now: .zero)
        nearest.removeAll(keepingCapacity: true)
        table.closest(to: target, count: 16, for: .ourLookup, into: &nearest)
        for contact in nearest { search.addSeed(contact, roundTrip: nil) }
        return search
    }

    /// Fills `nearest` with what the node answers.
    private mutating func ask(
        _ node: UInt32, for target: NodeID, in population: OverlayPopulation
    ) {
        let table = table(of: node, in: population)
        nearest.removeAll(keepingCapacity: true)
        table.closest(to: target, count: replicaCount, for: .reply, into: &nearest)
    }

    // MARK: Tables

    /// The table that the node has.
    mutating func table(of node: UInt32, in population: OverlayPopulation) -> RoutingTable {
        var table = RoutingTable(
            id: Self.id(at: population.positions[Int(node)]), rootCapacity: rootCapacity,
            acceptsLocalAddresses: true)
        var chance = SeededGenerator(seed: seed ^ UInt64(node) &* 0x9E37_79B9_7F4A_7C15)
        Self.visitBuckets(of: Int(node), in: population) { bucket, range in
            let capacity = table.capacity(ofBucket: bucket)
            Self.choose(capacity, of: range, into: &members, using: &chance)
            for member in members {
                table.answered(
                    Self.contact(of: member, in: population), roundTrip: nil, isSecure: true,
                    now: .zero)
            }
        }
        return table
    }

    /// For each length of a prefix that others share with the node, those who share no more.
    private static func visitBuckets(
        of node: Int, in population: OverlayPopulation, _ visit: (Int, Range<Int>) -> Void
    ) {
        var range = 0..<population.count
        let position = population.positions[node]
        for bucket in 0..<64 where range.count > 1 {
            let middle = population.split(range, bit: 63 - bucket)
            let isHigh = position >> UInt64(63 - bucket) & 1 == 1
            let others = isHigh ? range.lowerBound..<middle : middle..<range.upperBound
            if !others.isEmpty { visit(bucket, others) }
            range = isHigh ? middle..<range.upperBound : range.lowerBound..<middle
        }
    }

    /// So many different ones of the range, each set of them as likely as the others; all, if there
    /// are no more (Floyd's way).
    private static func choose(
        _ wanted: Int, of range: Range<Int>, into chosen: inout [UInt32],
        using generator: inout SeededGenerator
    ) {
        chosen.removeAll(keepingCapacity: true)
        guard range.count > wanted else {
            chosen.append(contentsOf: range.lazy.map { UInt32($0) })
            return
        }
        for last in (range.upperBound - wanted)..<range.upperBound {
            let drawn = UInt32(Int.random(in: range.lowerBound...last, using: &generator))
            chosen.append(chosen.contains(drawn) ? UInt32(last) : drawn)
        }
    }

    // MARK: Names

    /// Rising positions give rising ids, and their first 64 bits decide every distance.
    static func id(at position: UInt64) -> NodeID {
        NodeID(high: position, middle: position &* 0x9E37_79B9_7F4A_7C15, low: 0)
    }

    private static func contact(of node: UInt32, in population: OverlayPopulation) -> NodeContact {
        NodeContact(
            id: id(at: population.positions[Int(node)]),
            endpoint: Endpoint(ipv4: firstAddress + node, port: 6881))
    }

    private static func node(at endpoint: Endpoint) -> UInt32? {
        endpoint.ipv4.map { $0 - firstAddress }
    }
}
