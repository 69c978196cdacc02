import Metainfo
public import NIOCore
import NIOPosix
import Transport

/// A BitTorrent client: one port, any number of torrents, no user interface.
///
/// A torrent lives on one event loop together with all its connections, so that what happens to
/// it happens in order and without locks; the session only brings the two together.
public actor Session {
    /// Where peers are accepted now.
    public nonisolated var port: UInt16 { services.port }
    /// How the session behaves now.
    public nonisolated var configuration: SessionConfiguration { services.configuration }
    /// The loops that torrents are on.
    public nonisolated var eventLoops: any EventLoopGroup { loops }
    nonisolated let services: Services
    private let loops: MultiThreadedEventLoopGroup
    var isStopped = false
    /// The last change of where the session is found, which the next one waits for.
    var switching: Task<EngineError?, Never>?
    /// Trackers are told that all torrents leave, as they are not used any more.
    var leavingTrackers: Task<Void, Never>?
    /// Writes totals, and watches the disks.
    var housekeeping: Task<Void, Never>?
    /// Divides the session's limits among its torrents.
    var dividing: Task<Void, Never>?

    /// Opens the port and the state folder.
    public init(_ configuration: SessionConfiguration) async throws(EngineError) {
        self.loops = MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.loopCount))
        let services: Services
        do throws(EngineError) {
            services = try await Services(configuration, loops: loops)
        } catch {
            try? await loops.shutdownGracefully()
            throw error
        }
        self.services = services
    }

    /// Takes part in a torrent. What is there of its content is found and checked first, which
    /// goes on after this returns; the torrent's events tell. A dormant seed of the same record
    /// wakes to be this torrent.
    public func add(_ request: TorrentRequest) async throws(EngineError) -> Torrent {
        guard !isStopped else { throw .stopped }
        let torrent = Torrent(
            request, services: services, loop: loops.next(),
            continuing: services.wake(request.record))
        guard services.directory.insert(torrent) else {
            throw .duplicate(name: request.name)
        }
        await torrent.start()
        if let record = request.record {
            services.reception.admitWaiting(for: record, to: torrent)
        }
        divideLimits()
        keepHouse()
        return torrent
    }

    public func remove(_ torrent: Torrent) async {
        services.directory.remove(torrent)
        await torrent.stop()
    }

    /// Leaves all swarms: trackers are told, state is saved, connections end. At most 5 s.
    public func shutdown() async {
        guard !isStopped else { return }
        isStopped = true
        _ = await switching?.value
        dividing?.cancel()
        housekeeping?.cancel()
        await services.network.close()
        await withTaskGroup(of: Void.self) { group in
            for torrent in services.directory.all { group.addTask { await self.remove(torrent) } }
            group.addTask { await self.services.leaveSleepers() }
            if let leavingTrackers { group.addTask { await leavingTrackers.value } }
        }
        await services.shutdown()
        try? await loops.shutdownGracefully()
    }
}
