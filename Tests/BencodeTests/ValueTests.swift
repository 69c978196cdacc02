import Bencode
import Testing

@Suite struct ValueTests {
    @Test func kindsAreToldApart() throws {
        let root = try root("d1:ai5e1:b3:xyz1:cli1ei2ee1:dd1:e0:ee")
        #expect(root.isDictionary && !root.isList)
        #expect(root.integer == nil && root.bytes == nil && root.string == nil)
        #expect(root["a"]?.integer == 5)
        #expect(root["a"]?.bytes == nil)
        #expect(root["b"]?.string == "xyz")
        #expect(root["b"]?.integer == nil)
        #expect(root["c"]?.isList == true)
        #expect(root["c"]?.elements.map(\.integer) == [1, 2])
        #expect(root["d"]?["e"]?.bytes?.isEmpty == true)
        #expect(root["e"] == nil)
    }

    @Test func asksNothingOfAValueOfAnotherKind() throws {
        let list = try root("l1:a1:be")
        #expect(list["a"] == nil)
        #expect(Array(list.entries).isEmpty)
        let dictionary = try root("d1:a1:be")
        #expect(Array(dictionary.elements).isEmpty)
        let string = try root("4:l1:a")
        #expect(Array(string.elements).isEmpty)
        #expect(Array(string.entries).isEmpty)
        #expect(string["a"] == nil)
    }

    @Test func rangesAreExactWhereverAValueStands() throws {
        let text = "d1:ali1eli2eed0:leee1:bd1:c3:xyzee"
        let root = try root(text)
        let bytes = Array(text.utf8)
        func spelt(_ value: BencodeValue?) -> String? {
            value.map { String(decoding: bytes[$0.range], as: UTF8.self) }
        }
        #expect(root.range == 0..<bytes.count)
        #expect(spelt(root["a"]) == "li1eli2eed0:leee")
        #expect(root["a"]?.elements.map { spelt($0) } == ["i1e", "li2ee", "d0:lee"])
        #expect(spelt(root["b"]) == "d1:c3:xyze")
        #expect(spelt(root["b"]?["c"]) == "3:xyz")
        #expect(root["b"]?["c"]?.bytes.map { Array($0) } == Array("xyz".utf8))
        #expect(root["b"]?.rawBytes.elementsEqual(Array("d1:c3:xyze".utf8)) == true)
    }

    @Test func findsKeysOfAnyBytes() throws {
        let root = try BencodeDocument(
            Array("d2:".utf8) + [0xFF, 0x00] + Array("i1e3:abci2ee".utf8)
        ).root
        #expect(root[[0xFF, 0x00]]?.integer == 1)
        #expect(root["abc"]?.integer == 2)
        #expect(root["ab"] == nil)
        #expect(root["abcd"] == nil)
        #expect(root[""] == nil)
        #expect(root.entries.map { Array($0.key) } == [[0xFF, 0x00], Array("abc".utf8)])
    }

    @Test func textIsValidUTF8Only() throws {
        #expect(try BencodeDocument(Array("2:é".utf8)).root.string == "é")
        #expect(try BencodeDocument([0x31, 0x3A, 0xE9]).root.string == nil)
        #expect(try BencodeDocument([0x31, 0x3A, 0xE9]).root.bytes == [0xE9])
    }

    @Test func errorsSayWhereAndWhat() {
        #expect(
            "\(BencodeError.stringPastEnd(at: 3, length: 9, available: 2))"
                == "byte 3: a string of 9 bytes where 2 are left")
        #expect(
            "\(BencodeError.unexpectedByte(0x78, at: 0))" == "byte 0: no value begins with 0x78")
    }

    private func root(_ text: String) throws -> BencodeValue {
        try BencodeDocument(Array(text.utf8)).root
    }
}
