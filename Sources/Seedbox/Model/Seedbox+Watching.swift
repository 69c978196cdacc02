import Foundation
import Logging
import Metainfo
import Storage
import SwarmEngine
import SwarmScheduler
import Synchronization
import Units

// MARK: - What happens to torrents

extension Seedbox {
    func take(_ event: TorrentEvent, of id: TorrentID) async {
        guard members[id] != nil else { return }
        switch event {
        case .metadata(let metainfo): learn(metainfo, of: id)
        case .connected: disturbed.insert(id)
        case .resumed(let bytesDone, _): members[id]?.isAwaited = misses(id, having: bytesDone)
        case .completed: await completed(id)
        case .trackerWarning(_, let text): trouble(id, .trackerWarning, text)
        case .trackerFailed(_, .trackerSilent(let text)): trouble(id, .trackerSilent, text)
        case .trackerFailed(_, let error): trouble(id, .trackerError, "\(error)")
        case .diskFull(let error):
            catalogue.update(id) { row in
                row.state = .noSpace
                row.error = TorrentTrouble(kind: .local, text: error.whileItGoesOn)
            }
        case .storageMissing(let error):
            catalogue.update(id) { row in
                row.state = .waitingForStorage
                row.error = TorrentTrouble(kind: .local, text: "\(error)")
            }
        case .moved(let folder): catalogue.update(id) { row in row.folder = folder }
        case .diskRelieved, .storageFound:
            catalogue.update(id) { row in
                if row.error?.kind == .local { row.error = nil }
            }
        case .failed(let error):
            if case .missingContent = error { members[id]?.lacksContent = true }
            fail(id, "\(error)")
        case .hashFailed(let piece):
            log.info(
                "a piece failed its hash",
                metadata: ["torrent": "\(id.rawValue)", "piece": "\(piece.position)"])
        case .fetchingMetadata, .pieceCompleted, .peerBanned: break
        }
    }

    func learn(_ metainfo: Metainfo, of id: TorrentID) {
        let known = try? stored { store throws(SessionStoreError) in try store.torrent(id.record) }
        let wanted = known?.wantedFiles.map { Set($0) }
        catalogue.update(id) { row in row.learn(metainfo, wanted: wanted) }
        do throws(SeedboxError) { try save([id]) } catch { say(error) }
    }

    private func misses(_ id: TorrentID, having bytesDone: Int64) -> Bool {
        catalogue.row(id).map { bytesDone < $0.bytesWanted } ?? false
    }

    private func completed(_ id: TorrentID) async {
        // Content that was there when it was added has not been fetched by us: nobody waits for it.
        let wasAwaited = members[id]?.isAwaited ?? false
        members[id]?.isAwaited = false
        // Who is told of it is told how much has come.
        if wasAwaited, let torrent = torrent(id) { await poll(id, torrent, now: Self.now) }
        guard let row = catalogue.row(id), row.content != nil, row.completed == nil || wasAwaited
        else { return }
        let now = Self.now
        members[id]?.seedingSince = now
        catalogue.update(id) { row in
            row.completed = now
            row.bytesDone = row.bytesWanted
            row.progress = 1
            if row.state == .downloading { row.state = .seeding }
        }
        do throws(SeedboxError) { try save([id]) } catch { say(error) }
        if wasAwaited { tell(.completed, id) }
        followQueue()
    }

    private func trouble(_ id: TorrentID, _ kind: TorrentTrouble.Kind, _ text: String) {
        catalogue.update(id) { row in
            guard row.error?.kind != .local else { return }
            row.error = TorrentTrouble(kind: kind, text: String(text.prefix(Limits.troubleMax)))
        }
    }

    func say(_ error: SeedboxError) {
        log.error("cannot save", metadata: ["error": "\(error)"])
    }
}

extension TorrentRow {
    mutating func learn(_ metainfo: Metainfo, wanted: Set<FileIndex>?) {
        infoHash = metainfo.infoHash
        name = metainfo.name
        content = ContentShape(metainfo.layout)
        isPrivate = metainfo.isPrivate
        tracker = metainfo.announceTiers.first?.first ?? tracker
        bytesWanted = metainfo.layout.bytes(of: wanted)
    }
}

extension ContentShape {
    init(_ layout: ContentLayout) {
        self.init(
            length: layout.contentLength, fileCount: layout.files.count { !$0.isPad },
            pieceCount: layout.pieceCount, pieceLength: Int64(layout.pieceLength))
    }
}

extension ContentLayout {
    /// Content bytes of the pieces that these files need, or all need if nil: what a torrent that
    /// is active counts, and what has to be fetched.
    func bytes(of files: Set<FileIndex>?) -> Int64 {
        guard let files else { return contentLength }
        var sum: Int64 = 0
        pieces(of: files).forEach { sum += contentLength(of: $0) }
        return sum
    }

