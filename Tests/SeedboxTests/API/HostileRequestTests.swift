import HTTPTypes
import JSONText
import Synchronization
import Testing

@testable import Seedbox

/// What must hold for every route, whatever it does: each is asked, with its work taken out and a
/// wire put in its place that must not be touched.
@Suite struct HostileRequestTests {
    /// Calls that got through to a handler.
    private final class Tripwire: Sendable {
        let calls = Mutex<[String]>([])

        func routes(_ routes: [Route]) -> [Route] {
            routes.map { route in
                var armed = route
                armed.handler = { call in
                    self.calls.withLock { $0.append("\(call.method) \(call.path)") }
                    return .text("reached")
                }
                return armed
            }
        }

        var touched: [String] { calls.withLock(\.self) }
    }

    private func withTripwire(
        _ settings: Settings.API = Settings.API(), connections: Connections = Connections(),
        _ body: @Sendable @escaping (TestServer, [Route], Tripwire) async throws -> Void
    ) async throws {
        try await withAllRoutes { routes, _ in
            let wire = Tripwire()
            try await withServer(wire.routes(routes), settings, connections: connections) {
                server async throws in
                try await body(server, routes, wire)
            }
        }
    }

    private static let json = ("Content-Type", "application/json")

    @Test("R1 a foreign Host is refused on every route") func foreignHosts() async throws {
        try await withTripwire { server, routes, wire in
            for route in routes {
                let body = route.takesBody ? "{}" : nil
                for host in [
                    "evil.example", "evil.example:9091", "127.0.0.1.evil.example", "",
                    "localhost.evil.example", "localhost@evil.example", "[::1", "localhost:x",
                ] {
                    let answer = try await server.request(
                        route.method, route.example, host: host, [Self.json], body: body)
                    #expect(answer.status == 421, "\(route.title) at '\(host)'")
                }
                let twice = try await server.request(
                    route.method, route.example, [("Host", "evil.example"), Self.json], body: body)
                #expect([400, 421].contains(twice.status), "\(route.title) with two hosts")
                let none = try await server.send(
                    "\(route.method.rawValue) \(route.example) HTTP/1.1\r\n\r\n")
                #expect([400, 421].contains(none.status), "\(route.title) without one")
            }
            #expect(wire.touched.isEmpty)
        }
    }

    @Test func ourOwnNamesAreTaken() async throws {
        var settings = Settings.API()
        settings.allowedHosts = ["box.example", "*.home.example"]
        try await withTripwire(settings) { server, _, _ in
            for host in [
                "localhost", "LOCALHOST:9091", "127.0.0.1", "192.0.2.7:80", "[::1]:9091",
                "[2001:db8::1]", "box.example", "Box.Example.", "a.home.example:9091",
            ] {
                let answer = try await server.request(.get, "/healthz", host: host)
                #expect(answer.status == 200, "\(host)")
            }
            for host in ["home.example", "xhome.example", "evil.box.example"] {
                #expect(try await server.request(.get, "/healthz", host: host).status == 421)
            }
        }
    }

    @Test("R2 what another site's page makes a browser send is refused on every route")
    func crossSite() async throws {
        try await withTripwire { server, routes, wire in
            for route in routes {
                let body = route.takesBody ? "{}" : nil
                let origin = "http://127.0.0.1:\(server.port)"
                for fields in [
                    [("Origin", "http://evil.example")], [("Origin", "null")],
                    [("Origin", "https://127.0.0.1.evil.example")], [("Origin", origin + "0")],
                    [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
                    [("Sec-Fetch-Site", "junk")],
                    [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")],
                ] {
                    let answer = try await server.request(
                        route.method, route.example, host: "127.0.0.1:\(server.port)",
                        fields + [Self.json], body: body)
                    #expect(answer.status == 403, "\(route.title) \(fields)")
                    #expect(answer["access-control-allow-origin"] == nil)
                }
                guard route.method != .get, route.forgeryGuard == .header else { continue }
                for type in [
                    "text/plain", "Text/Plain; charset=utf-8", "multipart/form-data; boundary=x",
                    "application/x-www-form-urlencoded", "", ";application/json",
                ] {
                    let answer = try await server.request(
                        route.method, route.example, [("Content-Type", type)], body: "{}")
                    #expect(answer.status == 403, "\(route.title) as \(type)")
                }
                let bare = try await server.request(route.method, route.example, body: "{}")
                #expect(bare.status == 403, "\(route.title) without a type")
            }
            #expect(wire.touched.isEmpty)
        }
    }

    @Test("R3 no route but those for anybody answers without a password")
    func withoutPassword() async throws {
        var settings = Settings.API()
        settings.password = "a password"
        try await withTripwire(settings) { server, routes, wire in
            var open = 0
            for route in routes {
                let answer = try await server.request(
                    route.method, route.example, [Self.json], body: route.takesBody ? "{}" : nil)
                if route.scope == .open {
                    open += 1
                    #expect(answer.status == 200, "\(route.title)")
                } else {
                    #expect(answer.status == 401, "\(route.title)")
                    #expect(answer["www-authenticate"] != nil)
                }
            }
            #expect(wire.touched.count == open)
        }
    }

    @Test("R4 after a thousand wrong passwords no route listens to that address, wherever it asks")
    func guessing() async throws {
        var settings = Settings.API()
        settings.password = "right"
        try await withTripwire(settings) { server, routes, _ in
            let closed = routes.filter { $0.scope > .open }
            var statuses: [Int: Int] = [:]
            for guess in 0..<1_000 {
                let route = closed[guess % closed.count]
                let answer = try await server.request(
                    route.method, route.example,
                    [("Authorization", "Bearer guess-\(guess)"), Self.json],
                    body: route.takesBody ? "{}" : nil)
                statuses[answer.status, default: 0] += 1
            }
            #expect((statuses[401] ?? 0) <= Limits.failuresMax)
            #expect((statuses[401] ?? 0) + (statuses[429] ?? 0) == 1_000)
            #expect(server.authority.passwordCheckCount == 0)
            for route in closed {
                let answer = try await server.request(
                    route.method, route.example,
                    [("Authorization", "Basic bWU6cmlnaHQ="), Self.json],
                    body: route.takesBody ? "{}" : nil)
                #expect(answer.status == 429, "\(route.title)")
                #expect(answer["retry-after"] != nil)
            }
        }
    }

    @Test("R5 bodies, heads and ambiguities beyond their bounds are refused on every route")
    func sizes() async throws {
        try await withTripwire { server, routes, wire in
            for route in routes {
                let start =
                    "\(route.method.rawValue) \(route.example) HTTP/1.1\r\n"
                    + "Host: localhost\r\nContent-Type: application/json\r\n"
                let large = try await server.send(start + "Content-Length: 1073741824\r\n\r\n{")
                #expect(large.status == 413, "\(route.title)")
                let over = try await server.send(
                    start + "Content-Length: \(route.bodyBytesMax + 1)\r\n\r\n")
                #expect(over.status == 413, "\(route.title)")
                for ambiguous in [
                    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
                    "Transfer-Encoding: x\r\n\r\n{}", "Content-Length: -1\r\n\r\n",
                    "Content-Length: +2\r\n\r\n{}", "Content-Length : 2\r\n\r\n{}",
                    "Content-Length: 99999999999999999999\r\n\r\n", "A: \(zeros(9 << 10))\r\n\r\n",
                    "A: b\nGET / HTTP/1.1\r\n\r\n\0",
                ] {
                    let answer = try await server.send(start + ambiguous)
                    #expect(
                        [400, 413, 431, 501].contains(answer.status),
                        "\(route.title) \(ambiguous.prefix(60))")
                }
            }
            #expect(wire.touched.isEmpty)
        }
    }

    private func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }

