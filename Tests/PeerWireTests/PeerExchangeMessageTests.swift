import NIOCore
import PeerWire
import Testing
import Units

@Suite struct PeerExchangeMessageTests {
    private typealias Contact = PeerExchangeMessage.Contact

    private func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

    private func parse(_ parts: [[UInt8]]) throws -> PeerExchangeMessage {
        try PeerExchangeMessage(parsing: ByteBuffer(bytes: parts.joined()))
    }

    private func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func readsBothFamiliesWithTheirFlags() throws {
        let message = try parse([
            text("d5:added12:"), [20, 0, 0, 1, 0x1A, 0xE1, 20, 0, 0, 2, 0x1A, 0xE2],
            text("7:added.f2:"), [0x02, 0x10], text("6:added618:"),
            [0x20, 1, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [7, 0x1A, 0xE3],
            text("8:added6.f1:"), [0x0D], text("7:dropped6:"), [20, 0, 0, 3, 0x1A, 0xE4],
            text("8:dropped618:"),
            [0x20, 1, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [8, 0x1A, 0xE5],
            text("e"),
        ])
        let expected: [Contact] = [
            Contact(try endpoint("20.0.0.1:6881"), flags: .seed),
            Contact(try endpoint("20.0.0.2:6882"), flags: .reachable),
            Contact(
                try endpoint("[2001:db8::7]:6883"),
                flags: [.prefersEncryption, .supportsUTP, .supportsHolepunch]),
        ]
        #expect(message.added == expected)
        #expect(
            message.dropped == [
                try endpoint("20.0.0.3:6884"), try endpoint("[2001:db8::8]:6885"),
            ])
        #expect(message.faultCount == 0)
    }

    @Test func comesBackAsItWasWritten() throws {
        let message = PeerExchangeMessage(
            added: [
                Contact(try endpoint("20.0.0.1:6881"), flags: [.seed, .reachable]),
                Contact(try endpoint("[2001:db8::1]:6881"), flags: .supportsUTP),
            ],
            dropped: [try endpoint("20.0.0.2:1"), try endpoint("[2001:db8::2]:65535")])
        #expect(try PeerExchangeMessage(parsing: message.encoded()) == message)
        let empty = PeerExchangeMessage()
        #expect(try PeerExchangeMessage(parsing: empty.encoded()) == empty)
    }

    @Test func readsAMessageWithoutFlagsAndWithUnknownKeys() throws {
        let message = try parse([
            text("d5:added6:"), [20, 0, 0, 1, 0x1A, 0xE1], text("4:spamli1eee"),
        ])
        #expect(message.added == [Contact(try endpoint("20.0.0.1:6881"))])
        #expect(message.faultCount == 0)
    }

    @Test("X3 lists whose length does not fit are left out, each of them a fault")
    func x3Lengths() throws {
        for count in [1, 5, 7, 11, 13] {
            let message = try parse([
                text("d5:added\(count):"), Array(repeating: 9, count: count),
                text("6:added6\(count):"), Array(repeating: 9, count: count),
                text("7:dropped6:"), [20, 0, 0, 1, 0x1A, 0xE1], text("e"),
            ])
            #expect(message.added.isEmpty)
            #expect(message.dropped == [try endpoint("20.0.0.1:6881")])
            #expect(message.faultCount == 2)
        }
        let wrongKinds = try parse([text("d5:addedi7e7:droppedle8:dropped6dee")])
        #expect(wrongKinds.isEmpty)
        #expect(wrongKinds.faultCount == 3)
    }

    @Test("X3 flags that do not fit their list are as good as none")
    func x3Flags() throws {
        for flags in ["0:", "1:a", "3:abc", "i7e"] {
            let message = try parse([
                text("d5:added12:"), [20, 0, 0, 1, 0x1A, 0xE1, 20, 0, 0, 2, 0x1A, 0xE1],
                text("7:added.f" + flags + "e"),
            ])
            #expect(message.added.map(\.flags) == [[], []])
            #expect(message.faultCount == 1)
        }
    }

    @Test("X3 of a message with many contacts 50 are taken, and neither family is crowded out")
    func x3Many() throws {
        func message(_ ipv4: Int, _ ipv6: Int) throws -> PeerExchangeMessage {
            let many = PeerExchangeMessage(
                added: (0..<ipv4).map { Contact(Endpoint(ipv4: UInt32($0), port: 1)) }
                    + (0..<ipv6).map {
                        Contact(Endpoint(ipv6High: 7, low: UInt64($0), port: 1))
                    },
                dropped: (0..<ipv4).map { Endpoint(ipv4: UInt32($0), port: 2) })
            return try PeerExchangeMessage(parsing: many.encoded())
        }
        func families(_ ipv4: Int, _ ipv6: Int) throws -> [Int] {
            let added = try message(ipv4, ipv6).added.map(\.endpoint.isIPv4)
            return [added.count { $0 }, added.count { !$0 }]
        }
        #expect(try families(50, 0) == [50, 0])
        #expect(try families(51, 0) == [50, 0])
        #expect(try families(0, 51) == [0, 50])
        #expect(try families(400, 400) == [25, 25])
        #expect(try families(400, 10) == [40, 10])
        #expect(try families(10, 400) == [10, 40])
        #expect(try message(51, 0).dropped.count == 50)
        #expect(try message(50, 0).dropped.count == 50)
    }

    @Test("X3 a message with 100,000 contacts is refused unread")
    func x3TooLong() {
        let many = PeerExchangeMessage(
            added: (0..<100_000).map { Contact(Endpoint(ipv4: $0, port: 1)) })
        let bytes = many.encoded()
        #expect(throws: PeerExchangeError.tooLong(byteCount: bytes.readableBytes)) {
            try PeerExchangeMessage(parsing: bytes)
        }
    }

    @Test func whatIsNoDictionaryIsRefused() {
        for text in ["le", "i1e", "0:"] {
            #expect(throws: PeerExchangeError.notADictionary) { try parse([self.text(text)]) }
        }
        for text in ["", "d", "d5:added6:ab", "d5:added99999999:e"] {
            #expect(throws: PeerExchangeError.self) { try parse([self.text(text)]) }
        }
    }
}