    /// Those of them that are there.
    func bytes(of files: Set<FileIndex>?, in have: Bitfield) -> Int64 {
        let wanted = files.map { pieces(of: $0) }
        var sum: Int64 = 0
        have.forEach { if wanted?.contains($0) ?? true { sum += contentLength(of: $0) } }
        return sum
    }

    private func pieces(of files: Set<FileIndex>) -> Bitfield {
        var pieces = Bitfield(count: pieceCount)
        for file in files where file.position < self.files.count {
            guard !self.files[file.position].isPad else { continue }
            for piece in self.pieces(of: file) { pieces.insert(PieceIndex(piece)) }
        }
        return pieces
    }
}

// MARK: - Once a second

extension Seedbox {
    func tick(now: Int64) async {
        guard !isStopping else { return }
        let elapsed = min(max(0, now - lastTick), Limits.tickSecondsMax)
        lastTick = now
        ticks += 1
        recent.note(time: now, revision: catalogue.revision)
        for (id, torrent) in due(now: now) {
            await poll(id, torrent, now: now)
            if isTurn(of: id) { await pollTrackers(id, torrent) }
        }
        catalogue.pass(seconds: elapsed)
        followStalled(now: now)
        enforceLimits(now: now)
        await followRates(now: now)
        countSession(elapsed)
        if ticks % Int64(Limits.noteSeconds) == 0 { noteCounters() }
    }

    /// Those at which something happens are asked each second, the others in turn. One at which a
    /// peer has come and gone since the last time says so.
    private func due(now: Int64) -> [(TorrentID, Torrent)] {
        let disturbed = disturbed
        self.disturbed = []
        return shared.active.withLock { $0 }.filter { id, torrent in
            guard let row = catalogue.row(id) else { return false }
            let isIdle =
                row.state == .seeding && row.peersConnected == 0 && row.uploadRate == 0
                && torrent.connectionCount == 0 && !disturbed.contains(id)
            noteQuiet(id, isQuiet: isIdle, now: now)
            return !isIdle || isTurn(of: id) || members[id]?.isWaking == true
        }
    }

    private func isTurn(of id: TorrentID) -> Bool {
        let turns = Int64(Limits.idlePollSeconds)
        return id.rawValue % turns == ticks % turns
    }

    /// What its trackers say of the swarm, and whether they answer.
    private func pollTrackers(_ id: TorrentID, _ torrent: Torrent) async {
        let trackers = await torrent.trackers()
        guard self.torrent(id) === torrent else { return }
        note(trackers, of: id)
    }

    func note(_ trackers: [TrackerStatus], of id: TorrentID) {
        guard !trackers.isEmpty else { return }
        let works = trackers.contains { $0.state == .working }
        let failure = trackers.first { $0.state == .failing || $0.state == .disabled }
        let warning = trackers.first { $0.state == .working && $0.message != nil }?.message
        catalogue.update(id) { row in
            row.seedsInSwarm = trackers.compactMap(\.seeds).max()
            row.leechersInSwarm = trackers.compactMap(\.leechers).max()
            guard row.error?.kind != .local else { return }
            if works {
                row.error = warning.map { TorrentTrouble(kind: .trackerWarning, text: $0) }
            } else if let text = failure?.message {
                let isSilent = failure?.isSilent ?? false
                row.error = TorrentTrouble(
                    kind: isSilent ? .trackerSilent : .trackerError, text: text)
            }
        }
    }

    func pollAll(now: Int64) async {
        for (id, torrent) in shared.active.withLock({ $0 }) { await poll(id, torrent, now: now) }
    }

    func poll(_ id: TorrentID, _ torrent: Torrent, now: Int64) async {
        let status = await torrent.status()
        guard self.torrent(id) === torrent, let member = members[id], !member.hasFailed else {
            return
        }
        if member.isWaking {
            // Files are looked at, as they were known: for others nothing happens.
            if case .checking(_, total: 0) = status.state { return }
            members[id]?.isWaking = false
        }
        let before = catalogue.row(id)
        catalogue.update(id) { $0.take(status, member, now: now) }
        guard let before, let after = catalogue.row(id) else { return }
        if after.state == .seeding, member.seedingSince == nil { members[id]?.seedingSince = now }
        if after.state != .seeding { members[id]?.seedingSince = nil }
        members[id]?.noteProgress(from: before, to: after, now: now)
        if member.isToBeChecked, after.state != .checking {
            members[id]?.isToBeChecked = false
            if !member.isAdmitted { settle(id) }
        }
        shared.statistics.withLock { statistics in
            statistics.count(\.downloaded, after.downloaded - before.downloaded)
            statistics.count(\.uploaded, after.uploaded - before.uploaded)
        }
        if before.isComplete != after.isComplete { followQueue() }
    }

