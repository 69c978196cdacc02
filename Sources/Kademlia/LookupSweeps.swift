public import Units

/// An answer names the eight nodes nearest to the target that somebody knows, and no ninth. Where
/// some of the eight are dead, the eighth that lives is perhaps named by nobody. So it is written
/// down how far each answer reaches, and for what lies nearer than the eighth that lives, and is
/// beyond the reach of at least two answers, those that are near are asked: as `find_node` for the
/// place where the gap begins. Where nobody is dead there is no gap.
extension Lookup {
    /// What an answer tells all of: what is no farther than `reach` from the place that was asked
    /// for, which is given by its distance from the target. Both are the distance's first 64 bits.
    struct Cover: Sendable {
        let place: UInt64
        let reach: UInt64

        /// Whether the answer reaches over all whose distance begins with `bits` bits of `prefix`.
        func holds(_ prefix: UInt64, bits: Int) -> Bool {
            let shift = UInt64(64 - bits)
            return (prefix ^ place) >> shift < reach >> shift || reach == .max
        }
    }

    /// A question for a gap.
    struct Sweep: Sendable {
        let contact: NodeContact
        let place: NodeID
        let askedAt: Instant
        let patience: Interval
        var isOver = false

        var lateAt: Instant { askedAt + patience + patience / 2 }
    }

    /// Whom to ask for the nodes near to which other target, if that is worth it now.
    public mutating func nextSweep(
        now: Instant, patience: Interval
    ) -> (contact: NodeContact, target: NodeID)? {
        guard queryCount < Limits.lookupQueriesMax, sweeps.count < Limits.sweepsMax, now < endsAt,
            answerCount > 0, sweeps.count(where: { !$0.isOver && now < $0.lateAt }) < 2,
            Standing.allCases.contains(where: { isClosing($0) }), let gap = firstGap(now: now)
        else { return nil }
        let place = NodeID(
            high: target.high ^ gap, middle: target.middle, low: target.low)
        let asked = sweeps.filter { $0.place == place || !$0.isOver && now < $0.lateAt }
        guard asked.count(where: { $0.place == place }) < Limits.sweepsOfPlaceMax,
            let contact = nearestAnswered(to: place, except: asked.map(\.contact))
        else { return nil }
        sweeps.append(Sweep(contact: contact, place: place, askedAt: now, patience: patience))
        queryCount += 1
        return (contact, place)
    }

    /// Takes in the answer to such a question.
    public mutating func swept(
        by contact: NodeContact, naming nodes: some Sequence<NodeContact>, now: Instant
    ) {
        let sweep = endSweep(by: contact)
        guard let sweep, let place = place(of: contact) else { return }
        add(nodes, namedBy: candidates[place], near: sweep.place)
    }

    /// There is no answer.
    public mutating func sweepFailed(_ contact: NodeContact) { endSweep(by: contact) }

    @discardableResult
    private mutating func endSweep(by contact: NodeContact) -> Sweep? {
        guard let index = sweeps.firstIndex(where: { $0.contact == contact && !$0.isOver }) else {
            return nil
        }
        sweeps[index].isOver = true
        return sweeps[index]
    }

    /// Whether such an answer is still waited for.
    func isSweeping(now: Instant) -> Bool {
        sweeps.contains { !$0.isOver && now < $0.lateAt }
    }

    /// Writes down how far an answer reaches that named `count` nodes, the farthest of them at
    /// `farthest` from the place that was asked for. Only who lives there knows all who do.
    mutating func cover(_ place: NodeID, by contact: NodeContact, count: Int, farthest: UInt64) {
        // Who names fewer knows no others; but in a big network that is no answer to rely on.
        let isWhole = count < Limits.bucketSize
        let own = contact.id.high ^ place.high
        guard
            isWhole
                ? networkSize < Limits.smallNetwork
                : own.leadingZeroBitCount >= farthest.leadingZeroBitCount
        else { return }
        covers.append(
            Cover(place: place.high ^ target.high, reach: isWhole ? .max : farthest))
    }

    // MARK: Gaps

    /// The distance from the target where the first gap begins.
    private func firstGap(now: Instant) -> UInt64? {
        let edge = edge(now: now)
        guard edge > 0 else { return nil }
        // Below this many bits there is hardly ever a node in one place.
        let size = max(networkSize, 16)
        let resolution = min(Int(size.exponent) + 3, 60)
        // All that is nearer than the edge: for each bit that is set in its distance, what has the
        // same bits before that, and not that one.
        var bit = resolution - 1
        while bit >= edge.leadingZeroBitCount {
            let mask: UInt64 = 1 << UInt64(63 - bit)
            if edge & mask != 0 {
                let prefix = (edge & ~(mask - 1)) ^ mask
                if let gap = gap(in: prefix, bits: bit + 1, resolution: resolution) { return gap }
            }
            bit -= 1
        }
        return nil
    }

    private func gap(in prefix: UInt64, bits: Int, resolution: Int) -> UInt64? {
        if covers.count(where: { $0.holds(prefix, bits: bits) }) >= Limits.coversWanted {
            return nil
        }
        guard bits < resolution else { return prefix }
        let half: UInt64 = 1 << UInt64(63 - bits)
        return gap(in: prefix, bits: bits + 1, resolution: resolution)
            ?? gap(in: prefix | half, bits: bits + 1, resolution: resolution)
    }

    /// The distance of the eighth of the nearest that live, as far as that can be told.
    private func edge(now: Instant) -> UInt64 {
        var live = 0.0
        var edge: UInt64 = 0
        for candidate in candidates {
            switch candidate.state {
            case .answered: live += 1
            case .fresh: live += liveShare
            case .asked: live += now < candidate.lateAt ? liveShare : 0
            case .failed: continue
            }
            edge = candidate.contact.id.high ^ target.high
            if live >= Double(Limits.bucketSize) { break }
        }
        return edge
    }

    private func nearestAnswered(to place: NodeID, except asked: [NodeContact]) -> NodeContact? {
        var best: NodeContact?
        for candidate in candidates
        where candidate.state == .answered && !asked.contains(candidate.contact) {
            if let found = best, !candidate.contact.id.isCloser(to: place, than: found.id) {
                continue
            }
            best = candidate.contact
        }
        return best
    }
}
