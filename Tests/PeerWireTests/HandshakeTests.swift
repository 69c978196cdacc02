import Hashing
import NIOCore
import PeerWire
import Testing
import Units

@Suite struct HandshakeTests {
    @Test func theReservedBitsAreWhereTheBEPsSay() {
        let cases: [(Handshake, [UInt8])] = [
            (
                handshake(ourID, extensions: true, fast: false, dht: false, v2: false),
                [0, 0, 0, 0, 0, 0x10, 0, 0]
            ),
            (
                handshake(ourID, extensions: false, fast: true, dht: false, v2: false),
                [0, 0, 0, 0, 0, 0, 0, 0x04]
            ),
            (
                handshake(ourID, extensions: false, fast: false, dht: true, v2: false),
                [0, 0, 0, 0, 0, 0, 0, 0x01]
            ),
            (
                handshake(ourID, extensions: false, fast: false, dht: false, v2: true),
                [0, 0, 0, 0, 0, 0, 0, 0x10]
            ),
        ]
        for (handshake, reserved) in cases {
            let expected =
                [19] + Array("BitTorrent protocol".utf8) + reserved + someInfoHash.bytes
                + ourID.bytes
            #expect(bytes(handshake) == expected)
            var buffer = ByteBuffer(bytes: expected + [1, 2])
            #expect(Handshake(reading: &buffer) == handshake)
            #expect(bytes(buffer) == [1, 2])
        }
    }

    @Test func reservedBitsThatWeDoNotKnowAreIgnored() {
        var wire = bytes(handshake(theirID))
        for position in 20..<28 { wire[position] = 0xFF }
        var open = Wire()
        #expect(open.receive(wire) == [.handshake(handshake(theirID))])
        #expect(open.session.isOpen)
    }

    @Test func aDialledConnectionOpensWithTheHandshake() {
        var wire = Wire()
        #expect(!wire.session.isOpen)
        let theirs = handshake(theirID, fast: false)
        #expect(wire.receive(bytes(theirs)) == [.handshake(theirs)])
        #expect(wire.session.isOpen)
        #expect(wire.session.peerHandshake == theirs)
        #expect(!wire.session.supportsFast)
        #expect(wire.session.supportsExtensions)
        #expect(wire.session.supportsV2)
    }

