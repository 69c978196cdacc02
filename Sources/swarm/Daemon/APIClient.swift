import Glibc
import JSONText
import Terminal
import Units

/// Speaks to the daemon by its `/api/v1`: a connection for each request, as nothing hangs on the
/// time that one takes on this machine.
struct APIClient: Sendable {
    /// How the daemon is to know that it may obey.
    enum Credential: Equatable, Sendable {
        case token(String)
        case password(String)

        /// The value of `Authorization`.
        var header: String {
            switch self {
            case .token(let token): "Bearer \(token)"
            case .password(let password): "Basic " + base64(Array("swarm:\(password)".utf8))
            }
        }
    }

    let place: APIPlace
    /// What the daemon's own paths stand behind, as it is set: `/swarm`.
    var basePath = ""
    var credential: Credential?

    // MARK: - Requests

    func get(_ path: String) throws(Failure) -> JSON { try ask("GET", path, nil) }

    /// Asks for something to be done.
    @discardableResult
    func send(_ method: String, _ path: String, _ body: JSON = .object([])) throws(Failure) -> JSON
    {
        try ask(method, path, body)
    }

    /// The bytes of something that is not JSON.
    func bytes(_ path: String) throws(Failure) -> [UInt8] {
        let answer = try exchange(request("GET", path, nil))
        guard answer.status == 200, !answer.isJSON else {
            _ = try value(of: answer)
            throw unreachable("no answer of a swarm daemon", remedy: nil)
        }
        return answer.body
    }

    private func ask(_ method: String, _ path: String, _ body: JSON?) throws(Failure) -> JSON {
        try value(of: exchange(request(method, path, body)))
    }

    private func value(of answer: HTTPAnswerReader) throws(Failure) -> JSON {
        guard answer.isJSON || answer.body.isEmpty else {
            throw unreachable(
                answer.status == 404
                    ? "no swarm daemon answers there" : "no answer of a swarm daemon",
                remedy: "name the daemon's address with --api")
        }
        let value: JSON
        do throws(JSONError) {
            value = answer.body.isEmpty ? .null : try JSON(parsing: answer.body)
        } catch {
            throw unreachable("an answer that is no JSON: \(error)", remedy: nil)
        }
        guard (200..<300).contains(answer.status) else {
            throw refusal(answer.status, value["error"])
        }
        return value
    }

    /// The bytes of a request.
    func request(_ method: String, _ path: String, _ body: JSON?) -> [UInt8] {
        var head = "\(method) \(basePath)/api/v1\(path) HTTP/1.1\r\nHost: \(place.host)\r\n"
        head += "User-Agent: swarm/\(programVersion)\r\nAccept: application/json\r\n"
        head += "Connection: close\r\n"
        if let credential { head += "Authorization: \(credential.header)\r\n" }
        guard let body else { return Array((head + "\r\n").utf8) }
        let content = Array(body.text.utf8)
        head += "Content-Type: application/json\r\nContent-Length: \(content.count)\r\n\r\n"
        return Array(head.utf8) + content
    }

    private func exchange(_ request: [UInt8]) throws(Failure) -> HTTPAnswerReader {
        var reader = HTTPAnswerReader()
        do {
            let connection = try APIConnection(to: place)
            let sent = connection.send(request)
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while !reader.isComplete {
                let count = try connection.receive(into: &buffer)
                // What it answers while it refuses to read on is why.
                if count == 0, sent != 0, reader.status == 0 {
                    throw APIConnection.Fault.unreachable(errno: sent)
                }
                if count == 0 { try reader.close() } else { try reader.take(buffer[..<count]) }
            }
            return reader
        } catch let fault as APIConnection.Fault {
            throw failure(fault)
        } catch let fault as HTTPAnswerReader.Fault {
            throw failure(fault)
        } catch {
            throw unreachable("\(error)", remedy: nil)
        }
    }

    // MARK: - What went wrong

    private func unreachable(_ problem: String, remedy: String?) -> Failure {
        Failure(.daemonUnreachable, "\(place)", problem, remedy: remedy)
    }

    private func failure(_ fault: APIConnection.Fault) -> Failure {
        switch fault {
        case .unreachable(let code) where code == EAGAIN:
            return unreachable("the daemon does not answer", remedy: "see its log")
        case .unreachable(let code):
            let remedy =
                code == EACCES
                ? "ask for the right to use the socket, or name an address with --api"
                : "start the daemon with 'swarm daemon', or say where it is with --api"
            return unreachable(systemErrorText(code), remedy: remedy)
        case .unknownHost(let reason): return unreachable(reason, remedy: nil)
        case .pathTooLong:
            return unreachable("too long for a socket's path", remedy: "name a shorter one")
        }
    }

    private func failure(_ fault: HTTPAnswerReader.Fault) -> Failure {
        switch fault {
        case .notHTTP, .badChunk:
            unreachable(
                "what answers there is not a swarm daemon", remedy: "name its address with --api")
        case .tooLarge: unreachable("its answer is too long", remedy: nil)
        case .cutShort: unreachable("it went away before it had answered", remedy: "see its log")
        }
    }

    /// What the daemon said no with.
    private func refusal(_ status: Int, _ error: JSON?) -> Failure {
        let message = error?["message"]?.string
        let words = message ?? "status \(status)"
        switch status {
        case 401:
            let remedy =
                credential == nil
                ? "set SWARM_PASSWORD, or name a file that has a token with --token-file"
                : "check the password or token"
            return unreachable("the daemon does not know you: \(words)", remedy: remedy)
        case 403 where error?["code"]?.string == "forbidden-path":
            return Failure(
                .daemonUnreachable, nil, words,
                remedy: "add the folder to storage.allowed-roots in the daemon's settings")
        case 403, 421, 429, 503:
            return unreachable("the daemon refuses: \(words)", remedy: nil)
        case 400 where error?["code"]?.string == "bad-source":
            return Failure(.unreadableSource, nil, words)
        case 404 where error?["code"]?.string == "not-found":
            return unreachable(
                words,
                remedy: "if api.base-path is set there, write it behind the port, as in "
                    + "--api 127.0.0.1:9091/swarm")
        case 404 where message == nil:
            return unreachable("no swarm daemon answers there", remedy: nil)
        case 500: return unreachable("the daemon failed: \(words)", remedy: "see its log")
        case 507: return Failure(.unwritable, nil, words)
        default: return Failure(.failed, nil, words)
        }
    }
}

/// RFC 4648, section 4.
func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let part = bytes[start..<min(start + 3, bytes.count)]
        var group = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        group <<= UInt32(3 - part.count) * 8
        for place in 0..<4 {
            let letter = letters[Int(group >> UInt32(18 - 6 * place)) & 0x3F]
            out.append(place <= part.count ? letter : UInt8(ascii: "="))
        }
    }
    return String(decoding: out, as: UTF8.self)
}
