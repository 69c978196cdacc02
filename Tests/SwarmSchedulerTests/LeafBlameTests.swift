import Hashing
import Metainfo
import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// A v2 torrent knows a bad block by its own hash (BEP 52): it alone is blamed and fetched again.
@Suite struct LeafBlameTests {
    static let blocksPerPiece = 4
    /// What the blocks of every piece hash to.
    static let truth = (0..<blocksPerPiece).map { SHA256Digest.hash([UInt8($0)]) }

    /// Two pieces of four blocks, and two peers that have both and speak v2.
    private struct Scene {
        var torrent: TorrentFixture
        let liar: PeerKey
        let honest: PeerKey

        init() throws {
            let root = MerkleTree.root(of: truth, padTo: blocksPerPiece)
            let builder = try MetainfoBuilder(
                name: Array("content".utf8),
                files: [.init(path: [Array("content".utf8)], length: 2 * 65_536)],
                isSingleFile: true, pieceLength: 65_536, version: .v2)
            torrent = try TorrentFixture(builder.build(pieceRoots: [[root, root]]))
            liar = try torrent.connect(supportsV2: true)
            honest = try torrent.connect(supportsV2: true)
            // The liar is asked for everything before the other says that it has anything.
            let requests = torrent.receive(.haveAll, .unchoke, from: liar).requests
            for request in requests where request.piece == PieceIndex(0) {
                _ = torrent.receive(TorrentFixture.block(request), from: liar)
            }
            _ = torrent.receive(.haveAll, .unchoke, from: honest)
        }

        /// The disk found the second block of the first piece to be another.
        mutating func fail() -> [TorrentAction] {
            var leaves = LeafBlameTests.truth
            leaves[1] = SHA256Digest.hash([99])
            return torrent.feed(.pieceChecked(PieceIndex(0), .mismatch(leaves: leaves)))
        }
    }

    private func question(in actions: [TorrentAction]) -> (PeerKey, HashRequest)? {
        for (key, message) in actions.sent {
            if case .hashRequest(let request) = message { return (key, request) }
        }
        return nil
    }

    @Test func aPeerThatSentNoneOfItIsAskedForTheHashesOfABadPiece() throws {
        var scene = try Scene()
        let (key, request) = try #require(question(in: scene.fail()))
        #expect(key == scene.honest)
        #expect(request.baseLayer == 0)
        #expect(request.index == 0)
        #expect(request.length == 4)
        #expect(scene.torrent.machine.picker.partial(PieceIndex(0))?.stage == .awaitingLeaves)
    }

    @Test func onlyTheBadBlockIsFetchedAgainAndItsSenderBanned() throws {
        var scene = try Scene()
        let (key, request) = try #require(question(in: scene.fail()))
        let actions = scene.torrent.receive(.hashes(request, Self.truth), from: key)
        #expect(actions.closes(scene.liar) == .banned)
        let again = actions.requests.filter { $0.piece == PieceIndex(0) }
        #expect(again == [BlockRequest(piece: PieceIndex(0), begin: 16_384, length: 16_384)])
        let rest = scene.torrent.receive(TorrentFixture.block(again[0]), from: scene.honest)
        #expect(rest.contains { if case .finish(PieceIndex(0)) = $0 { true } else { false } })
        #expect(scene.torrent.machine.peerCount == 1)
    }

    @Test("W17 hashes that do not prove themselves end the connection and are not believed")
    func w17RefusesFalseHashes() throws {
        var scene = try Scene()
        let (key, request) = try #require(question(in: scene.fail()))
        let zeros = [SHA256Digest](repeating: .zero, count: 4)
        let actions = scene.torrent.receive(.hashes(request, zeros), from: key)
        #expect(actions.closes(scene.honest) == .misbehaved(.badHashes))
        #expect(actions.closes(scene.liar) == nil)
        #expect(actions.contains { if case .digestBlocks = $0 { true } else { false } })
    }

    @Test func withoutAnAnswerThePieceIsTreatedAsAnyOther() throws {
        var scene = try Scene()
        _ = try #require(question(in: scene.fail()))
        let actions = scene.torrent.feed(.tick, after: .seconds(11))
        #expect(actions.contains { if case .digestBlocks = $0 { true } else { false } })
    }

    @Test func aRejectIsAnAnswerToo() throws {
        var scene = try Scene()
        let (key, request) = try #require(question(in: scene.fail()))
        let actions = scene.torrent.receive(.hashReject(request), from: key)
        #expect(actions.contains { if case .digestBlocks = $0 { true } else { false } })
    }
}
