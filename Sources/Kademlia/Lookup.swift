public import Units

/// One search for the nodes nearest to a target, step by step (BEP 5, "Overview"). It says whom to
/// ask next and is told what became of it; packets are its owner's.
///
/// A few queries are under way at once, always to the nearest that are known, so that it moves as
/// fast as the fastest answers. Once nothing nearer turns up, all of the nearest are asked at
/// once. A query that is not answered within what answers usually take is no longer counted, but
/// its answer still is.
///
/// Strangers say where to go, so they are doubted: one node counts once for its address, ids that
/// do not agree with their addresses come last (BEP 42), those who name nodes that are not what
/// they were said to be, or that are closer together than the network's size allows, are not
/// followed, and the search goes by several ways at once, so that one liar leads one of them.
public struct Lookup: Sendable {
    public let target: NodeID
    public let family: AddressFamily
    let ownID: NodeID
    let acceptsLocalAddresses: Bool
    /// How many nodes there seem to be; 0 where that is not known.
    let networkSize: Double
    /// The part of the nodes that we hear of that answers.
    let liveShare: Double
    public let startedAt: Instant
    /// When it ends, whatever it has found by then.
    public let endsAt: Instant

    /// Everyone it has heard of, the nearest to the target first.
    var candidates: [Candidate] = []
    /// Queries so far.
    public internal(set) var queryCount = 0
    public private(set) var answerCount = 0
    /// One bit for each query: the node that was asked has named what was not so.
    var doubted: UInt64 = 0
    /// For each query: of the nodes that it alone named, those that do not answer, and of all that
    /// it named, those that do.
    private var losses = InlineArray<64, UInt8>(repeating: 0)
    private var wins = InlineArray<64, UInt8>(repeating: 0)
    /// Queries by each way.
    private var queriesOnPath = InlineArray<8, UInt8>(repeating: 0)
    private var nextPath: UInt8 = 0
    /// Questions for those at the edge of the nearest.
    var sweeps: [Sweep] = []
    /// The last moment that it was told of.
    private var seenAt: Instant
    /// Whether the next query serves the way that was served the least.
    private var isTurnOfPaths = false

    public init(
        target: NodeID, family: AddressFamily, ownID: NodeID, networkSize: Double = 0,
        liveShare: Double = 0.7, acceptsLocalAddresses: Bool = false, now: Instant
    ) {
        self.target = target
        self.family = family
        self.ownID = ownID
        self.networkSize = networkSize
        self.liveShare = min(max(liveShare, 0.3), 1)
        self.acceptsLocalAddresses = acceptsLocalAddresses
        self.startedAt = now
        self.seenAt = now
        self.endsAt = now + Limits.lookupDuration
    }

    // MARK: Whom to ask

    /// The next node to ask, if one should be asked now; it counts as asked. `patience` is how
    /// long answers usually take.
    public mutating func nextQuery(now: Instant, patience: Interval) -> NodeContact? {
        seenAt = now
        countLosses(now: now)
        guard queryCount < Limits.lookupQueriesMax, now < endsAt, let place = pick(now: now)
        else { return nil }
        candidates[place].state = .asked
        candidates[place].number = UInt8(truncatingIfNeeded: queryCount)
        candidates[place].askedAt = now
        candidates[place].patience = self.patience(for: candidates[place], usual: patience)
        queryCount += 1
        if candidates[place].paths == 0 {
            candidates[place].paths = 1 << (nextPath & 7)
            nextPath &+= 1
        }
        for path in 0..<8 where candidates[place].paths & 1 << UInt8(path) != 0 {
            queriesOnPath[path] = queriesOnPath[path].addingSaturating(1)
        }
        isTurnOfPaths.toggle()
        return candidates[place].contact
    }

    /// What is known of a node's own round trips counts, if it is a node of our table.
    private func patience(for candidate: Candidate, usual: Interval) -> Interval {
        guard let known = candidate.roundTrip else { return usual }
        return min(usual, max(known * 2, .milliseconds(50)))
    }

    private func pick(now: Instant) -> Int? {
        for standing in Standing.allCases {
            let view = view(of: standing, now: now)
            if let place = view.next {
                if answerCount == 0, let fast = fastestSeed(of: standing) { return fast }
                if isTurnOfPaths, let other = leastServed(of: standing, now: now) { return other }
                return place
            }
            if view.isSatisfied { return straggler(now: now) }
            // Those who are believed less are asked when nobody better can still answer.
            if view.waiting > 0 { return nil }
        }
        return nil
    }

    /// What the search looks like if only nodes of a standing, and better ones, are looked at.
    struct View {
        var next: Int?
        var answered = 0
        var waiting = 0
        var late = 0
        /// As many as are wanted have answered, and nobody nearer is left to ask.
        var isSatisfied = false
    }

