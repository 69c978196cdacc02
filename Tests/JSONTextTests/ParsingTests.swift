import Testing

@testable import JSONText

@Suite struct ParsingTests {
    @Test func readsWhatIsWritten() throws {
        let value: JSON = [
            "b": 1, "a": [true, .null, .number(0.5), false], "é": .string("\"\\\n\u{1}/"),
            "": [], "o": .object([]), "low": .integer(.min), "pair": .string("\u{1F600}"),
        ]
        #expect(try JSON(parsing: value.text) == value)
    }

    @Test(arguments: [
        (#" { "a" : [ 1 , 2 ] } "#, #"{"a":[1,2]}"#), ("-0", "0"), ("1e2", "100.0"),
        ("0.25", "0.25"), (#""\u00e9\ud83d\ude00\/\b\f""#, #""é😀/\u0008\u000c""#),
        ("9223372036854775807", "9223372036854775807"),
    ])
    func readsAllWaysOfWriting(_ text: String, _ plain: String) throws {
        #expect(try JSON(parsing: text).text == plain)
    }

    @Test(
        "R6 what is no JSON is refused, and says where",
        arguments: [
            ("", 0), ("{", 1), ("[1,]", 3), ("[1 2]", 3), ("{\"a\"}", 4), ("{a:1}", 1),
            ("01", 1), ("1.", 2), (".5", 0), ("+1", 0), ("1e", 2), ("NaN", 0), ("Infinity", 0),
            ("nul", 0), ("\"\\x\"", 2), ("\"\\ud800\"", 3), ("\"\\ud800\\u0041\"", 3),
            ("\"a\nb\"", 2), ("\"a", 2), ("1 1", 2), ("'a'", 0), ("[", 1), ("-", 1),
            ("\"\\u12\"", 3), ("{\"a\":1,}", 7),
        ])
    func whatIsNoJSONIsRefused(_ text: String, _ offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.offset == offset, "\(text)")
    }

    @Test("R6 bytes that are no UTF-8 are refused")
    func bytesThatAreNoUTF8AreRefused() {
        #expect(throws: JSONError(problem: .badUTF8, offset: 0)) {
            try JSON(parsing: [0x22, 0xC3, 0x28, 0x22] as [UInt8])
        }
    }

    @Test("R6 a million levels are refused at the sixty-fifth")
    func deepNestingIsRefused() throws {
        _ = try JSON(parsing: String(repeating: "[", count: 64) + String(repeating: "]", count: 64))
        for opening in ["[", "{\"a\":"] {
            let text = String(repeating: opening, count: 1_000_000)
            let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
            #expect(error?.problem == .tooDeep)
        }
    }

    @Test("R6 a name that stands twice in an object is refused")
    func aNameTwiceIsRefused() {
        #expect(throws: JSONError(problem: .duplicateMember("a"), offset: 7)) {
            try JSON(parsing: #"{"a":1,"a":2}"#)
        }
        #expect(throws: JSONError(problem: .duplicateMember("a"), offset: 7)) {
            try JSON(parsing: #"{"a":1,"\u0061":2}"#)
        }
    }

    @Test("R6 numbers beyond all bounds are refused, and so are a million values")
    func numbersBeyondAllBoundsAreRefused() {
        #expect(throws: JSONError(problem: .badNumber, offset: 0)) { try JSON(parsing: "1e999") }
        let digits = String(repeating: "9", count: 100_000)
        #expect(throws: JSONError(problem: .badNumber, offset: 0)) { try JSON(parsing: digits) }
        let many = "[" + String(repeating: "1,", count: 1_000_000) + "1]"
        let error = #expect(throws: JSONError.self) { try JSON(parsing: many) }
        #expect(error?.problem == .tooManyValues)
    }

    @Test func aValueIsWhatItIs() throws {
        let value = try JSON(parsing: #"{"n":2.0,"i":3,"s":"x","b":true,"a":[1]}"#)
        #expect(value["n"]?.integer == 2 && value["i"]?.number == 3 && value["i"]?.integer == 3)
        #expect(value["s"]?.string == "x" && value["b"]?.bool == true)
        #expect(value["a"]?.elements == [1] && value["x"] == nil && value["s"]?.integer == nil)
        #expect(value.members?.count == 5 && value["a"]?["b"] == nil)
    }
}
