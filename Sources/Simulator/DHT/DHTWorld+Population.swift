import Kademlia
import Units

/// Who lives in the world, who comes and who goes.
extension DHTWorld {
    private struct Draft {
        let contact: NodeContact
        let nat: NATKind?
        let isLiar: Bool
    }

    mutating func populate() {
        let first = simulation.hostCount
        var drafts = draft()
        for key in keys { drafts += (0..<scenario.eclipse).map { eclipse(key, $0) } }
        for (place, draft) in drafts.enumerated() {
            let host = HostIndex(first + place)
            population.add(
                Population.Member(contact: draft.contact, host: host, isReachable: draft.nat == nil)
            )
            if draft.isLiar { shared.ring.join(draft.contact) }
        }
        addDead(toLive: drafts.count)
        population.order()
        for (place, draft) in drafts.enumerated() {
            settle(draft, at: HostIndex(first + place))
        }
    }

    private mutating func draft() -> [Draft] {
        (0..<scenario.nodes).map { _ in
            let isLiar = generator.nextShare() < scenario.adversaries
            let nat = isLiar ? nil : chooseNAT()
            let isSecure = isLiar || generator.nextShare() >= scenario.insecureIDs
            return Draft(contact: newContact(isSecure: isSecure), nat: nat, isLiar: isLiar)
        }
    }

    private mutating func chooseNAT() -> NATKind? {
        var share = generator.nextShare()
        for nat in scenario.nats {
            if share < nat.share { return nat.kind }
            share -= nat.share
        }
        return nil
    }

    private mutating func newContact(isSecure: Bool) -> NodeContact {
        let endpoint = simulation.unusedEndpoint(isIPv6: scenario.isIPv6)
        let id =
            isSecure
            ? NodeID.secure(
                for: endpoint, random: UInt8(truncatingIfNeeded: generator.next()),
                using: &generator)
            : NodeID.random(using: &generator)
        return NodeContact(id: id, endpoint: endpoint)
    }

    /// A liar beside a key. Every second one has an id that its address may have, the best of the
    /// eight there are; the others have one right beside the key, which BEP 42 does not allow.
    private mutating func eclipse(_ key: NodeID, _ number: Int) -> Draft {
        let endpoint = simulation.unusedEndpoint(isIPv6: scenario.isIPv6)
        var best = key.random(sharing: 40, using: &generator)
        if number.isMultiple(of: 2) {
            let allowed = (0..<8).map {
                NodeID.secure(for: endpoint, random: UInt8($0), using: &generator)
            }
            best = allowed.min { $0.isCloser(to: key, than: $1) } ?? best
        }
        return Draft(contact: NodeContact(id: best, endpoint: endpoint), nat: nil, isLiar: true)
    }

    /// So many who are no more that they are the scenario's share of everybody.
    private mutating func addDead(toLive live: Int) {
        let share = scenario.deadEntries
        let count = Int((Double(live) * share / (1 - share)).rounded())
        for _ in 0..<count {
            let contact = newContact(isSecure: generator.nextShare() >= scenario.insecureIDs)
            population.add(Population.Member(contact: contact, host: nil, isReachable: true))
        }
    }

    private mutating func settle(_ draft: Draft, at host: HostIndex) {
        let now = simulation.now
        let inhabitant: DHTInhabitant
        if draft.isLiar {
            inhabitant = DHTInhabitant(
                liar: Liar(contact: draft.contact), host: host, shared: shared)
        } else {
            honest.append(host)
            var node = newNode(draft.contact.id)
            warm(&node, at: host, now: now)
            inhabitant = DHTInhabitant(node: node, host: host, shared: shared)
        }
        simulation.add(
            inhabitant, at: draft.contact.endpoint, profile: HostProfile(nat: draft.nat))
    }

    private mutating func newNode(_ id: NodeID) -> DHTNode {
        let other = NodeID.random(using: &generator)
        var configuration = DHTNode.Configuration(
            id: scenario.isIPv6 ? other : id, id6: scenario.isIPv6 ? id : other)
        configuration.families = AddressFamilies(family)
        configuration.isTracing = true
        return DHTNode(configuration, seed: generator.next())
    }

    /// Gives a node the table of one that has been there for an hour: what it knows answered at
    /// some time in the last quarter of one, and part of it answers no more.
    private mutating func warm(_ node: inout DHTNode, at host: HostIndex, now: Instant) {
        let table = node.table(family)
        let simulation = simulation
        var chance = generator.fork()
        population.fillTable(
            of: node.id(family), capacity: table.capacity(ofBucket:), using: &generator
        ) { member in
            let silence = Interval.seconds(Int64(chance.nextBelow(15 * 60)))
            // The dead had distances too.
            let other = member.host ?? HostIndex(chance.nextBelow(1 << 30) + 1 << 30)
            node.adopt(
                member.contact, roundTrip: simulation.roundTrip(host, other),
                answeredAt: now - silence)
        }
    }

    // MARK: Churn

    mutating func scheduleDeparture(of host: HostIndex) {
        guard let session = scenario.session else { return }
        let rest = Double(session.nanoseconds) * -naturalLogarithm(1 - generator.nextShare())
        let after = simulation.now - Self.beginning + Interval(nanoseconds: Int64(rest))
        guard after < Self.lookingUp + scenario.span + Self.patience else { return }
        schedule(.depart(host), after: after)
    }

    /// A host leaves for good, and another comes that knows nobody but a few addresses.
    mutating func depart(_ host: HostIndex) {
        guard simulation.isUp(host), let node = simulation[host].node else { return }
        let gone = NodeContact(id: node.id(family), endpoint: simulation.endpoint(of: host))
        population.order()
        population.remove(gone)
        shared.record.abandon(host)
        simulation.crash(host, .power)
        simulation.withNode(host) { inhabitant, _, _ in inhabitant.vacate() }
        arrive(profile: simulation.profile(of: host), inPlaceOf: host)
    }

    private mutating func arrive(profile: HostProfile, inPlaceOf gone: HostIndex) {
        let contact = newContact(isSecure: generator.nextShare() >= scenario.insecureIDs)
        let known = (0..<4).compactMap { _ in honest.randomElement(using: &generator) }
            .filter { simulation.isUp($0) && simulation.profile(of: $0).nat == nil }
            .map { simulation.endpoint(of: $0) }
        let host = HostIndex(simulation.hostCount)
        let inhabitant = DHTInhabitant(
            node: newNode(contact.id), host: host, shared: shared)
        simulation.add(inhabitant, at: contact.endpoint, profile: profile)
        population.add(
            Population.Member(contact: contact, host: host, isReachable: profile.nat == nil))
        if let place = honest.firstIndex(of: gone) { honest[place] = host }
        simulation.withNode(host) { inhabitant, now, outbox in
            _ = inhabitant.ask(now: now, into: &outbox) { node, output in
                node.addNodes(known, now: now, into: &output)
            }
        }
        scheduleDeparture(of: host)
    }
}

/// The natural logarithm of a positive number, by the series of the area tangent: no room below the
/// shells has a mathematics library, and this is the same on every machine.
func naturalLogarithm(_ value: Double) -> Double {
    guard value > 0 else { return -.infinity }
    let mantissa = value.significand
    let ratio = (mantissa - 1) / (mantissa + 1)
    let square = ratio * ratio
    var sum = 0.0
    var power = ratio
    for odd in stride(from: 1.0, through: 39, by: 2) {
        sum += power / odd
        power *= square
    }
    return 2 * sum + Double(value.exponent) * 0.693_147_180_559_945_3
}
