import Hashing
import Kademlia
import Units

/// A DHT that has been there for long, in which keys are announced and then looked up.
struct DHTWorld {
    /// What the world has to do at a moment.
    enum Step {
        case publish(key: Int)
        case lookUp
        case depart(HostIndex)
    }

    /// The network is this old when it begins, so that nothing in it is new.
    static let beginning = Instant.zero + .minutes(60)
    /// Announces begin here, and are over well before the first lookup.
    static let publishing = Interval.seconds(1)...(.seconds(15))
    static let lookingUp = Interval.seconds(45)
    /// How long a lookup may take: what the node allows itself, and a little.
    static let patience = Interval.seconds(35)

    let scenario: Scenario
    let seed: UInt64
    var simulation: Simulation<DHTInhabitant>
    var generator: SeededGenerator
    var population = Population()
    let shared: SharedDHT
    var keys: [NodeID] = []
    var publishers: [Set<Endpoint>] = []
    var honest: [HostIndex] = []
    var steps: [Step] = []

    init(_ scenario: Scenario, seed: UInt64) {
        self.scenario = scenario
        self.seed = seed
        var generator = SeededGenerator(seed: seed)
        var conditions = NetworkConditions(roundTrip: scenario.roundTrip)
        conditions.jitter = scenario.jitter
        conditions.loss = scenario.loss
        conditions.reordering = scenario.reordering
        conditions.duplication = scenario.duplication
        self.simulation = Simulation(
            conditions: conditions, seed: generator.next(), startingAt: Self.beginning)
        self.shared = SharedDHT(
            ring: LiarRing(
                lies: scenario.lies, isIPv6: scenario.isIPv6, generator: generator.fork()))
        self.generator = generator
        keys = (0..<scenario.keys).map { _ in NodeID.random(using: &self.generator) }
        publishers = Array(repeating: [], count: scenario.keys)
        populate()
    }

    var family: AddressFamily { scenario.isIPv6 ? .ipv6 : .ipv4 }

    // MARK: Running

    mutating func run() -> Report {
        plan()
        let lookupsEnd = Self.beginning + Self.lookingUp + scenario.span
        let end = lookupsEnd + Self.patience
        holdInvariants()
        while simulation.now < end {
            if simulation.now > lookupsEnd, shared.record.openCount == 0 { break }
            // In steps, so as to see when all is done.
            let until = min(end, simulation.now + .seconds(1))
            switch simulation.run(until: until) {
            case .control(let number): perform(steps[Int(number)])
            case .violated: return report()
            case .reached: continue
            }
        }
        return report()
    }

    private mutating func plan() {
        let count = scenario.keys * scenario.publishers
        let room = Self.publishing.upperBound - Self.publishing.lowerBound
        for number in 0..<count {
            let after = Self.publishing.lowerBound + Self.part(number, of: count, in: room)
            schedule(.publish(key: number % scenario.keys), after: after)
        }
        for number in 0..<scenario.lookups {
            let after = Self.lookingUp + Self.part(number, of: scenario.lookups, in: scenario.span)
            schedule(.lookUp, after: after)
        }
        guard scenario.session != nil else { return }
        for host in honest { scheduleDeparture(of: host) }
    }

    private static func part(_ number: Int, of count: Int, in room: Interval) -> Interval {
        Interval(nanoseconds: Int64(Double(room.nanoseconds) * Double(number) / Double(count)))
    }

    mutating func schedule(_ step: Step, after interval: Interval) {
        let number = UInt32(steps.count)
        steps.append(step)
        simulation.schedule(number, at: Self.beginning + interval)
    }

    private mutating func perform(_ step: Step) {
        switch step {
        case .publish(let key): publish(key)
        case .lookUp: lookUp()
        case .depart(let host): depart(host)
        }
    }

    private mutating func someHonestHost() -> HostIndex? {
        for _ in 0..<64 {
            guard let host = honest.randomElement(using: &generator) else { return nil }
            if simulation.isUp(host) { return host }
        }
        return nil
    }

