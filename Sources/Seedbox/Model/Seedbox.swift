import Foundation
public import Logging
import Storage
import SwarmEngine
import Synchronization
import Units

/// Many torrents for months: what there is of them, what their users want of them, and which of
/// them are active now. All ways to speak to the program speak to this.
///
/// Lists are read from `catalogue`, which waits for nobody. What a command changes is on the disk
/// when it returns.
public actor Seedbox {
    public nonisolated let catalogue: Catalogue
    nonisolated let shared: Shared
    nonisolated let recent: RecentMarks
    nonisolated let space: FolderSpace
    nonisolated let store: SessionStore
    nonisolated let session: Session
    let log: Logger
    private let thread: OwnThread
    private let lock: StateLock
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    var members: [TorrentID: Member] = [:]
    /// What brings a torrent to where it should be, while something does.
    var settling: [TorrentID: Task<Void, Never>] = [:]
    /// Places for torrents that are opened at once, and who waits for one.
    var opening = 0
    var openingWaiters: [CheckedContinuation<Void, Never>] = []
    /// To which a peer has come since they were last asked how they are.
    var disturbed: Set<TorrentID> = []
    /// Downloads that have stalled, and take no place in the queue.
    var stalled: Set<TorrentID> = []
    /// Peers that were named when a torrent was added, until it is opened.
    var firstPeers: [TorrentID: [Endpoint]] = [:]
    /// The end of the queue.
    var lastPosition = 0
    var queuePace = Pace(every: Limits.queueInterval)
    /// As the file, the environment and options say; and what was changed since.
    var givenSettings: Settings
    var changes: SettingsChanges
    /// Whether they are being changed, and who waits to do so.
    var settingsAreChanging = false
    var settingsWaiters: [CheckedContinuation<Void, Never>] = []
    var isStopping = false
    /// What ends it, once something does.
    private var ending: Task<Void, Never>?
    /// What happens to torrents, in its order, from their event loops.
    nonisolated let happenings: AsyncStream<(TorrentID, Happening)>.Continuation
    private let incoming: AsyncStream<(TorrentID, Happening)>
    var ticking: Task<Void, Never>?
    /// What of the catalogue is in the store.
    var notedRevision: UInt64 = 0
    var lastTick: Int64
    var ticks: Int64 = 0
    var ratesInUse: RateRule.Rates?
    /// Up to where torrents have been looked at for limits of seeding.
    var limitsRevision: UInt64 = 0
    /// As long as it holds against the schedule.
    var alternativeByHand: AlternativeByHand?

    /// What happens to a torrent.
    enum Happening {
        case awake(TorrentEvent)
        case dormant(DormantEvent)
    }

    /// What any thread may ask for.
    final class Shared: Sendable {
        let settings: Mutex<Settings>
        let statistics: Mutex<SessionStatistics>
        /// The names of those that were changed at run time.
        let changedSettings = Mutex<[String]>([])
        /// The torrents of the session that are active.
        let active = Mutex<[TorrentID: Torrent]>([:])
        let listeners = Mutex<[UInt64: AsyncStream<SeedboxEvent>.Continuation]>([:])
        let nextListener = Mutex<UInt64>(0)

        init(_ settings: Settings, _ statistics: SessionStatistics) {
            self.settings = Mutex(settings)
            self.statistics = Mutex(statistics)
        }
    }

    /// Opens the state folder and the port, and loads all torrents. Those that were not paused go
    /// on by themselves, soon after this returns.
    public init(_ settings: Settings, logger: Logger) async throws(SeedboxError) {
        let folder = settings.storage.stateFolder
        guard !folder.isEmpty else {
            throw .badValue(field: "storage.state-folder", reason: "is missing")
        }
        let now = Self.now
        let loaded = try Loaded(folder, now: now)
        let changes = SettingsChanges(stored: loaded.settings ?? "").byThing(over: settings)
        let (effective, leftOut) = settings.restoring(changes)
        for name in leftOut {
            logger.warning(
                "a setting that was changed earlier does not hold any more",
                metadata: ["setting": "\(name)"])
        }
        do throws(EngineError) {
            session = try await Session(Self.configuration(effective, logger))
        } catch {
            // A VPN's address may come up later: other than a mistake, it is tried again.
            if case .badAddress = error { throw .storage("network.bind: \(error)") }
            throw .storage("\(error)")
        }
        if let setAside = loaded.store.setAside {
            logger.error(
                "the session store was damaged; a new one is begun",
                metadata: ["old": "\(setAside)"])
        }
        self.lock = loaded.lock
        self.store = loaded.store
        self.log = logger
        self.thread = OwnThread()
        self.givenSettings = settings
        self.changes = changes
        self.lastTick = now
        self.shared = Shared(
            effective, SessionStatistics(kept: loaded.statistics, now: now))
        shared.changedSettings.withLock { $0 = changes.names }
        space = FolderSpace { [shared] path throws(SeedboxError) in
            let settings = shared.settings.withLock(\.self)
            return try Self.freeSpace(at: path, within: AllowedRoots(settings))
        }
        (self.incoming, self.happenings) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(Limits.happeningsMax))
        self.catalogue = Catalogue(startingAt: RestartRule.firstRevision(startedAt: now))
        self.recent = RecentMarks(RecentMarks.Mark(time: now, revision: catalogue.revision))
        let happenings = happenings
        session.listenToDormant { record, event in
            happenings.yield((TorrentID(record), .dormant(event)))
        }
        try load()
        begin(whole: loaded.whole)
    }

    /// What is on the disk, and the right to change it.
    private struct Loaded {
        let lock: StateLock
        let store: SessionStore
        /// Those that are seeds without being looked at.
        let whole: Set<TorrentRecord.ID>
        let settings: String?
        let statistics: String?

        init(_ folder: String, now: Int64) throws(SeedboxError) {
            // Before anything of another seedbox's is opened.
            lock = try StateLock(folder: folder)
            do throws(SessionStoreError) {
                store = try SessionStore(path: folder + "/session.db")
                whole = try store.wholeTorrents()
                settings = try store.value(named: Seedbox.settingsName)
                statistics = try store.value(named: Seedbox.statisticsName)
            } catch {
                throw SeedboxError(error)
            }
        }
    }

    static let settingsName = "settings"
    static let statisticsName = "statistics"

    /// Makes members and rows of what the store has.
    private func load() throws(SeedboxError) {
        var texts = SharedTexts()
        let rules = SeedingRules(settings)
        do throws(SessionStoreError) {
            let count = try store.seedboxRecordCount()
            members.reserveCapacity(count)
            catalogue.reserve(count)
            try store.eachSeedboxRecord { record in
                var row = texts.sharing(TorrentRow(record))
                row.limitReached = rules.rule(row.seedingLimits, category: row.category)
                    .reason(of: row)
                members[row.id] = Member(record)
                lastPosition = max(lastPosition, row.queuePosition)
                catalogue.insert(row)
            }
        } catch {
            throw SeedboxError(error)
        }
        notedRevision = catalogue.revision
    }

    private func begin(whole: Set<TorrentRecord.ID>) {
        walkQueue(layingDown: whole)
        Task { [weak self] in await self?.finishRenamings() }
        let incoming = incoming
        Task { [weak self] in
            for await (id, happening) in incoming { await self?.take(happening, of: id) }
        }
        ticking = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                guard let self else { return }
                await tick(now: Self.now)
            }
        }
    }

    /// Leaves all swarms and saves what is not saved yet. At most `Limits.shutdownSeconds`, or
    /// until `deadline`: trackers and disks that do not answer by then are waited for no more.
    public func shutdown(by deadline: ContinuousClock.Instant? = nil) async {
        isStopping = true
        let deadline = deadline ?? .now + .seconds(Limits.shutdownSeconds)
        let ending = ending ?? Task { await end(by: deadline) }
        self.ending = ending
        await ending.value
    }

    private func end(by deadline: ContinuousClock.Instant) async {
        ticking?.cancel()
        for waiter in openingWaiters { waiter.resume() }
        openingWaiters = []
        // What is known is saved before anybody else is waited for.
        await finishes(by: deadline) { await self.pollAll(now: Self.now) }
        noteCounters(everything: true)
        let session = session
        if await !finishes(by: deadline, { await session.shutdown() }) {
            log.warning("not all trackers and disks have answered in time")
        }
        happenings.finish()
        shared.active.withLock { $0 = [:] }
        for listener in shared.listeners.withLock({ Array($0.values) }) { listener.finish() }
        catalogue.close()
        lock.giveUp()
    }
}

