import Hashing
import NIOCore
import PeerWire
import Units

/// One connection, driven by a script: the first byte says how it begins, then each step feeds
/// bytes, lets time pass, accepts, learns the number of pieces, or hangs up.
enum PeerWireFuzz {
    private typealias Events = ActionBuffer<PeerSession.Event>

    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        var script = Script(bytes)
        let start = script.byte()
        var connection = Connection(start)
        try connection.settle()
        while !script.isEmpty, !connection.session.isClosed {
            let step = script.byte()
            switch step {
            case 0..<0xC0: connection.receive(script.bytes(Int(step) + 1))
            case 0xC0..<0xD0: connection.receive(script.bytes(Int(step - 0xBF) << 10))
            case 0xD0..<0xE8: connection.tick(after: .seconds(1 << Int64(step % 8)))
            case 0xE8..<0xF0: connection.session.sent(now: connection.now)
            case 0xF0..<0xF8: connection.learn(pieceCount: Int(step & 7) * 13)
            case 0xF8..<0xFC:
                connection.session.setReading(step & 1 == 0, now: connection.now)
            case 0xFC..<0xFF: connection.tickAtDeadline()
            default: connection.session.disconnected()
            }
            try connection.settle()
        }
    }

    private struct Connection {
        var session: PeerSession
        var now = Instant.zero
        private var events = Events()
        private var receivedCount = 0
        private var isClosed = false
        private let ours: Handshake

        init(_ start: UInt8) {
            ours = Handshake(
                infoHash: .hash([1]), peerID: PeerWireFuzz.peerID(7), supportsExtensions: true,
                supportsFast: start & 2 == 0, supportsDHT: true, supportsV2: start & 4 != 0)
            let pieceCount = start & 8 == 0 ? 100 : nil
            let configuration: PeerSession.Configuration =
                start & 1 == 0
                ? .initiating(ours, pieceCount: pieceCount) : .accepting
            session = PeerSession(configuration, now: .zero)
            if start & 0x80 == 0 {
                var theirs = ours
                theirs.peerID = PeerWireFuzz.peerID(8)
                receive(theirs.encoded.readableBytesView)
            }
        }

        mutating func receive(_ bytes: some Collection<UInt8>) {
            var buffer = ByteBuffer(bytes: bytes)
            receivedCount += bytes.count
            session.receive(&buffer, now: now, into: &events)
        }

        mutating func tick(after time: Interval) {
            now = now + time
            session.tick(now: now, into: &events)
        }

        mutating func tickAtDeadline() {
            guard let (deadline, _) = session.nextDeadline() else { return }
            now = max(now, deadline)
            session.tick(now: now, into: &events)
        }

        mutating func learn(pieceCount: Int) {
            session.setPieceCount(pieceCount, into: &events)
        }

        /// Looks at what has happened, and answers a handshake.
        mutating func settle() throws(BrokenProperty) {
            var isAsked = false
            for event in events.take() {
                try require(!isClosed, "an event after the close: \(event)")
                switch event {
                case .handshake: isAsked = session.isAwaitingAccept
                case .message(let message): encode(message)
                case .send(let message): encode(message)
                case .close: isClosed = true
                }
            }
            try require(isClosed == false || session.isClosed, "closed, and not closed")
            try require(
                session.isClosed == (session.nextDeadline() == nil),
                "a deadline when closed, or none when open")
            // Room for one block is reserved at once; what is longer grows with what has come.
            let bound = 16_384 + 4 * receivedCount
            try require(
                session.heldByteCount <= bound,
                "\(session.heldByteCount) bytes held of \(receivedCount) received")
            guard isAsked, session.isAwaitingAccept else { return }
            session.accept(handshake: ours, pieceCount: 100)
            receive([])
            try settle()
        }

        private func encode(_ message: PeerMessage) {
            var buffer = ByteBuffer()
            session.encode(message, into: &buffer)
        }
    }

    private static func peerID(_ byte: UInt8) -> PeerID {
        PeerID(bytes: [UInt8](repeating: byte, count: 20)) ?? .make(using: byte)
    }
}

extension PeerID {
    fileprivate static func make(using seed: UInt8) -> PeerID {
        var generator = SeededGenerator(seed: UInt64(seed))
        return .make(prefix: "-SW0100-", using: &generator)
    }
}
