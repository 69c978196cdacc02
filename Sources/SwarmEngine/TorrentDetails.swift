public import Metainfo
public import Storage
import Tracker
public import Units

/// What can be told of a tracker of a torrent. Times are seconds since 1970.
public struct TrackerStatus: Sendable {
    public enum State: Hashable, Sendable {
        /// It was not its turn yet, or the torrent takes no part.
        case idle
        case announcing
        case working
        /// The last announce failed; it will be tried again.
        case failing
        /// It said that it is never to be asked again.
        case disabled
    }

    public var url: String
    /// From 0.
    public var tier: Int
    public var state: State
    /// Its error or warning.
    public var message: String?
    public var failCount: Int
    /// The last failure was that it was not reached, or did not answer.
    public var isSilent: Bool
    /// As its last answer says.
    public var seeds: Int?
    public var leechers: Int?
    public var downloads: Int?
    public var peersInAnswer: Int?
    public var lastAnnounce: Int64?
    /// When an announce last ended, also if it failed.
    public var lastTry: Int64?
    public var nextAnnounce: Int64?
}

/// The trackers of a torrent as they are named, with those that cannot be asked: they are nobody's
/// to leave out but the user's.
struct NamedTrackers: Sendable {
    /// Thousands of dormant seeds may keep them: URLs are shared, and little else is kept.
    enum Tracker: Sendable {
        case usable(TrackerURL)
        /// It cannot be asked.
        indirect case unusable(String)
    }

    struct Place: Sendable {
        let tier: Int
        let tracker: Tracker
    }

    /// By tier.
    var places: [Place]
}

/// What can be told of a file of a torrent.
public struct FileStatus: Sendable {
    public var index: FileIndex
    /// From the save folder, with `/` between its names.
    public var path: String
    public var length: Int64
    public var bytesDone: Int64
    public var isWanted: Bool
    public var priority: DownloadPriority
    /// The pieces that hold any of it.
    public var pieces: Range<Int>

    /// The files of a torrent, without padding, of which these pieces are there: also for one
    /// that is in no session now.
    public static func all(
        of metainfo: Metainfo, have: Bitfield, wanted: Set<FileIndex>?,
        priorities: [FileIndex: DownloadPriority] = [:], renamed: RenamedPaths = RenamedPaths()
    ) -> [FileStatus] {
        let layout = metainfo.layout
        return layout.files.indices.compactMap { number in
            let file = layout.files[number]
            guard !file.isPad else { return nil }
            let index = FileIndex(number)
            let pieces = layout.pieces(of: index)
            return FileStatus(
                index: index,
                path: renamed.path(of: index, in: metainfo).joined(separator: "/"),
                length: file.length, bytesDone: layout.bytesDone(of: index, have: have),
                isWanted: wanted?.contains(index) ?? true, priority: priorities[index] ?? .normal,
                pieces: pieces)
        }
    }
}

extension ContentLayout {
    /// Bytes of the file that lie in pieces that are had.
    fileprivate func bytesDone(of file: FileIndex, have: Bitfield) -> Int64 {
        guard have.count == pieceCount else { return 0 }
        let entry = files[file.position]
        if have.isFull { return entry.length }
        let end = entry.offset + entry.length
        return pieces(of: file).reduce(0) { sum, position in
            let piece = PieceIndex(position)
            guard have.contains(piece) else { return sum }
            let range = byteRange(of: piece)
            return sum + max(0, min(end, range.upperBound) - max(entry.offset, range.lowerBound))
        }
    }
}

/// Which pieces are there, and how many connected peers have each.
public struct PieceStatus: Sendable {
    public var have: Bitfield
    /// Capped at 255; empty if nothing is known.
    public var availability: [UInt8]
}
