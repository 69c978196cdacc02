public import Hashing
public import Units

/// The machine of all requests to UDP trackers over one socket (BEP 15).
///
/// It asks each tracker for a connection id, uses it for a minute, and sends again what was not
/// answered after 15·2ⁿ seconds, or 2ⁿ where it says that we leave. It takes a datagram for an
/// answer only if transaction, sender (address and port) and operation are those that it waits for.
/// Chance is given with each call and must be such that strangers cannot guess it: a transaction's
/// number is all that keeps forged answers out.
public struct UDPTrackerMachine: Sendable {
    /// Names a request; chosen by the caller, never used twice.
    public struct RequestID: Hashable, Sendable {
        public let rawValue: UInt64
        public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    }

    public enum Query: Hashable, Sendable {
        /// `urlData` is the path and query of the tracker's URL (BEP 41).
        case announce(AnnounceRequest, urlData: String)
        /// At most 74 torrents; the rest are not asked for.
        case scrape([SHA1Digest])
    }

    public enum Action: Hashable, Sendable {
        case send([UInt8], to: Endpoint)
        case announced(RequestID, AnnounceResponse)
        case scraped(RequestID, ScrapeResponse)
        case failed(RequestID, TrackerError)
    }

    public enum Reason: Hashable, Sendable {
        case retransmit
        case giveUp
    }

    private struct Request {
        let id: RequestID
        let query: Query
        let tracker: Endpoint
        let giveUpAt: Instant
        /// The number of its datagrams sent so far.
        var sendCount = 0
        /// When it is sent again; `nil` while it waits for a connection id.
        var resendAt: Instant?
        var transaction: UInt32?
        /// Whether its connection id was there before it was asked for.
        var usesOldConnection = false

        var isLeaving: Bool {
            if case .announce(let announce, _) = query { announce.event == .stopped } else { false }
        }
    }

    /// What is known of a tracker.
    private struct Connection {
        var id: UInt64?
        var receivedAt = Instant.distantPast
        /// The connect request that is out.
        var transaction: UInt32?
        var sendCount = 0
        var resendAt = Instant.distantPast
        /// Whether one who leaves waits for it.
        var isHurried = false
        /// Requests that wait for the connection id.
        var waiting: [RequestID] = []

        func usableID(now: Instant) -> UInt64? {
            now - receivedAt < Limits.connectionIDLife ? id : nil
        }
    }

    /// What a transaction's answer is for.
    private enum Transaction {
        case connect
        case request(RequestID)
    }

    private var requests: [RequestID: Request] = [:]
    private var connections: [Endpoint: Connection] = [:]
    private var transactions: [UInt32: (tracker: Endpoint, kind: Transaction)] = [:]

    public init() {}

    /// The number of requests under way.
    public var requestCount: Int { requests.count }

    /// The number of trackers of which something is remembered.
    var rememberedCount: Int { connections.count }

    // MARK: Inputs

    /// Begins a request. It ends with an answer, or with a failure at `giveUpAt` at the latest.
    public mutating func request(
        _ id: RequestID, _ query: Query, to tracker: Endpoint, giveUpAt: Instant, now: Instant,
        using generator: inout some RandomNumberGenerator, into actions: inout ActionBuffer<Action>
    ) {
        guard requests.count < Limits.udpRequestsMax, requests[id] == nil else {
            actions.append(.failed(id, .tooManyRequests(limit: Limits.udpRequestsMax)))
            return
        }
        requests[id] = Request(id: id, query: query, tracker: tracker, giveUpAt: giveUpAt)
        advance(id, now: now, using: &generator, into: &actions)
    }

    /// Forgets a request, without a word to its owner.
    public mutating func cancel(_ id: RequestID) { forget(id) }

    /// Takes in a datagram. False if it is no answer to anything that was asked, and is perhaps
    /// for somebody else who shares the socket.
    public mutating func receive(
        _ packet: ArraySlice<UInt8>, from sender: Endpoint, now: Instant,
        using generator: inout some RandomNumberGenerator, into actions: inout ActionBuffer<Action>
    ) -> Bool {
        guard let (operation, number) = UDPTracker.head(packet),
            let (tracker, kind) = transactions[number], tracker == sender
        else { return false }
        switch (kind, operation) {
        case (.connect, .connect):
            guard let id = UDPTracker.connectionID(packet) else { return true }
            connected(tracker, id: id, now: now, using: &generator, into: &actions)
        case (.connect, .error):
            refusedConnection(tracker, UDPTracker.errorText(packet), into: &actions)
        case (.request(let id), .error):
            refused(id, packet, now: now, using: &generator, into: &actions)
        case (.request(let id), .announce):
            answered(id, packet, into: &actions)
        case (.request(let id), .scrape):
            answered(id, packet, into: &actions)
        default: break
        }
        return true
    }

