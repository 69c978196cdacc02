import Metainfo
import Storage
import SwarmEngine
import Units

// MARK: - Start, pause, remove

extension Seedbox {
    /// Lets torrents be active when it is their turn, or at once. Limits of seeding that they have
    /// reached are lifted: who starts such a torrent wants it to go on.
    public func start(
        _ ids: [TorrentID], bypassingQueue: Bool = false
    ) async throws(SeedboxError) {
        try expect(ids)
        try await fetchAgain(ids)
        let rules = SeedingRules(settings)
        for id in ids {
            members[id]?.isPaused = false
            members[id]?.bypassesQueue = bypassingQueue
            if members[id]?.hasFailed == true {
                members[id]?.hasFailed = false
                members[id]?.needsRestart = torrent(id) != nil
            }
            catalogue.update(id) { row in
                row.error = row.error?.kind == .local ? nil : row.error
                row.limitReached = nil
                if row.state == .paused || row.state == .failed { row.state = .queued }
                guard row.isComplete else { return }
                let rule = rules.rule(row.seedingLimits, category: row.category)
                // Idle time begins anew with seeding.
                let now = Self.now
                row.seedingLimits.lift(rule.reached(row.seedingFacts(since: now, now: now)))
            }
        }
        try save(ids)
        followQueue()
        for id in ids { settle(id) }
    }

    /// Lets torrents do nothing. Returns when they have left their swarms.
    public func pause(_ ids: [TorrentID]) async throws(SeedboxError) {
        try expect(ids)
        for id in ids {
            members[id]?.isPaused = true
            members[id]?.isAdmitted = false
            members[id]?.bypassesQueue = false
            members[id]?.hasFailed = false
            members[id]?.lacksContent = false
            members[id]?.isToBeChecked = false
            catalogue.update(id) {
                if $0.state == .failed || $0.state == .queued { $0.state = .paused }
            }
        }
        try save(ids)
        let tasks = ids.map { settle($0) }
        followQueue()
        for task in tasks { await task.value }
    }

    /// Forgets torrents, and deletes what is theirs in their folders if that is wanted.
    public func remove(
        _ ids: [TorrentID], deletingData: Bool = false
    ) async throws(SeedboxError) {
        try expect(ids)
        try await holding(ids) { () async throws(SeedboxError) in
            let present = ids.filter { members[$0] != nil }
            if deletingData {
                // Should the program end in the middle of it, nothing of this is fetched again.
                for id in present { members[id]?.isPaused = true }
                try save(present)
                for id in present { try await deleteContent(of: id) }
            }
            try stored { store throws(SessionStoreError) in
                try store.remove(present.map(\.record))
            }
            for id in present { (members[id], firstPeers[id]) = (nil, nil) }
            catalogue.remove(Set(present))
        }
        followQueue()
    }
}

// MARK: - The queue

extension Seedbox {
    public func moveInQueue(_ ids: [TorrentID], _ move: QueueMove) throws(SeedboxError) {
        try expect(ids)
        try reorder { $0.moving(Set(ids), move) }
    }

    func reorder(_ move: (QueueOrder) -> [TorrentID: Int]) throws(SeedboxError) {
        let order = QueueOrder(
            catalogue.withRows { rows in
                rows.map { QueueOrder.Place(id: $0.id, position: $0.queuePosition) }
            })
        let changes = move(order)
        guard !changes.isEmpty else { return }
        for (id, position) in changes {
            catalogue.update(id) { $0.queuePosition = position }
        }
        try save(changes.keys)
        followQueue()
    }
}
