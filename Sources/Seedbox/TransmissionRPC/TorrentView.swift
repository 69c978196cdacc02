import Hashing
import JSONText

/// What the settings say where a torrent says nothing of its own.
struct TorrentDefaults {
    var peersMax = 100
    var ratio: Double?
    /// Seconds.
    var idle: Int64?
    /// Seconds.
    var seedTime: Int64?
    /// Seconds since 1970.
    var now: Int64 = 0
    /// The limits that hold for the torrents of a category.
    var categories: [String: SeedingLimits] = [:]
    var spelling = Spelling.old

    /// What programs show where there is no limit: Transmission's own values.
    static let ratioShown = 2.0
    static let idleMinutesShown: Int64 = 30
    static let kilobytesShown: Int64 = 100
}

/// A torrent as Transmission tells it. Its row is handed in and not held: rows are large, and ten
/// thousand of them are not to be copied for a list.
struct TorrentView {
    let defaults: TorrentDefaults
    /// What was fetched of it, if any of that was asked for.
    var details = FetchedDetails()

    /// Numbers are whole where Transmission's are: a program that expects 0 drops a row with 0.0.
    func write(_ field: TorrentField, of row: TorrentRow, into out: inout JSONWriter) {
        switch field {
        case .id: out.integer(row.id.rawValue)
        case .name: out.string(row.name)
        case .hashString: row.infoHash.primary.withUnsafeBytes { out.hexadecimal($0) }
        case .downloadDir: out.string(row.folder)
        case .status: out.integer(row.statusNumber)
        case .error: out.integer(row.errorNumber)
        case .errorString: out.string(row.errorNumber == 0 ? "" : row.error?.text ?? "")
        case .labels:
            out.beginArray()
            for label in row.labelsWithCategory { out.string(label) }
            out.endArray()
        case .group: out.string(row.group ?? "")
        case .torrentFile: out.string("")
        case .fileCount: out.integer(row.content?.fileCount ?? 0)
        case .pieceCount: out.integer(row.content?.pieceCount ?? 0)
        case .pieceSize: out.integer(row.content?.pieceLength ?? 0)
        case .bandwidthPriority: out.integer(row.priority.rawValue)
        case .queuePosition: out.integer(row.queuePlace)
        case .isPrivate: out.bool(row.isPrivate)
        case .isFinished: out.bool(isFinished(row))
        case .isStalled: out.bool(row.isStalled)
        case .sequentialDownload: out.bool(row.isSequential)
        default: writeCount(field, of: row, into: &out)
        }
    }

    private func writeCount(
        _ field: TorrentField, of row: TorrentRow, into out: inout JSONWriter
    ) {
        switch field {
        case .totalSize: out.integer(row.content?.length ?? 0)
        case .sizeWhenDone: out.integer(row.bytesWanted)
        case .leftUntilDone: out.integer(row.bytesLeft)
        case .haveValid: out.integer(row.bytesDone)
        case .haveUnchecked, .editDate, .webseedsSendingToUs: out.integer(0)
        case .startDate: out.integer(row.started ?? 0)
        case .corruptEver: out.integer(row.wasted)
        case .downloadedEver: out.integer(row.downloaded)
        case .uploadedEver: out.integer(row.uploaded)
        case .rateDownload: out.integer(row.downloadRate)
        case .rateUpload: out.integer(row.uploadRate)
        case .uploadRatio: out.number(row.ratio ?? -1)
        case .percentDone: out.number(row.share(of: row.bytesWanted))
        case .percentComplete: out.number(row.share(of: row.content?.length ?? 0))
        case .metadataPercentComplete: out.number(row.content == nil ? row.progress : 1)
        case .recheckProgress: out.number(row.state == .checking ? row.progress : 0)
        case .peersConnected: out.integer(row.peersConnected)
        case .peersGettingFromUs: out.integer(row.peersGettingFromUs)
        case .peersSendingToUs: out.integer(row.peersSendingToUs)
        case .eta: out.integer(secondsLeft(of: row))
        case .etaIdle: out.integer(secondsUntilIdle(of: row))
        case .manualAnnounceTime: out.integer(-1)
        case .addedDate: out.integer(row.added)
        case .doneDate: out.integer(row.completed ?? 0)
        case .activityDate: out.integer(row.lastActive ?? 0)
        case .secondsDownloading: out.integer(row.secondsDownloading)
        case .secondsSeeding: out.integer(row.secondsSeeding)
        default: writeLimit(field, of: row, into: &out)
        }
    }

