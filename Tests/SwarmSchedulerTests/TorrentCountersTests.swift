import Testing

@testable import SwarmScheduler

@Suite struct TorrentCountersTests {
    @Test func whatHasHappenedBetweenTwoMomentsIsAdded() {
        var sum = TorrentCounters()
        var (before, now) = (TorrentCounters(), TorrentCounters())
        (before.bans, now.bans) = (2, 5)
        (before.redundantBytes, now.redundantBytes) = (100, 116)
        sum.add(now, since: before)
        sum.add(now, since: now)
        #expect((sum.bans, sum.redundantBytes, sum.dials) == (3, 16, 0))
        sum.add(before, since: now)
        #expect(sum.bans == 3, "what has been counted is never taken back")
    }

    @Test func noCounterIsForgotten() {
        // All but the one that counts bytes.
        #expect(
            Mirror(reflecting: TorrentCounters()).children.count
                == TorrentCounters.counts.count + 1)
        #expect(Set(TorrentCounters.counts).count == TorrentCounters.counts.count)
    }
}
