import Bencode
import Hashing
import Metainfo
import NIOCore
import PeerWire
import SwarmScheduler
import Testing
import Units

/// A torrent machine with peers whose messages the test writes.
struct TorrentFixture {
    static let pieceLength = 64 * 1024

    var machine: TorrentMachine
    var now = Instant.zero + .seconds(100)
    var nextConnection: UInt64 = 0

    init(
        pieces: Int, have: [Int] = [], isPrivate: Bool = false,
        _ configure: (inout TorrentMachine.Configuration) -> Void = { _ in }
    ) throws {
        let content = [UInt8](repeating: 7, count: pieces * Self.pieceLength)
        let hash = SHA1Digest.hash(Array(content.prefix(Self.pieceLength))).bytes
        var entries: [[UInt8]: Bencode] = [
            Array("length".utf8): .integer(Int64(content.count)),
            Array("name".utf8): .string("content"),
            Array("piece length".utf8): .integer(Int64(Self.pieceLength)),
            Array("pieces".utf8): .bytes((0..<pieces).flatMap { _ in hash }),
        ]
        if isPrivate { entries[Array("private".utf8)] = .integer(1) }
        let info = Bencode.dictionary(entries)
        let metainfo = try Metainfo(Bencode.dictionary([Array("info".utf8): info]).encoded())
        try self.init(metainfo, have: have, configure)
    }

    init(
        _ metainfo: Metainfo, have: [Int] = [],
        _ configure: (inout TorrentMachine.Configuration) -> Void = { _ in }
    ) throws {
        let pieces = metainfo.layout.pieceCount
        let id = try #require(PeerID(bytes: Array("-SW0100-ourownpeerid".utf8)))
        var configuration = TorrentMachine.Configuration(ourID: id)
        configure(&configuration)
        var had = Bitfield(count: pieces)
        for piece in have { had.insert(PieceIndex(piece)) }
        machine = TorrentMachine(
            metainfo: metainfo, have: had, wanted: Bitfield(allSet: pieces),
            configuration: configuration, seed: 1)
    }

    /// What the machine does about an input.
    mutating func feed(_ input: TorrentInput, after delay: Interval = .zero) -> [TorrentAction] {
        now = now + delay
        var actions = ActionBuffer<TorrentAction>()
        machine.handle(input, now: now, into: &actions)
        return actions.take()
    }

    /// What it does about messages that came at once.
    mutating func receive(_ messages: PeerMessage..., from key: PeerKey) -> [TorrentAction] {
        var actions: [TorrentAction] = []
        for message in messages { actions += feed(.message(key, message)) }
        return actions + feed(.turnEnded(key))
    }

    /// A connected peer of its own network.
    mutating func connect(
        supportsFast: Bool = true, isIncoming: Bool = true, supportsV2: Bool = false
    ) throws -> PeerKey {
        nextConnection += 1
        let number = UInt32(truncatingIfNeeded: nextConnection)
        let id = try #require(
            PeerID(bytes: Array("-XX0000-\(100_000_000_000 + nextConnection)".utf8)))
        let connection = PeerConnection(
            endpoint: Endpoint(ipv4: 0x1400_0001 + number << 16, port: 40_000),
            isIncoming: isIncoming, peerID: id, supportsFast: supportsFast,
            supportsExtensions: true, supportsV2: supportsV2)
        for action in feed(.connected(connection, connectionID: nextConnection)) {
            if case .admit(_, let key) = action { return key }
        }
        throw Refused()
    }

    struct Refused: Error {}

    /// A peer that has everything and lets us ask for it.
    mutating func connectSeed(supportsFast: Bool = true) throws -> PeerKey {
        let key = try connect(supportsFast: supportsFast)
        let pieces = Bitfield(allSet: machine.have.count)
        _ = receive(.bitfield(pieces), .unchoke, from: key)
        return key
    }

    static func block(_ request: BlockRequest) -> PeerMessage {
        let bytes = ByteBuffer(repeating: 7, count: Int(request.length))
        return .piece(request.piece, begin: request.begin, bytes)
    }
}

extension [TorrentAction] {
    /// The requests sent, with to whom.
    var requests: [BlockRequest] {
        sent.compactMap { if case .request(let request) = $0.1 { request } else { nil } }
    }

    var sent: [(PeerKey, PeerMessage)] {
        compactMap { if case .send(let key, let message) = $0 { (key, message) } else { nil } }
    }

    func sent(to key: PeerKey) -> [PeerMessage] { sent.filter { $0.0 == key }.map(\.1) }

    var served: [BlockRequest] {
        compactMap { if case .serve(_, let request) = $0 { request } else { nil } }
    }

    var rejected: [BlockRequest] {
        sent.compactMap { if case .reject(let request) = $0.1 { request } else { nil } }
    }

    var writes: Int { count { if case .write = $0 { true } else { false } } }

    func closes(_ key: PeerKey) -> CloseReason? {
        for action in self {
            if case .disconnect(key, let reason) = action { return reason }
        }
        return nil
    }
}
