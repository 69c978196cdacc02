public import Hashing
public import Units

/// Answers, in their canonical form, each with `ip` (BEP 42) at the top. Each gives the range of
/// its bytes; `nil`, and nothing is written, if it does not fit `byteCountMax`. Nodes and peers
/// are the first to be left out then, the last of them first.
extension DatagramBuffer {
    /// The most bytes of a reply, unless the caller has a reason for less.
    public static var replyByteCountMax: Int { Limits.sentByteCountMax }

    /// Answers `ping`, `announce_peer` and `put`.
    public mutating func appendPong(
        _ transaction: TransactionID, to asker: Endpoint, from sender: KRPCSender,
        byteCountMax: Int = replyByteCountMax
    ) -> Range<Int>? {
        let start = beginReply(asker, byteCountMax)
        putID(sender)
        return finishReply(start, transaction, sender)
    }

    /// Answers `find_node` with those of `nodes` and `nodes6` that `families` names (BEP 32).
    public mutating func appendNodes(
        _ nodes: [NodeContact], _ nodes6: [NodeContact], families: AddressFamilies,
        _ transaction: TransactionID, to asker: Endpoint, from sender: KRPCSender,
        byteCountMax: Int = replyByteCountMax
    ) -> Range<Int>? {
        let start = beginReply(asker, byteCountMax)
        putID(sender)
        putContacts(nodes, nodes6, families, reserving: endByteCountMax)
        return finishReply(start, transaction, sender)
    }

    /// Answers `get_peers` with a token, nodes, as many of `peers` as keep it within 1,024 bytes
    /// (BEP 32), and for a scrape with filters (BEP 33). Without a token no announce is wanted.
    public mutating func appendPeers(
        _ peers: [Endpoint], token: WriteToken?, filters: ScrapeFilters? = nil,
        nodes: [NodeContact], _ nodes6: [NodeContact], families: AddressFamilies,
        _ transaction: TransactionID, to asker: Endpoint, from sender: KRPCSender,
        byteCountMax: Int = replyByteCountMax
    ) -> Range<Int>? {
        let start = beginReply(asker, byteCountMax)
        if let filters {
            put("4:BFpe256:")
            filters.peers.withUnsafeBytes { put($0) }
            put("4:BFsd256:")
            filters.seeds.withUnsafeBytes { put($0) }
        }
        putID(sender)
        putContacts(nodes, nodes6, families, reserving: endByteCountMax + 16)
        putToken(token)
        let soft = Limits.sentPeersByteCountMax - (count - start)
        putPeers(peers, room: min(room, soft) - endByteCountMax)
        return finishReply(start, transaction, sender)
    }

    /// Answers `get` (BEP 44). Without `item` it says only where to look; with `isNumberOnly`
    /// only the number of a mutable item, as the asker has no older one.
    public mutating func appendItem(
        _ item: DHTItem?, isNumberOnly: Bool = false, token: WriteToken?,
        nodes: [NodeContact], _ nodes6: [NodeContact], families: AddressFamilies,
        _ transaction: TransactionID, to asker: Endpoint, from sender: KRPCSender,
        byteCountMax: Int = replyByteCountMax
    ) -> Range<Int>? {
        let start = beginReply(asker, byteCountMax)
        putID(sender)
        let isWhole = item != nil && !isNumberOnly
        let signed = item?.signed
        if isWhole, let signed {
            put("1:k32:")
            signed.key.withUnsafeBytes { put($0) }
        }
        // `seq` and `sig` take at most 97 bytes, `token` 16, and the key of the value 3.
        let kept = (signed == nil ? 0 : 97) + 16 + (isWhole ? 3 + (item?.value.count ?? 0) : 0)
        putContacts(nodes, nodes6, families, reserving: endByteCountMax + kept)
        putSequence(signed?.sequence)
        if isWhole, let signed {
            put("3:sig64:")
            signed.signature.withUnsafeBytes { put($0) }
        }
        putToken(token)
        if isWhole, let item {
            put("1:v")
            item.value.withUnsafeBytes { put($0) }
        }
        return finishReply(start, transaction, sender)
    }

    /// Answers `sample_infohashes` (BEP 51): `interval` in whole seconds is when a new sample can
    /// be had, `storedCount` how many info-hashes there are.
    public mutating func appendSamples(
        _ samples: [SHA1Digest], interval: Interval, storedCount: Int,
        nodes: [NodeContact], _ nodes6: [NodeContact], families: AddressFamilies,
        _ transaction: TransactionID, to asker: Endpoint, from sender: KRPCSender,
        byteCountMax: Int = replyByteCountMax
    ) -> Range<Int>? {
        let start = beginReply(asker, byteCountMax)
        putID(sender)
        let clamped = min(max(.zero, interval), Limits.sampleIntervalMax)
        put("8:interval")
        putInteger(clamped.nanoseconds / 1_000_000_000)
        // `num` and the key of the samples take at most 40 bytes.
        putContacts(nodes, nodes6, families, reserving: endByteCountMax + 40)
        put("3:num")
        putInteger(Int64(max(0, storedCount)))
        let soft = Limits.sentPeersByteCountMax - (count - start)
        let fitting = (min(room, soft) - endByteCountMax - 14) / SHA1Digest.byteCount
        let sampleCount = min(samples.count, max(0, fitting))
        put("7:samples")
        putDecimal(UInt64(sampleCount * SHA1Digest.byteCount))
        put(":")
        for position in 0..<sampleCount { samples[position].withUnsafeBytes { put($0) } }
        return finishReply(start, transaction, sender)
    }

