import Units

extension DHTNode {
    /// What others have given this node to keep counts as found, too: in a network of two or three
    /// nobody else may have it, and a node does not ask itself.
    mutating func findInOwnStore(_ id: WorkID, now: Instant, into output: inout DHTOutput) {
        guard let place = work(id) else { return }
        let work = works[place]
        let family = work.family
        switch work.goal {
        case .peers(let search):
            output.peers.removeAll(keepingCapacity: true)
            peerStore.peers(
                of: work.lookup.target, family, noSeed: search.noSeeds,
                limit: Limits.answeredPeersMax, now: now, using: &generator, into: &output.peers)
            guard !output.peers.isEmpty else { return }
            let nowhere =
                family == .ipv4
                ? Endpoint(ipv4: 0, port: 0) : Endpoint(ipv6High: 0, low: 0, port: 0)
            let us = NodeContact(
                id: self.id(family), endpoint: externalAddress(family) ?? nowhere)
            output.events.append(.peers(id, output.peers, from: us))
        case .item(var search):
            guard let item = itemStore.item(at: work.lookup.target, now: now),
                (item.signed != nil) == search.isMutable
            else { return }
            search.found = item
            works[place].goal = .item(search)
            if search.item == nil { output.events.append(.item(id, item)) }
        case .nodes, .selfLookup, .refresh, .samples, .ping: break
        }
    }
}