    func view(of standing: Standing, now: Instant) -> View {
        var view = View()
        let width = Limits.bucketSize
        let isClosing = isClosing(standing)
        for place in candidates.indices where self.standing(of: place) <= standing {
            switch candidates[place].state {
            case .answered:
                view.answered += 1
                if view.answered == width {
                    view.isSatisfied = true
                    return view
                }
            case .asked:
                if now < candidates[place].slowAt {
                    view.waiting += 1
                } else if now < candidates[place].lateAt {
                    view.late += 1
                }
            case .failed: continue
            case .fresh:
                let expected = Double(view.answered) + Double(view.waiting) * liveShare
                let isEnough =
                    isClosing
                    ? expected >= Double(width) || view.waiting >= Limits.closingQueriesMax
                    : view.waiting >= Limits.parallelQueries
                if !isEnough { view.next = place }
                return view
            }
        }
        return view
    }

    /// Whether one of the nearest has answered, so that what it named was no nearer than it.
    /// Where the network's size is known, so is how near the nearest are.
    func isClosing(_ standing: Standing) -> Bool {
        var rank = 0
        for place in candidates.indices where self.standing(of: place) <= standing {
            if candidates[place].state == .answered { return true }
            if candidates[place].state != .failed { rank += 1 }
            guard rank == Limits.bucketSize else { continue }
            let fraction = candidates[place].contact.id.distance(to: target).fraction
            return answerCount > 0 && networkSize * fraction < Limits.closingDensity
        }
        return false
    }

    /// At the beginning every second query goes to the node of our table that answers fastest:
    /// the first answer is what all else waits for.
    private func fastestSeed(of standing: Standing) -> Int? {
        guard !queryCount.isMultiple(of: 2) else { return nil }
        return candidates.indices.prefix(Limits.seedsMax)
            .filter {
                candidates[$0].state == .fresh && candidates[$0].roundTrip != nil
                    && self.standing(of: $0) <= standing
            }
            .min { (candidates[$0].roundTrip ?? .zero) < (candidates[$1].roundTrip ?? .zero) }
    }

    /// The nearest on the way that was served the least, of those that are not there yet.
    private func leastServed(of standing: Standing, now: Instant) -> Int? {
        let arrived = arrivedPaths
        var best: (path: Int, place: Int)?
        for path in 0..<8 where queriesOnPath[path] > 0 && arrived & 1 << UInt8(path) == 0 {
            if let best, queriesOnPath[best.path] <= queriesOnPath[path] { continue }
            guard let place = nearestFresh(on: path, standing) else { continue }
            best = (path, place)
        }
        return best?.place
    }

    /// The nearest that is left to ask on a way, unless something nearer is under way there.
    private func nearestFresh(on path: Int, _ standing: Standing) -> Int? {
        let bit: UInt8 = 1 << UInt8(path)
        for place in candidates.indices
        where candidates[place].paths & bit != 0 && self.standing(of: place) <= standing {
            switch candidates[place].state {
            case .fresh: return place
            case .answered: return nil
            case .asked, .failed: continue
            }
        }
        return nil
    }

    /// The ways by which the nearest that answered were named.
    private var arrivedPaths: UInt8 {
        var arrived: UInt8 = 0
        var answered = 0
        for candidate in candidates where candidate.state == .answered {
            arrived |= candidate.paths
            answered += 1
            if answered == Limits.bucketSize { break }
        }
        return arrived
    }

    /// When the nearest have answered, but only by one way of several, the others are followed to
    /// their ends too: one liar at the beginning of a way makes up everything behind it. And where
    /// there should be others nearer, those who are next are asked for them.
    private func straggler(now: Instant) -> Int? {
        let waiting = candidates.count { $0.state == .asked && now < $0.slowAt }
        if isTooSparse {
            guard queryCount < Limits.sparseQueriesMax, waiting < Limits.bucketSize else {
                return nil
            }
            return Standing.allCases.lazy.compactMap { standing in
                candidates.indices.first {
                    candidates[$0].state == .fresh && self.standing(of: $0) == standing
                }
            }.first
        }
        guard wantsMorePaths, waiting < Limits.parallelQueries else { return nil }
        if let place = leastServed(of: .doubted, now: now) { return place }
        guard nextPath < 8 else { return nil }
        return candidates.indices.first {
            candidates[$0].state == .fresh && candidates[$0].isSeed
        }
    }

    private var wantsMorePaths: Bool { arrivedPaths.nonzeroBitCount < Limits.pathsWanted }

    /// Whether an answer of those is waited for.
    private func isFollowing(now: Instant) -> Bool {
        let isSparse = isTooSparse
        guard isSparse || wantsMorePaths else { return false }
        let arrived = isSparse ? 0 : arrivedPaths
        return candidates.contains {
            $0.state == .asked && now < $0.slowAt && $0.paths & ~arrived != 0
        }
    }

    /// Whether the eight that answered are farther than they can be expected to be: as if those
    /// that are near were kept from us.
    private var isTooSparse: Bool {
        guard networkSize > 0 else { return false }
        var answered = 0
        for candidate in candidates where candidate.state == .answered {
            answered += 1
            guard answered == Limits.bucketSize else { continue }
            let fraction = candidate.contact.id.distance(to: target).fraction
            return networkSize * liveShare * fraction > Limits.sparseAbove
        }
        return false
    }

