public import Units

// MARK: - Connections

extension PeerList {
    /// Enters a connection: one that was dialled and opened, or one that was accepted and
    /// admitted. Unless it is `entered`, close it.
    public mutating func connected(
        _ remote: Endpoint, as key: PeerKey, isInbound: Bool, now: Instant
    ) -> ConnectOutcome {
        if !isInbound { halfOpen.removeAll { $0 == remote } }
        if connections[key] != nil { return .duplicate(of: key) }
        let position = isInbound ? nil : positions[remote]
        if let position, case .connected(let other) = records[position].status {
            return .duplicate(of: other)
        }
        if let position { records[position].status = .idle }
        guard ban(of: remote, now: now) == nil else { return .refused(.banned) }
        guard connections.count < configuration.connectionsMax else {
            return .refused(.connectionsFull)
        }
        if let position { records[position].status = .connected(key) }
        connections[key] = Connection(
            remote: remote, listening: isInbound ? nil : remote, since: now)
        connectedAddresses.add(remote.address)
        connectedSubnets.add(remote.subnet)
        return .entered
    }

    /// Learns at which port an accepted peer listens (BEP 10, "p"), so that it is not dialled
    /// while it is connected, and can be afterwards. Yields another connection to the same
    /// endpoint, if there is one: one of the two is to be closed.
    public mutating func learned(
        listeningPort port: UInt16, of key: PeerKey, now: Instant
    ) -> PeerKey? {
        guard let connection = connections[key], connection.listening == nil else { return nil }
        let endpoint = connection.remote.with(port: port)
        add(endpoint, origin: .incoming, now: now)
        guard let position = positions[endpoint] else { return nil }
        if case .connected(let other) = records[position].status { return other }
        records[position].status = .connected(key)
        connections[key]?.listening = endpoint
        return nil
    }

    /// Notes whether a connected peer has everything: seeds do not dial seeds.
    public mutating func setSeed(_ isSeed: Bool, of key: PeerKey) {
        guard let position = position(of: key) else { return }
        records[position].isSeed = isSeed
    }

    /// A dial that `nextDials` asked for came to nothing.
    public mutating func dialFailed(
        _ endpoint: Endpoint, _ failure: DialFailure, now: Instant,
        using generator: inout some RandomNumberGenerator
    ) {
        halfOpen.removeAll { $0 == endpoint }
        guard let position = positions[endpoint], records[position].status == .dialing else {
            return
        }
        records[position].status = .idle
        let wait: Interval
        switch failure {
        case .refused, .timedOut, .handshakeFailed:
            wait = waitAfterFailure(at: position, using: &generator)
        case .notAttempted:
            wait = Limits.retryAfterOwnFault
        }
        records[position].nextAttempt = now + wait
        noteDial(at: records[position].nextAttempt)
    }

    /// A connection ended. The endpoint is dialled again after a time that depends on why.
    public mutating func disconnected(
        _ key: PeerKey, _ reason: DisconnectReason, now: Instant,
        using generator: inout some RandomNumberGenerator
    ) {
        guard let connection = connections.removeValue(forKey: key) else { return }
        connectedAddresses.remove(connection.remote.address)
        connectedSubnets.remove(connection.remote.subnet)
        guard let endpoint = connection.listening, let position = positions[endpoint],
            records[position].status == .connected(key)
        else { return }
        records[position].status = .idle
        let wasOfUse = now - connection.since >= Limits.usefulConnectionMin
        let wait: Interval
        switch reason {
        case .ourselves:
            return markOwn(endpoint)
        case .closedByPeer, .timedOut, .duplicate:
            if wasOfUse || reason == .duplicate { records[position].failureCount = 0 }
            wait = waitAfterFailure(
                at: position, counts: !wasOfUse && reason != .duplicate, using: &generator)
        case .handshakeFailed:
            wait = waitAfterFailure(at: position, using: &generator)
        case .protocolError:
            let long = waitAfterFailure(at: position, using: &generator)
            wait = max(long, Limits.waitAfterProtocolError)
        case .redundant, .madeRoom:
            wait = jittered(Limits.waitWithoutNeed, using: &generator)
        case .stopped:
            wait = .zero
        }
        records[position].nextAttempt = now + wait
        noteDial(at: records[position].nextAttempt)
    }

    /// Something is wanted again. Who was left because nobody wanted anything need not be waited
    /// for; nor who left us so, which counts as one failure if it had hardly been connected.
    mutating func reconsider(now: Instant) {
        for position in records.indices {
            let record = records[position]
            guard record.status == .idle, record.failureCount <= 1, record.nextAttempt > now else {
                continue
            }
            records[position].nextAttempt = now
        }
        noteDial(at: now)
    }

    private func position(of key: PeerKey) -> Int? {
        guard let endpoint = connections[key]?.listening, let position = positions[endpoint],
            records[position].status == .connected(key)
        else { return nil }
        return position
    }

