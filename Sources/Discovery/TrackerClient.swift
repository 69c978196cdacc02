public import Hashing
public import Logging
public import NIOCore
public import Tracker
import Transport
public import Units

/// Carries out announces and scrapes of all torrents of a session, over HTTP, HTTPS and UDP.
///
/// It shares connections, connection ids and looked-up names among torrents, lets requests begin
/// in turn (`AnnounceGate`), and asks a tracker over IPv4 and IPv6 where it has addresses of both
/// (BEP 7). A tracker's name must lead where its URL may be asked (`TrackerURL.mayConnect`).
public actor TrackerClient {
    public struct Configuration: Sendable {
        /// What HTTP trackers are told that we are; private trackers have lists of those that
        /// they admit.
        public var userAgent = "swarm/0.1"
        /// The address from which IPv4 trackers are asked over HTTP; `nil` for none.
        public var sourceIPv4: String? = "0.0.0.0"
        /// The address from which IPv6 trackers are asked over HTTP; `nil` for none.
        public var sourceIPv6: String? = "::"
        /// PEM files of certificates that are trusted besides the system's.
        public var trustedCertificateFiles: [String] = []
        /// Whether host names in `xn--` form are asked.
        public var allowsInternationalNames = false
        public var gate = AnnounceGate.Configuration()

        public init() {}
    }

    /// What became of announces.
    public struct Activity: Hashable, Sendable {
        /// By what came of them, in a few words of ours.
        public var announces: [AnnounceOutcome: Int64] = [:]
        /// How long those took that got an answer or waited for one in vain.
        public var latency = LatencyHistogram()
        /// Those that wait for their turn now, with scrapes.
        public var waiting = 0

        public init() {}
    }

    /// What came of an announce.
    public enum AnnounceOutcome: String, CaseIterable, Sendable {
        case ok
        /// The tracker says no, in its own words or by an HTTP status.
        case refused
        /// What answers is no tracker, or not the one that it should be.
        case invalid
        case timedOut = "timed_out"
        case unreachable
        /// It was not asked: it must not be, or is known to be silent.
        case notAsked = "not_asked"
    }

    private typealias Ticket = AnnounceGate.Ticket

    struct FamilyKey: Hashable {
        let host: String
        let isIPv4: Bool
    }

    public nonisolated let configuration: Configuration
    nonisolated let resolver: NameResolver
    nonisolated let http: HTTPTrackerClient
    private(set) var udp: [UDPTrackerClient]
    private var gate: AnnounceGate
    private var gateActions = ActionBuffer<AnnounceGate.Action>()
    private var turns: [Ticket: CheckedContinuation<Void, any Error>] = [:]
    private var lastTicket: UInt64 = 0
    private var gateTimer: Task<Void, Never>?
    private var counted = Activity()
    /// Families over which a tracker was silent, and until when that is remembered.
    private var silent: [FamilyKey: Instant] = [:]

    /// - Parameter sockets: the UDP sockets from which UDP trackers are asked, at most one of
    ///   each address family. They stay open when the client is shut down, or moves.
    public init(
        _ configuration: Configuration = Configuration(), group: any EventLoopGroup,
        sockets: [UDPSocket], logger: Logger
    ) async {
        await self.init(
            configuration, group: group, sockets: sockets, resolver: NameResolver(),
            logger: logger)
    }

    init(
        _ configuration: Configuration, group: any EventLoopGroup, sockets: [UDPSocket],
        resolver: NameResolver, logger: Logger
    ) async {
        self.configuration = configuration
        self.resolver = resolver
        gate = AnnounceGate(configuration.gate)
        http = HTTPTrackerClient(
            configuration: configuration, resolver: resolver, group: group, logger: logger)
        udp = sockets.map { UDPTrackerClient(socket: $0) }
        for client in udp { await client.open() }
    }

    /// Ends what is under way as cancelled. To be called once, before the client goes.
    public func shutdown() async {
        gateTimer?.cancel()
        for (ticket, turn) in turns {
            gate.end(ticket, .withdrawn, now: MonotonicClock.now)
            turn.resume(throwing: TrackerError.cancelled)
        }
        turns = [:]
        for client in udp { await client.close() }
        await http.shutdown()
        await resolver.shutdown()
    }

    /// Asks UDP trackers from these sockets from now on, and asks again from there what the
    /// others wait for. The others may be closed when this returns.
    public func move(to sockets: [UDPSocket]) async {
        let new = sockets.map { UDPTrackerClient(socket: $0) }
        for client in new { await client.open() }
        let old = udp
        udp = new
        for client in old { await client.close() }
    }

    // MARK: Requests

    /// Announces to the tracker at `url`.
    ///
    /// - Parameter found: called with the peers of each address family as soon as they are known.
    ///   The answer holds them all again.
    public func announce(
        _ request: AnnounceRequest, to url: TrackerURL, _ priority: AnnounceGate.Priority,
        found: @escaping @Sendable ([Endpoint]) async -> Void = { _ in }
    ) async throws(TrackerError) -> AnnounceResponse {
        try await inTurn(url, priority, counts: true) {
            await self.announceNow(request, to: url, found: found)
        }
    }

    /// Scrapes the counts of `infoHashes`, at most 74, from the tracker at `url`.
    public func scrape(
        _ infoHashes: [SHA1Digest], at url: TrackerURL
    ) async throws(TrackerError) -> ScrapeResponse {
        try await inTurn(url, .regular) { await self.scrapeNow(infoHashes, at: url) }
    }

    /// Waits for the turn of a request to `url`, makes it, and bounds its time.
    private func inTurn<Value: Sendable>(
        _ url: TrackerURL, _ priority: AnnounceGate.Priority, counts: Bool = false,
        _ body: @escaping @Sendable () async -> Result<Value, TrackerError>
    ) async throws(TrackerError) -> Value {
        lastTicket += 1
        let ticket = Ticket(lastTicket)
        do {
            try await waitForTurn(ticket, url, priority)
        } catch let error as TrackerError {
            if counts { count(error, nil) }
            throw error
        } catch {
            throw .cancelled
        }
        let start = MonotonicClock.now
        let result = await withTimeMax(Limits.requestTimeMax, body)
        if counts { count(result.failure, MonotonicClock.now - start) }
        let ending: AnnounceGate.Ending =
            switch result {
            case .success: .answered
            case .failure(let error): error.ending
            }
        gate.end(ticket, ending, now: MonotonicClock.now)
        admit()
        return try result.get()
    }

    private func waitForTurn(
        _ ticket: Ticket, _ url: TrackerURL, _ priority: AnnounceGate.Priority
    ) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (turn: CheckedContinuation<Void, any Error>) in
                guard !Task.isCancelled else {
                    return turn.resume(throwing: TrackerError.cancelled)
                }
                let isQueued = gate.enqueue(
                    ticket, to: url.origin, over: url.scheme, priority, now: MonotonicClock.now)
                guard isQueued else {
                    let limit = gate.waitingCount
                    return turn.resume(throwing: TrackerError.tooManyRequests(limit: limit))
                }
                turns[ticket] = turn
                admit()
            }
        } onCancel: {
            Task { await self.withdraw(ticket) }
        }
    }

    private func withdraw(_ ticket: Ticket) {
        guard let turn = turns.removeValue(forKey: ticket) else { return }
        gate.end(ticket, .withdrawn, now: MonotonicClock.now)
        turn.resume(throwing: TrackerError.cancelled)
        admit()
    }

    private func admit() {
        gate.admit(now: MonotonicClock.now, into: &gateActions)
        for index in 0..<gateActions.count {
            switch gateActions[index] {
            case .begin(let ticket): turns.removeValue(forKey: ticket)?.resume()
            case .avoid(let ticket):
                turns.removeValue(forKey: ticket)?.resume(throwing: TrackerError.avoided)
            }
        }
        gateActions.removeAll()
        gateTimer?.cancel()
        gateTimer = nil
        guard let (at, _) = gate.nextDeadline() else { return }
        gateTimer = Task { [weak self] in
            let wait = max((at - MonotonicClock.now).nanoseconds, 1_000_000)
            try? await Task.sleep(for: .nanoseconds(wait))
            if !Task.isCancelled { await self?.admit() }
        }
    }

    // MARK: Counting

    public var activity: Activity {
        var activity = counted
        activity.waiting = turns.count
        return activity
    }

    /// - Parameter time: nil if it did not begin.
    private func count(_ failure: TrackerError?, _ time: Interval?) {
        guard let outcome = AnnounceOutcome(failure) else { return }
        counted.announces[outcome, default: 0] += 1
        if let time, outcome != .notAsked { counted.latency.record(time) }
    }

    // MARK: Silent families

    func isSilent(_ key: FamilyKey) -> Bool { silent[key].map { $0 > MonotonicClock.now } ?? false }

    func rememberSilent(_ key: FamilyKey) {
        if silent.count >= Limits.silentFamiliesMax { silent.removeAll() }
        silent[key] = MonotonicClock.now + Limits.silentFamilyLife
    }
}

