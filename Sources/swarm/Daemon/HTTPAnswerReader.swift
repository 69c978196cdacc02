/// Reads the answer to one request of HTTP/1.1 (RFC 9112) as its bytes come.
struct HTTPAnswerReader {
    enum Fault: Error, Equatable {
        case notHTTP
        case tooLarge
        case badChunk
        /// It ended before it was whole.
        case cutShort
    }

    private enum Part {
        case head
        case body(left: Int)
        /// The body ends with the connection.
        case rest
        case chunkSize
        /// The bytes that are left of the chunk, with the line's end behind them.
        case chunk(left: Int)
        case trailers
        case end
    }

    private var part = Part.head
    /// What has come and is not understood yet.
    private var buffer: [UInt8] = []
    private(set) var status = 0
    private(set) var isJSON = false
    private(set) var body: [UInt8] = []

    var isComplete: Bool { if case .end = part { true } else { false } }

    mutating func take(_ bytes: some Collection<UInt8>) throws(Fault) {
        buffer += bytes
        while try step() {}
    }

    /// There is no more.
    mutating func close() throws(Fault) {
        switch part {
        case .rest, .end: part = .end
        case .head, .body, .chunkSize, .chunk, .trailers: throw .cutShort
        }
    }

    /// Whether there is something to go on with.
    private mutating func step() throws(Fault) -> Bool {
        switch part {
        case .head:
            guard let lines = try head() else { return false }
            part = try begin(lines)
        case .body(let left):
            let count = try keep(left)
            part = left == count ? .end : .body(left: left - count)
            return left == count && left > 0
        case .rest:
            _ = try keep(buffer.count)
            return false
        case .chunkSize:
            guard let line = try line() else { return false }
            let digits = line.prefix { $0.isHexDigit }
            guard let size = Int(digits, radix: 16), size <= Limits.answerBytesMax else {
                throw .badChunk
            }
            part = size == 0 ? .trailers : .chunk(left: size)
        case .chunk(let left):
            let count = try keep(left)
            guard count == left else {
                part = .chunk(left: left - count)
                return false
            }
            part = .chunk(left: 0)
            guard let end = try line() else { return false }
            guard end.isEmpty else { throw .badChunk }
            part = .chunkSize
        case .trailers:
            guard let line = try line() else { return false }
            if line.isEmpty { part = .end }
        case .end: return false
        }
        return true
    }

    /// Moves at most so many bytes from what has come to the body.
    private mutating func keep(_ most: Int) throws(Fault) -> Int {
        let count = min(most, buffer.count)
        guard body.count + count <= Limits.answerBytesMax else { throw .tooLarge }
        body += buffer.prefix(count)
        buffer.removeFirst(count)
        return count
    }

    private mutating func line() throws(Fault) -> String? {
        guard let end = buffer.firstIndex(of: UInt8(ascii: "\n")) else {
            guard buffer.count <= Limits.answerHeadBytesMax else { throw .tooLarge }
            return nil
        }
        var line = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeFirst(end + 1)
        if line.unicodeScalars.last == "\r" { line.unicodeScalars.removeLast() }
        return line
    }

    /// The lines of the head, once all are there.
    private mutating func head() throws(Fault) -> [String]? {
        let mark = Array("\r\n\r\n".utf8)
        let most = min(buffer.count, Limits.answerHeadBytesMax)
        let place = (0..<max(0, most - 3)).first { buffer[$0..<$0 + 4].elementsEqual(mark) }
        guard let place else {
            guard buffer.count <= Limits.answerHeadBytesMax else { throw .tooLarge }
            guard "HTTP/1.".utf8.starts(with: buffer.prefix(7)) else { throw .notHTTP }
            return nil
        }
        let text = String(decoding: buffer[..<place], as: UTF8.self)
        buffer.removeFirst(place + 4)
        return text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// Takes what the head says, and tells what follows it.
    private mutating func begin(_ lines: [String]) throws(Fault) -> Part {
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].count == 3,
            let code = Int(words[1])
        else { throw .notHTTP }
        status = code
        var length: Int?
        var isChunked = false
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw .notHTTP }
            let value = line[line.index(after: colon)...].drop { $0 == " " }.lowercased()
            switch line[..<colon].lowercased() {
            case "content-length":
                guard let count = Int(value), count >= 0 else { throw .notHTTP }
                guard count <= Limits.answerBytesMax else { throw .tooLarge }
                length = count
            case "transfer-encoding": isChunked = value == "chunked"
            case "content-type": isJSON = value.hasPrefix("application/json")
            default: break
            }
        }
        // Neither an interim answer nor one without content has a body.
        if (100..<200).contains(code) { return .head }
        if code == 204 || code == 304 { return .end }
        if isChunked { return .chunkSize }
        return length.map { $0 == 0 ? .end : .body(left: $0) } ?? .rest
    }
}
