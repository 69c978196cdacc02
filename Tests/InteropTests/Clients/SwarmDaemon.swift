import Foundation

/// `swarm daemon` on a machine of its own, as other programs drive it.
struct SwarmDaemon: Sendable {
    static let port = 9091

    let child: Child
    let host: Host
    /// Where content goes, and all that it may write to.
    let downloads: URL

    /// - Parameter downloads: a folder with content that is there already.
    init(
        in arena: Arena, downloads: URL? = nil, more: [String] = [],
        environment: [String: String] = [:]
    ) async throws {
        self.downloads = try downloads ?? arena.makeFolder("downloads")
        host = try await arena.network.addHost()
        child = try arena.start(
            "swarm-daemon", on: host,
            [
                SwarmClient.program, "daemon", "--no-config", "--state-dir",
                try arena.makeFolder("state").path, "--download-dir", self.downloads.path,
                "--api", "127.0.0.1:\(Self.port)", "--port", "6881", "--no-dht", "--no-lsd",
            ] + more, environment: environment)
        let daemon = self
        try await eventually("swarm daemon answers", within: .seconds(60)) {
            if let ended = daemon.child.ended { throw GroundError("swarm daemon ended: \(ended)") }
            return (try? await daemon.remote(["-si"])) != nil
        }
    }

    /// What Debian's transmission-remote prints.
    @discardableResult
    func remote(_ arguments: [String]) async throws -> String {
        try await host.run(["transmission-remote", "127.0.0.1:\(Self.port)"] + arguments)
    }

    /// What a script of ours prints that plays another program.
    func play(_ script: String, _ arguments: [String], with python: String) async throws -> String {
        try await host.run(
            [python, "-B", "-W", "ignore", Self.support(script).path] + arguments,
            within: .seconds(120))
    }

    static var rpc: String { "http://127.0.0.1:\(port)/transmission/rpc" }

    /// PyPI's transmission-rpc is in an environment of its own; nil if it could not be installed.
    static let transmissionRPC: String? = {
        let python = root.appending(path: ".build-tools/transmission-rpc/bin/python").path
        return FileManager.default.isExecutableFile(atPath: python) ? python : nil
    }()

    private static let tests = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let root = tests.deletingLastPathComponent().deletingLastPathComponent()

    private static func support(_ script: String) -> URL {
        tests.appending(path: "Support/\(script)")
    }
}