/// Runs `body`, and cancels it when it takes longer than `limit`.
func withTimeMax<Value: Sendable>(
    _ limit: Interval, _ body: @escaping @Sendable () async -> Result<Value, TrackerError>
) async -> Result<Value, TrackerError> {
    await withTaskGroup(of: Result<Value, TrackerError>.self) { group in
        group.addTask(operation: body)
        group.addTask {
            let isCancelled = (try? await Task.sleep(for: .nanoseconds(limit.nanoseconds))) == nil
            return .failure(isCancelled ? .cancelled : .timedOut)
        }
        defer { group.cancelAll() }
        return await group.next() ?? .failure(.cancelled)
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}

extension TrackerClient.AnnounceOutcome {
    /// Nil for what we gave up ourselves.
    init?(_ failure: TrackerError?) {
        switch failure {
        case nil: self = .ok
        case .refused, .httpStatus: self = .refused
        case .notBencoded, .malformedReply, .replyTooLarge, .insecure, .tooManyRedirects,
            .badRedirect, .scrapeNotSupported:
            self = .invalid
        case .timedOut: self = .timedOut
        case .nameNotFound, .unreachable: self = .unreachable
        case .forbiddenAddress, .avoided, .tooManyRequests: self = .notAsked
        case .cancelled: return nil
        }
    }
}
