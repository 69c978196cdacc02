import Discovery
import Hashing
import Metainfo
import NIOCore
import SwarmScheduler
import Units

// MARK: - The neighbourhood (BEP 14)

extension Torrent {
    /// Lets neighbours know of the torrent, by every name that it has, and hears of those that
    /// take part in it. A private torrent is nobody's business (BEP 27): what was said of it
    /// before it was known to be private is not repeated.
    func seekNeighbours() {
        guard let local = services.localDiscovery, !isStopping else { return }
        guard metainfo?.isPrivate != true else { return leaveNeighbours() }
        for infoHash in wireNames { local.announce(infoHash, port: listenPort) }
    }

    func leaveNeighbours() {
        for infoHash in wireNames { services.localDiscovery?.withdraw(infoHash) }
    }

    /// Others than its trackers name peers. Called from any thread.
    nonisolated func found(
        _ peers: [Endpoint], _ origin: PeerOrigins, from source: Endpoint? = nil
    ) {
        onLoop { me in
            guard !me.isPrivate else { return }
            me.run(.peersFound(peers, origin, from: source))
        }
    }
}

extension Services {
    /// Joins the groups of the local network; what is heard goes to its torrent.
    static func openLocalDiscovery(
        _ configuration: SessionConfiguration, _ sleepers: Sleepers,
        on loop: any EventLoop, seed: UInt64
    ) async -> LocalDiscovery? {
        guard configuration.usesLSD else { return nil }
        var local = LocalDiscovery.Configuration()
        local.bindAddress = configuration.bindAddress
        let discovery = LocalDiscovery(
            local, on: loop, seed: seed, logger: configuration.logger,
            found: { infoHash, endpoint in
                sleepers.found([endpoint], by: infoHash, .lsd)
            })
        await discovery.start()
        return discovery
    }
}
