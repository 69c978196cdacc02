import DequeModule
import Units

/// The requests that one peer owes us, and how many it should owe us.
///
/// The depth is found, not computed: it grows while blocks come back soon after they were asked
/// for and shrinks when they wait in the peer's queue longer than `target`. In the steady state
/// that is rate times round trip (Little's law) with a little queue at the far end to keep it
/// busy, without knowing either.
struct RequestPipeline: Sendable {
    struct Outstanding: Hashable, Sendable {
        let piece: PieceIndex
        let block: BlockIndex
        let sentAt: Instant
        /// The block may be asked of others meanwhile: the picker does not count this request.
        var isReleased = false
    }

    private(set) var outstanding: Deque<Outstanding> = []
    /// How many requests the peer should owe us, before `requestsMax` and snubbing.
    private(set) var depth = Double(Limits.pipelineDepthStart)
    /// The most that the peer says it queues (BEP 10, "reqq").
    private var queueSaid = Limits.requestQueueAssumed
    /// The most that it seems to queue: less than it says after it rejected requests.
    private var queueSeen = Limits.requestQueueAssumed
    /// It owed us blocks and sent none for `Limits.snubAfter`.
    private(set) var isSnubbed = false
    /// The shortest time from request to block of late: the round trip with an empty queue.
    private var roundTrip = Interval.seconds(1)
    private var roundTripSince = Instant.distantPast
    /// The depth has not been found yet.
    private var isOpening = true
    private var lastShrink = Instant.distantPast
    /// Requests that were taken back and may still be answered.
    private var forgiven = 0
    /// When the peer last sent a block or was given something to send after owing nothing.
    private(set) var lastProgress = Instant.distantPast

    /// How many requests may be added.
    var room: Int {
        let allowed = isSnubbed ? 1 : min(Int(depth), queueSeen, Limits.requestsInFlightMax)
        return max(0, allowed - outstanding.count)
    }

    /// Whether enough room came free that a batch of requests is worth its trouble.
    var isWorthFilling: Bool { room > 0 && (room >= 4 || room * 4 >= outstanding.count) }

    func contains(_ piece: PieceIndex, _ block: BlockIndex) -> Bool {
        outstanding.contains { $0.piece == piece && $0.block == block }
    }

    mutating func sent(_ block: BlockIndex, of piece: PieceIndex, now: Instant) {
        if outstanding.isEmpty { lastProgress = now }
        outstanding.append(Outstanding(piece: piece, block: block, sentAt: now))
    }

    /// A block came. Gives the request that it answers; nil if it was not owed.
    mutating func received(
        _ block: BlockIndex, of piece: PieceIndex, now: Instant
    ) -> Outstanding? {
        guard let request = remove(block, of: piece) else { return nil }
        queueSeen = min(queueSeen + 1, queueSaid)
        lastProgress = now
        if isSnubbed {
            isSnubbed = false
            isOpening = true
            depth = Double(Limits.pipelineDepthStart)
        }
        adapt(to: now - request.sentAt, now: now)
        return request
    }

    /// A request was rejected or cancelled; nil if it was not owed.
    mutating func remove(_ block: BlockIndex, of piece: PieceIndex) -> Outstanding? {
        // Blocks come in the order of the requests, nearly always.
        let found = outstanding.firstIndex { $0.block == block && $0.piece == piece }
        guard let found else { return nil }
        if found == 0 { return outstanding.removeFirst() }
        return outstanding.remove(at: found)
    }

    /// The request was taken back; should the block come all the same, it was asked for once.
    mutating func forgive(_ block: BlockIndex, of piece: PieceIndex) {
        guard remove(block, of: piece) != nil else { return }
        forgiven += 1
    }

    /// Whether a block that is not owed may be one that was taken back.
    mutating func spendForgiveness() -> Bool {
        guard forgiven > 0 else { return false }
        forgiven -= 1
        return true
    }

    /// The peer owes us nothing any more. Gives what it owed.
    mutating func removeAll() -> Deque<Outstanding> {
        defer { outstanding.removeAll() }
        forgiven += outstanding.count
        return outstanding
    }

    /// When the peer will be snubbed unless a block comes.
    var snubDeadline: Instant? {
        outstanding.isEmpty || isSnubbed ? nil : lastProgress + Limits.snubAfter
    }

    /// Snubs the peer if its time is over; true if it was not snubbed before.
    mutating func snubIfStalled(now: Instant) -> Bool {
        guard let snubDeadline, now >= snubDeadline else { return false }
        isSnubbed = true
        return true
    }

    /// Lets others be asked for what is owed, of one piece or of all. Gives what was released.
    mutating func release(_ piece: PieceIndex? = nil) -> [Outstanding] {
        var released: [Outstanding] = []
        for position in outstanding.indices where !outstanding[position].isReleased {
            if let piece, outstanding[position].piece != piece { continue }
            outstanding[position].isReleased = true
            released.append(outstanding[position])
        }
        return released
    }

    /// The peer unchoked us anew. What was given up while it choked us it has forgotten, also
    /// where it did not say so (BEP 6, "Reject Request"): it gets another chance.
    mutating func resume() {
        let owed = outstanding.count
        outstanding.removeAll(where: \.isReleased)
        forgiven += owed - outstanding.count
        guard isSnubbed else { return }
        isSnubbed = false
        isOpening = true
        depth = Double(Limits.pipelineDepthStart)
    }

    /// The peer says how many requests it queues.
    mutating func peerQueues(_ count: Int) {
        queueSaid = max(1, count)
        queueSeen = queueSaid
    }

    /// The peer rejected a request although it does not choke us: its queue is shorter.
    mutating func overflowed() { queueSeen = max(1, outstanding.count) }

    /// The time that a block may take before it counts as waiting in the peer's queue.
    private var target: Interval { roundTrip + max(roundTrip, Limits.pipelineQueueTime) }

    private mutating func adapt(to latency: Interval, now: Instant) {
        if latency <= roundTrip {
            roundTrip = max(latency, .microseconds(1))
            roundTripSince = now
        } else if now - roundTripSince > Limits.roundTripWindow {
            // A longer path is believed bit by bit: what is seen includes our own queue.
            roundTrip = min(latency, roundTrip + roundTrip / 4)
            roundTripSince = now
        } else if depth < Double(Limits.pipelineDepthMin + 1),
            now - roundTripSince > Limits.roundTripWindowIdle
        {
            // With hardly anything asked for there is no queue: the path is as long as it seems,
            // or the peer answers in pulses. Transmission sends what it was asked for every half
            // a second, so that asking for little is what keeps it slow.
            roundTrip = latency
            roundTripSince = now
        }
        if latency <= target {
            // Doubles with each round trip until blocks wait for the first time.
            depth = min(depth + (isOpening ? 1 : 0.25), Double(Limits.requestsInFlightMax))
            return
        }
        isOpening = false
        if latency > target * 2, now - lastShrink > latency {
            depth = max(depth / 2, Double(Limits.pipelineDepthMin))
            lastShrink = now
        } else {
            depth = max(depth - 0.25, Double(Limits.pipelineDepthMin))
        }
    }
}