    /// An error (BEP 5, "Errors"; BEP 44, "Errors").
    public mutating func appendError(
        _ code: KRPCErrorCode, _ transaction: TransactionID, to asker: Endpoint,
        from sender: KRPCSender, byteCountMax: Int = replyByteCountMax
    ) -> Range<Int>? {
        let start = begin(atMost: byteCountMax)
        put("d1:el")
        putInteger(Int64(code.rawValue))
        let text = code.text
        putString(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        put("e")
        putAddress(asker)
        putEnd(transaction, sender)
        put("1:y1:ee")
        return finish(start)
    }

    // MARK: - What answers share

    @inline(__always)
    private mutating func beginReply(_ asker: Endpoint, _ byteCountMax: Int) -> Int {
        let start = begin(atMost: byteCountMax)
        put("d")
        putAddress(asker)
        put("1:rd")
        return start
    }

    @inline(__always)
    private mutating func putAddress(_ asker: Endpoint) {
        if asker.isIPv4 { put("2:ip6:") } else { put("2:ip18:") }
        put(asker)
    }

    private mutating func putID(_ sender: KRPCSender) {
        put("2:id20:")
        put(sender.id)
    }

    /// The bytes of all that follows the last list: `e`, `t`, `v`, `y`, `e`.
    private var endByteCountMax: Int { 1 + 6 + Limits.transactionIDByteCountMax + 9 + 7 }

    @inline(__always)
    private mutating func finishReply(
        _ start: Int, _ transaction: TransactionID, _ sender: KRPCSender
    ) -> Range<Int>? {
        put("e")
        putEnd(transaction, sender)
        put("1:y1:re")
        return finish(start)
    }

    private mutating func putToken(_ token: WriteToken?) {
        guard let token else { return }
        put("5:token8:")
        put(bigEndian: token.rawValue)
    }

    /// The lists that `families` names, which are there even if empty.
    private mutating func putContacts(
        _ nodes: [NodeContact], _ nodes6: [NodeContact], _ families: AddressFamilies,
        reserving reserved: Int
    ) {
        let isBoth = families.contains(.ipv4) && families.contains(.ipv6)
        if families.contains(.ipv4) {
            put("5:nodes")
            let kept = isBoth ? reserved + 12 : reserved
            putContacts(nodes, size: NodeContact.compactIPv4ByteCount, reserving: kept)
        }
        if families.contains(.ipv6) {
            put("6:nodes6")
            putContacts(nodes6, size: NodeContact.compactIPv6ByteCount, reserving: reserved)
        }
    }

    private mutating func putContacts(
        _ contacts: [NodeContact], size: Int, reserving reserved: Int
    ) {
        // Its length has at most 3 digits, and a colon.
        let fitting = max(0, (room - reserved - 4) / size)
        let isIPv4 = size == NodeContact.compactIPv4ByteCount
        let most = min(fitting, Limits.nodesPerListMax)
        var chosen = 0
        for position in 0..<contacts.count {
            let isWanted = contacts[position].endpoint.isIPv4 == isIPv4
            chosen = min(most, isWanted ? chosen + 1 : chosen)
        }
        putDecimal(UInt64(chosen * size))
        put(":")
        var left = chosen
        for position in 0..<contacts.count {
            let contact = contacts[position]
            if left > 0, contact.endpoint.isIPv4 == isIPv4 {
                put(contact)
                left -= 1
            }
        }
    }

    /// Of peers of one family, all entries are as long (BEP 32, "values").
    private mutating func putPeers(_ peers: [Endpoint], room: Int) {
        guard !peers.isEmpty else { return }
        var left = room - 10
        guard left >= 8 else { return }
        put("6:valuesl")
        for position in peers.indices {
            let peer = peers[position]
            let size = peer.isIPv4 ? 8 : 21
            guard left >= size else { break }
            left -= size
            if peer.isIPv4 { put("6:") } else { put("18:") }
            put(peer)
        }
        put("e")
    }
}

/// What is wrong with a query.
public enum KRPCErrorCode: Int32, Error, Sendable, CaseIterable {
    case generic = 201
    case server = 202
    case protocolError = 203
    case unknownMethod = 204
    /// BEP 44 has these five.
    case valueTooLong = 205
    case signatureInvalid = 206
    case saltTooLong = 207
    case expectedOtherSequence = 301
    case sequenceTooLow = 302

    var text: StaticString {
        switch self {
        case .generic: "generic error"
        case .server: "server error"
        case .protocolError: "protocol error"
        case .unknownMethod: "method unknown"
        case .valueTooLong: "value too long"
        case .signatureInvalid: "invalid signature"
        case .saltTooLong: "salt too long"
        case .expectedOtherSequence: "cas mismatch"
        case .sequenceTooLow: "sequence number too low"
        }
    }
}
