public import Units

/// A world of machines on a virtual clock. Hosts hold one machine each, and a network joins them.
/// All chance comes from the seed, so a run can be repeated exactly: `trace` says whether it was.
///
/// The owner schedules things of its own with `schedule(_:at:)`; `run(until:)` comes back for each.
public struct Simulation<Node: SimulatedNode> {
    /// Why `run` came back.
    public enum Stop: Hashable, Sendable {
        /// What the owner scheduled is due; the number it gave.
        case control(UInt32)
        /// The time asked for was reached, or nothing is left to happen.
        case reached
        /// An invariant does not hold; see `violations`.
        case violated
    }

    public internal(set) var now: Instant
    public internal(set) var trace = TraceHash()
    public internal(set) var counters = NetworkCounters()
    public internal(set) var eventCount: UInt64 = 0
    public internal(set) var violations: [Violation] = []
    public var conditions: NetworkConditions {
        didSet { delays = DelayModel(conditions, seed: delaySeed) }
    }

    var nodes: ContiguousArray<Node> = []
    var hosts: ContiguousArray<Host> = []
    var hostAt: [Endpoint: HostIndex] = [:]
    var translations: [HostIndex: AddressTranslation] = [:]
    var streams: [StreamID: Stream] = [:]
    var streamsOf: [HostIndex: [StreamID]] = [:]
    var agenda = Agenda()
    var inFlight = SlotPool<Datagram>()
    var transfers = SlotPool<StreamTransfer>()
    var generator: SeededGenerator
    var delays: DelayModel
    var invariants: [Invariant<Node>] = []
    private let delaySeed: UInt64
    private var outbox = Outbox()
    /// The bytes of the datagram that is being delivered, out of the pool.
    private var delivered: [UInt8] = []

    public init(
        conditions: NetworkConditions, seed: UInt64, startingAt now: Instant = .zero
    ) {
        var generator = SeededGenerator(seed: seed)
        self.now = now
        self.conditions = conditions
        self.delaySeed = generator.next()
        self.delays = DelayModel(conditions, seed: delaySeed)
        self.generator = generator
    }

    // MARK: Hosts

    public var hostCount: Int { hosts.count }
    public var pendingEventCount: Int { agenda.count }

    /// An address of the public Internet that no host has yet.
    public mutating func unusedEndpoint(port: UInt16 = 6881, isIPv6: Bool = false) -> Endpoint {
        while true {
            let word = generator.next()
            let endpoint =
                isIPv6
                // Global unicast as given out: 2000::/3.
                ? Endpoint(ipv6High: 0x2 << 60 | word >> 4, low: generator.next(), port: port)
                : Endpoint(ipv4: UInt32(truncatingIfNeeded: word >> 32), port: port)
            guard endpoint.isDialable, !endpoint.isLocal, hostAt[endpoint.address] == nil else {
                continue
            }
            return endpoint
        }
    }

    /// A new host, up from now on. With `nat`, `endpoint` is what the world sees.
    @discardableResult
    public mutating func add(
        _ node: Node, at endpoint: Endpoint, ipv6: Endpoint? = nil, profile: HostProfile = .init()
    ) -> HostIndex {
        precondition(hosts.count < Limits.hostsMax)
        let index = HostIndex(hosts.count)
        nodes.append(node)
        hosts.append(Host(endpoint: endpoint, ipv6: ipv6, profile: profile))
        hostAt[endpoint.address] = index
        if let ipv6 { hostAt[ipv6.address] = index }
        if let nat = profile.nat {
            translations[index] = AddressTranslation(kind: nat, outside: endpoint)
        }
        agenda.schedule(.timer, for: index, payload: Self.startPayload, at: now)
        return index
    }

    public subscript(host: HostIndex) -> Node {
        _read { yield nodes[host.position] }
    }

    public func endpoint(of host: HostIndex) -> Endpoint { hosts[host.position].endpoint }
    public func host(at endpoint: Endpoint) -> HostIndex? { hostAt[endpoint.address] }
    public func isUp(_ host: HostIndex) -> Bool { hosts[host.position].isUp }
    public func profile(of host: HostIndex) -> HostProfile { hosts[host.position].profile }

    /// The time there and back between two hosts, without jitter.
    public func roundTrip(_ a: HostIndex, _ b: HostIndex) -> Interval { delays.roundTrip(a, b) }

    /// Lets the caller use a machine; what it wants sent is sent, if its host is up.
    public mutating func withNode<Result>(
        _ host: HostIndex, _ body: (inout Node, Instant, inout Outbox) -> Result
    ) -> Result {
        var outbox = takeOutbox()
        let result = body(&nodes[host.position], now, &outbox)
        finish(host, outbox)
        return result
    }

    // MARK: Running

    /// `run` will come back at `time` with this number.
    public mutating func schedule(_ control: UInt32, at time: Instant) {
        agenda.schedule(.control, for: HostIndex(0 as UInt32), payload: control, at: max(time, now))
    }

    /// Lets things happen until `time`, or until there is something to tell.
    public mutating func run(until time: Instant) -> Stop {
        while let next = agenda.nextTime, next <= time.nanoseconds, let event = agenda.next() {
            now = max(now, Instant(nanoseconds: event.time))
            if let stop = carryOut(event) { return stop }
        }
        if time != .distantFuture { now = max(now, time) }
        return .reached
    }

