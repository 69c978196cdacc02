import CLinux
import Dispatch
import Foundation
import Glibc
import HTTPTypes
import JSONText
import Synchronization
import Testing
import Units

@testable import Seedbox

@Suite struct HTTPServerTests {
    static let routes = [
        Route(.get, "/echo/{name}", .read, "Says what came") { call in
            .json([
                "path": .string(call.path), "name": .optional(call.parameters["name"]),
                "query": .strings(call.query.map { "\($0.name)=\($0.value)" }),
                "remote": .string("\(call.remote)"), "grant": .string(call.grant.name),
            ])
        },
        Route(.get, "/echo/word", .read, "Is preferred") { _ in .text("word") },
        Route(.post, "/echo/{name}", .control, "Takes a body", bodyBytesMax: 1_000) { call in
            HTTPReply(type: "application/octet-stream", call.body)
        },
        Route(.get, "/open", .open, "For anybody") { _ in .text("open") },
        Route(.put, "/settings", .admin, "For few") { _ in .empty },
        Route(.get, "/stream", .read, "Comes in parts") { _ in
            let parts = AsyncStream<[UInt8]> { parts in
                for number in 0..<100 { parts.yield(Array("\(number),".utf8)) }
                parts.finish()
            }
            return HTTPReply(body: .stream(parts))
        },
        Route(.get, "/endless", .read, "Does not end") { _ in
            let (parts, told) = AsyncStream<[UInt8]>.makeStream()
            told.yield(Array("hello".utf8))
            var reply = HTTPReply(body: .stream(parts))
            reply.isEndless = true
            return reply
        },
        Route(.get, "/policy", .read, "Of who answers, and of whom that starts") { _ in
            .text("\(ownPolicy()) \(onNewThread(ownPolicy))")
        },
        Route(.get, "/fails", .read, "Fails") { _ throws(HTTPFailure) in
            throw HTTPFailure(.conflict, "no", "it's \"so\"")
        },
    ]

    @Test func handlersGetWhatWasAsked() async throws {
        try await withServer(Self.routes) { server async throws in
            let answer = try await server.request(.get, "/echo/a%20b?x=1&x=2")
            #expect(answer.status == 200)
            #expect(answer["content-type"] == "application/json")
            let body = try JSON(parsing: answer.body)
            let expected: JSON = [
                "path": "/echo/a b", "name": "a b", "query": ["x=1", "x=2"],
                "remote": "127.0.0.1", "grant": "local",
            ]
            #expect(body == expected)
            #expect(try await server.request(.get, "/echo/word").text == "word")
            let json = [("Content-Type", "application/json")]
            let posted = try await server.request(.post, "/echo/a", json, body: "[1]")
            #expect(posted.text == "[1]")
            let failed = try await server.request(.get, "/fails")
            #expect(failed.status == 409)
            #expect(failed.text == #"{"error":{"code":"no","message":"it's \"so\""}}"#)
        }
    }

    @Test func whoAnswersGoesFirstWhereItMayAndWhomItStartsDoesNot() async throws {
        try await withServer(Self.routes) { server async throws in
            let text = try await server.request(.get, "/policy").text
            let isAllowed = onNewThread { go_before_others(Limits.httpPriority) } == 0
            #expect(isAllowed || geteuid() != 0)
            #expect(text == (isAllowed ? "\(SCHED_RR) \(SCHED_OTHER)" : "0 0"))
        }
    }

    @Test func whoMayNotGoFirstIsLessNiceWhereThatIsAllowed() {
        let own = ownNiceness()
        let niceness = onNewThread {
            _ = take_turns(Limits.httpTurnNanoseconds, Limits.httpNiceness)
            return ownNiceness()
        }
        #expect(niceness == own + Limits.httpNiceness || geteuid() != 0 && niceness == own)
    }

    @Test func otherMethodsAreNamed() async throws {
        try await withServer(Self.routes) { server async throws in
            let answer = try await server.request(.delete, "/echo/a")
            #expect(answer.status == 405)
            #expect(answer["allow"] == "GET, POST")
            #expect(try await server.request(.get, "/nothing").status == 404)
            let head = try await server.request(.head, "/open")
            #expect(head.status == 200)
            #expect(head["content-length"] == "4")
        }
    }