    /// Doubles with each failure, from a base that is short for the user's own peers and for near
    /// ones; with jitter, so that a swarm that lost its seed does not come back to it at once.
    private mutating func waitAfterFailure(
        at position: Int, counts: Bool = true, using generator: inout some RandomNumberGenerator
    ) -> Interval {
        if counts {
            records[position].failureCount = records[position].failureCount.addingSaturating(1)
        }
        let record = records[position]
        let (base, longest) =
            record.origins.contains(.explicit)
            ? (Limits.explicitRetryMin, Limits.explicitRetryMax)
            : record.endpoint.isLocal
                ? (Limits.localRetryMin, Limits.localRetryMax)
                : (Limits.retryMin, Limits.retryMax)
        let doublings = min(max(0, Int(record.failureCount) - 1), 20)
        return jittered(min(base * (1 << doublings), longest), using: &generator)
    }

    /// Up to a quarter shorter or longer.
    private func jittered(
        _ wait: Interval, using generator: inout some RandomNumberGenerator
    ) -> Interval {
        let quarter = max(0, wait.nanoseconds / 4)
        return wait + Interval(nanoseconds: .random(in: -quarter...quarter, using: &generator))
    }
}

// MARK: - Accepted connections

extension PeerList {
    /// Whether an accepted connection may stay. Ask once for each; then enter it by `connected`.
    /// One address may have its connections and no more; a subnet may have a few, and more only
    /// while the torrent is less than half full.
    public mutating func admits(_ remote: Endpoint, now: Instant) -> Admission {
        guard let refusal = refusal(ofInbound: remote, now: now) else { return .admitted }
        admissionRefusals[refusal, default: 0] += 1
        return .refused(refusal)
    }

    private mutating func refusal(ofInbound remote: Endpoint, now: Instant) -> AdmissionRefusal? {
        guard ban(of: remote, now: now) == nil else { return .banned }
        guard gate.admits(remote, now: now) else { return .tooFast }
        guard connections.count < configuration.connectionsMax else { return .connectionsFull }
        guard !remote.isLocal else { return nil }
        guard connectedAddresses[remote.address] < configuration.connectionsPerAddressMax else {
            return .addressFull
        }
        let isHalfFull = connections.count >= configuration.connectionsMax / 2
        guard isHalfFull else { return nil }
        let inSubnet = connectedSubnets[remote.subnet]
        return inSubnet < Limits.connectionsPerSubnetSoftMax ? nil : .subnetFull
    }
}

// MARK: - Bans

extension PeerList {
    /// Bans a peer (`Endpoint.banIdentity`) for the time that the reason asks for, and forgets its
    /// endpoints. Yields its connections, by key: close them.
    public mutating func ban(
        _ endpoint: Endpoint, _ reason: BanReason, now: Instant
    ) -> [PeerKey] {
        let identity = endpoint.banIdentity
        let until = max(bans[identity]?.until ?? now, now + reason.duration)
        if bans[identity] == nil { makeRoomForBan(now: now) }
        bans[identity] = Ban(reason: reason, until: until)
        let known = records.map(\.endpoint).filter { $0.banIdentity == identity }
        for endpoint in known {
            if let position = positions[endpoint] { removeRecord(at: position) }
        }
        let keys = connections.filter { _, connection in
            connection.remote.banIdentity == identity
                || connection.listening?.banIdentity == identity
        }
        return keys.keys.sorted()
    }

    /// Lifts a ban.
    public mutating func unban(_ endpoint: Endpoint) { bans[endpoint.banIdentity] = nil }

    /// Why an endpoint is banned, and until when; `nil` if it is not.
    public func banReason(
        of endpoint: Endpoint, now: Instant
    ) -> (reason: BanReason, until: Instant)? {
        ban(of: endpoint, now: now).map { ($0.reason, $0.until) }
    }

    func ban(of endpoint: Endpoint, now: Instant) -> Ban? {
        guard let ban = bans[endpoint.banIdentity], ban.until > now else { return nil }
        return ban
    }

    private mutating func makeRoomForBan(now: Instant) {
        guard bans.count >= Limits.bansMax else { return }
        bans = bans.filter { $0.value.until > now }
        guard bans.count >= Limits.bansMax else { return }
        // A strict order, so that the dictionary's own never shows.
        let first = bans.min { a, b in
            a.value.until != b.value.until
                ? a.value.until < b.value.until : a.key.isOrderedBefore(b.key)
        }
        if let first { bans[first.key] = nil }
    }
}

// MARK: - Private torrents (BEP 27)

extension PeerList {
    /// Forgets whoever neither the tracker nor the user named, nor came by himself. Yields the
    /// connections to such: close them.
    mutating func keepToTrackers() -> [PeerKey] {
        var strangers: [PeerKey] = []
        for record in records where record.origins.isDisjoint(with: .ofPrivateTorrents) {
            if case .connected(let key) = record.status { strangers.append(key) }
            if let position = positions[record.endpoint] { removeRecord(at: position) }
        }
        return strangers.sorted()
    }
}
