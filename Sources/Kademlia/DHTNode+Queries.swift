import Hashing
import Units

/// What others ask us.
extension DHTNode {
    mutating func answer(
        _ message: KRPCMessage, _ method: KRPCMessage.Method, _ datagram: UnsafeRawBufferPointer,
        from sender: Endpoint, now: Instant, into output: inout DHTOutput
    ) {
        // Who is read-only answers nothing (BEP 43).
        guard !configuration.isReadOnly else { return }
        guard let room = sourceGuard.admit(datagram.count, from: sender, now: now) else {
            counters.queriesLimited += 1
            return
        }
        meet(message, from: sender, now: now)
        let reply = Reply(message, sender, self.sender(sender.family), byteCountMax: room)
        let range =
            switch method {
            case .ping: reply.pong(into: &output)
            case .findNode, .unknown: answerNodes(message, reply, into: &output)
            case .getPeers: answerPeers(message, reply, now: now, into: &output)
            case .get: answerItem(message, reply, now: now, into: &output)
            case .sampleInfohashes: answerSamples(message, reply, now: now, into: &output)
            case .announcePeer: take(announce: message, datagram, reply, now: now, into: &output)
            case .put: take(put: message, datagram, reply, now: now, into: &output)
            }
        replied(range, to: sender, queryByteCount: datagram.count, now: now, into: &output)
    }

    /// Somebody sent what is no message; if it is a query that can be answered at all, it is told.
    mutating func refuse(
        _ error: KRPCError, byteCount: Int, from sender: Endpoint, now: Instant,
        into output: inout DHTOutput
    ) {
        guard let answer = error.answer, !configuration.isReadOnly,
            let room = sourceGuard.admit(byteCount, from: sender, now: now)
        else { return }
        let range = output.bytes.appendError(
            answer.code, answer.transactionID, to: sender, from: self.sender(sender.family),
            byteCountMax: room)
        replied(range, to: sender, queryByteCount: byteCount, now: now, into: &output)
    }

    private mutating func replied(
        _ range: Range<Int>?, to endpoint: Endpoint, queryByteCount: Int, now: Instant,
        into output: inout DHTOutput
    ) {
        guard let range else {
            counters.queriesLimited += 1
            return
        }
        counters.repliesSent += 1
        output.send(range, to: endpoint)
        sourceGuard.answered(range.count, to: endpoint, query: queryByteCount, now: now)
    }

    /// Who asks is alive, and if it is a stranger who would have a place, worth a ping. Those that
    /// are read-only are neither (BEP 43).
    private mutating func meet(_ message: KRPCMessage, from sender: Endpoint, now: Instant) {
        guard !message.flags.contains(.readOnly) else { return }
        let contact = NodeContact(id: message.id, endpoint: sender)
        let isKnown = withTable(sender.family) { $0.asked(by: contact, now: now) }
        if !isKnown { consider(contact, now: now) }
    }

    // MARK: Questions

    private func answerNodes(
        _ message: KRPCMessage, _ reply: Reply, into output: inout DHTOutput
    ) -> Range<Int>? {
        gather(message, reply.families, into: &output)
        let (nodes, nodes6) = (output.nodes, output.nodes6)
        return output.bytes.appendNodes(
            nodes, nodes6, families: reply.families, reply.transaction,
            to: reply.asker, from: reply.sender, byteCountMax: reply.byteCountMax)
    }

    private mutating func answerPeers(
        _ message: KRPCMessage, _ reply: Reply, now: Instant, into output: inout DHTOutput
    ) -> Range<Int>? {
        guard let target = message.target else { return nil }
        gather(message, reply.families, into: &output)
        output.peers.removeAll(keepingCapacity: true)
        peerStore.peers(
            of: target, reply.asker.family, noSeed: message.flags.contains(.noSeed),
            limit: Limits.answeredPeersMax, now: now, using: &generator, into: &output.peers)
        let filters =
            message.flags.contains(.scrape) ? peerStore.filters(of: target, now: now) : nil
        let token =
            peerStore.hasRoom(for: target, now: now)
            ? tokens.token(for: reply.asker, target: target, now: now) : nil
        let (peers, nodes, nodes6) = (output.peers, output.nodes, output.nodes6)
        return output.bytes.appendPeers(
            peers, token: token, filters: filters, nodes: nodes, nodes6,
            families: reply.families, reply.transaction, to: reply.asker, from: reply.sender,
            byteCountMax: reply.byteCountMax)
    }

