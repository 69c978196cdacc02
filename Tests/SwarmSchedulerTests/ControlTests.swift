import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// What the user changes while a torrent runs.
@Suite struct ControlTests {
    @Test func ofTooManyConnectionsThoseGoThatCarryNothing() throws {
        var torrent = try TorrentFixture(pieces: 4)
        let giver = try torrent.connectSeed()
        let idle = try torrent.connect()
        let newest = try torrent.connect()
        let begun = try #require(torrent.machine.picker.partials.first).piece
        let request = BlockRequest(piece: begun, begin: 0, length: 16_384)
        _ = torrent.receive(TorrentFixture.block(request), from: giver)
        let actions = torrent.feed(.setConnectionsMax(2), after: .seconds(1))
        #expect(actions.closes(newest) == .tooManyConnections)
        #expect(actions.closes(idle) == nil)
        let more = torrent.feed(.setConnectionsMax(1))
        #expect(more.closes(idle) == .tooManyConnections)
        #expect(torrent.machine.peerCount == 1)
        #expect(throws: TorrentFixture.Refused.self) { try torrent.connect() }
    }

    @Test func moreConnectionsAreMadeAtOnceWhereTheyMayBe() throws {
        var torrent = try TorrentFixture(pieces: 1) { $0.connectionsMax = 1 }
        _ = try torrent.connect()
        let peer = Endpoint(ipv4: 0x1502_0304, port: 6_881)
        check(torrent.feed(.peersFound([peer], .tracker)).isEmpty)
        let dials = torrent.feed(.setConnectionsMax(2)).filter {
            if case .dial(peer) = $0 { true } else { false }
        }
        #expect(dials.count == 1)
    }

    @Test func whatIsNotWantedAnyMoreIsGivenUpAndCountsNoMore() throws {
        var torrent = try TorrentFixture(pieces: 2)
        let seed = try torrent.connectSeed(supportsFast: false)
        check(!torrent.machine.picker.partials.isEmpty)
        var wanted = Bitfield(count: 2)
        let begun = torrent.machine.picker.partials.map(\.piece)
        let actions = torrent.feed(.select(wanted))
        let discarded = actions.compactMap {
            if case .discard(let piece) = $0 { piece } else { nil }
        }
        #expect(discarded == begun)
        check(
            !actions.sent(to: seed).filter { if case .cancel = $0 { true } else { false } }.isEmpty)
        check(torrent.machine.picker.partials.isEmpty)
        #expect(torrent.machine.wantedBytes.wanted == 0)
        check(actions.sent(to: seed).contains(.uploadOnly(true)))
        check(actions.sent(to: seed).contains(.notInterested))
        wanted.insert(PieceIndex(1))
        let again = torrent.feed(.select(wanted))
        check(again.sent(to: seed).contains(.uploadOnly(false)))
        #expect(Set(again.requests.map(\.piece)) == [PieceIndex(1)])
        #expect(torrent.machine.wantedBytes.wanted == Int64(TorrentFixture.pieceLength))
    }

    @Test func whoWasLeftWithoutNeedIsDialledAgainWhenMoreIsWanted() throws {
        func dials(_ actions: [TorrentAction]) -> [Endpoint] {
            actions.compactMap { if case .dial(let endpoint) = $0 { endpoint } else { nil } }
        }
        var torrent = try TorrentFixture(pieces: 2)
        let seed = Endpoint(ipv4: 0x1502_0304, port: 6_881)
        #expect(dials(torrent.feed(.peersFound([seed], .tracker))) == [seed])
        let connection = PeerConnection(
            endpoint: seed, isIncoming: false,
            peerID: try #require(PeerID(bytes: Array("-XX0000-aseedaseedas".utf8))),
            supportsFast: true, supportsExtensions: true, supportsV2: false)
        let came = torrent.feed(.connected(connection, connectionID: 99))
        let keys = came.compactMap { if case .admit(_, let key) = $0 { key } else { nil } }
        let key = try #require(keys.first)
        _ = torrent.receive(.haveAll, .unchoke, from: key)
        _ = torrent.feed(.select(Bitfield(count: 2)))
        #expect(torrent.feed(.tick, after: .seconds(60)).closes(key) == .useless)
        #expect(dials(torrent.feed(.tick, after: .seconds(1))).isEmpty)
        #expect(dials(torrent.feed(.select(Bitfield(allSet: 2)))) == [seed])
    }

    @Test func peersAreToldAsTheyAre() throws {
        var torrent = try TorrentFixture(pieces: 4, have: [0])
        let seed = try torrent.connectSeed()
        let other = try torrent.connect(isIncoming: false)
        _ = torrent.receive(.bitfield(PiecePickerTests.bitfield([0], of: 4)), from: other)
        _ = torrent.receive(.interested, from: other)
        let peers = torrent.machine.peerStatuses(now: torrent.now)
        try #require(peers.count == 2)
        #expect(peers[0].isSeed && peers[0].isInterestingToUs && !peers[0].isChokingUs)
        #expect(peers[0].origins.contains(.incoming))
        #expect(peers[1].progress == 0.25)
        #expect(peers[1].isInterestedInUs && !peers[1].isInterestingToUs && peers[1].isChokingUs)
        #expect(!peers[1].isIncoming)
        _ = seed
    }

    @Test func slownessCountsWhoChokesAndWhatNobodyHas() throws {
        var torrent = try TorrentFixture(pieces: 4)
        let some = try torrent.connect()
        _ = torrent.receive(.bitfield(PiecePickerTests.bitfield([0, 1], of: 4)), from: some)
        let slowness = torrent.machine.slowness()
        #expect(slowness.peersOfInterest == 1)
        #expect(slowness.peersChokingUs == 1)
        #expect(slowness.piecesMissing == 4)
        #expect(slowness.piecesNobodyHas == 2)
        #expect(slowness.counters.incomingConnections == 1)
    }
}
