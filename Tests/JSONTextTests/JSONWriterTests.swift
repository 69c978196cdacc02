import JSONText
import Testing

@Suite struct JSONWriterTests {
    private static let samples: [JSON] = [
        .null, true, false, 0, -1, .integer(.max), .integer(.min), .number(0.5), .number(-1e300),
        .number(.nan), .number(.infinity), "", "plain", "a\"b\\c\n\r\t\u{0}\u{1B}\u{7F}",
        "\u{85}\u{202E}\u{2028}\u{FEFF}é漢🜁\u{200D}", "\u{E0001}", [], [1, [2, []], [:], "x"],
        ["a": 1, "b\"": ["c": .null, "d": [true]], "": []],
    ]

    @Test func writesWhatTheTextOfTheValueIs() {
        for value in Self.samples + [.array(Self.samples)] {
            var writer = JSONWriter()
            writer.value(value)
            #expect(String(decoding: writer.bytes, as: UTF8.self) == value.text)
        }
    }

    @Test func namesThatWereEncodedBeforeAreTheSame() {
        let name = JSONWriter.encodedName("a\"b")
        var writer = JSONWriter(reservingBytes: 64)
        writer.beginArray()
        for row in 0..<2 {
            writer.beginObject()
            writer.name(encoded: name)
            writer.integer(row)
            writer.name("c")
            writer.null()
            writer.endObject()
        }
        writer.endArray()
        let expected = #"[{"a\"b":0,"c":null},{"a\"b":1,"c":null}]"#
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }

    @Test func numbersAreWrittenAsTheyAreDescribed() {
        let numbers: [Double] = [
            0, -0.0, 1, -1, 2.5, 0.1, 1e15, 9_007_199_254_740_991, 9_007_199_254_740_992, -1e16,
            1.0 / 3, .leastNonzeroMagnitude, 1.7976931348623157e308, 123_456_789,
        ]
        for number in numbers {
            var writer = JSONWriter()
            writer.number(number)
            #expect(String(decoding: writer.bytes, as: UTF8.self) == "\(number)")
        }
    }

    @Test func bytesAreWrittenAsTextOfDigits() {
        var writer = JSONWriter()
        writer.beginArray()
        for bytes: [UInt8] in [[], [0x00, 0xFF, 0x9A], [0x10]] {
            bytes.withUnsafeBytes { writer.hexadecimal($0) }
        }
        writer.endArray()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"["","00ff9a","10"]"#)
    }

    @Test func partsThatAreTakenMakeOneText() {
        var writer = JSONWriter()
        var text: [UInt8] = []
        writer.beginArray()
        for number in 0..<1_000 {
            writer.string(String(repeating: "x", count: number))
            #expect(writer.count == writer.bytes.count)
            if number % 7 == 0 { text += writer.takeBytes() }
        }
        writer.endArray()
        text += writer.takeBytes()
        let lengths = (try? JSON(parsing: text))?.elements?.map { $0.string?.count }
        #expect(lengths == Array(0..<1_000))
        #expect(writer.takeBytes().isEmpty)
    }

    @Test func numbersBeyondSixtyFourBitsAreWhole() {
        var writer = JSONWriter()
        writer.integer(UInt64.max)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "18446744073709551615")
    }
}
