import Foundation

/// transmission-daemon, told what to do by transmission-remote.
struct TransmissionClient: Client {
    let child: Child
    private let host: Host

    /// - Parameters:
    ///   - more: settings that differ from those of a client that keeps to itself.
    ///   - nodes: DHT nodes to begin with, a host and a port each.
    init(
        _ order: Order, settings more: [String: any Sendable] = [:],
        nodes: [(host: String, port: UInt16)] = []
    ) async throws {
        host = order.host
        let home = try order.arena.makeFolder("transmission")
        var settings: [String: Any] = [
            "download-dir": order.folder.path, "peer-port": 51413, "rpc-port": 9091,
            "rpc-bind-address": "127.0.0.1", "rpc-whitelist-enabled": false,
            "rpc-authentication-required": false, "dht-enabled": false, "lpd-enabled": false,
            "utp-enabled": false, "port-forwarding-enabled": false, "preallocation": 0,
            "message-level": 2, "umask": 0,
        ]
        settings.merge(more) { $1 }
        try JSONSerialization.data(withJSONObject: settings)
            .write(to: home.appending(path: "settings.json"))
        let known = nodes.map { "\($0.host) \($0.port)\n" }.joined()
        try Data(known.utf8).write(to: home.appending(path: "dht.bootstrap"))
        child = try order.start(
            .transmission, ["transmission-daemon", "-f", "-g", home.path],
            environment: ["TRANSMISSION_HOME": home.path])
        let client = self
        try await eventually("transmission takes the torrent", within: .seconds(60)) {
            (try? await client.add(order.source, folder: order.folder)) != nil
        }
    }

    /// Takes part in one more torrent.
    func add(_ source: String, folder: URL) async throws {
        _ = try await remote(["-a", source, "-w", folder.path])
    }

    func isComplete() async throws -> Bool {
        let info = try await remote(["-t", "all", "-i"])
        return info.contains("Percent Done: 100%") && !info.contains("State: Verifying")
    }

    func complaints() async throws -> [String] {
        let info = try await remote(["-t", "all", "-i"])
        let corrupt = info.split(separator: "\n").map { $0.trimmingPrefix { $0 == " " } }
            .filter { $0.hasPrefix("Corrupt DL:") && !$0.hasSuffix("None") }
            .map { "Transmission: \($0)" }
        return corrupt + lines(with: ["failed its checksum", "banned", "banning"])
    }

    private func remote(_ arguments: [String]) async throws -> String {
        try await host.run(["transmission-remote", "127.0.0.1:9091"] + arguments)
    }
}
