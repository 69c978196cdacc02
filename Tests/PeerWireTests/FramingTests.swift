import NIOCore
import PeerWire
import Testing
import Units

@Suite struct FramingTests {
    /// Handshake, every message, and messages that are ignored.
    private static let stream: [UInt8] =
        bytes(handshake(theirID)) + wire(everyMessage) + frame(200, [1, 2, 3]) + frame(10)
        + frame(20, [77, 1, 2]) + wire(.piece(piece(7), begin: 1, block(50)))

    private static let expected: [PeerSession.Event] =
        [.handshake(handshake(theirID))]
        + everyMessage.filter { $0 != .keepAlive }.map { .message($0) }
        + [.message(.piece(piece(7), begin: 1, block(50)))]

    @Test func everySplitOfTheStreamGivesTheSameEvents() {
        for position in 0...Self.stream.count {
            var wire = Wire()
            let events =
                wire.receive(Array(Self.stream[..<position]))
                + wire.receive(Array(Self.stream[position...]))
            #expect(events == Self.expected, "split at \(position)")
            #expect(wire.session.counters.unknown == 2)
            #expect(wire.session.counters.unadvertised == 1)
        }
    }

    @Test func oneByteAtATimeGivesTheSameEvents() {
        var wire = Wire()
        var events: [PeerSession.Event] = []
        for byte in Self.stream { events += wire.receive([byte]) }
        #expect(events == Self.expected)
        #expect(wire.session.heldByteCount == 0)
    }

    @Test func anyPartsGiveTheSameEvents() {
        var generator = SeededGenerator(seed: 3)
        for round in 0..<500 {
            var wire = Wire(acceptingAt: .zero)
            var events: [PeerSession.Event] = []
            var rest = Self.stream[...]
            while !rest.isEmpty {
                let most = Bool.random(using: &generator) ? 20 : 400
                let count = min(Int.random(in: 0...most, using: &generator), rest.count)
                events += wire.receive(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
                if wire.session.isAwaitingAccept, Int.random(in: 0..<4, using: &generator) == 0 {
                    wire.session.accept(handshake: handshake(ourID), pieceCount: 20)
                }
            }
            wire.session.accept(handshake: handshake(ourID), pieceCount: 20)
            events += wire.receive([])
            #expect(events == Self.expected, "seed 3, round \(round)")
        }
    }

    @Test func allBytesAreTakenFromTheCallersBuffer() {
        var generator = SeededGenerator(seed: 4)
        var session = Wire.open().session
        var events = ActionBuffer<PeerSession.Event>()
        let stream = wire(everyMessage)
        for _ in 0..<200 {
            let part = stream.prefix(Int.random(in: 0...stream.count, using: &generator))
            var buffer = ByteBuffer(bytes: part)
            session.receive(&buffer, now: .zero, into: &events)
            #expect(buffer.readableBytes == 0)
        }
    }

    // MARK: - Copies

    private func address(_ buffer: ByteBuffer) -> UInt {
        buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
    }

    private func blocks(_ events: ActionBuffer<PeerSession.Event>) -> [ByteBuffer] {
        (0..<events.count).compactMap {
            guard case .message(.piece(_, _, let block)) = events[$0] else { return nil }
            return block
        }
    }

    @Test func aBlockInsideTheBufferIsNotCopied() {
        var session = Wire.open().session
        var events = ActionBuffer<PeerSession.Event>()
        let one = PeerMessage.piece(piece(1), begin: 0, block(16384))
        var received = ByteBuffer(bytes: wire(one, one, one))
        let start = address(received)
        session.receive(&received, now: .zero, into: &events)
        let places: [UInt] = blocks(events).map { address($0) &- start }
        #expect(places == [13, 16410, 32807])
    }

    @Test func ofASplitBlockOnlyTheMissingBytesAreCopied() throws {
        var session = Wire.open().session
        var events = ActionBuffer<PeerSession.Event>()
        let one = PeerMessage.piece(piece(1), begin: 0, block(16384))
        let stream = wire(one, one, one)
        // The second block is split; the third lies whole in the second read.
        var first = ByteBuffer(bytes: stream.prefix(20_000))
        session.receive(&first, now: .zero, into: &events)
        #expect(blocks(events).count == 1)
        #expect(session.heldByteCount == 16384)
        var second = ByteBuffer(bytes: stream.dropFirst(20_000))
        let start = address(second)
        let end = start + UInt(second.readableBytes)
        session.receive(&second, now: .zero, into: &events)
        let found = blocks(events)
        #expect(found.count == 3)
        #expect(!(start..<end).contains(address(found[1])))
        #expect(address(found[2]) == end - 16384)
        #expect(found.allSatisfy { $0 == block(16384) })
        #expect(session.heldByteCount == 0)
    }

    @Test func aBlockWhoseHeaderIsSplitIsNotCopied() {
        let one = wire(.piece(piece(1), begin: 0, block(16384)))
        for position in 1...13 {
            var session = Wire.open().session
            var events = ActionBuffer<PeerSession.Event>()
            var first = ByteBuffer(bytes: one.prefix(position))
            session.receive(&first, now: .zero, into: &events)
            var second = ByteBuffer(bytes: one.dropFirst(position))
            let start = address(second)
            session.receive(&second, now: .zero, into: &events)
            let copied = blocks(events).filter { address($0) &- start != UInt(13 - position) }
            #expect(blocks(events) == [block(16384)])
            // When the whole header came before, the block is already being gathered.
            #expect(copied.count == (position == 13 ? 1 : 0), "split at \(position)")
        }
    }

    // MARK: - Lengths

    @Test(
        "W3 a length over 1 MiB closes at the prefix",
        arguments: [
            UInt32(1 << 20) + 1, 0x8000_0000, 0xFFFF_FFFF,
        ])
    func w3TooLarge(_ length: UInt32) {
        var wire = Wire.open()
        #expect(wire.receive(Array(bigEndian(length).prefix(3))) == [])
        #expect(
            wire.receive(Array(bigEndian(length).suffix(1)))
                == [.close(.frameTooLarge(length: length))])
        #expect(wire.session.isClosed)
        #expect(PeerError.frameTooLarge(length: length).isMalicious)
    }

