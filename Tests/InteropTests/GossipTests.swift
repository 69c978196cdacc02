import Foundation
import Testing

/// Peers that are found without a tracker and without the DHT: in the neighbourhood, and by word
/// of mouth.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct GossipTests {
    // MARK: The local network (BEP 14)

    /// Who seeds is there first. The one that comes later announces itself, and the first hears
    /// that and dials.
    struct Neighbours: Sendable, CustomTestStringConvertible {
        let seed: ClientKind
        let leech: ClientKind
        var isIPv6 = false
        /// The leecher knows the magnet link only.
        var byMagnet = false

        var testDescription: String {
            "\(seed) hears \(leech)\(isIPv6 ? " over IPv6" : "")\(byMagnet ? " by magnet" : "")"
        }
    }

    private static let neighbours =
        [ClientKind.libtorrent, .transmission].flatMap {
            [Neighbours(seed: .swarm, leech: $0), Neighbours(seed: $0, leech: .swarm)]
        } + [
            Neighbours(seed: .swarm, leech: .swarm),
            Neighbours(seed: .swarm, leech: .swarm, isIPv6: true),
            Neighbours(seed: .swarm, leech: .swarm, byMagnet: true),
            Neighbours(seed: .libtorrent, leech: .swarm, byMagnet: true),
        ]

    @Test(.timeLimit(.minutes(20)), arguments: neighbours)
    func findsAndIsFoundInTheLocalNetwork(_ pair: Neighbours) async throws {
        try await Arena.with { arena in
            let content = try Content.make(.tree, in: arena.makeFolder("content"))
            let torrent = try await Self.torrent(of: content, in: arena)
            let seedOrder = try await Self.order(.seed, torrent, content.folder, arena)
            let seed = try await Self.neighbour(pair.seed, seedOrder, isIPv6: pair.isIPv6)
            try await eventually("the seed is ready", within: .seconds(60)) {
                try await seedOrder.host.accepts(port: pair.seed.port)
            }
            let folder = try arena.makeFolder("leech")
            let known = pair.byMagnet ? try await SwarmClient.magnet(of: torrent) : torrent
            let leech = try await Self.neighbour(
                pair.leech, Self.order(.leech, known, folder, arena), isIPv6: pair.isIPv6)
            try await leech.complete(within: .seconds(180))
            let complaints = try await seed.complaints() + leech.complaints()
            #expect(complaints == [])
            let wrong = try content.differences(
                from: folder, emptyFiles: pair.leech.makesEmptyFiles)
            #expect(wrong == [], "\(wrong.prefix(10))")
        }
    }

    private static func neighbour(
        _ kind: ClientKind, _ order: Order, isIPv6: Bool
    ) async throws -> any Client {
        switch kind {
        case .swarm:
            try SwarmClient(
                order, more: ["--no-trackers"] + (isIPv6 ? ["--bind", order.host.ipv6] : []),
                without: ["--no-dht", "--no-pex"])
        case .libtorrent: try LibtorrentClient(order, settings: ["enable_lsd": true])
        case .transmission: try await TransmissionClient(order, settings: ["lpd-enabled": true])
        case .aria2, .rtorrent: throw GroundError("\(kind) does not speak BEP 14")
        }
    }

    /// As when a cable is plugged in, or a laptop comes home.
    @Test(.timeLimit(.minutes(20)))
    func anInterfaceThatComesLaterIsAnnouncedOn() async throws {
        try await Arena.with { arena in
            let content = try Content.make(.tree, in: arena.makeFolder("content"))
            let torrent = try await Self.torrent(of: content, in: arena)
            let seedOrder = try await Self.order(.seed, torrent, content.folder, arena)
            _ = try await Self.neighbour(.swarm, seedOrder, isIPv6: false)
            let folder = try arena.makeFolder("leech")
            let order = try await Self.order(.leech, torrent, folder, arena)
            try await order.host.run(["ip", "address", "flush", "dev", "eth0"])
            let leech = try SwarmClient(
                order, more: ["--no-trackers"], without: ["--no-dht", "--no-pex"])
            try await eventually("the leech has begun", within: .seconds(60)) {
                !leech.events.isEmpty
            }
            try await order.host.run(
                ["ip", "address", "add", "\(order.host.ipv4)/24", "dev", "eth0"])
            try await leech.complete(within: .seconds(180))
            #expect(try content.differences(from: folder) == [])
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func aPrivateTorrentIsNotAnnouncedInTheLocalNetwork() async throws {
        try await Arena.with { arena in
            let folder = try arena.makeFolder("content")
            var torrents: [Torrent] = []
            for name in ["public", "private"] {
                try Data("\(name) content".utf8).write(to: folder.appending(path: name))
                let file = try arena.makeFolder("torrent").appending(path: "made.torrent").path
                try await run(
                    [
                        SwarmClient.program, "create", folder.appending(path: name).path,
                        "-o", file, "-t", "http://192.0.2.1/announce", "--quiet",
                    ] + (name == "private" ? ["--private"] : []))
                torrents.append(try await LibtorrentClient.read(file))
            }
            let listening = try await arena.network.addHost()
            let script = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "Support/lsd_listen.py").path
            let listener = try arena.start(
                "listener", on: listening, ["/usr/bin/python3", script, listening.ipv4])
            try await eventually("the listener is ready", within: .seconds(60)) {
                listener.output.contains("listening")
            }
            _ = try arena.start(
                "swarm-seed", on: try await arena.network.addHost(),
                [SwarmClient.program, "seed"] + torrents.map(\.source) + [
                    "--data", folder.path, "--no-trackers", "--no-dht", "--port", "6881",
                    "--state-dir", try arena.makeFolder("state").path,
                ])
            try await eventually("the public torrent is announced", within: .seconds(60)) {
                listener.output.contains("infohash: \(torrents[0].infoHashes[0])")
            }
            // Had it been announced, it would have shared the datagram.
            #expect(!listener.output.contains(torrents[1].infoHashes[0]))
            #expect(listener.output.contains("port: 6881"))
        }
    }

    // MARK: Peer exchange (BEP 11)

    /// The hub knows the seed, the leech knows the hub, and the hub gives next to nothing: the
    /// leech is complete only because it was told of the seed.
    struct Introduction: Sendable, CustomTestStringConvertible {
        let seed: ClientKind
        let hub: ClientKind
        let leech: ClientKind
        /// The leecher knows the magnet link only.
        var byMagnet = false

        var testDescription: String {
            "\(hub) tells \(leech) of \(seed)\(byMagnet ? " by magnet" : "")"
        }
    }

    private static let introductions = [
        Introduction(seed: .swarm, hub: .swarm, leech: .swarm),
        Introduction(seed: .libtorrent, hub: .swarm, leech: .libtorrent),
        Introduction(seed: .swarm, hub: .libtorrent, leech: .swarm),
        Introduction(seed: .swarm, hub: .libtorrent, leech: .swarm, byMagnet: true),
    ]

    @Test(.timeLimit(.minutes(20)), arguments: introductions)
    func peersAreToldOfByPeersTheyKnow(_ meeting: Introduction) async throws {
        try await Arena.with { arena in
            let content = try Content.make(.file, in: arena.makeFolder("content"))
            let torrent = try await Self.torrent(of: content, in: arena)
            let seedOrder = try await Self.order(.seed, torrent, content.folder, arena)
            let seed = try await Self.introduced(meeting.seed, seedOrder, to: [])
            try await eventually("the seed is ready", within: .seconds(60)) {
                try await seedOrder.host.accepts(port: meeting.seed.port)
            }
            let hubOrder = try await Self.order(
                .stay, torrent, arena.makeFolder("hub"), arena)
            let hub = try await Self.introduced(
                meeting.hub, hubOrder, to: [seedOrder], isSlow: true)
            try await eventually("the hub is ready", within: .seconds(60)) {
                try await hubOrder.host.accepts(port: meeting.hub.port)
            }
            let folder = try arena.makeFolder("leech")
            let known = meeting.byMagnet ? try await SwarmClient.magnet(of: torrent) : torrent
            let leech = try await Self.introduced(
                meeting.leech, Self.order(.leech, known, folder, arena), to: [hubOrder])
            try await leech.complete(within: .seconds(180))
            let complaints = try await seed.complaints() + hub.complaints() + leech.complaints()
            #expect(complaints == [])
            #expect(try await !hub.isComplete())
            #expect(try content.differences(from: folder) == [])
        }
    }

    private static func introduced(
        _ kind: ClientKind, _ order: Order, to others: [Order], isSlow: Bool = false
    ) async throws -> any Client {
        let peers = others.map { "\($0.host.ipv4):6881" }
        switch kind {
        case .swarm:
            let limits = isSlow ? ["--down-limit", "100KiB", "--up-limit", "1KiB"] : []
            return try SwarmClient(
                order, more: ["--no-trackers"] + limits + peers.flatMap { ["--peer", $0] })
        case .libtorrent:
            // Of the torrent: limits of the session do not hold for peers that are near.
            let limits = isSlow ? ["download_limit": 100 << 10, "upload_limit": 1 << 10] : [:]
            return try LibtorrentClient(order, settings: limits, peers: peers)
        case .transmission, .aria2, .rtorrent: throw GroundError("\(kind) is not introduced")
        }
    }

    // MARK: What they have in common

    private static func torrent(of content: Content, in arena: Arena) async throws -> Torrent {
        try await SwarmClient.create(
            .v1, of: content, tracker: "http://192.0.2.1/announce", in: arena)
    }

    private static func order(
        _ role: Role, _ torrent: Torrent, _ folder: URL, _ arena: Arena
    ) async throws -> Order {
        Order(
            role: role, source: torrent.source, folder: folder,
            host: try await arena.network.addHost(), arena: arena)
    }
}
