import Testing

@testable import Seedbox

@Suite struct QueueRuleTests {
    private func entry(
        _ id: Int64, at position: Int, isComplete: Bool = false, bypasses: Bool = false
    ) -> QueueRule.Entry {
        QueueRule.Entry(
            id: TorrentID(id), position: position, isComplete: isComplete, bypasses: bypasses)
    }

    private func rule(downloads: Int?, seeds: Int?, isOn: Bool = true) -> QueueRule {
        var settings = Settings.Queue()
        (settings.isOn, settings.activeDownloads, settings.activeSeeds) = (isOn, downloads, seeds)
        return QueueRule(settings)
    }

    private func ids(_ set: Set<TorrentID>) -> [Int64] { set.map(\.rawValue).sorted() }

    @Test func theFirstInTheQueueAreActive() {
        let entries = [entry(1, at: 3), entry(2, at: 1), entry(3, at: 2)]
        #expect(ids(rule(downloads: 2, seeds: nil).active(among: entries)) == [2, 3])
        #expect(ids(rule(downloads: 0, seeds: nil).active(among: entries)) == [])
    }

    @Test func downloadsAndSeedsAreCountedApart() {
        let entries = [
            entry(1, at: 0, isComplete: true), entry(2, at: 1), entry(3, at: 2, isComplete: true),
            entry(4, at: 3),
        ]
        #expect(ids(rule(downloads: 1, seeds: 1).active(among: entries)) == [1, 2])
        #expect(ids(rule(downloads: nil, seeds: 1).active(among: entries)) == [1, 2, 4])
    }

    @Test func whoPassesTheQueueTakesNobodysPlace() {
        let entries = [entry(1, at: 0), entry(2, at: 1), entry(3, at: 2, bypasses: true)]
        #expect(ids(rule(downloads: 1, seeds: nil).active(among: entries)) == [1, 3])
    }

    @Test func withoutAQueueAllAreActive() {
        let entries = (1...5).map { entry(Int64($0), at: $0) }
        #expect(rule(downloads: 1, seeds: 1, isOn: false).active(among: entries).count == 5)
        #expect(rule(downloads: nil, seeds: nil).active(among: entries).count == 5)
    }

    private let order = QueueOrder([
        QueueOrder.Place(id: TorrentID(1), position: 2),
        QueueOrder.Place(id: TorrentID(2), position: 5),
        QueueOrder.Place(id: TorrentID(3), position: 6),
        QueueOrder.Place(id: TorrentID(4), position: 9),
    ])

    private func moved(_ ids: Set<Int64>, _ move: QueueMove) -> [Int64: Int] {
        let changes = order.moving(Set(ids.map { TorrentID($0) }), move)
        return Dictionary(uniqueKeysWithValues: changes.map { ($0.key.rawValue, $0.value) })
    }

    @Test func movingChangesOnlyTheNumbersOfThoseInBetween() {
        #expect(moved([3], .top) == [3: 2, 1: 5, 2: 6])
        #expect(moved([3], .up) == [3: 5, 2: 6])
        #expect(moved([3], .down) == [3: 9, 4: 6])
        #expect(moved([3], .bottom) == [3: 9, 4: 6])
    }

    @Test func whoIsAtTheEndStaysThere() {
        #expect(moved([1], .up).isEmpty)
        #expect(moved([4], .down).isEmpty)
        #expect(moved([1, 2], .up).isEmpty)
        #expect(moved([3, 4], .bottom).isEmpty)
        #expect(moved([9], .top).isEmpty)
    }

    @Test func severalKeepTheirOrder() {
        #expect(moved([2, 4], .top) == [2: 2, 4: 5, 1: 6, 3: 9])
        #expect(moved([2, 3], .up) == [2: 2, 3: 5, 1: 6])
    }

    @Test func aPlaceCanBeNamedByHowManyAreBefore() {
        let changes = order.moving(TorrentID(4), toIndex: 1)
        #expect(changes == [TorrentID(4): 5, TorrentID(2): 6, TorrentID(3): 9])
        #expect(order.moving(TorrentID(4), toIndex: 99).isEmpty)
        #expect(order.moving(TorrentID(1), toIndex: -4).isEmpty)
    }
}
