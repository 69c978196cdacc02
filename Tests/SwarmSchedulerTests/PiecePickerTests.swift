import Testing
import Units

@testable import SwarmScheduler

@Suite struct PiecePickerTests {
    static let peerA = PeerKey(slot: 0, generation: 0)
    static let peerB = PeerKey(slot: 1, generation: 0)
    static let hostA = Endpoint(ipv4: 0x0102_0304, port: 1)
    static let hostB = Endpoint(ipv4: 0x0102_0305, port: 1)

    static func picker(
        pieces: Int, blocks: Int = 4, have: [Int] = [], seed: UInt64 = 1
    ) -> PiecePicker {
        var had = Bitfield(count: pieces)
        for piece in have { had.insert(PieceIndex(piece)) }
        return PiecePicker(
            have: had, wanted: Bitfield(allSet: pieces), blockCount: { _ in blocks }, seed: seed)
    }

    static func bitfield(_ pieces: [Int], of count: Int) -> Bitfield {
        var bitfield = Bitfield(count: count)
        for piece in pieces { bitfield.insert(PieceIndex(piece)) }
        return bitfield
    }

    static func pick(
        _ count: Int, from picker: inout PiecePicker, having pieces: Bitfield,
        by peer: PeerKey = peerA, isOnParole: Bool = false, only: [PieceIndex]? = nil
    ) -> [(PieceIndex, BlockIndex)] {
        var blocks: [(PieceIndex, BlockIndex)] = []
        picker.pick(
            count,
            for: .init(pieces: pieces, peer: peer, isOnParole: isOnParole, only: only),
            into: &blocks)
        return blocks
    }

    @Test func picksTheRarestPieceThatThePeerHas() {
        var picker = Self.picker(pieces: 8, have: [0, 1, 2, 3])
        for piece in 4..<8 {
            for _ in 0..<piece { picker.peerGained(PieceIndex(piece)) }
        }
        let blocks = Self.pick(4, from: &picker, having: Self.bitfield([5, 6, 7], of: 8))
        #expect(blocks.map(\.0.rawValue) == [5, 5, 5, 5])
        #expect(blocks.map(\.1.rawValue) == [0, 1, 2, 3])
    }

    @Test func goesOnWithABegunPieceBeforeItBeginsAnother() {
        var picker = Self.picker(pieces: 8, have: [0, 1, 2, 3])
        let all = Bitfield(allSet: 8)
        let first = Self.pick(1, from: &picker, having: all)
        let next = Self.pick(3, from: &picker, having: all, by: Self.peerB)
        #expect(Set(next.map(\.0)) == Set(first.map(\.0)))
        #expect(picker.partials.count == 1)
    }

    @Test func beginsWithPiecesAtRandom() {
        var firsts: Set<PieceIndex> = []
        for seed in 0..<40 {
            var picker = Self.picker(pieces: 100, seed: UInt64(seed))
            for piece in 1..<100 { picker.peerGained(PieceIndex(piece)) }
            let blocks = Self.pick(1, from: &picker, having: Bitfield(allSet: 100))
            if let piece = blocks.first?.0 { firsts.insert(piece) }
        }
        #expect(firsts.count > 20)
    }

    @Test func sequentialOrderPicksTheLowestMissingPiece() {
        var picker = Self.picker(pieces: 8, have: [0])
        picker.order = .sequential
        let blocks = Self.pick(6, from: &picker, having: Bitfield(allSet: 8))
        #expect(blocks.map(\.0.rawValue) == [1, 1, 1, 1, 2, 2])
    }

    @Test func asksNobodyForABlockTwiceBeforeEndgame() {
        var picker = Self.picker(pieces: 5)
        var seen: Set<[UInt32]> = []
        for peer in [Self.peerA, Self.peerB] {
            for (piece, block) in Self.pick(
                10, from: &picker, having: Bitfield(allSet: 5), by: peer)
            {
                #expect(seen.insert([piece.rawValue, block.rawValue]).inserted)
            }
        }
        #expect(seen.count == 20)
        #expect(picker.isEndgame)
    }

    @Test func endgameAsksOthersForWhatIsMissingAtMostThreeTimes() {
        var picker = Self.picker(pieces: 1, blocks: 2)
        let all = Bitfield(allSet: 1)
        _ = Self.pick(2, from: &picker, having: all)
        for (turn, expected) in [(1, 2), (2, 2), (3, 0)] {
            var blocks: [(PieceIndex, BlockIndex)] = []
            let peer = PeerKey(slot: UInt32(turn), generation: 0)
            picker.pickEndgame(
                8, for: .init(pieces: all, peer: peer), excluding: { _, _ in false },
                into: &blocks)
            #expect(blocks.count == expected)
        }
    }