// MARK: - What others ask for

extension Seedbox {
    /// The ones in effect.
    public nonisolated var settings: Settings { shared.settings.withLock(\.self) }

    /// Those over which file, environment and options do not decide, as they were changed since.
    public nonisolated var changedSettings: [String] {
        shared.changedSettings.withLock(\.self)
    }

    public nonisolated var statistics: SessionStatistics {
        shared.statistics.withLock(\.self)
    }

    /// The port where peers are accepted.
    public nonisolated var port: UInt16 { session.port }

    /// What programs and links are told of, from now on. Who is slow loses the oldest.
    public nonisolated func events() -> AsyncStream<SeedboxEvent> {
        let (stream, listener) = AsyncStream<SeedboxEvent>.makeStream(
            bufferingPolicy: .bufferingNewest(Limits.eventsMax))
        let key = shared.nextListener.withLock { next in
            defer { next += 1 }
            return next
        }
        shared.listeners.withLock { $0[key] = listener }
        let shared = shared
        listener.onTermination = { _ in
            _ = shared.listeners.withLock { $0.removeValue(forKey: key) }
        }
        return stream
    }

    func tell(_ kind: Settings.Event, _ id: TorrentID) {
        guard let row = catalogue.row(id) else { return }
        let event = SeedboxEvent(kind: kind, row: row)
        for listener in shared.listeners.withLock({ Array($0.values) }) { listener.yield(event) }
    }
}

