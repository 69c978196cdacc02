import Hashing
import HeapModule
import Metainfo
import NIOCore
import PeerWire
import SwarmScheduler
import Units

/// Whole clients in one thread on a virtual clock: torrent machines joined by a network with
/// rates and delays, each with a disk in memory. Everything follows from the seed.
struct SwarmNetwork {
    /// How one client behaves and is connected.
    struct Profile {
        var have: Bitfield
        var uplink = ByteRate(bytesPerSecond: 2_000_000)
        var delay = Interval.milliseconds(20)
        /// One block in so many that it sends is wrong; nil never.
        var corruptsOneIn: Int?
        var configuration: (inout TorrentMachine.Configuration) -> Void = { _ in }
    }

    struct Client {
        var machine: TorrentMachine
        let profile: Profile
        let endpoint: Endpoint
        let id: PeerID
        var disk: [UInt8]
        var uplinkFreeAt = Instant.zero
        var tickAt: Instant?
        var corruptTurn = 0
        /// Who is at the other end of each connection.
        var remotes: [PeerKey: (client: Int, connection: UInt64)] = [:]
        var keys: [UInt64: PeerKey] = [:]
        var finishedAt: Instant?
        var banned: [Endpoint] = []
        var hashFailures = 0
        var bytesServed: Int64 = 0
        var bytesTaken: Int64 = 0
    }

    private enum Event {
        case input(TorrentInput)
        case tick
        case dial(Endpoint)
        case message(connection: UInt64, PeerMessage)
        case hangUp(connection: UInt64)
        case served(connection: UInt64, BlockRequest)
    }

    private struct Scheduled: Comparable {
        let time: Instant
        let order: UInt64
        let client: Int
        let event: Event

        static func < (a: Scheduled, b: Scheduled) -> Bool {
            (a.time, a.order) < (b.time, b.order)
        }
        static func == (a: Scheduled, b: Scheduled) -> Bool { a.order == b.order }
    }

    let metainfo: Metainfo
    let content: [UInt8]
    private(set) var clients: [Client] = []
    private(set) var now = Instant.zero
    /// A hash over everything that happened, in order.
    private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var eventCount = 0
    private var agenda = Heap<Scheduled>()
    private var nextOrder: UInt64 = 0
    private var nextConnection: UInt64 = 0
    private var clientAt: [Endpoint: Int] = [:]
    /// The two ends of each connection.
    private var ends: [UInt64: (Int, Int)] = [:]
    private var generator: SeededGenerator

    init(metainfo: Metainfo, content: [UInt8], seed: UInt64) {
        self.metainfo = metainfo
        self.content = content
        self.generator = SeededGenerator(seed: seed)
    }

    // MARK: Setting up

    mutating func addClient(_ profile: Profile) {
        let index = clients.count
        // Each in a network of its own, so that limits on neighbours do not bind.
        let endpoint = Endpoint(ipv4: 0x1400_0001 + UInt32(index) << 16, port: 6881)
        guard let id = PeerID(bytes: Array("-SW0100-client\(100_000 + index)".utf8)) else { return }
        var configuration = TorrentMachine.Configuration(ourID: id)
        configuration.listenPort = endpoint.port
        profile.configuration(&configuration)
        let machine = TorrentMachine(
            metainfo: metainfo, have: profile.have,
            wanted: Bitfield(allSet: metainfo.layout.pieceCount), configuration: configuration,
            seed: generator.next())
        let disk = profile.have.isFull ? content : Array(repeating: 0, count: content.count)
        clients.append(
            Client(machine: machine, profile: profile, endpoint: endpoint, id: id, disk: disk))
        clientAt[endpoint] = index
    }

    /// A tracker's answer: everybody learns of some others.
    mutating func introduce(peersEach: Int) {
        for index in clients.indices {
            var others = clients.indices.filter { $0 != index }
            others.shuffle(using: &generator)
            let endpoints = others.prefix(peersEach).map { clients[$0].endpoint }
            schedule(.input(.peersFound(endpoints, .tracker)), for: index, after: .zero)
        }
    }

    /// One client learns of others, as from a tracker.
    mutating func introduce(_ index: Int, to others: [Int]) {
        let endpoints = others.map { clients[$0].endpoint }
        schedule(.input(.peersFound(endpoints, .tracker)), for: index, after: .zero)
    }

