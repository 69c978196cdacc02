import Discovery
import JSONText
import Kademlia
import Terminal
import Units

/// What one address family's part of a question brought.
struct DHTFinding: Sendable {
    let family: AddressFamily
    var result = DHTResult()
    var peers: [Endpoint] = []
    var items: [DHTItem] = []
    var answer: (contact: NodeContact, roundTrip: Interval, version: UInt32?)?
    var scraped: (seeds: Double, peers: Double)?
    var hops: [DHTHop] = []

    /// Takes in what happened.
    mutating func take(_ event: DHTEvent) {
        switch event {
        case .peers(_, let peers, _):
            self.peers += peers.filter { !self.peers.contains($0) }
        case .item(_, let item): items.append(item)
        case .answered(_, let contact, let roundTrip, let version):
            answer = (contact, roundTrip, version)
        case .scraped(_, let seeds, let peers): scraped = (seeds, peers)
        case .hop(_, let hop): hops.append(hop)
        case .finished(_, let result): self.result = result
        case .samples, .joined, .externalAddress, .idChanged: break
        }
    }
}

/// A node for one question: it takes no part in the network, and leaves when it has its answer.
struct DHTRun {
    let options: DHTQueryOptions
    let console: Console

    init(_ options: DHTQueryOptions) {
        self.options = options
        self.console = options.common.configuredConsole()
    }

    /// Starts a node, lets `body` ask through it, and ends it.
    func withNode<Value>(
        joins: Bool = true, _ body: (DHTDriver, [AddressFamily]) async throws -> Value
    ) async throws -> Value {
        let node = try await start(joins: joins)
        do {
            let families = joins ? try await self.families(of: node.driver) : []
            let value = try await body(node.driver, families)
            await node.shutdown()
            return value
        } catch {
            await node.shutdown()
            throw error
        }
    }

    private func start(joins: Bool) async throws(Failure) -> StandaloneDHT {
        var configuration = options.network.configuration
        configuration.isReadOnly = true
        configuration.isTracing = options.trace
        configuration.savesTable = false
        if !joins {
            configuration.bootstrapNodes = []
        } else if options.network.dhtBootstrap.isEmpty || options.common.places.stateDir != nil {
            configuration.stateFile = try? options.common.places.tableFile()
        }
        do throws(StandaloneDHT.StartError) {
            return try await StandaloneDHT.start(
                configuration, address: options.network.bind, port: options.port,
                logger: console.logger)
        } catch {
            throw Failure(.failed, nil, "\(error)")
        }
    }

    private func families(of driver: DHTDriver) async throws(Failure) -> [AddressFamily] {
        let joined = await driver.waitUntilJoined(
            within: options.timeout, other: Limits.otherFamilyWait)
        guard !joined.isEmpty else {
            throw Failure(
                .stalled, nil, "no DHT node answered in \(durationText(options.timeout))",
                remedy: "name one with --dht-bootstrap")
        }
        return AddressFamily.allCases.filter(joined.contains)
    }

    /// Asks in every family at once; `onEvent` sees what happens as it does.
    func ask(
        _ driver: DHTDriver, _ families: [AddressFamily],
        _ operation: @escaping @Sendable (AddressFamily) -> DHTDriver.Operation,
        onEvent: @escaping @Sendable (DHTEvent) throws -> Void = { _ in }
    ) async throws -> [DHTFinding] {
        let showsHops = options.trace && !options.common.json
        return try await withThrowingTaskGroup(of: DHTFinding.self) { group in
            for family in families {
                group.addTask { [console] in
                    var finding = DHTFinding(family: family)
                    for await event in await driver.perform(operation(family)) {
                        if showsHops, case .hop(_, let hop) = event {
                            console.remark(DHTText.line(hop))
                        }
                        try onEvent(event)
                        finding.take(event)
                    }
                    return finding
                }
            }
            var findings: [DHTFinding] = []
            for try await finding in group { findings.append(finding) }
            return findings.sorted { $0.family.rawValue < $1.family.rawValue }
        }
    }
}
