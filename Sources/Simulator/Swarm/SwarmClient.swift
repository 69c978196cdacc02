public import Hashing
import Metainfo
import NIOCore
public import PeerWire
import SwarmScheduler
public import Units

/// A whole client at a host: the machine of a torrent, over the machines of its connections, whose
/// bytes go over the streams of the simulation, and a disk in memory.
public struct SwarmClient: SimulatedNode, Sendable {
    /// How a client that means no good goes about it.
    public enum Malice: CaseIterable, Sendable {
        /// The metadata that it gives has a wrong byte.
        case wrongMetadata
        /// It says another size than the metadata has, and gives as much.
        case wrongSize
        /// It says that it has metadata, and rejects all requests for it.
        case rejects
        /// It says that it has metadata, and answers nothing.
        case silence
        /// The hashes of pieces that it gives are wrong.
        case wrongHashes
        /// The blocks that it gives are wrong.
        case wrongBlocks
    }

    /// What happened when.
    public struct Moments: Hashable, Sendable {
        /// The first peer was known.
        public var started: Instant?
        public var connected: Instant?
        public var verified: Instant?
        public var complete: Instant?
        public var unchoked: Instant?
        public var firstBlock: Instant?
        public var finished: Instant?
    }

    private enum Phase: Sendable {
        case metadata(MetadataMachine)
        case content(TorrentMachine)
    }

    struct Connection: Sendable {
        let stream: StreamID
        let endpoint: Endpoint
        var session: PeerSession
        var key: PeerKey?
        /// What is written in one turn goes as one.
        var outbound = ByteBuffer()
    }

    public private(set) var moments = Moments()
    public private(set) var bannedCount = 0
    public let malice: Malice?
    public let ourID: PeerID
    let infoHash: InfoHash
    private let content: SwarmContent
    private let hasContent: Bool
    private let seed: UInt64
    private let peers: [Endpoint]
    private var phase: Phase?
    private(set) var metainfo: Metainfo?
    private var disk: [PieceIndex: [UInt8]] = [:]

    private var connections: [UInt64: Connection] = [:]
    private var connectionOf: [StreamID: UInt64] = [:]
    private var connectionAt: [PeerKey: UInt64] = [:]
    private var inputs: [TorrentInput] = []
    private var actions = ActionBuffer<TorrentAction>()
    private var events = ActionBuffer<PeerSession.Event>()

    /// A client that has the torrent if `hasContent`, and else knows nothing but its info-hash.
    /// All know the hashes that `infoHash` has, which may be fewer than the torrent's.
    public init(
        _ content: SwarmContent, knowing infoHash: InfoHash? = nil, hasContent: Bool,
        peers: [Endpoint] = [], malice: Malice? = nil, ourID: PeerID, seed: UInt64
    ) {
        self.content = content
        self.infoHash = infoHash ?? content.metainfo.infoHash
        self.hasContent = hasContent
        self.peers = peers
        self.malice = malice
        self.ourID = ourID
        self.seed = seed
    }

    public var isFinished: Bool { moments.finished != nil || hasContent }
    public var peerCount: Int { connectionAt.count }

    // MARK: The host's calls

    public mutating func start(at endpoint: Endpoint, now: Instant, into outbox: inout Outbox) {
        var configuration = TorrentMachine.Configuration(ourID: ourID)
        configuration.listenPort = endpoint.port
        configuration.usesPEX = false
        if hasContent {
            metainfo = content.metainfo
            let all = Bitfield(allSet: content.metainfo.layout.pieceCount)
            phase = .content(
                TorrentMachine(
                    metainfo: content.metainfo, have: all, wanted: all,
                    configuration: configuration, seed: seed))
        } else {
            phase = .metadata(
                MetadataMachine(infoHash: infoHash, configuration: configuration, seed: seed))
        }
        guard !peers.isEmpty else { return }
        moments.started = now
        feed(.peersFound(peers, .tracker), now: now, into: &outbox)
    }

    public mutating func handle(
        _ event: StreamEvent, on stream: StreamID, now: Instant, into outbox: inout Outbox
    ) {
        switch event {
        case .accepted(let from):
            open(stream, from, PeerSession(.accepting, now: now))
        case .opened:
            guard let id = connectionOf[stream] else { return }
            let ours = handshake(naming: infoHash.primary)
            let session = PeerSession(
                .initiating(
                    ours, alternateInfoHash: infoHash.v2?.truncated, pieceCount: pieceCount),
                now: now)
            connections[id]?.session = session
            outbox.send(Array(ours.encoded.readableBytesView), on: stream)
        case .failed:
            guard let id = connectionOf[stream], let endpoint = connections[id]?.endpoint else {
                return
            }
            drop(id)
            feed(.dialFailed(endpoint), now: now, into: &outbox)
        case .received(let bytes):
            receive(bytes, on: stream, now: now, into: &outbox)
        case .sent: break
        case .closed:
            guard let id = connectionOf[stream] else { return }
            lost(id, now: now, into: &outbox)
        }
    }

