public import Hashing
public import Storage

/// A complete torrent that nobody is connected to. It takes part in its swarm all the same: it is
/// announced, and found by its names. But there is no `Torrent` of it, and nothing of it is open.
///
/// Who has to do with it is answered by waking it: its owner hears of `DormantEvent.wanted`, and
/// adds the torrent to the session again, by the same record.
public struct DormantSeed: Sendable {
    /// Its place in the session store, which has its metainfo.
    public var record: TorrentRecord.ID
    /// All that it is known by.
    public var infoHash: InfoHash
    /// It is announced by trackers alone (BEP 27).
    public var isPrivate: Bool
    /// Whether nothing is missing, also of what is not wanted.
    public var isWhole: Bool

    public init(record: TorrentRecord.ID, infoHash: InfoHash, isPrivate: Bool, isWhole: Bool) {
        self.record = record
        self.infoHash = infoHash
        self.isPrivate = isPrivate
        self.isWhole = isWhole
    }
}

/// What happens to a dormant seed.
public enum DormantEvent: Hashable, Sendable {
    /// It has to be added to the session again: a peer waits for it, or there are some to dial.
    case wanted
    /// Trackers have answered, or have failed.
    case announced
}
