import Discovery
import NIOCore
import SwarmScheduler
import Synchronization
import Transport
import Units

/// Where a session is to be found, and who it finds others by. All of it may change while it runs.
struct Presence: Sendable {
    /// Where peers are accepted.
    var port: UInt16
    /// Where the DHT is spoken, and from where UDP trackers are asked.
    var sockets: [UDPSocket]
    var trackers: TrackerClient?
    var dht: DHTDriver? {
        didSet { if dht !== oldValue { dhtMembership = dht.map { DHTMembership($0) } } }
    }
    private(set) var dhtMembership: DHTMembership?
    var localDiscovery: LocalDiscovery?

    init(
        port: UInt16, sockets: [UDPSocket], trackers: TrackerClient?, dht: DHTDriver?,
        localDiscovery: LocalDiscovery?
    ) {
        (self.port, self.sockets, self.trackers) = (port, sockets, trackers)
        (self.dht, self.localDiscovery) = (dht, localDiscovery)
        dhtMembership = dht.map { DHTMembership($0) }
    }
}

extension Services {
    var port: UInt16 { presence.withLock { $0.port } }
    var trackers: TrackerClient? { presence.withLock { $0.trackers } }
    var dht: DHTDriver? { presence.withLock { $0.dht } }
    var dhtMembership: DHTMembership? { presence.withLock { $0.dhtMembership } }
    var localDiscovery: LocalDiscovery? { presence.withLock { $0.localDiscovery } }

    /// Where our node of the DHT is for who is at `endpoint`; nil if it is not.
    func dhtPort(towards endpoint: Endpoint) -> UInt16? {
        presence.withLock { presence in
            guard presence.dht != nil else { return nil }
            return presence.sockets.first { $0.localEndpoint.isIPv4 == endpoint.isIPv4 }?
                .localEndpoint.port
        }
    }
}

// MARK: - What is turned on and off, and moved

extension Session {
    /// Accepts peers at another port, and speaks over UDP from there; 0 takes any that is free.
    /// The new port is open before the old one is closed, so that nobody who comes meanwhile is
    /// turned away; if it cannot be opened, all stays as it is.
    public func listen(at port: UInt16) async throws(EngineError) {
        let earlier = switching
        let task = Task<EngineError?, Never> {
            _ = await earlier?.value
            do throws(EngineError) {
                try await self.move(to: port)
                return nil
            } catch {
                return error
            }
        }
        switching = task
        if let error = await task.value { throw error }
    }

    /// Turns on and off what the configuration says, one change after the other.
    func followSwitches() async {
        let earlier = switching
        let task = Task<EngineError?, Never> {
            _ = await earlier?.value
            await self.turnSwitches()
            return nil
        }
        switching = task
        _ = await task.value
    }

    private func move(to port: UInt16) async throws(EngineError) {
        guard !isStopped else { throw .stopped }
        guard port != services.configuration.port || port != 0 && port != self.port else { return }
        var wanted = services.configuration
        wanted.port = port
        let opened = try await Ports.move(
            wanted, services.network, services.reception)
        services.adjust { $0.port = port }
        let old = services.presence.withLock { presence in
            defer { (presence.port, presence.sockets) = (opened.port, opened.sockets) }
            return presence
        }
        if old.dht != nil { await stopDHT() }
        await old.trackers?.move(to: opened.sockets)
        await leavingTrackers?.value
        for socket in old.sockets { await socket.close() }
        if services.configuration.usesDHT { await startDHT() }
        services.sleepersFollow(isElsewhere: true)
        for torrent in services.directory.all { await torrent.followPort() }
    }

