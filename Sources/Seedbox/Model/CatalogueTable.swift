import Hashing

/// The rows of a catalogue, and in what order they changed.
struct CatalogueTable {
    enum UpdateOutcome {
        case changed, same, missing
    }

    private struct Removal {
        var revision: UInt64
        var removed: CatalogueChanges.Removed
    }

    private(set) var revision: UInt64
    /// In the order of their ids.
    private(set) var rows: [TorrentRow] = []
    private(set) var traffic = Traffic()
    private let clock: RunningTime
    /// Torrents have moved in the queue, or have left it, since places were given out.
    private var hasOldPlaces = false
    /// By all names that the wire knows a torrent by.
    private var names: [SHA1Digest: TorrentID] = [:]
    /// Every change in its order. One is the last of its torrent if the row has its number.
    private var changes = ChangeLog()
    private var removals: [Removal] = []
    /// What happened up to here is not known any more.
    private var forgottenUpTo: UInt64

    init(startingAt revision: UInt64, clock: RunningTime) {
        self.clock = clock
        self.revision = revision
        self.forgottenUpTo = revision
    }

    /// Ids grow, so the rows are sorted by being appended.
    func position(of id: TorrentID) -> Int? {
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < rows.count && rows[low].id == id ? low : nil
    }

    func row(named name: SHA1Digest) -> TorrentRow? {
        names[name].flatMap { position(of: $0) }.map { rows[$0] }
    }

    func changes(since old: UInt64, atMost most: Int) -> CatalogueChanges {
        guard old >= forgottenUpTo, old <= revision else {
            return CatalogueChanges(revision: revision, isComplete: false)
        }
        var delta = CatalogueChanges(revision: revision, isComplete: true)
        changes.forEachBackwards { change in
            guard change.revision > old else { return false }
            guard let position = position(ofLast: change) else { return true }
            guard delta.changed.count < most else {
                delta.isComplete = false
                delta.changed = []
                return false
            }
            delta.changed.append(rows[position])
            return true
        }
        delta.changed.reverse()
        for removal in removals.reversed() {
            guard removal.revision > old else { break }
            delta.removed.append(removal.removed)
        }
        delta.removed.reverse()
        return delta
    }

    // MARK: - Changing

    mutating func reserve(_ count: Int) {
        rows.reserveCapacity(rows.count + count)
        names.reserveCapacity(names.count + count)
    }

    mutating func insert(_ row: TorrentRow) {
        var row = row
        row.revision = nextRevision(for: row.id)
        row.spent.count(by: clock)
        traffic.add(row)
        for name in row.infoHash.wireForms { names[name] = row.id }
        guard let last = rows.last, last.id >= row.id else {
            let isLast = rows.last.map { $0.queuePosition < row.queuePosition } ?? true
            if isLast, rows.last.map({ $0.queuePlace == rows.count - 1 }) ?? true {
                row.queuePlace = rows.count
            } else {
                hasOldPlaces = true
            }
            return rows.append(row)
        }
        hasOldPlaces = true
        if let position = position(of: row.id) {
            traffic.subtract(rows[position])
            rows[position] = row
        } else {
            rows.insert(row, at: rows.firstIndex { $0.id > row.id } ?? rows.count)
        }
    }

    mutating func update(_ id: TorrentID, _ change: (inout TorrentRow) -> Void) -> UpdateOutcome {
        guard let position = position(of: id) else { return .missing }
        let old = rows[position]
        var new = old
        change(&new)
        (new.id, new.revision) = (id, old.revision)
        guard new != old else { return .same }
        traffic.subtract(old)
        traffic.add(new)
        if new.queuePosition != old.queuePosition { hasOldPlaces = true }
        if new.infoHash != old.infoHash {
            for name in old.infoHash.wireForms { names[name] = nil }
            for name in new.infoHash.wireForms { names[name] = id }
        }
        new.revision = nextRevision(for: id)
        rows[position] = new
        return .changed
    }

    mutating func remove(_ ids: Set<TorrentID>) {
        for id in ids {
            guard let position = position(of: id) else { continue }
            let row = rows[position]
            traffic.subtract(row)
            for name in row.infoHash.wireForms { names[name] = nil }
            revision += 1
            let removed = CatalogueChanges.Removed(id: id, infoHash: row.infoHash)
            removals.append(Removal(revision: revision, removed: removed))
        }
        rows.removeAll { ids.contains($0.id) }
        hasOldPlaces = true
        guard removals.count > Limits.removedKeptMax else { return }
        // More than one at a time, since all that stay are moved.
        let excess = removals.count - Limits.removedKeptMax + Limits.removedKeptMax / 4
        forgottenUpTo = removals[excess - 1].revision
        removals.removeFirst(excess)
    }

    /// Gives out places in the queue if they may not be what they were. That is no change of a
    /// row: one that moves up because another is removed is not told of by itself.
    mutating func renewPlaces() {
        guard hasOldPlaces else { return }
        hasOldPlaces = false
        var order = Array(rows.indices)
        let isSorted = zip(rows, rows.dropFirst()).allSatisfy {
            $0.queuePosition <= $1.queuePosition
        }
        // Of equal positions the older is first: rows are in that order.
        if !isSorted {
            order.sort { (rows[$0].queuePosition, $0) < (rows[$1].queuePosition, $1) }
        }
        for (place, index) in order.enumerated() where rows[index].queuePlace != place {
            rows[index].queuePlace = place
        }
    }

    private mutating func nextRevision(for id: TorrentID) -> UInt64 {
        // Apart from the rows, at which the sweep looks.
        var changes = ChangeLog()
        swap(&changes, &self.changes)
        changes.sweepSome(rowCount: rows.count) { position(ofLast: $0) != nil }
        revision += 1
        changes.append(ChangeLog.Entry(revision: revision, id: id))
        self.changes = changes
        return revision
    }

    /// Where the torrent is that has not changed since; nil if it has, or is gone.
    private func position(ofLast change: ChangeLog.Entry) -> Int? {
        position(of: change.id).flatMap { rows[$0].revision == change.revision ? $0 : nil }
    }
}

/// What passes at all torrents together: counted as they change, so that nobody has to add up
/// thousands of them each second.
struct Traffic: Equatable {
    /// Bytes a second.
    private(set) var downloadRate: Int64 = 0
    private(set) var uploadRate: Int64 = 0
    private(set) var peersConnected = 0

    mutating func add(_ row: TorrentRow) {
        downloadRate += row.downloadRate
        uploadRate += row.uploadRate
        peersConnected += row.peersConnected
    }

    mutating func subtract(_ row: TorrentRow) {
        downloadRate -= row.downloadRate
        uploadRate -= row.uploadRate
        peersConnected -= row.peersConnected
    }
}
