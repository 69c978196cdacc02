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

    @Test func numbersBeyondSixtyFourBitsAreWhole() {
        var writer = JSONWriter()
        writer.integer(UInt64.max)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "18446744073709551615")
    }
}
