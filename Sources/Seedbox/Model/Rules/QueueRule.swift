/// Who may fetch or seed now, of all who want to.
struct QueueRule {
    struct Entry: Hashable {
        var id: TorrentID
        var position: Int
        /// It has all that is wanted of it.
        var isComplete: Bool
        /// It was started past the queue. It takes nobody's place.
        var bypasses: Bool
        /// It is active and fetches nothing. It takes nobody's place, either.
        var isStalled = false
    }

    var isOn: Bool
    /// Nil is no limit.
    var activeDownloads: Int?
    var activeSeeds: Int?

    init(_ settings: Settings.Queue) {
        isOn = settings.isOn
        activeDownloads = settings.activeDownloads
        activeSeeds = settings.activeSeeds
    }

    /// The torrents that may be active, of `entries`, which are those that are not paused. By
    /// position, and of equal ones the older.
    func active(among entries: [Entry]) -> Set<TorrentID> {
        guard isOn, activeDownloads != nil || activeSeeds != nil else {
            return Set(entries.map(\.id))
        }
        var active = Set(entries.lazy.filter(\.bypasses).map(\.id))
        for (isComplete, limit) in [(false, activeDownloads), (true, activeSeeds)] {
            let waiting = entries.filter { !$0.bypasses && $0.isComplete == isComplete }
            guard let limit, waiting.count > limit else {
                active.formUnion(waiting.map(\.id))
                continue
            }
            active.formUnion(waiting.lazy.filter(\.isStalled).map(\.id))
            let ordered = waiting.filter { !$0.isStalled }
                .sorted { ($0.position, $0.id) < ($1.position, $1.id) }
            active.formUnion(ordered.prefix(max(0, limit)).map(\.id))
        }
        return active
    }
}

/// Whether a download has stalled: it is active, and nothing has come for so long that another one
/// may have its place. It stays active, and takes its place again with the first byte.
struct StallRule {
    /// Nil is never.
    let seconds: Int64?

    init(_ settings: Settings.Queue) {
        let isUsed = settings.isOn && settings.activeDownloads != nil
        seconds = isUsed ? settings.stalledMinutes.map { Int64($0) * 60 } : nil
    }

    /// - Parameter progressed: when something last came, or the download became active; nil if it
    ///   is not active now.
    func isStalled(since progressed: Int64?, now: Int64) -> Bool {
        guard let seconds, let progressed else { return false }
        return now - progressed >= seconds
    }
}

/// The order in which torrents wait. Their positions are numbers that may have gaps, so that
/// nothing changes for all others when one is removed.
struct QueueOrder {
    struct Place: Hashable {
        var id: TorrentID
        var position: Int
    }

    /// In their order.
    private let places: [Place]

    init(_ places: [Place]) {
        self.places = places.sorted { ($0.position, $0.id) < ($1.position, $1.id) }
    }

    /// Those whose positions change, with their new ones. Torrents that are moved together keep
    /// their order among each other.
    func moving(_ ids: Set<TorrentID>, _ move: QueueMove) -> [TorrentID: Int] {
        let moved = places.filter { ids.contains($0.id) }
        let others = places.filter { !ids.contains($0.id) }
        var order = places
        switch move {
        case .top: order = moved + others
        case .bottom: order = others + moved
        case .up:
            // One that stands at the top already is no place to go to.
            for index in order.indices.dropFirst()
            where ids.contains(order[index].id) && !ids.contains(order[index - 1].id) {
                order.swapAt(index, index - 1)
            }
        case .down:
            for index in order.indices.dropLast().reversed()
            where ids.contains(order[index].id) && !ids.contains(order[index + 1].id) {
                order.swapAt(index, index + 1)
            }
        }
        return changes(to: order)
    }

    /// Puts one torrent where so many are before it.
    func moving(_ id: TorrentID, toIndex index: Int) -> [TorrentID: Int] {
        guard let moved = places.first(where: { $0.id == id }) else { return [:] }
        var order = places.filter { $0.id != id }
        order.insert(moved, at: min(max(0, index), order.count))
        return changes(to: order)
    }

    /// The same numbers, given out anew.
    private func changes(to order: [Place]) -> [TorrentID: Int] {
        var changes: [TorrentID: Int] = [:]
        for (place, slot) in zip(order, places) where place.position != slot.position {
            changes[place.id] = slot.position
        }
        return changes
    }
}