    @Test func messagesBehindTheHandshakeAreTakenWithIt() {
        var wire = Wire()
        let theirs = handshake(theirID)
        #expect(
            wire.receive(bytes(theirs) + PeerWireTests.wire(.haveAll, .unchoke))
                == [.handshake(theirs), .message(.haveAll), .message(.unchoke)])
    }

    @Test func anAcceptedConnectionKeepsWhatComesUntilItIsAccepted() {
        var wire = Wire(acceptingAt: .zero)
        let theirs = handshake(theirID)
        #expect(
            wire.receive(bytes(theirs) + PeerWireTests.wire(.haveAll)) == [.handshake(theirs)])
        #expect(wire.session.isAwaitingAccept)
        #expect(wire.receive(PeerWireTests.wire(.unchoke)) == [])
        #expect(wire.session.heldByteCount > 0)
        wire.session.accept(handshake: handshake(ourID), pieceCount: 20)
        #expect(wire.session.isOpen)
        #expect(wire.receive([]) == [.message(.haveAll), .message(.unchoke)])
        #expect(wire.session.heldByteCount == 0)
        #expect(wire.receive(.interested) == [.message(.interested)])
    }

    @Test func bytesAfterAcceptCountAfterThoseBefore() {
        var wire = Wire(acceptingAt: .zero)
        let stream = PeerWireTests.wire(.haveAll, .have(piece(3)), .unchoke)
        _ = wire.receive(bytes(handshake(theirID)) + stream.prefix(8))
        wire.session.accept(handshake: handshake(ourID), pieceCount: 20)
        #expect(
            wire.receive(Array(stream.dropFirst(8)))
                == [
                    .message(.haveAll), .message(.have(piece(3))),
                    .message(.unchoke),
                ])
    }

    @Test func whatComesBeforeAcceptIsBounded() {
        let limit = 512 * 1024
        var wire = Wire(acceptingAt: .zero)
        _ = wire.receive(bytes(handshake(theirID)))
        #expect(wire.receive([UInt8](repeating: 0, count: limit)) == [])
        #expect(wire.receive([0]) == [.close(.tooMuchBeforeAccept)])
        #expect(wire.session.heldByteCount == 0)
        #expect(wire.session.isClosed)
    }

    @Test("W1 a handshake that is wrong closes at the first wrong byte")
    func w1WrongHandshake() {
        let good = bytes(handshake(theirID))
        for length in [UInt8(0), 18, 20, 255] {
            var wire = Wire()
            #expect(wire.receive([length]) == [.close(.notBitTorrent)])
            #expect(wire.session.nextDeadline() == nil)
        }
        for position in 0..<20 {
            var bad = good
            bad[position] ^= 0x20
            var whole = Wire(acceptingAt: .zero)
            #expect(whole.receive(bad) == [.close(.notBitTorrent)])
            var slow = Wire(acceptingAt: .zero)
            for byte in bad[..<position] { #expect(slow.receive([byte]) == []) }
            #expect(slow.receive([bad[position]]) == [.close(.notBitTorrent)])
            #expect(slow.session.isClosed)
        }
    }

    @Test("W1 a handshake in segments of one byte is a handshake")
    func w1ByteByByte() {
        let theirs = handshake(theirID)
        var wire = Wire(acceptingAt: .zero)
        for byte in bytes(theirs).dropLast() { #expect(wire.receive([byte]) == []) }
        #expect(wire.receive([bytes(theirs)[67]]) == [.handshake(theirs)])
    }

    @Test("W1 ten seconds without a whole handshake close")
    func w1Silence() {
        for isInitiator in [true, false] {
            var wire = isInitiator ? Wire() : Wire(acceptingAt: .zero)
            #expect(wire.session.nextDeadline()?.0 == Instant.zero + .seconds(10))
            #expect(wire.session.nextDeadline()?.1 == .handshake)
            _ = wire.receive(Array(bytes(handshake(theirID)).prefix(67)))
            #expect(wire.tick(after: .milliseconds(9_999)) == [])
            #expect(wire.tick(after: .milliseconds(1)) == [.close(.handshakeTimeout)])
            #expect(wire.session.nextDeadline() == nil)
        }
    }

    @Test func aConnectionThatNobodyAcceptsTimesOutToo() {
        var wire = Wire(acceptingAt: .zero)
        _ = wire.receive(bytes(handshake(theirID)))
        #expect(wire.session.nextDeadline()?.1 == .handshake)
        #expect(wire.tick(after: .seconds(10)) == [.close(.handshakeTimeout)])
    }

    @Test("W2 an answer for another torrent closes")
    func w2OtherTorrent() {
        var wire = Wire()
        let other = handshake(theirID, infoHash: .zero)
        #expect(wire.receive(bytes(other)) == [.close(.wrongInfoHash)])
        #expect(!PeerError.wrongInfoHash.isMalicious)
    }

    @Test("W2 a connection to ourselves closes at either end")
    func w2OurOwnID() {
        var dialled = Wire()
        #expect(dialled.receive(bytes(handshake(ourID))) == [.close(.connectedToSelf)])

        var accepted = Wire(acceptingAt: .zero)
        _ = accepted.receive(bytes(handshake(ourID)))
        accepted.session.accept(handshake: handshake(ourID), pieceCount: 20)
        #expect(!accepted.session.isOpen)
        #expect(accepted.receive([]) == [.close(.connectedToSelf)])
        #expect(accepted.session.isClosed)
    }

    @Test func aHybridTorrentMayBeAnsweredUnderItsOtherHash() {
        let alternate = SHA1Digest.hash([2])
        let answer = handshake(theirID, infoHash: alternate)
        var upgraded = Wire(alternate: alternate)
        #expect(upgraded.receive(bytes(answer)) == [.handshake(answer)])
        #expect(upgraded.session.isOpen)
        // Only who offered v2 can be answered with it.
        var plain = Wire(handshake(ourID, v2: false), alternate: alternate)
        #expect(plain.receive(bytes(answer)) == [.close(.wrongInfoHash)])
    }

    @Test func whoNamesTheV2HashSpeaksV2WithoutABit() {
        let v2 = SHA1Digest.hash([2])
        var answered = Wire(alternate: v2)
        _ = answered.receive(bytes(handshake(theirID, infoHash: v2, v2: false)))
        #expect(answered.session.supportsV2)

        var dialled = Wire(acceptingAt: .zero)
        _ = dialled.receive(bytes(handshake(theirID, infoHash: v2, v2: false)))
        dialled.session.accept(
            handshake: handshake(ourID, infoHash: v2), pieceCount: 20, v2InfoHash: v2)
        #expect(dialled.session.supportsV2)

        // 20 bytes of which we learn later that they are of a v2 hash.
        var late = Wire(handshake(ourID, v2: false), pieceCount: nil)
        _ = late.receive(bytes(handshake(theirID, v2: false)))
        #expect(!late.session.supportsV2)
        late.session.setV2InfoHash(someInfoHash)
        #expect(late.session.supportsV2)
    }

    @Test("W20 in no state does anything remain of a lost connection")
    func w20Disconnected() {
        let half = Array(wire(.piece(piece(1), begin: 0, block(9000))).prefix(5000))
        let states: [[PeerSession.Input]] = [
            [],
            [.received(ByteBuffer(bytes: bytes(handshake(theirID)).prefix(30)))],
            [.received(ByteBuffer(bytes: bytes(handshake(theirID)) + half))],
            [
                .received(ByteBuffer(bytes: bytes(handshake(theirID)))),
                .accept(handshake(ourID), pieceCount: 20), .received(ByteBuffer(bytes: half)),
            ],
            [
                .received(ByteBuffer(bytes: bytes(handshake(theirID)))),
                .accept(handshake(ourID), pieceCount: nil),
                .received(ByteBuffer(bytes: frame(5, [0xFF, 0xFF]) + half.prefix(3))),
            ],
        ]
        for (number, inputs) in states.enumerated() {
            var wire = Wire(acceptingAt: .zero)
            for input in inputs { _ = wire.handle(input) }
            #expect(!wire.session.isClosed, "state \(number)")
            #expect(wire.handle(.disconnected) == [])
            #expect(wire.session.isClosed)
            #expect(wire.session.nextDeadline() == nil)
            #expect(wire.session.heldByteCount == 0)
            #expect(wire.receive(bytes(handshake(theirID))) == [])
            #expect(wire.setPieceCount(20) == [])
            #expect(wire.tick(after: .minutes(60)) == [])
        }
    }
}
