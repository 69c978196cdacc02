import Discovery
import Hashing
import Kademlia
import Metainfo
import NIOCore
import PeerWire
import Storage
import SwarmScheduler
import Synchronization
import Tracker
import Transport
import Units

/// Carries out what the table of dormant seeds decides.
extension Services {
    // MARK: Falling asleep and waking

    /// Takes a seed in that no torrent of this session is. False if it is here already.
    func lay(_ seed: DormantSeed) -> Bool {
        guard directory.insert(seed) else { return false }
        sleepers.table.withLock { $0.lay(seed, now: MonotonicClock.now) }
        keepTime()
        return true
    }

    /// A torrent becomes a dormant seed. Who connects from now on waits for it to wake.
    func lay(_ seed: DormantSeed, _ continuity: Continuity, inPlaceOf torrent: Torrent) -> Bool {
        guard directory.insert(seed, inPlaceOf: torrent) else { return false }
        sleepers.table.withLock { $0.lay(seed, continuity) }
        keepTime()
        if case .underWay(let driver) = continuity.announcing {
            let hooks = hooks(of: seed.record)
            Task {
                await driver.setHooks(hooks)
                await driver.resume()
            }
        }
        return true
    }

    /// What a seed was so far; nil if it is not dormant. From now on its torrent answers for it.
    func wake(_ record: TorrentRecord.ID?) -> Continuity? {
        record.flatMap { record in sleepers.table.withLock { $0.take(record) } }?.continuity
    }

    /// A dormant seed leaves its swarm.
    func remove(dormant record: TorrentRecord.ID) async {
        guard let sleeper = sleepers.table.withLock({ $0.take(record) }) else { return }
        await leave(sleeper, within: .seconds(Int64(Limits.shutdownSeconds)))
    }

    private func leave(_ sleeper: SleeperTable.Sleeper, within time: Interval) async {
        for waiting in directory.remove(sleeper.seed) {
            waiting.conduit.channel.eventLoop.execute { waiting.conduit.close() }
        }
        let names = sleeper.seed.infoHash.wireForms
        for name in names { localDiscovery?.withdraw(name) }
        let left = dhtMembership?.leave(names)
        await leaveTrackers(sleeper, by: trackers, within: time)
        await left?.value
    }

    /// What trackers are told by that is what was counted before the seed was taken out.
    private func leaveTrackers(
        _ sleeper: SleeperTable.Sleeper, by client: TrackerClient?, within time: Interval
    ) async {
        let hooks = hooks(of: sleeper.seed.record, sleeper)
        switch sleeper.continuity.announcing {
        case .notYet: break
        case .underWay(let driver):
            await driver.setHooks(hooks)
            await driver.stop(within: time)
        case .laidBy(let memory):
            guard memory.isKnown, let client else { break }
            let driver = TrackerDriver(
                memory, port: port, client: client, eventLoop: loops.next(), hooks: hooks)
            await driver.stop(within: time)
        }
    }

    /// All leave when the session ends.
    func leaveSleepers() async {
        sleeperTimer.withLock { $0?.cancel() }
        await together(sleepers.table.withLock { $0.takeAll() }) { sleeper, time in
            await self.leave(sleeper, within: time)
        }
    }

    /// Trackers are told by `client` that these leave.
    func leaveTrackers(_ sleepers: [SleeperTable.Sleeper], by client: TrackerClient?) async {
        await together(sleepers) { sleeper, time in
            await self.leaveTrackers(sleeper, by: client, within: time)
        }
    }

    /// Trackers, which were not used so far, are told of all.
    func sleepersTellTrackers() {
        sleepers.table.withLock { $0.beginAll(now: MonotonicClock.now) }
    }

    /// All of them, as long as there is time. Those of a tracker that is slow hold up no others.
    private func together(
        _ all: [SleeperTable.Sleeper],
        _ leave: @escaping @Sendable (SleeperTable.Sleeper, Interval) async -> Void
    ) async {
        let deadline = MonotonicClock.now + .seconds(Int64(Limits.shutdownSeconds))
        let byTracker = Dictionary(grouping: all, by: \.continuity.announcing.firstTracker)
        await withTaskGroup(of: Void.self) { group in
            for sleepers in byTracker.values {
                group.addTask { await Self.inTurn(sleepers, until: deadline, leave) }
            }
        }
    }

