import Hashing

/// What all packets of one node say of it.
public struct KRPCSender: Hashable, Sendable {
    public var id: NodeID
    /// The client and its version (BEP 5, `v`; BEP 20), the first byte highest; 0 says nothing.
    public var version: UInt32
    /// Whether the node answers no queries (BEP 43); its queries then say so.
    public var isReadOnly: Bool

    public init(id: NodeID, version: UInt32 = 0, isReadOnly: Bool = false) {
        self.id = id
        self.version = version
        self.isReadOnly = isReadOnly
    }
}

/// Queries, in their canonical form. Each gives the range of its bytes; `nil`, and nothing is
/// written, where an argument is too long for any packet.
extension DatagramBuffer {
    /// BEP 5, "ping".
    public mutating func appendPing(
        _ transaction: TransactionID, from sender: KRPCSender
    ) -> Range<Int>? {
        let start = beginQuery(sender)
        return finishQuery(start, "e1:q4:ping", transaction, sender)
    }

    /// BEP 5, "find_node". `want` is left out if empty.
    public mutating func appendFindNode(
        _ target: NodeID, want: AddressFamilies = [], _ transaction: TransactionID,
        from sender: KRPCSender
    ) -> Range<Int>? {
        appendQuery("e1:q9:find_node", about: target, want, transaction, from: sender)
    }

    /// BEP 5, "get_peers"; BEP 33, `noseed` and `scrape`.
    public mutating func appendGetPeers(
        _ infoHash: NodeID, want: AddressFamilies = [], noSeed: Bool = false,
        scrape: Bool = false, _ transaction: TransactionID, from sender: KRPCSender
    ) -> Range<Int>? {
        let start = beginQuery(sender)
        put("9:info_hash20:")
        put(infoHash)
        if noSeed { put("6:noseedi1e") }
        if scrape { put("6:scrapei1e") }
        putWant(want)
        return finishQuery(start, "e1:q9:get_peers", transaction, sender)
    }

    /// BEP 5, "announce_peer"; BEP 33, `seed`.
    public mutating func appendAnnouncePeer(
        _ infoHash: NodeID, port: UInt16, isImpliedPort: Bool = false, isSeed: Bool = false,
        token: UnsafeRawBufferPointer, _ transaction: TransactionID, from sender: KRPCSender
    ) -> Range<Int>? {
        let start = beginQuery(sender)
        if isImpliedPort { put("12:implied_porti1e") }
        put("9:info_hash20:")
        put(infoHash)
        put("4:port")
        putInteger(Int64(port))
        if isSeed { put("4:seedi1e") }
        put("5:token")
        putString(token)
        return finishQuery(start, "e1:q13:announce_peer", transaction, sender)
    }

    /// BEP 44, "get message". With `newerThan` only a value with a higher number is asked for.
    public mutating func appendGet(
        _ target: NodeID, newerThan sequence: Int64? = nil, want: AddressFamilies = [],
        _ transaction: TransactionID, from sender: KRPCSender
    ) -> Range<Int>? {
        let start = beginQuery(sender)
        putSequence(sequence)
        putTarget(target)
        putWant(want)
        return finishQuery(start, "e1:q3:get", transaction, sender)
    }

    /// BEP 44, "put message". `expecting` is `cas`, which only mutable items have.
    public mutating func appendPut(
        _ item: DHTItem, salt: [UInt8] = [], expecting: Int64? = nil,
        token: UnsafeRawBufferPointer, _ transaction: TransactionID, from sender: KRPCSender
    ) -> Range<Int>? {
        let start = beginQueryBeforeID()
        if item.signed != nil, let expecting {
            put("3:cas")
            putInteger(expecting)
        }
        put("2:id20:")
        put(sender.id)
        if let signed = item.signed {
            put("1:k32:")
            signed.key.withUnsafeBytes { put($0) }
            if !salt.isEmpty {
                put("4:salt")
                salt.withUnsafeBytes { putString($0) }
            }
            putSequence(signed.sequence)
            put("3:sig64:")
            signed.signature.withUnsafeBytes { put($0) }
        }
        put("5:token")
        putString(token)
        put("1:v")
        item.value.withUnsafeBytes { put($0) }
        return finishQuery(start, "e1:q3:put", transaction, sender)
    }

    /// BEP 51, "Sampling RPC".
    public mutating func appendSampleInfohashes(
        _ target: NodeID, want: AddressFamilies = [], _ transaction: TransactionID,
        from sender: KRPCSender
    ) -> Range<Int>? {
        appendQuery("e1:q17:sample_infohashes", about: target, want, transaction, from: sender)
    }

    // MARK: - What queries share

    private mutating func appendQuery(
        _ method: StaticString, about target: NodeID, _ want: AddressFamilies,
        _ transaction: TransactionID, from sender: KRPCSender
    ) -> Range<Int>? {
        let start = beginQuery(sender)
        putTarget(target)
        putWant(want)
        return finishQuery(start, method, transaction, sender)
    }

    private mutating func beginQueryBeforeID() -> Int {
        let start = begin(atMost: Limits.sentByteCountMax)
        put("d1:ad")
        return start
    }

    private mutating func beginQuery(_ sender: KRPCSender) -> Int {
        let start = begin(atMost: Limits.sentByteCountMax)
        put("d1:ad2:id20:")
        put(sender.id)
        return start
    }

    private mutating func putTarget(_ target: NodeID) {
        put("6:target20:")
        put(target)
    }

    mutating func putSequence(_ sequence: Int64?) {
        guard let sequence else { return }
        put("3:seq")
        putInteger(sequence)
    }

    private mutating func putWant(_ want: AddressFamilies) {
        switch want {
        case []: break
        case .ipv4: put("4:wantl2:n4e")
        case .ipv6: put("4:wantl2:n6e")
        default: put("4:wantl2:n42:n6e")
        }
    }

    @inline(__always)
    private mutating func finishQuery(
        _ start: Int, _ method: StaticString, _ transaction: TransactionID, _ sender: KRPCSender
    ) -> Range<Int>? {
        put(method)
        if sender.isReadOnly { put("2:roi1e") }
        putEnd(transaction, sender)
        put("1:y1:qe")
        return finish(start)
    }

    /// `t` and `v`.
    @inline(__always)
    mutating func putEnd(_ transaction: TransactionID, _ sender: KRPCSender) {
        put("1:t")
        put(transaction)
        guard sender.version != 0 else { return }
        put("1:v4:")
        put(bigEndian: sender.version)
    }
}
