public import Units

/// How the node comes into the network, and stays there.
struct Joining: Sendable {
    /// Addresses to begin with, which are asked again as long as nobody is known.
    var endpoints: [Endpoint] = []
    var attempts = 0
    var retryAt: Instant?
    /// When each address was last asked for no better reason than that somebody named it.
    private var asked: [(endpoint: Endpoint, at: Instant)] = []
    /// Nodes that would have a place in the table if they answered.
    var wanted: [NodeContact] = []
    var maintainAt: Instant?
    /// Families whose neighbours were found.
    var joined: AddressFamilies = []
    /// Buckets that are still to be filled after that, the farthest first.
    var refreshes4 = 0
    var refreshes6 = 0
    /// When an id was last replaced.
    var idChangedAt: Instant?
    /// Whether a query was not answered while nobody else answered either.
    var doubtsNetwork = false
    /// When our neighbours are looked for again, and how often they were.
    var neighboursAt: Instant?
    var searches = 0

    func nextDeadline() -> Instant? {
        guard let retryAt, let neighboursAt else { return retryAt ?? neighboursAt }
        return min(retryAt, neighboursAt)
    }

    /// Whether an address may be asked, which is then written down.
    mutating func mayAsk(_ endpoint: Endpoint, now: Instant) -> Bool {
        asked.removeAll { $0.at + Limits.askAgainAfter <= now }
        guard asked.count < Limits.askedMax, !asked.contains(where: { $0.endpoint == endpoint })
        else { return false }
        asked.append((endpoint, now))
        return true
    }
}

extension DHTNode {
    /// Asks addresses whether there are nodes, and joins the network through them: bootstrap
    /// nodes, a torrent's `nodes`, PORT messages of peers. Each is asked at most once in five
    /// minutes, and as long as nobody is known, again and again with growing pauses.
    ///
    /// - Parameter insists: asks each now. For who names his own nodes and paces himself, not for
    ///   what strangers name: whoever they please would be asked as often as they please.
    public mutating func addNodes(
        _ endpoints: [Endpoint], insists: Bool = false, now: Instant, into output: inout DHTOutput
    ) {
        for endpoint in endpoints where isNode(endpoint) && !isFull(endpoint.family) {
            if joining.endpoints.count < Limits.bootstrapEndpointsMax,
                !joining.endpoints.contains(endpoint)
            {
                joining.endpoints.append(endpoint)
            }
            guard joining.mayAsk(endpoint, now: now) || insists else { continue }
            askToJoin(endpoint, now: now, into: &output)
        }
        scheduleJoining(now: now)
        scheduleMaintenance(now: now)
    }

    /// Begins with nodes that an earlier run knew: our lookups use them at once, others hear of
    /// them when they have answered.
    public mutating func restore(
        _ contacts: [NodeContact], now: Instant, into output: inout DHTOutput
    ) {
        for contact in contacts where isNode(contact.endpoint) {
            let isSecure = contact.id.isSecure(for: contact.endpoint)
            withTable(contact.endpoint.family) { $0.restore(contact, isSecure: isSecure) }
        }
        for family in AddressFamily.allCases where !table(family).isEmpty {
            findNeighbours(family, now: now, into: &output)
        }
        scheduleMaintenance(now: now)
    }

    /// Puts nodes into the table as if they had just answered: for simulations that begin with a
    /// network that has been there for long.
    public mutating func adopt(_ contacts: [NodeContact], now: Instant) {
        for contact in contacts { adopt(contact, roundTrip: nil, answeredAt: now) }
    }

    /// Puts a node into the table as if it had answered at that moment, after that time.
    public mutating func adopt(
        _ contact: NodeContact, roundTrip: Interval?, answeredAt moment: Instant
    ) {
        guard isNode(contact.endpoint) else { return }
        let isSecure = contact.id.isSecure(for: contact.endpoint)
        withTable(contact.endpoint.family) {
            _ = $0.answered(contact, roundTrip: roundTrip, isSecure: isSecure, now: moment)
        }
        joining.joined.insert(AddressFamilies(contact.endpoint.family))
        scheduleMaintenance(now: moment)
    }

