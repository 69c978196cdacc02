import Foundation
import Testing

/// Fetches that begin with a magnet link: what the torrent is comes from peers too. Of v2, with
/// the hashes of its pieces.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct MagnetTests {
    static let v1 = ClientKind.foreign.flatMap { other in
        [
            Transfer(seed: other, leech: .swarm, shape: .tree, scheme: .http, byMagnet: true),
            Transfer(seed: .swarm, leech: other, shape: .tree, scheme: .http, byMagnet: true),
        ]
    }

    static let v2 = [Torrent.Kind.v2, .hybrid].flatMap { kind in
        [(ClientKind.libtorrent, ClientKind.swarm), (.swarm, .libtorrent), (.swarm, .swarm)].map {
            Transfer(
                seed: $0, leech: $1, kind: kind, shape: .tree, scheme: .http, byMagnet: true)
        }
    }

    @Test(.timeLimit(.minutes(20)), arguments: v1)
    func whatALinkNamesIsFetchedFromEveryClientAndByEveryClient(
        _ transfer: Transfer
    ) async throws {
        try await transfer.run()
    }

    @Test(.timeLimit(.minutes(20)), arguments: v2)
    func theSecondFormatIsFetchedByItsLinkFromLibtorrentAndByIt(
        _ transfer: Transfer
    ) async throws {
        try await transfer.run()
    }

    /// The link names the peer (BEP 9, "x.pe"), and there is neither tracker nor DHT.
    @Test(
        .timeLimit(.minutes(20)),
        arguments: [(ClientKind.libtorrent, ClientKind.swarm), (.swarm, .libtorrent)])
    func aPeerThatTheLinkNamesIsEnough(_ seedKind: ClientKind, _ leechKind: ClientKind) async throws
    {
        try await Arena.with { arena in
            let content = try Content.make(.tree, in: arena.makeFolder("content"))
            let torrent = try await SwarmClient.create(
                .v1, of: content, tracker: "http://192.0.2.1/announce", in: arena)
            let host = try await arena.network.addHost()
            let seed = try await seedKind.start(
                Order(
                    role: .seed, source: torrent.source, folder: content.folder, host: host,
                    arena: arena))
            try await eventually("the seed is ready", within: .seconds(60)) {
                try await host.accepts(port: seedKind.port)
            }
            let link =
                "magnet:?xt=urn:btih:\(torrent.infoHashes[0])&x.pe=\(host.ipv4):\(seedKind.port)"
            let order = Order(
                role: .leech, source: link, folder: try arena.makeFolder("leech"),
                host: try await arena.network.addHost(), arena: arena)
            // We dial no neighbour that a link names, unless all that we know is near.
            let near = ["--dht-bootstrap", "\(host.ipv4):1"]
            let leech: any Client =
                leechKind == .swarm
                ? try SwarmClient(order, more: near) : try await leechKind.start(order)
            try await leech.complete(within: .seconds(180))
            #expect(try await seed.complaints() == [])
            let wrong = try content.differences(from: order.folder)
            #expect(wrong == [], "\(wrong.prefix(10))")
        }
    }

    /// Nothing is known but the hash and one node of the DHT.
    @Test(.timeLimit(.minutes(20)), arguments: DHTGround.Family.allCases)
    func aHashAndOneNodeOfTheDHTAreEnough(_ family: DHTGround.Family) async throws {
        try await Arena.with { arena in
            let ground = try await DHTGround(family, in: arena)
            try await ground.startNodes(3)
            let content = try Content.make(.tree, in: arena.makeFolder("content"))
            let torrent = try await SwarmClient.create(
                .hybrid, of: content, tracker: "http://192.0.2.1/announce", in: arena)
            func network(_ place: DHTGround.Place, _ node: Int) -> [String] {
                let known = DHTGround.Place(
                    host: place.host, address: ground.nodes[node].host)
                return [
                    "--no-trackers", "--bind", place.address, "--dht-bootstrap",
                    known.endpoint(ground.nodes[node].port),
                ]
            }
            let seedPlace = try await ground.addPlace()
            let seed = try SwarmClient(
                Order(
                    role: .seed, source: torrent.source, folder: content.folder,
                    host: seedPlace.host, arena: arena),
                more: network(seedPlace, 0), without: ["--no-lsd"])
            let place = try await ground.addPlace()
            let order = Order(
                role: .leech, source: torrent.infoHashes[0],
                folder: try arena.makeFolder("leech"), host: place.host, arena: arena)
            let leech = try SwarmClient(
                order, more: network(place, 2), without: ["--no-lsd"])
            try await leech.complete(within: .seconds(180))
            #expect(leech.events.first?["event"] as? String == "fetching_metadata")
            #expect(seed.complaints() + leech.complaints() == [])
            let wrong = try content.differences(from: order.folder)
            #expect(wrong == [], "\(wrong.prefix(10))")
        }
    }
}
