import Units

/// Says what has changed about the disks that torrents are on: once for all torrents of a folder,
/// and not again while the trouble comes and goes.
struct StorageNotices {
    enum Trouble: Int, CaseIterable, Hashable, Sendable {
        case noSpace, missing

        init?(_ state: TorrentState) {
            switch state {
            case .noSpace: self = .noSpace
            case .waitingForStorage: self = .missing
            default: return nil
            }
        }
    }

    struct Notice: Equatable, Sendable {
        var trouble: Trouble
        var folder: String
        var isOver: Bool
        /// Torrents that it holds up.
        var torrents: Int

        var text: String {
            switch (trouble, isOver) {
            case (.noSpace, false):
                "no room to write: fetching pauses here, seeding goes on; make room, and it goes "
                    + "on by itself"
            case (.noSpace, true): "there is room to write again"
            case (.missing, false):
                "the disk is not there: its torrents wait; mount it, and they go on by themselves"
            case (.missing, true): "the disk is there again"
            }
        }
    }

    private struct Place: Hashable {
        var trouble: Trouble
        var folder: String
    }

    private var troubled: [TorrentID: Place] = [:]
    private var counts: [Place: Int] = [:]
    /// Places that were told of, and since when they have been well, if they are.
    private var told: [Place: Instant?] = [:]

    init() {}

    /// One that knows what was told, and is yet to hear of every torrent.
    init(keeping other: StorageNotices) { told = other.told }

    /// A torrent is as its row says.
    mutating func changed(_ row: TorrentRow) -> Notice? {
        let place = Trouble(row.state).map { Place(trouble: $0, folder: row.folder) }
        guard troubled[row.id] != place else { return nil }
        forget(row.id)
        guard let place else { return nil }
        troubled[row.id] = place
        counts[place, default: 0] += 1
        guard told[place] == nil else {
            told[place] = .some(nil)
            return nil
        }
        told[place] = .some(nil)
        return Notice(
            trouble: place.trouble, folder: place.folder, isOver: false,
            torrents: counts[place, default: 0])
    }

    mutating func removed(_ id: TorrentID) { forget(id) }

    private mutating func forget(_ id: TorrentID) {
        guard let place = troubled.removeValue(forKey: id), let count = counts[place] else {
            return
        }
        counts[place] = count > 1 ? count - 1 : nil
    }

    /// What has been well for long enough to be told. To be called now and then.
    mutating func notices(now: Instant) -> [Notice] {
        var notices: [Notice] = []
        for (place, wellSince) in told where counts[place] == nil {
            guard let wellSince else {
                told[place] = .some(now)
                continue
            }
            guard now - wellSince >= Limits.storageWellTime else { continue }
            told[place] = nil
            notices.append(
                Notice(trouble: place.trouble, folder: place.folder, isOver: true, torrents: 0))
        }
        return notices.sorted {
            ($0.folder, $0.trouble.rawValue) < ($1.folder, $1.trouble.rawValue)
        }
    }
}
