public import Units

/// Something that must always hold did not.
public struct Violation: Hashable, Sendable, CustomStringConvertible {
    public let time: Instant
    public let invariant: String
    public let text: String

    public var description: String { "at \(time): \(invariant): \(text)" }
}

/// Something that must hold at every moment, and is looked at now and then.
struct Invariant<Node: SimulatedNode> {
    let name: String
    let every: Interval
    let check: (borrowing Simulation<Node>) -> String?
}

extension Simulation {
    /// How a host goes down.
    public enum Crash: Sendable {
        /// The program ends: its system closes the streams.
        case program
        /// The power is cut: nobody is told.
        case power
    }

    /// The host goes down. What is on its way to it is lost.
    public mutating func crash(_ host: HostIndex, _ crash: Crash = .program) {
        guard hosts[host.position].isUp else { return }
        if crash == .program {
            for stream in streamsOf[host] ?? [] { perform(.close(stream), by: host) }
        }
        for stream in streamsOf[host] ?? [] { shut(stream, at: host) }
        hosts[host.position].isUp = false
        hosts[host.position].armedAt = .max
        trace.note(UInt64(host.rawValue) << 8 | 0xDE)
    }

    /// The host comes back at the same address, with a machine that knows what `node` knows.
    public mutating func restart(_ host: HostIndex, with node: Node) {
        precondition(!hosts[host.position].isUp)
        nodes[host.position] = node
        hosts[host.position].isUp = true
        hosts[host.position].uplinkFreeAt = now
        if let nat = hosts[host.position].profile.nat {
            translations[host] = AddressTranslation(
                kind: nat, outside: hosts[host.position].endpoint)
        }
        trace.note(UInt64(host.rawValue) << 8 | 0xA1)
        agenda.schedule(.timer, for: host, payload: 1, at: now)
    }

    /// Cuts the network: hosts of different groups cannot reach each other.
    public mutating func move(_ host: HostIndex, toGroup group: UInt8) {
        hosts[host.position].group = group
    }

    /// Every host can reach every other again.
    public mutating func heal() {
        for place in hosts.indices { hosts[place].group = 0 }
    }

    /// Looks at something that must always hold, every so often. `check` says what is wrong, if
    /// anything is.
    public mutating func hold(
        _ name: String, every interval: Interval,
        _ check: @escaping (borrowing Simulation<Node>) -> String?
    ) {
        precondition(interval > .zero)
        invariants.append(Invariant(name: name, every: interval, check: check))
        schedule(check: invariants.count - 1, at: now + interval)
    }

    private mutating func schedule(check place: Int, at time: Instant) {
        agenda.schedule(.check, for: HostIndex(0 as UInt32), payload: UInt32(place), at: time)
    }

    /// Whether the invariant holds.
    mutating func check(_ place: Int) -> Bool {
        let invariant = invariants[place]
        schedule(check: place, at: now + invariant.every)
        guard let text = invariant.check(self) else { return true }
        if violations.count < Limits.violationsMax {
            violations.append(Violation(time: now, invariant: invariant.name, text: text))
        }
        return false
    }
}