    /// What to begin the next run with: the nodes that answered when they were last asked.
    public var savedContacts: [NodeContact] {
        AddressFamily.allCases.flatMap { family in
            table(family).entries.filter(\.isGood).map(\.contact)
                .prefix(Limits.savedContactsMax)
        }
    }

    private func isNode(_ endpoint: Endpoint) -> Bool {
        endpoint.isDialable && configuration.families.contains(AddressFamilies(endpoint.family))
            && (configuration.acceptsLocalAddresses || !endpoint.isLocal)
    }

    /// Whether there are so many good nodes that no stranger's hint is needed.
    private func isFull(_ family: AddressFamily) -> Bool {
        table(family).goodCount >= Limits.goodNodesWanted
    }

    // MARK: Joining

    private mutating func askToJoin(
        _ endpoint: Endpoint, now: Instant, into output: inout DHTOutput
    ) {
        let target = id(endpoint.family)
        _ = send(
            .findNode(target), to: endpoint, id: nil, for: .join, now: now, into: &output)
    }

    /// A bootstrap node answered: it is the beginning of the way to our neighbours.
    mutating func join(
        _ contact: NodeContact, _ message: KRPCMessage, _ datagram: UnsafeRawBufferPointer,
        now: Instant, into output: inout DHTOutput
    ) {
        let family = contact.endpoint.family
        let nodes = message.contacts(family, in: datagram)
        if let place = selfLookup(family) {
            works[place].lookup.joined(contact, naming: nodes, now: now)
            advance(works[place].id, now: now, into: &output)
            return
        }
        guard !joining.joined.contains(AddressFamilies(family)) else { return }
        let id = findNeighbours(family, now: now, into: &output)
        guard let id, let place = work(id) else { return }
        works[place].lookup.joined(contact, naming: nodes, now: now)
        advance(id, now: now, into: &output)
    }

    private func selfLookup(_ family: AddressFamily) -> Int? {
        works.firstIndex {
            guard case .selfLookup = $0.goal else { return false }
            return $0.family == family
        }
    }

    @discardableResult
    mutating func findNeighbours(
        _ family: AddressFamily, now: Instant, into output: inout DHTOutput
    ) -> WorkID? {
        guard selfLookup(family) == nil else { return nil }
        return begin(.selfLookup, id(family), family, now: now, into: &output)
    }

    /// A node is new in the table. The first one leads to our neighbours (BEP 5, "Routing Table").
    mutating func welcome(
        _ family: AddressFamily, _ purpose: QueryPurpose, now: Instant,
        into output: inout DHTOutput
    ) {
        guard configuration.isMaintained else { return }
        scheduleMaintenance(now: now)
        guard purpose != .join, !joining.joined.contains(AddressFamilies(family)) else { return }
        findNeighbours(family, now: now, into: &output)
    }

    /// Our neighbours are found, or nobody is there.
    mutating func joined(_ work: DHTWork, now: Instant, into output: inout DHTOutput) {
        let family = work.family
        let count = table(family).count
        guard work.lookup.answerCount > 0 else { return scheduleJoining(now: now) }
        joining.attempts = 0
        guard joining.joined.insert(AddressFamilies(family)).inserted else { return }
        if family == .ipv4 {
            joining.refreshes4 = Limits.refreshesAfterJoining
        } else {
            joining.refreshes6 = Limits.refreshesAfterJoining
        }
        output.events.append(.joined(family, count: count))
        scheduleNeighbours(now: now)
        scheduleMaintenance(now: now)
    }

    /// Our neighbours change. Where there are few of them the network is young, and others join it
    /// just now; else they are looked for again as often as nodes are asked whether they are there.
    private mutating func scheduleNeighbours(now: Instant) {
        guard configuration.isMaintained else { return }
        let isSmall = table4.count + table6.count < Limits.bucketSize
        let exponent = Int64(min(joining.searches, Limits.joinDoublingsMax))
        let soon = min(Limits.joinRetryMin * (1 << exponent), Limits.joinRetryMax)
        joining.searches += 1
        joining.neighboursAt = now + (isSmall ? soon : Limits.goodFor)
    }

