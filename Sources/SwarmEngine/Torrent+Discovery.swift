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
        hearOfSleep()
        run(.peersFound(request.peers + linkedPeers, .explicit))
        run(.peersFound(earlierPeers, .resume))
        earlierPeers = []
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
        for name in wireNames where dhtNames.insert(name).inserted {
            services.joinDHT(name, isSeed: isSeed)
        }
        guard let nodes = metainfo?.nodes, !nodes.isEmpty else { return }
        Task { await dht.add(nodes.map { DHTPlace(host: $0.host, port: $0.port) }) }
    }

    private var isSeed: Bool { machine?.isSeeding ?? false }

    /// We may be a seed now.
    func tellDHT() {
        for name in dhtNames { services.joinDHT(name, isSeed: isSeed) }
    }

    /// - Returns: what ends when the DHT has forgotten the torrent.
    @discardableResult
    func leaveDHT() -> Task<Void, Never>? {
        let names = dhtNames
        dhtNames = []
        return names.isEmpty ? nil : services.dhtMembership?.leave(names)
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
