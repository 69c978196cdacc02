/// Every bound of this room, with its unit and its reason.
enum Limits {
    /// Bytes that wait to be hashed and written before reading from the network should pause:
    /// at 700 MB/s that is 35 ms, more than a lane sleeps, and little enough to be a fixed cost.
    static let extentMemory = 24 << 20
    /// Bytes of the longest extent: long enough that calls cost little, short enough that what
    /// was copied in is still in the second-level cache when it is hashed.
    static let extentLengthMax = 256 << 10
    /// Bytes of the shortest extent: one block.
    static let extentLengthMin = 16 << 10
    /// Bytes of verified pieces that begin an epoch: what a crash makes us hash again.
    static let epochBytes: Int64 = 64 << 20
    /// Bytes of verified pieces after which they begin their way to the disk, and of the longest
    /// run that goes at once: many enough that they lie together there and the calls cost less than
    /// they save, and few enough that the system, which may not be interrupted while it finds
    /// places for them, does not keep who has to answer waiting.
    static let writeOutBytes: Int64 = 4 << 20
    /// Bytes of the shortest run of neighbouring pieces that goes before its epoch: shorter ones
    /// may have more neighbours by then, and a disk that has to seek wants them in one.
    static let writeOutRunMin: Int64 = 256 << 10
    /// Nanoseconds after the first verified piece that an epoch begins at the latest.
    static let epochNanoseconds: Int64 = 5_000_000_000
    /// Files with unsynced bytes that begin an epoch: each holds a descriptor until it is synced.
    static let unsyncedFilesMax = 64
    /// Bytes of verified pieces that may be unsynced before reading from the network should pause:
    /// a disk that is slower than the network must not make a restart hash without end.
    static let unsyncedBytesMax: Int64 = 1 << 30
    /// Bytes of verified pieces of which the session store may not know yet before reading from the
    /// network should pause: they would be lost with the process.
    static let unnotedBytesMax: Int64 = 64 << 20
    /// Pieces of the tail that are noted: what may be unsynced, in the shortest pieces there are.
    static let tailPiecesMax = 1 << 16
    /// Bytes of verified pieces after which the tail is journalled, and nanoseconds.
    static let journalBytes: Int64 = 16 << 20
    static let journalNanoseconds: Int64 = 250_000_000
    /// Jobs that may wait on one lane for reads or checks; a peer's queue is shorter than that.
    static let laneJobsMax = 8192
    /// How much later than the network's threads the disk's get a processor that both want: who
    /// hashes and copies takes long turns, and nobody waits for a byte of a disk as for an answer.
    static let diskNiceness: Int32 = 5
    /// The same for checks of content that is there already.
    static let checkNiceness: Int32 = 10
    /// Timers that may wait on one lane: two for each torrent that is being downloaded.
    static let laneTimersMax = 1 << 17
    /// Descriptors that stay open, whatever the process may open: more gain nothing.
    static let openFilesMax = 512
    /// Descriptors that stay open even where the process may open very few.
    static let openFilesMin = 8
    /// Bytes read at a time when existing content is hashed.
    static let checkLength = 1 << 20
    /// Bytes of neighbouring pieces that one lane checks in a row, so that the disk reads ahead.
    static let checkRunBytes: UInt32 = 16 << 20
    /// Bytes that are written to see whether the disk takes any.
    static let probeLength = 1 << 20
    /// Bytes of a file name on Linux file systems (NAME_MAX).
    static let nameBytesMax = 255
    /// Failures of the medium in a row after which the torrent stops writing.
    static let mediumFailuresMax = 3
    /// Damaged session stores that are kept; more in a row are a damaged disk.
    static let brokenStoresMax = 100
    /// Peers of a torrent that are kept for the next run: some of them will still be there.
    static let peersKept = 50
    /// Seconds that a writer of the session store waits for another process.
    static let storeBusySeconds = 10.0
}
