import Glibc

/// The threads that touch one disk, so that the network's threads never do. One pool a device
/// (`DiskPools`) keeps a slow disk from stalling the torrents on another.
///
/// Writes, reads, checks, syncs and the journal have lanes of their own: a recheck does not starve
/// uploads, and a sync of seconds holds up neither. Jobs with one key run on one lane, in order.
public final class DiskPool: Sendable {
    public typealias Job = @Sendable () -> Void

    /// Which lanes a job goes to.
    public enum Work: Sendable {
        /// Hashing and writing. Not bounded here: what is queued is bounded by `ExtentMemory`.
        case write(key: Int)
        /// Reading for peers.
        case read(key: Int)
        /// Hashing existing content, at low priority.
        case check(key: Int)
        /// Syncing, renaming and recording an epoch.
        case sync
        /// Short writes to the session store, looks at how much is free, and timers.
        case journal
    }

    /// The number of lanes for checks: one a core.
    public let checkLaneCount: Int
    var writeLaneCount: Int { writes.count }
    private let writes: [Lane]
    private let reads: [Lane]
    private let checks: [Lane]
    private let sync = Lane(name: "disk sync", niceness: Limits.diskNiceness)
    private let journal = Lane(name: "disk journal")

    public init(writeLanes: Int = 2, readLanes: Int = 2, checkLanes: Int? = nil) {
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        self.checkLaneCount = max(1, checkLanes ?? cores)
        self.writes = (0..<max(1, writeLanes)).map {
            Lane(name: "disk write \($0)", niceness: Limits.diskNiceness)
        }
        self.reads = (0..<max(1, readLanes)).map {
            Lane(
                name: "disk read \($0)", niceness: Limits.diskNiceness,
                jobsMax: Limits.laneJobsMax)
        }
        self.checks = (0..<checkLaneCount).map {
            Lane(
                name: "disk check \($0)", niceness: Limits.checkNiceness,
                jobsMax: Limits.laneJobsMax)
        }
    }

    deinit { stop() }

    /// Queues `job`; false if the lanes of reads or checks are full, or the pool has stopped.
    @discardableResult
    public func run(_ work: Work, _ job: @escaping Job) -> Bool {
        switch work {
        case .write(let key): writes[key.magnitude.index(below: writes.count)].run(job)
        case .read(let key): reads[key.magnitude.index(below: reads.count)].run(job)
        case .check(let key): checks[key.magnitude.index(below: checks.count)].run(job)
        case .sync: sync.run(job)
        case .journal: journal.run(job)
        }
    }

    /// Queues `job` on the journal's lane, to run after `nanoseconds`.
    @discardableResult
    func runLater(nanoseconds: Int64, _ job: @escaping Job) -> Bool {
        journal.run(afterNanoseconds: nanoseconds, job)
    }

    /// What waits now.
    var queue: DiskQueue {
        var queue = DiskQueue()
        queue.writes = writes.reduce(0) { $0 + $1.depth }
        queue.reads = reads.reduce(0) { $0 + $1.depth }
        queue.checks = checks.reduce(0) { $0 + $1.depth }
        queue.syncs = sync.depth
        queue.journal = journal.depth
        return queue
    }

    /// Takes no more jobs, runs those that are queued, and waits for the threads to end.
    public func stop() {
        for lane in writes + reads + checks { lane.stop() }
        sync.stop()
        journal.stop()
    }
}

extension UInt {
    fileprivate func index(below count: Int) -> Int { Int(self % UInt(count)) }
}
