import Hashing
import Testing
import Units

@testable import SwarmScheduler

@Suite struct BanPolicyTests {
    private let piece = PieceIndex(7 as UInt32)

    private func peer(_ number: UInt32) -> Endpoint {
        Endpoint(ipv4: 0x0900_0000 + number * 0x1_0001, port: 6881)
    }

    private func digest(_ text: String) -> SHA1Digest { SHA1Digest.hash(Array(text.utf8)) }

    /// Good contents for each block, but for those in `bad`.
    private func digests(_ count: Int, bad: [Int: String] = [:]) -> [SHA1Digest] {
        (0..<count).map { digest(bad[$0] ?? "good \($0)") }
    }

    private func fail(
        _ policy: inout BanPolicy, _ piece: PieceIndex, _ senders: [Endpoint?],
        bad: [Int: String] = [:]
    ) -> [BanVerdict] {
        var verdicts = ActionBuffer<BanVerdict>()
        policy.pieceFailed(
            piece, senders: senders, digests: digests(senders.count, bad: bad), into: &verdicts)
        return verdicts.take()
    }

    private func pass(
        _ policy: inout BanPolicy, _ piece: PieceIndex, _ senders: [Endpoint?]
    ) -> [BanVerdict] {
        var verdicts = ActionBuffer<BanVerdict>()
        policy.piecePassed(
            piece, senders: senders, digests: digests(senders.count), into: &verdicts)
        return verdicts.take()
    }

    @Test("W9 one bad block of 64 by one of 20 peers bans that peer after one good fetch")
    func w9OneBadBlock() {
        var policy = BanPolicy()
        let senders = (0..<64).map { Optional(peer(UInt32($0 % 20))) }
        #expect(fail(&policy, piece, senders, bad: [33: "bad"]) == [])
        #expect(policy.remembers(piece))
        let verdicts = pass(&policy, piece, Array(senders.reversed()))
        #expect(
            verdicts == [.ban(peer(13).address, .corruptBlock(piece, BlockIndex(33 as UInt32)))])
        #expect(!policy.remembers(piece))
        #expect(policy.recordCount == 0)
        for number in 0..<20 as Range<UInt32> { #expect(!policy.isOnParole(peer(number))) }
    }