    /// Whether two clients are connected.
    func areConnected(_ one: Int, _ other: Int) -> Bool {
        clients[one].remotes.values.contains { $0.client == other }
    }

    // MARK: Running

    /// Runs until `isDone` or nothing happens any more or `limit` is over.
    mutating func run(limit: Interval, until isDone: (SwarmNetwork) -> Bool) {
        while let next = agenda.popMin() {
            guard next.time <= .zero + limit else { return }
            now = max(now, next.time)
            eventCount += 1
            carryOut(next)
            if eventCount % 64 == 0, isDone(self) { return }
        }
    }

    private mutating func schedule(_ event: Event, for client: Int, after delay: Interval) {
        schedule(event, for: client, at: now + delay)
    }

    private mutating func schedule(_ event: Event, for client: Int, at time: Instant) {
        nextOrder += 1
        agenda.insert(Scheduled(time: time, order: nextOrder, client: client, event: event))
    }

    private mutating func note(_ value: UInt64) {
        trace = (trace ^ value) &* 0x100_0000_01b3
    }

    private mutating func carryOut(_ scheduled: Scheduled) {
        let index = scheduled.client
        note(UInt64(bitPattern: now.nanoseconds))
        note(UInt64(index))
        switch scheduled.event {
        case .input(let input):
            feed(input, to: index)
        case .tick:
            guard clients[index].tickAt == scheduled.time else { return }
            clients[index].tickAt = nil
            feed(.tick, to: index)
        case .dial(let endpoint):
            connect(index, to: endpoint)
        case .message(let connection, let message):
            guard let key = clients[index].keys[connection] else { return }
            feed(.message(key, message), to: index)
            feed(.turnEnded(key), to: index)
        case .hangUp(let connection):
            guard let key = clients[index].keys.removeValue(forKey: connection) else { return }
            clients[index].remotes[key] = nil
            feed(.disconnected(key, .closedByPeer), to: index)
        case .served(let connection, let request):
            guard let key = clients[index].keys[connection] else { return }
            feed(.served(key, bytes: Int(request.length)), to: index)
        }
    }

    private mutating func feed(_ input: TorrentInput, to index: Int) {
        var actions = ActionBuffer<TorrentAction>()
        clients[index].machine.handle(input, now: now, into: &actions)
        for action in actions.take() { perform(action, by: index) }
        guard let (deadline, _) = clients[index].machine.nextDeadline() else { return }
        let time = max(deadline, now + .microseconds(1))
        if let tickAt = clients[index].tickAt, tickAt <= time { return }
        clients[index].tickAt = time
        schedule(.tick, for: index, at: time)
    }

    // MARK: Connections

    private mutating func connect(_ index: Int, to endpoint: Endpoint) {
        guard let other = clientAt[endpoint] else { return feed(.dialFailed(endpoint), to: index) }
        nextConnection += 1
        let connection = nextConnection
        ends[connection] = (index, other)
        let port = UInt16(40_000 + connection % 20_000)
        feed(
            .connected(
                self.connection(
                    from: index, to: other, at: clients[index].endpoint.with(port: port),
                    isIncoming: true), connectionID: connection), to: other)
        guard clients[other].keys[connection] != nil else {
            return feed(.dialFailed(endpoint), to: index)
        }
        feed(
            .connected(
                self.connection(from: other, to: index, at: endpoint, isIncoming: false),
                connectionID: connection), to: index)
        if clients[index].keys[connection] == nil {
            schedule(.hangUp(connection: connection), for: other, after: delay(index, other))
        }
    }

    private func connection(
        from peer: Int, to index: Int, at endpoint: Endpoint, isIncoming: Bool
    ) -> PeerConnection {
        PeerConnection(
            endpoint: endpoint, isIncoming: isIncoming,
            peerID: clients[peer].id, supportsFast: true,
            supportsExtensions: true, supportsV2: false)
    }

    private func delay(_ a: Int, _ b: Int) -> Interval {
        clients[a].profile.delay + clients[b].profile.delay
    }

    // MARK: Actions

