import Units

/// What we ask others.
enum Query {
    case ping
    case findNode(NodeID)
    case getPeers(NodeID, noSeeds: Bool, scrape: Bool)
    case announce(NodeID, DHTAnnouncement, [UInt8])
    case get(NodeID)
    case put(DHTItem, [UInt8], Int64?, [UInt8])
    case sample(NodeID)
}

extension DHTNode {
    /// Sends a query. False if there are too many under way, or nothing that could be sent.
    mutating func send(
        _ query: Query, to endpoint: Endpoint, id: NodeID?, for purpose: QueryPurpose,
        now: Instant, into output: inout DHTOutput
    ) -> Bool {
        let transaction = transactions.begin(
            to: endpoint, id: id, for: purpose, now: now, using: &generator)
        guard let transaction else {
            counters.queriesRefused += 1
            return false
        }
        guard let range = append(query, transaction, endpoint.family, into: &output) else {
            _ = transactions.end(transaction, from: endpoint)
            return false
        }
        guard sourceGuard.allowsQuery(range.count, to: endpoint, now: now) else {
            // The packet stays unsent in the buffer until that is emptied.
            _ = transactions.end(transaction, from: endpoint)
            counters.queriesRefused += 1
            return false
        }
        counters.queriesSent += 1
        output.send(range, to: endpoint)
        return true
    }

    private func append(
        _ query: Query, _ transaction: TransactionID, _ family: AddressFamily,
        into output: inout DHTOutput
    ) -> Range<Int>? {
        let sender = sender(family)
        switch query {
        case .ping:
            return output.bytes.appendPing(transaction, from: sender)
        case .findNode(let target):
            return output.bytes.appendFindNode(target, transaction, from: sender)
        case .getPeers(let target, let noSeeds, let scrape):
            return output.bytes.appendGetPeers(
                target, noSeed: noSeeds, scrape: scrape, transaction, from: sender)
        case .announce(let target, let announcement, let token):
            return token.withUnsafeBytes {
                output.bytes.appendAnnouncePeer(
                    target, port: announcement.port,
                    isImpliedPort: announcement.isImpliedPort, isSeed: announcement.isSeed,
                    token: $0, transaction, from: sender)
            }
        case .get(let target):
            return output.bytes.appendGet(target, transaction, from: sender)
        case .put(let item, let salt, let expected, let token):
            return token.withUnsafeBytes {
                output.bytes.appendPut(
                    item, salt: salt, expecting: expected, token: $0, transaction, from: sender)
            }
        case .sample(let target):
            return output.bytes.appendSampleInfohashes(target, transaction, from: sender)
        }
    }
}
