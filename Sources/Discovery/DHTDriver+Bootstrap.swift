import Kademlia
import Transport
public import Units

/// What is known of ways into the network: whether they lead into the public one, where nobody
/// has a private address, or into a private one.
struct DHTWaysIn {
    /// Bootstrap nodes that have no address yet.
    private var unresolved: Set<DHTPlace> = []
    /// Families of which a node's address is known.
    private var families: Set<AddressFamily> = []
    private var isPublic = false
    private var isBoundLocally = false

    init(_ places: [DHTPlace], saved: [NodeContact], bound: [Endpoint]) {
        unresolved = Set(places.filter { $0.endpoint == nil })
        let known = places.compactMap(\.endpoint) + saved.map(\.endpoint)
        families = Set(known.map(\.family))
        isPublic = known.contains { !$0.isLocal }
        isBoundLocally = !bound.isEmpty && bound.allSatisfy(\.isLoopback)
    }

    /// Takes in what a name stands for: nothing, if that cannot be found out.
    mutating func resolved(_ place: DHTPlace, _ endpoints: [Endpoint]) {
        unresolved.remove(place)
        families.formUnion(endpoints.map(\.family))
        if endpoints.contains(where: { !$0.isLocal }) { isPublic = true }
    }

    /// Families in which there may be somebody to ask.
    var mayHaveFamilies: Set<AddressFamily> {
        unresolved.isEmpty ? families : Set(AddressFamily.allCases)
    }

    var acceptsLocalAddresses: Bool { isBoundLocally || (!isPublic && unresolved.isEmpty) }
}

extension DHTDriver {
    /// Names nodes that may be asked: those of a torrent's manifest, and of peers' PORT messages.
    /// Never of a private torrent (BEP 27).
    public func add(_ places: [DHTPlace]) {
        let known = places.prefix(Limits.dhtPlacesMax)
        add(known.compactMap(\.endpoint))
        for place in known where place.endpoint == nil {
            lookUp(place) { $0.add($1) }
        }
    }

    public func add(_ endpoints: [Endpoint]) {
        let now = MonotonicClock.now
        node.addNodes(endpoints, now: now, into: &output)
        run(now: now)
    }

    /// Finds out again where the bootstrap nodes are, and asks them.
    func askBootstrapNodes() {
        for place in configuration.bootstrapNodes.prefix(Limits.dhtPlacesMax) {
            if let endpoint = place.endpoint {
                askForWay([endpoint])
                continue
            }
            lookUp(place) { $0.resolved(place, $1) }
        }
    }

    /// Finds out where a name leads; nowhere, if that cannot be found out.
    private func lookUp(
        _ place: DHTPlace,
        then body: @escaping @Sendable (isolated DHTDriver, [Endpoint]) -> Void
    ) {
        guard lookUps.count < Limits.dhtPlacesMax else { return }
        lastLookUp += 1
        let id = lastLookUp
        lookUps[id] = Task {
            let addresses = (try? await resolver.addresses(of: place.host)) ?? []
            lookUps.removeValue(forKey: id)
            if !Task.isCancelled { body(self, addresses.map { $0.with(port: place.port) }) }
        }
    }

    private func resolved(_ place: DHTPlace, _ endpoints: [Endpoint]) {
        waysIn.resolved(place, endpoints)
        if configuration.acceptsLocalAddresses == nil {
            node.setAcceptsLocalAddresses(waysIn.acceptsLocalAddresses)
        }
        askForWay(endpoints)
        run(now: MonotonicClock.now)
    }

    private func askForWay(_ endpoints: [Endpoint]) {
        // One that was asked before it listened may be all that joins two halves of a network, and
        // has to be asked again also by who knows some others by now.
        node.addNodes(endpoints, insists: true, now: MonotonicClock.now, into: &output)
    }
}