    /// A bounded number at once.
    private static func inTurn(
        _ sleepers: [SleeperTable.Sleeper], until deadline: Instant,
        _ leave: @escaping @Sendable (SleeperTable.Sleeper, Interval) async -> Void
    ) async {
        var leaving = sleepers
        await withTaskGroup(of: Void.self) { group in
            func leaveNext() {
                let left = deadline - MonotonicClock.now
                guard left > .zero, let sleeper = leaving.popLast() else { return }
                group.addTask { await leave(sleeper, left) }
            }
            for _ in 0..<Limits.sleepersLeavingMax { leaveNext() }
            while await group.next() != nil { leaveNext() }
        }
    }

    // MARK: Time

    private func keepTime() {
        sleeperTimer.withLock { timer in
            guard timer == nil else { return }
            timer = loops.next().scheduleRepeatedTask(
                initialDelay: .zero, delay: .nanoseconds(Limits.sleeperTick.nanoseconds)
            ) { [weak self] _ in
                self?.seeToSleepers()
            }
        }
    }

    private func seeToSleepers() {
        for due in sleepers.table.withLock({ $0.takeDue(now: MonotonicClock.now) }) {
            switch due {
            case .begin(let seed): begin(seed)
            case .announce(let seed, let memory, let hasNews):
                announce(seed.record, memory) { if hasNews { await $0.reannounce() } }
            }
        }
    }

    /// Lets everybody know of a seed.
    private func begin(_ seed: DormantSeed) {
        seekPeers(of: seed)
        guard let trackers else { return }
        _ = startup.run(.sync) {
            let named = self.trackerTiers(of: seed.record)
            let tiers = named.map { $0.compactMap { try? self.trackerURL($0) } }
                .filter { !$0.isEmpty }
            guard !tiers.isEmpty else { return }
            let (peerID, key) = (self.makePeerID(), self.makeSeed())
            let driver = TrackerDriver(
                tiers: tiers, infoHash: seed.infoHash,
                identity: TrackerDriver.Identity(
                    peerID: peerID.bytes, port: self.port, key: UInt32(truncatingIfNeeded: key)),
                client: trackers, eventLoop: self.loops.next(), hooks: self.hooks(of: seed.record),
                generator: SeededGenerator(seed: key))
            let trackers = self.naming(named)
            let isTaken = self.sleepers.table.withLock { table in
                table.announces(seed.record, by: driver, as: peerID, named: trackers)
            }
            guard isTaken else { return }
            Task { await driver.start(isComplete: true) }
        }
    }

    private func seekPeers(of seed: DormantSeed) {
        guard !seed.isPrivate else { return }
        for name in seed.infoHash.wireForms {
            localDiscovery?.announce(name, port: port)
            joinDHT(name, isSeed: seed.isWhole)
        }
    }

    /// The session takes part in other ways of finding peers than before, or is elsewhere.
    func sleepersFollow(isElsewhere: Bool = false) {
        let begun = sleepers.table.withLock { table in
            if isElsewhere { table.tellAll(now: MonotonicClock.now) }
            return table.begun
        }
        for seed in begun { seekPeers(of: seed) }
    }

    /// Announces what is due, and what `ask` asks for.
    private func announce(
        _ record: TorrentRecord.ID, _ memory: TrackerMemory,
        ask: @escaping @Sendable (TrackerDriver) async -> Void
    ) {
        guard let trackers else { return }
        let driver = TrackerDriver(
            memory, port: port, client: trackers, eventLoop: loops.next(),
            hooks: hooks(of: record))
        guard sleepers.table.withLock({ $0.announces(record, by: driver) }) else { return }
        Task {
            await ask(driver)
            await driver.resume()
        }
    }

