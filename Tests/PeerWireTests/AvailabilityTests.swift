import Hashing
import PeerWire
import Testing
import Units

@Suite struct AvailabilityTests {
    private let pieces = Bitfield(wireBytes: [0x80, 0, 0x10], count: 20) ?? Bitfield(count: 20)

    @Test(
        "W4 a have of a piece that does not exist closes",
        arguments: [
            UInt32(20), 0x8000_0000, 0xFFFF_FFFF,
        ])
    func w4OutOfRange(_ number: UInt32) {
        var wire = Wire.open()
        #expect(wire.receive(.have(piece(19))) == [.message(.have(piece(19)))])
        let error = PeerError.pieceOutOfRange(piece(number), pieceCount: 20)
        #expect(wire.receive(.have(piece(number)), .unchoke) == [.close(error)])
        #expect(wire.session.isClosed)
        #expect(error.isMalicious)
    }

    @Test("W4 repeated haves are passed on up to a bound, then they are a flood")
    func w4Repeated() {
        var wire = Wire.open()
        let thousand = PeerWireTests.wire([PeerMessage](repeating: .have(piece(7)), count: 1000))
        for _ in 0..<10 { #expect(wire.receive(thousand).count == 1000) }
        let last = wire.receive(thousand)
        #expect(last.count == 21)
        #expect(last.last == .close(.flood(.haves)))
        #expect(wire.session.isClosed)
    }

    @Test("W5 a bitfield that is short, long or has spare bits closes")
    func w5Invalid() {
        for payload: [UInt8] in [[0xFF, 0xFF], [0xFF, 0xFF, 0xF0, 0]] {
            var wire = Wire.open()
            let error = PeerError.wrongLength(id: 5, length: UInt32(payload.count + 1))
            #expect(wire.receive(frame(5, payload)) == [.close(error)])
        }
        for spare: UInt8 in [1, 2, 4, 8, 15] {
            var wire = Wire.open()
            let error = PeerError.invalidBitfield(pieceCount: 20)
            #expect(wire.receive(frame(5, [0, 0, spare])) == [.close(error)])
            #expect(wire.session.isClosed)
            #expect(error.isMalicious)
        }
        var right = Wire.open()
        #expect(right.receive(.bitfield(pieces)) == [.message(.bitfield(pieces))])
    }

    @Test("W5 a later bitfield replaces the first, as aria2's do, and many are a flood")
    func w5Twice() {
        var fewer = pieces
        fewer.remove(piece(0))
        var wire = Wire.open()
        #expect(
            wire.receive(.bitfield(pieces), .unchoke, .bitfield(fewer))
                == [.message(.bitfield(pieces)), .message(.unchoke), .message(.bitfield(fewer))])
        let hundred = PeerWireTests.wire([PeerMessage](repeating: .bitfield(pieces), count: 100))
        #expect(wire.receive(hundred).last == .close(.flood(.control)))
        #expect(wire.session.isClosed)
    }

    @Test("W5 have-all and have-none after other messages close")
    func w5Late() {
        let before: [PeerMessage] = [
            .choke, .unchoke, .interested, .notInterested, .have(piece(1)), .request(request(1)),
            .piece(piece(1), begin: 0, block(1)), .cancel(request(1)), .suggest(piece(1)),
            .reject(request(1)), .allowedFast(piece(1)), .hashRequest(hashRequest()),
        ]
        for message in before {
            for (id, late) in [(UInt8(14), PeerMessage.haveAll), (15, .haveNone)] {
                var wire = Wire.open()
                _ = wire.receive(message)
                #expect(wire.session.isOpen)
                let head = Array(PeerWireTests.wire(late).prefix(5))
                #expect(wire.receive(head) == [.close(.lateAvailability(id: id))], "\(message)")
            }
        }
    }

    @Test func extensionMessagesPortsAndKeepAlivesMayComeBeforeTheBitfield() {
        var wire = Wire.open()
        _ = wire.receive(
            .keepAlive, .extensionHandshake(ExtensionHandshake()), .port(6881),
            .extended(.peerExchange, block(6)))
        _ = wire.receive(frame(99))
        #expect(wire.receive(.bitfield(pieces)) == [.message(.bitfield(pieces))])
    }

    @Test("W10 have-all and have-none come first or not at all")
    func w10Contradictions() {
        let all: [(id: UInt8, PeerMessage)] = [
            (5, .bitfield(pieces)), (14, .haveAll), (15, .haveNone),
        ]
        for (_, first) in all {
            for (id, second) in all where id != 5 {
                var wire = Wire.open()
                #expect(
                    wire.receive(first, second)
                        == [.message(first), .close(.repeatedAvailability(id: id))])
                #expect(wire.session.isClosed)
            }
        }
    }

    @Test func aDontHaveOfWhatDoesNotExistIsIgnored() {
        var wire = Wire.open()
        #expect(wire.receive(.dontHave(piece(20))) == [])
        #expect(wire.session.counters.outOfRange == 1)
        #expect(wire.receive(.dontHave(piece(19))) == [.message(.dontHave(piece(19)))])
    }

    @Test func thousandsOfPiecesMayBeEvictedAtOnceButNotTakenTurnsWith() {
        let flap = PeerWireTests.wire(.have(piece(1)), .dontHave(piece(1)))
        var wire = Wire.open()
        let some = [[UInt8]](repeating: flap, count: 10_000).flatMap(\.self)
        #expect(wire.receive(some).count == 20_000)
        #expect(wire.session.isOpen)
        let more = wire.receive(some)
        #expect(more.last == .close(.flood(.control)))
    }
}

