import Testing

@testable import Bencode

@Suite struct HostileInputTests {
    // MARK: - Depth and tokens

    @Test("B1 nesting is refused at depth 101 and takes no stack")
    func b1() throws {
        for opening in ["l", "d1:a", "ld1:a"] {
            let step = opening.utf8.count { $0 == UInt8(ascii: "l") || $0 == UInt8(ascii: "d") }
            let count = 10_000_000 / opening.utf8.count
            let bytes = Array(String(repeating: opening, count: count).utf8)
            let limits = BencodeLimits(
                byteCountMax: bytes.count, depthMax: 100, tokenCountMax: 3_000_000)
            let error = #expect(throws: BencodeError.self) {
                try BencodeDocument(bytes, limits: limits)
            }
            guard case .tooDeep(let at, max: 100)? = error else {
                Issue.record("\(opening): \(String(describing: error))")
                continue
            }
            #expect(at <= 100 / step * opening.utf8.count + opening.utf8.count)
        }
        let deepest = String(repeating: "l", count: 100) + String(repeating: "e", count: 100)
        #expect(throws: Never.self) { try BencodeDocument(Array(deepest.utf8)) }
        #expect(throws: BencodeError.tooDeep(at: 100, max: 100)) {
            try BencodeDocument(Array("l\(deepest)e".utf8))
        }
    }

    @Test("B6 more than three million tokens are refused, and each costs 8 bytes until then")
    func b6() throws {
        #expect(MemoryLayout<Token>.stride == 8)
        let bomb = Array("l".utf8) + bytes("le", count: 1_500_000) + Array("e".utf8)
        var scanner = Scanner(limits: .metainfo, isStrict: false)
        #expect(throws: BencodeError.tooManyTokens(at: 3_000_000, max: 3_000_000)) {
            try scanner.scan(bomb.span, allowsTrailingBytes: false)
        }
        // 24 MB, beside 17 MB more for the moment in which the array last grows.
        #expect(scanner.tokens.count == 3_000_000)
        #expect(scanner.tokens.capacity * MemoryLayout<Token>.stride < 25_000_000)
    }

    @Test func limitsHoldAtTheirValueAndNotAbove() throws {
        let bytes = Array("li1ei2ee".utf8)
        let just = BencodeLimits(byteCountMax: 8, depthMax: 1, tokenCountMax: 4)
        #expect(try BencodeDocument(bytes, limits: just).root.elements.map(\.integer) == [1, 2])
        for (limits, error) in [
            (
                BencodeLimits(byteCountMax: 7, depthMax: 1, tokenCountMax: 4),
                BencodeError.tooManyBytes(8, max: 7)
            ),
            (
                BencodeLimits(byteCountMax: 8, depthMax: 0, tokenCountMax: 4),
                .tooDeep(at: 0, max: 0)
            ),
            (
                BencodeLimits(byteCountMax: 8, depthMax: 1, tokenCountMax: 3),
                .tooManyTokens(at: 7, max: 3)
            ),
        ] {
            #expect(throws: error) { try BencodeDocument(bytes, limits: limits) }
        }
    }

    // MARK: - Strings and integers

    @Test("B2 lengths that overflow, lie or have leading zeros are refused before any allocation")
    func b2() throws {
        for (text, error) in [
            ("99999999999999999999:x", BencodeError.stringLengthOverflow(at: 0)),
            ("9223372036854775808:x", .stringLengthOverflow(at: 0)),
            (
                "9223372036854775807:x",
                .stringPastEnd(at: 0, length: .max, available: 1)
            ),
            ("-1:x", .unexpectedByte(UInt8(ascii: "-"), at: 0)),
            ("00004:abcd", .stringLengthNotCanonical(at: 0)),
            ("00:", .stringLengthNotCanonical(at: 0)),
            ("4:abc", .stringPastEnd(at: 0, length: 4, available: 3)),
            ("4", .endedEarly(at: 1)), ("4a:abcd", .stringLengthMalformed(at: 1)),
        ] {
            expectRefused(text, error)
        }
    }

    @Test("B3 integers that are none, or too large, are refused")
    func b3() throws {
        for (text, error) in [
            ("i9223372036854775808e", BencodeError.integerOverflow(at: 0)),
            ("i-9223372036854775809e", .integerOverflow(at: 0)),
            ("i--1e", .integerMalformed(at: 2)), ("i1-e", .integerMalformed(at: 2)),
            ("ie", .integerMalformed(at: 1)), ("i-e", .integerMalformed(at: 2)),
            ("i e", .integerMalformed(at: 1)), ("i1.5e", .integerMalformed(at: 2)),
            ("i+1e", .integerMalformed(at: 1)), ("i1", .endedEarly(at: 2)),
            ("i", .endedEarly(at: 1)), ("i-", .endedEarly(at: 2)),
        ] {
            expectRefused(text, error)
        }
        expectRefused(
            "i" + String(repeating: "9", count: 1_000_000) + "e", .integerOverflow(at: 0))
        for (text, value) in [
            ("i9223372036854775807e", Int64.max), ("i-9223372036854775808e", .min), ("i0e", 0),
        ] {
            for strictness in [BencodeDocument.Strictness.strict, .lenient] {
                #expect(try read(text, strictness).root.integer == value)
            }
        }
    }

    @Test("B3 leading zeros and -0 are refused where the encoding has to be canonical")
    func b3Canonical() throws {
        for (text, value) in [("i-0e", Int64(0)), ("i00e", 0), ("i03e", 3), ("i-03e", -3)] {
            #expect(throws: BencodeError.integerNotCanonical(at: 0)) { try read(text, .strict) }
            let document = try read(text, .lenient)
            #expect(document.root.integer == value)
            #expect(!document.isCanonical)
        }
    }

    // MARK: - Dictionaries

    @Test("B4 keys that are not strings, and keys without a value, are refused")
    func b4() throws {
        for (text, error) in [
            ("di1ei2ee", BencodeError.keyNotString(at: 1)), ("dlei1ee", .keyNotString(at: 1)),
            ("d1:ae", .valueMissing(at: 4)), ("d1:ai1e1:be", .valueMissing(at: 10)),
            ("d1:a", .endedEarly(at: 4)), ("d", .endedEarly(at: 1)),
        ] {
            expectRefused(text, error)
        }
    }

    @Test("B4 of a key that stands twice the first value is found, in every entry point")
    func b4Twice() throws {
        let text = "d1:ai1e1:ai2e1:bi3ee"
        for document in [
            try read(text, .lenient),
            try BencodeDocument(prefixOf: Array("\(text)xyz".utf8), limits: .message, .lenient),
            try BencodeDocument(Array(text.utf8), limits: .metainfo, .lenient),
        ] {
            #expect(document.root["a"]?.integer == 1)
            #expect(document.root[Array("a".utf8)]?.integer == 1)
            #expect(document.root.entries.map(\.value.integer) == [1, 2, 3])
            #expect(Bencode(document.root) == ["a": 1, "b": 3])
            #expect(!document.isCanonical)
        }
        #expect(throws: BencodeError.keyDuplicate(at: 7)) { try read(text, .strict) }
        #expect(throws: BencodeError.keyDuplicate(at: 7)) {
            try BencodeDocument(prefixOf: Array(text.utf8), limits: .message, .strict)
        }
    }

    @Test("B4 keys out of order are refused where the encoding has to be canonical")
    func b4Unsorted() throws {
        for text in ["d1:bi1e1:ai2ee", "d2:aai1e1:ai2ee", "d1:bd1:ci1ee1:ai2ee", "ld1:b0:1:a0:ee"] {
            #expect(throws: BencodeError.self) { try read(text, .strict) }
            #expect(try !read(text, .lenient).isCanonical)
        }
        // The order is that of bytes, and begins anew in each dictionary.
        let sorted: [UInt8] =
            Array("d0:i1e1:Ai1e1:ad1:Ai1e1:zi1ee2:aai1e1:".utf8) + [0xFF] + Array("i1ee".utf8)
        #expect(try BencodeDocument(sorted, .strict).isCanonical)
    }

    // MARK: - Ends

    @Test("B5 what follows a value is refused, or told")
    func b5() throws {
        #expect(throws: BencodeError.trailingBytes(at: 3)) { try read("i1ei2e", .lenient) }
        #expect(throws: BencodeError.trailingBytes(at: 3)) { try read("i1e\n", .strict) }
        for strictness in [BencodeDocument.Strictness.strict, .lenient] {
            let document = try BencodeDocument(
                prefixOf: Array("d1:ai1eepayload".utf8), limits: .message, strictness)
            #expect(document.root.range == 0..<8)
            #expect(document.root["a"]?.integer == 1)
            #expect(document.bytes.count == 15)
        }
    }

    @Test("B5 every single byte and every prefix is refused, with an offset within the input")
    func b5Prefixes() throws {
        expectRefused("", .endedEarly(at: 0))
        for byte in UInt8.min...UInt8.max {
            #expect(throws: BencodeError.self) { try BencodeDocument([byte]) }
        }
        expectRefused("55", .endedEarly(at: 2))
        let whole = Array("d4:infod5:filesld6:lengthi7e4:pathl1:aeee4:name1:ne2:zzi-42ee".utf8)
        #expect(throws: Never.self) { try BencodeDocument(whole, .strict) }
        for count in whole.indices {
            #expect(throws: BencodeError.self, "\(count)") {
                try BencodeDocument(Array(whole[..<count]))
            }
            #expect(throws: BencodeError.self, "\(count)") {
                try BencodeDocument(prefixOf: Array(whole[..<count]), limits: .message)
            }
        }
    }

    // MARK: - Values and their bytes

    @Test("B7 values outlive the document and the array that it was made from")
    func b7() throws {
        var kept: [BencodeValue] = []
        var slices: [ArraySlice<UInt8>] = []
        for number in 0..<100 {
            var bytes = Array("l5:abcd\(number % 10)e".utf8)
            let document = try BencodeDocument(bytes)
            for position in bytes.indices { bytes[position] = 0 }
            kept += document.root.elements
            slices += document.root.elements.compactMap(\.bytes)
        }
        #expect(kept.map(\.string) == (0..<100).map { "abcd\($0 % 10)" })
        #expect(slices.map { String(decoding: $0, as: UTF8.self) } == kept.map(\.string))
    }

    @Test("B8 what is canonical encodes to itself, and the bytes of a value are those it came in")
    func b8() throws {
        for text in [
            "i0e", "i-1e", "0:", "4:spam", "le", "de", "li1e0:ledee", "d0:0:1:ad1:bleee",
            "d4:spaml1:a1:bee",
        ] {
            let document = try read(text, .strict)
            #expect(String(decoding: Bencode(document.root).encoded(), as: UTF8.self) == text)
        }
        let lenient = try read("d4:infod1:bi01e1:ai2eee", .lenient)
        let info = try #require(lenient.root["info"])
        #expect(String(decoding: info.rawBytes, as: UTF8.self) == "d1:bi01e1:ai2ee")
        #expect(Bencode(info).encoded() == Array("d1:ai2e1:bi1ee".utf8))
    }

    private func bytes(_ text: String, count: Int) -> [UInt8] {
        Array(String(repeating: text, count: count).utf8)
    }

    private func read(
        _ text: String, _ strictness: BencodeDocument.Strictness
    ) throws -> BencodeDocument {
        try BencodeDocument(Array(text.utf8), strictness)
    }

    /// In both forms, alone and with something behind.
    private func expectRefused(_ text: String, _ error: BencodeError) {
        for strictness in [BencodeDocument.Strictness.strict, .lenient] {
            #expect(throws: error, "\(text.prefix(40))") {
                try BencodeDocument(Array(text.utf8), limits: .metainfo, strictness)
            }
            #expect(throws: error, "\(text.prefix(40))") {
                try BencodeDocument(prefixOf: Array(text.utf8), limits: .metainfo, strictness)
            }
        }
    }
}
