import Hashing
import Kademlia
import Units

/// What became of the lookups of a run.
final class LookupRecord {
    private struct Key: Hashable {
        let host: HostIndex
        let work: WorkID
    }

    struct Entry {
        let startedAt: Instant
        /// Those who announced the key.
        let publishers: Set<Endpoint>
        /// How many of the true eight nearest are honest.
        let nearestCount: Int
        /// Those of them that have not answered yet.
        var missing: Set<NodeContact>
        /// Share of dead contacts in the table at the beginning.
        let deadEntries: Double
        var firstHolder: Interval?
        var hops: Int?
        var converged: Interval?
        var finished: Interval?
        var queries = 0
        /// Its host went away before it was over.
        var isVoid = false
        /// What happened, where that is written down.
        var steps: [String] = []
        /// Answers that led to each who was asked.
        var depths: [NodeContact: Int] = [:]
    }

    private(set) var entries: [Entry] = []
    private var places: [Key: Int] = [:]
    /// Events of the turn in which a lookup begins come before its handle is known.
    private var early: [(Key, DHTEvent, Instant)] = []
    private(set) var openCount = 0
    /// Whether the steps of each lookup are written down.
    var isTelling = false

    func begin(_ entry: Entry, at host: HostIndex, _ work: WorkID) {
        places[Key(host: host, work: work)] = entries.count
        entries.append(entry)
        openCount += 1
        let waiting = early
        early = []
        for (key, event, now) in waiting where key == Key(host: host, work: work) {
            take(event, of: key.host, now: now)
        }
    }

    /// The host is gone: what it looked up does not count.
    func abandon(_ host: HostIndex) {
        for (key, place) in places where key.host == host && entries[place].finished == nil {
            guard !entries[place].isVoid else { continue }
            entries[place].isVoid = true
            openCount -= 1
        }
    }

    func take(_ event: DHTEvent, of host: HostIndex, now: Instant) {
        switch event {
        case .hop(let work, let hop): take(hop, Key(host: host, work: work), event, now)
        case .peers(let work, let peers, let from):
            take(peers, from, Key(host: host, work: work), event, now)
        case .finished(let work, let result):
            finish(result, Key(host: host, work: work), event, now)
        default: break
        }
    }

    private func place(of key: Key, _ event: DHTEvent, _ now: Instant) -> Int? {
        if let place = places[key] { return place }
        early.append((key, event, now))
        if early.count > Limits.earlyEventsMax { early.removeAll() }
        return nil
    }

    private func take(_ hop: DHTHop, _ key: Key, _ event: DHTEvent, _ now: Instant) {
        guard let place = place(of: key, event, now) else { return }
        if isTelling { tell(place, hop) }
        entries[place].depths[hop.contact] = hop.depth
        guard case .answered = hop.outcome,
            entries[place].missing.remove(hop.contact) != nil,
            entries[place].missing.isEmpty, entries[place].converged == nil
        else { return }
        entries[place].converged = now - entries[place].startedAt
    }

    private func take(
        _ peers: [Endpoint], _ from: NodeContact, _ key: Key, _ event: DHTEvent, _ now: Instant
    ) {
        guard let place = place(of: key, event, now), entries[place].firstHolder == nil,
            peers.contains(where: { entries[place].publishers.contains($0) })
        else { return }
        entries[place].firstHolder = now - entries[place].startedAt
        entries[place].hops = (entries[place].depths[from] ?? 0) + 1
        if isTelling { entries[place].steps.append("the first holder is \(from.endpoint)") }
    }

    private func finish(_ result: DHTResult, _ key: Key, _ event: DHTEvent, _ now: Instant) {
        guard let place = place(of: key, event, now), !entries[place].isVoid,
            entries[place].finished == nil
        else { return }
        entries[place].finished = now - entries[place].startedAt
        entries[place].queries = result.queries
        entries[place].depths = [:]
        openCount -= 1
        guard isTelling else { return }
        entries[place].steps.append("it ended after \(now - entries[place].startedAt)")
        entries[place].steps += entries[place].missing.map { "did not find \($0)" }.sorted()
    }

    private func tell(_ place: Int, _ hop: DHTHop) {
        let mark = entries[place].missing.contains(hop.contact) ? ", one of the nearest" : ""
        let outcome =
            switch hop.outcome {
            case .asked: "asked"
            case .answered(let nodes, let roundTrip): "answered after \(roundTrip), named \(nodes)"
            case .failed: "failed"
            }
        entries[place].steps.append(
            "\(hop.time) depth \(hop.depth), \(hop.sharedBitCount) bits: "
                + "\(hop.contact.endpoint) \(outcome)\(mark)")
    }

    /// The steps of those lookups that fell short, a few of them.
    func tale() -> [String] {
        entries.enumerated()
            .filter { !$1.isVoid && ($1.firstHolder == nil || $1.converged == nil) }
            .prefix(Limits.talesMax)
            .flatMap { place, entry in
                ["lookup \(place), begun at \(entry.startedAt):"] + entry.steps.map { "  " + $0 }
            }
    }
}
