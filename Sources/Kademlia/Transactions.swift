import Units

/// What a query is for.
enum QueryPurpose: Hashable, Sendable {
    /// A step of a lookup.
    case search(WorkID)
    /// A question for what lies beside a lookup's target.
    case sweep(WorkID)
    /// An announce, or a `put`.
    case store(WorkID)
    /// A ping that somebody asked for.
    case ping(WorkID)
    /// A question to an address of which nothing else is known.
    case join
    /// Whether a node of our table, or one that wants to be in it, is there.
    case check
}

/// A query that may still be answered.
struct Transaction: Sendable {
    let endpoint: Endpoint
    /// Who is asked; `nil` if only the address is known.
    let id: NodeID?
    let purpose: QueryPurpose
    let sentAt: Instant
    fileprivate let salt: UInt16

    var contact: NodeContact? { id.map { NodeContact(id: $0, endpoint: endpoint) } }
}

/// The queries under way. An answer finds its query by the number that it returns: the place here,
/// and 16 bits that are not foreseen.
struct Transactions: Sendable {
    private var slots: [Transaction?] = []
    private(set) var count = 0

    var isFull: Bool { count >= Limits.transactionsMax }

    /// `nil` if there are too many.
    mutating func begin(
        to endpoint: Endpoint, id: NodeID?, for purpose: QueryPurpose, now: Instant,
        using generator: inout KeyedGenerator
    ) -> TransactionID? {
        guard !isFull else { return nil }
        let salt = UInt16(truncatingIfNeeded: generator.next())
        let transaction = Transaction(
            endpoint: endpoint, id: id, purpose: purpose, sentAt: now, salt: salt)
        let slot = slots.firstIndex { $0 == nil } ?? slots.count
        if slot == slots.count { slots.append(transaction) } else { slots[slot] = transaction }
        count += 1
        return TransactionID(UInt32(truncatingIfNeeded: slot) << 16 | UInt32(salt))
    }

    /// The query that this answers: the number is one that was given, and the sender is who was
    /// asked, port included. It is over with that.
    mutating func end(_ id: TransactionID, from sender: Endpoint) -> Transaction? {
        guard let number = id.number else { return nil }
        let slot = Int(number >> 16)
        guard slot < slots.count, let transaction = slots[slot], transaction.endpoint == sender,
            transaction.salt == UInt16(truncatingIfNeeded: number)
        else { return nil }
        free(slot)
        return transaction
    }

    /// One query that has waited long enough, if there is any; it is over with that.
    mutating func expire(now: Instant) -> Transaction? {
        for slot in slots.indices {
            guard let transaction = slots[slot], now >= Self.deadline(transaction) else { continue }
            free(slot)
            return transaction
        }
        return nil
    }

    func nextDeadline() -> Instant? {
        guard count > 0 else { return nil }
        var next: Instant?
        for case let transaction? in slots {
            let deadline = Self.deadline(transaction)
            if let found = next, found <= deadline { continue }
            next = deadline
        }
        return next
    }

    private static func deadline(_ transaction: Transaction) -> Instant {
        transaction.sentAt + Limits.answerTime
    }

    private mutating func free(_ slot: Int) {
        slots[slot] = nil
        count -= 1
        if count == 0 { slots = [] }
    }
}
