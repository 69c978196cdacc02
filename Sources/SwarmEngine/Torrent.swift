import Discovery
public import Hashing
import Logging
public import Metainfo
import NIOCore
import PeerWire
public import Storage
import SwarmScheduler
import Synchronization
import Transport
import Units

/// A torrent of a session: carries out what its machine decides.
///
/// The actor runs on the event loop of its connections, so a connection's handler calls it
/// without a hop, and nothing here needs a lock. Each thing that happens is one call of `run`.
public actor Torrent {
    /// Nil until it is known. Peers of a torrent that is known by a link only are asked for it.
    public nonisolated var metainfo: Metainfo? { known.withLock(\.self) }
    /// What the torrent was asked for by. Its metainfo may know a second hash.
    public nonisolated let infoHash: InfoHash
    /// The torrent's own once it is known, or what its user calls it; the link's before.
    public nonisolated var name: String {
        let request = request
        return metainfo.map { request.renamed?.name(of: $0) ?? $0.name } ?? request.name
    }
    /// What the torrent was added with, and what was changed of it since.
    public nonisolated var request: TorrentRequest { wishes.withLock(\.self) }
    /// Its place in the session store, once it has one.
    public nonisolated var record: TorrentRecord.ID? { wishes.withLock(\.record) }
    /// Connected peers. For any thread and at no cost: while there is none, little changes.
    public nonisolated var connectionCount: Int { connected.load(ordering: .relaxed) }
    /// What happens, for one listener; nothing if `TorrentRequest.onEvent` is told instead.
    public nonisolated let events: AsyncStream<TorrentEvent>
    nonisolated let loop: any EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.executor.asUnownedSerialExecutor()
    }

    private let known: Mutex<Metainfo?>
    private let eventSink: AsyncStream<TorrentEvent>.Continuation
    private let onEvent: (@Sendable (TorrentEvent) -> Void)?
    let services: Services
    private nonisolated let wishes: Mutex<TorrentRequest>
    nonisolated let connected = Atomic<Int>(0)
    let hadConnections = Atomic<Bool>(false)
    /// Whether the machine may have counted more than the session knows.
    let hasUnpublished = Atomic<Bool>(false)
    var publishedCounters = TorrentCounters()
    /// Whether a move of the content is called off.
    let stopsMoving = StopSign()
    let ourID: PeerID
    nonisolated var listenPort: UInt16 { services.port }
    let log: Logger

    /// What is there of the content is being found out.
    var isOpening = false
    var opening: TorrentOpening?
    var storage: TorrentStorage?
    /// Asks peers for the metadata; nil when it is known and its content is looked after.
    var seeker: MetadataMachine?
    var machine: TorrentMachine?
    /// The info dictionary is private; the hashes that belong to it may still be on their way.
    var hasProvedPrivate = false
    /// Where the torrent was known from before its metadata was.
    var link: MagnetLink?
    /// Metadata that came before it was known whether it is needed.
    var given: Metainfo?
    var trackers: TrackerDriver?
    /// The names by which the torrent is looked for in the DHT, and what it is known by there.
    var dhtNames: Set<SHA1Digest> = []
    /// What it was before it fell asleep the last time.
    var continuity: Continuity
    var state = TorrentStatus.State.checking(done: 0, total: 0)
    var startedComplete = false
    var lastTransfer: LastTransfer
    var rehashedBytes: Int64 = 0
    /// What runs before this one counted, and what is written down of all.
    var tookTotals = false
    var earlierTotals = TorrentTotals()
    var savedTotals = TorrentTotals()
    /// Peers of earlier runs that are still to be dialled, and those kept for the next one.
    var earlierPeers: [Endpoint] = []
    var savedPeers: [Endpoint]?
    var lastDiskError: EngineError?
    var isReadingPaused = false
    /// Until somebody has looked how much is free of its disk.
    var waitsForRoom = false
    /// The folder of a disk that is waited for, as it was when it was last looked into.
    var probedFolder: FileIdentity??
    /// What the torrent may use of the session's limits.
    var uploadShare: ByteRate?
    var downloadShare: ByteRate?

    /// What the machine wants done. While it is being carried out, what follows from that is
    /// appended, so that all of it happens in one turn.
    var actions = ActionBuffer<TorrentAction>()
    private var isCarryingOut = false
    /// Connections by the slot of their key, and those whose handshake the machine has not seen.
    var conduits: [PeerConduit?] = []
    var arrivals: [UInt64: PeerConduit] = [:]
    /// Those that came before it was known what is there of the content.
    var waiting: [UInt64: (PeerConduit, Handshake)] = [:]
    /// Connections that were written to in this turn.
    private var conduitsToFlush: [PeerConduit] = []
    var uploads = UploadBatches()
    var uploadBuffers: [UploadBuffer] = []
    private var timer: NIOScheduledCallback?
    private var timerAt: Instant?

    var isStopping = false
    private var isFinishedStopping = false
    private var stopWaiters: [CheckedContinuation<Void, Never>] = []

    init(
        _ request: TorrentRequest, services: Services, loop: any EventLoop,
        continuing continuity: Continuity? = nil
    ) {
        var metainfo: Metainfo?
        if case .metainfo(let given) = request.source { metainfo = given }
        self.known = Mutex(metainfo)
        self.infoHash = request.infoHash
        self.wishes = Mutex(request)
        self.services = services
        self.loop = loop
        self.ourID = continuity?.peerID ?? services.makePeerID()
        self.continuity = continuity ?? Continuity()
        self.lastTransfer = LastTransfer(
            contentLength: metainfo?.layout.contentLength ?? 0, isThere: continuity != nil)
        var log = services.configuration.logger
        log[metadataKey: "torrent"] = "\(request.infoHash)"
        self.log = log
        self.onEvent = request.onEvent
        (self.events, self.eventSink) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(Limits.eventsMax))
    }

    /// What peers may know it by.
    nonisolated var wireNames: Set<SHA1Digest> {
        Set(infoHash.wireForms).union(metainfo?.infoHash.wireForms ?? [])
    }

    /// What the torrent is, from now on. False if another torrent of the session is the same.
    func learn(_ metainfo: Metainfo) -> Bool {
        guard services.directory.add(metainfo.infoHash.wireForms, of: self) else { return false }
        known.withLock { $0 = metainfo }
        lastTransfer = LastTransfer(contentLength: metainfo.layout.contentLength)
        return true
    }

    /// Changes what the torrent was added with, for now and for when it is opened again.
    nonisolated func amend(_ change: (inout TorrentRequest) -> Void) {
        wishes.withLock { change(&$0) }
    }

    nonisolated func tell(_ event: TorrentEvent) {
        guard let onEvent else {
            eventSink.yield(event)
            return
        }
        onEvent(event)
    }

    // MARK: Turns

    /// Tells the machine what happened, does what it wants, and ends the turn.
    func run(_ input: TorrentInput) {
        handle(input)
        endTurn()
    }

    /// Tells the machine what happened and does what it wants; reads and writes that it leads to
    /// are gathered until the turn ends.
    func handle(_ input: TorrentInput) {
        if machine != nil {
            machine?.handle(input, now: MonotonicClock.now, into: &actions)
        } else if seeker != nil {
            seeker?.handle(input, now: MonotonicClock.now, into: &actions)
        } else {
            return
        }
        carryOut()
    }

    /// Does what the machine wants, which may lead to more that it wants.
    func carryOut() {
        guard !isCarryingOut else { return }
        isCarryingOut = true
        var position = 0
        while position < actions.count {
            perform(actions[position])
            position += 1
        }
        actions.removeAll()
        isCarryingOut = false
    }

    func endTurn() {
        guard !isCarryingOut else { return }
        submitUploads()
        flushConduits()
        hasUnpublished.store(true, ordering: .relaxed)
        rearm()
    }

    func flushConduits() {
        for conduit in conduitsToFlush { conduit.flush() }
        conduitsToFlush.removeAll(keepingCapacity: true)
    }

    func send(_ message: PeerMessage, to key: PeerKey) {
        guard let conduit = conduit(key) else { return }
        conduit.send(message)
        if conduit.markForFlush() { conduitsToFlush.append(conduit) }
    }

    private func rearm() {
        guard let deadline = machine?.deadlineInPlace() ?? seeker?.deadlineInPlace() else {
            return
        }
        if let timerAt, timerAt <= deadline { return }
        timer?.cancel()
        timerAt = deadline
        timer = try? loop.scheduleCallback(
            at: NIODeadline(deadline), handler: TorrentTimer(torrent: self))
    }

    func timerFired() {
        timer = nil
        timerAt = nil
        run(.tick)
    }

    // MARK: Stopping

    /// Leaves the swarm: trackers are told, connections end, what is verified is recorded.
    func stop() async {
        guard !isFinishedStopping else { return }
        if !isStopping { beginStopping() }
        await withCheckedContinuation { stopWaiters.append($0) }
    }

    /// Ends without a word to others: a dormant seed takes its place. `stop` waits for the end.
    func closeQuietly() {
        isStopping = true
        timer?.cancel()
        if let machine { lastTransfer = LastTransfer(machine) }
        settleCounters()
        machine = nil
        closeConnections()
        closeStorage()
    }

    private func beginStopping() {
        isStopping = true
        savePeers()
        stopsMoving.stop()
        leaveNeighbours()
        timer?.cancel()
        if let machine { lastTransfer = LastTransfer(machine) }
        settleCounters()
        machine = nil
        let leaving = leaveDHT()
        closeConnections()
        opening?.cancel()
        sendWaitingAway()
        let isWaiting = if case .waitingForStorage = state { storage == nil } else { false }
        if isWaiting { isOpening = false }
        let trackers = trackers
        Task {
            await trackers?.stop()
            await leaving?.value
            if !isOpening { closeStorage() }
        }
    }

    /// Without a machine nothing is done with what peers send.
    func closeConnections() {
        seeker = nil
        sendWaitingAway()
        noteIncoming(-conduits.count { $0?.isIncoming == true })
        for conduit in conduits { conduit?.close() }
        for conduit in arrivals.values { conduit.close() }
        conduits = []
        arrivals = [:]
        noteConnections(-connectionCount)
    }

    func finishStopping() {
        guard isStopping, !isFinishedStopping else { return }
        isFinishedStopping = true
        if case .failed = state {} else { state = .stopped }
        // It calls the torrent, so each would keep the other alive.
        trackers = nil
        eventSink.finish()
        for waiter in stopWaiters { waiter.resume() }
        stopWaiters = []
    }
}

extension TorrentMachine {
    /// When to call it next. `mutating`, because what does not mutate would be called on a copy
    /// of the whole machine.
    fileprivate mutating func deadlineInPlace() -> Instant? { nextDeadline()?.0 }
}

extension MetadataMachine {
    fileprivate mutating func deadlineInPlace() -> Instant? { nextDeadline()?.0 }
}

/// Says to another thread that it is to stop.
final class StopSign: Sendable {
    private let isSet = Atomic<Bool>(false)

    var isStopping: Bool { isSet.load(ordering: .relaxed) }

    func stop() { isSet.store(true, ordering: .relaxed) }
}

/// Calls the torrent when its machine wants to be called.
private struct TorrentTimer: NIOScheduledCallbackHandler, Sendable {
    let torrent: Torrent

    func handleScheduledCallback(eventLoop: some EventLoop) {
        torrent.assumeIsolated { $0.timerFired() }
    }
}