    /// Downloads that stall make room for others, as long as they do.
    private func followStalled(now: Int64) {
        let rule = StallRule(settings.queue)
        var stalled: Set<TorrentID> = []
        for (id, member) in members
        where member.isAdmitted && rule.isStalled(since: member.progressedAt, now: now) {
            stalled.insert(id)
        }
        guard stalled != self.stalled else { return }
        for id in stalled.symmetricDifference(self.stalled) {
            catalogue.update(id) { $0.isStalled = stalled.contains(id) }
        }
        self.stalled = stalled
        followQueue()
    }

    private func countSession(_ elapsed: Int64) {
        let traffic = catalogue.traffic
        shared.statistics.withLock { statistics in
            statistics.count(\.secondsActive, elapsed)
            statistics.downloadRate = traffic.downloadRate
            statistics.uploadRate = traffic.uploadRate
            statistics.peers = traffic.peersConnected
        }
    }

    /// Writes the counters of those at which something happened since the last time, and of some of
    /// the others in turn, for which nothing but time has passed.
    func noteCounters(everything: Bool = false) {
        let changes = catalogue.changes(since: notedRevision)
        let turns = Limits.noteAllSeconds / Limits.noteSeconds
        let turn = Int(ticks / Int64(Limits.noteSeconds) % Int64(turns))
        let rows = catalogue.withRows { rows in
            guard changes.isComplete, !everything else { return rows }
            let others = rows[rows.count * turn / turns..<rows.count * (turn + 1) / turns]
            return changes.changed + others.filter { $0.state == .seeding }
        }
        let records = rows.compactMap { row in
            members[row.id].map { SeedboxRecord(row, $0) }
        }
        let values = [Self.statisticsName: statistics.kept]
        do throws(SeedboxError) {
            try stored { store throws(SessionStoreError) in
                try store.note(records, values: values)
            }
            notedRevision = changes.revision
        } catch {
            say(error)
        }
    }
}

extension TorrentRow {
    mutating func take(_ status: TorrentStatus, _ member: Member, now: Int64) {
        switch status.state {
        case .fetchingMetadata(let done, let total):
            state = .fetchingMetadata
            progress = total.map { $0 > 0 ? Double(done) / Double($0) : 0 } ?? 0
        case .checking(let done, let total):
            state = .checking
            progress = total > 0 ? Double(done) / Double(total) : 0
        case .downloading, .seeding:
            state = status.state == .seeding ? .seeding : .downloading
            // The event that says so may have come before an older status.
            if error?.kind == .local { error = nil }
        case .diskFull: state = .noSpace
        case .waitingForStorage(let error):
            state = .waitingForStorage
            error.say(in: &self)
        case .moving(let done, let total):
            state = .moving
            progress = total > 0 ? Double(done) / Double(total) : 0
        case .failed(let error):
            state = .failed
            error.say(in: &self)
        case .stopped: break
        }
        let counters = status.counters
        let failed = Int64(counters.hashFailures).multipliedReportingOverflow(
            by: content?.pieceLength ?? 0)
        let wasted = counters.redundantBytes + (failed.overflow ? 0 : failed.partialValue)
        let downloaded = member.downloadedBefore + status.downloaded
        let uploaded = member.uploadedBefore + status.uploaded
        if downloaded > self.downloaded || uploaded > self.uploaded { lastActive = now }
        (self.downloaded, self.uploaded) = (downloaded, uploaded)
        self.wasted = member.wastedBefore + wasted
        downloadRate = status.downloadRate.bytesPerSecond
        uploadRate = status.uploadRate.bytesPerSecond
        peersConnected = status.peersConnected
        peersSendingToUs = status.peersSendingToUs
        peersGettingFromUs = status.peersGettingFromUs
        seedsConnected = status.seedsConnected
        peersKnown = status.peersKnown
        guard state == .downloading || state == .seeding || state == .noSpace else { return }
        (bytesWanted, bytesDone) = (status.bytesWanted, status.bytesDone)
        progress = bytesWanted > 0 ? min(1, Double(bytesDone) / Double(bytesWanted)) : 1
    }
}

extension EngineError {
    /// Of a fault that ends by itself, and not with the next run of a command.
    fileprivate var whileItGoesOn: String {
        guard case .noSpace(let path) = self else { return "\(self)" }
        return "\(path): no room left to write; make some, and it goes on by itself"
    }

    fileprivate func say(in row: inout TorrentRow) {
        row.error = TorrentTrouble(kind: .local, text: "\(self)")
    }
}