    private mutating func carryOut(_ event: Event) -> Stop? {
        switch event.kind {
        case .datagram: deliver(event.payload, to: event.host)
        case .timer: fireTimer(event)
        case .stream: deliverTransfer(event.payload, to: event.host)
        case .control:
            note(event)
            return .control(event.payload)
        case .check:
            return check(Int(event.payload)) ? nil : .violated
        }
        return nil
    }

    private func isStale(_ event: Event) -> Bool {
        let host = hosts[event.host.position]
        return !host.isUp || host.armedAt != event.time
    }

    private mutating func fireTimer(_ event: Event) {
        let host = event.host
        if event.payload == Self.startPayload {
            guard hosts[host.position].isUp else { return }
            note(event)
            let endpoint = hosts[host.position].endpoint
            return withNode(host) { $0.start(at: endpoint, now: $1, into: &$2) }
        }
        guard !isStale(event) else { return }
        hosts[host.position].armedAt = .max
        guard let deadline = nodes[host.position].nextDeadline() else { return }
        // It was put off since: one timer at a time is enough.
        guard deadline <= now else { return arm(host) }
        note(event)
        withNode(host) { $0.tick(now: $1, into: &$2) }
    }

    private mutating func takeOutbox() -> Outbox {
        var taken = Outbox()
        swap(&taken, &outbox)
        return taken
    }

    /// Sends what the machine wants sent, and asks when it wants to be called.
    private mutating func finish(_ host: HostIndex, _ filled: consuming Outbox) {
        guard hosts[host.position].isUp else {
            filled.removeAll()
            outbox = filled
            return
        }
        var begin = 0
        for (to, end) in filled.datagrams {
            send(filled.bytes, begin..<end, from: host, to: to)
            begin = end
        }
        for action in filled.streamActions { perform(action, by: host) }
        filled.removeAll()
        outbox = filled
        arm(host)
    }

    private mutating func arm(_ host: HostIndex) {
        guard hosts[host.position].isUp, let deadline = nodes[host.position].nextDeadline() else {
            return
        }
        // The clock must move on, or a machine that cannot be satisfied would stop the world.
        let time = max(deadline, now + .microseconds(1))
        guard time.nanoseconds < hosts[host.position].armedAt else { return }
        hosts[host.position].armedAt = time.nanoseconds
        agenda.schedule(.timer, for: host, payload: 0, at: time)
    }

    private static var startPayload: UInt32 { 1 }

    mutating func note(_ event: Event) { note(event.time, event.kind, event.host) }

    mutating func note(_ time: Int64, _ kind: Event.Kind, _ host: HostIndex) {
        eventCount += 1
        trace.note(UInt64(bitPattern: time))
        trace.note(UInt64(kind.rawValue) << 32 | UInt64(host.rawValue))
    }

    // MARK: Delivering datagrams

    private mutating func deliver(_ slot: UInt32, to host: HostIndex) {
        let from = inFlight[slot].from
        let port = inFlight[slot].toPort
        swap(&delivered, &inFlight[slot].bytes)
        inFlight.remove(slot)
        guard hosts[host.position].isUp else {
            counters.toNobody += 1
            return
        }
        if translations[host] != nil,
            translations[host]?.admits(from: from, port: port, now: now) != true
        {
            counters.refusedByNAT += 1
            return
        }
        counters.delivered += 1
        note(now.nanoseconds, .datagram, host)
        var bytes: [UInt8] = []
        swap(&bytes, &delivered)
        var outbox = takeOutbox()
        bytes.withUnsafeBytes { bytes in
            trace.note(bytes)
            nodes[host.position].receive(bytes, from: from, now: now, into: &outbox)
        }
        swap(&bytes, &delivered)
        finish(host, outbox)
    }
}

/// One host: a machine's place in the network.
struct Host {
    let endpoint: Endpoint
    let ipv6: Endpoint?
    let profile: HostProfile
    var isUp = true
    /// Hosts of different groups cannot reach each other.
    var group: UInt8 = 0
    /// The moment of the one timer that counts.
    var armedAt = Int64.max
    var uplinkFreeAt = Instant.zero

    init(endpoint: Endpoint, ipv6: Endpoint?, profile: HostProfile) {
        self.endpoint = endpoint
        self.ipv6 = ipv6
        self.profile = profile
    }
}

/// What became of the datagrams.
public struct NetworkCounters: Hashable, Sendable {
    public internal(set) var sent: UInt64 = 0
    public internal(set) var sentBytes: UInt64 = 0
    public internal(set) var delivered: UInt64 = 0
    public internal(set) var lost: UInt64 = 0
    /// To an address where nobody is, or is no more.
    public internal(set) var toNobody: UInt64 = 0
    public internal(set) var refusedByNAT: UInt64 = 0
    public internal(set) var partitioned: UInt64 = 0
    /// Too long, or behind a queue that is full.
    public internal(set) var dropped: UInt64 = 0
    public internal(set) var streamBytes: UInt64 = 0
}