    @Test("W9 a colluding pair in one piece is found, though each covers for the other")
    func w9ColludingPair() {
        var policy = BanPolicy()
        let senders = (0..<16).map { Optional(peer(UInt32($0 % 4))) }
        // Peers 1 and 2 are bad. The piece fails twice: the second time they swap their blocks.
        let first = fail(&policy, piece, senders, bad: [1: "x", 2: "y"])
        var swapped = senders
        swapped.swapAt(1, 2)
        let second = fail(&policy, piece, swapped, bad: [1: "v", 2: "w"])
        #expect(first == [])
        #expect(Set(second) == Set((0..<4).map { .parole(peer($0).address) }))
        let good = [Endpoint?](repeating: peer(9), count: 16)
        let verdicts = pass(&policy, piece, good)
        let bans = verdicts.filter { if case .ban = $0 { true } else { false } }
        #expect(
            bans == [
                .ban(peer(1).address, .corruptBlock(piece, BlockIndex(1 as UInt32))),
                .ban(peer(2).address, .corruptBlock(piece, BlockIndex(2 as UInt32))),
            ])
        #expect(
            verdicts.filter { !bans.contains($0) } == [
                .forgive(peer(0).address), .forgive(peer(3).address),
            ])
    }

    @Test func bansAtOnceWhoSentAllOfAFailedPiece() {
        var policy = BanPolicy()
        let verdicts = fail(&policy, piece, [peer(1), peer(1)], bad: [0: "bad"])
        #expect(verdicts == [.ban(peer(1).address, .corruptPiece(piece))])
        #expect(!policy.remembers(piece))
    }

    @Test func blocksFromElsewhereKeepASoleSenderFromBeingJudged() {
        var policy = BanPolicy()
        #expect(fail(&policy, piece, [peer(1), nil], bad: [1: "bad"]) == [])
        #expect(pass(&policy, piece, [peer(2), peer(2)]) == [])
    }

    @Test func bansWhoSendsTheSameBlockTwiceDifferently() {
        var policy = BanPolicy()
        _ = fail(&policy, piece, [peer(1), peer(2)], bad: [0: "bad"])
        let verdicts = fail(&policy, piece, [peer(1), peer(3)], bad: [0: "worse"])
        #expect(
            verdicts == [.ban(peer(1).address, .changedBlock(piece, BlockIndex(0 as UInt32)))])
    }

    @Test func theSameContentsTwiceAreNoChange() {
        var policy = BanPolicy()
        _ = fail(&policy, piece, [peer(1), peer(2)], bad: [0: "bad"])
        let verdicts = fail(&policy, piece, [peer(1), peer(2)], bad: [0: "bad"])
        #expect(verdicts == [.parole(peer(1).address), .parole(peer(2).address)])
    }

    @Test func paroleEndsWithAWholeGoodPieceAndABadOneBans() {
        var policy = BanPolicy()
        let other = PieceIndex(8 as UInt32)
        _ = fail(&policy, piece, [peer(1), peer(2)], bad: [0: "a"])
        let second = fail(&policy, other, [peer(1), peer(2)], bad: [0: "b"])
        #expect(second == [.parole(peer(1).address), .parole(peer(2).address)])
        #expect(policy.isOnParole(peer(1)))
        let own = PieceIndex(9 as UInt32)
        #expect(pass(&policy, own, [peer(2), peer(2)]) == [.forgive(peer(2).address)])
        #expect(!policy.isOnParole(peer(2)))
        let verdicts = fail(&policy, own, [peer(1), peer(1)], bad: [0: "c"])
        #expect(verdicts == [.ban(peer(1).address, .corruptPiece(own))])
        #expect(!policy.isOnParole(peer(1)))
    }

    @Test func whenNothingDiffersNobodyWasAtFault() {
        var policy = BanPolicy()
        // The piece failed by a fault of our own: the same blocks pass the second time.
        #expect(fail(&policy, piece, [peer(1), peer(2)]) == [])
        #expect(pass(&policy, piece, [peer(1), peer(2)]) == [])
        let other = PieceIndex(8 as UInt32)
        #expect(fail(&policy, other, [peer(1), peer(2)], bad: [0: "bad"]) == [])
    }

    @Test func withoutDigestsNobodyIsBannedOrForgiven() {
        var policy = BanPolicy()
        _ = fail(&policy, piece, [peer(1), peer(2)], bad: [0: "bad"])
        var verdicts = ActionBuffer<BanVerdict>()
        policy.piecePassed(piece, senders: [peer(3), peer(4)], digests: [], into: &verdicts)
        #expect(verdicts.isEmpty)
        let other = PieceIndex(8 as UInt32)
        let second = fail(&policy, other, [peer(1), peer(5)], bad: [0: "bad"])
        #expect(second == [.parole(peer(1).address)])
    }

    @Test func aBlockThatFailsItsLeafBansItsSenderAtOnce() {
        var policy = BanPolicy()
        var verdicts = ActionBuffer<BanVerdict>()
        let block = BlockIndex(3 as UInt32)
        policy.blockFailed(block, of: piece, sender: peer(4), into: &verdicts)
        policy.blockFailed(block, of: piece, sender: peer(4), into: &verdicts)
        #expect(verdicts.take() == [.ban(peer(4).address, .corruptBlock(piece, block))])
    }

    @Test func aPeerThatComesBackFromAnotherPortIsStillThePeer() {
        var policy = BanPolicy()
        _ = fail(&policy, piece, [peer(1), peer(2)], bad: [0: "bad"])
        let verdicts = fail(
            &policy, piece, [peer(1).with(port: 50_000), peer(3)], bad: [0: "worse"])
        #expect(
            verdicts == [.ban(peer(1).address, .changedBlock(piece, BlockIndex(0 as UInt32)))])
    }

    @Test func localPeersAreToldApartByPort() {
        var policy = BanPolicy()
        let local = Endpoint(ipv4: 0x7F00_0001, port: 1)
        let senders = [local, local.with(port: 2)]
        _ = fail(&policy, piece, senders, bad: [1: "bad"])
        let verdicts = pass(&policy, piece, [local, local])
        #expect(
            verdicts == [.ban(local.with(port: 2), .corruptBlock(piece, BlockIndex(1 as UInt32)))])
    }

    @Test func remembersAsManyPiecesAsItsLimitAndNoMore() {
        var policy = BanPolicy()
        for number in 0...UInt32(Limits.failedPiecesMax) {
            _ = fail(&policy, PieceIndex(number), [peer(1), peer(2)], bad: [0: "bad"])
        }
        #expect(!policy.remembers(PieceIndex(0 as UInt32)))
        #expect(policy.remembers(PieceIndex(1 as UInt32)))
        #expect(policy.remembers(PieceIndex(UInt32(Limits.failedPiecesMax))))
        policy.forgetPieces()
        #expect(!policy.remembers(PieceIndex(1 as UInt32)))
    }

    @Test func remembersAsManyBlocksAsItsLimitAndNoMore() {
        var policy = BanPolicy()
        let blockCount = 8_192
        let senders = (0..<blockCount).map { Optional(peer(UInt32($0 % 3))) }
        let pieces = Limits.failedBlocksMax / blockCount
        for number in 0...pieces {
            _ = fail(&policy, PieceIndex(number), senders, bad: [0: "bad"])
            #expect(policy.recordCount < Limits.failedBlocksMax)
        }
        #expect(!policy.remembers(PieceIndex(0 as UInt32)))
        #expect(policy.remembers(PieceIndex(pieces)))
    }

    @Test func aPieceThatFailsOverAndOverAddsNothingAfterItsLimit() {
        var policy = BanPolicy()
        for round in 0..<20 as Range<UInt32> {
            _ = fail(
                &policy, piece, [peer(2 * round), peer(2 * round + 1)], bad: [0: "\(round)"])
        }
        #expect(policy.recordCount == 2 * Limits.failuresPerPieceMax)
    }

    @Test func suspectsAreBoundedAndTheLeastSuspiciousGoFirst() {
        var policy = BanPolicy()
        _ = fail(&policy, PieceIndex(1 as UInt32), [peer(0), peer(1)], bad: [0: "a"])
        _ = fail(&policy, PieceIndex(2 as UInt32), [peer(0), peer(1)], bad: [0: "b"])
        let crowd = (2...UInt32(Limits.suspectsMax) + 100).map { Optional(peer($0)) }
        _ = fail(&policy, PieceIndex(3 as UInt32), crowd, bad: [0: "c"])
        #expect(policy.suspectCount == Limits.suspectsMax)
        #expect(policy.isOnParole(peer(0)))
        #expect(policy.isOnParole(peer(1)))
    }

    @Test func reasonsSayWhatHappenedAndEndSomeday() {
        let reasons: [BanReason] = [
            .corruptBlock(piece, BlockIndex(3 as UInt32)), .corruptPiece(piece), .protocolAbuse,
            .changedBlock(piece, BlockIndex(3 as UInt32)), .requested,
        ]
        #expect(reasons[0].description == "sent corrupt block 3 of piece 7")
        for reason in reasons {
            #expect(reason.duration > .zero)
            #expect(reason.duration <= .minutes(24 * 60))
        }
    }
}
