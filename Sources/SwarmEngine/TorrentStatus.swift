public import Hashing
public import Metainfo
public import Storage
public import SwarmScheduler
public import Units

/// What a torrent is doing at one moment. Cheap enough to be asked for each second: of what is
/// long, `Torrent.pieces` tells.
public struct TorrentStatus: Sendable {
    public enum State: Hashable, Sendable {
        /// Peers are asked what the torrent is: bytes of it that are there, and how many it has,
        /// once a peer said so.
        case fetchingMetadata(done: Int, total: Int?)
        /// Content that was there before is being hashed.
        case checking(done: Int64, total: Int64)
        case downloading
        /// Everything wanted is there.
        case seeding
        /// Nothing can be written for now; it goes on by itself.
        case diskFull
        /// The disk that the content is on is not there. It goes on by itself, without hashing,
        /// when it is back.
        case waitingForStorage(EngineError)
        /// The content is on its way to another folder, in bytes.
        case moving(done: Int64, total: Int64)
        case failed(EngineError)
        case stopped
    }

    public var infoHash: InfoHash
    public var name: String
    public var state: State
    /// Content bytes that were asked for, and those of them that are there.
    public var bytesWanted: Int64
    public var bytesDone: Int64
    /// Payload bytes since the torrent was added to this session.
    public var downloaded: Int64
    public var uploaded: Int64
    /// The same with all runs before, as far as the session remembers them, and when all that
    /// was wanted had come.
    public var totals: TorrentTotals
    public var downloadRate: ByteRate
    public var uploadRate: ByteRate
    public var peersConnected: Int
    public var seedsConnected: Int
    /// Peers that send us payload now, and peers that get some of us.
    public var peersSendingToUs: Int
    public var peersGettingFromUs: Int
    public var peersKnown: Int
    /// Bytes that were hashed again at the start because they were not known to be safe.
    public var rehashedBytes: Int64
    public var counters: TorrentCounters

    /// The time that is left at the present rate; nil if that is never.
    public var timeLeft: Interval? { downloadRate.time(for: bytesWanted - bytesDone) }

    /// Payload given for each byte taken, or for each byte of content where none was taken.
    public var ratio: Double {
        let base = downloaded > 0 ? downloaded : bytesDone
        return base > 0 ? Double(uploaded) / Double(base) : 0
    }

    public var isFinished: Bool { bytesDone >= bytesWanted }
}

/// What happened to a torrent that its owner may want to say.
public enum TorrentEvent: Sendable {
    /// Nothing but the torrent's hash is known; peers are asked for the rest.
    case fetchingMetadata
    /// A peer is connected, where none was.
    case connected
    /// What the torrent is has become known, from peers or from an earlier run.
    case metadata(Metainfo)
    /// The start is over: so much was there, of which so much had to be hashed again.
    case resumed(bytesDone: Int64, rehashedBytes: Int64)
    case pieceCompleted(PieceIndex)
    /// Everything wanted is there, synced and under its final name.
    case completed
    case trackerWarning(url: String, text: String)
    case trackerFailed(url: String, EngineError)
    case peerBanned(Endpoint, BanReason)
    case hashFailed(PieceIndex)
    /// The disk is full; or it has room again.
    case diskFull(EngineError)
    case diskRelieved
    /// The disk of the content has gone; or is back.
    case storageMissing(EngineError)
    case storageFound
    /// The content is in this folder now.
    case moved(String)
    case failed(EngineError)
}
