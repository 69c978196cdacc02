import Simulator
import Units

/// A machine to look at the network with: it answers what begins with a 1 by a 2, keeps what it
/// hears, and counts its ticks.
struct Toy: SimulatedNode {
    struct Heard: Hashable {
        let time: Instant
        let from: Endpoint
        let bytes: [UInt8]
    }

    var heard: [Heard] = []
    var streamEvents: [StreamEvent] = []
    var streamTimes: [Instant] = []
    var accepted: [StreamID] = []
    var ticks: [Instant] = []
    var starts: [Instant] = []
    var every: Interval?
    var ticksLeft = 0
    var echoes = true
    private var next: Instant?

    init(every: Interval? = nil, ticks: Int = 0) {
        self.every = every
        self.ticksLeft = ticks
    }

    mutating func start(at endpoint: Endpoint, now: Instant, into outbox: inout Outbox) {
        starts.append(now)
        next = every.map { now + $0 }
    }

    mutating func receive(
        _ datagram: UnsafeRawBufferPointer, from: Endpoint, now: Instant, into outbox: inout Outbox
    ) {
        heard.append(Heard(time: now, from: from, bytes: Array(datagram)))
        if datagram.first == 1, echoes {
            outbox.send([2] + datagram.dropFirst(), to: from)
        }
    }

    mutating func handle(
        _ event: StreamEvent, on stream: StreamID, now: Instant, into outbox: inout Outbox
    ) {
        streamEvents.append(event)
        streamTimes.append(now)
        if case .accepted = event { accepted.append(stream) }
        if case .received(let bytes) = event, bytes.first == 1, echoes {
            outbox.send([2], on: stream)
        }
    }

    mutating func tick(now: Instant, into outbox: inout Outbox) {
        ticks.append(now)
        ticksLeft -= 1
        next = ticksLeft > 0 ? every.map { now + $0 } : nil
    }

    func nextDeadline() -> Instant? { next }
}

extension Simulation where Node == Toy {
    /// Hosts with toys, in a network where each pair has the same distance.
    static func toys(
        _ count: Int, seed: UInt64 = 1, _ adjust: (inout NetworkConditions) -> Void = { _ in }
    ) -> Simulation {
        var conditions = NetworkConditions(roundTrip: .milliseconds(100))
        conditions.jitter = 0
        conditions.isSpread = false
        adjust(&conditions)
        var simulation = Simulation(conditions: conditions, seed: seed)
        for _ in 0..<count {
            simulation.add(Toy(), at: simulation.unusedEndpoint())
        }
        return simulation
    }

    mutating func send(_ bytes: [UInt8], from: Int, to endpoint: Endpoint) {
        withNode(HostIndex(from)) { $2.send(bytes, to: endpoint) }
    }

    mutating func send(_ bytes: [UInt8], from: Int, to: Int) {
        send(bytes, from: from, to: endpoint(of: HostIndex(to)))
    }

    func toy(_ index: Int) -> Toy { self[HostIndex(index)] }
}

extension Instant {
    static func milliseconds(_ count: Int64) -> Instant { .zero + .milliseconds(count) }
}
