import Hashing
import Units

// MARK: - Who is announced to next

extension TrackerSchedule {
    /// The trackers of a lane that may be announced to and when, in the lane's order: those that
    /// fail, until the first that works. Those behind it are not asked.
    private func candidates(in lane: Lane) -> [(key: TrackerKey, at: Instant)] {
        var candidates: [(key: TrackerKey, at: Instant)] = []
        for key in lane.order {
            guard let swarm = tracker(key)?.swarms[lane.swarm], !swarm.isDisabled else { continue }
            guard swarm.failCount == 0 else {
                candidates.append((key, swarm.next))
                continue
            }
            candidates.append((key, needsCompleted(swarm) ? .distantPast : swarm.next))
            break
        }
        return candidates
    }

    private func needsCompleted(_ swarm: Swarm) -> Bool {
        owesCompleted && swarm.isStarted && !swarm.isCompleted
    }

    private func isBusy(_ lane: Lane) -> Bool {
        lane.order.contains { tracker($0)?.swarms[lane.swarm].attempt != nil }
    }

    /// When a lane next announces; `nil` while it waits for an answer, and if it cannot.
    func due(in lane: Lane) -> (key: TrackerKey, at: Instant)? {
        isBusy(lane) ? nil : candidates(in: lane).min { $0.at < $1.at }
    }

    mutating func announceWhatIsDue(now: Instant, into actions: inout ActionBuffer<Action>) {
        guard isRunning else { return }
        for lane in lanes where !isBusy(lane) {
            guard let next = candidates(in: lane).first(where: { $0.at <= now }),
                let swarm = tracker(next.key)?.swarms[lane.swarm]
            else { continue }
            let event: AnnounceEvent =
                !swarm.isStarted ? .started : needsCompleted(swarm) ? .completed : .none
            announce(to: next.key, lane.swarm, event: event, into: &actions)
        }
    }

    mutating func announce(
        to key: TrackerKey, _ swarm: Int, event: AnnounceEvent,
        into actions: inout ActionBuffer<Action>
    ) {
        guard let tracker = tracker(key) else { return }
        let id = newAttempt(key, swarm, event)
        if event != .stopped { update(key, swarm) { $0.attempt = id } }
        actions.append(
            .announce(
                Announce(
                    attempt: id, tracker: key, url: tracker.url, infoHash: infoHashes[swarm],
                    event: event, numWant: event == .stopped ? 0 : numWant,
                    trackerID: tracker.trackerID)))
    }

    /// Brings the next announces forward to now, or to where min intervals allow them.
    mutating func hasten(failing: Bool, now: Instant) {
        guard isRunning else { return }
        for lane in lanes {
            for (key, _) in candidates(in: lane) {
                update(key, lane.swarm) { state in
                    guard failing || state.failCount == 0 else { return }
                    state.next = min(state.next, max(now, state.earliest))
                }
            }
        }
    }

    /// A tracker that answers becomes the first of its tier (BEP 12).
    mutating func moveToFront(_ key: TrackerKey, _ swarm: Int) {
        for index in lanes.indices where lanes[index].swarm == swarm {
            guard let position = lanes[index].order.firstIndex(of: key) else { continue }
            lanes[index].order.remove(at: position)
            lanes[index].order.insert(key, at: 0)
        }
    }
}

// MARK: - Scrapes

extension TrackerSchedule {
    /// Scrapes the first tracker of each tier, if it was not scraped just now.
    mutating func scrape(now: Instant, into actions: inout ActionBuffer<Action>) {
        if case .stopping = phase { return }
        for lane in lanes where lane.swarm == 0 {
            guard let first = firstToScrape(in: lane), first.scrapeAttempt == nil,
                first.nextScrape <= now
            else { continue }
            let id = newAttempt(first.key, nil, .none)
            update(first.key) { $0.scrapeAttempt = id }
            actions.append(
                .scrape(
                    Scrape(
                        attempt: id, tracker: first.key, url: first.url, infoHashes: infoHashes)))
        }
    }

    private func firstToScrape(in lane: Lane) -> Tracker? {
        for key in lane.order {
            guard let tracker = tracker(key), tracker.url.scrapeURL != nil else { continue }
            if tracker.swarms.contains(where: { !$0.isDisabled }) { return tracker }
        }
        return nil
    }

    mutating func scraped(_ id: AttemptID, _ response: ScrapeResponse, now: Instant) {
        guard let attempt = attempts.removeValue(forKey: id), attempt.swarm == nil else { return }
        let wait = max(response.minInterval ?? .zero, Limits.scrapeIntervalMin)
        update(attempt.tracker) { tracker in
            tracker.scrapeAttempt = nil
            tracker.scrapeError = nil
            tracker.nextScrape = now + min(wait, Limits.intervalMax)
        }
        for (index, infoHash) in infoHashes.enumerated() {
            guard let counts = response.counts[infoHash] else { continue }
            update(attempt.tracker, index) { $0.counts = counts.filled(from: $0.counts) }
        }
    }
}

// MARK: - The set of trackers

extension TrackerSchedule {
    /// Takes a new set of trackers. What is known of those that stay is kept; those that go are
    /// told that we leave.
    mutating func setTrackers(
        _ tiers: [[TrackerURL]], now: Instant, into actions: inout ActionBuffer<Action>
    ) {
        let wanted = Self.distinct(tiers)
        let staying = Set(wanted.joined())
        for tracker in trackers where !staying.contains(tracker.url) {
            for (id, attempt) in attempts.sorted(by: { $0.key < $1.key })
            where attempt.tracker == tracker.key && attempt.event != .stopped {
                giveUp(id, into: &actions)
            }
            if isRunning { leave(tracker.key, into: &actions) }
        }
        trackers.removeAll { !staying.contains($0.url) }
        let known = Dictionary(uniqueKeysWithValues: trackers.map { ($0.url, $0.key) })
        for (tier, urls) in wanted.enumerated() {
            for url in urls {
                if let key = known[url] {
                    update(key) { $0.tier = tier }
                } else {
                    add(url, tier: tier, next: now)
                }
            }
        }
        makeLanes()
    }

    /// The tiers with each URL once, no more trackers than we take, and no empty tier.
    static func distinct(_ tiers: [[TrackerURL]]) -> [[TrackerURL]] {
        var seen: Set<TrackerURL> = []
        return tiers.compactMap { tier in
            let urls = tier.filter { url in
                seen.count < Limits.trackersMax && seen.insert(url).inserted
            }
            return urls.isEmpty ? nil : urls
        }
    }

    /// One lane for each tier and info-hash. Trackers that were there keep their order, before
    /// new ones in a random one, which is the same for all info-hashes.
    mutating func makeLanes() {
        let old = lanes
        var tiers: [Int: [TrackerKey]] = [:]
        for tracker in trackers { tiers[tracker.tier, default: []].append(tracker.key) }
        lanes = []
        for (tier, keys) in tiers.sorted(by: { $0.key < $1.key }) {
            let shuffled = keys.sorted().shuffled(using: &generator)
            for swarm in infoHashes.indices {
                let known = old.filter { $0.swarm == swarm }.flatMap(\.order)
                let kept = known.filter { keys.contains($0) }
                let order = kept + shuffled.filter { !kept.contains($0) }
                lanes.append(Lane(tier: tier, swarm: swarm, order: order))
            }
        }
    }
}
