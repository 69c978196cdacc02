import CLinux
import Glibc
import Synchronization

/// Watches descriptors for event loops that cannot watch them by themselves: NIO's read the
/// sockets that they watch, one datagram an object, which costs more than our answer to it.
///
/// One thread waits for all of them. It only passes on that something can be done, so that the
/// loop does it; until it has, and says so by `arm`, the descriptor is not looked at again.
final class Readiness: Sendable {
    static let shared = Readiness()

    private struct State {
        var watched: [UInt64: @Sendable () -> Void] = [:]
        var lastID: UInt64 = 0
        var isRunning = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    private init() {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    }

    /// Watches a descriptor once it is armed.
    ///
    /// - Parameter wake: called on the watching thread; not any more once `remove` has returned.
    /// - Returns: what to name it by; nil if the system has no room.
    func add(_ watched: Int32, wake: @escaping @Sendable () -> Void) -> UInt64? {
        state.withLock { state in
            guard startThread(&state) else { return nil }
            state.lastID += 1
            var event = epoll_event()
            event.data.u64 = state.lastID
            event.events = EPOLLONESHOT.rawValue
            guard epoll_ctl(descriptor, EPOLL_CTL_ADD, watched, &event) == 0 else { return nil }
            state.watched[state.lastID] = wake
            return state.lastID
        }
    }

    /// Calls `wake` once when the descriptor can be read, or, if asked for, written.
    func arm(_ watched: Int32, id: UInt64, forWriting: Bool) {
        var event = epoll_event()
        event.data.u64 = id
        event.events = EPOLLIN.rawValue | EPOLLONESHOT.rawValue
        if forWriting { event.events |= EPOLLOUT.rawValue }
        _ = epoll_ctl(descriptor, EPOLL_CTL_MOD, watched, &event)
    }

    /// To be called before the descriptor is closed.
    func remove(_ watched: Int32, id: UInt64) {
        var event = epoll_event()
        _ = epoll_ctl(descriptor, EPOLL_CTL_DEL, watched, &event)
        state.withLock { _ = $0.watched.removeValue(forKey: id) }
    }

    private func startThread(_ state: inout State) -> Bool {
        guard !state.isRunning else { return true }
        guard descriptor >= 0 else { return false }
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { _ in
                Readiness.shared.run()
                return nil
            }, nil)
        guard status == 0 else { return false }
        _ = name_thread(thread, "datagrams")
        pthread_detach(thread)
        state.isRunning = true
        return true
    }

    private func run() {
        var events = Array(repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(descriptor, &events, Int32(events.count), -1)
            guard count > 0 else { continue }
            // Under the lock, so that who has removed a descriptor hears of it no more.
            state.withLock { state in
                for event in events.prefix(Int(count)) { state.watched[event.data.u64]?() }
            }
        }
    }
}