    private func writeLimit(
        _ field: TorrentField, of row: TorrentRow, into out: inout JSONWriter
    ) {
        switch field {
        case .honorsSessionLimits: out.bool(row.honoursSessionLimits)
        case .peerLimit, .maxConnectedPeers: out.integer(row.peersMax ?? defaults.peersMax)
        case .downloadLimit: out.integer(Self.kilobytes(row.downloadLimit))
        case .downloadLimited: out.bool(row.downloadLimit != nil)
        case .uploadLimit: out.integer(Self.kilobytes(row.uploadLimit))
        case .uploadLimited: out.bool(row.uploadLimit != nil)
        case .seedRatioMode: out.integer(row.seedingLimits.ratio.mode)
        case .seedIdleMode: out.integer(row.seedingLimits.idle.mode)
        case .seedRatioLimit:
            guard case .atMost(let ratio) = row.seedingLimits.ratio else {
                return out.number(defaults.ratio ?? TorrentDefaults.ratioShown)
            }
            out.number(ratio)
        case .seedIdleLimit:
            let idle =
                if case .atMost(let own) = row.seedingLimits.idle { own } else { defaults.idle }
            out.integer(idle.map { $0 / 60 } ?? TorrentDefaults.idleMinutesShown)
        default: details.write(field, of: row, defaults.spelling, into: &out)
        }
    }

    static func kilobytes(_ rate: Int64?) -> Int64 {
        rate.map { $0 / 1000 } ?? TorrentDefaults.kilobytesShown
    }

    // MARK: What limits leave

    /// Until all is there, or the ratio is reached. -1 is that there is nothing to tell, -2 that it
    /// cannot be told.
    private func secondsLeft(of row: TorrentRow) -> Int64 {
        if let seconds = row.secondsLeft { return seconds }
        if row.state == .seeding { return secondsUntilRatio(of: row) ?? -1 }
        return [.downloading, .fetchingMetadata].contains(row.state) && !row.isComplete ? -2 : -1
    }

    private func secondsUntilRatio(of row: TorrentRow) -> Int64? {
        guard row.uploadRate > 0, let wanted = holding(\.ratio, of: row, defaults.ratio) else {
            return nil
        }
        let base = row.downloaded > 0 ? row.downloaded : row.bytesDone
        let left = wanted * Double(base) - Double(row.uploaded)
        guard left > 0 else { return nil }
        return Int64(exactly: (left / Double(row.uploadRate)).rounded(.down))
    }

    /// Until it has been idle for as long as it may be.
    private func secondsUntilIdle(of row: TorrentRow) -> Int64 {
        guard row.state == .seeding, let most = holding(\.idle, of: row, defaults.idle) else {
            return -1
        }
        let since = max(row.started ?? row.added, row.lastActive ?? 0)
        return max(0, most - max(0, defaults.now - since))
    }

    /// The limit that holds: the torrent's own, its category's, or everybody's.
    private func holding<Value: Hashable & Sendable>(
        _ rule: KeyPath<SeedingLimits, SeedingLimits.Rule<Value>>, of row: TorrentRow,
        _ everybodys: Value?
    ) -> Value? {
        let levels = [row.seedingLimits, row.category.flatMap { defaults.categories[$0] }]
        switch levels.lazy.compactMap({ $0?[keyPath: rule] }).first(where: { $0 != .inherited }) {
        case .atMost(let most): return most
        case .unlimited: return nil
        case .inherited, nil: return everybodys
        }
    }

    /// Whether a limit of seeding has stopped it: what is not seeding, and has reached its ratio,
    /// will not go on by itself.
    private func isFinished(_ row: TorrentRow) -> Bool {
        guard row.state == .paused, row.isComplete else { return false }
        if let most = holding(\.ratio, of: row, defaults.ratio), let reached = row.ratio,
            reached >= most
        {
            return true
        }
        return holding(\.seedTime, of: row, defaults.seedTime).map { row.secondsSeeding >= $0 }
            ?? false
    }
}

/// What Transmission has other words for.
extension TorrentRow {
    /// Category and labels are labels alike.
    fileprivate var labelsWithCategory: [String] {
        guard let category, !labels.contains(category) else { return labels }
        return [category] + labels
    }

    /// 0 stopped, 1 and 2 checking, 3 and 4 downloading, 5 and 6 seeding; the lesser waits.
    fileprivate var statusNumber: Int {
        switch state {
        case .paused, .failed: 0
        // Nobody takes the content away while it is moved if it counts as being checked.
        case .checking, .moving: 2
        case .queued, .waitingForStorage: isComplete ? 5 : 3
        case .fetchingMetadata, .downloading: 4
        case .noSpace: isComplete ? 6 : 4
        case .seeding: 6
        }
    }

    fileprivate var errorNumber: Int {
        switch error?.kind {
        // As with Transmission: what a tracker says is an error, and that it says nothing is not.
        case nil, .trackerSilent: 0
        case .trackerWarning: 1
        case .trackerError: 2
        case .local: 3
        }
    }

    fileprivate func share(of whole: Int64) -> Double {
        guard whole > 0 else { return isComplete ? 1 : 0 }
        return min(1, Double(bytesDone) / Double(whole))
    }
}

extension SeedingLimits.Rule {
    /// 0 follows the session, 1 has a limit of its own, 2 has none.
    var mode: Int {
        switch self {
        case .inherited: 0
        case .atMost: 1
        case .unlimited: 2
        }
    }
}
