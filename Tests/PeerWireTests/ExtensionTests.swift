import NIOCore
import PeerWire
import Testing
import Units

@Suite struct ExtensionTests {
    private func parse(_ text: String) throws -> ExtensionHandshake {
        try ExtensionHandshake(parsing: Array(text.utf8))
    }

    @Test func theHandshakeOfAnotherClientIsRead() throws {
        let read = try parse(
            "d12:complete_agoi1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e"
                + "12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei31235e"
                + "1:pi6881e4:reqqi500e11:upload_onlyi1e1:v17:qBittorrent/4.5.2"
                + "6:yourip4:\u{1}\u{2}\u{3}\u{4}e"
        )
        #expect(read.extensions[.metadata] == 2)
        #expect(read.extensions[.peerExchange] == 1)
        #expect(read.extensions[.dontHave] == 7)
        #expect(read.extensions[.uploadOnly] == 3)
        #expect(read.extensions[.holepunch] == 4)
        #expect(read.metadataSize == 31235)
        #expect(read.listenPort == 6881)
        #expect(read.requestQueueMax == 500)
        #expect(read.uploadOnly == true)
        #expect(read.clientName == "qBittorrent/4.5.2")
        #expect(read.yourIP == Endpoint("1.2.3.4:1")?.with(port: 0))
    }

    @Test func aHandshakeComesBackAsItWasWritten() throws {
        var some = ExtensionIDs()
        some[.metadata] = 200
        some[.dontHave] = 0
        let full = ExtensionHandshake(
            extensions: some, clientName: "swarm 0.1 \u{b5}", listenPort: 65535,
            requestQueueMax: 2000, metadataSize: 16 << 20,
            yourIP: Endpoint("[2001:db8::1]:1")?.with(port: 0),
            ipv4: Endpoint("192.0.2.1:1")?.with(port: 0),
            ipv6: Endpoint("[2001:db8::2]:1")?.with(port: 0), uploadOnly: true)
        #expect(try ExtensionHandshake(parsing: full.encoded()) == full)
        #expect(ExtensionHandshake().encoded() == Array("d1:mdee".utf8))
        #expect(try parse("d1:mdee") == ExtensionHandshake())
    }

    @Test("X1 what is not a dictionary is refused")
    func x1NotADictionary() {
        for text in ["le", "i1e", "4:spam"] {
            #expect(throws: ExtensionHandshakeError.notADictionary) { try parse(text) }
        }
        for text in ["", "d", "d1:mde", "x", "d1:m"] {
            #expect(throws: ExtensionHandshakeError.self) { try parse(text) }
        }
    }

