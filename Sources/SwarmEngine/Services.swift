import Discovery
import Foundation
import Metainfo
import NIOCore
import NIOPosix
import PeerWire
import Storage
import Synchronization
import Transport
import Units

/// What all torrents of a session share.
final class Services: Sendable {
    let configuration: SessionConfiguration
    let directory = TorrentDirectory()
    let network: PeerNetwork
    let trackers: TrackerClient?
    /// For what waits for the session store or looks at folders, before a torrent has its disk.
    let startup = DiskPool(writeLanes: 1, readLanes: 1, checkLanes: 1)
    private let disks = DiskPools()
    private let memory = ExtentMemory()
    private let openFiles = OpenFiles()
    private let store: SessionStore?
    private let sockets: [UDPSocket]
    private let reception: Reception
    private let chance = Mutex(SystemRandomNumberGenerator())

    init(
        _ configuration: SessionConfiguration, loops: MultiThreadedEventLoopGroup
    ) async throws(EngineError) {
        self.configuration = configuration
        self.network = PeerNetwork(group: loops, bindAddress: configuration.bindAddress)
        self.reception = Reception(directory: directory, network: network)
        self.store = try Self.openStore(configuration.stateDirectory)
        guard configuration.usesTrackers else {
            self.trackers = nil
            self.sockets = []
            return
        }
        let sockets = await Self.bindSockets(configuration, on: loops.next())
        self.sockets = sockets
        var client = TrackerClient.Configuration()
        if let address = configuration.bindAddress {
            client.sourceIPv4 = address.contains(":") ? nil : address
            client.sourceIPv6 = address.contains(":") ? address : nil
        }
        self.trackers = await TrackerClient(
            client, group: loops, sockets: sockets, logger: configuration.logger)
    }

    private static func openStore(_ folder: String?) throws(EngineError) -> SessionStore? {
        guard let folder else { return nil }
        do throws(SessionStoreError) {
            return try SessionStore(path: folder + "/session.db")
        } catch {
            throw EngineError(error, store: folder)
        }
    }

    /// One socket of each address family; a host may lack either.
    private static func bindSockets(
        _ configuration: SessionConfiguration, on loop: any EventLoop
    ) async -> [UDPSocket] {
        let addresses = configuration.bindAddress.map { [$0] } ?? ["0.0.0.0", "::"]
        var sockets: [UDPSocket] = []
        for address in addresses {
            guard let endpoint = Endpoint(addressText: address, port: 0),
                let socket = try? await UDPSocket.bind(to: endpoint, on: loop)
            else { continue }
            sockets.append(socket)
        }
        return sockets
    }

    /// Opens the port for peers, and gives the one that was free.
    func listen(port: UInt16) async throws(EngineError) -> UInt16 {
        do {
            return try await network.listen(port: port) { [network, reception] channel, remote in
                PeerConduit(
                    id: network.newID(), accepted: channel, remote: remote, owner: reception)
            }
        } catch {
            throw .cannotListen(port: port, reason: Self.reason(error))
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }

    /// The disk that holds `folder`. Asks the file system, so not for event loops.
    func resources(for folder: String) -> TorrentStorage.Resources {
        TorrentStorage.Resources(
            pool: disks.pool(for: folder), memory: memory, openFiles: openFiles, store: store)
    }

    /// The torrent's place in the session store; nil if the session remembers nothing.
    func record(_ request: TorrentRequest) throws(EngineError) -> TorrentRecord.ID? {
        guard let store else { return nil }
        let metainfo = request.metainfo
        do throws(SessionStoreError) {
            return try store.add(
                metainfo.infoHash, name: metainfo.name, folder: request.directory,
                metainfo: metainfo.encoded(), wantedFiles: request.selectedFiles.map(Array.init),
                now: Int64(Date().timeIntervalSince1970)
            ).id
        } catch {
            throw EngineError(error, store: store.path)
        }
    }

    /// A name for us towards peers, new for each torrent, so that they cannot tell that it is
    /// the same client (BEP 20).
    func makePeerID() -> PeerID {
        chance.withLock { PeerID.make(prefix: "-SW0100-", using: &$0) }
    }

    func makeSeed() -> UInt64 { chance.withLock { $0.next() } }

    func shutdown() async {
        await trackers?.shutdown()
        for socket in sockets { await socket.close() }
        await Task.detached { [startup, disks] in
            startup.stop()
            disks.stop()
        }.value
    }
}
