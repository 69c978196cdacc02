import Synchronization

/// Tells listeners that something has happened, and not too often.
final class Pulse: Sendable {
    /// When to tell.
    struct Pace {
        enum Decision: Equatable {
            case tellNow
            /// Call `due` after this many milliseconds.
            case tellAfter(milliseconds: Int64)
            /// Somebody else will.
            case nothing
        }

        private var lastTold: Int64?
        private var isWaiting = false

        /// Something has happened. `now` is in milliseconds.
        mutating func beat(now: Int64) -> Decision {
            guard !isWaiting else { return .nothing }
            let gap = Int64(Limits.pulseMilliseconds)
            guard let lastTold, now - lastTold < gap else {
                lastTold = now
                return .tellNow
            }
            isWaiting = true
            return .tellAfter(milliseconds: gap - (now - lastTold))
        }

        /// The time that `beat` named is over.
        mutating func due(now: Int64) {
            isWaiting = false
            lastTold = now
        }
    }

    private struct State {
        var pace = Pace()
        var nextKey: UInt64 = 0
        var listeners: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let start = ContinuousClock.now

    /// Ends by itself at once if there are too many listeners.
    func subscribe() -> AsyncStream<Void> {
        let (stream, listener) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let key = state.withLock { state -> UInt64? in
            guard !state.isClosed, state.listeners.count < Limits.listenersMax else { return nil }
            defer { state.nextKey += 1 }
            state.listeners[state.nextKey] = listener
            return state.nextKey
        }
        guard let key else {
            listener.finish()
            return stream
        }
        listener.onTermination = { [weak self] _ in self?.forget(key) }
        return stream
    }

    private func forget(_ key: UInt64) {
        _ = state.withLock { $0.listeners.removeValue(forKey: key) }
    }

    func beat() {
        // Without listeners a beat costs a look and no more.
        let decision = state.withLock { state in
            state.listeners.isEmpty ? .nothing : state.pace.beat(now: now)
        }
        switch decision {
        case .nothing: break
        case .tellNow: tell()
        case .tellAfter(let milliseconds):
            Task { [weak self] in
                try? await Task.sleep(for: .milliseconds(milliseconds))
                guard let self else { return }
                state.withLock { $0.pace.due(now: now) }
                tell()
            }
        }
    }

    func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }

    private func tell() {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener.yield() }
    }

    private var now: Int64 {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
