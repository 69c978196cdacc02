import Logging
import Metainfo
import Storage
import SwarmEngine
import Synchronization
import Units

// MARK: - Who may be active

extension Seedbox {
    /// Has the queue asked who may be active, at once or soon: once for all that changes till then.
    func followQueue() {
        switch queuePace.ask(now: .now) {
        case .now: walkQueue()
        case .after(let delay):
            Task {
                try? await Task.sleep(for: delay)
                queuePace.due(now: .now)
                walkQueue()
            }
        case .nothing: break
        }
    }

    /// Asks the queue who may be active now, and brings about what it says.
    ///
    /// - Parameter whole: those that go to sleep at once if they may be active.
    func walkQueue(layingDown whole: Set<TorrentRecord.ID> = []) {
        guard !isStopping else { return }
        let (members, stalled) = (members, stalled)
        let entries = catalogue.withRows { rows in
            rows.compactMap { row -> QueueRule.Entry? in
                guard let member = members[row.id], !member.isPaused, !member.hasFailed else {
                    return nil
                }
                return QueueRule.Entry(
                    id: row.id, position: row.queuePosition, isComplete: row.isComplete,
                    bypasses: member.bypassesQueue,
                    isStalled: member.isAdmitted && stalled.contains(row.id))
            }
        }
        let admitted = QueueRule(settings.queue).active(among: entries)
        let sleepers = layDown(whole.filter { admitted.contains(TorrentID($0)) })
        for (id, member) in members where member.isAdmitted != admitted.contains(id) {
            self.members[id]?.isAdmitted = admitted.contains(id)
            if !sleepers.contains(id.record) { settle(id) }
        }
    }

    /// Brings the torrent to where it should be. One task at a time does, until it is there.
    @discardableResult
    func settle(_ id: TorrentID) -> Task<Void, Never> {
        if let task = settling[id] { return task }
        let task = Task { await bring(id) }
        settling[id] = task
        return task
    }

    private enum Step {
        case open
        case close(Torrent)
        /// Let it sleep.
        case lull(Torrent)
        /// It sleeps, and is to be no part of the session any more.
        case leave
    }

    private func nextStep(_ id: TorrentID) -> Step? {
        guard let member = members[id], !isStopping else { return nil }
        let torrent = torrent(id)
        let shouldBeActive = (member.isAdmitted || member.isToBeChecked) && member.holds == 0
        switch (torrent, shouldBeActive) {
        case (nil, true): return member.isDormant && !member.isWanted ? nil : .open
        case (let torrent?, false): return .close(torrent)
        case (let torrent?, true):
            if member.needsRestart { return .close(torrent) }
            return member.isSleepy ? .lull(torrent) : nil
        case (nil, false): return member.isDormant ? .leave : nil
        }
    }

    private func bring(_ id: TorrentID) async {
        while let step = nextStep(id) {
            switch step {
            case .open: await open(id)
            case .close(let torrent): await close(id, torrent)
            case .lull(let torrent): await lull(id, torrent)
            case .leave: await leave(id)
            }
        }
        settling[id] = nil
        showRest(id)
    }

    /// What a torrent that is not active shows.
    func showRest(_ id: TorrentID) {
        guard let member = members[id], torrent(id) == nil, !member.isDormant,
            !member.hasFailed, !member.isToBeChecked
        else { return }
        catalogue.update(id) { row in
            row.state = member.isPaused ? .paused : .queued
            row.rest()
            if row.error?.kind != .local { row.error = nil }
        }
    }

    /// The torrent, if it is active.
    nonisolated func torrent(_ id: TorrentID) -> Torrent? {
        shared.active.withLock { $0[id] }
    }

    /// Keeps the torrent from being active while `body` runs.
    func holding<Value>(
        _ ids: [TorrentID], _ body: () async throws(SeedboxError) -> Value
    ) async throws(SeedboxError) -> Value {
        for id in ids { members[id]?.holds += 1 }
        let tasks = ids.map { settle($0) }
        for task in tasks { await task.value }
        defer {
            for id in ids {
                members[id]?.holds -= 1
                settle(id)
            }
        }
        // A seedbox that ends closes nothing for this any more: it may still be active.
        guard !isStopping else { throw .stopping }
        return try await body()
    }
}

// MARK: - Opening and closing

