import NIOCore
import PeerWire
import Storage
import SwarmScheduler
import Synchronization
import Transport
import Units

/// Receives accepted connections until their peer has named a torrent, and shows them the way.
final class Reception: PeerConduitOwner {
    private struct State {
        var gate = AcceptGate()
        /// Those that have not named a torrent yet, by their ids, and how many of each address.
        var waiting: [UInt64: Endpoint] = [:]
        var addresses: [Endpoint: Int] = [:]
    }

    private let directory: TorrentDirectory
    private let network: PeerNetwork
    private let sleepers: Sleepers
    private let state = Mutex(State())
    /// Connections of others that have asked for a torrent of ours.
    private let welcomes = Atomic<Int64>(0)
    /// One of them came from outside: not from this machine or one near it.
    private let hasForeign = Atomic<Bool>(false)
    private let counters: SessionCounters

    var welcomeCount: Int64 { welcomes.load(ordering: .relaxed) }
    var hasForeignWelcome: Bool { hasForeign.load(ordering: .relaxed) }

    init(
        directory: TorrentDirectory, sleepers: Sleepers, network: PeerNetwork,
        counters: SessionCounters
    ) {
        self.directory = directory
        self.sleepers = sleepers
        self.network = network
        self.counters = counters
    }

    /// Whether a connection from there is let in: not too often, and not while too many others
    /// have connected and say nothing.
    func admits(_ remote: Endpoint, as id: UInt64) -> Bool {
        let admits = state.withLock { state in
            let address = remote.address
            let sameAddress = state.addresses[address] ?? 0
            guard state.waiting.count < Limits.strangersMax,
                remote.isLocal || sameAddress < Limits.strangersPerAddressMax,
                state.gate.admits(remote, now: MonotonicClock.now)
            else { return false }
            state.waiting[id] = address
            state.addresses[address] = sameAddress + 1
            return true
        }
        if !admits { counters.count(.refused) }
        return admits
    }

    private func forget(_ id: UInt64) {
        state.withLock { state in
            guard let address = state.waiting.removeValue(forKey: id),
                let count = state.addresses[address]
            else { return }
            state.addresses[address] = count > 1 ? count - 1 : nil
        }
    }

    func conduit(_ conduit: PeerConduit, received handshake: Handshake) {
        forget(conduit.id)
        switch directory.way(of: conduit, handshake) {
        // An unknown name is answered with silence: what we have is nobody's business.
        case .out:
            counters.count(.unknownTorrent)
            return conduit.close()
        case .torrent(let torrent): lead(conduit, handshake, to: torrent)
        case .waitingRoom(let record):
            conduit.hold(for: self)
            sleepers.want(record)
        }
        if !conduit.remote.isLocal { hasForeign.store(true, ordering: .relaxed) }
        welcomes.wrappingAdd(1, ordering: .relaxed)
    }

    private func lead(_ conduit: PeerConduit, _ handshake: Handshake, to torrent: Torrent) {
        guard torrent.loop.inEventLoop else {
            return move(conduit, handshake, to: torrent)
        }
        torrent.conduit(conduit, received: handshake)
    }

    /// Leads those that have waited for it to a torrent that is awake now.
    func admitWaiting(for record: TorrentRecord.ID, to torrent: Torrent) {
        for one in directory.takeWaiting(for: record) {
            one.conduit.channel.eventLoop.execute {
                one.conduit.setReading(true)
                self.lead(one.conduit, one.handshake, to: torrent)
            }
        }
    }

    /// A torrent lives on one loop with all its connections.
    private func move(_ conduit: PeerConduit, _ handshake: Handshake, to torrent: Torrent) {
        conduit.abandon()
        network.move(conduit.channel, to: torrent.loop) { channel in
            let moved = PeerConduit(
                id: conduit.id, moved: channel, from: conduit, owner: torrent)
            // Once the channel is set up, so that the answer finds its way out.
            torrent.loop.execute { torrent.conduit(moved, received: handshake) }
            return moved
        }
    }

    func conduit(_ conduit: PeerConduit, received messages: [PeerMessage]) {}

    func conduitClosed(_ conduit: PeerConduit, reason: ConduitClosure) {
        forget(conduit.id)
        if let failure = HandshakeFailure(reason) { counters.count(failure) }
        directory.leaveWaitingRoom(conduit.id)
    }
}
