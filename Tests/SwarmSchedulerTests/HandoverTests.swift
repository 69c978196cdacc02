import Hashing
import Metainfo
import NIOCore
import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// The machine of the content takes over from that of the metadata, without a new connection.
@Suite struct HandoverTests {
    /// A magnet that has got its metadata from two peers that have more to say.
    private struct Scene {
        let torrent: Metainfo
        var magnet: MetadataFixture
        var content: TorrentFixture?
        let unchoking: PeerKey
        let interested: PeerKey
        let silent: PeerKey

        init(_ torrent: Metainfo? = nil, supportsFast: Bool = true) throws {
            let torrent = try torrent ?? SomeTorrent.v1(infoBytes: 200)
            self.torrent = torrent
            magnet = try MetadataFixture(torrent.infoHash)
            unchoking = try magnet.connect(supportsFast: supportsFast).0
            interested = try magnet.connect(supportsFast: supportsFast).0
            silent = try magnet.connect(supportsFast: supportsFast).0
            _ = magnet.receive(.unchoke, from: unchoking)
            _ = magnet.receive(.interested, from: interested)
            let said = ExtensionHandshake(
                extensions: ExtensionIDs(ours: [.metadata]), clientName: "another 1.0",
                requestQueueMax: 100, metadataSize: torrent.infoBytes.count)
            let asked = magnet.receive(.extensionHandshake(said), from: unchoking)
                .metadataRequests(to: unchoking)
            _ = magnet.give(torrent.infoBytes, asked, from: unchoking)
        }

        mutating func takeOver(having have: [Int] = []) throws -> [TorrentAction] {
            let metainfo = try #require(magnet.machine.metainfo)
            let count = metainfo.layout.pieceCount
            var had = Bitfield(count: count)
            for piece in have { had.insert(PieceIndex(piece)) }
            let handover = magnet.machine.handOver()
            #expect(handover.connections.map(\.key) == [unchoking, interested, silent])
            var content = try TorrentFixture(metainfo)
            content.now = magnet.now
            content.nextConnection = 100
            content.machine = TorrentMachine(
                metainfo: metainfo, have: had, wanted: Bitfield(allSet: count),
                configuration: content.machine.configuration, seed: 1, inheriting: handover)
            #expect(content.machine.nextDeadline() != nil)
            let actions = content.feed(.tick)
            self.content = content
            return actions
        }
    }

    @Test func whatPeersSaidBeforeIsRemembered() throws {
        var scene = try Scene()
        let first = try scene.takeOver()
        var content = try #require(scene.content)
        #expect(content.machine.peerCount == 3)
        #expect(first.sent(to: scene.unchoking).isEmpty)
        // The unchoke came before the pieces were known, and counts.
        let actions = content.receive(.haveAll, from: scene.unchoking)
        #expect(!actions.requests.isEmpty)
        // We had said that we are interested, and do not say it again.
        #expect(!actions.sent(to: scene.unchoking).contains(.interested))
        // Nothing is asked of one that chokes us.
        #expect(content.receive(.haveAll, from: scene.interested).requests.isEmpty)
    }

    @Test func anInterestedPeerGetsAFreeSlotAtOnce() throws {
        var scene = try Scene()
        let actions = try scene.takeOver(having: [0])
        #expect(actions.sent(to: scene.interested).contains(.unchoke))
        #expect(!actions.sent(to: scene.silent).contains(.unchoke))
    }

    @Test func whatWeHaveIsToldPieceByPieceAfterHaveNone() throws {
        var scene = try Scene()
        let actions = try scene.takeOver(having: [1, 3])
        for key in [scene.unchoking, scene.interested, scene.silent] {
            let said = actions.sent(to: key).filter { $0 != .unchoke }
            #expect(said == [.have(PieceIndex(1)), .have(PieceIndex(3))])
        }
        // A newcomer is told as ever.
        var content = try #require(scene.content)
        let key = try content.connect()
        #expect(content.machine.peerCount == 4)
        #expect(key.slot == 3)
    }

    @Test func interestInThoseWhoHaveNothingIsTakenBack() throws {
        var scene = try Scene()
        _ = try scene.takeOver()
        var content = try #require(scene.content)
        _ = content.receive(.haveAll, from: scene.unchoking)
        let actions = content.feed(.tick, after: .seconds(3))
        #expect(actions.sent(to: scene.silent) == [.notInterested])
        #expect(!actions.sent(to: scene.unchoking).contains(.notInterested))
    }

    @Test func connectionsThatEndAreForgottenByTheirOldKeys() throws {
        var scene = try Scene()
        _ = try scene.takeOver()
        var content = try #require(scene.content)
        _ = content.feed(.disconnected(scene.silent, .closedByPeer))
        #expect(content.machine.peerCount == 2)
        // Their slot is used again, under another key.
        let key = try content.connect()
        #expect(key.slot == scene.silent.slot)
        #expect(key != scene.silent)
    }

    @Test func theOldMachineDoesNothingMore() throws {
        var scene = try Scene()
        _ = try scene.takeOver()
        #expect(scene.magnet.machine.nextDeadline() == nil)
        #expect(scene.magnet.feed(.tick).isEmpty)
        #expect(scene.magnet.receive(.unchoke, from: scene.unchoking).isEmpty)
    }

    @Test func aHybridBegunWithoutLayersGetsThemLater() throws {
        let torrent = try SomeTorrent.trees([5, 600], .hybrid)
        let bare = try Metainfo(infoBytes: torrent.infoBytes, expecting: torrent.infoHash)
        var content = try TorrentFixture(bare)
        let v1 = try content.connect()
        let v2 = try content.connect(supportsV2: true)
        _ = content.receive(.haveAll, from: v1)
        _ = content.receive(.haveAll, from: v2)
        let asked = content.feed(.tick, after: .seconds(1))
        #expect(asked.hashRequests(to: v1).isEmpty)
        var open = asked.hashRequests(to: v2)
        #expect(open.count == 3)
        // A reject is for later, and no reason to stop.
        _ = content.receive(.hashReject(open.removeLast()), from: v2)
        for request in open {
            let hashes = try #require(SomeTorrent.hashes(request, torrent))
            #expect(content.receive(.hashes(request, hashes), from: v2).layers == nil)
        }
        let other = try content.connect(supportsV2: true)
        _ = content.receive(.haveAll, from: other)
        let last = try #require(content.feed(.tick).hashRequests(to: other).first)
        let hashes = try #require(SomeTorrent.hashes(last, torrent))
        let complete = try #require(
            content.receive(.hashes(last, hashes), from: other).layers)
        #expect(complete.encoded() == torrent.encoded())
        #expect(content.machine.metainfo.filesWithoutPieceLayer.isEmpty)
    }
}

extension [TorrentAction] {
    var layers: Metainfo? {
        lazy.compactMap { if case .layersComplete(let metainfo) = $0 { metainfo } else { nil } }
            .first
    }
}
