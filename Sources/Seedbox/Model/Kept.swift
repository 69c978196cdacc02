import Storage

/// What the seedbox knows of a torrent that rows do not show.
struct Member {
    /// Its user wants it to do nothing.
    var isPaused: Bool
    var bypassesQueue: Bool
    /// By the numbers of the metainfo.
    var filePriorities: [UInt32: Int8]

    /// The queue lets it be active.
    var isAdmitted = false
    /// Something is done with it that it must not be active for.
    var holds = 0
    /// It is to be stopped and started.
    var needsRestart = false
    /// It is active until its content is checked, also if it is paused.
    var isToBeChecked = false
    /// It has failed, and waits for its user.
    var hasFailed = false
    /// It has failed as nothing of its content is there, where all was. Its user has been told:
    /// who starts or checks it now wants it to be fetched again.
    var lacksContent = false
    /// It is in the session, and asleep.
    var isDormant = false
    /// It is to wake, or has just woken.
    var isWanted = false
    /// It was opened because it was wanted: until it is known that nothing has changed on the
    /// disk, it is what it was.
    var isWaking = false
    /// How long nobody was connected to it, while it was awake.
    var quiet = Quiet()
    /// It has had nothing to do for long.
    var isSleepy = false

    /// What had been counted when it was last started.
    var downloadedBefore: Int64 = 0
    var uploadedBefore: Int64 = 0
    var wastedBefore: Int64 = 0
    /// Something of it was missing, and whoever wants it waits for the rest.
    var isAwaited = false
    /// When something of it last came, or it began to fetch; nil while it does not.
    var progressedAt: Int64?
    /// When seeding last began, in seconds since 1970.
    var seedingSince: Int64?

    init(isPaused: Bool, bypassesQueue: Bool = false, filePriorities: [UInt32: Int8] = [:]) {
        self.isPaused = isPaused
        self.bypassesQueue = bypassesQueue
        self.filePriorities = filePriorities
    }

    /// It is open from now on.
    mutating func begin() {
        isWaking = isDormant
        (needsRestart, isDormant, isWanted, isSleepy) = (false, false, false, false)
        quiet = Quiet()
    }

    init(_ record: SeedboxRecord) {
        self.init(
            isPaused: record.isPaused, bypassesQueue: record.bypassesQueue,
            filePriorities: record.filePriorities)
    }
}

extension Member {
    /// What two looks at it, one after the other, say of its progress.
    mutating func noteProgress(from before: TorrentRow, to after: TorrentRow, now: Int64) {
        guard after.state == .downloading || after.state == .fetchingMetadata else {
            progressedAt = nil
            return
        }
        guard let progressedAt, before.state == after.state,
            before.downloaded >= after.downloaded, before.progress >= after.progress
        else {
            progressedAt = now
            return
        }
        self.progressedAt = min(progressedAt, now)
    }
}

extension TorrentID {
    init(_ id: TorrentRecord.ID) { self.init(id.rawValue) }

    var record: TorrentRecord.ID { TorrentRecord.ID(rawValue: rawValue) }
}

// MARK: - Between rows and what is kept

extension SeedboxRecord {
    init(_ row: TorrentRow, _ member: Member) {
        self.init(
            id: row.id.record, infoHash: row.infoHash, folder: row.folder, name: row.name,
            added: row.added)
        isPaused = member.isPaused
        queuePosition = Int64(row.queuePosition)
        bypassesQueue = member.bypassesQueue
        filePriorities = member.filePriorities
        (labels, category, group) = (row.labels, row.category, row.group)
        priority = Int64(row.priority.rawValue)
        (isSequential, honoursSessionLimits) = (row.isSequential, row.honoursSessionLimits)
        (downloadLimit, uploadLimit) = (row.downloadLimit, row.uploadLimit)
        peersMax = row.peersMax.map(Int64.init)
        ratioLimit = row.seedingLimits.ratio.kept(-1)
        seedTimeLimit = row.seedingLimits.seedTime.kept(-1)
        idleLimit = row.seedingLimits.idle.kept(-1)
        limitAction = row.seedingLimits.action?.rawValue
        shape = row.content.map { content in
            Shape(
                length: content.length, fileCount: Int64(content.fileCount),
                pieceCount: Int64(content.pieceCount), pieceLength: content.pieceLength,
                isPrivate: row.isPrivate)
        }
        tracker = row.tracker
        (bytesWanted, bytesDone) = (row.bytesWanted, row.bytesDone)
        (downloaded, uploaded, wasted) = (row.downloaded, row.uploaded, row.wasted)
        (secondsDownloading, secondsSeeding) = (row.secondsDownloading, row.secondsSeeding)
        (completed, lastActive) = (row.completed, row.lastActive)
    }
}

extension TorrentRow {
    init(_ record: SeedboxRecord) {
        self.init(
            id: TorrentID(record.id), infoHash: record.infoHash, name: record.name,
            folder: record.folder, state: RestartRule.state(isPaused: record.isPaused),
            added: record.added)
        queuePosition = Int(clamping: record.queuePosition)
        (labels, category, group) = (record.labels, record.category, record.group)
        priority = FilePriority(rawValue: Int(clamping: record.priority)) ?? .normal
        (isSequential, honoursSessionLimits) = (record.isSequential, record.honoursSessionLimits)
        (downloadLimit, uploadLimit) = (record.downloadLimit, record.uploadLimit)
        peersMax = record.peersMax.map { Int(clamping: $0) }
        seedingLimits.ratio = .init(kept: record.ratioLimit)
        seedingLimits.seedTime = .init(kept: record.seedTimeLimit)
        seedingLimits.idle = .init(kept: record.idleLimit)
        seedingLimits.action = record.limitAction.flatMap { LimitAction(rawValue: $0) }
        if let shape = record.shape {
            content = ContentShape(
                length: shape.length, fileCount: Int(clamping: shape.fileCount),
                pieceCount: Int(clamping: shape.pieceCount), pieceLength: shape.pieceLength)
            isPrivate = shape.isPrivate
        }
        tracker = record.tracker
        (bytesWanted, bytesDone) = (record.bytesWanted, record.bytesDone)
        (downloaded, uploaded, wasted) = (record.downloaded, record.uploaded, record.wasted)
        secondsDownloading = record.secondsDownloading
        secondsSeeding = record.secondsSeeding
        (completed, lastActive) = (record.completed, record.lastActive)
    }
}

extension SeedingLimits.Rule where Value: Comparable & SignedNumeric {
    /// Nil is inherited, and what is below 0 no limit.
    fileprivate init(kept: Value?) {
        guard let kept else {
            self = .inherited
            return
        }
        self = kept < 0 ? .unlimited : .atMost(kept)
    }

    fileprivate func kept(_ unlimited: Value) -> Value? {
        switch self {
        case .inherited: nil
        case .unlimited: unlimited
        case .atMost(let value): value
        }
    }
}
