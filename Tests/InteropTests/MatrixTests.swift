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

    @Test(.timeLimit(.minutes(10)), arguments: v1)
    func exchangesWithEveryClient(_ transfer: Transfer) async throws {
        try await run(transfer)
    }

    @Test(.timeLimit(.minutes(10)), arguments: v2)
    func exchangesTheSecondFormatWithLibtorrent(_ transfer: Transfer) async throws {
        try await run(transfer)
    }

    @Test(.timeLimit(.minutes(10)), arguments: links)
    func makesManifestsAndMagnetLinksThatOthersUse(_ transfer: Transfer) async throws {
        try await run(transfer)
    }

    private func run(_ transfer: Transfer) async throws {
        try await Arena.with { arena in
            try await transfer.run(in: arena) { content, tracker in
                try await SwarmClient.create(
                    transfer.kind, of: content, tracker: tracker, in: arena)
            }
        }
    }
}
