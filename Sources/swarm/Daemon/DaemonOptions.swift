import ArgumentParser
import FoundationEssentials
import Glibc
import Seedbox
import Terminal
import Units

/// How to reach the daemon.
struct DaemonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the daemon listens; its socket if it has made one, or else as this user's "
                + "config.toml says, or 127.0.0.1:9091, unless given.", valueName: "host:port"),
        transform: APIAddress.init(_:))
    var api: APIAddress?

    @Option(
        help: ArgumentHelp(
            "The Unix socket at which the daemon listens, instead of an address.",
            valueName: "path"),
        completion: .file())
    var apiSocket: String?

    @Option(
        help: ArgumentHelp(
            "A file that has the token to show to the daemon. A password is taken from "
                + "SWARM_PASSWORD.", valueName: "file"),
        completion: .file())
    var tokenFile: String?

    func client(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(Failure) -> APIClient {
        let credential = try credential(environment: environment)
        if let api, apiSocket == nil {
            return APIClient(
                place: .host(api.place), basePath: api.basePath, credential: credential)
        }
        let configured = Self.configured(environment: environment)
        return APIClient(
            place: apiSocket.map(APIPlace.socket) ?? place(configured, environment: environment),
            basePath: configured.basePath, credential: credential)
    }

    func daemon() throws(Failure) -> Daemon { Daemon(client: try client()) }

    private func place(
        _ configured: Settings.API, environment: [String: String]
    ) -> APIPlace {
        let sockets =
            [configured.socket].compactMap(\.self) + Self.usualSockets(environment: environment)
        if let found = sockets.first(where: isSocket) { return .socket(found) }
        guard let listen = configured.listen, listen.port > 0 else {
            return .host(HostPort(host: "127.0.0.1", port: 9_091))
        }
        // Every address is no address to dial.
        let near = ["0.0.0.0": "127.0.0.1", "::": "::1"]
        return .host(HostPort(host: near[listen.host] ?? listen.host, port: listen.port))
    }

    /// What this user's file tells a daemon; what is wrong with it is for the daemon to say.
    private static func configured(environment: [String: String]) -> Settings.API {
        var sources = SettingsSources()
        sources.file = SettingsSources.standardFile(environment)
        // What the environment says of the daemon came as options.
        sources.environment = environment.filter { !$0.key.hasPrefix("SWARM_") }
        return (try? sources.load())?.settings.api ?? Settings.API()
    }

    /// Where sockets are put by custom: that of this user first.
    static func usualSockets(environment: [String: String]) -> [String] {
        var folders: [String] = []
        if let folder = environment["XDG_RUNTIME_DIR"], folder.hasPrefix("/") {
            folders.append(folder + "/swarm")
        }
        if let folder = try? stateFolder(nil, environment: environment) { folders.append(folder) }
        return (folders + ["/run/swarm"]).map { $0 + "/api.sock" }
    }

    private func isSocket(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }

    private func credential(
        environment: [String: String]
    ) throws(Failure) -> APIClient.Credential? {
        if let tokenFile { return .token(try Self.token(from: tokenFile)) }
        return environment["SWARM_PASSWORD"].flatMap { $0.isEmpty ? nil : .password($0) }
    }

    /// The first line of the file.
    private static func token(from path: String) throws(Failure) -> String {
        let bytes = try ManifestFiles.bytes(of: .file(path))
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard !line.isEmpty, line.count <= Limits.tokenBytesMax,
            line.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw Failure(
                .badConfiguration, path, "holds no token", remedy: "put it alone on its first line")
        }
        return String(decoding: line, as: UTF8.self)
    }
}

/// An address, with the path behind which a proxy or the daemon's settings put the API, if there is
/// one: `127.0.0.1:9091/swarm`.
struct APIAddress: Equatable, Sendable {
    let place: HostPort
    let basePath: String

    init(_ text: String) throws(ValueFault) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        place = try HostPort(String(parts[0]))
        var path = parts.count > 1 ? parts[1] : ""
        while path.last == "/" { path.removeLast() }
        // Nothing that would end the line of a request.
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .notAHostAndPort
        }
        basePath = path.isEmpty ? "" : "/" + path
    }
}
