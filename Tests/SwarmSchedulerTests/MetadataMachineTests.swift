import Hashing
import Metainfo
import NIOCore
import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// From a hash to an info dictionary (BEP 9).
@Suite struct MetadataMachineTests {
    private func wrong(_ bytes: [UInt8], at place: Int = 0) -> [UInt8] {
        var bytes = bytes
        bytes[place] ^= 1
        return bytes
    }

    @Test func saysAllThatItCanSayAtOnce() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 1000)
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, actions) = try magnet.connect()
        let sent = actions.sent(to: key)
        #expect(sent.first == .haveNone)
        #expect(sent.last == .interested)
        guard case .extensionHandshake(let ours) = sent[1] else {
            Issue.record("no extension handshake")
            return
        }
        #expect(ours.extensions[.metadata] == ExtensionID.metadata.rawValue)
        #expect(ours.metadataSize == nil)
        let (plain, second) = try magnet.connect(supportsFast: false)
        #expect(!second.sent(to: plain).contains(.haveNone))
    }

    @Test func aSmallDictionaryComesWholeFromOnePeer() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 40_000)
        let bytes = torrent.infoBytes
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, asked) = try magnet.connect(saying: bytes.count)
        #expect(asked == [0, 1, 2])
        #expect(magnet.machine.progress.byteCount == bytes.count)
        #expect(magnet.machine.progress.bytesReceived == 0)
        _ = magnet.give(bytes, [1], from: key)
        #expect(magnet.machine.progress.bytesReceived == 16_384)
        let actions = magnet.give(bytes, [0, 2], from: key)
        #expect(actions.verified?.infoBytes == bytes)
        #expect(actions.complete?.infoHash == torrent.infoHash)
        #expect(magnet.machine.isComplete)
        // From now on it can be had from us.
        let handshakes = actions.sent(to: key).compactMap {
            if case .extensionHandshake(let said) = $0 { said } else { nil }
        }
        #expect(handshakes.last?.metadataSize == bytes.count)
        let answer = magnet.receive(MetadataFixture.request(1), from: key)
        #expect(answer.sent(to: key) == [MetadataFixture.piece(1, of: bytes)])
    }

    @Test func rTorrentIsAskedForOnePieceAtATime() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 40_000)
        let bytes = torrent.infoBytes
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, _) = try magnet.connect(client: "-lt0D80-")
        let said = MetadataFixture.extensions(saying: bytes.count)
        #expect(magnet.receive(said, from: key).metadataRequests(to: key) == [0])
        #expect(magnet.give(bytes, [0], from: key).metadataRequests(to: key) == [1])
        #expect(magnet.give(bytes, [1], from: key).metadataRequests(to: key) == [2])
        #expect(magnet.give(bytes, [2], from: key).complete != nil)
    }

    @Test func beforeItIsVerifiedNobodyGetsIt() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 40_000)
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, _) = try magnet.connect(saying: torrent.infoBytes.count)
        _ = magnet.give(torrent.infoBytes, [0], from: key)
        let answer = magnet.receive(MetadataFixture.request(0), from: key)
        #expect(answer.sent(to: key) == [MetadataFixture.reject(0)])
    }

    @Test func aLargeDictionaryComesFromManyPeersAtOnce() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 70 * 16_384)
        let bytes = torrent.infoBytes
        let count = MetadataMessage.pieceCount(ofByteCount: bytes.count)
        var magnet = try MetadataFixture(torrent.infoHash)
        var asked: [(PeerKey, [Int])] = []
        for _ in 0..<3 { asked.append(try magnet.connect(saying: bytes.count)) }
        #expect(asked.map(\.1).flatMap(\.self).sorted() == Array(0..<count))
        #expect(asked.allSatisfy { !$0.1.isEmpty && $0.1.count <= 32 })
        var actions: [TorrentAction] = []
        for (key, pieces) in asked { actions += magnet.give(bytes, pieces, from: key) }
        #expect(actions.complete?.infoBytes == bytes)
    }

    @Test func aSecondPeerIsAskedForWhatTheFirstIsSlowWith() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 6 * 16_384)
        let bytes = torrent.infoBytes
        var magnet = try MetadataFixture(torrent.infoHash)
        let (_, all) = try magnet.connect(saying: bytes.count)
        let (second, none) = try magnet.connect(saying: bytes.count)
        #expect(all == Array(0..<7))
        #expect(none == [])
        let actions = magnet.pass(.milliseconds(800))
        #expect(actions.metadataRequests(to: second) == all)
        #expect(magnet.give(bytes, all, from: second).complete != nil)
    }

    @Test func aPeerThatLacksItIsKeptAndAskedAgain() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 20_000)
        let bytes = torrent.infoBytes
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, none) = try magnet.connect(saying: nil)
        #expect(none == [])
        let probe = magnet.pass(.seconds(71))
        #expect(probe.metadataRequests(to: key) == [0])
        #expect(probe.closes(key) == nil)
        // The answer counts, late as it may be.
        let asked = magnet.receive(MetadataFixture.piece(0, of: bytes), from: key)
            .metadataRequests(to: key)
        #expect(asked == [0, 1])
        #expect(magnet.give(bytes, asked, from: key).complete != nil)
    }

    @Test func aPeerThatGetsItLaterIsAskedAtOnce() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 20_000)
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, _) = try magnet.connect(saying: nil)
        let said = MetadataFixture.extensions(saying: torrent.infoBytes.count)
        #expect(magnet.receive(said, from: key).metadataRequests(to: key) == [0, 1])
    }

    @Test func whatALostPeerOwedIsAskedOfAnother() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 10 * 16_384)
        var magnet = try MetadataFixture(torrent.infoHash)
        let (first, all) = try magnet.connect(saying: torrent.infoBytes.count)
        let (second, _) = try magnet.connect(saying: torrent.infoBytes.count)
        let actions = magnet.feed(.disconnected(first, .closedByPeer))
        #expect(actions.metadataRequests(to: second) == all)
    }

    // MARK: - D1 to D8

    @Test("D1 a size that no metadata has is no reason to ask, nor to allocate")
    func d1() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 1000)
        for size in [0, -1, 16 << 20 + 1, 1 << 32 + 1, .max] as [Int64] {
            var magnet = try MetadataFixture(torrent.infoHash)
            let (key, _) = try magnet.connect()
            let text = "d1:md11:ut_metadatai1ee13:metadata_sizei\(size)ee"
            let said = try ExtensionHandshake(parsing: Array(text.utf8))
            let actions = magnet.receive(.extensionHandshake(said), from: key)
            #expect(actions.isEmpty, "\(size)")
            #expect(magnet.machine.picker.copyCount == 0)
        }
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, asked) = try magnet.connect(saying: 16 << 20)
        #expect(asked.count == 32)
        #expect(magnet.machine.picker.heldByteCount == 0)
        _ = magnet.give([UInt8](repeating: 1, count: 16 << 20), [0], from: key)
        #expect(magnet.machine.picker.heldByteCount == 16_384)
    }

    @Test("D2 liars about the size do not stand in the way")
    func d2() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 20_000)
        let bytes = torrent.infoBytes
        var magnet = try MetadataFixture(torrent.infoHash)
        for liar in 0..<20 { _ = try magnet.connect(saying: 70_000 + liar * 20_000) }
        // All liars are silent; one of the honest ones comes last.
        let (_, first) = try magnet.connect(saying: bytes.count)
        let (second, later) = try magnet.connect(saying: bytes.count)
        #expect(!first.isEmpty || !later.isEmpty)
        let asked = later.isEmpty ? magnet.pass(.seconds(1)).metadataRequests(to: second) : later
        #expect(magnet.give(bytes, asked, from: second).complete != nil)
        #expect(magnet.machine.picker.copyCount == 0)
    }

    @Test("D3 pieces of a wrong length, number or size, or that nobody asked for, are dropped")
    func d3() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 40_000)
        let bytes = torrent.infoBytes
        let bad: [PeerMessage] = [
            MetadataFixture.piece(0, of: bytes, cut: 1),
            MetadataFixture.piece(2, of: bytes, cut: 1),
            MetadataFixture.piece(0, of: bytes, totalSize: bytes.count + 1),
            MetadataFixture.piece(2, of: bytes + [0]),
            MetadataFixture.piece(3, of: bytes + [UInt8](repeating: 0, count: 16_384)),
            .extended(.metadata, ByteBuffer(string: "d8:msg_typei1e5:piecei0ee")),
        ]
        for message in bad {
            var magnet = try MetadataFixture(torrent.infoHash)
            let (key, _) = try magnet.connect(saying: bytes.count)
            let actions = magnet.receive(message, from: key)
            #expect(magnet.machine.picker.heldByteCount == 0)
            #expect(magnet.machine.sources[key]?.strikes == 1)
            #expect(actions.closes(key) == nil)
            for _ in 0..<20 { _ = magnet.receive(message, from: key) }
            #expect(magnet.machine.sources[key] == nil, "it was cut off")
            // Another is asked, and is believed.
            let (other, asked) = try magnet.connect(saying: bytes.count)
            #expect(magnet.give(bytes, asked, from: other).complete != nil)
        }
    }

    @Test("D4 whoever alone sent metadata with a wrong hash is banned, and others are asked")
    func d4Alone() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 40_000)
        let bytes = torrent.infoBytes
        var magnet = try MetadataFixture(torrent.infoHash)
        let (liar, asked) = try magnet.connect(saying: bytes.count)
        let (honest, alsoAsked) = try magnet.connect(saying: bytes.count)
        let actions = magnet.give(wrong(bytes), asked, from: liar)
        #expect(actions.closes(liar) == .banned)
        #expect(actions.bans.count == 1)
        #expect(actions.verified == nil)
        #expect(magnet.machine.counters.hashFailures == 1)
        #expect(magnet.give(bytes, alsoAsked, from: honest).complete != nil)
    }

    @Test("D4 of many who sent metadata with a wrong hash the liar is told by the right one")
    func d4Many() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 80 * 16_384)
        let bytes = torrent.infoBytes
        var magnet = try MetadataFixture(torrent.infoHash)
        var asked: [(PeerKey, [Int])] = []
        for _ in 0..<3 { asked.append(try magnet.connect(saying: bytes.count)) }
        let liar = asked[1].0
        let lie = wrong(bytes, at: asked[1].1[0] * 16_384)
        var actions: [TorrentAction] = []
        for (key, pieces) in asked {
            actions += magnet.give(key == liar ? lie : bytes, pieces, from: key)
        }
        // All are discarded, nobody is banned: who it was is not known yet.
        #expect(actions.bans.isEmpty)
        #expect(magnet.machine.picker.heldByteCount == 0)
        // Now each is asked for the whole.
        let honest = asked[2].0
        var done = actions
        var pending = actions.metadataRequests(to: honest)
        #expect(pending.first == 0)
        while !pending.isEmpty {
            done = magnet.give(bytes, pending, from: honest)
            pending = done.metadataRequests(to: honest)
        }
        #expect(done.complete?.infoBytes == bytes)
        #expect(done.bans.count == 1)
        #expect(done.closes(liar) == .banned)
        #expect(done.closes(asked[0].0) == nil)
    }

    @Test("D5 ten thousand requests are answered as far as a bucket lasts, then rejected")
    func d5() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 2 * 16_384)
        var fixture = try TorrentFixture(torrent)
        let key = try fixture.connect()
        var answers: [TorrentAction] = []
        for number in 0..<1_000 {
            answers += fixture.feed(.message(key, MetadataFixture.request(number % 2)))
        }
        let served = answers.metadataMessages(to: key).count {
            if case .data = $0 { true } else { false }
        }
        let rejected = answers.metadataMessages(to: key).count {
            if case .reject = $0 { true } else { false }
        }
        #expect(served == 64)
        // As many again wait for their turn.
        #expect(rejected == 1_000 - 128)
        let later = fixture.feed(.tick, after: .seconds(1))
        #expect(later.metadataMessages(to: key).count == 64)
        var end: [TorrentAction] = []
        for _ in 0..<9_000 { end += fixture.feed(.message(key, MetadataFixture.request(9))) }
        #expect(end.closes(key) == .misbehaved(.badMetadata))
        #expect(end.count < 2_100)
    }

    @Test("D5 what no metadata has is rejected, and nobody is told of a private torrent's")
    func d5Private() throws {
        var fixture = try TorrentFixture(try SomeTorrent.v1(infoBytes: 1000))
        let key = try fixture.connect()
        for piece in [1, 1024, Int(UInt32.max)] {
            let actions = fixture.receive(MetadataFixture.request(piece), from: key)
            #expect(actions.sent(to: key) == [MetadataFixture.reject(piece)])
        }
        var secret = try TorrentFixture(try SomeTorrent.v1(infoBytes: 1000, isPrivate: true))
        let stranger = try secret.connect()
        let actions = secret.receive(MetadataFixture.request(0), from: stranger)
        #expect(actions.sent(to: stranger) == [MetadataFixture.reject(0)])
    }

    @Test("D6 metadata with the right hash that is no torrent fails as a file would")
    func d6() throws {
        let info = Array("d4:name1:a6:lengthi1e12:piece lengthi0e6:pieces0:e".utf8)
        let infoHash = InfoHash(v1: .hash(info))
        var magnet = try MetadataFixture(infoHash)
        let (key, asked) = try magnet.connect(saying: info.count)
        let actions = magnet.give(info, asked, from: key)
        let expected = MetainfoError.pieceLengthOutOfRange(0, 1...(256 << 20))
        #expect(actions.failure == .metadata(expected))
        #expect(actions.verified == nil)
        #expect(actions.bans.isEmpty)
        #expect(actions.closes(key) == .shutdown)
        #expect(magnet.machine.nextDeadline() == nil)
    }

    @Test("D7 metadata of three million tokens is refused")
    func d7() throws {
        let info =
            Array("d1:al".utf8) + [UInt8](repeating: 0x30, count: 0)
            + Array(String(repeating: "0:", count: 3_000_001).utf8) + Array("ee".utf8)
        var magnet = try MetadataFixture(InfoHash(v1: .hash(info)))
        let (key, first) = try magnet.connect(saying: info.count)
        var actions: [TorrentAction] = []
        var asked = first
        while !asked.isEmpty {
            actions = magnet.give(info, asked, from: key)
            asked = actions.metadataRequests(to: key)
        }
        guard case .metadata(.bencoding) = actions.failure else {
            Issue.record("\(String(describing: actions.failure))")
            return
        }
    }

    @Test("D8 a peer that rejects is left alone for 20 to 70 seconds, and others are asked")
    func d8() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 1000)
        var waits: Set<Int> = []
        for seed in 0..<5 {
            var magnet = try MetadataFixture(torrent.infoHash)
            for _ in 0..<seed { _ = try magnet.connect() }
            let (key, _) = try magnet.connect(saying: torrent.infoBytes.count)
            #expect(magnet.receive(MetadataFixture.reject(0), from: key).isEmpty)
            let until = try #require(magnet.machine.sources[key]?.pausedUntil)
            #expect(until >= magnet.now + .seconds(20) && until <= magnet.now + .seconds(70))
            let (other, asked) = try magnet.connect(saying: torrent.infoBytes.count)
            #expect(asked == [0])
            _ = magnet.receive(MetadataFixture.reject(0), from: other)
            var seconds = 0
            while magnet.pass(.seconds(1)).metadataRequests(to: key).isEmpty, seconds < 100 {
                seconds += 1
            }
            #expect((19...71).contains(seconds))
            waits.insert(seconds)
        }
        #expect(waits.count > 1)
    }

    @Test("D8 a peer that is silent is left alone too")
    func d8Silent() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 1000)
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, _) = try magnet.connect(saying: torrent.infoBytes.count)
        #expect(magnet.pass(.seconds(25)).metadataRequests(to: key).isEmpty)
        #expect(magnet.machine.sources[key]?.pausedUntil ?? .zero > magnet.now)
        // What comes late is welcome, if nobody was faster.
        #expect(magnet.machine.peerCount == 1)
    }

    // MARK: - Private torrents

    @Test func metadataFromElsewhereNeedNotComeFromPeers() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 40_000)
        var magnet = try MetadataFixture(torrent.infoHash)
        let (key, _) = try magnet.connect(saying: torrent.infoBytes.count)
        _ = magnet.give(torrent.infoBytes, [0], from: key)
        let other = magnet.feed(.metadataGiven(try SomeTorrent.v1(infoBytes: 1000)))
        #expect(other.isEmpty)
        let actions = magnet.feed(.metadataGiven(torrent))
        #expect(actions.complete?.infoBytes == torrent.infoBytes)
        #expect(magnet.feed(.metadataGiven(torrent)).isEmpty)
        // What was asked for is not needed any more, and others have it from us.
        #expect(magnet.give(torrent.infoBytes, [1, 2], from: key).complete == nil)
        let answer = magnet.receive(MetadataFixture.request(1), from: key)
        #expect(answer.sent(to: key) == [MetadataFixture.piece(1, of: torrent.infoBytes)])
    }

    @Test func aTorrentThatTurnsOutToBePrivateKeepsToItsTracker() throws {
        let torrent = try SomeTorrent.v1(infoBytes: 1000, isPrivate: true)
        var magnet = try MetadataFixture(torrent.infoHash)
        let stranger = Endpoint(ipv4: 0x0808_0808, port: 6881)
        let named = Endpoint(ipv4: 0x0909_0909, port: 6881)
        _ = magnet.feed(.peersFound([stranger], .dht))
        _ = magnet.feed(.peersFound([named], .tracker))
        var keys: [PeerKey] = []
        for (number, endpoint) in [stranger, named].enumerated() {
            let id = try #require(PeerID(bytes: Array("-XX0000-priv\(10_000_000 + number)".utf8)))
            let connection = PeerConnection(
                endpoint: endpoint, isIncoming: false, peerID: id, supportsFast: true,
                supportsExtensions: true, supportsV2: false)
            for action in magnet.feed(.connected(connection, connectionID: UInt64(number + 50))) {
                if case .admit(_, let key) = action { keys.append(key) }
            }
        }
        let said = MetadataFixture.extensions(saying: torrent.infoBytes.count)
        let asked = magnet.receive(said, from: keys[0]).metadataRequests(to: keys[0])
        let actions = magnet.give(torrent.infoBytes, asked, from: keys[0])
        #expect(actions.complete?.isPrivate == true)
        #expect(actions.closes(keys[0]) == .useless)
        #expect(actions.closes(keys[1]) == nil)
        let handshake = actions.sent(to: keys[1]).compactMap {
            if case .extensionHandshake(let said) = $0 { said } else { nil }
        }.last
        #expect(handshake?.extensions[.peerExchange] == 0)
        #expect(handshake?.extensions[.metadata] == 0)
        #expect(handshake?.metadataSize == nil)
        // And nobody but the tracker is heard from now on.
        let late = Endpoint(ipv4: 0x0A0B_0C0D | 0x4000_0000, port: 6881)
        for origin in [PeerOrigins.dht, .pex, .lsd] {
            #expect(magnet.feed(.peersFound([late], origin)).isEmpty)
        }
        let dials = magnet.feed(.peersFound([late], .tracker))
        #expect(dials.count == 1)
    }
}