extension Seedbox {
    private func open(_ id: TorrentID) async {
        await enterOpening()
        defer { leaveOpening() }
        guard var request = request(for: id), !isStopping else { return }
        do throws(EngineError) {
            let happenings = happenings
            request.onEvent = { event in
                // Very many, and the poll sees what comes of them.
                if case .pieceCompleted = event { return }
                happenings.yield((id, .awake(event)))
            }
            let torrent = try await session.add(request)
            members[id]?.begin()
            shared.active.withLock { $0[id] = torrent }
            startCounting(id)
            // Some may have been named while it was opened.
            if let peers = firstPeers.removeValue(forKey: id) { await torrent.addPeers(peers) }
            if case .magnet = request.source, let (_, metainfo) = try? known(id) {
                await torrent.learn(from: metainfo)
            }
            await poll(id, torrent, now: Self.now)
        } catch {
            fail(id, "\(error)")
        }
    }

    private func startCounting(_ id: TorrentID) {
        guard let row = catalogue.row(id) else { return }
        members[id]?.downloadedBefore = row.downloaded
        members[id]?.uploadedBefore = row.uploaded
        members[id]?.wastedBefore = row.wasted
        guard members[id]?.isWaking != true else { return }
        members[id]?.seedingSince = nil
        let now = Self.now
        catalogue.update(id) { row in
            row.started = now
            row.error = nil
            if row.content == nil { row.state = .fetchingMetadata } else { row.state = .checking }
        }
    }

    /// A torrent that cannot go on by itself.
    func fail(_ id: TorrentID, _ text: String) {
        members[id]?.hasFailed = true
        members[id]?.isAdmitted = false
        members[id]?.isToBeChecked = false
        catalogue.update(id) { row in
            row.state = .failed
            row.rest()
            row.error = TorrentTrouble(kind: .local, text: text)
        }
        log.error(
            "a torrent has failed", metadata: ["torrent": "\(id.rawValue)", "error": "\(text)"])
        settle(id)
    }

    private func close(_ id: TorrentID, _ torrent: Torrent) async {
        await poll(id, torrent, now: Self.now)
        await session.remove(torrent)
        shared.active.withLock { $0[id] = nil }
        members[id]?.needsRestart = false
        noteCounters()
    }

    /// What the session is asked for; nil, and the torrent has failed, if that cannot be read.
    private func request(for id: TorrentID) -> TorrentRequest? {
        guard let row = catalogue.row(id), members[id] != nil else { return nil }
        do throws(SeedboxError) {
            var request = try bareRequest(for: row)
            request.isSequential = row.isSequential
            request.downloadLimit = row.downloadLimit.map { ByteRate(bytesPerSecond: $0) }
            request.uploadLimit = row.uploadLimit.map { ByteRate(bytesPerSecond: $0) }
            (request.group, request.honoursSessionLimits) = (row.group, row.honoursSessionLimits)
            request.priority = DownloadPriority(row.priority)
            request.filePriorities = priorities(of: id)
            request.maxPeers = row.peersMax
            request.record = id.record
            request.waitsForStorage = true
            request.missesContent = true
            request.peers = firstPeers.removeValue(forKey: id) ?? []
            return request
        } catch {
            fail(id, "\(error)")
            return nil
        }
    }

    func bareRequest(for row: TorrentRow) throws(SeedboxError) -> TorrentRequest {
        let known = try stored { store throws(SessionStoreError) in
            try store.torrent(row.id.record)
        }
        guard let known else { throw .noSuchTorrent(row.name) }
        var request: TorrentRequest
        if let bytes = known.metainfo {
            do {
                let metainfo = try Metainfo(kept: bytes)
                request = TorrentRequest(metainfo: metainfo, directory: row.folder, mode: .fetch)
                // What its record knows may be younger than the row.
                if row.content == nil { learn(metainfo, of: row.id) }
            } catch {
                throw .badSource("its metainfo is damaged: \(error)")
            }
        } else {
            let link = known.link.flatMap { try? MagnetLink($0) }
            request = TorrentRequest(
                magnet: link ?? MagnetLink(infoHash: row.infoHash), directory: row.folder)
            // It was asked for before anybody knew which files have which numbers.
            request.shownFiles = known.wantedFiles.map { Set($0.map(\.position)) }
            return request
        }
        request.selectedFiles = known.wantedFiles.map { Set($0) }
        return request
    }

    func enterOpening() async {
        guard opening >= Limits.opensAtOnceMax, !isStopping else {
            opening += 1
            return
        }
        // Who leaves gives its place to the one that waits longest.
        await withCheckedContinuation { openingWaiters.append($0) }
    }

    func leaveOpening() {
        guard !openingWaiters.isEmpty else {
            opening -= 1
            return
        }
        openingWaiters.removeFirst().resume()
    }
}

extension TorrentRow {
    /// What is only true of an active torrent.
    mutating func rest() {
        (downloadRate, uploadRate) = (0, 0)
        (peersConnected, peersSendingToUs, peersGettingFromUs) = (0, 0, 0)
        (seedsConnected, peersKnown) = (0, 0)
        if content == nil { progress = 0 }
    }
}
