import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// A machine that wants to be called at a time that has passed is called without end.
@Suite struct DeadlineTests {
    private func request(_ block: UInt32) -> PeerMessage {
        .request(BlockRequest(piece: PieceIndex(0), begin: block * 16_384, length: 16_384))
    }

    /// Calls the machine whenever it wants, for so long, and counts how often that was.
    private func turns(_ torrent: inout TorrentFixture, in time: Interval) -> Int {
        let end = torrent.now + time
        var count = 0
        while let (deadline, _) = torrent.machine.nextDeadline(), deadline <= end, count < 1_000 {
            torrent.now = max(torrent.now, deadline)
            _ = torrent.feed(.tick)
            count += 1
        }
        return count
    }

    @Test func aSeedWhoseUploadIsLimitedRestsOnceNobodyAsksAnyMore() throws {
        var torrent = try TorrentFixture(pieces: 1, have: [0]) {
            $0.uploadLimit = ByteRate(bytesPerSecond: 65_536)
            $0.uploadSlots = 4
        }
        let key = try torrent.connect()
        _ = torrent.receive(.interested, from: key)
        _ = torrent.feed(.tick, after: .seconds(10))
        var served: [BlockRequest] = []
        for block in 0..<4 as Range<UInt32> {
            served += torrent.receive(request(block), request(block), from: key).served
        }
        #expect(torrent.machine.counters.limitedServes > 0)
        for request in served {
            _ = torrent.feed(.served(key, bytes: Int(request.length)))
        }
        // Takes back what is still waiting while the limit holds it.
        for block in 0..<4 as Range<UInt32> {
            let cancelled = BlockRequest(
                piece: PieceIndex(0), begin: block * 16_384, length: 16_384)
            _ = torrent.receive(.cancel(cancelled), .cancel(cancelled), from: key)
        }
        #expect(turns(&torrent, in: .seconds(20)) < 30)
    }

    @Test func aPeerThatChokesUsWhileTheLimitHoldsUsIsNotWaitedForWithoutEnd() throws {
        var torrent = try TorrentFixture(pieces: 64) {
            $0.downloadLimit = ByteRate(bytesPerSecond: 16_384)
        }
        let key = try torrent.connectSeed()
        for _ in 0..<8 {
            guard let request = torrent.feed(.tick, after: .seconds(1)).requests.first else {
                continue
            }
            _ = torrent.receive(TorrentFixture.block(request), from: key)
        }
        #expect(torrent.machine.counters.limitedRequests > 0)
        _ = torrent.receive(.choke, from: key)
        #expect(turns(&torrent, in: .seconds(20)) < 30)
    }

    @Test func takingFromAPeerDoesNotKeepItFromBeingServed() throws {
        var torrent = try TorrentFixture(pieces: 8, have: [0]) {
            $0.uploadLimit = ByteRate(bytesPerSecond: 65_536)
            $0.uploadSlots = 4
        }
        let key = try torrent.connect()
        _ = torrent.receive(.haveNone, .have(PieceIndex(1)), .interested, .unchoke, from: key)
        for block in 0..<4 as Range<UInt32> {
            _ = torrent.receive(request(block), request(block), from: key)
        }
        let held = try #require(torrent.machine.peers[0]?.servingHeldUntil)
        // Asking the same peer for something says nothing about what it waits for.
        check(torrent.receive(.have(PieceIndex(5)), from: key).requests.count == 4)
        #expect(torrent.machine.peers[0]?.servingHeldUntil == held)
        #expect(try #require(torrent.machine.nextDeadline()).0 <= held)
    }
}