    @Test func aPeerOnParoleGetsPiecesOfItsOwn() {
        var picker = Self.picker(pieces: 4)
        let all = Bitfield(allSet: 4)
        let shared = Self.pick(1, from: &picker, having: all)
        let alone = Self.pick(2, from: &picker, having: all, by: Self.peerB, isOnParole: true)
        #expect(Set(alone.map(\.0)).isDisjoint(with: shared.map(\.0)))
        let more = Self.pick(8, from: &picker, having: all)
        #expect(Set(more.map(\.0)).isDisjoint(with: alone.map(\.0)))
        picker.releaseExclusive(Self.peerB)
        let rest = Self.pick(16, from: &picker, having: all)
        #expect(rest.contains { $0.0 == alone[0].0 })
    }

    @Test func aChokingPeerIsAskedOnlyForWhatItAllows() {
        var picker = Self.picker(pieces: 6)
        let blocks = Self.pick(
            20, from: &picker, having: Bitfield(allSet: 6), only: [PieceIndex(3)])
        #expect(Set(blocks.map(\.0.rawValue)) == [3])
        #expect(blocks.count == 4)
    }

    @Test func aBlockThatCameIsNotAcceptedAgain() {
        var picker = Self.picker(pieces: 1, blocks: 2)
        let piece = PieceIndex(0)
        _ = Self.pick(2, from: &picker, having: Bitfield(allSet: 1))
        check(picker.receive(BlockIndex(0), of: piece, from: Self.hostA) == .accepted)
        check(picker.receive(BlockIndex(0), of: piece, from: Self.hostB) == .redundant)
        check(picker.receive(BlockIndex(7), of: piece, from: Self.hostB) == .redundant)
        check(picker.receive(BlockIndex(1), of: piece, from: Self.hostB) == .completedPiece)
        #expect(picker.partial(piece)?.stage == .verifying)
        check(picker.verified(piece) == [Self.hostA, Self.hostB])
        #expect(picker.isFinished)
        check(picker.receive(BlockIndex(1), of: piece, from: Self.hostB) == .redundant)
    }

    @Test func anAbandonedPieceIsPickedAgainFromTheStart() {
        var picker = Self.picker(pieces: 1, blocks: 2)
        _ = Self.pick(2, from: &picker, having: Bitfield(allSet: 1))
        _ = picker.receive(BlockIndex(0), of: PieceIndex(0), from: Self.hostA)
        check(picker.abandon(PieceIndex(0)) == [Self.hostA, nil])
        #expect(picker.partials.isEmpty)
        check(Self.pick(9, from: &picker, having: Bitfield(allSet: 1)).count == 2)
    }

    @Test func onlyTheBlamedBlocksOfABadPieceAreFetchedAgain() {
        var picker = Self.picker(pieces: 1, blocks: 3)
        let piece = PieceIndex(0)
        _ = Self.pick(3, from: &picker, having: Bitfield(allSet: 1))
        for block in 0..<3 { _ = picker.receive(BlockIndex(block), of: piece, from: Self.hostA) }
        picker.awaitLeaves(of: piece)
        check(Self.pick(9, from: &picker, having: Bitfield(allSet: 1)).isEmpty)
        picker.refetch([BlockIndex(1)], of: piece)
        let again = Self.pick(9, from: &picker, having: Bitfield(allSet: 1), by: Self.peerB)
        #expect(again.map(\.1.rawValue) == [1])
        check(picker.receive(BlockIndex(1), of: piece, from: Self.hostB) == .completedPiece)
    }

    @Test func onlyWantedPiecesArePicked() {
        var picker = Self.picker(pieces: 4)
        picker.select(Self.bitfield([2], of: 4))
        let blocks = Self.pick(20, from: &picker, having: Bitfield(allSet: 4))
        #expect(Set(blocks.map(\.0.rawValue)) == [2])
        picker.select(Self.bitfield([2, 3], of: 4))
        let more = Self.pick(20, from: &picker, having: Bitfield(allSet: 4))
        #expect(Set(more.map(\.0.rawValue)) == [3])
    }

    @Test func aDroppedRequestFreesTheBlockAndAnUntouchedPiece() {
        var picker = Self.picker(pieces: 1, blocks: 2)
        let blocks = Self.pick(2, from: &picker, having: Bitfield(allSet: 1))
        for (piece, block) in blocks { picker.dropRequest(block, of: piece) }
        #expect(picker.partials.isEmpty)
        check(Self.pick(2, from: &picker, having: Bitfield(allSet: 1)).count == 2)
    }

    @Test func seedsAreCountedWithoutTouchingEveryPiece() {
        var picker = Self.picker(pieces: 3)
        picker.peerJoined(having: Bitfield(allSet: 3))
        picker.peerGained(PieceIndex(1))
        #expect(picker.availability(of: PieceIndex(0)) == 1)
        #expect(picker.availability(of: PieceIndex(1)) == 2)
        picker.peerLeft(having: Bitfield(allSet: 3), countedAsSeed: true)
        #expect(picker.availability(of: PieceIndex(0)) == 0)
        #expect(picker.availability(of: PieceIndex(1)) == 1)
    }
}
