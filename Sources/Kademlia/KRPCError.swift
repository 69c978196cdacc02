/// Why a packet is no message.
public struct KRPCError: Error, Hashable, Sendable {
    public enum Fault: Hashable, Sendable {
        /// More than 1,500 bytes, or none.
        case byteCount(Int)
        /// No bencoded dictionary, or one that ends early, is nested too deep, has too many values
        /// or something after it.
        case malformed(at: Int)
        /// A key that must be there is not.
        case keyMissing
        /// A key has a value of the wrong kind or length.
        case valueInvalid(at: Int)
        /// A key stands twice, or a query has what only answers have.
        case keyTwice(at: Int)
        /// A query that is not known and has no target.
        case methodUnknown
        /// The value of a `put` has more than 1,000 bytes (BEP 44).
        case itemTooLong
        /// The salt of a `put` has more than 64 bytes (BEP 44).
        case saltTooLong
    }

    public let fault: Fault
    /// Set if the packet is a query that may be told: it is not too long, and whole but for the
    /// fault, so that the transaction is known.
    public let answer: Answer?

    public struct Answer: Hashable, Sendable {
        public let transactionID: TransactionID
        public let code: KRPCErrorCode
    }

    init(_ fault: Fault, answering transactionID: TransactionID? = nil) {
        self.fault = fault
        self.answer = transactionID.map { Answer(transactionID: $0, code: Self.code(for: fault)) }
    }

    private static func code(for fault: Fault) -> KRPCErrorCode {
        switch fault {
        case .methodUnknown: .unknownMethod
        case .itemTooLong: .valueTooLong
        case .saltTooLong: .saltTooLong
        case .byteCount, .malformed, .keyMissing, .valueInvalid, .keyTwice: .protocolError
        }
    }
}
