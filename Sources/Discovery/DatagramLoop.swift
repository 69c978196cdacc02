import CLinux
import Glibc
import HeapModule
import Synchronization
import Transport
public import Units

/// The thread that reads datagrams and runs those who answer them.
///
/// An answer to a datagram takes about a microsecond, so that to hand it to another thread would
/// cost more than the answer. The sockets over UDP, and the actors that speak over them, therefore
/// live on the thread that waits for the datagrams: this is their executor. It runs as long as the
/// process does, so that whoever is called late finds it there. What blocks has no place on it.
public final class DatagramLoop: SerialExecutor {
    /// The process's one: each of our sockets over UDP is on it.
    public static let shared = DatagramLoop()

    fileprivate enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    fileprivate struct State {
        var work: [Work] = []
        /// The thread waits, or is about to, and must be told of work.
        var isWaiting = false
        var watched: [UInt64: @Sendable () -> Void] = [:]
        var alarms = AlarmQueue()
        var lastWatch: UInt64 = 0
    }

    private let state = Mutex(State())
    private let events = epoll_create1(Int32(EPOLL_CLOEXEC))
    /// Becomes readable when the thread is told of work.
    private let bell = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    private let thread = Atomic<pthread_t>(0)

    private init() {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u64 = 0
        _ = epoll_ctl(events, EPOLL_CTL_ADD, bell, &event)
        var thread = pthread_t()
        let started = pthread_create(
            &thread, nil,
            { _ in
                DatagramLoop.shared.run()
                return nil
            }, nil)
        // A process that cannot have a thread cannot do anything.
        precondition(events >= 0 && bell >= 0 && started == 0, "no thread for datagrams")
        _ = name_thread(thread, "datagrams")
        pthread_detach(thread)
    }

    /// Whether the caller is on the loop.
    public var isCurrent: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    // MARK: Work

    public func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    public func checkIsolated() {
        precondition(isCurrent, "called from outside of the loop of datagrams")
    }

    /// Does something on the loop, soon.
    public func execute(_ body: @escaping @Sendable () -> Void) { add(.call(body)) }

    private func add(_ work: Work) {
        let mustRing = state.withLock { state in
            state.work.append(work)
            defer { state.isWaiting = false }
            return state.isWaiting
        }
        if mustRing { ring() }
    }

    private func ring() { eventfd_write(bell, 1) }

    // MARK: Alarms

    /// Something that is to be done at its time.
    public struct Alarm: Sendable {
        fileprivate let id: UInt64

        /// Calls it off, if it has not been done.
        public func cancel() {
            DatagramLoop.shared.state.withLock { $0.alarms.cancel(id) }
        }
    }

    /// Does something on the loop at `time`, or up to a millisecond later.
    public func schedule(at time: Instant, _ body: @escaping @Sendable () -> Void) -> Alarm {
        let (id, mustRing) = state.withLock { state in
            let id = state.alarms.add(at: time, body)
            defer { state.isWaiting = false }
            return (id, state.isWaiting)
        }
        if mustRing { ring() }
        return Alarm(id: id)
    }

    // MARK: Descriptors

    /// Watches a descriptor until `forget`.
    ///
    /// - Parameter body: called on the loop as long as the descriptor can be read, or written if
    ///   that is asked for.
    /// - Returns: what to name it by; nil if the system has no room.
    func watch(_ descriptor: Int32, _ body: @escaping @Sendable () -> Void) -> UInt64? {
        let id = state.withLock { state in
            state.lastWatch += 1
            state.watched[state.lastWatch] = body
            return state.lastWatch
        }
        guard control(EPOLL_CTL_ADD, descriptor, id, EPOLLIN.rawValue) else {
            state.withLock { _ = $0.watched.removeValue(forKey: id) }
            return nil
        }
        return id
    }

    /// Watches it also, or no longer, for room to write.
    func watch(_ descriptor: Int32, _ id: UInt64, forWriting: Bool) {
        let kinds = forWriting ? EPOLLIN.rawValue | EPOLLOUT.rawValue : EPOLLIN.rawValue
        _ = control(EPOLL_CTL_MOD, descriptor, id, kinds)
    }

    /// To be called before the descriptor is closed.
    func forget(_ descriptor: Int32, _ id: UInt64) {
        _ = control(EPOLL_CTL_DEL, descriptor, id, 0)
        state.withLock { _ = $0.watched.removeValue(forKey: id) }
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ id: UInt64, _ kinds: UInt32
    ) -> Bool {
        var event = epoll_event()
        event.events = kinds
        event.data.u64 = id
        return epoll_ctl(events, operation, descriptor, &event) == 0
    }

    // MARK: The thread

    private func run() {
        thread.store(pthread_self(), ordering: .relaxed)
        var ready = Array(repeating: epoll_event(), count: Limits.descriptorsPerTurn)
        var work: [Work] = []
        while true {
            let wait = state.withLock { $0.beginWaiting() }
            let count = epoll_wait(events, &ready, Int32(ready.count), wait)
            for event in ready.prefix(Int(max(0, count))) {
                if event.data.u64 == 0 { answerBell() } else { call(event.data.u64) }
            }
            state.withLock { $0.takeWork(&work) }
            for item in work {
                switch item {
                case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
                case .call(let body): body()
                }
            }
            work.removeAll(keepingCapacity: true)
        }
    }

    private func answerBell() {
        var count = eventfd_t()
        eventfd_read(bell, &count)
    }

    private func call(_ id: UInt64) {
        // Outside of the lock: what is called watches, forgets and schedules.
        let body = state.withLock { $0.watched[id] }
        body?()
    }
}

extension DatagramLoop.State {
    /// - Returns: how long to wait, in milliseconds; -1 for as long as nothing happens.
    fileprivate mutating func beginWaiting() -> Int32 {
        guard work.isEmpty else { return 0 }
        isWaiting = true
        guard let next = alarms.next else { return -1 }
        let milliseconds = (next - MonotonicClock.now).nanoseconds / 1_000_000 + 1
        return Int32(min(max(0, milliseconds), Limits.waitMillisecondsMax))
    }

    /// What is to be done now; `taken` is empty, and its memory is kept in exchange.
    fileprivate mutating func takeWork(_ taken: inout [DatagramLoop.Work]) {
        isWaiting = false
        swap(&work, &taken)
        guard alarms.next != nil else { return }
        let now = MonotonicClock.now
        while let body = alarms.takeDue(now: now) { taken.append(.call(body)) }
    }
}

/// What is to be done at its time, the next first.
private struct AlarmQueue {
    private struct Entry: Comparable {
        let time: Instant
        let id: UInt64

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.id) < (right.time, right.id)
        }
    }

    private var entries = Heap<Entry>()
    private var bodies: [UInt64: @Sendable () -> Void] = [:]
    private var lastID: UInt64 = 0

    var next: Instant? { entries.min?.time }

    mutating func add(at time: Instant, _ body: @escaping @Sendable () -> Void) -> UInt64 {
        lastID += 1
        bodies[lastID] = body
        entries.insert(Entry(time: time, id: lastID))
        return lastID
    }

    mutating func cancel(_ id: UInt64) {
        bodies[id] = nil
        dropCancelled()
    }

    mutating func takeDue(now: Instant) -> (@Sendable () -> Void)? {
        guard let first = entries.min, first.time <= now else { return nil }
        entries.removeMin()
        defer { dropCancelled() }
        return bodies.removeValue(forKey: first.id)
    }

    /// The first entry is always one that has not been called off.
    private mutating func dropCancelled() {
        while let first = entries.min, bodies[first.id] == nil { entries.removeMin() }
    }
}
