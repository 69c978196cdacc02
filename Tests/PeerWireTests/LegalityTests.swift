import Hashing
import NIOCore
import PeerWire
import Testing
import Units

@Suite struct LegalityTests {
    // MARK: - What was negotiated

    @Test func messagesOfExtensionsThatWereNotNegotiatedClose() {
        let cases: [(id: UInt8, PeerMessage)] = [
            (13, .suggest(piece(1))), (14, .haveAll), (15, .haveNone), (16, .reject(request(1))),
            (17, .allowedFast(piece(1))), (20, .extended(.metadata, block(3))),
            (20, .extensionHandshake(ExtensionHandshake())),
            (21, .hashRequest(hashRequest())), (22, .hashes(hashRequest(), [.zero, .zero])),
            (23, .hashReject(hashRequest())),
        ]
        for (id, message) in cases {
            var wire = Wire.open(extensions: false, fast: false, v2: false)
            let head = Array(PeerWireTests.wire(message).prefix(5))
            #expect(wire.receive(head) == [.close(.notNegotiated(id: id))], "id \(id)")
            #expect(wire.session.isClosed)
        }
    }

    @Test func bothSidesMustHaveAnExtension() {
        var wire = Wire(handshake(ourID, fast: false))
        _ = wire.receive(bytes(handshake(theirID)))
        #expect(!wire.session.supportsFast)
        #expect(wire.receive(.haveAll) == [.close(.notNegotiated(id: 14))])
    }

    // MARK: - Requests

    private static let impossible = [
        request(20), request(0x8000_0000), request(0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF),
        request(0, 0, 0), request(0, 0, 131_073), request(0, 0, 0xFFFF_FFFF),
        request(0, 0xFFFF_FFFF, 16384), request(0, 0xFFFF_C000, 16385),
    ]

    @Test("W6 requests that no torrent can answer are rejected", arguments: impossible)
    func w6Rejected(_ request: BlockRequest) {
        var wire = Wire.open()
        #expect(wire.receive(.request(request)) == [.send(.reject(request))])
        #expect(wire.session.isOpen)
        #expect(wire.session.counters.invalidRequests == 1)
    }

    @Test("W6 they close when rejects are not known", arguments: impossible)
    func w6Closed(_ request: BlockRequest) {
        var wire = Wire.open(fast: false)
        #expect(wire.receive(.request(request)) == [.close(.invalidRequest(request))])
        #expect(PeerError.invalidRequest(request).isMalicious)
    }

    @Test("W6 any other request is passed on, aligned or not")
    func w6PassedOn() {
        var wire = Wire.open()
        for good in [
            request(19, 1, 1), request(0, 0xFFFF_C000, 0x3FFF), request(0, 0, 131_072),
        ] {
            #expect(wire.receive(.request(good)) == [.message(.request(good))])
        }
    }

    @Test("W6 a hundred of them close")
    func w6Flood() {
        var wire = Wire.open()
        for _ in 0..<100 { #expect(wire.receive(.request(request(20))).count == 1) }
        #expect(wire.receive(.request(request(20))) == [.close(.flood(.invalidRequests))])
    }

    @Test("W7 ten thousand requests and cancels pass without growing the session")
    func w7Storm() {
        var wire = Wire.open()
        let storm = (0..<10_000).flatMap { number -> [PeerMessage] in
            [.request(request(UInt32(number % 20))), .cancel(request(UInt32(number % 20)))]
        }
        #expect(wire.receive(PeerWireTests.wire(storm)).count == 20_000)
        #expect(wire.session.heldByteCount == 0)
        #expect(wire.session.isOpen)
    }

    @Test func cancelsOfWhatCannotBeAreIgnored() {
        var wire = Wire.open()
        #expect(wire.receive(.cancel(request(20)), .cancel(request(0, 0, 0))) == [])
        #expect(wire.session.counters.outOfRange == 2)
        #expect(wire.receive(.cancel(request(19))) == [.message(.cancel(request(19)))])
    }

    @Test func rejectsOfWhatCannotBeAnswerNothing() {
        var wire = Wire.open()
        #expect(wire.receive(.reject(request(20))) == [.close(.unsolicited(id: 16))])
    }

    // MARK: - Blocks

    @Test("W8 blocks of pieces that do not exist close")
    func w8OutOfRange() {
        var wire = Wire.open()
        #expect(
            wire.receive(.piece(piece(20), begin: 0, block(10)))
                == [.close(.pieceOutOfRange(piece(20), pieceCount: 20))])
    }

