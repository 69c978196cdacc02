public import Units

/// The machine that decides when waiting announces of all torrents may be sent.
///
/// A program with tens of thousands of torrents would otherwise open as many connections when it
/// starts, or when a tracker with all of them comes back. At most so many requests are under way
/// in all and to one tracker, and so many begin a second. Trackers take turns, so that one that
/// is slow holds up only its own.
public struct AnnounceGate: Sendable {
    /// Names a request; chosen by the caller, never used twice.
    public struct Ticket: Hashable, Sendable {
        public let rawValue: UInt64
        public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    }

    public enum Priority: Int, CaseIterable, Sendable {
        /// `stopped`: somebody waits for it in order to quit.
        case leaving
        /// Events, and what a user asked for.
        case event
        case regular
    }

    public enum Reason: Hashable, Sendable { case rate }

    public struct Configuration: Sendable {
        /// Requests under way in all.
        public var concurrentMax: Int
        /// Requests under way to one tracker.
        public var concurrentPerTrackerMax: Int
        /// Requests that begin in a second.
        public var startsPerSecond: Int

        public init(
            concurrentMax: Int = 256, concurrentPerTrackerMax: Int = 8, startsPerSecond: Int = 100
        ) {
            self.concurrentMax = max(1, concurrentMax)
            self.concurrentPerTrackerMax = max(1, concurrentPerTrackerMax)
            self.startsPerSecond = max(1, startsPerSecond)
        }

        /// The time over which `torrents` begin, so that their first announces do not queue.
        public func spread(torrents: Int) -> Interval {
            .milliseconds(Int64(clamping: torrents).multipliedSaturating(by: 1000))
                / Int64(startsPerSecond)
        }
    }

    private struct Line: Sendable {
        var waiting: [Queue<Ticket>] = Priority.allCases.map { _ in Queue() }
        /// Including tickets that were withdrawn and are still in a queue.
        var waitingCount = 0
        var runningCount = 0
        var isInTurn = false
    }

    private enum State: Sendable { case waiting, running }

    public let configuration: Configuration
    private var lines: [String: Line] = [:]
    private var tickets: [Ticket: (tracker: String, state: State)] = [:]
    /// Trackers that have something waiting and may have more under way.
    private var turns = Queue<String>()
    private var runningCount = 0
    /// When the next request may begin if starts are evenly spaced; it may lag behind now by a
    /// second's worth, which may then begin at once.
    private var nextStart = Instant.distantPast

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    /// The number of requests that wait.
    public var waitingCount: Int { tickets.count - runningCount }

    /// Queues a request to `tracker`. False if too many wait already.
    public mutating func enqueue(_ ticket: Ticket, to tracker: String, _ priority: Priority) -> Bool
    {
        guard waitingCount < Limits.waitingAnnouncesMax, tickets[ticket] == nil else {
            return false
        }
        tickets[ticket] = (tracker, .waiting)
        lines[tracker, default: Line()].waiting[priority.rawValue].append(ticket)
        lines[tracker, default: Line()].waitingCount += 1
        offerTurn(to: tracker)
        return true
    }

    /// A request has ended, or is not wanted any more.
    public mutating func remove(_ ticket: Ticket) {
        guard let (tracker, state) = tickets.removeValue(forKey: ticket) else { return }
        if state == .running {
            runningCount -= 1
            lines[tracker]?.runningCount -= 1
        }
        if let line = lines[tracker], line.waitingCount == 0, line.runningCount == 0,
            !line.isInTurn
        {
            lines[tracker] = nil
        }
        offerTurn(to: tracker)
    }

    /// Appends the requests that may begin now.
    public mutating func admit(now: Instant, into admitted: inout ActionBuffer<Ticket>) {
        let step = Interval.seconds(1) / Int64(configuration.startsPerSecond)
        nextStart = max(nextStart, now - .seconds(1))
        while runningCount < configuration.concurrentMax, nextStart <= now,
            let tracker = turns.popFirst()
        {
            lines[tracker]?.isInTurn = false
            if let ticket = nextTicket(of: tracker) {
                tickets[ticket] = (tracker, .running)
                runningCount += 1
                lines[tracker]?.runningCount += 1
                nextStart = nextStart + step
                admitted.append(ticket)
            }
            offerTurn(to: tracker)
            if let line = lines[tracker], line.waitingCount == 0, line.runningCount == 0 {
                lines[tracker] = nil
            }
        }
    }

    /// When `admit` is to be called again though nothing has ended; `nil` if it need not be.
    public func nextDeadline() -> (Instant, Reason)? {
        guard !turns.isEmpty, runningCount < configuration.concurrentMax else { return nil }
        return (nextStart, .rate)
    }

    private mutating func offerTurn(to tracker: String) {
        guard let line = lines[tracker], !line.isInTurn, line.waitingCount > 0,
            line.runningCount < configuration.concurrentPerTrackerMax
        else { return }
        lines[tracker]?.isInTurn = true
        turns.append(tracker)
    }

    private mutating func nextTicket(of tracker: String) -> Ticket? {
        for priority in Priority.allCases {
            while let ticket = lines[tracker]?.waiting[priority.rawValue].popFirst() {
                lines[tracker]?.waitingCount -= 1
                if tickets[ticket] != nil { return ticket }
            }
        }
        return nil
    }
}

/// First in, first out, in constant time on average.
private struct Queue<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        defer {
            head += 1
            if head > 64, head > elements.count / 2 {
                elements.removeFirst(head)
                head = 0
            }
        }
        return elements[head]
    }
}
