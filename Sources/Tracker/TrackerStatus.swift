public import Hashing
public import Units

/// What a user may want to know of a tracker.
public struct TrackerStatus: Hashable, Sendable {
    /// What the tracker is for one of the torrent's info-hashes.
    public struct Swarm: Hashable, Sendable {
        public enum State: Hashable, Sendable {
            /// The torrent does not take part, or the tracker was not asked yet.
            case idle
            /// An announce is under way.
            case announcing
            case working
            /// The last announce failed; it will be tried again.
            case failing
            /// The tracker said that it is never to be asked again.
            case disabled
        }

        public let infoHash: SHA1Digest
        public let state: State
        /// Failures since the last answer.
        public let failCount: Int
        public let lastError: TrackerError?
        public let warning: String?
        public let lastAnswer: Instant?
        /// When an announce last ended, with an answer or without.
        public let lastTry: Instant?
        /// When it is announced to next; `nil` if it is not its turn in its tier.
        public let nextAnnounce: Instant?
        public let counts: SwarmCounts
    }

    public let key: TrackerSchedule.TrackerKey
    public let url: TrackerURL
    /// From 0.
    public let tier: Int
    /// One for each info-hash of the torrent.
    public let swarms: [Swarm]
    /// How many peers it named in its last answer; nil before it was asked.
    public let peersFound: Int?
    /// Why the last scrape failed.
    public let scrapeError: TrackerError?

    /// The highest counts that the tracker gave for any info-hash: the swarms of a hybrid
    /// torrent overlap, so that they cannot be added.
    public var counts: SwarmCounts {
        swarms.map(\.counts).reduce(SwarmCounts()) { most, counts in
            SwarmCounts(
                seeders: [most.seeders, counts.seeders].compactMap(\.self).max(),
                leechers: [most.leechers, counts.leechers].compactMap(\.self).max(),
                downloads: [most.downloads, counts.downloads].compactMap(\.self).max())
        }
    }
}

extension TrackerSchedule {
    public func url(of tracker: TrackerKey) -> TrackerURL? { self.tracker(tracker)?.url }

    public var firstTracker: TrackerURL? { trackers.first?.url }

    /// Whether a tracker was told that we are here.
    public var isKnown: Bool {
        trackers.contains { $0.swarms.contains(where: \.isStarted) }
    }

    /// All trackers, by tier and by their order in it.
    public var status: [TrackerStatus] {
        var keys: [TrackerKey] = []
        for lane in lanes where lane.swarm == 0 { keys += lane.order }
        let turns = lanes.map { lane in (lane.swarm, due(in: lane)) }
        return keys.compactMap { key in
            guard let tracker = tracker(key) else { return nil }
            let swarms = tracker.swarms.enumerated().map { index, swarm in
                let turn = turns.first { $0.0 == index && $0.1?.key == key }?.1
                return TrackerStatus.Swarm(
                    infoHash: infoHashes[index], state: state(of: swarm),
                    failCount: Int(swarm.failCount), lastError: swarm.lastError,
                    warning: swarm.warning, lastAnswer: swarm.lastAnswer,
                    lastTry: swarm.lastTry, nextAnnounce: isRunning ? turn?.at : nil,
                    counts: swarm.counts)
            }
            return TrackerStatus(
                key: key, url: tracker.url, tier: tracker.tier, swarms: swarms,
                peersFound: tracker.peersFound.map { Int($0) }, scrapeError: tracker.scrapeError)
        }
    }

    private func state(of swarm: Swarm) -> TrackerStatus.Swarm.State {
        if swarm.isDisabled { return .disabled }
        if swarm.attempt != nil { return .announcing }
        if swarm.failCount > 0 { return .failing }
        return isRunning && swarm.isStarted ? .working : .idle
    }
}
