public import Units

/// Values that others keep in the DHT with us (BEP 44).
public struct ItemStore: Sendable {
    private struct Stored: Sendable {
        var item: DHTItem
        var put: Instant
        /// Who is charged for it.
        let source: Endpoint
    }

    private var items = RecencyMap<NodeID, Stored>()
    private var quotas: [Endpoint: Int] = [:]
    private var verifications = Bucket(capacity: Limits.verificationBurst)

    public init() {}

    public var count: Int { items.count }

    /// The item at `target`.
    public func item(at target: NodeID, now: Instant) -> DHTItem? {
        guard let stored = items[target], now - stored.put < Limits.storedItemLife else {
            return nil
        }
        return stored.item
    }

    /// Stores an item where it belongs, or keeps it for longer, for the node at `source`, whose
    /// token was right.
    ///
    /// Throws what the node is to be told: `.valueTooLong`, `.saltTooLong`, `.signatureInvalid`,
    /// `.protocolError` for a value that is not canonical or a negative number,
    /// `.expectedOtherSequence` if `expecting` is not the stored number, `.sequenceTooLow`, or
    /// `.server` if its source has too many items or there were too many signatures to verify.
    public mutating func put(
        _ item: DHTItem, salt: [UInt8] = [], expecting: Int64? = nil, from source: Endpoint,
        now: Instant
    ) throws(KRPCErrorCode) {
        expire(now: now)
        guard item.value.count <= Limits.itemByteCountMax else { throw .valueTooLong }
        guard salt.count <= Limits.saltByteCountMax else { throw .saltTooLong }
        guard DHTItem.isCanonical(item.value) else { throw .protocolError }
        let target = item.target(salt: salt)
        let known = items[target]?.item
        if known == item {
            if let expecting, let signed = item.signed, expecting != signed.sequence {
                throw .expectedOtherSequence
            }
            items.update(target) { $0.put = now }
            items.touch(target)
            return
        }
        if let signed = item.signed {
            guard signed.sequence >= 0 else { throw .protocolError }
            if let stored = known?.signed {
                if let expecting, expecting != stored.sequence { throw .expectedOtherSequence }
                guard signed.sequence > stored.sequence else { throw .sequenceTooLow }
            }
            // What is refused above costs no verification, which is what takes time here.
            guard verifications.take(1, rate: Limits.verificationRate, now: now) else {
                throw .server
            }
            guard item.isSignatureValid(salt: salt) else { throw .signatureInvalid }
        }
        try store(item, at: target, from: source, now: now)
    }

    /// Forgets items that nobody puts any more.
    public mutating func expire(now: Instant) {
        while let oldest = items.oldestEntry, now - oldest.value.put >= Limits.storedItemLife {
            remove(oldest.key)
        }
    }

    private mutating func store(
        _ item: DHTItem, at target: NodeID, from endpoint: Endpoint, now: Instant
    ) throws(KRPCErrorCode) {
        let isReplaced = items.update(target) { stored in
            stored.item = item
            stored.put = now
            return true
        }
        if isReplaced ?? false {
            items.touch(target)
            return
        }
        let source =
            endpoint.isIPv4
            ? endpoint.address : Endpoint(ipv6High: endpoint.high, low: 0, port: 0)
        guard quotas[source] ?? 0 < Limits.storedItemsPerSourceMax else { throw .server }
        if items.count >= Limits.storedItemsMax, let oldest = items.oldestEntry {
            remove(oldest.key)
        }
        quotas[source] = (quotas[source] ?? 0) + 1
        items.insert(Stored(item: item, put: now, source: source), for: target)
    }

    private mutating func remove(_ target: NodeID) {
        guard let stored = items.remove(target) else { return }
        let left = (quotas[stored.source] ?? 1) - 1
        quotas[stored.source] = left > 0 ? left : nil
    }
}