    public mutating func tick(now: Instant, into outbox: inout Outbox) {
        for id in connections.keys.sorted() {
            guard let deadline = connections[id]?.session.nextDeadline()?.0, deadline <= now
            else { continue }
            connections[id]?.session.tick(now: now, into: &events)
            carryOutEvents(of: id, now: now, into: &outbox)
        }
        if let deadline = machineDeadline, deadline <= now {
            feed(.tick, now: now, into: &outbox)
        }
    }

    public func nextDeadline() -> Instant? {
        let sessions = connections.values.compactMap { $0.session.nextDeadline()?.0 }.min()
        return [sessions, machineDeadline].compactMap(\.self).min()
    }

    private var machineDeadline: Instant? {
        switch phase {
        case .metadata(let machine): machine.nextDeadline()?.0
        case .content(let machine): machine.nextDeadline()?.0
        case nil: nil
        }
    }

    // MARK: Connections

    private func handshake(naming hash: SHA1Digest) -> Handshake {
        Handshake(infoHash: hash, peerID: ourID, supportsV2: infoHash.v2 != nil)
    }

    private var pieceCount: Int? {
        guard case .content = phase else { return nil }
        return metainfo?.layout.pieceCount
    }

    private mutating func open(_ stream: StreamID, _ endpoint: Endpoint, _ session: PeerSession) {
        connections[stream.rawValue] = Connection(
            stream: stream, endpoint: endpoint, session: session)
        connectionOf[stream] = stream.rawValue
    }

    private mutating func drop(_ id: UInt64) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        connectionOf[connection.stream] = nil
        if let key = connection.key { connectionAt[key] = nil }
    }

    private mutating func lost(_ id: UInt64, now: Instant, into outbox: inout Outbox) {
        guard let connection = connections[id] else { return }
        drop(id)
        if let key = connection.key {
            feed(.disconnected(key, .closedByPeer), now: now, into: &outbox)
        } else if connection.session.isInitiator {
            feed(.dialFailed(connection.endpoint), now: now, into: &outbox)
        }
    }

    private mutating func receive(
        _ bytes: [UInt8], on stream: StreamID, now: Instant, into outbox: inout Outbox
    ) {
        guard let id = connectionOf[stream] else { return }
        var buffer = ByteBuffer(bytes: bytes)
        connections[id]?.session.receive(&buffer, now: now, into: &events)
        carryOutEvents(of: id, now: now, into: &outbox)
    }

    private mutating func carryOutEvents(
        of id: UInt64, now: Instant, into outbox: inout Outbox
    ) {
        for event in events.take() {
            switch event {
            case .handshake(let theirs): arrived(id, theirs, now: now, into: &outbox)
            case .message(let message):
                guard let key = connections[id]?.key else { continue }
                feed(.message(key, message), now: now, into: &outbox)
            case .send(let message): write(message, to: id)
            case .close:
                let stream = connections[id]?.stream
                lost(id, now: now, into: &outbox)
                if let stream { outbox.close(stream) }
            }
        }
        if let key = connections[id]?.key { feed(.turnEnded(key), now: now, into: &outbox) }
        flush(into: &outbox)
    }

    /// A peer has named the torrent, or answered when we did.
    private mutating func arrived(
        _ id: UInt64, _ theirs: Handshake, now: Instant, into outbox: inout Outbox
    ) {
        let full = metainfo?.infoHash ?? infoHash
        guard full.wireForms.contains(theirs.infoHash), let connection = connections[id] else {
            return
        }
        if !connection.session.isInitiator {
            let isUpgrade = theirs.supportsV2 && infoHash.v2 != nil
            let reply = handshake(
                naming: isUpgrade ? infoHash.v2?.truncated ?? theirs.infoHash : theirs.infoHash)
            let count = pieceCount
            connections[id]?.session.accept(
                handshake: reply, pieceCount: count, v2InfoHash: infoHash.v2?.truncated)
            connections[id]?.outbound.writeImmutableBuffer(reply.encoded)
        }
        if let pieceCount { connections[id]?.session.setPieceCount(pieceCount, into: &events) }
        if moments.connected == nil { moments.connected = now }
        let said = PeerConnection(
            endpoint: connection.endpoint, isIncoming: !connection.session.isInitiator,
            peerID: theirs.peerID, supportsFast: theirs.supportsFast,
            supportsExtensions: theirs.supportsExtensions,
            supportsV2: connections[id]?.session.supportsV2 ?? false)
        feed(.connected(said, connectionID: id), now: now, into: &outbox)
        guard connections[id] != nil else { return }
        var nothing = ByteBuffer()
        connections[id]?.session.receive(&nothing, now: now, into: &events)
        carryOutEvents(of: id, now: now, into: &outbox)
    }

    private mutating func write(_ message: PeerMessage, to id: UInt64) {
        guard var connection = connections[id] else { return }
        if case .extensionHandshake(let said) = message {
            connection.session.advertise(said.extensions)
        }
        connection.session.encode(message, into: &connection.outbound)
        connections[id] = connection
    }

    private mutating func flush(into outbox: inout Outbox) {
        for id in connections.keys.sorted() {
            guard let connection = connections[id], connection.outbound.readableBytes > 0 else {
                continue
            }
            outbox.send(Array(connection.outbound.readableBytesView), on: connection.stream)
            connections[id]?.outbound.clear()
        }
    }
}

