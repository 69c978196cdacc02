import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// A torrent whose content cannot be reached for a while.
@Suite struct SuspensionTests {
    private func bitfield(_ pieces: [Int], of count: Int) -> Bitfield {
        PiecePickerTests.bitfield(pieces, of: count)
    }

    @Test func peersAreChokedAndNothingIsAskedOrServed() throws {
        var torrent = try TorrentFixture(pieces: 4, have: [0])
        let seed = try torrent.connectSeed(supportsFast: false)
        let other = try torrent.connect()
        let unchoked = torrent.receive(.bitfield(bitfield([], of: 4)), .interested, from: other)
        check(unchoked.sent(to: other).contains(.unchoke))
        let begun = torrent.machine.picker.begun
        check(!begun.isEmpty)

        let actions = torrent.feed(.suspend)
        check(actions.sent(to: other).contains(.choke))
        let discarded = actions.compactMap {
            if case .discard(let piece) = $0 { piece } else { nil }
        }
        #expect(discarded == begun)
        #expect(torrent.machine.picker.partials.isEmpty)
        let later = torrent.feed(.tick, after: .seconds(60))
        #expect(later.requests.isEmpty)
        check(!later.sent(to: other).contains(.unchoke))
        let request = BlockRequest(piece: PieceIndex(0), begin: 0, length: 16_384)
        let asked = torrent.receive(.request(request), from: other)
        #expect(asked.served.isEmpty)
        #expect(asked.rejected == [request])
        let late = BlockRequest(piece: begun[0], begin: 0, length: 16_384)
        #expect(torrent.receive(TorrentFixture.block(late), from: seed).writes == 0)
        #expect(torrent.machine.peerCount == 2)
    }

    @Test func goesOnWithWhatIsThereAndTellsWhatChanged() throws {
        var torrent = try TorrentFixture(pieces: 4, have: [0, 1])
        let seed = try torrent.connectSeed(supportsFast: false)
        _ = torrent.feed(.suspend)
        let all = Bitfield(allSet: 4)
        let actions = torrent.feed(.resume(have: bitfield([1, 2], of: 4), wanted: all))
        #expect(actions.sent(to: seed).contains(.dontHave(PieceIndex(0))))
        #expect(actions.sent(to: seed).contains(.have(PieceIndex(2))))
        #expect(!actions.requests.isEmpty)
        check(actions.requests.allSatisfy { [0, 3].contains($0.piece.rawValue) })
        #expect(torrent.machine.have == bitfield([1, 2], of: 4))
        let length = Int64(TorrentFixture.pieceLength)
        #expect(torrent.machine.wantedBytes == (4 * length, 2 * length))
    }

    @Test func whoIsCompleteAgainSaysThatItWantsNothing() throws {
        var torrent = try TorrentFixture(pieces: 2, have: [0])
        let seed = try torrent.connectSeed()
        _ = torrent.feed(.suspend)
        let all = Bitfield(allSet: 2)
        let actions = torrent.feed(.resume(have: all, wanted: all))
        #expect(actions.sent(to: seed).contains(.uploadOnly(true)))
        #expect(actions.sent(to: seed).contains(.notInterested))
        check(torrent.machine.isFinished)
    }

    @Test func muchThatIsLostIsSaidByBeginningAnew() throws {
        let count = Limits.inheritedHavesMax + 2
        var torrent = try TorrentFixture(pieces: count, have: Array(0..<count))
        let peer = try torrent.connect()
        _ = torrent.feed(.suspend)
        let actions = torrent.feed(
            .resume(have: Bitfield(count: count), wanted: Bitfield(allSet: count)))
        #expect(actions.closes(peer) == .shutdown)
        #expect(torrent.machine.peerCount == 0)
    }

    @Test func aPieceThatCouldNotBeWrittenIsNoFailureOfTheDiskThen() throws {
        var torrent = try TorrentFixture(pieces: 8)
        _ = torrent.feed(.suspend)
        for piece in 0..<8 { _ = torrent.feed(.pieceChecked(PieceIndex(piece), .failed)) }
        check(!torrent.machine.hasFailed)
    }
}