    private mutating func perform(_ action: TorrentAction, by index: Int) {
        switch action {
        case .admit(let connection, let key):
            clients[index].keys[connection] = key
            clients[index].remotes[key] = (other(of: connection, than: index), connection)
        case .send(let key, let message):
            send(message, from: index, to: key)
        case .disconnect(let key, _):
            guard let (other, connection) = clients[index].remotes.removeValue(forKey: key) else {
                return
            }
            clients[index].keys[connection] = nil
            schedule(.hangUp(connection: connection), for: other, after: delay(index, other))
        case .dial(let endpoint):
            schedule(.dial(endpoint), for: index, after: .milliseconds(50))
        case .serve(let key, let request):
            serve(request, from: index, to: key)
        case .finished:
            clients[index].finishedAt = now
        case .banned(let endpoint, _):
            clients[index].banned.append(endpoint)
        default:
            performOnDisk(action, by: index)
        }
    }

    private func other(of connection: UInt64, than index: Int) -> Int {
        ends[connection].map { $0.0 == index ? $0.1 : $0.0 } ?? index
    }

    private mutating func send(_ message: PeerMessage, from index: Int, to key: PeerKey) {
        guard let (other, connection) = clients[index].remotes[key] else { return }
        schedule(
            .message(connection: connection, message), for: other, after: delay(index, other))
    }

    private mutating func serve(_ request: BlockRequest, from index: Int, to key: PeerKey) {
        guard let (other, connection) = clients[index].remotes[key] else { return }
        let begin =
            Int(metainfo.layout.byteRange(of: request.piece).lowerBound)
            + Int(request.begin)
        var bytes = Array(clients[index].disk[begin..<begin + Int(request.length)])
        if let every = clients[index].profile.corruptsOneIn {
            clients[index].corruptTurn += 1
            if clients[index].corruptTurn % every == 0 { bytes[0] ^= 0xFF }
        }
        let rate = clients[index].profile.uplink
        let start = max(now, clients[index].uplinkFreeAt)
        let end = start + (rate.time(for: Int64(bytes.count)) ?? .zero)
        clients[index].uplinkFreeAt = end
        clients[index].bytesServed += Int64(bytes.count)
        clients[other].bytesTaken += Int64(bytes.count)
        schedule(.served(connection: connection, request), for: index, at: end)
        let message = PeerMessage.piece(
            request.piece, begin: request.begin, ByteBuffer(bytes: bytes))
        schedule(
            .message(connection: connection, message), for: other, at: end + delay(index, other))
    }

    private mutating func performOnDisk(_ action: TorrentAction, by index: Int) {
        let layout = metainfo.layout
        switch action {
        case .write(let piece, let begin, let bytes):
            let start = Int(layout.byteRange(of: piece).lowerBound) + Int(begin)
            bytes.withUnsafeReadableBytes { source in
                clients[index].disk.withUnsafeMutableBytes { disk in
                    UnsafeMutableRawBufferPointer(rebasing: disk[start..<start + source.count])
                        .copyMemory(from: source)
                }
            }
        case .finish(let piece):
            let isRight = digest(of: piece, at: index) == metainfo.v1Hash(of: piece)
            if !isRight { clients[index].hashFailures += 1 }
            schedule(
                .input(.pieceChecked(piece, isRight ? .verified : .mismatch(leaves: nil))),
                for: index, after: .milliseconds(2))
        case .digestBlocks(let piece):
            schedule(
                .input(.blockDigests(piece, blockDigests(of: piece, at: index))), for: index,
                after: .milliseconds(2))
        default:
            break
        }
    }

    private func digest(of piece: PieceIndex, at index: Int) -> SHA1Digest {
        let range = metainfo.layout.byteRange(of: piece)
        return clients[index].disk.withUnsafeBytes { disk in
            SHA1Digest.hash(
                UnsafeRawBufferPointer(
                    rebasing: disk[Int(range.lowerBound)..<Int(range.upperBound)]))
        }
    }

    private func blockDigests(of piece: PieceIndex, at index: Int) -> [SHA1Digest] {
        let begin = Int(metainfo.layout.byteRange(of: piece).lowerBound)
        var start = begin
        return (0..<metainfo.layout.blockCount(of: piece)).map { block in
            let length = Int(metainfo.layout.length(of: BlockIndex(block), of: piece))
            defer { start += length }
            return SHA1Digest.hash(Array(clients[index].disk[start..<start + length]))
        }
    }
}
