import Hashing
import Metainfo
import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// The hashes of the pieces of v2 and hybrid torrents, from peers (BEP 52).
@Suite struct LayerTests {
    /// A magnet whose info dictionary is here, and the peer that gave it.
    private struct Scene {
        let torrent: Metainfo
        var magnet: MetadataFixture
        let key: PeerKey
        let actions: [TorrentAction]

        init(
            _ torrent: Metainfo, by infoHash: InfoHash? = nil, supportsV2: Bool = true
        ) throws {
            self.torrent = torrent
            magnet = try MetadataFixture(infoHash ?? torrent.infoHash)
            let bytes = torrent.infoBytes
            let (key, asked) = try magnet.connect(saying: bytes.count, supportsV2: supportsV2)
            self.key = key
            actions = magnet.give(bytes, asked, from: key)
        }

        /// The peer answers all that it is asked for, and again, until nothing more is asked.
        mutating func answerAll() throws -> [TorrentAction] {
            var all: [TorrentAction] = []
            var open = actions.hashRequests(to: key)
            while let request = open.popLast() {
                let hashes = try #require(SomeTorrent.hashes(request, torrent))
                let next = magnet.receive(.hashes(request, hashes), from: key)
                open += next.hashRequests(to: key)
                all += next
            }
            return all
        }
    }

    @Test func theLayersOfAllFilesOfMoreThanOnePieceAreFetched() throws {
        // Also a file of one piece, one of exactly 512, of 512n + 1, and two with one content.
        let torrent = try SomeTorrent.trees([1, 2, 3, 512, 513, 1025, 1300, 3])
        var scene = try Scene(torrent)
        #expect(scene.actions.verified != nil)
        #expect(scene.actions.complete == nil)
        #expect(scene.magnet.machine.progress.layerHashesTotal == 2 + 3 + 512 + 513 + 1025 + 1300)
        let complete = try #require(try scene.answerAll().complete)
        #expect(complete.filesWithoutPieceLayer.isEmpty)
        for file in torrent.layout.files.indices {
            let index = FileIndex(file)
            #expect(complete.pieceLayer(of: index) == torrent.pieceLayer(of: index))
        }
        // What others take as a manifest is the one that was made.
        #expect(complete.encoded() == torrent.encoded())
    }

    @Test func requestsAreAsTheBEPSays() throws {
        for (count, expected) in [
            (2, [[0, 2, 0]]), (3, [[0, 4, 0]]), (512, [[0, 512, 0]]),
            (513, [[0, 512, 9], [512, 2, 9]]),
            (1025, [[0, 512, 10], [512, 512, 10], [1024, 2, 10]]),
        ] as [(Int, [[UInt32]])] {
            let torrent = try SomeTorrent.trees([count])
            let scene = try Scene(torrent)
            let requests = scene.actions.hashRequests(to: scene.key)
            #expect(requests.map { [$0.index, $0.length, $0.proofLayers] } == expected, "\(count)")
            #expect(requests.allSatisfy { $0.isWellFormed && $0.baseLayer == 1 })
        }
    }

    @Test func withoutLayersToFetchItIsCompleteAtOnce() throws {
        let scene = try Scene(try SomeTorrent.trees([1, 1]))
        #expect(scene.actions.complete != nil)
        #expect(scene.actions.hashRequests(to: scene.key).isEmpty)
    }

    @Test func aFileHasTheLayersThatPeersWereAskedFor() throws {
        let torrent = try SomeTorrent.trees([3, 5])
        var scene = try Scene(torrent)
        #expect(scene.actions.complete == nil)
        let complete = scene.magnet.feed(.metadataGiven(torrent)).complete
        #expect(complete?.encoded() == torrent.encoded())
    }

