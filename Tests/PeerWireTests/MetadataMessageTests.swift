import NIOCore
import PeerWire
import Testing
import Units

/// Messages about the info dictionary (BEP 9).
@Suite struct MetadataMessageTests {
    @Test func examplesOfBEP9() throws {
        #expect(try parsed("d8:msg_typei0e5:piecei0ee") == .request(piece: 0))
        #expect(try parsed("d8:msg_typei2e5:piecei0ee") == .reject(piece: 0))
        #expect(
            try parsed("d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxxxxxx")
                == .data(piece: 0, totalSize: 34256, ByteBuffer(string: "xxxxxxxx")))
        #expect(text(.request(piece: 0)) == "d8:msg_typei0e5:piecei0ee")
        #expect(text(.reject(piece: 7)) == "d8:msg_typei2e5:piecei7ee")
        let data = MetadataMessage.data(piece: 1, totalSize: 34256, ByteBuffer(string: "xx"))
        #expect(text(data) == "d8:msg_typei1e5:piecei1e10:total_sizei34256eexx")
    }

    @Test func everyMessageComesBackAsItWasWritten() throws {
        for message in [
            MetadataMessage.request(piece: 1023), .reject(piece: 4_000_000_000),
            .data(piece: 3, totalSize: 16 << 20, block(16384)),
            .data(piece: 3, totalSize: nil, block(1)),
        ] {
            #expect(try MetadataMessage(parsing: message.encoded()) == message)
        }
    }

    @Test func aMessageOfAnotherTypeIsIgnored() throws {
        #expect(try parsed("d8:msg_typei3e5:piecei0ee") == nil)
        #expect(try parsed("d8:msg_typei-1e5:piecei0ee") == nil)
    }

    @Test func otherKeysAndAnyOrderAreTaken() throws {
        #expect(
            try parsed("d5:piecei2e8:msg_typei0e5:users2:ab10:total_sizei5ee")
                == .request(piece: 2))
    }

    @Test("D3 what does not say what it is about is refused")
    func d3Malformed() {
        for text in ["", "le", "i1e", "x", "d", "de", "d8:msg_typei0ee", "d5:piecei0ee"] {
            #expect(throws: MetadataMessageError.self) { try parsed(text) }
        }
        for piece in ["i-1e", "i4294967296e", "i9223372036854775807e", "1:0", "le"] {
            #expect(throws: MetadataMessageError.malformed) {
                try parsed("d8:msg_typei0e5:piece\(piece)e")
            }
        }
    }

    @Test("D1 a total size that no metadata has is refused")
    func d1TotalSize() {
        for size in [0, -1, 16 << 20 + 1, 1 << 32 + 1, .max, .min] as [Int64] {
            #expect(throws: MetadataMessageError.sizeOutOfRange(size)) {
                try parsed("d8:msg_typei1e5:piecei0e10:total_sizei\(size)eex")
            }
        }
    }

    @Test("D3 a piece is 1 byte to 16 KiB long")
    func d3Length() throws {
        let head = "d8:msg_typei1e5:piecei0e10:total_sizei99999ee"
        #expect(throws: MetadataMessageError.wrongLength(byteCount: 0)) { try parsed(head) }
        let most = String(repeating: "x", count: 16384)
        #expect(try parsed(head + most) != nil)
        #expect(throws: MetadataMessageError.wrongLength(byteCount: 16385)) {
            try parsed(head + most + "x")
        }
        let long = String(repeating: "x", count: 16384 + 1025)
        #expect(throws: MetadataMessageError.tooLong(byteCount: long.utf8.count)) {
            try parsed(long)
        }
    }

    @Test("D7 a dictionary of many tokens or levels is refused")
    func d7Tokens() {
        let many = "d1:al" + String(repeating: "le", count: 600) + "e8:msg_typei0e5:piecei0ee"
        #expect(throws: MetadataMessageError.self) { try parsed(many) }
        let deep = "d1:a" + String(repeating: "l", count: 11) + String(repeating: "e", count: 11)
        #expect(throws: MetadataMessageError.self) {
            try parsed(deep + "8:msg_typei0e5:piecei0ee")
        }
    }

    @Test func piecesAre16KiBButTheLast() {
        #expect(MetadataMessage.pieceCount(ofByteCount: 0) == 0)
        #expect(MetadataMessage.pieceCount(ofByteCount: 1) == 1)
        #expect(MetadataMessage.pieceCount(ofByteCount: 16384) == 1)
        #expect(MetadataMessage.pieceCount(ofByteCount: 16385) == 2)
        #expect(MetadataMessage.length(of: 0, ofByteCount: 16385) == 16384)
        #expect(MetadataMessage.length(of: 1, ofByteCount: 16385) == 1)
        #expect(MetadataMessage.length(of: 2, ofByteCount: 16385) == 0)
        #expect(MetadataMessage.length(of: -1, ofByteCount: 16385) == 0)
    }

    private func parsed(_ text: String) throws(MetadataMessageError) -> MetadataMessage? {
        try MetadataMessage(parsing: ByteBuffer(string: text))
    }

    private func text(_ message: MetadataMessage) -> String {
        String(decoding: message.encoded().readableBytesView, as: UTF8.self)
    }
}
