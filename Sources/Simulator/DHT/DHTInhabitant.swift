import Kademlia
import Units

/// A host of a simulated DHT: an honest node with the real machine, or a liar.
struct DHTInhabitant: SimulatedNode {
    var node: DHTNode?
    var liar: Liar?
    private let shared: SharedDHT
    private let host: HostIndex

    init(node: DHTNode, host: HostIndex, shared: SharedDHT) {
        self.node = node
        self.host = host
        self.shared = shared
    }

    init(liar: Liar, host: HostIndex, shared: SharedDHT) {
        self.liar = liar
        self.host = host
        self.shared = shared
    }

    /// Nobody: what a host that is gone for good leaves, without its memory.
    mutating func vacate() {
        node = nil
        liar = nil
    }

    mutating func receive(
        _ datagram: UnsafeRawBufferPointer, from: Endpoint, now: Instant, into outbox: inout Outbox
    ) {
        if let liar {
            return liar.answer(datagram, from: from, ring: shared.ring, into: &outbox)
        }
        node?.receive(datagram, from: from, now: now, into: &shared.output)
        carryOut(now: now, into: &outbox)
    }

    mutating func tick(now: Instant, into outbox: inout Outbox) {
        node?.tick(now: now, into: &shared.output)
        carryOut(now: now, into: &outbox)
    }

    func nextDeadline() -> Instant? { node?.nextDeadline()?.0 }

    /// Lets the owner ask the node for something, and sends what that gives.
    mutating func ask<Result>(
        now: Instant, into outbox: inout Outbox,
        _ body: (inout DHTNode, inout DHTOutput) -> Result
    ) -> Result? {
        guard var asked = node.take() else { return nil }
        let result = body(&asked, &shared.output)
        node = consume asked
        carryOut(now: now, into: &outbox)
        return result
    }

    private func carryOut(now: Instant, into outbox: inout Outbox) {
        for packet in shared.output.packets {
            shared.output.bytes.withUnsafeBytes(of: packet.range) {
                outbox.send($0, to: packet.endpoint)
            }
        }
        for place in 0..<shared.output.events.count {
            shared.record.take(shared.output.events[place], of: host, now: now)
        }
        shared.output.removeAll()
    }
}

/// What all hosts of a simulated DHT use together, as they run in turn.
final class SharedDHT {
    var output = DHTOutput()
    let record = LookupRecord()
    let ring: LiarRing

    init(ring: LiarRing) { self.ring = ring }
}
