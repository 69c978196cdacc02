import Glibc
import Synchronization

/// Counts what is hashed, and tells of it now and then, one call at a time.
final class ProgressMeter: Sendable {
    private let total: Int64
    private let report: (@Sendable (ChunkProgress) -> Void)?
    private let now: @Sendable () -> Int64
    private let hashed = Atomic<Int64>(0)
    private let nextReport: Atomic<Int64>
    private let turn = Mutex<Void>(())

    /// `now` gives nanoseconds of a clock that never goes back.
    init(
        total: Int64, report: (@Sendable (ChunkProgress) -> Void)? = nil,
        now: @escaping @Sendable () -> Int64 = ProgressMeter.coarseTime
    ) {
        self.total = total
        self.report = report
        self.now = now
        self.nextReport = Atomic(now() + Limits.progressInterval)
    }

    /// The time to some milliseconds, which is cheap to ask for.
    private static let coarseTime: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    func add(_ byteCount: Int, file: () -> String) {
        hashed.add(Int64(byteCount), ordering: .relaxed)
        guard let report, now() >= nextReport.load(ordering: .relaxed) else { return }
        // Whoever finds another thread reporting leaves it to that one.
        _ = turn.withLockIfAvailable { _ in
            let time = now()
            guard time >= nextReport.load(ordering: .relaxed) else { return }
            nextReport.store(time + Limits.progressInterval, ordering: .relaxed)
            report(
                ChunkProgress(
                    bytesHashed: hashed.load(ordering: .relaxed), bytesTotal: total,
                    currentFile: file()))
        }
    }

    /// The last report, of everything.
    func finish(file: String) {
        report?(ChunkProgress(bytesHashed: total, bytesTotal: total, currentFile: file))
    }
}
