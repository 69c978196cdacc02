public import Hashing
import Synchronization

/// All torrents as lists show them, in memory, for any thread. Nobody ever waits for a disk here.
///
/// Each change has a number, so that who knows the number of the last change it saw gets what
/// came after it, at the price of what came after it.
public final class Catalogue: Sendable {
    private let table: Mutex<CatalogueTable>
    private let pulse = Pulse()
    private let clock: RunningTime

    /// - Parameter revision: where counting begins. Above all that an earlier run can have
    ///   reached, so that its numbers are not mistaken for ours.
    init(startingAt revision: UInt64 = 0) {
        clock = RunningTime()
        table = Mutex(CatalogueTable(startingAt: revision, clock: clock))
    }

    // MARK: - Reading

    /// The number of the last change.
    public var revision: UInt64 { table.withLock { $0.revision } }

    public var count: Int { table.withLock { $0.rows.count } }

    /// What passes at all torrents together.
    var traffic: Traffic { table.withLock { $0.traffic } }

    /// Shows all rows, in the order of their ids, without copying them. Nothing can change
    /// meanwhile, so `body` must not wait for anything, nor call the catalogue.
    public func withRows<Value: Sendable, Failure: Error>(
        _ body: ([TorrentRow]) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try table.withLock { table throws(Failure) in
            table.renewPlaces()
            return try body(table.rows)
        }
    }

    public func row(_ id: TorrentID) -> TorrentRow? {
        table.withLock { table in
            table.renewPlaces()
            return table.position(of: id).map { table.rows[$0] }
        }
    }

    /// The row of the torrent that has any of the names of `infoHash`.
    public func row(named infoHash: InfoHash) -> TorrentRow? {
        table.withLock { table in
            table.renewPlaces()
            for name in infoHash.wireForms {
                if let row = table.row(named: name) { return row }
            }
            return nil
        }
    }

    /// By an info-hash in hex: 40 digits of v1, or 64 of v2.
    public func row(named hex: String) -> TorrentRow? {
        if let v1 = SHA1Digest(hex: hex) { return row(named: InfoHash(v1: v1)) }
        guard let v2 = SHA256Digest(hex: hex) else { return nil }
        let row = row(named: InfoHash(v2: v2))
        return row?.infoHash.v2 == v2 ? row : nil
    }

    /// What changed after `revision`. Costs what changed, not what there is.
    ///
    /// - Parameter most: Where more rows have changed, they are not told: all are to be taken.
    public func changes(since revision: UInt64, atMost most: Int = .max) -> CatalogueChanges {
        table.withLock { table in
            table.renewPlaces()
            return table.changes(since: revision, atMost: most)
        }
    }

    /// Says now and then, at most four times a second, that something has changed. Who is slow
    /// misses nothing: it then asks for `changes(since:)`.
    public func subscribe() -> AsyncStream<Void> { pulse.subscribe() }

    // MARK: - Changing

    func insert(_ row: TorrentRow) {
        table.withLock { $0.insert(row) }
        pulse.beat()
    }

    /// So many are to be inserted.
    func reserve(_ count: Int) { table.withLock { $0.reserve(count) } }

    /// Changes a row; counts that as a change only if it is one. False if there is no such row.
    @discardableResult
    func update(_ id: TorrentID, _ change: (inout TorrentRow) -> Void) -> Bool {
        let outcome = table.withLock { $0.update(id, change) }
        if outcome == .changed { pulse.beat() }
        return outcome != .missing
    }

    func remove(_ ids: Set<TorrentID>) {
        guard !ids.isEmpty else { return }
        table.withLock { $0.remove(ids) }
        pulse.beat()
    }

    /// Lets time pass for all torrents: that is no change of which anybody is told.
    func pass(seconds: Int64) { clock.pass(seconds) }

    func close() { pulse.close() }
}

/// What changed after a revision.
public struct CatalogueChanges: Sendable {
    public struct Removed: Equatable, Sendable {
        public var id: TorrentID
        public var infoHash: InfoHash
    }

    /// What to ask with the next time.
    public var revision: UInt64
    /// False if the revision is too old, or of another run, or if too much has changed since: no
    /// rows are told, take all.
    public var isComplete: Bool
    /// The one that changed last comes last.
    public var changed: [TorrentRow] = []
    public var removed: [Removed] = []
}
