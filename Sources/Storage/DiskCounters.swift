import Glibc
import Synchronization
public import Units

/// What the disks of a session do, counted for all torrents together. For any thread.
public final class DiskCounters: Sendable {
    public struct Reading: Hashable, Sendable {
        /// Bytes of content.
        public var bytesRead: Int64 = 0
        public var bytesWritten: Int64 = 0
        /// How long each call took, and by that how many there were.
        public var reads = LatencyHistogram()
        public var writes = LatencyHistogram()
        public var syncs = LatencyHistogram()
        /// Beginnings of writes to the disk, which take long where it has much to do.
        public var writeOuts = LatencyHistogram()
        /// Calls that failed.
        public var readErrors: Int64 = 0
        public var writeErrors: Int64 = 0
        public var syncErrors: Int64 = 0
        /// Pieces that were hashed, whether they were fetched or found, and those of them whose
        /// hash was wrong.
        public var piecesChecked: Int64 = 0
        public var piecesFailed: Int64 = 0

        public init() {}
    }

    private final class Tally: Sendable {
        let reading = Mutex(Reading())

        func timed<Result>(
            _ call: () -> Result, _ note: (inout Reading, Result, Interval) -> Void
        ) -> Result {
            let start = Lane.now
            let result = call()
            let time = Interval(nanoseconds: Lane.now - start)
            // Whoever called looks at `errno` next, which taking a lock may change.
            let code = errno
            reading.withLock { note(&$0, result, time) }
            errno = code
            return result
        }
    }

    private let tally = Tally()
    /// The kernel's calls, counted here.
    let medium: Medium

    public convenience init() { self.init(counting: Medium()) }

    init(counting medium: Medium) { self.medium = Self.counted(medium, in: tally) }

    public var reading: Reading { tally.reading.withLock(\.self) }

    /// A piece that could not be judged is not counted.
    func checked(_ verdict: PieceVerdict) {
        switch verdict {
        case .verified: tally.reading.withLock { $0.piecesChecked += 1 }
        case .mismatch, .inconsistent:
            tally.reading.withLock { reading in
                reading.piecesChecked += 1
                reading.piecesFailed += 1
            }
        case .unverifiable: break
        }
    }

    private static func counted(_ medium: Medium, in tally: Tally) -> Medium {
        var counted = medium
        counted.read = { file, buffer, offset in
            tally.timed({ medium.read(file, buffer, offset) }) { reading, count, time in
                reading.reads.record(time)
                reading.bytesRead += Int64(max(0, count))
                if count < 0 { reading.readErrors += 1 }
            }
        }
        counted.write = { file, buffer, offset in
            tally.timed({ medium.write(file, buffer, offset) }) { reading, count, time in
                reading.writes.record(time)
                reading.bytesWritten += Int64(max(0, count))
                if count < 0 { reading.writeErrors += 1 }
            }
        }
        counted.writeOut = { file, offset, length in
            tally.timed({ medium.writeOut(file, offset, length) }) { reading, _, time in
                reading.writeOuts.record(time)
            }
        }
        counted.sync = { file in
            tally.timed({ medium.sync(file) }) { reading, result, time in
                reading.syncs.record(time)
                if result != 0 { reading.syncErrors += 1 }
            }
        }
        return counted
    }
}

/// Jobs that wait for a thread of a disk, or are being done.
public struct DiskQueue: Hashable, Sendable {
    public var writes = 0
    public var reads = 0
    public var checks = 0
    public var syncs = 0
    public var journal = 0

    public init() {}

    mutating func add(_ other: DiskQueue) {
        writes += other.writes
        reads += other.reads
        checks += other.checks
        syncs += other.syncs
        journal += other.journal
    }
}