/// Before the metadata is known the number of pieces is not.
@Suite struct MagnetTests {
    @Test("W5 a bitfield that comes before the metadata is held and then checked")
    func w5Held() {
        var wire = Wire.open(pieceCount: nil)
        #expect(wire.receive(frame(5, [0x80, 0, 0x10])) == [])
        #expect(wire.receive(.have(piece(1))) == [])
        var expected = Bitfield(count: 20)
        for number: UInt32 in [0, 1, 19] { expected.insert(piece(number)) }
        #expect(wire.setPieceCount(20) == [.message(.bitfield(expected))])
        #expect(wire.session.pieceCount == 20)
        #expect(wire.receive(.have(piece(2))) == [.message(.have(piece(2)))])
        #expect(wire.setPieceCount(30) == [])
        #expect(wire.session.pieceCount == 20)
    }

    @Test("W5 a held bitfield that does not fit closes", arguments: [19, 8, 25, 21])
    func w5HeldWrong(_ count: Int) {
        var wire = Wire.open(pieceCount: nil)
        _ = wire.receive(frame(5, [0xFF, 0xFF, 0xF0]))
        let isRight = count == 21 || count == 20
        let events = wire.setPieceCount(count)
        #expect(wire.session.isClosed == !isRight)
        #expect(events.count == 1)
        if !isRight { #expect(events == [.close(.invalidBitfield(pieceCount: count))]) }
    }

    @Test("W5 a held bitfield has at most the bytes of two million pieces")
    func w5HeldBounded() {
        var most = Wire.open(pieceCount: nil)
        #expect(most.receive(frame(5, [UInt8](repeating: 0xFF, count: 262_144))) == [])
        #expect(most.session.isOpen)
        var more = Wire.open(pieceCount: nil)
        #expect(
            more.receive(bigEndian(262_146) + [5])
                == [.close(.wrongLength(id: 5, length: 262_146))])
    }

    @Test func whatWasSaidIsToldAsOneMessage() {
        let some = Bitfield(wireBytes: [0x40, 0, 0], count: 20) ?? Bitfield(count: 20)
        var allButOne = Bitfield(allSet: 20)
        allButOne.remove(piece(3))
        let cases: [([PeerMessage], PeerMessage?)] = [
            ([], nil), ([.haveAll], .haveAll), ([.haveNone], .haveNone),
            ([.have(piece(1))], .bitfield(some)), ([.haveNone, .have(piece(1))], .bitfield(some)),
            ([.haveAll, .dontHave(piece(3))], .bitfield(allButOne)),
            ([.haveAll, .dontHave(piece(3)), .have(piece(3))], .bitfield(Bitfield(allSet: 20))),
        ]
        for (said, told) in cases {
            var wire = Wire.open(pieceCount: nil)
            #expect(wire.receive(PeerWireTests.wire(said)) == [])
            #expect(wire.setPieceCount(20) == told.map { [.message($0)] } ?? [], "\(said)")
            #expect(wire.session.isOpen)
        }
    }

    @Test("W4 a held have of a piece that does not exist closes")
    func w4Held() {
        var wire = Wire.open(pieceCount: nil)
        #expect(wire.receive(.have(piece(20))) == [])
        let error = PeerError.pieceOutOfRange(piece(20), pieceCount: 20)
        #expect(wire.setPieceCount(20) == [.close(error)])

        var impossible = Wire.open(pieceCount: nil)
        #expect(
            impossible.receive(.have(piece(2_097_152)))
                == [.close(.pieceOutOfRange(piece(2_097_152), pieceCount: 2_097_152))])
    }

    @Test("W4 held haves are bounded")
    func w4HeldBounded() {
        var wire = Wire.open(pieceCount: nil)
        let haves = (0..<40_000).map { PeerMessage.have(piece(UInt32($0))) }
        #expect(wire.receive(PeerWireTests.wire(haves)) == [])
        guard case .message(.bitfield(let told))? = wire.setPieceCount(50_000).first else {
            Issue.record("no bitfield")
            return
        }
        #expect(told.setCount == 16_384)
    }

    @Test func allowedFastPiecesAreHeldAndSuggestionsAreNot() {
        var wire = Wire.open(pieceCount: nil)
        #expect(wire.receive(.haveAll) == [])
        for number: UInt32 in [3, 20, 5] {
            #expect(wire.receive(.allowedFast(piece(number)), .suggest(piece(number))) == [])
        }
        #expect(
            wire.setPieceCount(20)
                == [
                    .message(.haveAll), .message(.allowedFast(piece(3))),
                    .message(.allowedFast(piece(5))),
                ])
        #expect(wire.session.counters.outOfRange == 4)
    }

    @Test("W6 requests before the metadata are rejected")
    func w6BeforeMetadata() {
        var wire = Wire.open(pieceCount: nil)
        #expect(wire.receive(.request(request(0))) == [.send(.reject(request(0)))])
        #expect(
            wire.receive(.hashRequest(hashRequest())) == [.send(.hashReject(hashRequest()))])
        var plain = Wire.open(pieceCount: nil, fast: false)
        #expect(plain.receive(.request(request(0))) == [])
        #expect(plain.session.isOpen)
    }

    @Test func answersBeforeTheMetadataAnswerNothing() {
        let answers: [(id: UInt8, PeerMessage)] = [
            (7, .piece(piece(0), begin: 0, block(10))), (16, .reject(request(0))),
        ]
        for (id, answer) in answers {
            var wire = Wire.open(pieceCount: nil)
            #expect(wire.receive(answer) == [.close(.unsolicited(id: id))])
        }
    }

    @Test func hashesMayComeBeforeThePieceCountIsTold() {
        let one = SHA256Digest.hash([1])
        for answer in [
            PeerMessage.hashes(hashRequest(), [one, one]), .hashReject(hashRequest()),
        ] {
            var wire = Wire.open(pieceCount: nil)
            #expect(wire.receive(answer) == [.message(answer)])
        }
    }
}
