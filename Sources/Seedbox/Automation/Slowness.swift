public import SwarmScheduler
import Units

/// What is known of a torrent when somebody asks why it is not faster.
public struct SlownessFacts: Sendable {
    public var state: TorrentState
    /// What its disk or the torrent itself complains of.
    public var error: TorrentTrouble?
    public var hasMetadata = true
    public var isComplete = false
    /// Of what it does now: to us while it fetches, from us while it seeds. Bytes a second.
    public var rate: Int64 = 0
    public var queuePosition = 0
    public var limitReached: ReachedLimit?
    /// Connections that peers have opened, over all torrents, and for how many seconds we listen.
    /// Nil if nobody counts.
    public var incomingConnections: Int64?
    public var secondsListening: Int64 = 0
    public var counters = SlownessCounters()
    public var trackers: [TrackerRow] = []

    public init(_ state: TorrentState) { self.state = state }

    /// - Parameter counters: empty for a torrent that takes no part in its swarm.
    public init(
        _ row: TorrentRow, counters: SlownessCounters = SlownessCounters(),
        trackers: [TrackerRow] = []
    ) {
        state = row.state
        error = row.error
        hasMetadata = row.content != nil
        isComplete = row.isComplete
        rate = row.isComplete ? row.uploadRate : row.downloadRate
        (queuePosition, limitReached) = (row.queuePlace, row.limitReached)
        self.counters = counters
        self.trackers = trackers
    }

    /// What is counted at this moment, and what was since the start.
    fileprivate var now: SlownessCounters { counters }
    fileprivate var events: TorrentCounters { counters.counters }

    fileprivate var limit: ByteRate? {
        isComplete ? counters.uploadLimit : counters.downloadLimit
    }

    /// Peers that would be asked for more, or served, but for the limit.
    fileprivate var heldByLimit: Int {
        isComplete ? counters.heldByUploadLimit : counters.heldByDownloadLimit
    }
}

/// Says why a torrent is not faster, from what is counted: what weighs most comes first.
public enum Slowness {
    public static func reasons(of facts: SlownessFacts) -> [SlownessReason] {
        if let reason = standstill(facts) { return [reason] }
        var found: [SlownessReason] = []
        if facts.state == .noSpace {
            // Its error says the same, and it goes on by itself.
            found.append(noSpace(facts))
        } else if facts.error?.kind == .local {
            found.append(diskFails(facts))
        }
        if !facts.hasMetadata { found.append(noMetadata(facts)) }
        if facts.isComplete {
            found += seeding(facts)
        } else if facts.hasMetadata, facts.now.piecesMissing == 0 {
            found.append(
                SlownessReason(
                    .nobodyWantsAnything, 0,
                    "No file of it is wanted, or all that are wanted are there."))
        } else {
            found += fetching(facts)
        }
        return found
    }

    // MARK: Nothing happens at all

    private static func standstill(_ facts: SlownessFacts) -> SlownessReason? {
        switch facts.state {
        case .paused:
            SlownessReason(
                .paused, 0,
                facts.limitReached.map { limit in
                    "It has reached its limit of \(limit.words) and is paused; started again, for "
                        + "example by 'swarm resume', it goes on without that limit."
                } ?? "It is paused; start it, for example by 'swarm resume'.")
        case .queued:
            SlownessReason(
                .queued, facts.queuePosition,
                "It waits for its turn in the queue; start it past the queue, or let more run.")
        case .checking, .moving:
            SlownessReason(
                .checking, 0, "Its files are being read or moved; it goes on by itself after that.")
        case .waitingForStorage:
            SlownessReason(
                .waitingForStorage, 0,
                "The disk that its files are on is not there; mount it, and it goes on by itself.")
        case .failed: diskFails(facts)
        default: nil
        }
    }

    /// The same of many torrents, by the state alone.
    static func standstill(in state: TorrentState) -> SlownessReason.Kind? {
        switch state {
        case .paused: .paused
        case .queued: .queued
        case .checking, .moving: .checking
        case .waitingForStorage: .waitingForStorage
        case .failed: .diskFails
        case .fetchingMetadata, .downloading, .seeding, .noSpace: nil
        }
    }

    private static func diskFails(_ facts: SlownessFacts) -> SlownessReason {
        SlownessReason(
            .diskFails, facts.events.diskFailures,
            "It has stopped with an error: \(facts.error?.text ?? "the disk fails"). "
                + "Mend that, and start it again.")
    }

    private static func noSpace(_ facts: SlownessFacts) -> SlownessReason {
        SlownessReason(
            .noSpace, facts.events.diskFailures,
            "There is no room to write; make some, and it goes on by itself within a minute.")
    }

    private static func noMetadata(_ facts: SlownessFacts) -> SlownessReason {
        SlownessReason(
            .noMetadata, facts.now.peersConnected,
            "What it holds is not known yet: of \(facts.now.peersConnected) connected peers none "
                + "has told it all.")
    }

    // MARK: Fetching

    private static func fetching(_ facts: SlownessFacts) -> [SlownessReason] {
        var found: [SlownessReason] = []
        if let reason = rateLimit(facts, times: facts.events.limitedRequests) {
            found.append(reason)
        }
        found += peers(facts)
        if facts.hasMetadata, facts.now.peersConnected > 0 { found += supply(facts) }
        if facts.now.isDiskBehind {
            found.append(
                SlownessReason(
                    .diskIsSlow, facts.events.diskFailures,
                    "The disk cannot keep up, so peers are asked for less; look at what else uses "
                        + "it."))
        }
        found += trackers(facts)
        return found
    }

