import Kademlia
import Units

/// Nodes joined by a network in memory: packets take a time of their own, those to nobody are
/// lost, and everything follows from the seed.
struct DHTNetwork {
    private struct Packet {
        let at: Instant
        let number: Int
        let from: Endpoint
        let to: Endpoint
        let bytes: [UInt8]
    }

    struct Told {
        let at: Instant
        let node: Endpoint
        let event: DHTEvent
    }

    var nodes: [Endpoint: DHTNode] = [:]
    private(set) var now = Instant.zero
    private var inFlight: [Packet] = []
    private var numbers = 0
    private var output = DHTOutput()
    private(set) var told: [Told] = []
    /// Every packet: when it was sent, from whom to whom, and its bytes.
    private(set) var trace: [String] = []
    var generator: SeededGenerator
    /// One way.
    var delay = Interval.milliseconds(10)...Interval.milliseconds(40)
    var isTraced = false
    /// Answers in the place of nodes: packets to an address that is not a node's.
    var strangers: [Endpoint: (inout SeededGenerator, [UInt8], Endpoint) -> [[UInt8]]] = [:]

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// A node at a public address of a network of its own, with an id that the address may have.
    @discardableResult
    mutating func add(
        _ number: Int, change: (inout DHTNode.Configuration) -> Void = { _ in }
    ) -> Endpoint {
        let endpoint = Self.endpoint(number)
        let last = UInt8(truncatingIfNeeded: generator.next())
        var configuration = DHTNode.Configuration(
            id: .secure(for: endpoint, random: last, using: &generator),
            id6: .random(using: &generator))
        configuration.families = .ipv4
        change(&configuration)
        nodes[endpoint] = DHTNode(configuration, seed: generator.next())
        return endpoint
    }

    static func endpoint(_ number: Int) -> Endpoint {
        Endpoint(ipv4: 0x0B00_0001 + UInt32(number) << 8, port: 6881)
    }

    func contact(_ endpoint: Endpoint) -> NodeContact? {
        nodes[endpoint].map { NodeContact(id: $0.id(.ipv4), endpoint: endpoint) }
    }

    /// Lets a node do something, and sends what comes of it.
    @discardableResult
    mutating func with<Result>(
        _ endpoint: Endpoint, _ body: (inout DHTNode, Instant, inout DHTOutput) -> Result
    ) -> Result? {
        guard var node = nodes.removeValue(forKey: endpoint) else { return nil }
        let result = body(&node, now, &output)
        nodes[endpoint] = node
        deliver(from: endpoint)
        return result
    }

    /// Sends a packet of nobody's.
    mutating func inject(_ bytes: [UInt8], from: Endpoint, to: Endpoint) {
        post(bytes, from: from, to: to)
    }

    private mutating func deliver(from endpoint: Endpoint) {
        for packet in output.packets {
            post(output.bytes(of: packet), from: endpoint, to: packet.endpoint)
        }
        for event in output.events.take() {
            told.append(Told(at: now, node: endpoint, event: event))
        }
        output.removeAll()
    }

    private mutating func post(_ bytes: [UInt8], from: Endpoint, to: Endpoint) {
        if isTraced { trace.append("\(now) \(from) \(to) \(bytes)") }
        let range = delay.lowerBound.nanoseconds...delay.upperBound.nanoseconds
        let time = Int64.random(in: range, using: &generator)
        numbers += 1
        inFlight.append(
            Packet(
                at: now + Interval(nanoseconds: time), number: numbers, from: from, to: to,
                bytes: bytes))
    }

    /// Until nothing is under way and no deadline comes before `end`, or `condition` holds.
    mutating func run(
        until end: Interval, _ condition: (borrowing DHTNetwork) -> Bool = { _ in false }
    ) {
        let end = Instant.zero + end
        while !condition(self) {
            let packet = inFlight.indices.min {
                (inFlight[$0].at, inFlight[$0].number) < (inFlight[$1].at, inFlight[$1].number)
            }
            let due = nextDeadline()
            let packetAt = packet.map { inFlight[$0].at } ?? .distantFuture
            let dueAt = due?.1 ?? .distantFuture
            guard min(packetAt, dueAt) <= end else { break }
            if packetAt <= dueAt, let packet {
                receive(inFlight.remove(at: packet))
            } else if let due {
                now = max(now, due.1)
                with(due.0) { $0.tick(now: $1, into: &$2) }
            }
        }
        now = max(now, end)
    }

    private func nextDeadline() -> (Endpoint, Instant)? {
        var next: (Endpoint, Instant)?
        for (endpoint, node) in nodes {
            guard let due = node.nextDeadline()?.0 else { continue }
            if let found = next, (found.1, found.0.low) <= (due, endpoint.low) { continue }
            next = (endpoint, due)
        }
        return next
    }

    private mutating func receive(_ packet: Packet) {
        now = packet.at
        if let stranger = strangers[packet.to] {
            for answer in stranger(&generator, packet.bytes, packet.from) {
                post(answer, from: packet.to, to: packet.from)
            }
            return
        }
        with(packet.to) { node, now, output in
            packet.bytes.withUnsafeBytes {
                node.receive($0, from: packet.from, now: now, into: &output)
            }
        }
    }

    // MARK: What was told

    func result(of work: WorkID?, at endpoint: Endpoint) -> (DHTResult, Instant)? {
        for told in told where told.node == endpoint {
            if case .finished(let id, let result) = told.event, id == work {
                return (result, told.at)
            }
        }
        return nil
    }

    func peers(of work: WorkID?, at endpoint: Endpoint) -> Set<Endpoint> {
        var found: Set<Endpoint> = []
        for told in told where told.node == endpoint {
            if case .peers(let id, let peers, _) = told.event, id == work {
                found.formUnion(peers)
            }
        }
        return found
    }
}

extension DHTNetwork {
    func items(of work: WorkID?, at endpoint: Endpoint) -> [DHTItem] {
        told.compactMap { told in
            guard told.node == endpoint, case .item(let id, let item) = told.event, id == work
            else { return nil }
            return item
        }
    }
}
