public import SwarmScheduler

/// What is known of a torrent when somebody asks why it is not faster. Counts are since it was
/// started, where they are not of this moment.
public struct SlownessFacts: Sendable {
    public var state: TorrentState
    /// What its disk or the torrent itself complains of.
    public var error: TorrentTrouble?
    public var hasMetadata = true
    public var isComplete = false
    /// Of what it does now: to us while it fetches, from us while it seeds. Bytes a second.
    public var rate: Int64 = 0
    /// The limit that binds it most, in bytes a second; its own, its group's or everybody's.
    public var rateLimit: Int64?
    public var queuePosition = 0

    public var peersKnown = 0
    public var peersConnected = 0
    /// Connections that peers have opened, over all torrents, and for how many seconds we listen.
    public var incomingConnections: Int64 = 0
    public var secondsListening: Int64 = 0
    /// Connected peers that have wanted pieces which we lack, and those of them that choke us.
    public var peersWithSomethingForUs = 0
    public var peersChokingUs = 0
    /// Connected peers that want something of ours, and those of them that we choke.
    public var peersInterested = 0
    public var peersChoked = 0
    /// Wanted pieces that we lack, and those of them that no connected peer has.
    public var piecesMissing = 0
    public var piecesNobodyHas = 0
    /// The disk takes less than peers give.
    public var isDiskCongested = false
    public var counters = TorrentCounters()
    public var trackers: [TrackerRow] = []

    public init(_ state: TorrentState) { self.state = state }
}

/// Says why a torrent is not faster, from what is counted: what weighs most comes first.
public enum Slowness {
    public static func reasons(of facts: SlownessFacts) -> [SlownessReason] {
        if let reason = standstill(facts) { return [reason] }
        var found: [SlownessReason] = []
        if facts.error?.kind == .local { found.append(diskFails(facts)) }
        switch facts.state {
        case .noSpace: found.append(noSpace(facts))
        default: break
        }
        if !facts.hasMetadata { found.append(noMetadata(facts)) }
        if facts.isComplete {
            found += seeding(facts)
        } else if facts.hasMetadata, facts.piecesMissing == 0 {
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
            SlownessReason(.paused, 0, "It is paused; start it, for example by 'swarm resume'.")
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

    private static func diskFails(_ facts: SlownessFacts) -> SlownessReason {
        SlownessReason(
            .diskFails, facts.counters.diskFailures,
            "It has stopped with an error: \(facts.error?.text ?? "the disk fails"). "
                + "Mend that, and start it again.")
    }

    private static func noSpace(_ facts: SlownessFacts) -> SlownessReason {
        SlownessReason(
            .noSpace, facts.counters.diskFailures,
            "There is no room to write; make some, and it goes on by itself within a minute.")
    }

    private static func noMetadata(_ facts: SlownessFacts) -> SlownessReason {
        SlownessReason(
            .noMetadata, facts.peersConnected,
            "What it holds is not known yet: of \(facts.peersConnected) connected peers none has "
                + "told it all.")
    }

    // MARK: Fetching

    private static func fetching(_ facts: SlownessFacts) -> [SlownessReason] {
        var found: [SlownessReason] = []
        if let reason = rateLimit(facts, times: facts.counters.limitedRequests) {
            found.append(reason)
        }
        found += peers(facts)
        if facts.hasMetadata, facts.peersConnected > 0 { found += supply(facts) }
        if facts.isDiskCongested {
            found.append(
                SlownessReason(
                    .diskIsSlow, facts.counters.diskFailures,
                    "The disk cannot keep up, so peers are asked for less; look at what else uses "
                        + "it."))
        }
        found += trackers(facts)
        return found
    }

    /// What those who are connected could give.
    private static func supply(_ facts: SlownessFacts) -> [SlownessReason] {
        var found: [SlownessReason] = []
        if facts.piecesNobodyHas > 0 {
            let isAll = facts.piecesNobodyHas >= facts.piecesMissing
            found.append(
                SlownessReason(
                    .nobodyHasThePieces, facts.piecesNobodyHas,
                    isAll
                        ? "No connected peer has any of the \(facts.piecesMissing) missing "
                            + "pieces; only a new peer can help."
                        : "No connected peer has \(facts.piecesNobodyHas) of the "
                            + "\(facts.piecesMissing) missing pieces."))
        }
        let useful = facts.peersWithSomethingForUs
        if useful > 0, facts.peersChokingUs * 2 >= useful {
            let isAll = facts.peersChokingUs >= useful
            found.append(
                SlownessReason(
                    .everybodyChokesUs, facts.peersChokingUs,
                    isAll
                        ? "All \(useful) peers that have what is missing make us wait; it helps "
                            + "to give more, so allow a higher upload rate."
                        : "\(facts.peersChokingUs) of \(useful) peers that have what is missing "
                            + "make us wait; it helps to give more."))
        } else if useful == 0, facts.piecesNobodyHas == 0 {
            found.append(
                SlownessReason(
                    .notInterested, facts.peersConnected,
                    "None of the \(facts.peersConnected) connected peers has a piece that is "
                        + "missing here."))
        }
        return found
    }

    // MARK: Seeding

    private static func seeding(_ facts: SlownessFacts) -> [SlownessReason] {
        var found: [SlownessReason] = []
        if let reason = rateLimit(facts, times: facts.counters.limitedServes) {
            found.append(reason)
        }
        found += peers(facts)
        if facts.peersConnected > 0, facts.peersInterested == 0 {
            found.append(
                SlownessReason(
                    .notInterested, facts.peersConnected,
                    "None of the \(facts.peersConnected) connected peers wants anything: they "
                        + "have it all."))
        } else if facts.peersInterested > 0, facts.peersChoked * 2 >= facts.peersInterested {
            found.append(
                SlownessReason(
                    .noSlots, facts.peersChoked,
                    "\(facts.peersChoked) of \(facts.peersInterested) peers that want something "
                        + "wait for a turn; a higher upload limit serves more at once."))
        }
        found += trackers(facts)
        return found
    }

    // MARK: Both

    /// A limit is a reason if the torrent is close to it, or was held back by it again and again.
    private static func rateLimit(_ facts: SlownessFacts, times: Int) -> SlownessReason? {
        guard let limit = facts.rateLimit else { return nil }
        let isClose = Double(facts.rate) >= Double(limit) * 0.9
        guard isClose || times > 0 && facts.rate > 0 || limit == 0 else { return nil }
        return SlownessReason(
            .rateLimit, times,
            "It is held to \(limit) bytes a second by a limit; raise that with 'swarm limit'.")
    }

    private static func peers(_ facts: SlownessFacts) -> [SlownessReason] {
        var found: [SlownessReason] = []
        if facts.peersKnown == 0, facts.peersConnected == 0 {
            found.append(
                SlownessReason(
                    .noPeersKnown, 0,
                    "Nobody is known who has it; neither trackers nor the DHT have named anyone."))
        }
        let (dials, failures) = (facts.counters.dials, facts.counters.dialFailures)
        let areMostRefused = dials > 0 && Double(failures) >= Double(dials) * 0.8
        if facts.peersKnown > 0, areMostRefused, facts.peersConnected < Limits.fewPeers {
            found.append(
                SlownessReason(
                    .dialsRefused, failures,
                    "\(failures) of \(dials) connections could not be opened; if other torrents "
                        + "fare alike, look at the firewall."))
        }
        let isKnownLongEnough = facts.secondsListening >= Limits.reachabilityTime
        if facts.incomingConnections == 0, isKnownLongEnough,
            facts.peersConnected < Limits.fewPeers
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
