import Hashing
import Testing

@testable import Seedbox

@Suite struct QueueRuleTests {
    private func entry(
        _ id: Int64, at position: Int, isComplete: Bool = false, bypasses: Bool = false,
        isStalled: Bool = false
    ) -> QueueRule.Entry {
        QueueRule.Entry(
            id: TorrentID(id), position: position, isComplete: isComplete, bypasses: bypasses,
            isStalled: isStalled)
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

    @Test func whatHasStalledMakesRoomAndStays() {
        let entries = [
            entry(1, at: 0, isStalled: true), entry(2, at: 1), entry(3, at: 2), entry(4, at: 3),
            entry(5, at: 4, isStalled: true),
        ]
        #expect(ids(rule(downloads: 2, seeds: nil).active(among: entries)) == [1, 2, 3, 5])
    }

    @Test func aDownloadStallsAfterTheMinutesThatAreSet() {
        var settings = Settings.Queue()
        #expect(settings.stalledMinutes == 30)
        #expect(!StallRule(settings).isStalled(since: 1_000, now: 1_000 + 1_799))
        #expect(StallRule(settings).isStalled(since: 1_000, now: 1_000 + 1_800))
        #expect(!StallRule(settings).isStalled(since: nil, now: .max))
        settings.stalledMinutes = nil
        #expect(!StallRule(settings).isStalled(since: 0, now: 1 << 40))
        settings.stalledMinutes = 1
        settings.activeDownloads = nil
        #expect(!StallRule(settings).isStalled(since: 0, now: 1 << 40))
    }

    @Test func progressIsWhatComesAndTheBeginning() {
        var (member, before) = (Member(isPaused: false), row())
        var after = before
        func look(_ now: Int64) -> Int64? {
            member.noteProgress(from: before, to: after, now: now)
            before = after
            return member.progressedAt
        }
        #expect(look(10) == nil)
        after.state = .fetchingMetadata
        #expect(look(20) == 20)
        #expect(look(30) == 20)
        after.progress = 0.5
        #expect(look(40) == 40)
        after.state = .downloading
        #expect(look(50) == 50)
        after.uploaded += 1
        #expect(look(60) == 50)
        after.downloaded += 1
        #expect(look(70) == 70)
        after.state = .checking
        #expect(look(80) == nil)
        after.state = .downloading
        #expect(look(90) == 90)
    }

    private func row() -> TorrentRow {
        TorrentRow(
            id: TorrentID(1), infoHash: InfoHash(v1: SHA1Digest.hash([])), name: "a", folder: "/",
            state: .queued, added: 0)
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
