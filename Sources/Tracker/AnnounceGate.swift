public import Units

/// The machine that decides when waiting announces of all torrents may be sent.
///
/// A program with tens of thousands of torrents would otherwise open as many connections when it
/// starts, or when a tracker with all of them comes back. At most so many requests are under way
/// in all and to one tracker, and so many begin a second. Trackers take turns, so that one that
/// is slow holds up only its own.
///
/// A tracker that has left several requests in a row unanswered is avoided for a minute: what
/// waits for it ends at once, so that its torrents go on to their next trackers instead of
/// standing in line for a dead one. Then one request tries it again.
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

    public enum Action: Hashable, Sendable {
        /// The request may begin. It is under way until `end` is called.
        case begin(Ticket)
        /// The request is over before it began: its tracker is silent.
        case avoid(Ticket)
    }

    public enum Ending: Hashable, Sendable {
        /// The tracker answered, in whatever words.
        case answered
        /// It was not reached, or did not answer in time.
        case silent
        /// The request was withdrawn, which says nothing about the tracker.
        case withdrawn
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
        /// Requests in a row that the tracker did not answer.
        var silenceCount = 0
        var avoidedUntil = Instant.distantPast

        var isIdle: Bool { waitingCount == 0 && runningCount == 0 && !isInTurn }
        var isSilent: Bool { silenceCount >= Limits.silencesMax }
    }

    private enum State: Sendable { case waiting, running }

    public let configuration: Configuration
    private var lines: [String: Line] = [:]
    private var tickets: [Ticket: (tracker: String, state: State)] = [:]
    /// Trackers that have something waiting and may have more under way.
    private var turns = Queue<String>()
    private var runningCount = 0
    /// Requests that are over before they began, until `admit` tells.
    private var avoided: [Ticket] = []
    /// When the next request may begin if starts are evenly spaced; it may lag behind now by a
    /// second's worth, which may then begin at once.
    private var nextStart = Instant.distantPast

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    /// The number of requests that wait.
    public var waitingCount: Int { tickets.count - runningCount }

    /// Queues a request to `tracker`; `admit` then says when it begins. False if too many wait.
    public mutating func enqueue(
        _ ticket: Ticket, to tracker: String, _ priority: Priority, now: Instant
    ) -> Bool {
        guard waitingCount < Limits.waitingAnnouncesMax, tickets[ticket] == nil else {
            return false
        }
        tickets[ticket] = (tracker, .waiting)
        if let line = lines[tracker], line.avoidedUntil > now {
            avoided.append(ticket)
            return true
        }
        lines[tracker, default: Line()].waiting[priority.rawValue].append(ticket)
        lines[tracker, default: Line()].waitingCount += 1
        offerTurn(to: tracker)
        return true
    }

    /// A request has ended, or is not wanted any more.
    public mutating func end(_ ticket: Ticket, _ ending: Ending, now: Instant) {
        guard let (tracker, state) = tickets.removeValue(forKey: ticket) else { return }
        if state == .running {
            runningCount -= 1
            lines[tracker]?.runningCount -= 1
        }
        switch ending {
        case .answered:
            lines[tracker]?.silenceCount = 0
            lines[tracker]?.avoidedUntil = .distantPast
        case .silent: noteSilence(of: tracker, now: now)
        case .withdrawn: break
        }
        forgetIfIdle(tracker)
        offerTurn(to: tracker)
    }

    /// Appends what is to be done with requests that have waited.
    public mutating func admit(now: Instant, into actions: inout ActionBuffer<Action>) {
        for ticket in avoided where tickets.removeValue(forKey: ticket) != nil {
            actions.append(.avoid(ticket))
        }
        avoided.removeAll(keepingCapacity: true)
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
                actions.append(.begin(ticket))
            }
            offerTurn(to: tracker)
            forgetIfIdle(tracker)
        }
    }

    /// When `admit` is to be called again though nothing has ended; `nil` if it need not be.
    public func nextDeadline() -> (Instant, Reason)? {
        if !avoided.isEmpty { return (.distantPast, .rate) }
        guard !turns.isEmpty, runningCount < configuration.concurrentMax else { return nil }
        return (nextStart, .rate)
    }

    private mutating func noteSilence(of tracker: String, now: Instant) {
        guard var line = lines.removeValue(forKey: tracker) else { return }
        defer { lines[tracker] = line }
        line.silenceCount = min(line.silenceCount + 1, Limits.silencesMax)
        guard line.isSilent else { return }
        line.avoidedUntil = now + Limits.avoidance
        for priority in Priority.allCases {
            while let ticket = line.waiting[priority.rawValue].popFirst() {
                line.waitingCount -= 1
                if tickets[ticket] != nil { avoided.append(ticket) }
            }
        }
    }

    private mutating func offerTurn(to tracker: String) {
        guard let line = lines[tracker], !line.isInTurn, line.waitingCount > 0 else { return }
        let concurrentMax = line.isSilent ? 1 : configuration.concurrentPerTrackerMax
        guard line.runningCount < concurrentMax else { return }
        lines[tracker]?.isInTurn = true
        turns.append(tracker)
    }

    /// Lines of silent trackers are kept, but not any number of them.
    private mutating func forgetIfIdle(_ tracker: String) {
        guard let line = lines[tracker], line.isIdle else { return }
        if line.silenceCount == 0 {
            lines[tracker] = nil
        } else if lines.count > Limits.silentTrackersMax {
            lines = lines.filter { !$0.value.isIdle }
        }
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