    /// Announces a dormant seed now, as far as its trackers allow.
    func reannounce(dormant record: TorrentRecord.ID) {
        guard let sleeper = sleepers.table.withLock({ $0.sleepers[record] }) else { return }
        switch sleeper.continuity.announcing {
        case .notYet: sleepers.table.withLock { $0.hasten(record, now: MonotonicClock.now) }
        case .laidBy(let memory): announce(record, memory) { await $0.reannounce() }
        case .underWay(let driver): Task { await driver.reannounce() }
        }
    }

    /// The trackers by tier, from the metainfo. Waits for the session store.
    private func trackerTiers(of record: TorrentRecord.ID) -> [[String]] {
        let known = try? withStore(otherwise: nil) { store throws(SessionStoreError) in
            try store.torrent(record)
        }
        guard let bytes = known?.metainfo, let metainfo = try? Metainfo(kept: bytes) else {
            return []
        }
        return metainfo.announceTiers
    }

    /// All trackers by tier, for those who list them; nil if all can be asked.
    func naming(_ tiers: [[String]]) -> NamedTrackers? {
        var canAskAll = true
        let places = tiers.enumerated().flatMap { tier, texts in
            texts.map { text in
                if let url = try? trackerURL(text) {
                    return NamedTrackers.Place(tier: tier, tracker: .usable(url))
                }
                canAskAll = false
                return NamedTrackers.Place(tier: tier, tracker: .unusable(text))
            }
        }
        return canAskAll ? nil : NamedTrackers(places: places)
    }

    /// The same trackers are thousands of torrents': their URLs are kept once.
    func trackerURL(_ text: String) throws(TrackerURLError) -> TrackerURL {
        if let known = trackerURLs.withLock({ $0[text] }) { return known }
        let url = try TrackerURL(text)
        trackerURLs.withLock { known in
            if known.count < Limits.trackerURLsKept { known[text] = url }
        }
        return url
    }

    // MARK: What happens to them

    private func hooks(
        of record: TorrentRecord.ID, _ sleeper: SleeperTable.Sleeper? = nil
    ) -> TrackerDriver.Hooks {
        TrackerDriver.Hooks(
            counters: {
                let sleeper = sleeper ?? self.sleepers.table.withLock { $0.sleepers[record] }
                return TrackerDriver.Counters(
                    uploaded: sleeper?.continuity.uploaded ?? 0,
                    downloaded: sleeper?.continuity.downloaded ?? 0, left: 0)
            },
            found: { peers, _, url in
                let named = NamedSources(
                    peers: peers, origin: .tracker, source: url.hostAddress)
                self.sleepers.table.withLock { $0.named(named, for: record) }
            },
            quiet: { self.quieted(record) })
    }

    /// The driver of a seed has nothing under way any more: only what it knows is kept.
    private func quieted(_ record: TorrentRecord.ID) {
        let sleeper = sleepers.table.withLock { $0.sleepers[record] }
        guard case .underWay(let driver) = sleeper?.continuity.announcing else { return }
        Task {
            guard let memory = await driver.layBy() else { return }
            let ending = sleepers.table.withLock {
                $0.laidBy(record, memory, now: MonotonicClock.now)
            }
            // The torrent that has woken meanwhile has this driver.
            guard ending != .gone else { return await driver.resume() }
            sleepers.tell(.announced, record)
            if ending == .wanted { sleepers.tell(.wanted, record) }
        }
    }

    /// Whether a dormant seed answers to that name.
    func isDormant(_ name: SHA1Digest) -> Bool {
        guard case .dormant = directory.holder(of: name) else { return false }
        return true
    }

    // MARK: The DHT

    /// Looks for peers, and can be found, by that name, whoever holds it.
    func joinDHT(_ name: SHA1Digest, isSeed: Bool) {
        // A node of a network that is near may name what is near.
        let source = isLocal ? Endpoint(ipv4: 0x7F00_0001, port: 0) : nil
        dhtMembership?.join(
            name, announcing: DHTAnnouncement(port: port, isSeed: isSeed)
        ) { [weak sleepers] peers in
            sleepers?.found(peers, by: name, .dht, from: source)
        }
    }
}
