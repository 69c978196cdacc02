/// What a connection is about, and until when it may go on so. Times are nanoseconds.
struct ConnectionPhase: Sendable {
    enum Phase: Sendable {
        /// A request's head is awaited since it began, or since the connection did.
        case head
        case body
        /// A request is whole, and its answer is not.
        case answering
        /// Nothing is asked.
        case idle
    }

    private(set) var phase = Phase.head
    private(set) var deadline: Int64?
    /// Requests whose answer has not ended.
    private var open = 0
    private var isStalled = false

    init(now: Int64) { deadline = now + Self.seconds(Limits.headSecondsMax) }

    var isIdle: Bool { phase == .idle }

    mutating func bytesCame(now: Int64) {
        guard phase == .idle else { return }
        phase = .head
        deadline = now + Self.seconds(Limits.headSecondsMax)
    }

    mutating func headCame(now: Int64) {
        open += 1
        bodyCame(now: now)
    }

    mutating func bodyCame(now: Int64) {
        phase = .body
        deadline = now + Self.seconds(Limits.bodyStallSecondsMax)
    }

    mutating func requestEnded(now: Int64) {
        phase = .answering
        guard open > 0 else { return answerEnded(now: now) }
        deadline = isStalled ? now + Self.seconds(Limits.readerStallSecondsMax) : nil
    }

    mutating func answerEnded(now: Int64) {
        open = max(0, open - 1)
        // An answer may end before its request does: a refusal.
        guard open == 0, phase != .body else { return }
        phase = .idle
        deadline = now + Self.seconds(Limits.idleSecondsMax)
    }

    /// Whether the reader takes what is sent.
    mutating func readerStalls(_ stalls: Bool, now: Int64) {
        isStalled = stalls
        guard phase == .answering else { return }
        deadline = stalls ? now + Self.seconds(Limits.readerStallSecondsMax) : nil
    }

    private static func seconds(_ count: Int) -> Int64 { Int64(count) * 1_000_000_000 }
}
