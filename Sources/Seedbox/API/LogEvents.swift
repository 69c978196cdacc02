/// The log as server-sent events: what was said last, and what comes.
struct LogEvents: AsyncSequence, Sendable {
    typealias Element = [UInt8]
    typealias Failure = Never

    let output: LogOutput

    func makeAsyncIterator() -> Events {
        // In this order, a line is rather told twice than not at all.
        let lines = output.follow()
        return Events(recent: output.recent[...], lines: lines.makeAsyncIterator())
    }

    struct Events: AsyncIteratorProtocol {
        fileprivate var recent: ArraySlice<String>
        fileprivate var lines: AsyncStream<String>.AsyncIterator

        mutating func next() async -> [UInt8]? {
            guard let line = await nextLine() else { return nil }
            // A line is one object of JSON, in which an end of a line is escaped.
            return Array("event: line\ndata: \(line)\n\n".utf8)
        }

        private mutating func nextLine() async -> String? {
            if let line = recent.popFirst() { return line }
            return await lines.next()
        }
    }
}