// MARK: - What the machine decides

extension SwarmClient {
    private mutating func feed(_ input: TorrentInput, now: Instant, into outbox: inout Outbox) {
        note(input, now: now)
        inputs.append(input)
        // One turn at a time: what follows from an action is done after it.
        guard inputs.count == 1 else { return }
        var next = 0
        while next < inputs.count {
            switch phase {
            case .metadata(var machine):
                phase = nil
                machine.handle(inputs[next], now: now, into: &actions)
                phase = .metadata(machine)
            case .content(var machine):
                phase = nil
                machine.handle(inputs[next], now: now, into: &actions)
                phase = .content(machine)
            case nil: break
            }
            next += 1
            for action in actions.take() { perform(action, now: now, into: &outbox) }
        }
        inputs.removeAll(keepingCapacity: true)
        flush(into: &outbox)
    }

    private mutating func note(_ input: TorrentInput, now: Instant) {
        guard case .message(_, let message) = input else { return }
        switch message {
        case .unchoke: moments.unchoked = moments.unchoked ?? now
        case .piece: moments.firstBlock = moments.firstBlock ?? now
        default: break
        }
    }

    private mutating func perform(
        _ action: TorrentAction, now: Instant, into outbox: inout Outbox
    ) {
        switch action {
        case .dial(let endpoint):
            let stream = outbox.connect(to: endpoint)
            open(stream, endpoint, PeerSession(.accepting, now: now))
        case .admit(let id, let key):
            connections[id]?.key = key
            connectionAt[key] = id
        case .refuse(let id, _): close(id, into: &outbox)
        case .disconnect(let key, _):
            if let id = connectionAt[key] { close(id, into: &outbox) }
        case .send(let key, let message):
            if let id = connectionAt[key] { send(message, to: id) }
        case .metadataVerified: moments.verified = now
        case .metadataComplete(let found): complete(found, now: now)
        case .finished: moments.finished = now
        case .banned: bannedCount += 1
        default: performOnDisk(action, now: now)
        }
    }

    private mutating func close(_ id: UInt64, into outbox: inout Outbox) {
        guard let stream = connections[id]?.stream else { return }
        flush(into: &outbox)
        drop(id)
        outbox.close(stream)
    }

    /// The machine of the content takes over, and learns what the peers had said before.
    private mutating func complete(_ found: Metainfo, now: Instant) {
        guard case .metadata(var machine) = phase else { return }
        moments.complete = now
        metainfo = found
        var configuration = TorrentMachine.Configuration(ourID: ourID)
        configuration.usesPEX = false
        let count = found.layout.pieceCount
        phase = .content(
            TorrentMachine(
                metainfo: found, have: Bitfield(count: count), wanted: Bitfield(allSet: count),
                configuration: configuration, seed: seed, inheriting: machine.handOver()))
        for id in connections.keys.sorted() {
            connections[id]?.session.setPieceCount(count, into: &events)
            guard let key = connections[id]?.key else { continue }
            for event in events.take() {
                if case .message(let message) = event { inputs.append(.message(key, message)) }
            }
            inputs.append(.turnEnded(key))
        }
        inputs.append(.tick)
    }

