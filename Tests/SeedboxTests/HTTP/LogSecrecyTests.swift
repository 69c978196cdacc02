import HTTPTypes
import Logging
import Synchronization
import Testing

@testable import Seedbox

/// What the server writes to the log, whatever it is sent.
@Suite struct LogSecrecyTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private struct Keeper: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = "\(event.message) \(event.metadata ?? [:])"
            lines.all.withLock { $0.append(line) }
        }
    }

    @Test("R16 neither tokens nor passwords, queries nor bodies are in the log")
    func secretsStayOut() async throws {
        let lines = Lines()
        var settings = Settings.API()
        settings.password = "pass-s3cr3t"
        var token = Settings.Token(name: "reader")
        token.token = "token-s3cr3t"
        settings.tokens = [token]
        let wanted = settings
        let logger = Logger(label: "test") { _ in Keeper(lines: lines) }
        try await withServer(HTTPServerTests.routes, wanted, logger: logger) {
            server async throws in
            for shown in [
                "Bearer token-s3cr3t", "Bearer guess-s3cr3t", "Basic bWU6cGFzcy1zM2NyM3Q=",
                "s3cr3t",
            ] {
                let fields = [("Authorization", shown), ("Content-Type", "application/json")]
                _ = try await server.request(.get, "/echo/s3cr3t?key=s3cr3t", fields)
                _ = try await server.request(.post, "/echo/a", fields, body: "s3cr3t")
            }
            _ = try await server.request(.get, "/open", host: "evil.example\u{1B}[2J")
            for number in 0..<200 {
                _ = try await server.request(.get, "/open", host: "evil\(number).example")
            }
        }
        let written = lines.all.withLock(\.self)
        #expect(written.contains { $0.contains("answered") })
        #expect(written.contains { $0.contains("evil7.example") })
        for line in written {
            for secret in ["s3cr3t", "bWU6cGFzcy1zM2NyM3Q", "\u{1B}"] {
                #expect(!line.contains(secret), "\(line)")
            }
        }
        // A stranger cannot fill the log with names.
        #expect(written.count { $0.contains("evil") } <= Limits.refusedHostsMax)
    }
}
