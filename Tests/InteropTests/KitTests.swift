import Foundation
import Testing

/// The proving ground proves itself: the other clients find and feed each other on it, so that
/// when one of them fails with ours, the ground is not to blame.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct KitTests {
    static let transfers = ClientKind.foreign.filter { $0 != .libtorrent }.flatMap { other in
        [
            Transfer(seed: .libtorrent, leech: other, shape: .tree, scheme: .http),
            Transfer(seed: other, leech: .libtorrent, shape: .file, scheme: .udp),
        ]
    }

    @Test(.timeLimit(.minutes(20)), arguments: transfers)
    func everyClientIsAbleToSeedAndToFetch(_ transfer: Transfer) async throws {
        try await Arena.with { arena in
            try await transfer.run(in: arena) { content, tracker in
                try await LibtorrentClient.create(.v1, of: content, tracker: tracker, in: arena)
            }
        }
    }

    /// That nobody complains means something only if complaints are heard. (rtorrent makes none.)
    @Test(.timeLimit(.minutes(20)), arguments: ClientKind.foreign.filter { $0 != .rtorrent })
    func everyClientIsHeardWhenAPieceFailsItsHash(_ kind: ClientKind) async throws {
        try await Arena.with { arena in
            let content = try Content.make(.file, in: arena.makeFolder("content"))
            let meeting = try await Meeting(of: content, by: .http, in: arena) {
                try await LibtorrentClient.create(.v1, of: $0, tracker: $1, in: arena)
            }
            // libtorrent looks at its content when it starts, and trusts it from then on.
            let spoilt = try await content.copy(to: arena.makeFolder("seed"))
            _ = try await ClientKind.libtorrent.start(
                .seed, meeting.torrent, folder: spoilt.folder, in: arena)
            try await meeting.seedIsKnown()
            try spoilt.spoil()
            let leech = try await kind.start(
                .leech, meeting.torrent, folder: arena.makeFolder("leech"), in: arena)
            try await eventually("\(kind) complains", within: .seconds(60)) {
                try await !leech.complaints().isEmpty
            }
        }
    }
}