    @Test("X9 what our own extension handshake does not name is not taken")
    func x9Advertised() {
        var wire = Wire.open()
        wire.session.advertise(ExtensionIDs(ours: [.dontHave]))
        #expect(wire.receive(frame(20, [ExtensionID.peerExchange.rawValue, 1])) == [])
        #expect(wire.session.counters.unadvertised == 1)
        wire.session.advertise(ExtensionIDs(ours: [.peerExchange]))
        let taken = PeerSession.Event.message(.extended(.peerExchange, ByteBuffer(bytes: [1])))
        #expect(wire.receive(frame(20, [ExtensionID.peerExchange.rawValue, 1])) == [taken])
        // Named earlier, and not revoked.
        let lost = PeerSession.Event.message(.dontHave(PieceIndex(1)))
        #expect(
            wire.receive(frame(20, [ExtensionID.dontHave.rawValue, 0, 0, 0, 1])).contains(lost))
    }

    @Test("X1 a handshake that cannot be read is ignored, and many of them close")
    func x1Malformed() {
        var wire = Wire.open()
        for count in 1...20 {
            #expect(wire.receive(frame(20, [0] + Array("le".utf8))) == [])
            #expect(wire.session.counters.malformed == UInt32(count))
        }
        #expect(wire.receive(frame(20, [0])) == [.close(.flood(.malformedMessages))])
    }

    @Test(
        "X1 `m` that is not a dictionary says nothing",
        arguments: [
            "d1:mi5ee", "d1:mlee", "d1:m3:abce", "de",
        ])
    func x1Names(_ text: String) throws {
        #expect(try parse(text).extensions == ExtensionIDs())
    }

    @Test("X1 ids that are no bytes are left out, and of two names with one id the second")
    func x1IDs() throws {
        let read = try parse(
            "d1:md11:lt_donthavei256e11:upload_onlyi-1e12:ut_holepunch1:411:ut_metadatai9e"
                + "6:ut_pexi9eee"
        ).extensions
        #expect(read[.dontHave] == nil)
        #expect(read[.uploadOnly] == nil)
        #expect(read[.holepunch] == nil)
        #expect(read[.metadata] == 9)
        #expect(read[.peerExchange] == nil)
        // Also an id that a name has which we do not know.
        #expect(try parse("d1:md1:ai1e6:ut_pexi1eee").extensions[.peerExchange] == nil)
        #expect(try parse("d1:md6:ut_pexi255eee").extensions[.peerExchange] == 255)
    }

    @Test("X1 id 0 turns an extension off")
    func x1Removal() throws {
        var wire = Wire.open()
        _ = wire.receive(frame(20, [0] + Array("d1:md11:ut_metadatai3e6:ut_pexi4eee".utf8)))
        #expect(wire.session.peerExtensions.sendingID(of: .metadata) == 3)
        _ = wire.receive(frame(20, [0] + Array("d1:md11:ut_metadatai0eee".utf8)))
        #expect(wire.session.peerExtensions[.metadata] == 0)
        #expect(wire.session.peerExtensions.sendingID(of: .metadata) == nil)
        #expect(wire.session.peerExtensions.sendingID(of: .peerExchange) == 4)
    }

    @Test(
        "X1 reqq is clamped",
        arguments: [
            ("-1", 1), ("0", 1), ("1", 1), ("250", 250), ("2000", 2000), ("2001", 2000),
            ("2147483648", 2000), ("9223372036854775807", 2000), ("-9223372036854775808", 1),
        ])
    func x1RequestQueue(_ number: String, _ expected: Int) throws {
        #expect(try parse("d4:reqqi\(number)ee").requestQueueMax == expected)
    }

    @Test("X1 a client's name is cut, repaired and shown as one line")
    func x1ClientName() throws {
        func name(_ bytes: [UInt8]) throws -> String? {
            let head = Array("d1:v\(bytes.count):".utf8)
            return try ExtensionHandshake(parsing: head + bytes + [UInt8(ascii: "e")]).clientName
        }
        #expect(try name([]) == nil)
        #expect(try name([UInt8](repeating: 65, count: 1_000_000))?.utf8.count == 64)
        #expect(try name([65, 0xFF, 66]) == "A\u{FFFD}B")
        #expect(try name(Array("a\u{0}b\nc\u{1B}[31m\u{202E}d\u{2028}\u{200B}".utf8)) == "abc[31md")
        // A scalar that does not fit is left out whole.
        #expect(try name(Array(String(repeating: "é", count: 40).utf8))?.utf8.count == 64)
        #expect(try name(Array((String(repeating: "€", count: 40)).utf8))?.utf8.count == 63)
        #expect(try name([0, 1, 2]) == nil)
    }

    @Test("X1 addresses of another length and ports that are none are left out")
    func x1Addresses() throws {
        #expect(try parse("d6:yourip3:abce").yourIP == nil)
        #expect(try parse("d6:yourip4:abcde").yourIP != nil)
        #expect(try parse("d6:yourip16:abcdefghijklmnope").yourIP?.isIPv4 == false)
        #expect(try parse("d6:youripi4ee").yourIP == nil)
        #expect(try parse("d4:ipv416:abcdefghijklmnope").ipv4 == nil)
        #expect(try parse("d4:ipv64:abcde").ipv6 == nil)
        for port in ["0", "-1", "65536", "70000", "9223372036854775807"] {
            #expect(try parse("d1:pi\(port)ee").listenPort == nil)
        }
        #expect(try parse("d1:pi65535ee").listenPort == 65535)
    }

    @Test("D1 sizes of metadata that cannot be are left out")
    func d1MetadataSize() throws {
        for size in ["0", "-1", "4294967297", "9223372036854775807", "16777217"] {
            #expect(try parse("d13:metadata_sizei\(size)ee").metadataSize == nil)
        }
        #expect(try parse("d13:metadata_sizei16777216ee").metadataSize == 16_777_216)
        #expect(try parse("d13:metadata_sizei1ee").metadataSize == 1)
    }

    @Test("X2 a handshake may come again, and ten thousand are a flood")
    func x2Repeated() {
        let one = wire(.extensionHandshake(ExtensionHandshake(extensions: .ours)))
        var open = Wire.open()
        for _ in 0..<3 { #expect(open.receive(one).count == 1) }
        #expect(open.session.peerExtensions == .ours)
        let events = open.receive([[UInt8]](repeating: one, count: 10_000).flatMap(\.self))
        #expect(events.count == 98)
        #expect(events.last == .close(.flood(.control)))
        #expect(open.session.isClosed)
    }

    @Test("X7, X8 a dont-have or an upload-only of another length is ignored")
    func x7Lengths() {
        var wire = Wire.open()
        #expect(wire.receive(frame(20, [3, 0, 0, 1])) == [])
        #expect(wire.receive(frame(20, [3, 0, 0, 0, 0, 1])) == [])
        #expect(wire.receive(frame(20, [4])) == [])
        #expect(wire.receive(frame(20, [4, 0, 0, 0, 1])) == [])
        #expect(wire.session.counters.malformed == 4)
        #expect(wire.receive(frame(20, [4, 2])) == [.message(.uploadOnly(true))])
    }

    @Test("X9 ids that we never gave out are ignored, a hundred times")
    func x9Unadvertised() {
        var wire = Wire.open()
        for number in 0..<100 {
            #expect(wire.receive(frame(20, [UInt8(6 + number), 1, 2, 3])) == [])
        }
        #expect(wire.session.counters.unadvertised == 100)
        #expect(wire.receive(.unchoke) == [.message(.unchoke)])
        #expect(wire.receive(frame(20, [255])) == [.close(.flood(.unadvertisedExtensions))])
        #expect(wire.session.isClosed)
    }

    @Test("X9 an extension that we did not offer is not known")
    func x9NotOffered() {
        var wire = Wire.open()
        wire.session.advertisedExtensions = ExtensionIDs(ours: [.metadata])
        #expect(wire.receive(.extended(.peerExchange, block(6))) == [])
        #expect(wire.receive(.uploadOnly(true)) == [])
        #expect(wire.session.counters.unadvertised == 2)
        #expect(wire.receive(.extended(.metadata, block(6))).count == 1)
    }
}