    /// When `tick` is to be called next.
    public func nextDeadline() -> (Instant, Reason)? {
        var next: (Instant, Reason)?
        func consider(_ instant: Instant, _ reason: Reason) {
            if let earliest = next, earliest.0 <= instant { return }
            next = (instant, reason)
        }
        for request in requests.values {
            consider(request.giveUpAt, .giveUp)
            if let resendAt = request.resendAt { consider(resendAt, .retransmit) }
        }
        for connection in connections.values where connection.transaction != nil {
            consider(connection.resendAt, .retransmit)
        }
        return next
    }

    /// Sends again what is due, and gives up what has waited long enough.
    public mutating func tick(
        now: Instant, using generator: inout some RandomNumberGenerator,
        into actions: inout ActionBuffer<Action>
    ) {
        for id in requests.values.filter({ $0.giveUpAt <= now }).map(\.id).sorted(by: isEarlier) {
            fail(id, .timedOut, into: &actions)
        }
        let due = requests.values.filter { $0.resendAt.map { $0 <= now } ?? false }
        for id in due.map(\.id).sorted(by: isEarlier) {
            advance(id, now: now, using: &generator, into: &actions)
        }
        let stale = connections.filter { $1.transaction != nil && $1.resendAt <= now }
        for tracker in stale.keys.sorted(by: isEarlier) {
            resendConnect(tracker, now: now, into: &actions)
        }
    }

    // MARK: Steps

    /// Sends the request if there is a connection id, else asks for one.
    private mutating func advance(
        _ id: RequestID, now: Instant, using generator: inout some RandomNumberGenerator,
        into actions: inout ActionBuffer<Action>
    ) {
        guard let request = requests[id] else { return }
        if let connectionID = connections[request.tracker]?.usableID(now: now) {
            requests[id]?.usesOldConnection = request.sendCount == 0
            send(id, connectionID: connectionID, now: now, using: &generator, into: &actions)
            return
        }
        requests[id]?.resendAt = nil
        requests[id]?.usesOldConnection = false
        makeRoomForConnection(now: now)
        var connection = connections[request.tracker] ?? Connection()
        connection.id = nil
        connection.waiting.append(id)
        connection.isHurried = connection.isHurried || request.isLeaving
        if connection.transaction == nil {
            // A tracker that gives connection ids but no answers is asked no oftener for it.
            connection.sendCount = request.sendCount
            let transaction = newTransaction(using: &generator)
            connection.transaction = transaction
            transactions[transaction] = (request.tracker, .connect)
            connections[request.tracker] = connection
            resendConnect(request.tracker, now: now, into: &actions)
        } else {
            if connection.isHurried {
                connection.resendAt = min(
                    connection.resendAt, now + Limits.leavingRetransmitMin)
            }
            connections[request.tracker] = connection
        }
    }

    private mutating func resendConnect(
        _ tracker: Endpoint, now: Instant, into actions: inout ActionBuffer<Action>
    ) {
        guard let connection = connections[tracker], let transaction = connection.transaction
        else { return }
        connections[tracker]?.resendAt =
            now
            + Self.wait(
                after: connection.sendCount, isLeaving: connection.isHurried)
        connections[tracker]?.sendCount += 1
        actions.append(.send(UDPTracker.connectRequest(transaction: transaction), to: tracker))
    }

    private mutating func send(
        _ id: RequestID, connectionID: UInt64, now: Instant,
        using generator: inout some RandomNumberGenerator, into actions: inout ActionBuffer<Action>
    ) {
        guard var request = requests[id] else { return }
        let transaction = request.transaction ?? newTransaction(using: &generator)
        transactions[transaction] = (request.tracker, .request(id))
        request.transaction = transaction
        request.resendAt = now + Self.wait(after: request.sendCount, isLeaving: request.isLeaving)
        request.sendCount += 1
        requests[id] = request
        let packet =
            switch request.query {
            case .announce(let announce, let urlData):
                UDPTracker.announceRequest(
                    announce, urlData: urlData, connectionID: connectionID,
                    transaction: transaction, overIPv4: request.tracker.isIPv4)
            case .scrape(let infoHashes):
                UDPTracker.scrapeRequest(
                    infoHashes, connectionID: connectionID, transaction: transaction)
            }
        actions.append(.send(packet, to: request.tracker))
    }

