public import Units

/// The machine that decides when waiting announces of all torrents may be sent.
///
/// A program with tens of thousands of torrents would otherwise open as many connections when it
/// starts, or when a tracker with all of them comes back. At most so many requests are under way
/// in all and to one tracker, and so many begin a second. Trackers take turns, so that one that
/// is slow holds up only its own.
///
/// Who leaves has bounds of his own, far wider ones: what is not said within seconds is not said
/// at all, and trackers would send peers to a place where nobody is any more.
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

    /// How many requests may be under way, and begin.
    public struct Bounds: Sendable {
        /// Requests under way in all.
        public var concurrentMax: Int
        /// Requests under way to one tracker.
        public var concurrentPerTrackerMax: Int
        /// Requests that begin in a second.
        public var startsPerSecond: Int
        /// Requests that may begin at once if none has begun for a while.
        public var burstMax: Int

        /// - Parameter burstMax: nil for a second's worth.
        public init(
            concurrentMax: Int, concurrentPerTrackerMax: Int, startsPerSecond: Int,
            burstMax: Int? = nil
        ) {
            self.concurrentMax = max(1, concurrentMax)
            self.concurrentPerTrackerMax = max(1, concurrentPerTrackerMax)
            self.startsPerSecond = max(1, startsPerSecond)
            self.burstMax = max(0, burstMax ?? startsPerSecond)
        }

        var step: Interval { .seconds(1) / Int64(startsPerSecond) }
    }

    public struct Configuration: Sendable {
        /// Of all who do not leave.
        public var staying = Limits.stayingBounds
        /// Of those who leave trackers of HTTP, where each request has a connection.
        public var leaving = Limits.leavingBounds
        /// Of those who leave trackers of UDP.
        public var leavingByUDP = Limits.leavingByUDPBounds

        public init() {}

        /// The time over which `torrents` begin, so that their first announces do not queue.
        public func spread(torrents: Int) -> Interval {
            .milliseconds(Int64(clamping: torrents).multipliedSaturating(by: 1000))
                / Int64(staying.startsPerSecond)
        }
    }

    /// Requests that have bounds of their own.
    private enum Traffic: Int, CaseIterable, Sendable {
        case leaving
        case leavingByUDP
        case staying

        init(_ priority: Priority, _ scheme: TrackerURL.Scheme) {
            self =
                switch (priority, scheme) {
                case (.leaving, .udp): .leavingByUDP
                case (.leaving, _): .leaving
                default: .staying
                }
        }
    }

    /// Requests of one traffic to one tracker.
    private struct Line: Sendable {
        struct Key: Hashable, Sendable {
            let tracker: String
            let traffic: Traffic
        }

        var waiting: [Queue<Ticket>] = Priority.allCases.map { _ in Queue() }
        /// Including tickets that were withdrawn and are still in a queue.
        var waitingCount = 0
        var runningCount = 0
        var isInTurn = false

        var isIdle: Bool { waitingCount == 0 && runningCount == 0 && !isInTurn }
    }

    /// Requests of one traffic to all trackers.
    private struct Flow: Sendable {
        let bounds: Bounds
        /// Trackers that have something waiting and may have more under way.
        var turns = Queue<String>()
        var runningCount = 0
        /// When the next request may begin if starts are evenly spaced; it may lag behind now by
        /// a burst, which may then begin at once.
        var nextStart = Instant.distantPast

        var mayBegin: Bool { runningCount < bounds.concurrentMax }
    }

    private struct Silence: Sendable {
        /// Requests in a row that the tracker did not answer.
        var count = 0
        var avoidedUntil = Instant.distantPast

        var isLong: Bool { count >= Limits.silencesMax }
    }

    private enum State: Sendable { case waiting, running }

    public let configuration: Configuration
    private var lines: [Line.Key: Line] = [:]
    /// One for each traffic.
    private var flows: [Flow]
    private var tickets: [Ticket: (line: Line.Key, state: State)] = [:]
    private var silences: [String: Silence] = [:]
    private var runningCount = 0
    /// Requests that are over before they began, until `admit` tells.
    private var avoided: [Ticket] = []

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        flows = Traffic.allCases.map { traffic in
            switch traffic {
            case .leaving: Flow(bounds: configuration.leaving)
            case .leavingByUDP: Flow(bounds: configuration.leavingByUDP)
            case .staying: Flow(bounds: configuration.staying)
            }
        }
    }

    /// The number of requests that wait.
    public var waitingCount: Int { tickets.count - runningCount }

    /// Queues a request to `tracker`; `admit` then says when it begins. False if too many wait.
    public mutating func enqueue(
        _ ticket: Ticket, to tracker: String, over scheme: TrackerURL.Scheme,
        _ priority: Priority, now: Instant
    ) -> Bool {
        guard waitingCount < Limits.waitingAnnouncesMax, tickets[ticket] == nil else {
            return false
        }
        let key = Line.Key(tracker: tracker, traffic: Traffic(priority, scheme))
        tickets[ticket] = (key, .waiting)
        if let silence = silences[tracker], silence.avoidedUntil > now {
            avoided.append(ticket)
            return true
        }
        lines[key, default: Line()].waiting[priority.rawValue].append(ticket)
        lines[key, default: Line()].waitingCount += 1
        offerTurn(to: key)
        return true
    }

    /// A request has ended, or is not wanted any more.
    public mutating func end(_ ticket: Ticket, _ ending: Ending, now: Instant) {
        guard let (key, state) = tickets.removeValue(forKey: ticket) else { return }
        if state == .running {
            runningCount -= 1
            flows[key.traffic.rawValue].runningCount -= 1
            lines[key]?.runningCount -= 1
        }
        switch ending {
        case .answered: silences[key.tracker] = nil
        case .silent: noteSilence(of: key.tracker, now: now)
        case .withdrawn: break
        }
        forgetIfIdle(key)
        offerTurns(to: key.tracker)
    }

    /// Appends what is to be done with requests that have waited.
    public mutating func admit(now: Instant, into actions: inout ActionBuffer<Action>) {
        for ticket in avoided where tickets.removeValue(forKey: ticket) != nil {
            actions.append(.avoid(ticket))
        }
        avoided.removeAll(keepingCapacity: true)
        for traffic in Traffic.allCases { admit(traffic, now: now, into: &actions) }
    }

    private mutating func admit(
        _ traffic: Traffic, now: Instant, into actions: inout ActionBuffer<Action>
    ) {
        let flow = traffic.rawValue
        let step = flows[flow].bounds.step
        let earliest = now - step * Int64(flows[flow].bounds.burstMax)
        flows[flow].nextStart = max(flows[flow].nextStart, earliest)
        while flows[flow].mayBegin, flows[flow].nextStart <= now,
            let tracker = flows[flow].turns.popFirst()
        {
            let key = Line.Key(tracker: tracker, traffic: traffic)
            lines[key]?.isInTurn = false
            if let ticket = nextTicket(of: key) {
                tickets[ticket] = (key, .running)
                runningCount += 1
                lines[key]?.runningCount += 1
                flows[flow].runningCount += 1
                flows[flow].nextStart = flows[flow].nextStart + step
                actions.append(.begin(ticket))
            }
            offerTurn(to: key)
            forgetIfIdle(key)
        }
    }

    /// When `admit` is to be called again though nothing has ended; `nil` if it need not be.
    public func nextDeadline() -> (Instant, Reason)? {
        if !avoided.isEmpty { return (.distantPast, .rate) }
        let next = flows.filter { !$0.turns.isEmpty && $0.mayBegin }.map(\.nextStart).min()
        return next.map { ($0, .rate) }
    }

    private mutating func noteSilence(of tracker: String, now: Instant) {
        var silence = silences[tracker] ?? Silence()
        silence.count = min(silence.count + 1, Limits.silencesMax)
        if silence.isLong {
            silence.avoidedUntil = now + Limits.avoidance
            for traffic in Traffic.allCases {
                avoidWaiting(Line.Key(tracker: tracker, traffic: traffic))
            }
        }
        silences[tracker] = silence
        guard silences.count > Limits.silentTrackersMax else { return }
        // Those of which nothing is asked now matter least.
        let busy = Set(lines.keys.map(\.tracker))
        silences = silences.filter { busy.contains($0.key) }
    }

    private mutating func avoidWaiting(_ key: Line.Key) {
        for priority in Priority.allCases {
            while let ticket = lines[key]?.waiting[priority.rawValue].popFirst() {
                lines[key]?.waitingCount -= 1
                if tickets[ticket] != nil { avoided.append(ticket) }
            }
        }
    }

    private mutating func offerTurns(to tracker: String) {
        for traffic in Traffic.allCases {
            offerTurn(to: Line.Key(tracker: tracker, traffic: traffic))
        }
    }

    private mutating func offerTurn(to key: Line.Key) {
        guard let line = lines[key], !line.isInTurn, line.waitingCount > 0 else { return }
        let bounds = flows[key.traffic.rawValue].bounds
        let isSilent = silences[key.tracker]?.isLong ?? false
        guard line.runningCount < (isSilent ? 1 : bounds.concurrentPerTrackerMax) else { return }
        lines[key]?.isInTurn = true
        flows[key.traffic.rawValue].turns.append(key.tracker)
    }

    private mutating func forgetIfIdle(_ key: Line.Key) {
        if lines[key]?.isIdle ?? false { lines[key] = nil }
    }

    private mutating func nextTicket(of key: Line.Key) -> Ticket? {
        for priority in Priority.allCases {
            while let ticket = lines[key]?.waiting[priority.rawValue].popFirst() {
                lines[key]?.waitingCount -= 1
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