    /// Who alone names several nodes, none of which answers, is not followed any further.
    private mutating func countLosses(now: Instant) {
        for place in candidates.indices
        where candidates[place].state == .asked && !candidates[place].isMissed
            && now >= candidates[place].slowAt
        {
            candidates[place].isMissed = true
            let parents = candidates[place].namedBy
            guard parents.nonzeroBitCount == 1, !candidates[place].isSeed else { continue }
            let parent = parents.trailingZeroBitCount
            losses[parent] = losses[parent].addingSaturating(1)
            if losses[parent] >= Limits.lossesMax, wins[parent] == 0 { doubted |= parents }
        }
    }

    private mutating func countWin(_ parents: UInt64) {
        var rest = parents
        while rest != 0 {
            let parent = rest.trailingZeroBitCount
            wins[parent] = wins[parent].addingSaturating(1)
            rest &= rest - 1
        }
    }

    // MARK: Ends

    /// Whether there is nothing left to wait for.
    public func isFinished(now: Instant) -> Bool {
        if now >= endsAt { return true }
        var isExhausted = queryCount >= Limits.lookupQueriesMax
        for standing in Standing.allCases {
            let view = view(of: standing, now: now)
            if view.waiting + view.late > 0 { return false }
            if view.isSatisfied {
                if isSweeping(now: now) || isFollowing(now: now) { return false }
                isExhausted = isExhausted || straggler(now: now) == nil
                break
            }
            if view.next != nil, !isExhausted { return false }
            if standing == .doubted { isExhausted = true }
        }
        return isExhausted
    }

    /// When something changes by itself: a query becomes slow, or late, or all ends.
    public func nextDeadline() -> Instant {
        var next = endsAt
        for candidate in candidates where candidate.state == .asked {
            if seenAt < candidate.slowAt {
                next = min(next, candidate.slowAt)
            } else if seenAt < candidate.lateAt {
                next = min(next, candidate.lateAt)
            }
        }
        for sweep in sweeps where !sweep.isOver && seenAt < sweep.lateAt {
            next = min(next, sweep.lateAt)
        }
        return next
    }

    /// The nearest that have answered, nearest first, up to 8: those whose ids agree with their
    /// addresses, and others only as far as these are too few (BEP 42, "Enforcement").
    public var closest: [NodeContact] { closest { _ in true } }

    func closest(where isWanted: (NodeContact) -> Bool) -> [NodeContact] {
        var found: [NodeContact] = []
        for standing in Standing.allCases {
            for place in candidates.indices
            where found.count < Limits.bucketSize && candidates[place].state == .answered
                && self.standing(of: place) == standing && isWanted(candidates[place].contact)
            {
                found.append(candidates[place].contact)
            }
        }
        return found.sorted { $0.id.isCloser(to: target, than: $1.id) }
    }

    /// How many answers, one leading to the next, it took to hear of the nearest node that
    /// answered; 0 if it was in our table.
    public var hops: Int {
        Int(candidates.first { $0.state == .answered }?.depth ?? 0)
    }

    /// How many answers, one leading to the next, it took to hear of a node.
    public func hops(to contact: NodeContact) -> Int? {
        candidates.first { $0.contact == contact }.map { Int($0.depth) }
    }

    // MARK: What becomes of queries

    /// Takes in the answer of a node that was asked, and whom it named. False if it was not asked.
    @discardableResult
    public mutating func answered(
        _ contact: NodeContact, naming nodes: some Sequence<NodeContact>, now: Instant
    ) -> Bool {
        guard let place = place(of: contact), candidates[place].state == .asked else {
            return false
        }
        candidates[place].state = .answered
        answerCount += 1
        countWin(candidates[place].namedBy)
        add(nodes, namedBy: candidates[place], near: target)
        return true
    }

    /// Takes in the answer of somebody who was asked before anything was known of it: a
    /// bootstrap node.
    public mutating func joined(
        _ contact: NodeContact, naming nodes: some Sequence<NodeContact>, now: Instant
    ) {
        addSeed(contact, roundTrip: nil)
        guard let place = place(of: contact), queryCount < Limits.lookupQueriesMax else { return }
        if candidates[place].state == .fresh || candidates[place].state == .failed {
            candidates[place].number = UInt8(truncatingIfNeeded: queryCount)
            queryCount += 1
        }
        if candidates[place].paths == 0 {
            candidates[place].paths = 1 << (nextPath & 7)
            nextPath &+= 1
        }
        if candidates[place].state != .answered { answerCount += 1 }
        candidates[place].state = .answered
        add(nodes, namedBy: candidates[place], near: target)
    }

    /// A node did not answer, or not with anything of use.
    public mutating func failed(_ contact: NodeContact) {
        guard let place = place(of: contact), candidates[place].state == .asked else { return }
        candidates[place].state = .failed
    }

    /// A node answered with another id than it was said to have. If one node alone said so, what
    /// else it alone said is not followed while there is anything else.
    public mutating func denied(_ contact: NodeContact) {
        guard let place = place(of: contact), candidates[place].state == .asked else { return }
        candidates[place].state = .failed
        if candidates[place].namedBy.nonzeroBitCount == 1 { doubted |= candidates[place].namedBy }
    }
}
