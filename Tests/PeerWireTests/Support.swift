import Hashing
import NIOCore
import PeerWire
import Units

let someInfoHash = SHA1Digest.hash(Array("a torrent".utf8))
let ourID = id("-SW0100-ourselvesXXX")
let theirID = id("-LT2000-anotherpeer0")

func id(_ text: String) -> PeerID {
    guard let id = PeerID(bytes: text.utf8) else { fatalError("20 characters, please") }
    return id
}

func handshake(
    _ peerID: PeerID, infoHash: SHA1Digest = someInfoHash, extensions: Bool = true,
    fast: Bool = true, dht: Bool = true, v2: Bool = true
) -> Handshake {
    Handshake(
        infoHash: infoHash, peerID: peerID, supportsExtensions: extensions, supportsFast: fast,
        supportsDHT: dht, supportsV2: v2)
}

func piece(_ number: UInt32) -> PieceIndex { PieceIndex(number) }

func bytes(_ buffer: ByteBuffer) -> [UInt8] { Array(buffer.readableBytesView) }
func bytes(_ handshake: Handshake) -> [UInt8] { bytes(handshake.encoded) }

/// The messages as they are on the wire, from a peer that sends extension messages to us.
func wire(_ messages: PeerMessage...) -> [UInt8] { wire(messages) }

func wire(_ messages: [PeerMessage]) -> [UInt8] {
    var buffer = ByteBuffer()
    for message in messages { message.encode(into: &buffer) }
    return bytes(buffer)
}

/// A frame with anything in it.
func frame(_ id: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    bigEndian(UInt32(payload.count + 1)) + [id] + payload
}

func bigEndian(_ integers: UInt32...) -> [UInt8] {
    integers.flatMap { integer in
        (0..<4).map { UInt8(truncatingIfNeeded: integer >> UInt32(24 - 8 * $0)) }
    }
}

func block(_ count: Int, seed: UInt8 = 7) -> ByteBuffer {
    ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(seed)) })
}

func request(_ piece: UInt32, _ begin: UInt32 = 0, _ length: UInt32 = 16384) -> BlockRequest {
    BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
}

func hashRequest(
    base: UInt32 = 0, index: UInt32 = 0, length: UInt32 = 2, proof: UInt32 = 0
) -> HashRequest {
    HashRequest(
        piecesRoot: SHA256Digest.hash([1]), baseLayer: base, index: index, length: length,
        proofLayers: proof)
}

/// A session with a clock and the events that it made.
struct Wire {
    var session: PeerSession
    var now = Instant.zero
    private var buffer = ActionBuffer<PeerSession.Event>()

    /// A connection that we dialled, before the handshake.
    init(
        _ ours: Handshake = handshake(ourID), alternate: SHA1Digest? = nil,
        pieceCount: Int? = 20, now: Instant = .zero
    ) {
        self.now = now
        self.session = PeerSession(
            .initiating(ours, alternateInfoHash: alternate, pieceCount: pieceCount), now: now)
    }

    /// A connection that came to us.
    init(acceptingAt now: Instant) {
        self.now = now
        self.session = PeerSession(.accepting, now: now)
    }

    /// A connection whose handshakes are done.
    static func open(
        pieceCount: Int? = 20, extensions: Bool = true, fast: Bool = true, v2: Bool = true,
        now: Instant = .zero
    ) -> Wire {
        var wire = Wire(pieceCount: pieceCount, now: now)
        let theirs = handshake(theirID, extensions: extensions, fast: fast, v2: v2)
        _ = wire.receive(bytes(theirs))
        return wire
    }

    mutating func receive(_ bytes: [UInt8]) -> [PeerSession.Event] {
        var received = ByteBuffer(bytes: bytes)
        session.receive(&received, now: now, into: &buffer)
        return buffer.take()
    }

    mutating func receive(_ messages: PeerMessage...) -> [PeerSession.Event] {
        receive(wire(messages))
    }

    mutating func tick(after interval: Interval) -> [PeerSession.Event] {
        now = now + interval
        session.tick(now: now, into: &buffer)
        return buffer.take()
    }

    mutating func setPieceCount(_ count: Int) -> [PeerSession.Event] {
        session.setPieceCount(count, into: &buffer)
        return buffer.take()
    }

    mutating func handle(_ input: PeerSession.Input) -> [PeerSession.Event] {
        session.handle(input, now: now, into: &buffer)
        return buffer.take()
    }
}

/// Every message, in an order that is legal, with 20 pieces.
let everyMessage: [PeerMessage] = {
    let pieces = Bitfield(wireBytes: [0xA5, 0x00, 0xF0], count: 20) ?? Bitfield(count: 20)
    let hashes = (0..<5).map { SHA256Digest.hash([$0]) }
    return [
        .keepAlive,
        .extensionHandshake(
            ExtensionHandshake(
                extensions: .ours, clientName: "another 1.0", listenPort: 6881,
                requestQueueMax: 250, metadataSize: 31235,
                yourIP: Endpoint(ipv4: 0xC000_0201, port: 0), uploadOnly: false)),
        .bitfield(pieces), .unchoke, .choke, .interested, .notInterested,
        .have(piece(19)), .request(request(3, 16384)),
        .piece(piece(3), begin: 16384, block(300)),
        .cancel(request(3, 16384)), .port(6881), .suggest(piece(2)),
        .reject(request(19, 0, 1)), .allowedFast(piece(4)),
        .extended(.metadata, block(40)), .extended(.peerExchange, ByteBuffer()),
        .extended(.holepunch, block(12)), .uploadOnly(true), .dontHave(piece(19)),
        .hashRequest(hashRequest(base: 1, index: 8, length: 4, proof: 3)),
        .hashes(hashRequest(length: 4, proof: 2), hashes),
        .hashReject(hashRequest(length: 512)),
        .piece(piece(19), begin: 0, block(1)),
    ]
}()
