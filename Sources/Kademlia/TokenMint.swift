public import Units

/// Permission to write to us (BEP 5, "token"; BEP 44), in 8 bytes.
public struct WriteToken: Hashable, Sendable {
    /// The bytes, the first highest.
    public let rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Mints tokens and knows its own. A token is a keyed hash of the address it was given to, of the
/// target it was asked for, and of the 5 minutes in which that was, so nothing is kept for it; a
/// token that is not bound to a target would let one lookup fill any store.
public struct TokenMint: Sendable {
    private let secret: SipHash.Key

    /// `secret` is 16 bytes of true chance that nobody else knows: who knows it can write here in
    /// the name of any address.
    public init(secret: (UInt64, UInt64)) {
        self.secret = SipHash.Key(secret.0, secret.1)
    }

    /// The token for the node at `endpoint`, whatever its port, to write at `target`.
    public func token(for endpoint: Endpoint, target: NodeID, now: Instant) -> WriteToken {
        token(for: endpoint, target: target, period: period(of: now))
    }

    /// Whether `token` was minted for this address and target 5 to 10 minutes ago or later.
    public func accepts(
        _ token: UnsafeRawBufferPointer, from endpoint: Endpoint, target: NodeID, now: Instant
    ) -> Bool {
        guard token.count == 8 else { return false }
        let given = WriteToken(rawValue: UInt64(bigEndian: token.loadUnaligned(as: UInt64.self)))
        let period = period(of: now)
        return given == self.token(for: endpoint, target: target, period: period)
            || given == self.token(for: endpoint, target: target, period: period &- 1)
    }

    private func token(for endpoint: Endpoint, target: NodeID, period: Int64) -> WriteToken {
        var hash = SipHash(secret)
        hash.combine(UInt64(bitPattern: period))
        hash.combine(endpoint.high)
        hash.combine(endpoint.low)
        hash.combine(target.high)
        hash.combine(target.middle)
        hash.combine(UInt64(target.low))
        return WriteToken(rawValue: hash.finish())
    }

    private func period(of now: Instant) -> Int64 {
        let length = Limits.tokenPeriod.nanoseconds
        let quotient = now.nanoseconds / length
        return now.nanoseconds % length < 0 ? quotient - 1 : quotient
    }
}
