import Hashing
import NIOCore
import PeerWire
import Testing
import Units

@Suite struct CodingTests {
    private static let zeros32 = String(repeating: "00", count: 32)
    private static let odd = HashRequest(
        piecesRoot: .zero, baseLayer: 1, index: 2, length: 3, proofLayers: 4)
    private static let pair = HashRequest(
        piecesRoot: .zero, baseLayer: 0, index: 0, length: 2, proofLayers: 0)

    static let onTheWire: [(PeerMessage, String)] = [
        (PeerMessage.keepAlive, "00000000"), (.choke, "0000000100"), (.unchoke, "0000000101"),
        (.interested, "0000000102"), (.notInterested, "0000000103"),
        (.have(piece(0x0102_0304)), "000000050401020304"),
        (.bitfield(Bitfield(allSet: 9)), "0000000305ff80"),
        (.request(request(1, 2, 3)), "0000000d06000000010000000200000003"),
        (
            .piece(piece(1), begin: 2, ByteBuffer(bytes: [0xAB])),
            "0000000a070000000100000002ab"
        ),
        (.cancel(request(1, 2, 3)), "0000000d08000000010000000200000003"),
        (.port(0x1AE1), "00000003091ae1"), (.suggest(piece(7)), "000000050d00000007"),
        (.haveAll, "000000010e"), (.haveNone, "000000010f"),
        (.reject(request(1, 2, 3)), "0000000d10000000010000000200000003"),
        (.allowedFast(piece(7)), "000000051100000007"),
        (.extended(.metadata, ByteBuffer(bytes: [0xCD])), "000000031401cd"),
        (.extended(.peerExchange, ByteBuffer()), "000000021402"),
        (.dontHave(piece(7)), "00000006140300000007"),
        (.uploadOnly(true), "00000003140401"), (.uploadOnly(false), "00000003140400"),
        (.hashRequest(odd), "0000003115\(zeros32)00000001000000020000000300000004"),
        (.hashReject(odd), "0000003117\(zeros32)00000001000000020000000300000004"),
        (
            .hashes(pair, [.zero, .zero]),
            "0000007116\(zeros32)00000000000000000000000200000000\(zeros32)\(zeros32)"
        ),
    ]

    @Test("A message has the bytes that its BEP says", arguments: onTheWire)
    func bytesOnTheWire(_ message: PeerMessage, _ hex: String) {
        #expect(hexText(wire(message)) == hex)
    }

    @Test func everyMessageComesBackAsItWasSent() {
        for (position, message) in everyMessage.enumerated() {
            var open = Wire.open()
            // Choke and not-interested say nothing new to a session that has just begun.
            if message == .choke { _ = open.receive(.unchoke) }
            if message == .notInterested { _ = open.receive(.interested) }
            let expected: [PeerSession.Event] = message == .keepAlive ? [] : [.message(message)]
            #expect(open.receive(message) == expected, "message \(position)")
            #expect(open.session.isOpen)
        }
    }

    @Test func haveAllAndHaveNoneComeBackToo() {
        for message in [PeerMessage.haveAll, .haveNone] {
            var open = Wire.open()
            #expect(open.receive(message) == [.message(message)])
        }
    }

    @Test func messagesAndEventsStaySmall() {
        #expect(MemoryLayout<PeerMessage>.stride == 32)
        #expect(MemoryLayout<PeerSession.Event>.stride == 32)
    }

    @Test func pieceHeadersAreWhatGoesBeforeTheBlock() {
        var header = ByteBuffer()
        PeerMessage.encodePieceHeader(
            piece: piece(5), begin: 16384, length: 300, into: &header)
        #expect(header.readableBytes == PeerMessage.pieceHeaderByteCount)
        let block = block(300)
        let whole = wire(.piece(piece(5), begin: 16384, block))
        #expect(bytes(header) + bytes(block) == whole)
    }

    @Test func extensionMessagesGoUnderTheIDsOfTheirReceiver() {
        var ids = ExtensionIDs()
        ids[.dontHave] = 200
        ids[.uploadOnly] = 0
        var buffer = ByteBuffer()
        #expect(PeerMessage.dontHave(piece(1)).encode(into: &buffer, ids: ids))
        #expect(hexText(bytes(buffer)) == "0000000614c800000001")
        buffer.clear()
        #expect(!PeerMessage.uploadOnly(true).encode(into: &buffer, ids: ids))
        #expect(!PeerMessage.extended(.metadata, block(3)).encode(into: &buffer, ids: ids))
        #expect(buffer.readableBytes == 0)
    }

    @Test func sessionsSendOnlyWhatWasNegotiated() {
        var buffer = ByteBuffer()
        let plain = Wire.open(extensions: false, fast: false, v2: false).session
        let refused: [PeerMessage] = [
            .haveAll, .haveNone, .suggest(piece(0)), .reject(request(0)),
            .allowedFast(piece(0)), .extensionHandshake(ExtensionHandshake()),
            .uploadOnly(true), .hashRequest(hashRequest()), .hashReject(hashRequest()),
        ]
        for message in refused { #expect(!plain.encode(message, into: &buffer)) }
        #expect(buffer.readableBytes == 0)
        #expect(plain.encode(.have(piece(0)), into: &buffer))

        buffer.clear()
        var able = Wire.open()
        #expect(able.session.encode(.haveAll, into: &buffer))
        #expect(!able.session.encode(.uploadOnly(true), into: &buffer))
        var theirs = ExtensionIDs()
        theirs[.uploadOnly] = 9
        _ = able.receive(.extensionHandshake(ExtensionHandshake(extensions: theirs)))
        buffer.clear()
        #expect(able.session.encode(.uploadOnly(true), into: &buffer))
        #expect(hexText(bytes(buffer)) == "00000003140901")
    }
}
