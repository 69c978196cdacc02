import Discovery
import Hashing
import Kademlia
import Metainfo
import NIOCore
import PeerWire
import SwarmScheduler
import Transport
import Units

// MARK: - Finding peers

extension Torrent {
    /// Looks for peers in every way that there is.
    func seekPeers() {
        startTrackers()
        seekNeighbours()
        joinDHT()
        run(.peersFound(request.peers + linkedPeers, .explicit))
    }

    /// Peers that the link names. A link may come from anywhere, and must not make us knock on
    /// what is near us.
    private var linkedPeers: [Endpoint] {
        guard let link else { return [] }
        let peers = services.isLocal ? link.peers : link.publicPeers
        return peers.compactMap(\.endpoint)
    }

    /// Peers of a private torrent come from its trackers alone (BEP 27). Of a torrent that is
    /// known by a link only it is not known whether it is.
    var isPrivate: Bool { hasProvedPrivate || metainfo?.isPrivate ?? false }

    /// Looks for peers, and can be found, by all names of the torrent that are known.
    func joinDHT() {
        guard let dht = services.dht, !isStopping else { return }
        guard !isPrivate else {
            leaveDHT()
            return
        }
        for name in wireNames where dhtNames[name] == nil { dhtNames[name] = join(name, in: dht) }
        guard let nodes = metainfo?.nodes, !nodes.isEmpty else { return }
        Task { await dht.add(nodes.map { DHTPlace(host: $0.host, port: $0.port) }) }
    }

    private func join(
        _ name: SHA1Digest, in dht: DHTDriver
    ) -> Task<DHTDriver.TorrentID, Never> {
        let announcement = dhtAnnouncement
        // A node of a network that is near may name what is near.
        let source = services.isLocal ? Endpoint(ipv4: 0x7F00_0001, port: 0) : nil
        return Task {
            await dht.join(name, announcing: announcement) { [weak self] peers in
                self?.onLoop { torrent in
                    guard !torrent.isPrivate else { return }
                    torrent.run(.peersFound(peers, .dht, from: source))
                }
            }
        }
    }

    private var dhtAnnouncement: DHTAnnouncement {
        DHTAnnouncement(port: listenPort, isSeed: machine?.isSeeding ?? false)
    }

    /// We may be a seed now.
    func tellDHT() {
        guard let dht = services.dht else { return }
        let announcement = dhtAnnouncement
        for joining in dhtNames.values {
            Task { await dht.update(joining.value, announcing: announcement) }
        }
    }

    /// - Returns: what ends when the DHT has forgotten the torrent.
    @discardableResult
    func leaveDHT() -> Task<Void, Never>? {
        let joinings = Array(dhtNames.values)
        dhtNames = [:]
        guard let dht = services.dht, !joinings.isEmpty else { return nil }
        return Task {
            for joining in joinings { await dht.leave(joining.value) }
        }
    }
}

// MARK: - Nodes among the peers

extension Torrent {
    /// Whether we are a node of the DHT as far as the peers of this torrent are to know.
    var showsDHT: Bool { services.dht != nil && !isPrivate }

    /// Tells a peer that is a node where ours is (BEP 5, "BitTorrent Protocol Extension").
    func tellPort(to conduit: PeerConduit, _ handshake: Handshake) {
        guard handshake.supportsDHT, showsDHT, let key = conduit.key,
            let port = services.dhtPort(towards: conduit.remote)
        else { return }
        send(.port(port), to: key)
    }

    /// A peer has told where its node is.
    func heardPort(_ port: UInt16, from conduit: PeerConduit) {
        guard showsDHT, let dht = services.dht, port > 0 else { return }
        let endpoint = conduit.remote.with(port: port)
        Task { await dht.add([endpoint]) }
    }
}