    private func answerItem(
        _ message: KRPCMessage, _ reply: Reply, now: Instant, into output: inout DHTOutput
    ) -> Range<Int>? {
        guard let target = message.target else { return nil }
        gather(message, reply.families, into: &output)
        let item = itemStore.item(at: target, now: now)
        // Who has this one or a newer one is not sent it again (BEP 44, "get message").
        let isKnown: Bool
        if let asked = message.sequence, let stored = item?.signed?.sequence {
            isKnown = stored <= asked
        } else {
            isKnown = false
        }
        let (nodes, nodes6) = (output.nodes, output.nodes6)
        return output.bytes.appendItem(
            item, isNumberOnly: isKnown,
            token: tokens.token(for: reply.asker, target: target, now: now), nodes: nodes,
            nodes6, families: reply.families, reply.transaction, to: reply.asker,
            from: reply.sender, byteCountMax: reply.byteCountMax)
    }

    private mutating func answerSamples(
        _ message: KRPCMessage, _ reply: Reply, now: Instant, into output: inout DHTOutput
    ) -> Range<Int>? {
        gather(message, reply.families, into: &output)
        let (nodes, nodes6) = (output.nodes, output.nodes6)
        let count = peerStore.torrentCount
        return peerStore.withSample(now: now, using: &generator) { sample, interval in
            output.bytes.appendSamples(
                sample, interval: interval, storedCount: count, nodes: nodes, nodes6,
                families: reply.families, reply.transaction, to: reply.asker, from: reply.sender,
                byteCountMax: reply.byteCountMax)
        }
    }

    /// Puts the nodes that are nearest to the target into the output's room for them.
    private func gather(
        _ message: KRPCMessage, _ families: AddressFamilies, into output: inout DHTOutput
    ) {
        output.nodes.removeAll(keepingCapacity: true)
        output.nodes6.removeAll(keepingCapacity: true)
        guard let target = message.target else { return }
        if families.contains(.ipv4) {
            table4.closest(
                to: target, count: Limits.bucketSize, for: .reply, into: &output.nodes)
        }
        if families.contains(.ipv6) {
            table6.closest(
                to: target, count: Limits.bucketSize, for: .reply, into: &output.nodes6)
        }
    }

    // MARK: What is to be kept

    private mutating func take(
        announce message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, _ reply: Reply,
        now: Instant, into output: inout DHTOutput
    ) -> Range<Int>? {
        guard let target = message.target,
            isAllowed(message, datagram, from: reply.asker, at: target, now: now)
        else { return reply.error(.protocolError, into: &output) }
        // Only the address that the packet came from can be announced (BEP 5).
        let port = message.flags.contains(.impliedPort) ? nil : message.port
        let peer = reply.asker.with(port: port ?? reply.asker.port)
        do throws(KRPCErrorCode) {
            try peerStore.announce(
                target, peer: peer, isSeed: message.flags.contains(.seed), now: now)
        } catch {
            return reply.error(error, into: &output)
        }
        return reply.pong(into: &output)
    }

    private mutating func take(
        put message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, _ reply: Reply,
        now: Instant, into output: inout DHTOutput
    ) -> Range<Int>? {
        guard let item = message.item(in: datagram) else {
            return reply.error(.protocolError, into: &output)
        }
        let salt = message.salt.map { Array($0.bytes(in: datagram)) } ?? []
        let target = item.target(salt: salt)
        guard isAllowed(message, datagram, from: reply.asker, at: target, now: now) else {
            return reply.error(.protocolError, into: &output)
        }
        do throws(KRPCErrorCode) {
            try itemStore.put(
                item, salt: salt, expecting: message.expectedSequence, from: reply.asker, now: now)
        } catch {
            return reply.error(error, into: &output)
        }
        return reply.pong(into: &output)
    }

    /// Whether the token is one that we gave to this address for this target. Who has it hears what
    /// we send.
    private mutating func isAllowed(
        _ message: KRPCMessage, _ datagram: UnsafeRawBufferPointer, from sender: Endpoint,
        at target: NodeID, now: Instant
    ) -> Bool {
        guard let token = message.token,
            tokens.accepts(token.bytes(in: datagram), from: sender, target: target, now: now)
        else { return false }
        sourceGuard.proved(sender, now: now)
        return true
    }
}

/// What all replies to one query have.
private struct Reply {
    let transaction: TransactionID
    let asker: Endpoint
    let sender: KRPCSender
    /// What is wanted, or what the packet came by (BEP 32, "want").
    let families: AddressFamilies
    let byteCountMax: Int

    init(
        _ message: KRPCMessage, _ asker: Endpoint, _ sender: KRPCSender, byteCountMax: Int
    ) {
        self.transaction = message.transactionID
        self.asker = asker
        self.sender = sender
        self.families =
            message.flags.contains(.hasWant) ? message.wanted : AddressFamilies(asker.family)
        self.byteCountMax = byteCountMax
    }

    func pong(into output: inout DHTOutput) -> Range<Int>? {
        output.bytes.appendPong(
            transaction, to: asker, from: sender, byteCountMax: byteCountMax)
    }

    func error(_ code: KRPCErrorCode, into output: inout DHTOutput) -> Range<Int>? {
        output.bytes.appendError(
            code, transaction, to: asker, from: sender, byteCountMax: byteCountMax)
    }
}