    @Test("W8 blocks whose end overflows close")
    func w8Overflow() {
        var wire = Wire.open()
        #expect(
            wire.receive(.piece(piece(1), begin: 0xFFFF_FFFF, block(1)))
                == [.close(.unsolicited(id: 7))])
    }

    // MARK: - Advice

    @Test("W11 sixteen allowed-fast pieces are taken")
    func w11AllowedFast() {
        var wire = Wire.open()
        for number in 0..<16 {
            let message = PeerMessage.allowedFast(piece(UInt32(number)))
            #expect(wire.receive(message) == [.message(message)])
        }
        #expect(wire.receive(.allowedFast(piece(16))) == [])
        #expect(wire.session.counters.redundant == 1)
        #expect(wire.session.isOpen)
    }

    @Test("W11 a hundred suggestions a minute are taken")
    func w11Suggestions() {
        var wire = Wire.open()
        for _ in 0..<100 {
            #expect(wire.receive(.suggest(piece(1))) == [.message(.suggest(piece(1)))])
        }
        #expect(wire.receive(.suggest(piece(1))) == [])
        _ = wire.tick(after: .seconds(60))
        var taken = 0
        for _ in 0..<200 { taken += wire.receive(.suggest(piece(1))).count }
        #expect(taken == 100)
    }

    @Test("W11 a million suggestions are a flood")
    func w11Flood() {
        var wire = Wire.open()
        let events = wire.receive(
            PeerWireTests.wire([PeerMessage](repeating: .suggest(piece(1)), count: 2000)))
        #expect(events.count == 101)
        #expect(events.last == .close(.flood(.control)))
    }

    @Test("W11 advice about pieces that do not exist is ignored")
    func w11OutOfRange() {
        var wire = Wire.open()
        for number: UInt32 in [20, 0xFFFF_FFFF] {
            #expect(wire.receive(.allowedFast(piece(number)), .suggest(piece(number))) == [])
        }
        #expect(wire.session.counters.outOfRange == 4)
        #expect(wire.session.isOpen)
    }

    @Test("W21 one port in five minutes counts, and never port 0")
    func w21Port() {
        var wire = Wire.open()
        #expect(wire.receive(.port(0)) == [])
        #expect(wire.session.counters.malformed == 1)
        #expect(wire.receive(.port(53), .port(53), .port(6881)) == [.message(.port(53))])
        for _ in 0..<3 {
            _ = wire.tick(after: .seconds(99))
            #expect(wire.receive(.port(2)) == [])
        }
        _ = wire.tick(after: .seconds(3))
        #expect(wire.receive(.port(2)) == [.message(.port(2))])
    }

    @Test("W21 ten thousand ports are a flood")
    func w21Flood() {
        var wire = Wire.open()
        let events = wire.receive(
            PeerWireTests.wire([PeerMessage](repeating: .port(6881), count: 10_000)))
        #expect(events == [.message(.port(6881)), .close(.flood(.control))])
    }

    // MARK: - Floods

    @Test(
        "W12 flapping is a flood",
        arguments: [
            [PeerMessage.choke, .unchoke], [.interested, .notInterested],
        ])
    func w12Flapping(_ pair: [PeerMessage]) {
        var wire = Wire.open()
        let flapping = PeerWireTests.wire(
            [[PeerMessage]](repeating: pair, count: 2000).flatMap(\.self))
        let events = wire.receive(flapping)
        #expect(events.count <= 1001)
        #expect(events.last == .close(.flood(.control)))
        #expect(wire.session.isClosed)
    }

    @Test("W12 fifty changes a second may go on")
    func w12Slow() {
        var wire = Wire.open()
        for second in 0..<100 {
            let changes = wire.receive(
                PeerWireTests.wire(
                    [[PeerMessage]](repeating: [.unchoke, .choke], count: 25).flatMap(\.self)))
            #expect(changes.count == 50, "second \(second)")
            wire.now = wire.now + .seconds(1)
        }
        #expect(wire.session.isOpen)
    }

    @Test func whatSaysNothingNewIsNotPassedOn() {
        var wire = Wire.open()
        #expect(wire.receive(.choke, .notInterested) == [])
        #expect(wire.receive(.unchoke, .unchoke) == [.message(.unchoke)])
        #expect(!wire.session.isPeerChoking)
        #expect(wire.receive(.interested, .interested) == [.message(.interested)])
        #expect(wire.session.isPeerInterested)
        #expect(wire.session.counters.redundant == 4)
    }

    @Test("W18 messages that we do not know are skipped and counted")
    func w18Unknown() {
        var wire = Wire.open()
        for id in UInt8(10)...255 where ![13, 14, 15, 16, 17, 20, 21, 22, 23].contains(id) {
            #expect(wire.receive(frame(id, [UInt8](repeating: id, count: Int(id)))) == [])
        }
        #expect(wire.session.counters.unknown == 237)
        #expect(wire.receive(.unchoke) == [.message(.unchoke)])
    }

    @Test("W18 a large one is skipped without being held")
    func w18Large() {
        var wire = Wire.open()
        #expect(wire.receive(bigEndian(1 << 20) + [99]) == [])
        for _ in 0..<63 {
            #expect(wire.receive([UInt8](repeating: 1, count: 16384)) == [])
            #expect(wire.session.heldByteCount == 0)
        }
        #expect(
            wire.receive([UInt8](repeating: 1, count: 16383) + PeerWireTests.wire(.unchoke))
                == [.message(.unchoke)])
    }

    @Test("W18 keep-alives and unknown messages without end are a flood")
    func w18Flood() {
        for bytes in [[UInt8](repeating: 0, count: 4), frame(99), frame(255, [1, 2, 3])] {
            var wire = Wire.open()
            let flood = [[UInt8]](repeating: bytes, count: 1000).flatMap(\.self)
            #expect(wire.receive(flood) == [])
            #expect(wire.session.isOpen)
            #expect(wire.receive(bytes) == [.close(.flood(.control))])
        }
        var large = Wire.open()
        let megabyte = frame(99, [UInt8](repeating: 0, count: (1 << 20) - 1))
        for _ in 0..<3 { #expect(large.receive(megabyte) == []) }
        #expect(large.receive(megabyte) == [.close(.flood(.control))])
    }

    @Test func nothingComesAfterAClose() {
        var wire = Wire.open()
        let stream = PeerWireTests.wire(.have(piece(99)), .unchoke, .have(piece(1)))
        #expect(wire.receive(stream).count == 1)
        #expect(wire.receive(.unchoke) == [])
        #expect(wire.tick(after: .minutes(10)) == [])
        #expect(wire.session.nextDeadline() == nil)
    }

    @Test func everyErrorHasALineOfItsOwn() {
        let errors: [PeerError] = [
            .notBitTorrent, .wrongInfoHash, .connectedToSelf, .handshakeTimeout, .idle,
            .tooMuchBeforeAccept, .frameTooLarge(length: 7), .wrongLength(id: 3, length: 9),
            .notNegotiated(id: 14), .lateAvailability(id: 5), .repeatedAvailability(id: 5),
            .invalidBitfield(pieceCount: 20), .pieceOutOfRange(piece(9), pieceCount: 3),
            .invalidRequest(request(1)), .unsolicited(id: 7), .invalidHashes(count: 3),
            .flood(.control), .flood(.haves), .flood(.invalidRequests),
            .flood(.unadvertisedExtensions), .flood(.malformedMessages),
        ]
        #expect(Set(errors.map(\.description)).count == errors.count)
    }
}

