import Foundation
import Glibc
import JSONText
import Synchronization

/// Answers requests as it is told to, on a socket of its own; keeps what it was asked.
final class StubDaemon: Sendable {
    struct Request: Sendable, Equatable {
        var method: String
        var path: String
        var headers: [String: String]
        var body: String
    }

    struct Failed: Error {}

    typealias Answer = @Sendable (Request) -> (status: Int, body: String)

    /// The port, if it does not listen at a path.
    let port: UInt16
    private let descriptor: Int32
    private let answer: Answer
    private let asked = Mutex<[Request]>([])

    var requests: [Request] { asked.withLock { $0 } }

    /// The methods and paths, without what every command asks to find torrents.
    var commands: [String] {
        requests.filter { $0.method != "GET" }.map { "\($0.method) \($0.path) \($0.body)" }
    }

    init(at path: String? = nil, answer: @escaping Answer) throws {
        self.answer = answer
        let family = path == nil ? AF_INET : AF_UNIX
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        if let path {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            guard Self.bind(descriptor, &address) else { throw Failed() }
            port = 0
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            guard Self.bind(descriptor, &address) else { throw Failed() }
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = getsockname(descriptor, $0, &length)
                }
            }
            port = UInt16(bigEndian: address.sin_port)
        }
        guard listen(descriptor, 16) == 0 else { throw Failed() }
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0, let self else { return }
                self.serve(connection)
                close(connection)
            }
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    private static func bind<Address>(_ descriptor: Int32, _ address: inout Address) -> Bool {
        let size = socklen_t(MemoryLayout<Address>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, size) == 0
            }
        }
    }

    private func serve(_ connection: Int32) {
        var bytes = Data()
        while true {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { return }
            bytes += buffer[..<count]
            guard let request = Self.request(in: bytes) else { continue }
            asked.withLock { $0.append(request) }
            let (status, body) = answer(request)
            var text = "HTTP/1.1 \(status) Words\r\nContent-Type: application/json\r\n"
            text += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            _ = Array(text.utf8).withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
            return
        }
    }

    private static func request(in bytes: Data) -> Request? {
        let parts = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n\r\n")
        guard parts.count > 1 else { return nil }
        let lines = parts[0].components(separatedBy: "\r\n")
        let words = lines[0].components(separatedBy: " ")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let pair = line.components(separatedBy: ": ")
            headers[pair[0].lowercased()] = pair.dropFirst().joined(separator: ": ")
        }
        let body = parts.dropFirst().joined(separator: "\r\n\r\n")
        guard body.utf8.count >= Int(headers["content-length"] ?? "0") ?? 0 else { return nil }
        return Request(method: words[0], path: words[1], headers: headers, body: body)
    }
}

/// Three torrents as the daemon tells of them: one that is fetched, one that is seeded, and one of
/// which only the link is known.
enum StubTorrents {
    static let hashes = ["ab12", "ab34", "12cd"].map {
        String(repeating: $0, count: 10)
    }

    static let film = #"""
        {"id":1,"infoHash":"\#(hashes[0])","name":"Film","folder":"/data","state":"downloading",
        "error":{"kind":"trackerWarning","text":"slow down"},"content":{"length":2147483648,
        "fileCount":3,"pieceCount":2048,"pieceLength":1048576},"bytesWanted":2147483648,
        "bytesDone":1073741824,"progress":0,"downloaded":1073741824,"uploaded":536870912,
        "wasted":0,"downloadRate":1048576,"uploadRate":2048,"ratio":0.5,"secondsLeft":1024,
        "peersConnected":7,"seedsConnected":2,"peersKnown":40,"seedsInSwarm":9,
        "leechersInSwarm":12,"added":1700000000,"isPrivate":true,"labels":["hd","new"],
        "category":"films","queuePosition":0,"seedingLimits":{"ratio":2,"seedTime":"inherited",
        "idle":null,"action":null},"downloadLimit":5242880,"tracker":"http://t.example/announce"}
        """#

    static let song = #"""
        {"id":2,"infoHash":"\#(hashes[1])","name":"A song","folder":"/data","state":"seeding",
        "content":{"length":4096,"fileCount":1,"pieceCount":1,"pieceLength":16384},
        "bytesWanted":4096,"bytesDone":4096,"uploaded":8192,"downloadRate":0,"uploadRate":512,
        "ratio":2.0,"peersConnected":1,"added":1700000001,"labels":[],
        "limitReached":"seed-time"}
        """#

    static let link = #"""
        {"id":5,"infoHash":"\#(hashes[2])","name":"b\u001b[31m","folder":"/data",
        "state":"fetchingMetadata","content":null,"bytesWanted":0,"bytesDone":0,"progress":0.25,
        "downloadRate":0,"uploadRate":0,"peersConnected":0,"added":1700000002,"labels":["hd"]}
        """#

    static let all = [film, song, link]

    /// What the daemon answers to everything about them.
    static let answer: StubDaemon.Answer = { request in
        let path = request.path.components(separatedBy: "?")
        guard request.method == "GET" else {
            guard request.path == "/api/v1/torrents" else { return (200, "{}") }
            return (201, #"{"id":1,"isNew":true,"torrent":\#(film)}"#)
        }
        switch path[0] {
        case "/api/v1/torrents" where path.last?.hasPrefix("since=") == true:
            let rows = all.joined(separator: ",")
            return (200, #"{"revision":7,"isComplete":false,"changed":[\#(rows)],"removed":[]}"#)
        case "/api/v1/torrents":
            return (200, #"{"revision":7,"torrents":[\#(all.joined(separator: ","))]}"#)
        case "/api/v1/torrents/1": return (200, film)
        case "/api/v1/torrents/2": return (200, song)
        case "/api/v1/torrents/1/files":
            return (
                200,
                #"""
                {"files":[{"index":0,"path":"Film/a","length":10,"bytesDone":5,"isWanted":true,
                "priority":"high"},{"index":1,"path":"Film/b","length":10,"bytesDone":0,
                "isWanted":false,"priority":"normal"}]}
                """#
            )
        case "/api/v1/torrents/1/trackers":
            return (
                200,
                #"{"trackers":[{"url":"http://a/x","tier":0},{"url":"http://b/x","tier":0}]}"#
            )
        case "/api/v1/torrents/1/why":
            return (
                200,
                #"""
                {"reasons":[{"kind":"everybodyChokesUs","count":14,
                "text":"14 of 20 peers choke us"}]}
                """#
            )
        case "/api/v1/settings":
            return (
                200,
                #"""
                {"limits":{"down":1048576,"up":null,"alternative-down":1024,
                "alternative-up":null,"alternative":false,"schedule":["mon-fri 08:00-18:00"]},
                "seeding":{"ratio":2,"time":"inherited","idle":null,"action":"pause"}}
                """#
            )
        case "/api/v1/session":
            return (
                200,
                #"{"statistics":{"usesAlternativeLimits":true,"alternativeLimitsBy":"hand"}}"#
            )
        default:
            return (404, #"{"error":{"code":"no-such-route","message":"nothing is there"}}"#)
        }
    }
}
