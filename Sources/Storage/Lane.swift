import CLinux
import Glibc
import Synchronization

/// One thread with its queue: jobs run one after the other, in the order in which they came.
/// The thread starts with the first job. It takes the whole queue at a time and is woken only
/// when it sleeps, so a busy lane costs its callers a lock and nothing else.
// SAFETY: everything mutable is used under `mutex` only.
final class Lane: @unchecked Sendable {
    typealias Job = @Sendable () -> Void

    private struct Timer {
        let deadline: Int64
        let job: Job
    }

    private let name: String
    private let niceness: Int32
    private let jobsMax: Int
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [Job] = []
    private var timers: [Timer] = []
    private var thread: pthread_t?
    private var sleeps = false
    private var stops = false
    /// Jobs that wait or are being done, without those for which it is not time yet.
    private let pending = Atomic<Int>(0)

    init(name: String, niceness: Int32 = 0, jobsMax: Int = .max) {
        self.name = name
        self.niceness = niceness
        self.jobsMax = jobsMax
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Queues `job`; false if the lane is full or has stopped.
    func run(_ job: @escaping Job) -> Bool {
        pthread_mutex_lock(mutex)
        guard !stops, jobs.count < jobsMax, startsIfNeeded() else {
            pthread_mutex_unlock(mutex)
            return false
        }
        jobs.append(job)
        pending.add(1, ordering: .relaxed)
        let wakes = sleeps
        sleeps = false
        pthread_mutex_unlock(mutex)
        if wakes { pthread_cond_signal(condition) }
        return true
    }

    /// Queues `job` for a time; false if the lane has stopped. A stop drops what is not yet due.
    func run(afterNanoseconds delay: Int64, _ job: @escaping Job) -> Bool {
        pthread_mutex_lock(mutex)
        guard !stops, timers.count < Limits.laneTimersMax, startsIfNeeded() else {
            pthread_mutex_unlock(mutex)
            return false
        }
        timers.append(Timer(deadline: Lane.now + max(0, delay), job: job))
        let wakes = sleeps
        sleeps = false
        pthread_mutex_unlock(mutex)
        if wakes { pthread_cond_signal(condition) }
        return true
    }

    /// Takes no more jobs, runs those that are queued, and waits for the thread to end; called on
    /// the lane itself, it does not wait.
    func stop() {
        pthread_mutex_lock(mutex)
        stops = true
        sleeps = false
        timers = []
        let running = thread
        thread = nil
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(condition)
        guard let running else { return }
        if pthread_equal(running, pthread_self()) != 0 {
            pthread_detach(running)
        } else {
            pthread_join(running, nil)
        }
    }

    var depth: Int { pending.load(ordering: .relaxed) }

    /// The monotonic clock, in nanoseconds.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    // MARK: - The thread

    /// With `mutex` held.
    private func startsIfNeeded() -> Bool {
        if thread != nil { return true }
        var started = pthread_t()
        let context = Unmanaged.passRetained(self)
        let result = pthread_create(
            &started, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Lane>.fromOpaque(raw).takeRetainedValue().runUntilStopped()
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            context.release()
            return false
        }
        thread = started
        return true
    }

    private func runUntilStopped() {
        name_thread(pthread_self(), name)
        blockFileSizeSignal()
        // Of the calling thread alone, on Linux, and on top of what the program was started with.
        if niceness != 0 { _ = nice(niceness) }
        var batch: [Job] = []
        while takeJobs(into: &batch) {
            for job in batch {
                job()
                pending.subtract(1, ordering: .relaxed)
            }
            batch.removeAll(keepingCapacity: true)
        }
    }

    /// Waits for jobs and takes all of them; false once the lane has stopped and is empty.
    private func takeJobs(into batch: inout [Job]) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            takeDueTimers(into: &batch)
            if !jobs.isEmpty {
                if batch.isEmpty { swap(&batch, &jobs) } else { batch += jobs }
                jobs.removeAll(keepingCapacity: true)
            }
            if !batch.isEmpty { return true }
            if stops { return false }
            sleeps = true
            if let next = timers.lazy.map(\.deadline).min() {
                var until = timespec(
                    tv_sec: Int(next / 1_000_000_000), tv_nsec: Int(next % 1_000_000_000))
                pthread_cond_timedwait(condition, mutex, &until)
            } else {
                pthread_cond_wait(condition, mutex)
            }
            sleeps = false
        }
    }

    private func takeDueTimers(into batch: inout [Job]) {
        guard !timers.isEmpty else { return }
        let now = Lane.now
        timers.removeAll { timer in
            guard timer.deadline <= now else { return false }
            batch.append(timer.job)
            pending.add(1, ordering: .relaxed)
            return true
        }
    }

    /// A write past RLIMIT_FSIZE then fails with EFBIG, where SIGXFSZ would end the process.
    private func blockFileSizeSignal() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGXFSZ)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}
