import ArgumentParser
import FoundationEssentials
import Glibc
import Terminal
import Units

/// How to reach the daemon.
struct DaemonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the daemon listens; its socket if it has made one, or else 127.0.0.1:9091, "
                + "unless given.", valueName: "host:port"),
        transform: HostPort.init(_:))
    var api: HostPort?

    @Option(
        help: ArgumentHelp("The Unix socket at which the daemon listens.", valueName: "path"),
        completion: .file())
    var apiSocket: String?

    @Option(
        help: ArgumentHelp(
            "A file that has the token to show to the daemon. A password is taken from "
                + "SWARM_PASSWORD.", valueName: "file"),
        completion: .file())
    var tokenFile: String?

    func validate() throws {
        if api != nil, apiSocket != nil {
            throw ValidationError("--api and --api-socket name two places; leave one out")
        }
    }

    func client(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(Failure) -> APIClient {
        APIClient(
            place: place(environment: environment),
            credential: try credential(environment: environment))
    }

    func daemon() throws(Failure) -> Daemon { Daemon(client: try client()) }

    private func place(environment: [String: String]) -> APIPlace {
        if let apiSocket { return .socket(apiSocket) }
        if let api { return .host(api) }
        let found = Self.usualSockets(environment: environment).first { isSocket($0) }
        return found.map(APIPlace.socket) ?? .host(HostPort(host: "127.0.0.1", port: 9_091))
    }

    /// Where a daemon makes its socket unless it is told otherwise: that of this user first.
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