    private mutating func connected(
        _ tracker: Endpoint, id: UInt64, now: Instant,
        using generator: inout some RandomNumberGenerator, into actions: inout ActionBuffer<Action>
    ) {
        guard let waiting = endConnect(to: tracker) else { return }
        connections[tracker]?.id = id
        connections[tracker]?.receivedAt = now
        for request in waiting {
            send(request, connectionID: id, now: now, using: &generator, into: &actions)
        }
    }

    private mutating func refusedConnection(
        _ tracker: Endpoint, _ reason: String, into actions: inout ActionBuffer<Action>
    ) {
        for id in endConnect(to: tracker) ?? [] {
            fail(id, .refused(reason: reason, retry: nil), into: &actions)
        }
    }

    /// A tracker that was restarted refuses the connection ids that it gave before. So the first
    /// refusal of a request that used an older one is answered with a new connection.
    private mutating func refused(
        _ id: RequestID, _ packet: ArraySlice<UInt8>, now: Instant,
        using generator: inout some RandomNumberGenerator, into actions: inout ActionBuffer<Action>
    ) {
        guard let request = requests[id] else { return }
        connections[request.tracker]?.id = nil
        guard request.usesOldConnection else {
            let reason = UDPTracker.errorText(packet)
            return fail(id, .refused(reason: reason, retry: nil), into: &actions)
        }
        requests[id]?.sendCount = 0
        advance(id, now: now, using: &generator, into: &actions)
    }

    private mutating func answered(
        _ id: RequestID, _ packet: ArraySlice<UInt8>, into actions: inout ActionBuffer<Action>
    ) {
        guard let request = requests[id] else { return }
        let operation = UDPTracker.head(packet)?.operation
        switch request.query {
        case .announce:
            guard operation == .announce,
                let response = UDPTracker.announceResponse(
                    packet, overIPv4: request.tracker.isIPv4)
            else { return }
            forget(id)
            actions.append(.announced(id, response))
        case .scrape(let infoHashes):
            guard operation == .scrape else { return }
            forget(id)
            actions.append(
                .scraped(id, UDPTracker.scrapeResponse(packet, for: infoHashes)))
        }
    }

    private mutating func fail(
        _ id: RequestID, _ error: TrackerError, into actions: inout ActionBuffer<Action>
    ) {
        guard requests[id] != nil else { return }
        forget(id)
        actions.append(.failed(id, error))
    }

    // MARK: Bookkeeping

    private mutating func forget(_ id: RequestID) {
        guard let request = requests.removeValue(forKey: id) else { return }
        if let transaction = request.transaction { transactions[transaction] = nil }
        connections[request.tracker]?.waiting.removeAll { $0 == id }
        if connections[request.tracker]?.waiting.isEmpty ?? false {
            _ = endConnect(to: request.tracker)
        }
    }

    /// Ends the connect request to `tracker`; the requests that waited for it.
    private mutating func endConnect(to tracker: Endpoint) -> [RequestID]? {
        guard var connection = connections[tracker], let transaction = connection.transaction
        else { return nil }
        defer { connections[tracker] = connection }
        transactions[transaction] = nil
        connection.transaction = nil
        connection.sendCount = 0
        connection.isHurried = false
        let waiting = connection.waiting
        connection.waiting = []
        return waiting
    }

    /// Forgets connection ids that are too old to use and, if these are too few, all that are
    /// not waited for.
    private mutating func makeRoomForConnection(now: Instant) {
        guard connections.count >= Limits.udpTrackersMax else { return }
        connections = connections.filter {
            $1.transaction != nil || $1.usableID(now: now) != nil
        }
        guard connections.count >= Limits.udpTrackersMax else { return }
        connections = connections.filter { $1.transaction != nil }
    }

    /// A number that is not in use.
    private func newTransaction(using generator: inout some RandomNumberGenerator) -> UInt32 {
        while true {
            let number = UInt32.random(in: 1 ... .max, using: &generator)
            if transactions[number] == nil { return number }
        }
    }

    private static func wait(after sendCount: Int, isLeaving: Bool) -> Interval {
        let first = isLeaving ? Limits.leavingRetransmitMin : Limits.retransmitMin
        return first * (1 << Int64(min(sendCount, Limits.retransmitDoublingsMax)))
    }
}

private func isEarlier(_ a: UDPTrackerMachine.RequestID, _ b: UDPTrackerMachine.RequestID) -> Bool {
    a.rawValue < b.rawValue
}

private func isEarlier(_ a: Endpoint, _ b: Endpoint) -> Bool {
    (a.high, a.low, a.port) < (b.high, b.low, b.port)
}
