import Units

/// The table of a home router: which port outside stands for the host, towards whom, and who may
/// use it. A mapping that is not used for a while is forgotten.
struct AddressTranslation {
    private struct Mapping {
        var remote: Endpoint
        var expires: Instant
    }

    /// How long a UDP mapping lasts without traffic: many routers keep the two minutes that RFC
    /// 4787 (REQ-5) asks for at least.
    static let mappingLifetime = Interval.minutes(2)

    let kind: NATKind
    private let outside: Endpoint
    /// Who was sent to: by address for the address-restricted, by address and port else.
    private var permitted: [Endpoint: Instant] = [:]
    /// Symmetric: towards whom each port outside is.
    private var byPort: [UInt16: Mapping] = [:]
    private var portTowards: [Endpoint: UInt16] = [:]
    private var nextPort: UInt16 = 32_768
    private var lastSent = Instant.distantPast

    init(kind: NATKind, outside: Endpoint) {
        self.kind = kind
        self.outside = outside
    }

    /// Where a datagram to `remote` seems to come from.
    mutating func send(to remote: Endpoint, now: Instant) -> Endpoint {
        lastSent = now
        switch kind {
        case .fullCone:
            return outside
        case .addressRestricted:
            permit(remote.address, now: now)
            return outside
        case .portRestricted:
            permit(remote, now: now)
            return outside
        case .symmetric:
            return outside.with(port: port(towards: remote, now: now))
        }
    }

    /// Whether a datagram from `remote` to the port outside is let in.
    mutating func admits(from remote: Endpoint, port: UInt16, now: Instant) -> Bool {
        switch kind {
        case .fullCone:
            return port == outside.port && now - lastSent <= Self.mappingLifetime
        case .addressRestricted:
            return port == outside.port && isPermitted(remote.address, now: now)
        case .portRestricted:
            return port == outside.port && isPermitted(remote, now: now)
        case .symmetric:
            guard let mapping = byPort[port] else { return false }
            return mapping.remote == remote && mapping.expires >= now
        }
    }

    private func isPermitted(_ remote: Endpoint, now: Instant) -> Bool {
        permitted[remote].map { $0 >= now } ?? false
    }

    private mutating func permit(_ remote: Endpoint, now: Instant) {
        if permitted.count >= Limits.mappingsPerNATMax, permitted[remote] == nil {
            permitted = permitted.filter { $0.value >= now }
            if permitted.count >= Limits.mappingsPerNATMax { permitted.removeAll() }
        }
        permitted[remote] = now + Self.mappingLifetime
    }

    private mutating func port(towards remote: Endpoint, now: Instant) -> UInt16 {
        if let port = portTowards[remote], let mapping = byPort[port], mapping.expires >= now {
            byPort[port]?.expires = now + Self.mappingLifetime
            return port
        }
        if portTowards.count >= Limits.mappingsPerNATMax {
            byPort = byPort.filter { $0.value.expires >= now }
            if byPort.count >= Limits.mappingsPerNATMax { byPort.removeAll() }
            portTowards = portTowards.filter { byPort[$0.value]?.remote == $0.key }
        }
        let port = nextPort
        nextPort = nextPort == .max ? 32_768 : nextPort + 1
        if let old = byPort[port] { portTowards[old.remote] = nil }
        byPort[port] = Mapping(remote: remote, expires: now + Self.mappingLifetime)
        portTowards[remote] = port
        return port
    }
}
