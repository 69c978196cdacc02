import Testing
import Units

@testable import SwarmScheduler

@Suite struct FilePriorityTests {
    private func bitfield(_ pieces: [Int]) -> Bitfield { PiecePickerTests.bitfield(pieces, of: 12) }

    /// Twelve pieces, of which four are had, so that nothing is left to chance.
    private func picker() -> PiecePicker {
        PiecePickerTests.picker(pieces: 12, blocks: 1, have: [0, 1, 2, 3])
    }

    private func order(_ picker: inout PiecePicker, _ count: Int = 8) -> [UInt32] {
        let all = Bitfield(allSet: 12)
        return PiecePickerTests.pick(count, from: &picker, having: all).map(\.0.rawValue)
    }

    @Test func moreImportantPiecesComeFirstAndTheRarestOfThem() {
        var picker = picker()
        for piece in 4..<12 {
            for _ in 0..<piece { picker.peerGained(PieceIndex(piece)) }
        }
        picker.prioritize(high: bitfield([9, 10]), low: bitfield([4, 5]))
        #expect(order(&picker) == [9, 10, 6, 7, 8, 11, 4, 5])
    }

    @Test func whatPeersSayAfterwardsStillCounts() {
        var picker = picker()
        picker.prioritize(high: bitfield([9, 10, 11]), low: bitfield([4]))
        picker.peerJoined(having: bitfield([9, 9, 11]))
        picker.peerGained(PieceIndex(11))
        picker.peerGained(PieceIndex(4))
        #expect(picker.availability(of: PieceIndex(11)) == 2)
        #expect(order(&picker, 3) == [10, 9, 11])
        picker.peerLost(PieceIndex(4))
        #expect(picker.availability(of: PieceIndex(4)) == 0)
    }

    @Test func allMatterAlikeAgain() {
        var picker = picker()
        for piece in 4..<12 {
            for _ in 0..<piece { picker.peerGained(PieceIndex(piece)) }
        }
        picker.prioritize(high: bitfield([11]), low: bitfield([4]))
        picker.prioritize(high: bitfield([]), low: bitfield([]))
        #expect(order(&picker) == [4, 5, 6, 7, 8, 9, 10, 11])
    }

    @Test func inOrderWithinEachImportance() {
        var picker = picker()
        picker.order = .sequential
        picker.prioritize(high: bitfield([10, 8]), low: bitfield([5]))
        #expect(order(&picker) == [8, 10, 4, 6, 7, 9, 11, 5])
    }

    @Test func endgameWaitsForTheLeastImportant() {
        var picker = picker()
        picker.prioritize(high: bitfield([4]), low: bitfield([5]))
        _ = order(&picker, 7)
        check(!picker.isEndgame)
        _ = order(&picker, 1)
        check(picker.isEndgame)
    }

    @Test func aPieceThatIsLostIsListedWhereItBelongs() {
        var picker = picker()
        picker.prioritize(high: bitfield([2]), low: bitfield([]))
        picker.lost(PieceIndex(2))
        #expect(order(&picker, 1) == [2])
    }
}
