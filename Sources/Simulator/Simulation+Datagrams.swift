import Units

/// A datagram on its way.
struct Datagram {
    var from: Endpoint
    var toPort: UInt16
    var bytes: [UInt8]
}

extension Simulation {
    /// Puts one datagram on its way, if it is not lost at once.
    mutating func send(
        _ buffer: [UInt8], _ range: Range<Int>, from host: HostIndex, to: Endpoint
    ) {
        counters.sent += 1
        counters.sentBytes += UInt64(range.count)
        guard range.count <= Limits.datagramByteCountMax,
            let leaves = leave(host, bytes: range.count)
        else {
            counters.dropped += 1
            return
        }
        guard let from = source(of: host, towards: to), let other = hostAt[to.address] else {
            counters.toNobody += 1
            return
        }
        guard hosts[host.position].group == hosts[other.position].group else {
            counters.partitioned += 1
            return
        }
        let loss =
            conditions.loss + hosts[host.position].profile.loss
            + hosts[other.position].profile.loss
        guard loss <= 0 || generator.nextShare() >= loss else {
            counters.lost += 1
            return
        }
        schedule(buffer, range, from: from, sender: host, to: to, host: other, leaves: leaves)
        if conditions.duplication > 0, generator.nextShare() < conditions.duplication {
            schedule(buffer, range, from: from, sender: host, to: to, host: other, leaves: leaves)
        }
    }

    /// What the receiver sees as the sender; nil without an address of that family.
    private mutating func source(of host: HostIndex, towards to: Endpoint) -> Endpoint? {
        if translations[host] != nil, to.isIPv4 {
            return translations[host]?.send(to: to, now: now)
        }
        let own = hosts[host.position]
        if own.endpoint.isIPv4 == to.isIPv4 { return own.endpoint }
        guard let second = own.ipv6, second.isIPv4 == to.isIPv4 else { return nil }
        return second
    }

    /// When so many bytes have left through the host's uplink; nil if its queue is full.
    private mutating func leave(_ host: HostIndex, bytes: Int) -> Instant? {
        guard let rate = hosts[host.position].profile.uplink else { return now }
        let begin = max(now, hosts[host.position].uplinkFreeAt)
        guard begin - now <= Limits.uplinkQueueMax, let time = rate.time(for: Int64(bytes)) else {
            return nil
        }
        hosts[host.position].uplinkFreeAt = begin + time
        return begin + time
    }

    private mutating func schedule(
        _ buffer: [UInt8], _ range: Range<Int>, from: Endpoint, sender: HostIndex, to: Endpoint,
        host: HostIndex, leaves: Instant
    ) {
        let slot: UInt32
        if let used = inFlight.reuse() {
            slot = used
        } else {
            slot = inFlight.insert(Datagram(from: from, toPort: to.port, bytes: []))
        }
        inFlight[slot].from = from
        inFlight[slot].toPort = to.port
        inFlight[slot].bytes.removeAll(keepingCapacity: true)
        inFlight[slot].bytes.append(contentsOf: buffer[range])
        let delay = delays.delay(from: sender, to: host, using: &generator)
        agenda.schedule(.datagram, for: host, payload: slot, at: leaves + delay)
    }
}
