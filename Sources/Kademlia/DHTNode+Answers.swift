import Hashing
import Units

/// What comes back to what we asked.
extension DHTNode {
    mutating func take(
        _ message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, from sender: Endpoint,
        now: Instant, into output: inout DHTOutput
    ) {
        guard let transaction = transactions.end(message.transactionID, from: sender) else {
            counters.answersIgnored += 1
            return
        }
        let family = sender.family
        let contact = NodeContact(id: message.id, endpoint: sender)
        if let asked = transaction.contact, asked != contact {
            counters.answersIgnored += 1
            return deny(asked, transaction, now: now, into: &output)
        }
        counters.answersReceived += 1
        lastAnswerAt = now
        sourceGuard.proved(sender, now: now)
        if joining.doubtsNetwork {
            joining.doubtsNetwork = false
            scheduleMaintenance(now: now)
        }
        let roundTrip = now - transaction.sentAt
        roundTrips.answered(after: roundTrip)
        let isSecure = contact.id.isSecure(for: sender)
        let outcome = withTable(family) {
            $0.answered(contact, roundTrip: roundTrip, isSecure: isSecure, now: now)
        }
        if outcome == .inserted { welcome(family, transaction.purpose, now: now, into: &output) }
        count(message, from: sender, transaction, now: now, into: &output)
        hear(message, datagram, family)
        switch transaction.purpose {
        case .search(let id):
            found(message, datagram, contact, roundTrip, for: id, now: now, into: &output)
        case .sweep(let id):
            guard let place = work(id), works[place].storingUntil == nil else { return }
            let nodes = message.contacts(family, in: datagram)
            works[place].lookup.swept(by: contact, naming: nodes, now: now)
            advance(id, now: now, into: &output)
        case .store(let id):
            stored(id, nil, now: now, into: &output)
        case .ping(let id):
            guard let place = work(id) else { return }
            output.events.append(
                .answered(id, contact, roundTrip: roundTrip, version: message.version))
            works[place].result.closest = [contact]
            works[place].result.answers = 1
            finish(place, now: now, into: &output)
        case .join:
            join(contact, message, datagram, now: now, into: &output)
        case .check: break
        }
    }

    mutating func takeError(
        _ message: KRPCMessage, code: Int32, from sender: Endpoint, now: Instant,
        into output: inout DHTOutput
    ) {
        guard let transaction = transactions.end(message.transactionID, from: sender) else {
            counters.answersIgnored += 1
            return
        }
        counters.answersReceived += 1
        lastAnswerAt = now
        // Errors have no id (BEP 5), so they tell the table nothing.
        switch transaction.purpose {
        case .store(let id):
            stored(id, KRPCErrorCode(rawValue: code) ?? .generic, now: now, into: &output)
        case .search(let id):
            guard let asked = transaction.contact else { return }
            lost(asked, for: id, now: now, into: &output)
        case .ping(let id):
            guard let place = work(id) else { return }
            finish(place, now: now, into: &output)
        case .sweep(let id): sweepFailed(transaction, for: id, now: now, into: &output)
        case .join, .check: break
        }
    }

    /// Nobody answered in all the time there is.
    mutating func unanswered(
        _ transaction: Transaction, now: Instant, into output: inout DHTOutput
    ) {
        counters.timeouts += 1
        roundTrips.failed()
        if let asked = transaction.contact {
            // Where nobody answers at all, it is our own network that fails.
            let counts = lastAnswerAt >= transaction.sentAt
            joining.doubtsNetwork = !counts
            withTable(asked.endpoint.family) { $0.failed(asked, counts: counts) }
        }
        switch transaction.purpose {
        case .search(let id):
            guard let asked = transaction.contact else { return }
            lost(asked, for: id, now: now, into: &output)
        case .store(let id): stored(id, .generic, now: now, into: &output)
        case .ping(let id):
            guard let place = work(id) else { return }
            finish(place, now: now, into: &output)
        case .sweep(let id): sweepFailed(transaction, for: id, now: now, into: &output)
        case .join, .check: break
        }
    }

    private mutating func sweepFailed(
        _ transaction: Transaction, for id: WorkID, now: Instant, into output: inout DHTOutput
    ) {
        guard let place = work(id), works[place].storingUntil == nil,
            let asked = transaction.contact
        else { return }
        works[place].lookup.sweepFailed(asked)
        advance(id, now: now, into: &output)
    }

    /// Somebody else than was asked answers at that address: the node that was there is gone, or
    /// never was.
    private mutating func deny(
        _ asked: NodeContact, _ transaction: Transaction, now: Instant,
        into output: inout DHTOutput
    ) {
        withTable(asked.endpoint.family) { $0.remove(asked) }
        switch transaction.purpose {
        case .search(let id):
            guard let place = work(id) else { return }
            trace(works[place], asked, .failed, now: now, into: &output)
            works[place].lookup.denied(asked)
            advance(id, now: now, into: &output)
        case .store(let id): stored(id, .generic, now: now, into: &output)
        case .sweep(let id): sweepFailed(transaction, for: id, now: now, into: &output)
        case .ping, .join, .check: break
        }
    }

