import Kademlia
import Units

/// When each torrent is looked for and announced next, in each family.
struct DHTSchedule {
    struct Key: Hashable {
        let torrent: DHTDriver.TorrentID
        let family: AddressFamily
    }

    private struct Entry {
        let at: Instant
        let key: Key
    }

    /// The soonest last.
    private var entries: [Entry] = []

    var count: Int { entries.count }

    var next: Instant? { entries.last?.at }

    /// Sets the time, in place of one that was set before.
    mutating func set(_ key: Key, at instant: Instant) {
        remove(key)
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].at > instant { low = middle + 1 } else { high = middle }
        }
        entries.insert(Entry(at: instant, key: key), at: low)
    }

    /// Like `set`, unless it is to be sooner anyway.
    mutating func advance(_ key: Key, to instant: Instant) {
        if let entry = entries.first(where: { $0.key == key }), entry.at <= instant { return }
        set(key, at: instant)
    }

    mutating func remove(_ key: Key) {
        guard let place = entries.firstIndex(where: { $0.key == key }) else { return }
        entries.remove(at: place)
    }

    /// Takes out one whose time has come.
    mutating func takeDue(now: Instant) -> Key? {
        guard let last = entries.last, last.at <= now else { return nil }
        return entries.removeLast().key
    }

    /// How long after a search the next one is due.
    ///
    /// Announces are forgotten after half an hour, so that one is due in time for that. Where
    /// little was found, or few nodes have taken the announce, the next comes sooner, at first
    /// after seconds: the network may only be coming together, or the holders be starting.
    ///
    /// - Parameter attempt: how many searches in a row have been as poor.
    static func wait(
        result: DHTResult, peerCount: Int, announces: Bool, attempt: Int
    ) -> Interval {
        let isPoor =
            result.closest.isEmpty || (announces && result.storedCount < Limits.dhtStoredWanted)
            || (!announces && peerCount == 0)
        guard isPoor else { return Limits.dhtAnnounceInterval }
        let wait = Limits.dhtRetryWait * (Int64(1) << Int64(min(max(attempt, 0), 10)))
        return min(wait, Limits.dhtAnnounceInterval)
    }
}

/// When bootstrap nodes are asked: at the beginning, and as long as hardly anybody is known, ever
/// more rarely.
struct DHTBootstrap {
    private var attempts = 0
    private(set) var dueAt: Instant?

    /// Begins, or begins again.
    mutating func begin(at instant: Instant) {
        attempts = 0
        dueAt = instant
    }

    /// Whether they are to be asked now; if so, the next time is set.
    mutating func isDue(nodeCount: Int, now: Instant) -> Bool {
        guard let dueAt, dueAt <= now else { return false }
        let wait = Limits.dhtBootstrapWait * (Int64(1) << Int64(min(attempts, 10)))
        self.dueAt = now + min(wait, Limits.dhtBootstrapWaitMax)
        guard nodeCount < Limits.dhtNodesWanted else {
            attempts = 0
            self.dueAt = now + Limits.dhtBootstrapWaitMax
            return false
        }
        attempts += 1
        return true
    }
}
