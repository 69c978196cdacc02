import Hashing
import NIOCore
import PeerWire
import Testing
import Units

/// Streams that were valid until something happened to them, in parts of any size, between jumps
/// of the clock. Nothing may trap, nothing may come after a close, and whatever does come must be
/// within its bounds.
@Suite struct MutationTests {
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func anyBytesAndAnyTimeEndInValidEventsOrAClose(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for round in 0..<800 {
            var random = generator.fork()
            if let problem = Self.drive(using: &random) {
                Issue.record("seed \(seed), round \(round): \(problem)")
                return
            }
        }
    }

    private static func drive(using generator: inout SeededGenerator) -> String? {
        let pieceCount = Int.random(in: 0...40, using: &generator)
        var isKnown = Bool.random(using: &generator)
        let stream = stream(using: &generator)
        var rest = stream[...]
        var wire = Wire(acceptingAt: .zero)
        var isClosed = false
        while !rest.isEmpty || wire.session.isAwaitingAccept {
            var input = PeerSession.Input.tick
            switch Int.random(in: 0..<12, using: &generator) {
            case 0:
                let jump = Int64.random(in: 0...40, using: &generator)
                wire.now = wire.now + .seconds(jump)
            case 1 where wire.session.isAwaitingAccept:
                input = .accept(handshake(ourID), pieceCount: isKnown ? pieceCount : nil)
            case 2 where !isKnown && wire.session.isOpen:
                isKnown = true
                input = .pieceCount(pieceCount)
            case 3: input = .reading(Bool.random(using: &generator))
            case 4: input = .sent
            default:
                let count = Int.random(in: 0...200, using: &generator)
                input = .received(ByteBuffer(bytes: rest.prefix(count)))
                rest = rest.dropFirst(count)
                if rest.isEmpty, wire.session.isAwaitingAccept {
                    wire.now = wire.now + .seconds(10)
                }
            }
            for event in wire.handle(input) {
                if isClosed { return "\(event) after the close" }
                if case .close = event { isClosed = true }
                if let problem = problem(with: event, pieceCount) { return problem }
            }
            if isClosed != wire.session.isClosed { return "closed without an event" }
            if isClosed, wire.session.nextDeadline() != nil { return "a deadline after the close" }
            if wire.session.heldByteCount > 2 * stream.count + 16384 { return "too much is held" }
        }
        return nil
    }

    private static func stream(using generator: inout SeededGenerator) -> [UInt8] {
        var messages = everyMessage
        if Bool.random(using: &generator) { messages.shuffle(using: &generator) }
        if Bool.random(using: &generator) {
            messages = messages.filter { if case .bitfield = $0 { false } else { true } }
        }
        var stream = wire(messages)
        for _ in 0..<Int.random(in: 0...6, using: &generator) where !stream.isEmpty {
            let position = Int.random(in: 0..<stream.count, using: &generator)
            let byte = UInt8.random(in: .min ... .max, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: stream[position] = byte
            case 1: stream[position] ^= 1 << (byte % 8)
            case 2: stream.insert(byte, at: position)
            case 3: stream.remove(at: position)
            case 4: stream.removeSubrange(position..<min(position + Int(byte), stream.count))
            default:
                let end = min(position + Int(byte), stream.count)
                stream.insert(contentsOf: stream[position..<end], at: end)
            }
        }
        var start = bytes(handshake(theirID))
        if Int.random(in: 0..<20, using: &generator) == 0 {
            start[Int.random(in: 0..<68, using: &generator)] ^= 1
        }
        return start + stream
    }

    private static func problem(with event: PeerSession.Event, _ count: Int) -> String? {
        guard case .message(let message) = event else { return nil }
        let isInRange: Bool
        switch message {
        case .have(let piece), .suggest(let piece), .allowedFast(let piece), .dontHave(let piece):
            isInRange = piece.position < count
        case .bitfield(let bitfield): isInRange = bitfield.count == count
        case .request(let request), .cancel(let request), .reject(let request):
            isInRange =
                request.piece.position < count && (1...131_072).contains(request.length)
                && request.end <= UInt64(UInt32.max)
        case .piece(let piece, let begin, let block):
            isInRange =
                piece.position < count && (1...131_072).contains(block.readableBytes)
                && UInt64(begin) + UInt64(block.readableBytes) <= UInt64(UInt32.max)
        case .port(let port): isInRange = port != 0
        case .hashRequest(let request), .hashReject(let request):
            isInRange = request.isWellFormed
        case .hashes(let request, let hashes):
            isInRange = request.isWellFormed && hashes.count == request.hashCount
        case .extensionHandshake(let said):
            isInRange =
                said.clientName?.utf8.count ?? 0 <= 64 && said.listenPort != 0
                && (1...2000).contains(said.requestQueueMax ?? 1)
        case .keepAlive: isInRange = false
        default: isInRange = true
        }
        return isInRange ? nil : "\(message) is out of range"
    }
}