    private mutating func lost(
        _ asked: NodeContact, for id: WorkID, now: Instant, into output: inout DHTOutput
    ) {
        guard let place = work(id), works[place].storingUntil == nil else { return }
        trace(works[place], asked, .failed, now: now, into: &output)
        works[place].lookup.failed(asked)
        advance(id, now: now, into: &output)
    }

    private mutating func stored(
        _ id: WorkID, _ refusal: KRPCErrorCode?, now: Instant, into output: inout DHTOutput
    ) {
        guard let place = work(id), works[place].storingUntil != nil else { return }
        works[place].storesWaiting -= 1
        if let refusal {
            works[place].result.refusals.append(refusal)
        } else {
            works[place].result.storedCount += 1
        }
        advance(id, now: now, into: &output)
    }

    // MARK: Steps of lookups

    private mutating func found(
        _ message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, _ contact: NodeContact,
        _ roundTrip: Interval, for id: WorkID, now: Instant, into output: inout DHTOutput
    ) {
        guard let place = work(id) else { return }
        if works[place].storingUntil == nil {
            let nodes = message.contacts(contact.endpoint.family, in: datagram)
            works[place].lookup.answered(contact, naming: nodes, now: now)
            if configuration.isTracing {
                let count = nodes.reduce(0) { count, _ in count + 1 }
                trace(
                    works[place], contact, .answered(nodes: count, roundTrip: roundTrip),
                    now: now, into: &output)
            }
        }
        if works[place].storesSomething, let token = message.token,
            works[place].grants.count < Limits.grantsMax
        {
            works[place].grants.append(
                DHTWork.Grant(contact: contact, token: Array(token.bytes(in: datagram))))
        }
        switch works[place].goal {
        case .peers: takePeers(message, datagram, contact, place, into: &output)
        case .item: takeItem(message, datagram, contact, place, into: &output)
        case .samples: takeSamples(message, datagram, contact, id, now: now, into: &output)
        case .nodes, .selfLookup, .refresh, .ping: break
        }
        advance(id, now: now, into: &output)
    }

    private mutating func takePeers(
        _ message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, _ contact: NodeContact,
        _ place: Int, into output: inout DHTOutput
    ) {
        let acceptsLocal = configuration.acceptsLocalAddresses
        let peers = message.peers(in: datagram).filter { acceptsLocal || !$0.isLocal }
        if !peers.isEmpty {
            output.events.append(.peers(works[place].id, peers, from: contact))
        }
        guard case .peers(var search) = works[place].goal, var filters = search.filters else {
            return
        }
        if let seeds = message.seedFilter.flatMap({ ScrapeFilter(bytes: $0.bytes(in: datagram)) }),
            let others = message.peerFilter.flatMap({ ScrapeFilter(bytes: $0.bytes(in: datagram)) })
        {
            filters.seeds.formUnion(seeds)
            filters.peers.formUnion(others)
        } else {
            // A node that knows no scrapes still names peers (BEP 33, "Handling legacy responses").
            for peer in peers where !filters.seeds.mayContain(peer) { filters.peers.insert(peer) }
        }
        search.filters = filters
        works[place].goal = .peers(search)
    }

    private mutating func takeItem(
        _ message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, _ contact: NodeContact,
        _ place: Int, into output: inout DHTOutput
    ) {
        guard case .item(var search) = works[place].goal,
            let item = message.item(in: datagram),
            (item.signed != nil) == search.isMutable
        else { return }
        let known = search.found?.signed?.sequence
        if let known, let sequence = item.signed?.sequence, sequence <= known {
            // The same again needs no second proof; the number alone says that something is held.
            if search.holders.count < Limits.grantsMax { search.holders.append(contact) }
            works[place].goal = .item(search)
            return
        }
        guard search.isMutable || search.found == nil,
            item.isValid(at: works[place].lookup.target, salt: search.salt)
        else { return }
        if search.holders.count < Limits.grantsMax { search.holders.append(contact) }
        search.found = item
        works[place].goal = .item(search)
        if search.item == nil { output.events.append(.item(works[place].id, item)) }
    }

    private mutating func takeSamples(
        _ message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, _ contact: NodeContact,
        _ id: WorkID, now: Instant, into output: inout DHTOutput
    ) {
        // Without `samples` it is a node that took the question for `find_node` (BEP 51).
        guard message.samples != nil else { return }
        let samples = DHTSamples(
            infoHashes: Array(message.sampledHashes(in: datagram)),
            storedCount: message.sampledCount ?? 0, interval: message.sampleInterval ?? .zero)
        output.events.append(.samples(id, samples, from: contact))
        sampled.removeAll { $0.until <= now || $0.endpoint == contact.endpoint }
        if samples.interval > .zero, sampled.count < Limits.sampledNodesMax {
            sampled.append((contact.endpoint, now + samples.interval))
        }
    }

    /// Whether a node said that it has no new sample yet (BEP 51, "Sampling RPC").
    func hasNoNewSample(_ contact: NodeContact, now: Instant) -> Bool {
        sampled.contains { $0.endpoint == contact.endpoint && $0.until > now }
    }
}
