import Foundation
import Synchronization

/// A private DHT in one address family: some nodes of ours, and a machine to ask from.
final class DHTGround {
    enum Family: String, CaseIterable, Sendable {
        case ipv4, ipv6
    }

    /// A machine, and its address in the DHT's family.
    struct Place: Sendable {
        let host: Host
        let address: String

        func endpoint(_ port: UInt16) -> String {
            address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
        }
    }

    let family: Family
    let arena: Arena
    let asker: Place
    /// Nodes that newcomers are told of.
    var nodes: [(host: String, port: UInt16)] = []
    private var count = 0

    init(_ family: Family, in arena: Arena) async throws {
        self.family = family
        self.arena = arena
        asker = try await Self.place(family, number: 1, in: arena)
        count = 1
    }

    /// One more machine.
    func addPlace() async throws -> Place {
        count += 1
        return try await Self.place(family, number: count, in: arena)
    }

    /// In IPv6 a machine has a network of its own, as nodes keep few of each; and an address that
    /// looks public, without which Transmission uses no IPv6.
    private static func place(_ family: Family, number: Int, in arena: Arena) async throws -> Place
    {
        let host = try await arena.network.addHost()
        guard family == .ipv6 else { return Place(host: host, address: host.ipv4) }
        let address = "2001:db8:1:\(number)::1"
        try await host.run(
            ["ip", "-6", "addr", "add", "\(address)/64", "dev", "eth0", "nodad"])
        try await host.run(["ip", "-6", "route", "add", "default", "dev", "eth0"])
        return Place(host: host, address: address)
    }

    /// Starts nodes of ours on one machine, each with an address of its own.
    func startNodes(_ wanted: Int) async throws {
        let host = try await addPlace().host
        let addresses = (1...wanted).map {
            family == .ipv4 ? "10.77.1.\($0)" : "2001:db8:2:\($0)::1"
        }
        nodes = addresses.map { ($0, 6881) }
        for (number, address) in addresses.enumerated() {
            let words =
                family == .ipv4
                ? ["ip", "addr", "add", "\(address)/32", "dev", "eth0"]
                : ["ip", "-6", "addr", "add", "\(address)/64", "dev", "eth0", "nodad"]
            try await host.run(words)
            // The first begins with the second, so that none looks for the public network.
            let first = Place(host: host, address: addresses[number == 0 ? wanted - 1 : 0])
            let child = try arena.start(
                "node", on: host,
                [
                    SwarmClient.program, "dht", "node", "--bind", address, "--json",
                    "--state-dir", arena.makeFolder("node").path, "--dht-bootstrap",
                    first.endpoint(6881),
                ])
            try await eventually("a node has started", within: .seconds(60)) {
                child.output.contains(#""event":"started""#)
            }
        }
        for address in addresses where wanted > 1 {
            let place = Place(host: host, address: address)
            try await eventually("\(address) answers", within: .seconds(60)) {
                try await ask(["ping", place.endpoint(6881)]) != nil
            }
        }
    }

    // MARK: Questions

    /// What a command of `swarm dht` prints, run on the asker's machine; nil if it fails.
    func ask(_ words: [String]) async throws -> [String: Any]? {
        let known = nodes.prefix(2).flatMap { node in
            [
                "--dht-bootstrap",
                node.host.contains(":")
                    ? "[\(node.host)]:\(node.port)" : "\(node.host):\(node.port)",
            ]
        }
        let more = words.first == "ping" ? [] : known
        let printed = try? await asker.host.run(
            [SwarmClient.program, "dht"] + words + ["--json", "--bind", asker.address] + more)
        guard let line = printed?.split(separator: "\n").last else { return nil }
        return try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    }

    func peers(of infoHash: String) async throws -> [String] {
        try await ask(["get-peers", infoHash])?["peers"] as? [String] ?? []
    }

    /// Announces the asker's machine.
    func announce(_ infoHash: String, port: UInt16) async throws {
        try await eventually("somebody takes the announce", within: .seconds(60)) {
            let answer = try await ask(["announce", infoHash, "--peer-port", "\(port)"])
            return (answer?["stored"] as? Int ?? 0) > 0
        }
    }

    /// A small torrent of one file with this name.
    func makeTorrent(_ name: String) async throws -> Torrent {
        let folder = try arena.makeFolder(name)
        try Data(name.utf8).write(to: folder.appending(path: name))
        return try await SwarmClient.create(
            .v1, of: Content(folder: folder, name: name), tracker: "http://192.0.2.1/announce",
            in: arena)
    }
}

/// A DHT node of libtorrent's, on a machine of its own.
struct LibtorrentNode {
    let place: DHTGround.Place
    private let child: Child
    private let commands: URL

    init(_ ground: DHTGround) async throws {
        let place = try await ground.addPlace()
        self.place = place
        let commands = try ground.arena.makeFolder("commands").appending(path: "commands")
        self.commands = commands
        try Data().write(to: commands)
        let known = ground.nodes.first.map { node in
            DHTGround.Place(host: place.host, address: node.host).endpoint(node.port)
        }
        let child = try ground.arena.start(
            "libtorrent", on: place.host,
            LibtorrentClient.command(
                [
                    place.address.contains(":") ? "[\(place.address)]" : place.address, "6881",
                    known ?? "", commands.path,
                ], script: "lt_dht.py"))
        self.child = child
        let word = known == nil ? "ready" : "bootstrapped"
        try await eventually("libtorrent has \(word)", within: .seconds(60)) {
            child.output.contains(word)
        }
    }

    /// Gives the script a command.
    func tell(_ words: String...) throws {
        let file = try FileHandle(forWritingTo: commands)
        defer { try? file.close() }
        try file.seekToEnd()
        try file.write(contentsOf: Data((words.joined(separator: " ") + "\n").utf8))
    }

    var events: [[String: Any]] {
        child.output.split(separator: "\n").compactMap { line in
            try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        }
    }
}

/// Accepts TCP connections, and tells whose they were.
struct Listener: CustomStringConvertible {
    let description: String
    private let child: Child

    init(at place: DHTGround.Place, port: UInt16, in arena: Arena) async throws {
        description = place.endpoint(port)
        let script = """
            import socket, sys
            address, port = sys.argv[1:]
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = socket.create_server((address, int(port)), family=family)
            print("ready", flush=True)
            while True:
                connection, caller = server.accept()
                print(caller[0], flush=True)
                connection.close()
            """
        let child = try arena.start(
            "listener", on: place.host,
            ["/usr/bin/python3", "-c", script, place.address, "\(port)"])
        self.child = child
        try await eventually("somebody listens", within: .seconds(60)) {
            child.output.contains("ready")
        }
    }

    var callers: [String] { child.output.split(separator: "\n").map(String.init) }
}
