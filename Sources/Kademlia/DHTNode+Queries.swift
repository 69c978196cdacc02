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
        meet(message, from: sender, now: now)
        let reply = Reply(
            message, sender, self.sender(sender.family), now, DatagramBuffer.replyByteCountMax)
        let range: Range<Int>?
        switch method {
        case .ping: range = reply.pong(into: &output)
        case .findNode, .unknown, .getPeers, .announcePeer, .get, .put, .sampleInfohashes:
            gather(message, sender.family, into: &output)
            range = reply.nodes(into: &output)
        }
        if let range {
            counters.repliesSent += 1
            output.send(range, to: sender)
        }
    }

    mutating func refuse(
        _ error: KRPCError, byteCount: Int, from sender: Endpoint, now: Instant,
        into output: inout DHTOutput
    ) {
    }

    /// Who asks is alive, and if it is a stranger who would have a place, worth a ping. Those that
    /// are read-only are neither (BEP 43).
    private mutating func meet(_ message: KRPCMessage, from sender: Endpoint, now: Instant) {
        guard !message.flags.contains(.readOnly) else { return }
        let contact = NodeContact(id: message.id, endpoint: sender)
        let isKnown = withTable(sender.family) { $0.asked(by: contact, now: now) }
        if !isKnown { consider(contact, now: now) }
    }

    /// Puts the nodes that are nearest to the target into the output's room for them.
    private func gather(
        _ message: KRPCMessage, _ family: AddressFamily, into output: inout DHTOutput
    ) {
        output.nodes.removeAll(keepingCapacity: true)
        output.nodes6.removeAll(keepingCapacity: true)
        guard let target = message.target else { return }
        let wanted = wantedFamilies(message, family)
        if wanted.contains(.ipv4) {
            table4.closest(
                to: target, count: Limits.bucketSize, for: .reply, into: &output.nodes)
        }
        if wanted.contains(.ipv6) {
            table6.closest(
                to: target, count: Limits.bucketSize, for: .reply, into: &output.nodes6)
        }
    }
}

/// What is wanted, or what the packet came by (BEP 32, "want").
private func wantedFamilies(_ message: KRPCMessage, _ family: AddressFamily) -> AddressFamilies {
    message.flags.contains(.hasWant) ? message.wanted : AddressFamilies(family)
}

/// All that every reply to one query has.
private struct Reply {
    let transaction: TransactionID
    let asker: Endpoint
    let sender: KRPCSender
    let families: AddressFamilies
    let byteCountMax: Int

    init(
        _ message: KRPCMessage, _ asker: Endpoint, _ sender: KRPCSender, _ now: Instant,
        _ byteCountMax: Int
    ) {
        self.transaction = message.transactionID
        self.asker = asker
        self.sender = sender
        self.families = wantedFamilies(message, asker.family)
        self.byteCountMax = byteCountMax
    }

    func pong(into output: inout DHTOutput) -> Range<Int>? {
        output.bytes.appendPong(
            transaction, to: asker, from: sender, byteCountMax: byteCountMax)
    }

    func nodes(into output: inout DHTOutput) -> Range<Int>? {
        let (nodes, nodes6) = (output.nodes, output.nodes6)
        return output.bytes.appendNodes(
            nodes.span, nodes6.span, families: families, transaction, to: asker,
            from: sender, byteCountMax: byteCountMax)
    }
}
