public import Hashing
public import Units

/// What an owner can ask for. Each gives a handle that the events name; work that cannot begin
/// (there are too many others, or the family has no socket) ends at once.
extension DHTNode {
    /// Finds the nodes nearest to `target`.
    public mutating func lookup(
        _ target: NodeID, _ family: AddressFamily, now: Instant, into output: inout DHTOutput
    ) -> WorkID {
        begin(.nodes, target, family, now: now, into: &output)
    }

    /// Finds peers of a torrent (BEP 5, "get_peers"), and if there is something to announce, tells
    /// the nodes that are nearest to it in the end.
    public mutating func getPeers(
        _ infoHash: SHA1Digest, announcing announcement: DHTAnnouncement? = nil,
        noSeeds: Bool = false, _ family: AddressFamily, now: Instant, into output: inout DHTOutput
    ) -> WorkID {
        let search = DHTWork.PeerSearch(announcement: announcement, noSeeds: noSeeds)
        return begin(.peers(search), NodeID(infoHash), family, now: now, into: &output)
    }

    /// Counts a torrent's seeds and peers (BEP 33), and finds some of them.
    public mutating func scrape(
        _ infoHash: SHA1Digest, _ family: AddressFamily, now: Instant, into output: inout DHTOutput
    ) -> WorkID {
        let search = DHTWork.PeerSearch(filters: ScrapeFilters())
        return begin(.peers(search), NodeID(infoHash), family, now: now, into: &output)
    }

    /// Finds the immutable value with this hash (BEP 44). It ends when it has it.
    public mutating func get(
        immutable target: NodeID, _ family: AddressFamily, now: Instant,
        into output: inout DHTOutput
    ) -> WorkID {
        let search = DHTWork.ItemSearch(isMutable: false)
        return begin(.item(search), target, family, now: now, into: &output)
    }

    /// Finds the newest value that `key` signed for `salt` (BEP 44). Each that is newer than those
    /// before is told of.
    public mutating func get(
        signedBy key: Ed25519PublicKey, salt: [UInt8] = [], _ family: AddressFamily, now: Instant,
        into output: inout DHTOutput
    ) -> WorkID {
        let search = DHTWork.ItemSearch(salt: salt, isMutable: true)
        let target = DHTItem.target(key: key, salt: salt)
        return begin(.item(search), target, family, now: now, into: &output)
    }

    /// Stores a value (BEP 44) at the nodes nearest to its target. With `expecting` a mutable one
    /// is stored only if the newest that is there has that number. Values last two hours; to put
    /// them again is the caller's.
    public mutating func put(
        _ item: DHTItem, salt: [UInt8] = [], expecting sequence: Int64? = nil,
        _ family: AddressFamily, now: Instant, into output: inout DHTOutput
    ) -> WorkID {
        let search = DHTWork.ItemSearch(
            salt: salt, isMutable: item.signed != nil, item: item, expected: sequence)
        return begin(.item(search), item.target(salt: salt), family, now: now, into: &output)
    }

    /// Asks the nodes nearest to `target` for samples of the info-hashes that they hold (BEP 51).
    public mutating func sample(
        near target: NodeID, _ family: AddressFamily, now: Instant, into output: inout DHTOutput
    ) -> WorkID {
        begin(.samples, target, family, now: now, into: &output)
    }

    /// Asks whether there is a node at an address.
    public mutating func ping(
        _ endpoint: Endpoint, now: Instant, into output: inout DHTOutput
    ) -> WorkID {
        let id = newWorkID()
        let family = endpoint.family
        var work = DHTWork(
            id: id, family: family, goal: .ping,
            lookup: newLookup(self.id(family), family, now: now))
        work.pingingUntil = now + Limits.answerTime
        guard works.count < Limits.worksMax,
            send(.ping, to: endpoint, id: nil, for: .ping(id), now: now, into: &output)
        else {
            output.events.append(.finished(id, work.result))
            return id
        }
        works.append(work)
        return id
    }

    /// Ends a piece of work without a word. Answers to what was asked are still learned from.
    public mutating func cancel(_ id: WorkID) {
        works.removeAll { $0.id == id && !$0.isOurs }
    }

    // MARK: Beginning

    mutating func begin(
        _ goal: DHTWork.Goal, _ target: NodeID, _ family: AddressFamily, now: Instant,
        into output: inout DHTOutput
    ) -> WorkID {
        let id = newWorkID()
        var lookup = newLookup(target, family, now: now)
        guard works.count < Limits.worksMax,
            configuration.families.contains(AddressFamilies(family))
        else {
            output.events.append(.finished(id, DHTResult()))
            return id
        }
        seed(&lookup, into: &output)
        works.append(DHTWork(id: id, family: family, goal: goal, lookup: lookup))
        findInOwnStore(id, now: now, into: &output)
        advance(id, now: now, into: &output)
        return id
    }

    private func newLookup(
        _ target: NodeID, _ family: AddressFamily, now: Instant
    ) -> Lookup {
        Lookup(
            target: target, family: family, ownID: id(family), networkSize: networkSize(family),
            liveShare: roundTrips.liveShare,
            acceptsLocalAddresses: configuration.acceptsLocalAddresses, now: now)
    }

    private func seed(_ lookup: inout Lookup, into output: inout DHTOutput) {
        let table = table(lookup.family)
        output.nodes.removeAll(keepingCapacity: true)
        table.closest(
            to: lookup.target, count: Limits.seedsMax, for: .ourLookup, into: &output.nodes)
        for contact in output.nodes {
            lookup.addSeed(contact, roundTrip: table.roundTrip(of: contact))
        }
    }

