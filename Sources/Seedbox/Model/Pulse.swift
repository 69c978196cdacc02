import Synchronization

/// Tells listeners that something has happened, and not too often.
final class Pulse: Sendable {
    private struct State {
        var pace = Pace(every: Limits.pulseInterval)
        var nextKey: UInt64 = 0
        var listeners: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

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
            state.listeners.isEmpty ? .nothing : state.pace.ask(now: .now)
        }
        switch decision {
        case .nothing: break
        case .now: tell()
        case .after(let delay):
            Task { [weak self] in
                try? await Task.sleep(for: delay)
                guard let self else { return }
                state.withLock { $0.pace.due(now: .now) }
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
}
