/// A Swift file taken apart into what the compiler runs and what people read. Lines and columns are
/// those of the file: what is left out is replaced by spaces.
struct SourceText: Sendable {
    let path: String
    /// The lines as they are written.
    let lines: [String]
    /// The lines without comments and without the insides of string literals. What is interpolated
    /// into a string is code.
    let code: [[UInt8]]
    /// The comments alone.
    let comments: [String]

    init(path: String, _ text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var lexer = Lexer(bytes: Array(text.utf8))
        lexer.run()
        code = lexer.code.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        comments = lexer.comments.split(separator: 0x0A, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }
}

private struct Lexer {
    let bytes: [UInt8]
    var code: [UInt8]
    var comments: [UInt8]
    var at = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
        let blank = bytes.map { $0 == 0x0A ? $0 : 0x20 }
        code = blank
        comments = blank
    }

    mutating func run() {
        while at < bytes.count { lexCode() }
    }

    /// Reads code until the end, or until the parenthesis that closes an interpolation.
    private mutating func lexCode() {
        var depth = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "/"), starts(with: "//") {
                lexLineComment()
            } else if byte == UInt8(ascii: "/"), starts(with: "/*") {
                lexBlockComment()
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "#"),
                let hashes = stringOpens()
            {
                lexString(hashes: hashes)
            } else {
                code[at] = byte
                at += 1
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") {
                    depth -= 1
                    if depth < 0 { return }
                }
            }
        }
    }

    private mutating func lexLineComment() {
        while at < bytes.count, bytes[at] != 0x0A {
            comments[at] = bytes[at]
            at += 1
        }
    }

    private mutating func lexBlockComment() {
        var depth = 0
        repeat {
            let step = starts(with: "/*") || starts(with: "*/") ? 2 : 1
            if starts(with: "/*") { depth += 1 }
            if starts(with: "*/") { depth -= 1 }
            for _ in 0..<step where at < bytes.count {
                comments[at] = bytes[at]
                at += 1
            }
        } while depth > 0 && at < bytes.count
    }

    /// How many number signs stand before the quote that begins here, if a string begins here.
    private func stringOpens() -> Int? {
        var end = at
        while end < bytes.count, bytes[end] == UInt8(ascii: "#") { end += 1 }
        return end < bytes.count && bytes[end] == UInt8(ascii: "\"") ? end - at : nil
    }

    private mutating func lexString(hashes: Int) {
        at += hashes
        let quote = starts(with: "\"\"\"") ? "\"\"\"" : "\""
        let hashText = String(repeating: "#", count: hashes)
        code[at] = UInt8(ascii: "\"")
        at += quote.utf8.count
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\\"), starts(with: "\\" + hashText) {
                at += 1 + hashes
                if at < bytes.count, bytes[at] == UInt8(ascii: "(") {
                    code[at] = bytes[at]
                    at += 1
                    lexCode()
                } else {
                    at += 1
                }
            } else if byte == UInt8(ascii: "\""), starts(with: quote + hashText) {
                code[at] = UInt8(ascii: "\"")
                at += quote.utf8.count + hashes
                return
            } else if byte == 0x0A, quote == "\"" {
                return
            } else {
                at += 1
            }
        }
    }

    private func starts(with text: String) -> Bool {
        at + text.utf8.count <= bytes.count
            && zip(bytes[at...], text.utf8).allSatisfy { $0 == $1 }
    }
}