// MARK: - What commands share

extension Seedbox {
    /// All of them are there, and the seedbox is not about to end.
    func expect(_ ids: [TorrentID]) throws(SeedboxError) {
        guard !isStopping else { throw .stopping }
        for id in ids where members[id] == nil { throw .noSuchTorrent("\(id.rawValue)") }
    }

    /// Writes what is wanted of these torrents. On the disk when this returns.
    func save(_ ids: some Sequence<TorrentID>) throws(SeedboxError) {
        let records = ids.compactMap { record(of: $0) }
        try stored { store throws(SessionStoreError) in try store.save(records) }
    }

    func record(of id: TorrentID) -> SeedboxRecord? {
        guard let row = catalogue.row(id), let member = members[id] else { return nil }
        return SeedboxRecord(row, member)
    }

    nonisolated func stored<Value>(
        _ body: (SessionStore) throws(SessionStoreError) -> Value
    ) throws(SeedboxError) -> Value {
        do throws(SessionStoreError) {
            return try body(store)
        } catch {
            throw SeedboxError(error)
        }
    }

    static var now: Int64 { Int64(Date().timeIntervalSince1970) }
}

extension SeedboxError {
    init(_ error: SessionStoreError) { self = .storage("\(error)") }
}

/// One string for what thousands of torrents say alike: their folder, their tracker.
private struct SharedTexts {
    private var texts: Set<String> = []

    mutating func sharing(_ row: TorrentRow) -> TorrentRow {
        var row = row
        row.folder = shared(row.folder)
        row.tracker = row.tracker.map { shared($0) }
        row.category = row.category.map { shared($0) }
        row.group = row.group.map { shared($0) }
        row.labels = row.labels.map { shared($0) }
        return row
    }

    private mutating func shared(_ text: String) -> String {
        texts.insert(text).memberAfterInsert
    }
}
