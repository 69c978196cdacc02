import Testing

@testable import JSONText

@Suite struct WritingTests {
    @Test func writesValuesInTheOrderGiven() {
        let value: JSON = [
            "b": 1, "a": [true, .null, .number(0.5)], "é": .string("\"\\\n\u{1}"),
        ]
        #expect(value.text == #"{"b":1,"a":[true,null,0.5],"é":"\"\\\n\u0001"}"#)
    }

    @Test func numbersThatJSONDoesNotHaveAreNull() {
        #expect(JSON.number(.infinity).text == "null")
        #expect(JSON.number(.nan).text == "null")
    }

    @Test func escapesBeyondTheBasicPlaneAsPairs() {
        #expect(JSON.string("\u{E0041}").text == #""\udb40\udc41""#)
    }
}