    @Test("R5 a body of chunks that goes on is cut off") func endlessChunks() async throws {
        try await withTripwire { server, routes, wire in
            for route in routes where route.bodyBytesMax <= Limits.bodyBytesMax {
                let status = try await offLoop {
                    let socket = try RawSocket(port: server.port)
                    try socket.write(
                        Array(
                            ("\(route.method.rawValue) \(route.example) HTTP/1.1\r\n"
                                + "Host: localhost\r\nContent-Type: application/json\r\n"
                                + "Transfer-Encoding: chunked\r\n\r\n").utf8))
                    let chunk =
                        Array("10000\r\n".utf8) + [UInt8](repeating: 0x20, count: 65_536)
                        + Array("\r\n".utf8)
                    for _ in 0..<64 where (try? socket.write(chunk)) == nil { break }
                    return (try? socket.readAnswer().status) ?? 413
                }
                #expect(status == 413, "\(route.title)")
            }
            #expect(wire.touched.isEmpty)
        }
    }

    @Test("R5 whoever keeps connections idle shuts nobody out") func idleConnections() async throws
    {
        let connections = Connections(countMax: 16)
        try await withTripwire(connections: connections) { server, _, _ in
            let idle = try await offLoop {
                try (0..<200).map { _ in try RawSocket(port: server.port) }
            }
            for _ in 0..<10 {
                #expect(try await server.request(.get, "/healthz").status == 200)
                #expect(server.connections.count <= 16)
            }
            withExtendedLifetime(idle) {}
        }
    }

    @Test("R11 what leads out of a path leads nowhere, on every route") func paths() async throws {
        try await withTripwire { server, routes, wire in
            for route in routes {
                let base = route.example == "/" ? "/x" : route.example
                for tail in [
                    "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/../../etc/passwd",
                    "%5c..%5cetc", "%00", "%00.html", "%252e%252e%252fetc", "/%252e%252e", "/..",
                    "//", "/.", "%2f", "%ff", "%",
                ] {
                    let answer = try await server.request(
                        route.method, base + tail, [Self.json], body: route.takesBody ? "{}" : nil)
                    #expect(answer.status == 404, "\(route.title) \(tail)")
                }
            }
            #expect(wire.touched.isEmpty)
        }
    }

    @Test("R14 every answer keeps a browser from doing more with it than show it")
    func headers() async throws {
        try await withTripwire { server, routes, _ in
            for route in routes {
                for host in ["localhost", "evil.example"] {
                    let answer = try await server.request(
                        route.method, route.example, host: host, [Self.json],
                        body: route.takesBody ? "{}" : nil)
                    #expect(answer.status == (host == "localhost" ? 200 : 421))
                    let policy = answer["content-security-policy"] ?? ""
                    #expect(policy.hasPrefix("default-src 'self'; frame-ancestors 'none'"))
                    #expect(!policy.contains("unsafe"))
                    #expect(answer["x-content-type-options"] == "nosniff")
                    #expect(answer["referrer-policy"] == "no-referrer")
                    #expect(answer["x-frame-options"] == "DENY")
                }
            }
        }
    }
}

extension Route {
    var title: String { "\(method.rawValue) \(pattern)" }
    var takesBody: Bool { method != .get && method != .head }

    /// Its path, with something in the place of each parameter.
    var example: String {
        pattern.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("{") ? "1" : String($0) }.joined(separator: "/")
    }
}
