import JSONText

/// What changes, as server-sent events. Nothing is queued: a reader that is slow asks for less, as
/// the next event is made when it has taken the last, of all that came meanwhile. If that is more
/// than is worth telling, it is told to take the list again.
struct ChangeEvents: AsyncSequence, Sendable {
    typealias Element = [UInt8]
    typealias Failure = Never

    let catalogue: Catalogue
    let fields: [RowField]
    /// The last revision that the reader knows.
    let since: UInt64
    var beat: Duration = .seconds(Limits.eventBeatSeconds)

    func makeAsyncIterator() -> Events {
        Events(events: self, revision: since, ticks: ticks().makeAsyncIterator())
    }

    struct Events: AsyncIteratorProtocol {
        let events: ChangeEvents
        fileprivate(set) var revision: UInt64
        fileprivate var ticks: AsyncStream<Tick>.AsyncIterator
        private var isFirst = true

        fileprivate init(
            events: ChangeEvents, revision: UInt64, ticks: AsyncStream<Tick>.AsyncIterator
        ) {
            self.events = events
            self.revision = revision
            self.ticks = ticks
        }

        mutating func next() async -> [UInt8]? {
            if isFirst {
                isFirst = false
                return Array("retry: 2000\n: \(revision)\n\n".utf8)
            }
            while true {
                if let event = events.event(after: &revision) { return event }
                switch await ticks.next() {
                case .change: continue
                case .beat: return Array(":\n\n".utf8)
                case nil: return nil
                }
            }
        }
    }

    /// Nil if nothing has changed.
    fileprivate func event(after revision: inout UInt64) -> [UInt8]? {
        guard catalogue.revision != revision else { return nil }
        let changes = catalogue.changes(since: revision, atMost: Limits.eventRowsMax)
        revision = changes.revision
        let count = changes.changed.count + changes.removed.count
        guard changes.isComplete, count <= Limits.eventRowsMax else {
            return Array(
                "event: resync\nid: \(revision)\ndata: {\"revision\":\(revision)}\n\n".utf8)
        }
        guard count > 0 else { return nil }
        var out = JSONWriter(reservingBytes: count * 1_024)
        out.beginObject()
        changes.write(fields, into: &out)
        out.endObject()
        return Array("event: changes\nid: \(revision)\ndata: ".utf8) + out.bytes + [0x0A, 0x0A]
    }

    fileprivate enum Tick: Sendable { case change, beat }

    /// Changes, and a beat now and then by which both ends see that the other one is there.
    private func ticks() -> AsyncStream<Tick> {
        let (stream, told) = AsyncStream<Tick>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let pulses = catalogue.subscribe()
        let listener = Task {
            for await _ in pulses { told.yield(.change) }
            told.finish()
        }
        let clock = Task { [beat] in
            while (try? await Task.sleep(for: beat)) != nil { told.yield(.beat) }
        }
        told.onTermination = { _ in
            listener.cancel()
            clock.cancel()
        }
        return stream
    }
}