    // MARK: Going on

    func work(_ id: WorkID) -> Int? { works.firstIndex { $0.id == id } }

    /// Asks whom there is to ask, and ends what has come to its end.
    mutating func advance(_ id: WorkID, now: Instant, into output: inout DHTOutput) {
        guard let place = work(id) else { return }
        if let until = works[place].pingingUntil {
            if now >= until { finish(place, now: now, into: &output) }
            return
        }
        if let until = works[place].storingUntil {
            if now >= until || works[place].storesWaiting == 0 {
                finish(place, now: now, into: &output)
            }
            return
        }
        while let contact = works[place].lookup.nextQuery(now: now, patience: roundTrips.patience) {
            if !search(contact, for: place, now: now, into: &output) {
                works[place].lookup.failed(contact)
            }
        }
        while let sweep = works[place].lookup.nextSweep(now: now, patience: roundTrips.patience) {
            let isSent = send(
                .findNode(sweep.target), to: sweep.contact.endpoint, id: sweep.contact.id,
                for: .sweep(id), now: now, into: &output)
            if !isSent { works[place].lookup.sweepFailed(sweep.contact) }
        }
        guard works[place].lookup.isFinished(now: now) || works[place].isSatisfied else { return }
        store(place, now: now, into: &output)
        if works[place].storesWaiting == 0 { finish(place, now: now, into: &output) }
    }

    private mutating func search(
        _ contact: NodeContact, for place: Int, now: Instant, into output: inout DHTOutput
    ) -> Bool {
        let work = works[place]
        let target = work.lookup.target
        let query: Query
        switch work.goal {
        case .nodes, .selfLookup, .refresh, .ping: query = .findNode(target)
        case .samples:
            query = hasNoNewSample(contact, now: now) ? .findNode(target) : .sample(target)
        case .peers(let search):
            query = .getPeers(target, noSeeds: search.noSeeds, scrape: search.filters != nil)
        case .item: query = .get(target)
        }
        trace(work, contact, .asked, now: now, into: &output)
        return send(
            query, to: contact.endpoint, id: contact.id, for: .search(work.id), now: now,
            into: &output)
    }

    func trace(
        _ work: DHTWork, _ contact: NodeContact, _ outcome: DHTHop.Outcome, now: Instant,
        into output: inout DHTOutput
    ) {
        guard configuration.isTracing, !work.isOurs else { return }
        let hop = DHTHop(
            contact: contact, outcome: outcome, depth: work.lookup.hops(to: contact) ?? 0,
            sharedBitCount: contact.id.commonPrefixLength(with: work.lookup.target),
            time: now - work.lookup.startedAt)
        output.events.append(.hop(work.id, hop))
    }

    // MARK: Storing

    /// Sends what is to be stored to the nearest that gave leave to.
    private mutating func store(_ place: Int, now: Instant, into output: inout DHTOutput) {
        close(place, now: now)
        guard works[place].storesSomething, !works[place].result.isConflict else { return }
        let work = works[place]
        let allowed = work.lookup.closest { contact in
            work.grants.contains { $0.contact == contact }
        }
        for contact in allowed {
            guard let grant = work.grants.first(where: { $0.contact == contact }) else { continue }
            let query: Query
            switch work.goal {
            case .peers(let search):
                guard let announcement = search.announcement else { continue }
                query = .announce(work.lookup.target, announcement, grant.token)
            case .item(let search):
                guard let item = search.item else { continue }
                // Without a value there, there is nothing to compare (BEP 44, "CAS").
                let expected = search.holders.contains(contact) ? search.expected : nil
                query = .put(item, search.salt, expected, grant.token)
            case .nodes, .selfLookup, .refresh, .samples, .ping: continue
            }
            if send(
                query, to: contact.endpoint, id: contact.id, for: .store(work.id), now: now,
                into: &output)
            {
                works[place].storesWaiting += 1
            }
        }
        works[place].storingUntil = now + max(roundTrips.patience * 4, Limits.storeTimeMin)
    }

    /// Writes down what the search has found.
    private mutating func close(_ place: Int, now: Instant) {
        let work = works[place]
        works[place].result.closest = work.lookup.closest
        works[place].result.hops = work.lookup.hops
        works[place].result.queries = work.lookup.queryCount
        works[place].result.answers = work.lookup.answerCount
        works[place].result.searchTime = now - work.lookup.startedAt
        guard case .item(let search) = work.goal else { return }
        let newest = search.found?.signed?.sequence
        works[place].result.sequence = newest
        guard let item = search.item?.signed, let newest else { return }
        let isExpected = search.expected.map { $0 == newest } ?? true
        let isOlder = item.sequence < newest
        let isOther = item.sequence == newest && search.item?.value != search.found?.value
        works[place].result.isConflict = !isExpected || isOlder || isOther
    }

    mutating func finish(_ place: Int, now: Instant, into output: inout DHTOutput) {
        let work = works.remove(at: place)
        if case .selfLookup = work.goal { return joined(work, now: now, into: &output) }
        guard !work.isOurs else { return }
        if case .peers(let search) = work.goal, let filters = search.filters {
            output.events.append(
                .scraped(
                    work.id, seeds: filters.seeds.estimatedCount,
                    peers: filters.peers.estimatedCount))
        }
        output.events.append(.finished(work.id, work.result))
    }
}
