import Foundation
import Testing

/// The proving ground proves itself: the other clients find and feed each other on it, so that
/// when one of them fails with ours, the ground is not to blame.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct KitTests {
    struct Pair: Sendable, CustomTestStringConvertible {
        let seed: ClientKind
        let leech: ClientKind
        let scheme: Opentracker.Scheme
        let shape: Content.Shape

        var testDescription: String {
            "\(seed) to \(leech), \(shape), tracker by \(scheme)"
        }
    }

    static let pairs = ClientKind.foreign.filter { $0 != .libtorrent }.flatMap { other in
        [
            Pair(seed: .libtorrent, leech: other, scheme: .http, shape: .tree),
            Pair(seed: .libtorrent, leech: other, scheme: .udp, shape: .file),
            Pair(seed: other, leech: .libtorrent, scheme: .http, shape: .file),
            Pair(seed: other, leech: .libtorrent, scheme: .udp, shape: .tree),
        ]
    }

    @Test(.timeLimit(.minutes(5)), arguments: pairs)
    func everyClientIsAbleToSeedAndToFetch(_ pair: Pair) async throws {
        try await Arena.with { arena in
            try await transfer(
                from: pair.seed, to: pair.leech, pair.shape, by: pair.scheme, in: arena
            ) { content, tracker in
                try await LibtorrentClient.create(.v1, of: content, tracker: tracker, in: arena)
            }
        }
    }

    /// That nobody complains means something only if complaints are heard. (rtorrent makes none.)
    @Test(.timeLimit(.minutes(5)), arguments: ClientKind.foreign.filter { $0 != .rtorrent })
    func everyClientIsHeardWhenAPieceFailsItsHash(_ kind: ClientKind) async throws {
        try await Arena.with { arena in
            let content = try Content.make(.file, in: arena.makeFolder("content"))
            let trackerHost = try await arena.network.addHost()
            let torrent = try await LibtorrentClient.create(
                .v1, of: content, tracker: Opentracker.address(.http, of: trackerHost), in: arena)
            let tracker = try await Opentracker(
                in: arena, on: trackerHost, serving: torrent.infoHashes)

            // libtorrent looks at its content when it starts, and trusts it from then on.
            let spoilt = try await content.copy(to: arena.makeFolder("seed"))
            _ = try await ClientKind.libtorrent.start(
                .seed, torrent, folder: spoilt.folder, in: arena)
            try await eventually("the tracker knows the seed", within: .seconds(30)) {
                try await tracker.seeds(of: torrent.infoHashes[0]) > 0
            }
            try spoilt.spoil()
            let leech = try await kind.start(
                .leech, torrent, folder: arena.makeFolder("leech"), in: arena)
            try await eventually("\(kind) complains", within: .seconds(60)) {
                try await !leech.complaints().isEmpty
            }
        }
    }
}