    private mutating func searchNeighbours(now: Instant, into output: inout DHTOutput) {
        guard let due = joining.neighboursAt, now >= due else { return }
        scheduleNeighbours(now: now)
        for family in AddressFamily.allCases where !table(family).isEmpty {
            findNeighbours(family, now: now, into: &output)
        }
    }

    /// While nobody is known, what there is to begin with is asked again: after 2 seconds, then
    /// after longer and longer pauses, up to 5 minutes.
    private mutating func scheduleJoining(now: Instant) {
        guard joining.retryAt == nil, needsJoining else { return }
        let exponent = Int64(min(joining.attempts, Limits.joinDoublingsMax))
        joining.retryAt = now + min(Limits.joinRetryMin * (1 << exponent), Limits.joinRetryMax)
    }

    private var needsJoining: Bool {
        AddressFamily.allCases.contains { family in
            configuration.families.contains(AddressFamilies(family)) && table(family).isEmpty
                && joining.endpoints.contains { $0.family == family }
        }
    }

    private mutating func retryJoining(now: Instant, into output: inout DHTOutput) {
        guard let due = joining.retryAt, now >= due else { return }
        joining.retryAt = nil
        guard needsJoining else { return }
        joining.attempts += 1
        for endpoint in joining.endpoints where table(endpoint.family).isEmpty {
            askToJoin(endpoint, now: now, into: &output)
        }
        scheduleJoining(now: now)
    }

    // MARK: Keeping the table

    /// A node that could have a place in the table is asked, one at a time, whether it is there.
    mutating func consider(_ contact: NodeContact, now: Instant) {
        guard configuration.isMaintained, joining.wanted.count < Limits.wantedMax,
            !joining.wanted.contains(contact), table(contact.endpoint.family).wants(contact)
        else { return }
        joining.wanted.append(contact)
        scheduleMaintenance(now: now)
    }

    /// Takes up what answers name, as far as there are places for it.
    mutating func hear(
        _ message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, _ family: AddressFamily
    ) {
        guard configuration.isMaintained, joining.wanted.count < Limits.wantedMax else { return }
        for contact in message.contacts(family, in: datagram)
        where joining.wanted.count < Limits.wantedMax && isNode(contact.endpoint)
            && !joining.wanted.contains(contact) && table(family).wants(contact)
        {
            joining.wanted.append(contact)
        }
    }

    func maintenanceDeadline() -> Instant? { joining.maintainAt }

    mutating func scheduleMaintenance(now: Instant) {
        guard configuration.isMaintained else { return }
        let due = now + maintenanceInterval
        if let planned = joining.maintainAt, planned <= due { return }
        joining.maintainAt = due
    }

    /// Every node of the table has its turn within the time for which a node counts as good; while
    /// there is something new to try, and nodes of an earlier run to confirm, every second.
    private var maintenanceInterval: Interval {
        // Nothing is gained by asking often where nobody answers.
        if joining.doubtsNetwork { return Limits.maintenanceIntervalOffline }
        let hasNews =
            !joining.wanted.isEmpty || joining.refreshes4 + joining.refreshes6 > 0
            || table4.goodCount < table4.count || table6.goodCount < table6.count
        if hasNews { return Limits.maintenanceIntervalMin }
        let count = Int64(max(table4.count + table6.count, 1))
        return min(
            max(Limits.goodFor / 2 / count, Limits.maintenanceIntervalMin),
            Limits.maintenanceIntervalMax)
    }

