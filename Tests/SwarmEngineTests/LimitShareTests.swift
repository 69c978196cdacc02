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
            .map { $0?.bytesPerSecond ?? -1 }
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

    private func appetite(
        _ name: Name, group: String? = nil,
        _ change: (inout LimitShares.Appetite) -> Void = { _ in }
    ) -> (torrent: ObjectIdentifier, LimitShares.Appetite) {
        var appetite = LimitShares.Appetite(rate: .zero, timesLimited: 1)
        appetite.group = group
        change(&appetite)
        return (ObjectIdentifier(name), appetite)
    }

    private func rate(_ bytes: Int64) -> ByteRate { ByteRate(bytesPerSecond: bytes) }

    @Test func aGroupSharesItsOwnLimitAndTheRestIsForOthers() {
        var shares = LimitShares()
        let all = [
            appetite(names[0], group: "g"), appetite(names[1], group: "g"), appetite(names[2]),
        ]
        let parts = shares.divide(rate(1_000), groups: ["g": rate(100)], among: all)
        #expect(parts == [rate(50), rate(50), rate(900)])
    }

    @Test func aGroupIsBoundWhereTheSessionIsNot() {
        var shares = LimitShares()
        let all = [appetite(names[0], group: "g"), appetite(names[1]), appetite(names[2])]
        let parts = shares.divide(nil, groups: ["g": rate(100)], among: all)
        #expect(parts == [rate(100), nil, nil])
    }

    @Test func whatATorrentMayNotUseByItsOwnLimitIsForOthers() {
        var shares = LimitShares()
        let all = [
            appetite(names[0]) { $0.own = ByteRate(bytesPerSecond: 100) }, appetite(names[1]),
        ]
        let parts = shares.divide(rate(1_000), among: all)
        #expect(parts == [rate(100), rate(900)])
    }

    @Test func whoIsNotBoundTakesNothingOfTheSession() {
        var shares = LimitShares()
        let all = [appetite(names[0]) { $0.honoursSession = false }, appetite(names[1])]
        #expect(shares.divide(rate(1_000), among: all) == [nil, rate(1_000)])
    }

    @Test func theMoreImportantComesFirstAndTheOtherIsNotStarved() {
        var shares = LimitShares()
        let all = [
            appetite(names[0]) { $0.priority = .low }, appetite(names[1]) { $0.priority = .high },
        ]
        #expect(shares.divide(rate(800), among: all) == [rate(100), rate(700)])
    }
}
