import Bencode
import Testing

@Suite struct EncodingTests {
    @Test func writesEachKindAsBEP3Says() {
        #expect(text(.integer(3)) == "i3e")
        #expect(text(.integer(-3)) == "i-3e")
        #expect(text(.integer(0)) == "i0e")
        #expect(text(.integer(.min)) == "i-9223372036854775808e")
        #expect(text(.integer(.max)) == "i9223372036854775807e")
        #expect(text("spam") == "4:spam")
        #expect(text("") == "0:")
        #expect(text(["spam", "eggs"]) == "l4:spam4:eggse")
        #expect(text(["spam": ["a", "b"]]) == "d4:spaml1:a1:bee")
        #expect(text(.list([])) == "le")
        #expect(text(.dictionary([:])) == "de")
    }

    @Test func sortsKeysByTheirBytes() {
        let value: Bencode = .dictionary([
            [0xFF]: 1, Array("b".utf8): 2, Array("a".utf8): 3, Array("aa".utf8): 4, []: 5,
        ])
        #expect(
            value.encoded()
                == Array("d0:i5e1:ai3e2:aai4e1:bi2e1:".utf8) + [0xFF] + Array("i1ee".utf8))
    }

    @Test func putsInRawValuesUnchanged() {
        #expect(text(["info": .raw(Array("d1:bi1e1:ai2ee".utf8))]) == "d4:infod1:bi1e1:ai2eee")
    }

    @Test func nestsWithoutRecursion() throws {
        var value: Bencode = .list([])
        for _ in 1..<100 { value = .list([value]) }
        let encoded = value.encoded()
        #expect(
            encoded == Array(String(repeating: "l", count: 100).utf8)
                + Array(String(repeating: "e", count: 100).utf8))
        #expect(Bencode(try BencodeDocument(encoded).root) == value)
    }

    private func text(_ value: Bencode) -> String {
        String(decoding: value.encoded(), as: UTF8.self)
    }
}
