import Logging
import ServiceLifecycle
import Units

/// Tells torrents of peers that the user has named for all of them: those that are there and not
/// complete, and those that are added while it runs.
struct KnownPeers: Service {
    let seedbox: Seedbox
    let peers: [Endpoint]
    let logger: Logger

    func run() async throws {
        guard !peers.isEmpty else { return try await gracefulShutdown() }
        if peers.count > Limits.peersNamedMax {
            logger.warning(
                "not all peers that were named are told of",
                metadata: ["told": "\(Limits.peersNamedMax)", "named": "\(peers.count)"])
        }
        await cancelWhenGracefulShutdown {
            // Listened to first, so that nothing is added in between.
            let events = seedbox.events()
            // A seed waits for peers to come, and would be woken by this.
            let ids = seedbox.catalogue.withRows { rows in
                rows.compactMap { $0.isComplete ? nil : $0.id }
            }
            for id in ids { await tell(id) }
            for await event in events where event.kind == .added { await tell(event.row.id) }
        }
    }

    private func tell(_ id: TorrentID) async {
        do throws(SeedboxError) {
            try await seedbox.addPeers(id, Array(peers.prefix(Limits.peersNamedMax)))
        } catch {
            logger.warning(
                "a torrent was not told of the peers that were named",
                metadata: ["torrent": "\(id)", "why": "\(error)"])
        }
    }
}
