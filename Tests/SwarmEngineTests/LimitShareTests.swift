import Testing
import Units

@testable import SwarmEngine

@Suite struct LimitShareTests {
    private final class Name {}
    private let names = [Name(), Name(), Name()]

    private func divide(
        _ shares: inout LimitShares, _ limit: Int64, _ uses: [(rate: Int64, limited: Int)]
    ) -> [Int64] {
        let appetites = zip(names, uses).map { name, use in
            (
                torrent: ObjectIdentifier(name),
                LimitShares.Appetite(
                    rate: ByteRate(bytesPerSecond: use.rate), timesLimited: use.limited)
            )
        }
        return shares.divide(ByteRate(bytesPerSecond: limit), among: appetites)
            .map(\.bytesPerSecond)
    }

    @Test func whoIsHeldBackGetsWhatOthersDoNotUse() {
        var shares = LimitShares()
        let first = divide(&shares, 1_000, [(0, 0), (100, 0), (400, 5)])
        #expect(first == [41, 125, 834])
        // It is not held back any more, and keeps a little more than it uses.
        let second = divide(&shares, 1_000, [(0, 0), (100, 0), (400, 5)])
        #expect(second == [41, 125, 500])
    }

    @Test func allThatAreHeldBackGetTheSame() {
        var shares = LimitShares()
        let all = divide(&shares, 999, [(10, 1), (900, 1), (0, 1)])
        #expect(all == [333, 333, 333])
    }

    @Test func sharesNeverAddUpToMoreThanTheLimit() {
        var shares = LimitShares()
        for limit in [1, 2, 3, 100, 7_777] as [Int64] {
            let parts = divide(&shares, limit, [(.max, 0), (5_000, 0), (3, Int(limit))])
            #expect(parts.reduce(0, +) <= limit)
        }
        #expect(divide(&shares, 100, []).isEmpty)
    }
}
