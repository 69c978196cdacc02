import Units

/// What other nodes say that our address is (BEP 42, "Bootstrapping"). Each network has one vote,
/// and only votes that came by separate lookups decide, as one lookup may be led by one liar.
struct AddressVotes: Sendable {
    private struct Vote: Sendable {
        let network: UInt64
        let lookup: UInt64
        let endpoint: Endpoint
    }

    private var votes: [Vote] = []
    /// The address that was last decided on, without a port.
    private(set) var address: Endpoint?

    /// Takes in a vote. The address and port, if they are now known and were not before. The port
    /// is that of most votes.
    mutating func count(
        _ endpoint: Endpoint, from voter: Endpoint, lookup: UInt64
    ) -> Endpoint? {
        votes.removeAll { $0.network == voter.network }
        if votes.count >= Limits.addressVotesMax { votes.removeFirst() }
        votes.append(Vote(network: voter.network, lookup: lookup, endpoint: endpoint))
        let same = votes.filter { $0.endpoint.address == endpoint.address }
        guard endpoint.address != address, same.count >= Limits.addressVotesNeeded,
            same.count * 2 > votes.count, same.contains(where: { $0.lookup != same[0].lookup })
        else { return nil }
        address = endpoint.address
        return mostFrequent(same.map(\.endpoint))
    }

    private func mostFrequent(_ endpoints: [Endpoint]) -> Endpoint? {
        endpoints.max { one, other in
            endpoints.count { $0 == one } < endpoints.count { $0 == other }
        }
    }
}