    /// One step: a new node if there is one to try, else the one that has been silent the longest.
    mutating func maintain(now: Instant, into output: inout DHTOutput) {
        retryJoining(now: now, into: &output)
        searchNeighbours(now: now, into: &output)
        guard let due = joining.maintainAt, now >= due else { return }
        joining.maintainAt = nil
        tryWanted(now: now, into: &output)
        refresh(now: now, into: &output)
        for family in AddressFamily.allCases {
            guard let contact = table(family).stalest(now: now, age: Limits.goodFor / 2) else {
                continue
            }
            // A question for its own surroundings costs no more than a ping, and fills gaps.
            let shared = id(family).commonPrefixLength(with: contact.id)
            let target = id(family).random(sharing: shared, using: &generator)
            withTable(family) { $0.tried(contact) }
            if joining.doubtsNetwork, let other = table(family).freshest, other != contact {
                // If this one answers, it is not our network that fails.
                _ = send(
                    .ping, to: other.endpoint, id: other.id, for: .check, now: now, into: &output)
            }
            _ = send(
                .findNode(target), to: contact.endpoint, id: contact.id, for: .check, now: now,
                into: &output)
        }
        if table4.isEmpty, table6.isEmpty, joining.wanted.isEmpty {
            joining.joined = []
            joining.neighboursAt = nil
            joining.searches = 0
            return scheduleJoining(now: now)
        }
        scheduleMaintenance(now: now)
    }

    private mutating func tryWanted(now: Instant, into output: inout DHTOutput) {
        while let contact = joining.wanted.popLast() {
            guard table(contact.endpoint.family).wants(contact),
                joining.mayAsk(contact.endpoint, now: now)
            else { continue }
            _ = send(
                .ping, to: contact.endpoint, id: contact.id, for: .check, now: now, into: &output)
            return
        }
    }

    /// After joining, the far buckets are filled by lookups there, one at a time.
    private mutating func refresh(now: Instant, into output: inout DHTOutput) {
        for family in AddressFamily.allCases {
            let left = family == .ipv4 ? joining.refreshes4 : joining.refreshes6
            guard left > 0, works.count < Limits.worksMax / 2 else { continue }
            if family == .ipv4 { joining.refreshes4 -= 1 } else { joining.refreshes6 -= 1 }
            let bucket = left - 1
            let table = table(family)
            guard table.count(inBucket: bucket) < table.capacity(ofBucket: bucket),
                table.count >= Limits.bucketSize
            else { continue }
            let target = id(family).random(sharing: bucket, using: &generator)
            _ = begin(.refresh, target, family, now: now, into: &output)
        }
    }

    // MARK: Our address

    /// Counts what a node says that our address is, and takes an id that it may have once enough
    /// of them agree (BEP 42).
    mutating func count(
        _ message: KRPCMessage, from voter: Endpoint, _ transaction: Transaction, now: Instant,
        into output: inout DHTOutput
    ) {
        guard let seen = message.externalAddress, seen.family == voter.family, !seen.isUnspecified,
            !seen.isMulticast, configuration.acceptsLocalAddresses || !seen.isLocal
        else { return }
        let lookup: UInt64 =
            switch transaction.purpose {
            case .search(let id), .sweep(let id), .store(let id), .ping(let id): id.rawValue
            case .join, .check: 0
            }
        let decided =
            voter.isIPv4
            ? votes4.count(seen, from: voter, lookup: lookup)
            : votes6.count(seen, from: voter, lookup: lookup)
        guard let decided else { return }
        output.events.append(.externalAddress(decided))
        takeSecureID(for: decided, now: now, into: &output)
    }

    private mutating func takeSecureID(
        for address: Endpoint, now: Instant, into output: inout DHTOutput
    ) {
        let family = address.family
        guard !id(family).isSecure(for: address) else { return }
        if let last = joining.idChangedAt, now - last < Limits.idLifeMin { return }
        joining.idChangedAt = now
        let last = UInt8(truncatingIfNeeded: generator.next())
        let id = NodeID.secure(for: address, random: last, using: &generator)
        switch family {
        case .ipv4: configuration.id = id
        case .ipv6: configuration.id6 = id
        }
        withTable(family) { $0.move(to: id) }
        output.events.append(.idChanged(family, id))
        works.removeAll { work in
            guard case .selfLookup = work.goal else { return false }
            return work.family == family
        }
        findNeighbours(family, now: now, into: &output)
    }
}