    @Test func whatOnePeerRejectsAnotherIsAskedFor() throws {
        let torrent = try SomeTorrent.trees([5])
        var scene = try Scene(torrent)
        let (other, _) = try scene.magnet.connect(
            saying: torrent.infoBytes.count, supportsV2: true)
        let request = try #require(scene.actions.hashRequests(to: scene.key).first)
        let actions = scene.magnet.receive(.hashReject(request), from: scene.key)
        #expect(actions.hashRequests(to: other) == [request])
        #expect(actions.hashRequests(to: scene.key).isEmpty)
        let hashes = try #require(SomeTorrent.hashes(request, torrent))
        let end = scene.magnet.receive(.hashes(request, hashes), from: other)
        #expect(end.complete != nil)
    }

    @Test func whatASilentOrLostPeerOwesAnotherIsAskedFor() throws {
        let torrent = try SomeTorrent.trees([5])
        var scene = try Scene(torrent)
        let request = try #require(scene.actions.hashRequests(to: scene.key).first)
        let (other, _) = try scene.magnet.connect(
            saying: torrent.infoBytes.count, supportsV2: true)
        #expect(scene.magnet.pass(.seconds(6)).hashRequests(to: other) == [request])
        // The answer of the first is welcome all the same.
        let hashes = try #require(SomeTorrent.hashes(request, torrent))
        #expect(scene.magnet.receive(.hashes(request, hashes), from: scene.key).complete != nil)

        var lost = try Scene(torrent)
        let (heir, _) = try lost.magnet.connect(saying: torrent.infoBytes.count, supportsV2: true)
        let actions = lost.magnet.feed(.disconnected(lost.key, .closedByPeer))
        #expect(actions.hashRequests(to: heir) == [request])
    }

    @Test func whoDoesNotSpeakV2OrLacksMetadataIsNotAsked() throws {
        var scene = try Scene(try SomeTorrent.trees([5]), supportsV2: false)
        #expect(scene.actions.hashRequests(to: scene.key).isEmpty)
        let (silent, _) = try scene.magnet.connect(saying: nil, supportsV2: true)
        #expect(scene.magnet.pass(.seconds(2)).hashRequests(to: silent).isEmpty)
    }

    @Test func aV2HashCutTo20BytesLeadsToTheLayersToo() throws {
        let torrent = try SomeTorrent.trees([5])
        let v2 = try #require(torrent.infoHash.v2)
        var scene = try Scene(torrent, by: InfoHash(v1: v2.truncated), supportsV2: false)
        #expect(scene.actions.verified?.infoHash == torrent.infoHash)
        #expect(try scene.answerAll().complete?.filesWithoutPieceLayer == [])
    }

    // MARK: - Hybrid torrents

    @Test func aHybridKnownByBothHashesGetsItsLayers() throws {
        var scene = try Scene(try SomeTorrent.trees([5, 600], .hybrid))
        #expect(scene.actions.complete == nil)
        #expect(try scene.answerAll().complete?.filesWithoutPieceLayer == [])
    }

    @Test func aHybridWhosePeersSpeakV1IsCompleteWithoutLayersAfterAWhile() throws {
        var scene = try Scene(try SomeTorrent.trees([5], .hybrid), supportsV2: false)
        #expect(scene.magnet.pass(.seconds(9)).complete == nil)
        let complete = try #require(scene.magnet.pass(.seconds(2)).complete)
        #expect(complete.filesWithoutPieceLayer.count == 1)
        #expect(complete.v1Hash(of: PieceIndex(0)) != nil)
    }

    @Test func aHybridKnownByItsV1HashAloneIsNotWaitedFor() throws {
        let torrent = try SomeTorrent.trees([5], .hybrid)
        let v1 = try #require(torrent.infoHash.v1)
        let scene = try Scene(torrent, by: InfoHash(v1: v1))
        #expect(scene.actions.complete?.infoHash == torrent.infoHash)
    }

    // MARK: - W15 to W17

