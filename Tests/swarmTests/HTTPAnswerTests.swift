import Testing

@testable import swarm

@Suite(.ownThreads) struct HTTPAnswerTests {
    private func read(_ text: String, inPartsOf size: Int) throws -> HTTPAnswerReader {
        var reader = HTTPAnswerReader()
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            try reader.take(bytes[start..<min(bytes.count, start + size)])
        }
        return reader
    }

    @Test(arguments: [1, 2, 3, 7, 1_000])
    func bodiesAreReadHoweverTheyAreCut(_ size: Int) throws {
        let plain = try read(
            "HTTP/1.1 200 OK\r\nContent-Type: Application/JSON\r\nContent-Length: 5\r\n\r\n[1,2]",
            inPartsOf: size)
        #expect(plain.isComplete)
        #expect(plain.isJSON)
        #expect(plain.status == 200)
        #expect(plain.body == Array("[1,2]".utf8))
        let chunked = try read(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
            inPartsOf: size)
        #expect(chunked.isComplete)
        #expect(chunked.status == 201)
        #expect(chunked.body == Array("abc0123456789".utf8))
        var rest = try read("HTTP/1.0 500 No\r\n\r\nabc", inPartsOf: size)
        #expect(!rest.isComplete)
        try rest.close()
        #expect(rest.body == Array("abc".utf8))
        let none = try read("HTTP/1.1 204 Nothing\r\nServer: x\r\n\r\n", inPartsOf: size)
        #expect(none.isComplete && none.body.isEmpty)
    }

    @Test(arguments: [
        ("SSH-2.0-OpenSSH", HTTPAnswerReader.Fault.notHTTP),
        ("HTTP/1.1 abc\r\n\r\n", .notHTTP), ("HTTP/2 200\r\n\r\n", .notHTTP),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .notHTTP),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", .tooLarge),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", .badChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", .badChunk),
        ("HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 40_000), .tooLarge),
    ])
    func whatIsNoAnswerIsRefused(_ text: String, _ fault: HTTPAnswerReader.Fault) {
        #expect(throws: fault) { try read(text, inPartsOf: 1_000) }
    }

    @Test(arguments: [
        "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ])
    func anAnswerThatEndsTooEarlyIsNone(_ text: String) throws {
        var reader = try read(text, inPartsOf: 1_000)
        #expect(throws: HTTPAnswerReader.Fault.cutShort) { try reader.close() }
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("\u{ff}\u{fe}", "w7/Dvg=="),
    ])
    func bytesAreWrittenInBase64(_ text: String, _ expected: String) {
        #expect(base64(Array(text.utf8)) == expected)
    }
}
