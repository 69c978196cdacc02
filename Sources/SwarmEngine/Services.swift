import Discovery
import Foundation
import Metainfo
import NIOCore
import NIOPosix
import PeerWire
import Storage
import Synchronization
import Tracker
import Transport
import Units

/// What all torrents of a session share.
final class Services: Sendable {
    /// What of it may change while the session runs does.
    var configuration: SessionConfiguration { adjustable.withLock(\.self) }
    private let adjustable: Mutex<SessionConfiguration>
    /// The limits that torrents share, by the names of their groups.
    let groups = Mutex<[String: RateLimits]>([:])
    /// Those of all torrents.
    let connections = Atomic<Int>(0)
    let counters = SessionCounters()
    let diskCounters = DiskCounters()
    let directory = TorrentDirectory()
    let network: PeerNetwork
    let reception: Reception
    let presence: Mutex<Presence>
    /// Complete torrents that nobody is connected to.
    let sleepers: Sleepers
    let sleeperTimer = Mutex<RepeatedTask?>(nil)
    let room = Mutex(RoomMeter())
    let trackerURLs = Mutex<[String: TrackerURL]>([:])
    let loops: any EventLoopGroup
    /// What is near may be named by others.
    let isLocal: Bool
    /// For what waits for the session store or looks at folders, before a torrent has its disk.
    let startup = DiskPool(writeLanes: 1, readLanes: 1, checkLanes: 1)
    let disks = DiskPools()
    private let memory = ExtentMemory()
    private let openFiles = OpenFiles()
    let store: SessionStore?
    /// The table is this session's alone while it has this.
    private let dhtLock: FileLock?
    private let chance = Mutex(SystemRandomNumberGenerator())

    init(
        _ configuration: SessionConfiguration, loops: MultiThreadedEventLoopGroup
    ) async throws(EngineError) {
        self.adjustable = Mutex(configuration)
        self.loops = loops
        let network = PeerNetwork(group: loops, bindAddress: configuration.bindAddress)
        let sleepers = Sleepers(directory)
        let reception = Reception(
            directory: directory, sleepers: sleepers, network: network, counters: counters)
        self.sleepers = sleepers
        self.network = network
        self.reception = reception
        self.store = try Self.openStore(configuration.stateDirectory)
        let ports: Ports
        do throws(EngineError) {
            ports = try await Ports.open(configuration, network, reception)
        } catch {
            await Self.stop(startup, disks)
            throw error
        }
        self.isLocal = configuration.isLocal
        let table = configuration.stateDirectory.flatMap { FileLock(path: $0 + "/dht.lock") }
        self.dhtLock = table
        self.presence = Mutex(
            Presence(
                port: ports.port, sockets: ports.sockets,
                trackers: await Self.trackers(configuration, ports.sockets, loops),
                dht: await Self.dht(configuration, ports.sockets, savesTable: table != nil),
                localDiscovery: await Self.openLocalDiscovery(
                    configuration, sleepers, on: loops.next(), seed: .random(in: 0 ... .max))))
    }

    /// The table of the DHT is this session's alone.
    var savesDHTTable: Bool { dhtLock != nil }

    static func trackers(
        _ configuration: SessionConfiguration, _ sockets: [UDPSocket], _ loops: any EventLoopGroup
    ) async -> TrackerClient? {
        guard configuration.usesTrackers else { return nil }
        var client = TrackerClient.Configuration()
        if let address = configuration.bindAddress {
            client.sourceIPv4 = address.contains(":") ? nil : address
            client.sourceIPv6 = address.contains(":") ? address : nil
        }
        return await TrackerClient(
            client, group: loops, sockets: sockets, logger: configuration.logger)
    }

    static func dht(
        _ session: SessionConfiguration, _ sockets: [UDPSocket], savesTable: Bool
    ) async -> DHTDriver? {
        guard session.usesDHT else { return nil }
        var configuration = DHTDriver.Configuration()
        if let places = session.dhtBootstrap { configuration.bootstrapNodes = places }
        configuration.stateFile = session.stateDirectory.map {
            DHTDriver.Configuration.stateFile(in: $0)
        }
        configuration.savesTable = savesTable
        if session.isLocal { configuration.acceptsLocalAddresses = true }
        return await DHTDriver.start(configuration, sockets: sockets, logger: session.logger)
    }

    private static func openStore(_ folder: String?) throws(EngineError) -> SessionStore? {
        guard let folder else { return nil }
        do throws(SessionStoreError) {
            return try SessionStore(path: folder + "/session.db")
        } catch {
            throw EngineError(error, store: folder)
        }
    }

    func adjust(_ change: (inout SessionConfiguration) -> Void) {
        adjustable.withLock { change(&$0) }
    }

    /// The disk that holds `folder`. Asks the file system, so not for event loops.
    func resources(for folder: String) -> TorrentStorage.Resources {
        TorrentStorage.Resources(
            pool: disks.pool(for: folder), memory: memory, openFiles: openFiles, store: store,
            counters: diskCounters)
    }

    /// Lets go of memory that the disks have not needed since this was last called.
    func giveBackMemory() { memory.giveBackUnneeded() }

    /// A name for us towards peers, new for each torrent, so that they cannot tell that it is
    /// the same client (BEP 20).
    func makePeerID() -> PeerID {
        chance.withLock { PeerID.make(prefix: "-SW0100-", using: &$0) }
    }

    func makeSeed() -> UInt64 { chance.withLock { $0.next() } }

    func shutdown() async {
        await network.close()
        await localDiscovery?.shutdown()
        await trackers?.shutdown()
        await dht?.shutdown()
        dhtLock?.giveUp()
        for socket in presence.withLock({ $0.sockets }) { await socket.close() }
        await Self.stop(startup, disks)
    }

    private static func stop(_ startup: DiskPool, _ disks: DiskPools) async {
        await Task.detached {
            startup.stop()
            disks.stop()
        }.value
    }
}