    private func turnSwitches() async {
        guard !isStopped else { return }
        let (configuration, present) = (
            services.configuration, services.presence.withLock(\.self)
        )
        let (hasDHT, hasLSD) = (present.dht != nil, present.localDiscovery != nil)
        let hasTrackers = present.trackers != nil
        guard
            (hasTrackers, hasDHT, hasLSD)
                != (configuration.usesTrackers, configuration.usesDHT, configuration.usesLSD)
        else { return }
        if hasTrackers, !configuration.usesTrackers { await leaveTrackers() }
        if !hasTrackers, configuration.usesTrackers { await startTrackers() }
        if hasDHT, !configuration.usesDHT { await stopDHT() }
        if !hasDHT, configuration.usesDHT { await startDHT() }
        if hasLSD, !configuration.usesLSD {
            services.presence.withLock { $0.localDiscovery = nil }
            await present.localDiscovery?.shutdown()
        }
        if !hasLSD, configuration.usesLSD {
            let discovery = await Services.openLocalDiscovery(
                configuration, services.sleepers, on: eventLoops.next(),
                seed: services.makeSeed())
            services.presence.withLock { $0.localDiscovery = discovery }
        }
        services.sleepersFollow()
        for torrent in services.directory.all { await torrent.followPresence() }
    }

    /// Who turns trackers off need not wait until all have heard it.
    private func leaveTrackers() async {
        let client = services.presence.withLock { presence in
            defer { presence.trackers = nil }
            return presence.trackers
        }
        var drivers: [TrackerDriver] = []
        for torrent in services.directory.all {
            if let driver = await torrent.forgetTrackers() { drivers.append(driver) }
        }
        let sleepers = services.sleepers.table.withLock { $0.forgetTrackers() }
        let services = services
        leavingTrackers = Task { [drivers] in
            await withTaskGroup(of: Void.self) { group in
                for driver in drivers { group.addTask { await driver.stop() } }
                group.addTask { await services.leaveTrackers(sleepers, by: client) }
            }
            await client?.shutdown()
        }
    }

    /// What was said before must not be heard later.
    private func startTrackers() async {
        await leavingTrackers?.value
        leavingTrackers = nil
        let trackers = await Services.trackers(
            services.configuration, services.openSockets(), eventLoops)
        services.presence.withLock { $0.trackers = trackers }
        services.sleepersTellTrackers()
    }

    /// Without it first, so that no torrent joins what is about to end.
    private func stopDHT() async {
        let dht = services.presence.withLock { presence in
            defer { presence.dht = nil }
            return presence.dht
        }
        for torrent in services.directory.all { await torrent.forgetDHT() }
        await dht?.shutdown()
    }

    private func startDHT() async {
        let dht = await services.openDHT()
        services.presence.withLock { $0.dht = dht }
    }
}

extension Services {
    /// Speaks the DHT at the port of peers.
    fileprivate func openDHT() async -> DHTDriver? {
        await Self.dht(configuration, openSockets(), savesTable: savesDHTTable)
    }

    /// Those at the port of peers.
    fileprivate func openSockets() async -> [UDPSocket] {
        let open = presence.withLock { $0.sockets }
        guard open.isEmpty else { return open }
        let sockets = await Ports.bindUDP(configuration, port: port)
        presence.withLock { $0.sockets = sockets }
        return sockets
    }
}

extension Torrent {
    /// The session takes part in other ways of finding peers than before.
    func followPresence() {
        guard takesPart else { return }
        if trackers == nil { startTrackers() }
        seekNeighbours()
        joinDHT()
    }

    /// Peers are accepted at another port: all who name us are told.
    func followPort() async {
        run(.setListenPort(listenPort))
        followPresence()
        guard takesPart, let trackers else { return }
        await trackers.setPort(listenPort)
        await trackers.reannounce()
    }

    /// Trackers are not used any more: they have to be told by the driver that there was.
    func forgetTrackers() async -> TrackerDriver? {
        guard !isStopping, let driver = trackers else { return nil }
        trackers = nil
        let told = trackerCounters
        // Who hears again that we have come counts from 0.
        continuity.uploaded -= told.uploaded
        continuity.downloaded -= told.downloaded
        await driver.setHooks(TrackerDriver.Hooks(counters: { told }, found: { _, _, _ in }))
        return driver
    }

    /// The DHT has ended; what it knew the torrent by is worth nothing.
    func forgetDHT() { dhtNames = [] }

    private var takesPart: Bool {
        if case .failed = state { return false }
        return !isStopping && (machine != nil || seeker != nil)
    }
}