    private mutating func publish(_ key: Int) {
        guard let host = someHonestHost() else { return }
        let announcement = DHTAnnouncement(port: 6881)
        let (infoHash, family) = (keys[key].digest, family)
        let address = simulation.endpoint(of: host)
        publishers[key].insert(address.with(port: announcement.port))
        simulation.withNode(host) { inhabitant, now, outbox in
            _ = inhabitant.ask(now: now, into: &outbox) { node, output in
                node.getPeers(
                    infoHash, announcing: announcement, family, now: now, into: &output)
            }
        }
    }

    private mutating func lookUp() {
        let key = generator.nextBelow(keys.count)
        guard let host = someHonestHost() else { return }
        let target = keys[key]
        population.order()
        let nearest = population.nearest(to: target, count: 8, but: host)
        // Liars answer as they please.
        let truthful = nearest.filter { $0.host.map { simulation[$0].liar == nil } ?? false }
        let entry = LookupRecord.Entry(
            startedAt: simulation.now, publishers: publishers[key],
            nearestCount: truthful.count, missing: Set(truthful.map(\.contact)),
            deadEntries: deadShare(of: host))
        let (infoHash, family) = (target.digest, family)
        let work = simulation.withNode(host) { inhabitant, now, outbox in
            inhabitant.ask(now: now, into: &outbox) { node, output in
                node.getPeers(infoHash, family, now: now, into: &output)
            }
        }
        if let work { shared.record.begin(entry, at: host, work) }
    }

    /// The share of a table's contacts that answer no more.
    private func deadShare(of host: HostIndex) -> Double {
        guard let contacts = simulation[host].node?.table(family).contacts, !contacts.isEmpty
        else { return 0 }
        let dead = contacts.count { contact in
            simulation.host(at: contact.endpoint).map { !simulation.isUp($0) } ?? true
        }
        return Double(dead) / Double(contacts.count)
    }

    // MARK: What must always hold

    private mutating func holdInvariants() {
        let count = simulation.hostCount
        simulation.hold("a node's queries under way are bounded", every: .seconds(5)) { world in
            for host in 0..<count {
                let open = world[HostIndex(host)].node?.openQueryCount ?? 0
                if open > Limits.openQueriesMax { return "host \(host) has \(open)" }
            }
            return nil
        }
        let record = shared.record
        simulation.hold("a lookup ends", every: .seconds(5)) { world in
            for (place, entry) in record.entries.enumerated()
            where entry.finished == nil && !entry.isVoid
                && world.now - entry.startedAt > Self.patience
            {
                return "lookup \(place), begun at \(entry.startedAt), has not"
            }
            return nil
        }
    }

    // MARK: What was measured

    private func report() -> Report {
        var report = Report(scenario: scenario, seed: seed)
        let entries = shared.record.entries.filter { !$0.isVoid }
        func measure(_ metric: Expectation.Metric, _ value: (LookupRecord.Entry) -> Double?) {
            report.measures[metric] = Distribution(entries.compactMap(value))
        }
        measure(.success) { $0.firstHolder == nil ? 0 : 1 }
        measure(.firstHolder) { $0.firstHolder?.seconds }
        measure(.convergence) { $0.nearestCount == 0 ? nil : $0.converged == nil ? 0 : 1 }
        measure(.converged) { $0.converged?.seconds }
        measure(.finished) { $0.finished?.seconds }
        measure(.hops) { $0.hops.map(Double.init) }
        measure(.queries) { $0.finished == nil ? nil : Double($0.queries) }
        measure(.deadEntries) { $0.deadEntries }
        report.violations = simulation.violations
        report.trace = simulation.trace.value
        report.events = simulation.eventCount
        report.network = simulation.counters
        report.duration = simulation.now - Self.beginning
        return report
    }
}

extension Scenario {
    /// Runs it; the same seed gives the same report.
    public func run(seed: UInt64) -> Report {
        var world = DHTWorld(self, seed: seed)
        return world.run()
    }

    /// Runs it, and also tells the steps of some lookups that fell short.
    public func tell(seed: UInt64) -> (report: Report, tale: [String]) {
        var world = DHTWorld(self, seed: seed)
        world.shared.record.isTelling = true
        let report = world.run()
        return (report, world.shared.record.tale())
    }
}
