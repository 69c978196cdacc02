import Foundation
import Testing

/// Our program with each of the other clients, in both directions, with torrents that our program
/// made, found through a tracker.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct MatrixTests {
    /// Both directions between us and `other`.
    private static func pairs(_ other: ClientKind) -> [(seed: ClientKind, leech: ClientKind)] {
        [(.swarm, other), (other, .swarm)]
    }

    static let v1 = ClientKind.foreign.flatMap { other in
        pairs(other).flatMap { pair in
            Content.Shape.allCases.flatMap { shape in
                Opentracker.Scheme.allCases.map { scheme in
                    Transfer(seed: pair.seed, leech: pair.leech, shape: shape, scheme: scheme)
                }
            }
        }
    }

    static let v2 = [Torrent.Kind.v2, .hybrid].flatMap { kind in
        Content.Shape.allCases.flatMap { shape in
            (pairs(.libtorrent) + [(.swarm, .swarm)]).map { pair in
                Transfer(
                    seed: pair.seed, leech: pair.leech, kind: kind, shape: shape,
                    scheme: shape == .tree ? .udp : .http)
            }
        }
    }

    /// The others among themselves, with what we made: links that we wrote must lead them to it.
    static let links = [ClientKind.libtorrent, .transmission, .aria2].map { leech in
        Transfer(seed: .libtorrent, leech: leech, shape: .tree, scheme: .udp, byMagnet: true)
    }

    @Test(.timeLimit(.minutes(20)), arguments: v1)
    func exchangesWithEveryClient(_ transfer: Transfer) async throws {
        try await transfer.run()
    }

    @Test(.timeLimit(.minutes(20)), arguments: v2)
    func exchangesTheSecondFormatWithLibtorrent(_ transfer: Transfer) async throws {
        try await transfer.run()
    }

    @Test(.timeLimit(.minutes(20)), arguments: links)
    func makesManifestsAndMagnetLinksThatOthersUse(_ transfer: Transfer) async throws {
        try await transfer.run()
    }

    /// No tracker: the peer is named, and both ends speak IPv6 only.
    @Test(.timeLimit(.minutes(20)), arguments: [ClientKind.swarm, .libtorrent, .transmission])
    func fetchesOverIPv6FromAPeerThatIsNamed(_ seedKind: ClientKind) async throws {
        try await Arena.with { arena in
            let content = try Content.make(.tree, in: arena.makeFolder("content"))
            let torrent = try await SwarmClient.create(
                .v1, of: content, tracker: "http://192.0.2.1/announce", in: arena)
            let order = Order(
                role: .leech, source: torrent.source, folder: try arena.makeFolder("leech"),
                host: try await arena.network.addHost(), arena: arena)
            let seedOrder = Order(
                role: .seed, source: torrent.source, folder: content.folder,
                host: try await arena.network.addHost(), arena: arena)
            let seed = try await seedKind.start(seedOrder)
            try await eventually("the seed is ready", within: .seconds(60)) {
                try await seedOrder.host.accepts(port: seedKind.port)
            }
            let leech = try SwarmClient(
                order,
                more: [
                    "--no-trackers", "--peer", "[\(seedOrder.host.ipv6)]:\(seedKind.port)",
                    "--bind", order.host.ipv6,
                ])
            try await leech.complete(within: .seconds(180))
            #expect(try await seed.complaints() == [])
            let wrong = try content.differences(from: order.folder)
            #expect(wrong == [], "\(wrong.prefix(10))")
        }
    }
}