    @Test("W15 hashes and rejects that nobody asked for are not believed, and many end it")
    func w15Unsolicited() throws {
        let torrent = try SomeTorrent.trees([513, 5])
        var scene = try Scene(torrent)
        let asked = try #require(scene.actions.hashRequests(to: scene.key).first)
        var other = asked
        other.proofLayers += 1
        var leaves = asked
        leaves.baseLayer = 0
        let (stranger, _) = try scene.magnet.connect(
            saying: torrent.infoBytes.count, supportsV2: true)
        let hashes = try #require(SomeTorrent.hashes(asked, torrent))
        var cases: [(PeerKey, PeerMessage)] = [
            (scene.key, .hashReject(other)), (scene.key, .hashReject(leaves)),
            (scene.key, .hashes(leaves, hashes)), (scene.key, .hashes(other, hashes)),
            (stranger, .hashes(asked, hashes)), (stranger, .hashReject(asked)),
        ]
        for (key, message) in cases {
            #expect(scene.magnet.receive(message, from: key).closes(key) == nil)
            #expect(scene.magnet.machine.progress.layerHashesDone == 0)
        }
        for _ in 0..<20 { cases.append((stranger, .hashReject(asked))) }
        var closed: CloseReason?
        for (key, message) in cases where key == stranger {
            closed = closed ?? scene.magnet.receive(message, from: key).closes(key)
        }
        #expect(closed == .misbehaved(.badMetadata))
        // The right answer is taken as if nothing had been.
        _ = scene.magnet.receive(.hashes(asked, hashes), from: scene.key)
        #expect(scene.magnet.machine.progress.layerHashesDone == 512)
    }

    @Test("W16 a peer with the v2 bit and v1 metadata is a peer like any other")
    func w16() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 1000)
        var scene = try Scene(torrent)
        #expect(scene.actions.complete != nil)
        #expect(scene.actions.hashRequests(to: scene.key).isEmpty)
        let root = SHA256Digest.hash([1])
        let request = HashRequest(
            piecesRoot: root, baseLayer: 0, index: 0, length: 2, proofLayers: 0)
        for message in [PeerMessage.hashes(request, [root, root]), .hashReject(request)] {
            #expect(scene.magnet.receive(message, from: scene.key).closes(scene.key) == nil)
        }
        let answer = scene.magnet.receive(.hashRequest(request), from: scene.key)
        #expect(answer.sent(to: scene.key) == [.hashReject(request)])

        // And the same once there is content.
        var fixture = try TorrentFixture(torrent)
        let key = try fixture.connect(supportsV2: true)
        let rejected = fixture.receive(.hashRequest(request), from: key)
        #expect(rejected.sent(to: key) == [.hashReject(request)])
        for message in [PeerMessage.hashes(request, [root, root]), .hashReject(request)] {
            #expect(fixture.receive(message, from: key).closes(key) == nil)
        }
        // A bad piece is told by its blocks, as v1 has it.
        let failed = fixture.feed(.pieceChecked(PieceIndex(0), .mismatch(leaves: [root, root])))
        #expect(failed.hashRequests(to: key).isEmpty)
    }

    @Test("W17 hashes that do not make the root, or are zero, end the connection")
    func w17() throws {
        let torrent = try SomeTorrent.trees([513])
        let lies: [(inout [SHA256Digest]) -> Void] = [
            { $0[0] = .hash([9]) }, { $0[0] = .zero }, { $0[511] = .zero },
            { $0[512] = .hash([9]) }, { $0[$0.count - 1] = .zero },
            { hashes in for i in hashes.indices { hashes[i] = .zero } },
            { $0.swapAt(0, 1) }, { _ = $0.popLast() }, { $0.append(.hash([9])) },
        ]
        for (number, lie) in lies.enumerated() {
            var scene = try Scene(torrent)
            let request = try #require(scene.actions.hashRequests(to: scene.key).first)
            var hashes = try #require(SomeTorrent.hashes(request, torrent))
            lie(&hashes)
            let actions = scene.magnet.receive(.hashes(request, hashes), from: scene.key)
            #expect(actions.closes(scene.key) == .misbehaved(.badHashes), "lie \(number)")
            #expect(scene.magnet.machine.progress.layerHashesDone == 0)
        }
    }
}