// MARK: - Limits

extension Seedbox {
    /// Ends the seeding of those that have been seeded for as long as is wanted: what has changed
    /// is looked at each second, the others in turn, as nobody can ask for anything meanwhile.
    private func enforceLimits(now: Int64) {
        let rules = SeedingRules(settings)
        let changes = catalogue.changes(since: limitsRevision, atMost: Limits.eventRowsMax)
        limitsRevision = changes.revision
        var reached: [TorrentID: (limit: ReachedLimit, action: LimitAction)] = [:]
        for row in changes.changed { reached[row.id] = verdict(row, rules, now: now) }
        let (turn, turns) = (Int(ticks % Int64(Limits.limitLookSeconds)), Limits.limitLookSeconds)
        catalogue.withRows { rows in
            // In place: to copy rows takes longer than all else here.
            for index in rows.count * turn / turns..<rows.count * (turn + 1) / turns {
                guard let verdict = verdict(rows[index], rules, now: now) else { continue }
                reached[rows[index].id] = verdict
            }
        }
        for (id, (limit, action)) in reached {
            tell(.seedingDone, id)
            log.info(
                "a limit of seeding is reached",
                metadata: ["torrent": "\(id.rawValue)", "limit": "\(limit.rawValue)"])
            catalogue.update(id) { $0.limitReached = limit }
            switch action {
            case .pause: pauseNow(id)
            case .remove, .removeWithData:
                // Not to be said again while it is being removed.
                pauseNow(id)
                Task { try? await remove([id], deletingData: action == .removeWithData) }
            }
        }
    }

    private func verdict(
        _ row: TorrentRow, _ rules: SeedingRules, now: Int64
    ) -> (limit: ReachedLimit, action: LimitAction)? {
        guard row.state == .seeding else { return nil }
        let rule = rules.rule(row.seedingLimits, category: row.category)
        // One that is paused may still be on its way to that, or be checked: it does not seed.
        guard rule.hasLimits, let member = members[row.id], !member.isPaused,
            let start = member.seedingSince
        else { return nil }
        return rule.verdict(row.seedingFacts(since: start, now: now))
    }

    /// A limit that is no more, or has been raised, keeps no torrent from seeding.
    func forgetLiftedLimits() {
        let rules = SeedingRules(settings)
        let lifted = catalogue.withRows { rows in
            rows.indices.compactMap { index -> TorrentID? in
                guard let limit = rows[index].limitReached else { return nil }
                let rule = rules.rule(rows[index].seedingLimits, category: rows[index].category)
                return rule.stillHolds(limit, for: rows[index]) ? nil : rows[index].id
            }
        }
        for id in lifted { catalogue.update(id) { $0.limitReached = nil } }
    }

    private func pauseNow(_ id: TorrentID) {
        members[id]?.isPaused = true
        members[id]?.isAdmitted = false
        members[id]?.bypassesQueue = false
        members[id]?.seedingSince = nil
        do throws(SeedboxError) { try save([id]) } catch { say(error) }
        settle(id)
        followQueue()
    }

    /// Applies the rates that hold now, if they are others than before.
    func followRates(now: Int64) async {
        let (minute, limits) = (Self.minuteOfWeek(now: now), settings.limits)
        if let byHand = alternativeByHand, !byHand.holds(limits.schedule, minuteOfWeek: minute) {
            alternativeByHand = nil
            showAlternative(byHand.isKept)
        }
        let rates = RateRule(limits: limits)
            .rates(minuteOfWeek: minute, byHand: alternativeByHand)
        guard rates != ratesInUse else { return }
        ratesInUse = rates
        shared.statistics.withLock { statistics in
            statistics.usesAlternativeLimits = rates.isAlternative
            statistics.alternativeDecision = rates.decision
        }
        await applyRates(rates)
    }

    /// In the time of the place.
    static func minuteOfWeek(now: Int64) -> Int {
        var time = tm()
        var seconds = time_t(now)
        localtime_r(&seconds, &time)
        return WeekClock.minuteOfWeek(seconds: now, offset: Int64(time.tm_gmtoff))
    }
}

extension SeedingRules {
    init(_ settings: Settings) {
        let categories = settings.categories.map { ($0.name, $0.seedingLimits) }
        self.init(
            categories: Dictionary(categories) { first, _ in first }, everybody: settings.seeding)
    }
}

extension TorrentRow {
    func seedingFacts(since start: Int64, now: Int64) -> SeedingRule.Facts {
        SeedingRule.Facts(
            ratio: ratio, secondsSeeding: secondsSeeding,
            secondsIdle: max(0, now - max(start, lastActive ?? 0)))
    }
}
