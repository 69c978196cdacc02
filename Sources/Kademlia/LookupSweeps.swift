public import Units

/// An answer names the eight nodes nearest to the target that somebody knows, and no ninth. Where
/// some of the eight are dead, the eighth that lives is perhaps named by nobody, though everyone
/// around it knows it. Such nodes are at the edge: they share with the target as many bits as the
/// eighth nearest does, or one more. Within the part of the space that shares so many and no more,
/// whoever is near to the target with the next bit flipped is near to the target itself. So those
/// who live there are asked, by `find_node`, for the nodes near to that.
extension Lookup {
    /// A question for those at the edge.
    struct Sweep: Sendable {
        let contact: NodeContact
        let place: NodeID
        let askedAt: Instant
        let patience: Interval
        var isOver = false

        var lateAt: Instant { askedAt + patience * 2 + patience / 4 }
    }

    /// Whom to ask for the nodes near to which other target, if that is worth it now.
    public mutating func nextSweep(
        now: Instant, patience: Interval
    ) -> (contact: NodeContact, target: NodeID)? {
        guard queryCount < Limits.lookupQueriesMax, sweeps.count < Limits.sweepsMax, now < endsAt,
            answerCount > 0, isEdgeKnown(now: now)
        else { return nil }
        let edge = edge(now: now)
        // Who lives behind the edge is known better.
        for (bit, wanted) in [(edge, 2), (edge + 1, 1)] where bit < 64 {
            let place = NodeID(
                high: target.high ^ 1 << UInt64(63 - bit), middle: target.middle, low: target.low)
            let asked = sweeps.filter { $0.place == place || !$0.isOver && now < $0.lateAt }
            guard asked.count(where: { $0.place == place }) < wanted,
                let contact = nearestAnswered(to: place, except: asked.map(\.contact))
            else { continue }
            sweeps.append(Sweep(contact: contact, place: place, askedAt: now, patience: patience))
            queryCount += 1
            return (contact, place)
        }
        return nil
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

    /// Whether most of the nearest have answered: before, the edge is not where it will be, and
    /// questions about it are wasted.
    private func isEdgeKnown(now: Instant) -> Bool {
        var answered = 0
        var waiting = 0
        for candidate in candidates where answered + waiting < Limits.bucketSize {
            switch candidate.state {
            case .answered: answered += 1
            case .asked: waiting += now < candidate.slowAt ? 1 : 0
            case .fresh, .failed: continue
            }
        }
        return answered >= Limits.answersBeforeSweep
    }

    /// How many bits the eighth of the nearest that live shares with the target, as far as that can
    /// be told.
    private func edge(now: Instant) -> Int {
        var live = 0.0
        var edge = 0
        for candidate in candidates {
            switch candidate.state {
            case .answered: live += 1
            case .fresh: live += liveShare
            case .asked: live += now < candidate.lateAt ? liveShare : 0
            case .failed: continue
            }
            edge = candidate.contact.id.commonPrefixLength(with: target)
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
