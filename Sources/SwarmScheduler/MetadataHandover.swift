import PeerWire
import Units

/// What the machine that fetched the metadata leaves to the one that fetches the content: whom it
/// knows, whom it banned, and its connections with what each peer has said.
public struct MetadataHandover: Sendable {
    var peers: PeerTable
    var peerList: PeerList
    var peerExchange: PeerExchange
    var server: MetadataServer
    var counters: TorrentCounters

    /// The connections that live on, under the same keys.
    public var connections: [(key: PeerKey, connection: PeerConnection)] {
        peers.active.compactMap { slot in
            peers[slot].map { ($0.key, $0.connection) }
        }
    }
}

extension TorrentMachine {
    /// Takes over peers that were connected before the number of pieces was known.
    mutating func inherit(_ handover: MetadataHandover) {
        peers = handover.peers
        peerList = handover.peerList
        peerList.configuration.connectionsMax = configuration.connectionsMax
        peerList.configuration.halfOpenMax = configuration.halfOpenMax
        if peerExchange.isOn { peerExchange = handover.peerExchange }
        metadataServer = handover.server
        counters = handover.counters
        let count = pieceCount
        for slot in peers.active {
            peers[slot]?.setPieceCount(count)
            if let key = peers[slot]?.key { heirlooms.append(key) }
        }
    }

    /// Tells the peers that we have had so far what we have. They were told that we have nothing,
    /// and that can be said only once, so it is said piece by piece (BEP 6).
    mutating func greetInherited(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        let keys = heirlooms
        heirlooms = []
        lastTick = now
        interestReviewAt = now + Limits.inheritedInterestTime
        for key in keys {
            guard let slot = peers.slot(of: key), let peer = peers[slot] else { continue }
            tellHaves(to: key, into: &actions)
            if isFinished, peer.connection.supportsExtensions {
                actions.append(.send(key, .uploadOnly(true)))
            }
            guard peer.isInterestedInUs, let candidate = candidate(slot, now: now) else {
                continue
            }
            choker.becameInterested(candidate, now: now, into: &chokeChanges)
        }
        applyChokeChanges(now: now, into: &actions)
    }

    /// Those of whom we said that we are interested, and who have not said that they have
    /// anything, are told that we are not after all.
    mutating func reviewInterest(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard let due = interestReviewAt, now >= due else { return }
        interestReviewAt = nil
        for slot in peers.active { updateInterest(slot, into: &actions) }
    }

    private func tellHaves(to key: PeerKey, into actions: inout ActionBuffer<TorrentAction>) {
        let have = picker.have
        guard have.setCount <= Limits.inheritedHavesMax else {
            // Clients take a bitfield in the middle of things, as aria2 sends one there.
            return actions.append(.send(key, .bitfield(have)))
        }
        have.forEach { actions.append(.send(key, .have($0))) }
    }
}