    @Test("W3 memory grows with the data received, not with the length declared")
    func w3Memory() {
        var wire = Wire.open()
        // The largest extended message: 1 MiB of metadata.
        #expect(wire.receive(bigEndian(1 << 20) + [20, 1, 0]) == [])
        #expect(wire.session.heldByteCount <= 16384)
        #expect(wire.receive([UInt8](repeating: 0, count: 100_000)) == [])
        #expect(wire.session.heldByteCount <= 262_144)
        let rest = [UInt8](repeating: 0, count: (1 << 20) - 3 - 100_000)
        let events = wire.receive(rest)
        #expect(events.count == 1)
        #expect(wire.session.heldByteCount == 0)
    }

    @Test(
        "W3 a byte now and then is not a sign of life",
        arguments: [
            bigEndian(16393) + [7], bigEndian(1 << 20) + [99], bigEndian(1 << 20) + [20, 1],
        ])
    func w3SlowDrip(_ beginning: [UInt8]) {
        var wire = Wire.open()
        // An ignored message before it, as long as many signs of life.
        _ = wire.receive(frame(99, [UInt8](repeating: 0, count: 8000)) + beginning)
        var closed: [PeerSession.Event] = []
        for _ in 0..<10 where closed.isEmpty {
            closed = wire.tick(after: .seconds(30)).filter { $0 != .send(.keepAlive) }
            if closed.isEmpty { _ = wire.receive([0]) }
        }
        #expect(closed == [.close(.idle)])
        #expect(wire.now == Instant.zero + .seconds(150))
    }

    @Test func aSlowBlockIsASignOfLife() {
        var wire = Wire.open()
        let stream = PeerWireTests.wire(.piece(piece(1), begin: 0, block(16384)))
        var events: [PeerSession.Event] = []
        // 100 bytes a second.
        for position in stride(from: 0, to: stream.count, by: 3000) {
            events += wire.receive(Array(stream[position..<min(position + 3000, stream.count)]))
            events += wire.tick(after: .seconds(30)).filter { $0 != .send(.keepAlive) }
        }
        #expect(events == [.message(.piece(piece(1), begin: 0, block(16384)))])
        #expect(wire.session.isOpen)
    }

    @Test func aSlowMessageThatIsIgnoredIsASignOfLifeToo() {
        var wire = Wire.open()
        _ = wire.receive(bigEndian(100_000) + [99])
        for _ in 0..<30 {
            _ = wire.receive([UInt8](repeating: 0, count: 3000))
            _ = wire.tick(after: .seconds(140))
            #expect(wire.session.isOpen)
        }
    }

    /// For each id the lengths of the payload that are right, with 20 pieces.
    private static let lengths: [(id: UInt8, payload: Int)] = [
        (0, 0), (1, 0), (2, 0), (3, 0), (4, 4), (5, 3), (6, 12), (8, 12), (9, 2), (13, 4),
        (14, 0), (15, 0), (16, 12), (17, 4), (21, 48), (23, 48),
    ]

    @Test func fixedLengthsAreExact() {
        for (id, payload) in Self.lengths {
            for other in [payload - 1, payload + 1, payload + 1000] where other >= 0 {
                var wire = Wire.open()
                let error = PeerError.wrongLength(id: id, length: UInt32(other + 1))
                // The head is enough.
                #expect(
                    wire.receive(bigEndian(UInt32(other + 1)) + [id]) == [.close(error)],
                    "id \(id) with \(other) bytes")
                #expect(error.isMalicious)
            }
            var right = Wire.open()
            let events = right.receive(frame(id, [UInt8](repeating: 0, count: payload)))
            let isWrongLength = events.contains {
                if case .close(.wrongLength) = $0 { true } else { false }
            }
            #expect(!isWrongLength, "id \(id)")
        }
    }

    @Test func blocksAreFromOneByteTo128KiB() {
        for (count, isLegal) in [(0, false), (1, true), (131_072, true), (131_073, false)] {
            var wire = Wire.open()
            let message = PeerMessage.piece(piece(1), begin: 0, block(count))
            let error = PeerError.wrongLength(id: 7, length: UInt32(count + 9))
            #expect(
                wire.receive(message) == [isLegal ? .message(message) : .close(error)],
                "\(count) bytes")
        }
    }

    @Test func extendedMessagesHaveAtLeastAnID() {
        var wire = Wire.open()
        #expect(wire.receive(frame(20)) == [.close(.wrongLength(id: 20, length: 1))])
        var largest = Wire.open()
        let payload = ByteBuffer(repeating: 1, count: (1 << 20) - 2)
        #expect(
            largest.receive(.extended(.metadata, payload))
                == [.message(.extended(.metadata, payload))])
    }
}
