import Discovery
import NIOCore
public import Storage
import Synchronization
import Transport
import Units

// MARK: - Seeds that cost next to nothing

extension Session {
    /// Takes in complete torrents that sleep until somebody wants them. Nothing is looked at on the
    /// disk, and they are announced little by little.
    ///
    /// - Returns: those that were taken. The others are in the session already.
    public nonisolated func lay(_ seeds: [DormantSeed]) -> Set<TorrentRecord.ID> {
        Set(seeds.filter { services.lay($0) }.map(\.record))
    }

    /// Lets a torrent become a dormant seed, if nobody is connected to it and nothing is missing
    /// of what is wanted. Nobody is told that it has left, as it has not. The `Torrent` is of no
    /// use any more when this returns true.
    public func lull(_ torrent: Torrent) async -> Bool {
        guard !isStopped, await torrent.fallAsleep() else { return false }
        await torrent.stop()
        return true
    }

    /// A dormant seed leaves its swarm: trackers are told.
    public func remove(dormant record: TorrentRecord.ID) async {
        await services.remove(dormant: record)
    }

    /// Announces a dormant seed now, as far as its trackers allow.
    public nonisolated func reannounce(dormant record: TorrentRecord.ID) {
        services.reannounce(dormant: record)
    }

    /// The trackers of a dormant seed, by tier; none if they were not asked yet.
    public nonisolated func trackers(
        dormant record: TorrentRecord.ID
    ) async -> [TrackerStatus] {
        let sleeper = services.sleepers.table.withLock { $0.sleepers[record] }
        switch sleeper?.continuity.announcing {
        case nil, .notYet: return []
        case .laidBy(let memory):
            return TrackerStatus.all(memory.snapshot(), named: sleeper?.continuity.trackers)
        case .underWay(let driver):
            let named = sleeper?.continuity.trackers
            return TrackerStatus.all(await driver.snapshot(), named: named)
        }
    }

    /// Who is told what happens to dormant seeds, on any thread. Must not wait for anything.
    public nonisolated func listenToDormant(
        _ listener: @escaping @Sendable (TorrentRecord.ID, DormantEvent) -> Void
    ) {
        services.sleepers.listen(listener)
    }
}
