import Foundation

/// `swarm daemon` on a machine of its own, as other programs drive it.
struct SwarmDaemon: Sendable {
    static let port = 9091

    let child: Child
    let host: Host
    /// Where content goes, and all that it may write to.
    let downloads: URL
    let state: URL
    /// What it answers at its socket, which can be reached from all machines of the test.
    let api: LocalAPI

    /// Starts it. It may not listen yet.
    ///
    /// - Parameters:
    ///   - host: a machine that is there already.
    ///   - downloads: a folder with content that is there already.
    ///   - state: the folder of an earlier run.
    ///   - settings: the text of its file of settings.
    ///   - launcher: a command that starts the one that follows it.
    init(
        startingIn arena: Arena, on host: Host? = nil, downloads: URL? = nil, state: URL? = nil,
        settings: String? = nil, more: [String] = [], environment: [String: String] = [:],
        through launcher: [String] = []
    ) async throws {
        self.downloads = try downloads ?? arena.makeFolder("downloads")
        self.state = try state ?? arena.makeFolder("state")
        let machine: Host
        if let host { machine = host } else { machine = try await arena.network.addHost() }
        self.host = machine
        api = LocalAPI(path: self.state.path + "/api.sock")
        var configuration = ["--no-config"]
        if let settings {
            let file = try arena.makeFolder("settings").appending(path: "config.toml")
            try Data(settings.utf8).write(to: file)
            configuration = ["--config", file.path]
        }
        child = try arena.start(
            "swarm-daemon", on: machine,
            launcher + [SwarmClient.program, "daemon"] + configuration + [
                "--state-dir", self.state.path, "--download-dir", self.downloads.path, "--api",
                "127.0.0.1:\(Self.port)",
                "--api-socket", api.path, "--port", "6881", "--no-dht", "--no-lsd",
            ] + more, environment: environment)
    }

    /// Starts it, and waits until it answers.
    init(
        in arena: Arena, on host: Host? = nil, downloads: URL? = nil, state: URL? = nil,
        settings: String? = nil, more: [String] = [], environment: [String: String] = [:],
        through launcher: [String] = []
    ) async throws {
        try await self.init(
            startingIn: arena, on: host, downloads: downloads, state: state, settings: settings,
            more: more, environment: environment, through: launcher)
        try await answers()
    }

    /// Waits until it answers.
    func answers(within limit: Duration = .seconds(60)) async throws {
        try await eventually("swarm daemon answers", within: limit, every: .milliseconds(20)) {
            if let ended = child.ended { throw GroundError("swarm daemon ended: \(ended)") }
            return (try? await api.ask("GET", "/session")) != nil
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