    /// What those who are connected could give.
    private static func supply(_ facts: SlownessFacts) -> [SlownessReason] {
        var found: [SlownessReason] = []
        if facts.now.piecesNobodyHas > 0 {
            let isAll = facts.now.piecesNobodyHas >= facts.now.piecesMissing
            found.append(
                SlownessReason(
                    .nobodyHasThePieces, facts.now.piecesNobodyHas,
                    isAll
                        ? "No connected peer has any of the \(facts.now.piecesMissing) missing "
                            + "pieces; only a new peer can help."
                        : "No connected peer has \(facts.now.piecesNobodyHas) of the "
                            + "\(facts.now.piecesMissing) missing pieces."))
        }
        let useful = facts.now.peersOfInterest
        if useful > 0, facts.now.peersChokingUs * 2 >= useful {
            let isAll = facts.now.peersChokingUs >= useful
            found.append(
                SlownessReason(
                    .everybodyChokesUs, facts.now.peersChokingUs,
                    isAll
                        ? "All \(useful) peers that have what is missing make us wait; it helps "
                            + "to give more, so allow a higher upload rate."
                        : "\(facts.now.peersChokingUs) of \(useful) peers that have what is "
                            + "missing make us wait; it helps to give more."))
        } else if useful == 0, facts.now.piecesNobodyHas == 0 {
            found.append(
                SlownessReason(
                    .notInterested, facts.now.peersConnected,
                    "None of the \(facts.now.peersConnected) connected peers has a piece that is "
                        + "missing here."))
        }
        return found
    }

    // MARK: Seeding

    private static func seeding(_ facts: SlownessFacts) -> [SlownessReason] {
        var found: [SlownessReason] = []
        if let reason = rateLimit(facts, times: facts.events.limitedServes) {
            found.append(reason)
        }
        found += peers(facts)
        if facts.now.peersConnected > 0, facts.now.peersWanting == 0 {
            found.append(
                SlownessReason(
                    .notInterested, facts.now.peersConnected,
                    "None of the \(facts.now.peersConnected) connected peers wants anything: they "
                        + "have it all."))
        } else if facts.now.peersWanting > 0,
            facts.now.peersWaiting * 2 >= facts.now.peersWanting
        {
            found.append(
                SlownessReason(
                    .noSlots, facts.now.peersWaiting,
                    "\(facts.now.peersWaiting) of \(facts.now.peersWanting) peers that want "
                        + "something wait for a turn; a higher upload limit serves more at once."))
        }
        found += trackers(facts)
        return found
    }

    // MARK: Both

    /// A limit is a reason if peers wait for it now, or the torrent is close to it.
    private static func rateLimit(_ facts: SlownessFacts, times: Int) -> SlownessReason? {
        guard let limit = facts.limit?.bytesPerSecond else { return nil }
        let isClose = Double(facts.rate) >= Double(limit) * 0.9
        guard facts.heldByLimit > 0 || isClose else { return nil }
        return SlownessReason(
            .rateLimit, max(times, facts.heldByLimit),
            "It is held to \(sizeText(limit))/s by a limit; raise that with 'swarm limit'.")
    }

    private static func peers(_ facts: SlownessFacts) -> [SlownessReason] {
        var found: [SlownessReason] = []
        if facts.now.peersKnown == 0, facts.now.peersConnected == 0 {
            found.append(
                SlownessReason(
                    .noPeersKnown, 0,
                    "Nobody is known who has it; neither trackers nor the DHT have named anyone."))
        }
        let (dials, failures) = (facts.events.dials, facts.events.dialFailures)
        let areMostRefused = dials > 0 && Double(failures) >= Double(dials) * 0.8
        if facts.now.peersKnown > 0, areMostRefused,
            facts.now.peersConnected < Limits.fewPeers
        {
            found.append(
                SlownessReason(
                    .dialsRefused, failures,
                    "\(failures) of \(dials) connections could not be opened; if other torrents "
                        + "fare alike, look at the firewall."))
        }
        let isKnownLongEnough = facts.secondsListening >= Limits.reachabilityTime
        if let incoming = facts.incomingConnections, incoming == 0, isKnownLongEnough,
            facts.now.peersConnected < Limits.fewPeers
        {
            found.append(
                SlownessReason(
                    .noIncomingConnections, 0,
                    "No peer has ever connected to us, so half of all cannot be reached; forward "
                        + "the port in the router ('swarm doctor' says which)."))
        }
        return found
    }

    private static func trackers(_ facts: SlownessFacts) -> [SlownessReason] {
        let failed = facts.trackers.filter { $0.state == .failed }
        guard !failed.isEmpty, !facts.trackers.contains(where: { $0.state == .working }) else {
            return []
        }
        let words = failed.first?.message ?? "no answer"
        return [
            SlownessReason(
                .trackersFail, failed.count,
                "\(failed.count) of \(facts.trackers.count) trackers fail, and none works: "
                    + "\(words.cut(toBytes: Limits.quotedTrackerBytesMax))")
        ]
    }
}

extension SlownessReason {
    init(_ kind: Kind, _ count: Int, _ text: String) {
        self.init(kind: kind, count: count, text: text)
    }
}
