import Glibc
import HTTPTypes
import Hashing
import Logging
import NIOPosix
import Synchronization
import Units

@testable import Seedbox

/// A server on a port of its own at loopback, for as long as `body` runs.
func withServer(
    _ routes: [Route], _ settings: Settings.API = Settings.API(),
    connections: Connections = Connections(), logger: Logger = .silent,
    _ body: @Sendable (TestServer) async throws -> Void
) async throws {
    var settings = settings
    if settings.listen == Settings.API().listen {
        settings.listen = HostPort(host: "127.0.0.1", port: 0)
    }
    let authority = try Authority(settings, cost: .least, logger: logger)
    let server = HTTPServer(
        routes: routes, settings: settings, authority: authority, connections: connections,
        logger: logger)
    let (listening, told) = AsyncStream<Void>.makeStream()
    try await withThrowingTaskGroup { tasks in
        tasks.addTask {
            defer { told.finish() }
            try await server.run {
                told.yield()
                told.finish()
            }
        }
        var isListening = false
        for await _ in listening {
            isListening = true
            break
        }
        defer { tasks.cancelAll() }
        guard isListening else {
            try await tasks.next()
            throw SocketFault(what: "the server ended by itself")
        }
        let test = TestServer(
            port: server.boundPorts.first ?? 0, server: server, authority: authority,
            connections: connections)
        try await body(test)
    }
}

struct TestServer: Sendable {
    let port: Int
    let server: HTTPServer
    let authority: Authority
    let connections: Connections

    /// Sends these bytes on a connection of its own, and reads the answer.
    func send(_ text: String) async throws -> RawAnswer {
        try await offLoop {
            let socket = try RawSocket(port: port)
            try socket.write(Array(text.utf8))
            return try socket.readAnswer(isHead: text.hasPrefix("HEAD "))
        }
    }

    func request(
        _ method: HTTPRequest.Method, _ target: String, host: String = "127.0.0.1",
        _ fields: [(String, String)] = [], body: String? = nil
    ) async throws -> RawAnswer {
        try await send(Self.text(method, target, host: host, fields, body: body))
    }

    static func text(
        _ method: HTTPRequest.Method, _ target: String, host: String = "127.0.0.1",
        _ fields: [(String, String)] = [], body: String? = nil
    ) -> String {
        var text = "\(method.rawValue) \(target) HTTP/1.1\r\nHost: \(host)\r\n"
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
        return text + "\r\n" + (body ?? "")
    }
}

/// What blocks is done on a thread that may.
func offLoop<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
{
    try await NIOThreadPool.singleton.runIfActive(body)
}

struct RawAnswer: Sendable {
    var status: Int
    var fields: [(name: String, value: String)]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }

    subscript(name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

struct SocketFault: Error { let what: String }

/// A connection that does just what a test says, as no proper client would.
final class RawSocket: Sendable {
    private let file: Int32
    private let pending = Mutex<[UInt8]>([])

    /// - Parameter receiveBytes: What the kernel takes before it is read.
    init(port: Int, receiveBytes: Int32? = nil) throws {
        file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw SocketFault(what: "socket") }
        if var receiveBytes {
            let size = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(file, SOL_SOCKET, SO_RCVBUF, &receiveBytes, size)
        }
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            file, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw SocketFault(what: "connect: \(errno)") }
    }

    init(path: String) throws {
        file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { throw SocketFault(what: "socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isConnected else { throw SocketFault(what: "connect: \(errno)") }
    }

    deinit { close(file) }

    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SocketFault(what: "send: \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Whatever is there; nil at the end, or when the other side has reset the connection.
    func read() -> [UInt8]? {
        let waiting = pending.withLock { bytes in
            defer { bytes = [] }
            return bytes
        }
        guard waiting.isEmpty else { return waiting }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(file, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer.prefix(count)) : nil
    }

    /// One answer, whole.
    func readAnswer(isHead: Bool = false) throws -> RawAnswer {
        var bytes: [UInt8] = []
        func more() throws {
            guard let part = read() else { throw SocketFault(what: "ended after \(bytes.count)") }
            bytes += part
        }
        var end: Int?
        while end == nil {
            try more()
            end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound
        }
        let headBytes = bytes.prefix(end ?? 0)
        let lines = String(decoding: headBytes, as: UTF8.self).split(separator: "\r\n")
        let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        var answer = RawAnswer(
            status: status ?? 0,
            fields: lines.dropFirst().map { line in
                let parts = line.split(separator: ":", maxSplits: 1)
                return (String(parts[0]), String(parts.last ?? "").trimmed)
            }, body: [])
        bytes.removeFirst(end ?? 0)
        if answer.status == 100 {
            pending.withLock { $0 = bytes }
            return try readAnswer(isHead: isHead)
        }
        if answer["transfer-encoding"] == "chunked", !isHead {
            while true {
                if let body = Self.dechunked(bytes) {
                    answer.body = body
                    return answer
                }
                try more()
            }
        }
        let length = isHead ? 0 : answer["content-length"].flatMap { Int($0) } ?? 0
        while bytes.count < length { try more() }
        answer.body = Array(bytes.prefix(length))
        pending.withLock { $0 = Array(bytes.dropFirst(length)) }
        return answer
    }

    /// Nil until the last chunk is there.
    private static func dechunked(_ bytes: [UInt8]) -> [UInt8]? {
        var body: [UInt8] = []
        var rest = bytes[...]
        while let end = rest.firstRange(of: Array("\r\n".utf8)) {
            let size = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            guard let count = Int(size, radix: 16) else { return nil }
            if count == 0 { return body }
            guard rest.distance(from: end.upperBound, to: rest.endIndex) >= count + 2 else {
                return nil
            }
            body += rest[end.upperBound...].prefix(count)
            rest = rest[end.upperBound...].dropFirst(count + 2)
        }
        return nil
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }) }
}

extension Logger {
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
