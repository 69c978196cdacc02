import Foundation

/// Speaks HTTP to a Unix socket, one connection for each question: the way that scripts on the
/// machine itself drive the daemon.
struct LocalAPI: Sendable {
    struct Answer: @unchecked Sendable {
        var status: Int
        /// SAFETY: what JSONSerialization makes is not changed by anybody.
        var json: Any?

        var members: [String: Any] { json as? [String: Any] ?? [:] }
    }

    /// It says that it does not do that.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    let path: String

    /// - Parameters:
    ///   - target: below `/api/v1`.
    ///   - body: what JSONSerialization takes.
    func ask(
        _ method: String, _ target: String, _ body: [String: Any]? = nil
    ) async throws -> Answer {
        let content = try body.map { try JSONSerialization.data(withJSONObject: $0) } ?? Data()
        let head =
            "\(method) /api/v1\(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(content.count)\r\n\r\n"
        let question = Data(head.utf8) + content
        let path = path
        // It waits, which is not for the threads that all tests share.
        return try await withCheckedThrowingContinuation { done in
            DispatchQueue.global().async {
                done.resume(with: Result { try Self.exchange(question, path) })
            }
        }
    }

    /// As `ask`, and an error if it is refused.
    @discardableResult
    func tell(
        _ method: String, _ target: String, _ body: [String: Any]? = nil
    ) async throws -> Answer {
        let answer = try await ask(method, target, body)
        guard (200..<300).contains(answer.status) else {
            throw Refusal(description: "\(method) \(target): \(answer.status) \(answer.members)")
        }
        return answer
    }

    /// All torrents, as the list has them.
    func torrents() async throws -> [[String: Any]] {
        try await tell("GET", "/torrents").members["torrents"] as? [[String: Any]] ?? []
    }

    func torrent(_ id: Int) async throws -> [String: Any] {
        try await tell("GET", "/torrents/\(id)").members
    }

    private static func exchange(_ question: Data, _ path: String) throws -> Answer {
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard raw >= 0 else { throw GroundError("no socket") }
        defer { close(raw) }
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(
            raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(raw, $0, length) }
        }
        guard isConnected == 0 else { throw GroundError("\(path): not listening") }
        try question.withUnsafeBytes { bytes in
            guard
                send(raw, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
                    == bytes.count
            else { throw GroundError("\(path): not all could be sent") }
        }
        var answer = Data()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(raw, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer.append(contentsOf: buffer.prefix(count))
        }
        return try Answer(answer)
    }
}

extension LocalAPI.Answer {
    fileprivate init(_ bytes: Data) throws {
        guard let end = bytes.firstRange(of: Data("\r\n\r\n".utf8)),
            let head = String(data: bytes[..<end.lowerBound], encoding: .utf8),
            let status = head.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { throw GroundError("no answer") }
        var body = Data(bytes[end.upperBound...])
        if head.lowercased().contains("transfer-encoding: chunked") {
            body = try Self.joined(body)
        }
        self.status = status
        json = try? JSONSerialization.jsonObject(with: body, options: .fragmentsAllowed)
        let announced = head.lowercased().split(separator: "\r\n")
            .first { $0.hasPrefix("content-length:") }
        // Half of an answer is none.
        if let words = announced?.split(separator: " "), words.count > 1,
            Int(words[1]) != body.count
        {
            throw GroundError("half an answer")
        }
    }

    private static func joined(_ chunks: Data) throws -> Data {
        var rest = chunks[...]
        var whole = Data()
        while let line = rest.firstRange(of: Data("\r\n".utf8)) {
            let words = String(decoding: rest[..<line.lowerBound], as: UTF8.self)
            guard let count = Int(words, radix: 16) else { break }
            if count == 0 { return whole }
            let body = rest[line.upperBound...]
            guard body.count >= count + 2 else { break }
            whole.append(body.prefix(count))
            rest = body.dropFirst(count + 2)
        }
        throw GroundError("half an answer")
    }
}
