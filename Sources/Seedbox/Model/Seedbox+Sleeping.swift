import Storage
import SwarmEngine
import Synchronization
import Units

// MARK: - Seeds that nobody is connected to

extension Seedbox {
    func take(_ happening: Happening, of id: TorrentID) async {
        switch happening {
        case .awake(let event): await take(event, of: id)
        case .dormant(.wanted): rouse(id)
        case .dormant(.announced):
            note(await session.trackers(dormant: id.record), of: id)
        }
    }

    /// Lets a torrent that sleeps wake, for what only a torrent that is awake can do.
    func rouse(_ id: TorrentID) {
        // It may be about to sleep only.
        guard members[id]?.isDormant == true || settling[id] != nil else { return }
        members[id]?.isWanted = true
        settle(id)
    }

    /// At the start: seeds of which all is known go to sleep without ever having been awake.
    ///
    /// - Returns: those that are asleep now.
    func layDown(_ whole: Set<TorrentRecord.ID>) -> Set<TorrentRecord.ID> {
        guard !whole.isEmpty else { return [] }
        let seeds = catalogue.withRows { rows in
            rows.compactMap { row -> DormantSeed? in
                // What was not said to be complete may not all be safe on the disk.
                guard whole.contains(row.id.record), row.isComplete, row.completed != nil else {
                    return nil
                }
                return DormantSeed(
                    record: row.id.record, infoHash: row.infoHash, isPrivate: row.isPrivate,
                    isWhole: true)
            }
        }
        let sleepers = session.lay(seeds)
        let now = Self.now
        for record in sleepers {
            let id = TorrentID(record)
            members[id]?.isDormant = true
            members[id]?.seedingSince = now
            catalogue.update(id) { row in
                (row.state, row.progress, row.started) = (.seeding, 1, now)
            }
        }
        return sleepers
    }

    /// Looks whether a torrent has had nothing to do for so long that it may sleep.
    func noteQuiet(_ id: TorrentID, isQuiet: Bool, now: Int64) {
        guard members[id]?.quiet.isLong(isQuiet, now: now) == true else { return }
        members[id]?.isSleepy = true
        settle(id)
    }

    func lull(_ id: TorrentID, _ torrent: Torrent) async {
        members[id]?.isSleepy = false
        members[id]?.isWanted = false
        members[id]?.quiet = Quiet()
        await enterOpening()
        defer { leaveOpening() }
        await poll(id, torrent, now: Self.now)
        guard await session.lull(torrent) else { return }
        shared.active.withLock { $0[id] = nil }
        members[id]?.isDormant = true
        members[id]?.isWaking = false
        catalogue.update(id) { row in row.rest() }
    }

    func leave(_ id: TorrentID) async {
        await session.remove(dormant: id.record)
        members[id]?.isDormant = false
        members[id]?.isWanted = false
    }

    /// The trackers of a torrent that is in the session, as the session knows them.
    nonisolated func sessionTrackers(_ id: TorrentID) async -> [TrackerStatus] {
        guard let torrent = torrent(id) else {
            return await session.trackers(dormant: id.record)
        }
        return await torrent.trackers()
    }
}
