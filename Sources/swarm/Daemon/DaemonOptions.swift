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
            "Where the daemon listens; its socket if it has made one, or else as the file "
                + "of settings says, or 127.0.0.1:9091, unless given.", valueName: "host:port"),
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
        _ places: PlaceOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(Failure) -> APIClient {
        let credential = try credential(environment: environment)
        if let api, apiSocket == nil {
            return APIClient(
                place: .host(api.place), basePath: api.basePath, credential: credential)
        }
        let configured = try Self.configured(places, environment: environment)
        return APIClient(
            place: apiSocket.map(APIPlace.socket)
                ?? place(configured, places, environment: environment),
            basePath: configured.settings.api.basePath, credential: credential)
    }

    func daemon(_ places: PlaceOptions) throws(Failure) -> Daemon {
        Daemon(client: try client(places))
    }

    /// The first socket that is there, or else the address of the same settings. Where that daemon
    /// is gone, those behind it are another's, and its torrents have the same numbers.
    private func place(
        _ loaded: LoadedSettings, _ places: PlaceOptions, environment: [String: String]
    ) -> APIPlace {
        let configured = loaded.settings.api
        let sockets = Self.sockets(loaded, places, environment: environment)
        let there = sockets.first(where: isSocket)
        if let there, Self.isAnswered(there) { return .socket(there) }
        guard let listen = configured.listen, listen.port > 0 else {
            // That nobody answers there is what has to be said.
            return there.map(APIPlace.socket) ?? .host(HostPort(host: "127.0.0.1", port: 9_091))
        }
        // Every address is no address to dial.
        let near = ["0.0.0.0": "127.0.0.1", "::": "::1"]
        return .host(HostPort(host: near[listen.host] ?? listen.host, port: listen.port))
    }

    /// What the file tells a daemon. With a mistake in it nobody knows where that is.
    private static func configured(
        _ places: PlaceOptions, environment: [String: String]
    ) throws(Failure) -> LoadedSettings {
        // What the environment says of the daemon came as options.
        let sources = places.sources(environment.filter { !$0.key.hasPrefix("SWARM_") })
        do throws(SettingsError) { return try sources.load(isWhole: false) } catch {
            throw Failure(error)
        }
    }

    /// Where the daemon may have made its socket.
    private static func sockets(
        _ loaded: LoadedSettings, _ places: PlaceOptions, environment: [String: String]
    ) -> [String] {
        let says = { (name: String) in
            SettingKey.named(name).map { loaded.origin(of: $0) != .program } == true
        }
        // Who names a file means its daemon, and not whichever listens where all of them would.
        let isOfOneDaemon =
            places.config != nil && (says("api.socket") || says("api.listen"))
        if isOfOneDaemon, !says("api.socket") { return [] }
        let own = [loaded.settings.api.socket].compactMap(\.self)
        return isOfOneDaemon ? own : own + usualSockets(places, environment: environment)
    }

    /// Where sockets are put by custom: that of this user first.
    private static func usualSockets(
        _ places: PlaceOptions, environment: [String: String]
    ) -> [String] {
        var folders: [String] = []
        if let folder = environment["XDG_RUNTIME_DIR"], folder.hasPrefix("/") {
            folders.append(folder + "/swarm")
        }
        if let folder = try? places.stateFolder(environment: environment) { folders.append(folder) }
        return (folders + ["/run/swarm"]).map { $0 + "/api.sock" }
    }

    /// A daemon that was killed leaves a socket at which nobody answers.
    private static func isAnswered(_ path: String) -> Bool {
        do throws(APIConnection.Fault) {
            _ = try APIConnection(to: .socket(path))
            return true
        } catch {
            return ![.unreachable(errno: ECONNREFUSED), .unreachable(errno: ENOENT)].contains(error)
        }
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
