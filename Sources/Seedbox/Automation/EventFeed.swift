import Synchronization

/// What has happened to torrents, for hooks and webhooks. The model tells it what is recorded
/// already; nobody is waited for.
public final class EventFeed: Sendable {
    public struct Event: Sendable {
        public var kind: Settings.Event
        /// The torrent as it was then.
        public var row: TorrentRow
    }

    private let listeners = Mutex<[AsyncStream<Event>.Continuation]>([])

    public init() {}

    /// What happens from now on. Of what is not taken the oldest is forgotten.
    public func listen() -> AsyncStream<Event> {
        let (stream, listener) = AsyncStream.makeStream(
            of: Event.self, bufferingPolicy: .bufferingNewest(Limits.eventsWaitingMax))
        listeners.withLock { $0.append(listener) }
        return stream
    }

    func tell(_ kind: Settings.Event, _ row: TorrentRow) {
        let event = Event(kind: kind, row: row)
        listeners.withLock { listeners in
            listeners.removeAll { listener in
                if case .terminated = listener.yield(event) { true } else { false }
            }
        }
    }

    /// Nothing more happens.
    func close() {
        let all = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in all { listener.finish() }
    }
}