    private mutating func performOnDisk(_ action: TorrentAction, now: Instant) {
        switch action {
        case .serve(let key, let request): serve(request, to: key)
        case .serveHashes(let key, let request): serveHashes(request, to: key)
        case .write(let piece, let begin, let bytes):
            let length = Int(metainfo?.layout.length(of: piece) ?? 0)
            var buffer = disk.removeValue(forKey: piece) ?? [UInt8](repeating: 0, count: length)
            let end = min(length, Int(begin) + bytes.readableBytes)
            if begin < end {
                buffer.withUnsafeMutableBytes { space in
                    bytes.withUnsafeReadableBytes { taken in
                        UnsafeMutableRawBufferPointer(rebasing: space[Int(begin)..<end])
                            .copyMemory(
                                from: UnsafeRawBufferPointer(
                                    rebasing: taken.prefix(end - Int(begin))))
                    }
                }
            }
            disk[piece] = buffer
        case .finish(let piece):
            guard let metainfo, let bytes = disk[piece] else { return }
            let isRight = SwarmContent.isRight(bytes, piece, metainfo)
            inputs.append(.pieceChecked(piece, isRight ? .verified : .mismatch(leaves: nil)))
        case .digestBlocks(let piece):
            let bytes = disk[piece] ?? []
            let unit = Int(blockLength)
            let digests = stride(from: 0, to: bytes.count, by: unit).map {
                SHA1Digest.hash(Array(bytes[$0..<min($0 + unit, bytes.count)]))
            }
            inputs.append(.blockDigests(piece, digests))
        case .discard(let piece): disk[piece] = nil
        default: break
        }
    }

    private mutating func serve(_ request: BlockRequest, to key: PeerKey) {
        let piece = hasContent ? content.bytes(of: request.piece) : disk[request.piece] ?? []
        let end = min(piece.count, Int(request.begin) + Int(request.length))
        var bytes = Array(piece[min(Int(request.begin), end)..<end])
        if malice == .wrongBlocks, !bytes.isEmpty { bytes[0] ^= 1 }
        if let id = connectionAt[key] {
            write(.piece(request.piece, begin: request.begin, ByteBuffer(bytes: bytes)), to: id)
        }
        inputs.append(.served(key, bytes: Int(request.length)))
    }

    /// Hashes of pieces only; those of blocks are rejected.
    private mutating func serveHashes(_ request: HashRequest, to key: PeerKey) {
        guard let id = connectionAt[key], let metainfo else { return }
        struct Unread: Error {}
        guard let answer = HashAnswer(request, metainfo),
            var hashes = try? answer.hashes(leaf: { _ throws(Unread) in throw Unread() })
        else { return write(.hashReject(request), to: id) }
        if malice == .wrongHashes { hashes[0] = .hash([1]) }
        write(.hashes(request, hashes), to: id)
    }
}

// MARK: - Malice

extension SwarmClient {
    /// Sends as the machine wants, or as a liar would.
    private mutating func send(_ message: PeerMessage, to id: UInt64) {
        guard let malice else { return write(message, to: id) }
        switch message {
        case .extensionHandshake(var said):
            if malice == .wrongSize { said.metadataSize = said.metadataSize.map { $0 + 40_000 } }
            write(.extensionHandshake(said), to: id)
        case .extended(.metadata, let payload):
            guard let answer = lie(malice, insteadOf: payload) else { return }
            write(.extended(.metadata, answer), to: id)
        default: write(message, to: id)
        }
    }

    private func lie(_ malice: Malice, insteadOf payload: ByteBuffer) -> ByteBuffer? {
        guard case .data(let piece, let size, let bytes) = try? MetadataMessage(parsing: payload)
        else { return malice == .silence ? nil : payload }
        switch malice {
        case .silence: return nil
        case .rejects: return MetadataMessage.reject(piece: piece).encoded()
        case .wrongMetadata:
            var wrong = Array(bytes.readableBytesView)
            wrong[wrong.count - 1] ^= 1
            return MetadataMessage.data(
                piece: piece, totalSize: size, ByteBuffer(bytes: wrong)
            ).encoded()
        case .wrongSize:
            return MetadataMessage.data(
                piece: piece, totalSize: size.map { $0 + 40_000 },
                ByteBuffer(repeating: 7, count: MetadataMessage.pieceByteCount)
            ).encoded()
        case .wrongHashes, .wrongBlocks: return payload
        }
    }
}