    @Test func streamsComeWhole() async throws {
        try await withServer(Self.routes) { server async throws in
            let answer = try await server.request(.get, "/stream")
            #expect(answer.text == (0..<100).map { "\($0)," }.joined())
        }
    }

    @Test func everyAnswerSaysWhen() async throws {
        #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        try await withServer(Self.routes) { server async throws in
            for path in ["/open", "/nothing"] {
                let before = Int64(time(nil))
                let answer = try await server.request(.get, path)
                let after = Int64(time(nil))
                let told = answer["date"]
                #expect((before...after).contains { HTTPDate.text($0) == told }, "\(path)")
            }
        }
    }

    @Test func aConnectionServesManyRequests() async throws {
        try await withServer(Self.routes) { server async throws in
            try await offLoop {
                let socket = try RawSocket(port: server.port)
                for number in 0..<20 {
                    try socket.write(Array(TestServer.text(.get, "/echo/\(number)").utf8))
                    let answer = try socket.readAnswer()
                    #expect(answer.text.contains(#""name":"\#(number)""#))
                }
            }
            #expect(server.connections.count <= 1)
        }
    }

    @Test func theBasePathIsPartOfEveryPath() async throws {
        var settings = Settings.API()
        settings.basePath = "/box"
        try await withServer(Self.routes, settings) { server async throws in
            #expect(try await server.request(.get, "/box/open").status == 200)
            #expect(try await server.request(.get, "/open").status == 404)
            let moved = try await server.request(.get, "/box")
            #expect(moved.status == 308)
            #expect(moved["location"] == "/box/")
        }
    }

    @Test func tokensDoWhatTheyMay() async throws {
        var settings = Settings.API()
        for scope in Settings.Token.Scope.allCases {
            var token = Settings.Token(name: scope.rawValue)
            token.scope = scope
            token.token = "secret-" + scope.rawValue
            settings.tokens.append(token)
        }
        try await withServer(Self.routes, settings) { server async throws in
            func status(_ method: HTTPRequest.Method, _ path: String, _ token: String?)
                async throws -> Int
            {
                let fields = token.map { [("Authorization", "Bearer secret-\($0)")] } ?? []
                let body = method == .get ? nil : ""
                return try await server.request(method, path, fields, body: body).status
            }
            #expect(try await status(.get, "/open", nil) == 200)
            #expect(try await status(.get, "/echo/a", nil) == 401)
            #expect(try await status(.get, "/echo/a", "read") == 200)
            #expect(try await status(.post, "/echo/a", "read") == 403)
            #expect(try await status(.post, "/echo/a", "control") == 200)
            #expect(try await status(.put, "/settings", "control") == 403)
            #expect(try await status(.put, "/settings", "admin") == 204)
            let answer = try await server.request(.get, "/echo/a")
            #expect(answer["www-authenticate"]?.hasPrefix("Basic ") == true)
        }
    }

    @Test func aTrustedProxySaysWhoAsks() async throws {
        var settings = Settings.API()
        settings.trustedProxies = ["127.0.0.0/8", "10.0.0.1"]
        var token = Settings.Token(name: "t")
        token.token = "secret"
        settings.tokens = [token]
        func remote(_ settings: Settings.API, _ forwarded: String) async throws -> String? {
            nonisolated(unsafe) var remote: String?  // SAFETY: read after the server has ended.
            try await withServer(Self.routes, settings) { server async throws in
                let answer = try await server.request(
                    .get, "/echo/a",
                    [("X-Forwarded-For", forwarded), ("Authorization", "Bearer secret")])
                remote = try JSON(parsing: answer.body)["remote"]?.string
            }
            return remote
        }
        #expect(try await remote(settings, "203.0.113.9") == "203.0.113.9")
        #expect(try await remote(settings, "6.6.6.6, 203.0.113.9, 10.0.0.1") == "203.0.113.9")
        #expect(try await remote(settings, "junk, 10.0.0.1") == "10.0.0.1")
        settings.trustedProxies = []
        #expect(try await remote(settings, "203.0.113.9") == "127.0.0.1")
    }

    @Test func theSocketHasItsModeAndNeedsNoPassword() async throws {
        let path = "/tmp/swarm-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        var settings = Settings.API()
        settings.socket = path
        settings.socketMode = 0o600
        settings.password = "secret"
        try await withServer(Self.routes, settings) { server async throws in
            var status = stat()
            #expect(lstat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            #expect(try await server.request(.get, "/echo/a").status == 401)
            try await offLoop {
                let socket = try RawSocket(path: path)
                try socket.write(
                    Array(TestServer.text(.get, "/echo/a", host: "localhost").utf8))
                #expect(try socket.readAnswer().text.contains(#""grant":"socket""#))
                try socket.write(
                    Array(TestServer.text(.get, "/echo/a", host: "evil.example").utf8))
                #expect(try socket.readAnswer().status == 421)
            }
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test func aFileInThePlaceOfTheSocketIsLeftAlone() async throws {
        let path = "/tmp/swarm-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        defer { unlink(path) }
        var settings = Settings.API()
        settings.socket = path
        let wanted = settings
        await #expect(throws: SeedboxError.self) {
            try await withServer(Self.routes, wanted) { _ in }
        }
        #expect(access(path, F_OK) == 0)
    }

    @Test("R3 no other address is served without a password or a token")
    func refusesToStart() async throws {
        var settings = Settings.API()
        for host in ["0.0.0.0", "::", "192.0.2.1", "example.org"] {
            settings.listen = HostPort(host: host, port: 0)
            let wanted = settings
            let error = await #expect(throws: SeedboxError.self) {
                try await withServer(Self.routes, wanted) { _ in }
            }
            #expect(error?.description.contains("set api.password-file or a token") == true)
        }
        settings.listen = HostPort(host: "0.0.0.0", port: 0)
        settings.password = "secret"
        try await withServer(Self.routes, settings) { server async throws in
            #expect(try await server.request(.get, "/echo/a").status == 401)
        }
    }

    @Test func pagesOfFriendlyOriginsMayAskAndRead() async throws {
        var settings = Settings.API()
        settings.allowedOrigins = ["https://friend.example"]
        try await withServer(Self.routes, settings) { server async throws in
            let fields = [("Origin", "https://friend.example"), ("Sec-Fetch-Site", "cross-site")]
            let answer = try await server.request(.get, "/echo/a", fields)
            #expect(answer.status == 200)
            #expect(answer["access-control-allow-origin"] == "https://friend.example")
            let preflight = try await server.request(.options, "/echo/a", fields)
            #expect(preflight.status == 200)
            #expect(preflight["access-control-allow-headers"]?.contains("Authorization") == true)
            let plain = try await server.request(.get, "/echo/a")
            #expect(plain["access-control-allow-origin"] == nil)
        }
    }

    @Test("R15 one answer that does not end too many is refused, and each ends with its reader")
    func endlessAnswersAreFew() async throws {
        let connections = Connections(countMax: 100, endlessMax: 2)
        try await withServer(Self.routes, connections: connections) { server async throws in
            let text = Array(TestServer.text(.get, "/endless").utf8)
            var readers: [RawSocket] = []
            for _ in 0..<2 {
                readers.append(
                    try await offLoop {
                        let socket = try RawSocket(port: server.port)
                        try socket.write(text)
                        var seen: [UInt8] = []
                        while seen.firstRange(of: Array("hello".utf8)) == nil {
                            guard let part = socket.read() else {
                                throw SocketFault(what: "it ended")
                            }
                            seen += part
                        }
                        return socket
                    })
            }
            #expect(try await server.request(.get, "/endless").status == 503)
            readers.removeAll()
            var status = 503
            for _ in 0..<200 where status == 503 {
                status = try await offLoop {
                    let socket = try RawSocket(port: server.port)
                    try socket.write(text)
                    let head = String(decoding: socket.read() ?? [], as: UTF8.self)
                    return head.hasPrefix("HTTP/1.1 200") ? 200 : 503
                }
                if status == 503 { try await Task.sleep(for: .milliseconds(10)) }
            }
            #expect(status == 200)
        }
    }
}

private func ownNiceness() -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

/// Without the flag that says what becomes of threads that it starts.
private func ownPolicy() -> Int32 { sched_getscheduler(0) & 0xFF }

/// What it is on a thread that the calling one starts.
private func onNewThread(_ body: @escaping @Sendable () -> Int32) -> Int32 {
    final class Found: Sendable {
        let value = Mutex<Int32>(-1)
        let isThere = DispatchSemaphore(value: 0)
    }
    let found = Found()
    Thread.detachNewThread {
        found.value.withLock { $0 = body() }
        found.isThere.signal()
    }
    found.isThere.wait()
    return found.value.withLock { $0 }
}
