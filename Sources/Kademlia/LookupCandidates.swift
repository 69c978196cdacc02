public import Units

extension Lookup {
    enum State: UInt8, Sendable {
        case fresh, asked, answered, failed
    }

    /// Whom to ask first.
    enum Standing: UInt8, Sendable, Comparable, CaseIterable {
        /// The id agrees with the address (BEP 42), and somebody who is believed named it.
        case trusted
        /// The id is not one that the address may have.
        case unverified
        /// Only those named it who named what was not so.
        case doubted

        static func < (x: Standing, y: Standing) -> Bool { x.rawValue < y.rawValue }
    }

    /// A node that the search has heard of.
    struct Candidate: Sendable {
        let contact: NodeContact
        /// From our own table.
        let isSeed: Bool
        let isSecure: Bool
        let depth: UInt8
        var state = State.fresh
        /// Whether it was written down that no answer came in time.
        var isMissed = false
        /// Which query asked it.
        var number: UInt8 = 0
        /// One bit for each way by which it was named.
        var paths: UInt8
        /// One bit for each query whose answer named it.
        var namedBy: UInt64
        /// Known for nodes of our table.
        var roundTrip: Interval?
        var askedAt = Instant.zero
        var patience = Interval.zero

        /// From here on another may be asked in its place.
        var slowAt: Instant { askedAt + patience }
        /// From here on the search no longer waits for it. Fewer than one in a hundred of those
        /// that live take so long.
        var lateAt: Instant { askedAt + patience * 2 + patience / 4 }
    }

    func standing(of place: Int) -> Standing {
        let candidate = candidates[place]
        let isDoubted = !candidate.isSeed && candidate.namedBy & ~doubted == 0
        if isDoubted { return .doubted }
        return candidate.isSecure ? .trusted : .unverified
    }

    func place(of contact: NodeContact) -> Int? {
        var place = lowerBound(of: contact.id)
        while place < candidates.count, candidates[place].contact.id == contact.id {
            if candidates[place].contact.endpoint == contact.endpoint { return place }
            place += 1
        }
        return nil
    }

    /// The first place whose node is not nearer to the target than `id`.
    private func lowerBound(of id: NodeID) -> Int {
        var low = 0
        var high = candidates.count
        while low < high {
            let middle = (low + high) / 2
            if candidates[middle].contact.id.isCloser(to: target, than: id) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// A node of our table to begin with.
    public mutating func addSeed(_ contact: NodeContact, roundTrip: Interval?) {
        guard accepts(contact), place(of: contact) == nil else { return }
        insert(
            Candidate(
                contact: contact, isSeed: true,
                isSecure: contact.id.isSecure(for: contact.endpoint), depth: 0, paths: 0,
                namedBy: 0, roundTrip: roundTrip))
    }

    /// Takes in whom a node named that was asked for the nodes near to `place`.
    mutating func add(
        _ nodes: some Sequence<NodeContact>, namedBy parent: Candidate, near place: NodeID
    ) {
        let bit: UInt64 = 1 << UInt64(parent.number & 63)
        var count = 0
        var farthest: UInt64 = 0
        for contact in nodes.prefix(Limits.nodesTakenMax) {
            count += 1
            farthest = max(farthest, contact.id.high ^ place.high)
            guard accepts(contact) else { continue }
            if let place = self.place(of: contact) {
                candidates[place].namedBy |= bit
                candidates[place].paths |= parent.paths
                continue
            }
            guard hasQuota(for: contact) else { continue }
            insert(
                Candidate(
                    contact: contact, isSeed: false,
                    isSecure: contact.id.isSecure(for: contact.endpoint),
                    depth: parent.depth.addingSaturating(1), paths: parent.paths, namedBy: bit,
                    roundTrip: nil))
        }
        if isTooDense(count: count, farthest: farthest) { doubted |= bit }
    }

    /// Whether so many nodes so near to one place cannot be: among n nodes there are on average n·f
    /// within a part f of the space, and 8 where 1 is due come about once in 100,000 times.
    private func isTooDense(count: Int, farthest: UInt64) -> Bool {
        guard count >= Limits.bucketSize, networkSize > 0 else { return false }
        let fraction = Double(farthest) / 0x1p64
        return networkSize * fraction < Limits.densityMin * Double(count) / 8
    }

    private func accepts(_ contact: NodeContact) -> Bool {
        contact.id != ownID && contact.endpoint.family == family && contact.endpoint.isDialable
            && (acceptsLocalAddresses || !contact.endpoint.isLocal)
    }

    /// One address is one node. As somebody may name an honest node's address with another id, to
    /// keep it out, a second is taken until the first has answered.
    private func hasQuota(for contact: NodeContact) -> Bool {
        let endpoint = contact.endpoint
        guard !endpoint.isLocal else {
            return candidates.count { $0.contact.endpoint == endpoint } < Limits.idsOfAddressMax
        }
        let network = endpoint.network
        var ofAddress = 0
        var ofNetwork = 0
        for candidate in candidates where candidate.contact.endpoint.network == network {
            ofNetwork += 1
            guard candidate.contact.endpoint.address == endpoint.address else { continue }
            if candidate.state == .answered { return false }
            ofAddress += 1
        }
        return ofAddress < Limits.idsOfAddressMax && ofNetwork < Limits.candidatesOfNetworkMax
    }

    private mutating func insert(_ candidate: Candidate) {
        let place = lowerBound(of: candidate.contact.id)
        if candidates.count >= Limits.candidatesMax {
            // The farthest that nothing is expected of makes room.
            guard
                let last = candidates.lastIndex(where: { $0.state == .fresh || $0.state == .failed }
                ),
                last >= place
            else { return }
            candidates.remove(at: last)
        }
        candidates.insert(candidate, at: place)
    }
}