@Suite struct HashMessageTests {
    @Test(
        "W15 hash requests that no tree can answer are rejected",
        arguments: [
            hashRequest(length: 0), hashRequest(length: 1), hashRequest(length: 513),
            hashRequest(length: 1 << 31), hashRequest(length: 16384), hashRequest(index: 1),
            hashRequest(index: 0xFFFF_FFFE), hashRequest(index: 0xFFFF_FFF0, length: 32),
            hashRequest(proof: 1 << 31), hashRequest(base: 51), hashRequest(base: 0xFFFF_FFFF),
        ])
    func w15Rejected(_ request: HashRequest) {
        var wire = Wire.open()
        #expect(wire.receive(.hashRequest(request)) == [.send(.hashReject(request))])
        #expect(wire.session.counters.malformed == 1)
        #expect(wire.session.isOpen)
    }

    @Test(
        "W15 requests that a tree can answer are passed on",
        arguments: [
            hashRequest(), hashRequest(length: 512), hashRequest(length: 8192),
            hashRequest(base: 5, index: 1024, length: 512, proof: 20),
        ])
    func w15PassedOn(_ request: HashRequest) {
        var wire = Wire.open()
        #expect(wire.receive(.hashRequest(request)) == [.message(.hashRequest(request))])
    }

    @Test("W15 twenty of them close")
    func w15Flood() {
        var wire = Wire.open()
        for _ in 0..<20 { _ = wire.receive(.hashRequest(hashRequest(length: 1))) }
        #expect(wire.session.isOpen)
        #expect(
            wire.receive(.hashRequest(hashRequest(length: 1)))
                == [.close(.flood(.malformedMessages))])
    }

    @Test("W15 answers to what we cannot have asked for close")
    func w15Answers() {
        for bad in [hashRequest(length: 1), hashRequest(index: 3), hashRequest(proof: 1 << 31)] {
            var rejected = Wire.open()
            #expect(rejected.receive(.hashReject(bad)) == [.close(.unsolicited(id: 23))])
            var answered = Wire.open()
            #expect(
                answered.receive(.hashes(bad, [SHA256Digest.hash([]), SHA256Digest.hash([])]))
                    == [.close(.unsolicited(id: 22))])
        }
    }

    @Test("W15 hashes are as many as their request says")
    func w15Count() {
        // Four hashes prove themselves for one layer more; of five proof layers the first is
        // left out.
        let request = hashRequest(length: 4, proof: 5)
        #expect(request.uncleCount == 4)
        #expect(request.hashCount == 8)
        for count in [2, 4, 7, 8, 9] {
            var wire = Wire.open()
            let hashes = (0..<count).map { SHA256Digest.hash([UInt8($0)]) }
            let message = PeerMessage.hashes(request, hashes)
            #expect(
                wire.receive(message)
                    == [count == 8 ? .message(message) : .close(.invalidHashes(count: count))])
        }
        #expect(hashRequest(length: 512, proof: 3).uncleCount == 0)
        #expect(hashRequest(length: 2, proof: 3).uncleCount == 3)
    }

    @Test("W15 hashes in parts close")
    func w15Parts() {
        var wire = Wire.open()
        #expect(
            wire.receive(bigEndian(49 + 64 + 31) + [22])
                == [.close(.wrongLength(id: 22, length: 144))])
        var most = Wire.open()
        #expect(
            most.receive(bigEndian(49 + 32 * 8243) + [22])
                == [.close(.wrongLength(id: 22, length: 49 + 32 * 8243))])
    }

    @Test("W17 zero hashes are refused but after the leaves of a file")
    func w17Zero() {
        let one = SHA256Digest.hash([1])
        let cases: [(HashRequest, [SHA256Digest], Bool)] = [
            (hashRequest(length: 4), [one, one, .zero, .zero], true),
            (hashRequest(length: 4), [one, .zero, one, .zero], false),
            (hashRequest(length: 4), [.zero, .zero, .zero, .zero], false),
            (hashRequest(base: 2, length: 4), [one, one, one, .zero], false),
            (hashRequest(length: 2, proof: 2), [one, .zero, one, one], true),
            (hashRequest(length: 2, proof: 2), [one, one, one, .zero], false),
        ]
        for (request, hashes, isRight) in cases {
            var wire = Wire.open()
            let message = PeerMessage.hashes(request, hashes)
            #expect(
                wire.receive(message)
                    == [isRight ? .message(message) : .close(.invalidHashes(count: hashes.count))])
        }
    }
}
