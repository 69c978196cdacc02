import Units

/// Bytes in order between two hosts.
struct Stream {
    struct End {
        let host: HostIndex
        /// When it may send.
        let mayBegin: Instant
        /// When the last thing on its way to it arrives; what follows arrives no sooner.
        var lastArrival: Instant
        var isClosed = false

        init(host: HostIndex, mayBegin: Instant) {
            self.host = host
            self.mayBegin = mayBegin
            self.lastArrival = mayBegin
        }
    }

    var dialler: End
    var acceptor: End

    /// The end at `host`.
    subscript(host: HostIndex) -> End {
        get { dialler.host == host ? dialler : acceptor }
        set { if dialler.host == host { dialler = newValue } else { acceptor = newValue } }
    }

    func other(than host: HostIndex) -> End { dialler.host == host ? acceptor : dialler }

    var isOver: Bool { dialler.isClosed && acceptor.isClosed }
}

/// Something on its way to one end of a stream.
struct StreamTransfer {
    let stream: StreamID
    let event: StreamEvent
}

extension Simulation {
    mutating func perform(_ action: Outbox.StreamAction, by host: HostIndex) {
        switch action {
        case .connect(let stream, let endpoint): connect(stream, from: host, to: endpoint)
        case .send(let stream, let bytes): send(bytes, on: stream, from: host)
        case .close(let stream): close(stream, by: host)
        }
    }

    private mutating func connect(_ id: StreamID, from host: HostIndex, to endpoint: Endpoint) {
        guard let other = hostAt[endpoint.address], other != host, canDial(other, from: host),
            hosts[other.position].endpoint.port == endpoint.port
                || hosts[other.position].ipv6?.port == endpoint.port,
            streams.count < Limits.streamsMax
        else {
            return schedule(.failed, on: id, for: host, at: now + conditions.connectTimeout)
        }
        let there = now + delays.delay(from: host, to: other, using: &generator)
        let back = there + delays.delay(from: other, to: host, using: &generator)
        streams[id] = Stream(
            dialler: Stream.End(host: host, mayBegin: back),
            acceptor: Stream.End(host: other, mayBegin: there))
        streamsOf[host, default: []].append(id)
        streamsOf[other, default: []].append(id)
        let port = UInt16(32_768 + id.rawValue % 28_000)
        schedule(
            .accepted(from: hosts[host.position].endpoint.with(port: port)), on: id, for: other,
            at: there)
    }

    private func canDial(_ other: HostIndex, from host: HostIndex) -> Bool {
        hosts[other.position].isUp && hosts[other.position].profile.nat == nil
            && hosts[host.position].group == hosts[other.position].group
    }

    private mutating func send(_ bytes: [UInt8], on id: StreamID, from host: HostIndex) {
        guard let stream = streams[id], !stream[host].isClosed else { return }
        let far = stream.other(than: host)
        guard hosts[far.host.position].isUp,
            hosts[host.position].group == hosts[far.host.position].group
        else {
            // Nobody acknowledges: the sender gives up after a while.
            return schedule(.closed, on: id, for: host, at: now + conditions.connectTimeout)
        }
        guard !far.isClosed else {
            // Its system knows nothing of this stream any more, and says so.
            let answered = now + delays.roundTrip(host, far.host)
            return schedule(.closed, on: id, for: host, at: answered)
        }
        counters.streamBytes += UInt64(bytes.count)
        var leaves = max(now, stream[host].mayBegin)
        if let time = hosts[host.position].profile.uplink?.time(for: Int64(bytes.count)) {
            leaves = max(leaves, hosts[host.position].uplinkFreeAt) + time
            hosts[host.position].uplinkFreeAt = leaves
        }
        schedule(.sent(bytes.count), on: id, for: host, at: leaves)
        var arrives = leaves + delays.delay(from: host, to: far.host, using: &generator)
        if isLost(bytes.count, from: host, to: far.host) {
            arrives = arrives + delays.roundTrip(host, far.host)
        }
        arrive(.received(bytes), on: id, at: far.host, noSoonerThan: arrives)
    }

    /// Whether one of the segments is lost, and has to be sent again.
    private mutating func isLost(_ count: Int, from host: HostIndex, to other: HostIndex) -> Bool {
        let loss =
            conditions.loss + hosts[host.position].profile.loss
            + hosts[other.position].profile.loss
        guard loss > 0 else { return false }
        return (0...(count / 1_400)).contains { _ in generator.nextShare() < loss }
    }

    private mutating func close(_ id: StreamID, by host: HostIndex) {
        guard let stream = streams[id], !stream[host].isClosed else { return }
        shut(id, at: host)
        let far = stream.other(than: host)
        guard !far.isClosed else { return }
        // It leaves after what was sent before.
        let leaves =
            hosts[host.position].profile.uplink == nil
            ? now : max(now, hosts[host.position].uplinkFreeAt)
        let delay = delays.delay(from: host, to: far.host, using: &generator)
        arrive(.closed, on: id, at: far.host, noSoonerThan: leaves + delay)
    }

    /// The end at `host` is told nothing more.
    mutating func shut(_ id: StreamID, at host: HostIndex) {
        streamsOf[host]?.removeAll { $0 == id }
        streams[id]?[host].isClosed = true
        if streams[id]?.isOver == true { streams[id] = nil }
    }

    /// Schedules what arrives no sooner than `time`, nor than what was sent before it.
    private mutating func arrive(
        _ event: StreamEvent, on id: StreamID, at host: HostIndex, noSoonerThan time: Instant
    ) {
        guard let stream = streams[id] else { return }
        let time = max(time, stream[host].lastArrival)
        streams[id]?[host].lastArrival = time
        schedule(event, on: id, for: host, at: time)
    }

    private mutating func schedule(
        _ event: StreamEvent, on id: StreamID, for host: HostIndex, at time: Instant
    ) {
        let slot = transfers.insert(StreamTransfer(stream: id, event: event))
        agenda.schedule(.stream, for: host, payload: slot, at: time)
    }

    mutating func deliverTransfer(_ slot: UInt32, to host: HostIndex) {
        let transfer = transfers[slot]
        transfers[slot] = StreamTransfer(stream: transfer.stream, event: .closed)
        transfers.remove(slot)
        let id = transfer.stream
        guard hosts[host.position].isUp else { return refuse(transfer, at: host) }
        if transfer.event != .failed {
            guard let stream = streams[id], !stream[host].isClosed else { return }
            if transfer.event == .closed { shut(id, at: host) }
            if case .accepted = transfer.event {
                schedule(.opened, on: id, for: stream.dialler.host, at: stream.dialler.mayBegin)
            }
        }
        note(now.nanoseconds, .stream, host)
        if case .received(let bytes) = transfer.event { bytes.withUnsafeBytes { trace.note($0) } }
        withNode(host) { $0.handle(transfer.event, on: id, now: $1, into: &$2) }
    }

    /// What arrives at a host that is down: its sender finds out, after a while.
    private mutating func refuse(_ transfer: StreamTransfer, at host: HostIndex) {
        guard let stream = streams[transfer.stream], transfer.event != .closed else { return }
        let other = stream.other(than: host).host
        let tellsAt = now + conditions.connectTimeout
        guard case .accepted = transfer.event else {
            return schedule(.closed, on: transfer.stream, for: other, at: tellsAt)
        }
        streams[transfer.stream] = nil
        streamsOf[other]?.removeAll { $0 == transfer.stream }
        schedule(.failed, on: transfer.stream, for: other, at: tellsAt)
    }
}
