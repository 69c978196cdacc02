import Logging
import ServiceLifecycle
import Units

/// Tells every torrent of peers that the user has named for all of them: those that are there, and
/// those that are added while it runs.
struct KnownPeers: Service {
    let seedbox: Seedbox
    let peers: [Endpoint]
    let logger: Logger

    func run() async throws {
        guard !peers.isEmpty else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            // Listened to first, so that nothing is added in between.
            let events = seedbox.events()
            for id in seedbox.catalogue.withRows({ $0.map(\.id) }) { await tell(id) }
            for await event in events where event.kind == .added { await tell(event.row.id) }
        }
    }

    private func tell(_ id: TorrentID) async {
        do throws(SeedboxError) { try await seedbox.addPeers(id, peers) } catch {
            logger.warning(
                "a torrent was not told of the peers that were named",
                metadata: ["torrent": "\(id)", "why": "\(error)"])
        }
    }
}
