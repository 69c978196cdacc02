import Testing
import Units

@testable import SwarmScheduler

@Suite struct AvailabilityOrderTests {
    /// Compares with the obvious implementation through thousands of random changes.
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func staysSortedByAvailabilityThroughAnyChange(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...60, using: &generator)
        var order = AvailabilityOrder(pieceCount: count)
        var listed: Set<Int> = []
        var availability = Array(repeating: 0, count: count)
        for _ in 0..<4000 {
            let position = Int.random(in: 0..<count, using: &generator)
            let piece = PieceIndex(position)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                order.insert(piece, using: &generator)
                listed.insert(position)
            case 1:
                order.remove(piece)
                listed.remove(position)
            case 2:
                order.increment(piece, using: &generator)
                availability[position] += 1
            default:
                order.decrement(piece, using: &generator)
                availability[position] = max(0, availability[position] - 1)
            }
            let listing = order.order.map { Int($0) }
            #expect(Set(listing) == listed, "seed \(seed)")
            #expect(listing.count == listed.count, "seed \(seed)")
            let rarities = listing.map { availability[$0] }
            #expect(rarities == rarities.sorted(), "seed \(seed)")
            #expect(order.availability(of: piece) == availability[position], "seed \(seed)")
            #expect(order.isListed(piece) == listed.contains(position), "seed \(seed)")
        }
    }

    @Test func equalPiecesStandInRandomOrder() {
        var firsts: Set<UInt32> = []
        for seed in 0..<64 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var order = AvailabilityOrder(pieceCount: 16)
            for piece in 0..<16 { order.insert(PieceIndex(piece), using: &generator) }
            if let first = order.order.first { firsts.insert(first) }
        }
        #expect(firsts.count > 8)
    }
}
