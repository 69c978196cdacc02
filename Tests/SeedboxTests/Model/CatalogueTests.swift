import Hashing
import Testing

@testable import Seedbox

@Suite struct CatalogueTests {
    private func row(_ id: Int64, name: String = "a") -> TorrentRow {
        var bytes = [UInt8](repeating: 0, count: 20)
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: id >> Int64(8 * index)) }
        return TorrentRow(
            id: TorrentID(id), infoHash: InfoHash(v1: SHA1Digest(bytes: bytes) ?? .zero),
            name: name, folder: "/", state: .seeding, added: 0)
    }

    private func catalogue(_ ids: ClosedRange<Int64>) -> Catalogue {
        let catalogue = Catalogue(startingAt: 1_000)
        for id in ids { catalogue.insert(row(id)) }
        return catalogue
    }

    @Test func rowsAreInTheOrderOfTheirIDsHoweverTheyCame() {
        let catalogue = Catalogue()
        for id: Int64 in [4, 9, 2, 7] { catalogue.insert(row(id)) }
        #expect(catalogue.withRows { $0.map(\.id.rawValue) } == [2, 4, 7, 9])
        #expect(catalogue.row(TorrentID(7))?.id == TorrentID(7))
        #expect(catalogue.row(TorrentID(5)) == nil)
    }

    @Test func aDeltaHoldsWhatChangedSinceAndNothingElse() {
        let catalogue = catalogue(1...5)
        let start = catalogue.revision
        catalogue.update(TorrentID(3)) { $0.uploaded = 7 }
        catalogue.update(TorrentID(1)) { $0.uploaded = 8 }
        catalogue.update(TorrentID(3)) { $0.uploaded = 9 }
        let delta = catalogue.changes(since: start)
        #expect(delta.isComplete)
        #expect(delta.changed.map(\.id.rawValue) == [1, 3])
        #expect(delta.changed.map(\.uploaded) == [8, 9])
        #expect(delta.revision == catalogue.revision)
        #expect(catalogue.changes(since: delta.revision).changed.isEmpty)
    }

    @Test func aChangeThatChangesNothingIsNone() {
        let catalogue = catalogue(1...2)
        let start = catalogue.revision
        #expect(catalogue.update(TorrentID(1)) { $0.uploaded = 0 })
        #expect(catalogue.revision == start)
        #expect(!catalogue.update(TorrentID(8)) { $0.uploaded = 1 })
    }

    @Test func timePassesForAllByWhatTheyDoAndIsNoChange() {
        let catalogue = catalogue(1...3)
        func spent(_ id: Int64) -> [Int64?] {
            let row = catalogue.row(TorrentID(id))
            return [row?.secondsDownloading, row?.secondsSeeding]
        }
        catalogue.update(TorrentID(1)) { $0.secondsSeeding = 100 }
        catalogue.update(TorrentID(2)) { $0.state = .downloading }
        catalogue.update(TorrentID(3)) { $0.state = .paused }
        let start = catalogue.revision
        catalogue.pass(seconds: 5)
        #expect(catalogue.revision == start)
        #expect([1, 2, 3].map(spent) == [[0, 105], [5, 0], [0, 0]])
        // To change something else, or to the same, counts nothing twice.
        catalogue.update(TorrentID(2)) { $0.uploaded = 1 }
        catalogue.update(TorrentID(2)) { $0.state = .noSpace }
        catalogue.pass(seconds: 2)
        catalogue.update(TorrentID(2)) { $0.state = .seeding }
        catalogue.pass(seconds: 30)
        #expect([1, 2, 3].map(spent) == [[0, 137], [7, 30], [0, 0]])
        catalogue.update(TorrentID(1)) { $0.state = .paused }
        catalogue.pass(seconds: 400)
        #expect(spent(1) == [0, 137])
        let again = catalogue.revision
        catalogue.update(TorrentID(1)) { $0.state = .paused }
        #expect(catalogue.revision == again)
    }

    @Test func trafficIsThatOfAllRowsHoweverTheyChange() {
        let catalogue = catalogue(1...3)
        catalogue.update(TorrentID(1)) { ($0.downloadRate, $0.peersConnected) = (7, 2) }
        catalogue.update(TorrentID(2)) { ($0.downloadRate, $0.uploadRate) = (3, 9) }
        catalogue.update(TorrentID(1)) { $0.downloadRate = 5 }
        #expect(catalogue.traffic.downloadRate == 8)
        #expect(catalogue.traffic.uploadRate == 9)
        #expect(catalogue.traffic.peersConnected == 2)
        catalogue.insert(row(2))
        #expect(catalogue.traffic.downloadRate == 5)
        catalogue.remove([TorrentID(1), TorrentID(3)])
        #expect(catalogue.traffic == Traffic())
    }

    @Test func placesInTheQueueHaveNoGapsAndAreNoChange() {
        let catalogue = catalogue(1...5)
        func places() -> [Int] { catalogue.withRows { $0.map(\.queuePlace) } }
        // Of equal positions the older is first.
        #expect(places() == [0, 1, 2, 3, 4])
        catalogue.update(TorrentID(2)) { $0.queuePosition = 70 }
        catalogue.update(TorrentID(4)) { $0.queuePosition = 30 }
        #expect(places() == [0, 4, 1, 3, 2])
        var last = row(6)
        last.queuePosition = 71
        catalogue.insert(last)
        #expect(catalogue.row(TorrentID(6))?.queuePlace == 5)
        let start = catalogue.revision
        catalogue.remove([TorrentID(1), TorrentID(3)])
        #expect(places() == [2, 1, 0, 3])
        #expect(catalogue.changes(since: start).changed.isEmpty)
    }

    @Test func removedTorrentsAreToldWithTheirNames() {
        let catalogue = catalogue(1...4)
        let start = catalogue.revision
        catalogue.update(TorrentID(2)) { $0.uploaded = 1 }
        catalogue.remove([TorrentID(2), TorrentID(4), TorrentID(77)])
        let delta = catalogue.changes(since: start)
        #expect(delta.changed.isEmpty)
        #expect(Set(delta.removed.map(\.id.rawValue)) == [2, 4])
        #expect(delta.removed.contains { $0.infoHash == row(4).infoHash })
        #expect(catalogue.withRows { $0.map(\.id.rawValue) } == [1, 3])
        #expect(catalogue.row(named: row(2).infoHash) == nil)
    }

    @Test func aRevisionOfAnotherRunOrOneTooOldIsAnsweredWithTakeAll() {
        let catalogue = catalogue(1...3)
        #expect(!catalogue.changes(since: 999).isComplete)
        #expect(!catalogue.changes(since: catalogue.revision + 1).isComplete)
        #expect(catalogue.changes(since: 1_000).changed.count == 3)
    }

    @Test func aDeltaOfTooMuchIsAnsweredWithTakeAllAndWhatIsGone() {
        let catalogue = catalogue(1...6)
        let start = catalogue.revision
        catalogue.remove([TorrentID(6)])
        for id in 1...Int64(4) { catalogue.update(TorrentID(id)) { $0.uploaded = 1 } }
        #expect(catalogue.changes(since: start, atMost: 4).changed.count == 4)
        #expect(catalogue.changes(since: start, atMost: 4).isComplete)
        catalogue.update(TorrentID(5)) { $0.uploaded = 1 }
        let delta = catalogue.changes(since: start, atMost: 4)
        #expect(!delta.isComplete)
        #expect(delta.changed.isEmpty)
        #expect(delta.removed.map(\.id) == [TorrentID(6)])
        #expect(delta.revision == catalogue.revision)
    }

    @Test func onlySoManyRemovedTorrentsAreRemembered() {
        let catalogue = Catalogue()
        let start = catalogue.revision
        for id in 1...Int64(Limits.removedKeptMax) {
            catalogue.insert(row(id))
            catalogue.remove([TorrentID(id)])
        }
        #expect(catalogue.changes(since: start).removed.count == Limits.removedKeptMax)
        let last = catalogue.revision
        catalogue.insert(row(1 << 40))
        catalogue.remove([TorrentID(1 << 40)])
        #expect(!catalogue.changes(since: start).isComplete)
        #expect(catalogue.changes(since: last).removed.count == 1)
    }

    @Test func aDeltaStaysCompleteWhileOldChangesAreSweptOut() {
        let count = Int64(2 * Limits.changesSweptAtOnce + 88)
        let catalogue = catalogue(1...count)
        // A sweep takes several changes, so deltas are asked for in the midst of it.
        var (asked, revisions) = ([Int64](), [catalogue.revision])
        for round in 1...8 * count {
            let id = round * 7 % (count - 1) + 1
            catalogue.update(TorrentID(id)) { $0.uploaded = round }
            asked.append(id)
            revisions.append(catalogue.revision)
            let back = min(Int(round), Int(round) % 40 == 0 ? Int(count) * 3 / 2 : 30)
            let delta = catalogue.changes(since: revisions[Int(round) - back])
            #expect(Set(delta.changed.map(\.id.rawValue)) == Set(asked.suffix(back)))
            #expect(delta.changed.map(\.revision) == delta.changed.map(\.revision).sorted())
        }
        let all = catalogue.changes(since: revisions[0]).changed
        #expect(all.map(\.id.rawValue).sorted() == Array(1..<count))
    }

    @Test func changesThatAreIdleAreSweptOutAFewAtATime() {
        var log = ChangeLog()
        var (longest, last): (Int, [Int64: UInt64]) = (0, [:])
        for revision in 1...UInt64(20_000) {
            let id = Int64(revision % 300)
            var looked = 0
            log.sweepSome(rowCount: 300) { entry in
                looked += 1
                return last[entry.id.rawValue] == entry.revision
            }
            #expect(looked <= Limits.changesSweptAtOnce)
            last[id] = revision
            log.append(ChangeLog.Entry(revision: revision, id: TorrentID(id)))
            var length = 0
            log.forEachBackwards { _ in
                length += 1
                return true
            }
            longest = max(longest, length)
        }
        #expect(longest < 2 * 300 + 2 * Limits.changesSweptAtOnce)
    }

    @Test func rowsAreFoundByTheirNames() throws {
        let catalogue = Catalogue()
        var hybrid = row(1)
        let v2 = try #require(SHA256Digest(bytes: Array(repeating: 9, count: 32)))
        let v1 = try #require(SHA1Digest(bytes: Array(repeating: 8, count: 20)))
        hybrid.infoHash = InfoHash(v1: v1, v2: v2)
        catalogue.insert(hybrid)
        #expect(catalogue.row(named: "\(v1)")?.id == TorrentID(1))
        #expect(catalogue.row(named: "\(v2)".uppercased())?.id == TorrentID(1))
        #expect(catalogue.row(named: InfoHash(v2: v2))?.id == TorrentID(1))
        let other = "\(v2)".prefix(60) + "0000"
        #expect(catalogue.row(named: String(other)) == nil)
        #expect(catalogue.row(named: "no hash") == nil)
    }

    @Test func aNameThatIsLearntLaterIsFoundToo() throws {
        let catalogue = catalogue(1...1)
        let v2 = try #require(SHA256Digest(bytes: Array(repeating: 9, count: 32)))
        let v1 = try #require(row(1).infoHash.v1)
        catalogue.update(TorrentID(1)) { $0.infoHash = InfoHash(v1: v1, v2: v2) }
        #expect(catalogue.row(named: InfoHash(v2: v2))?.id == TorrentID(1))
    }

    @Test func listenersAreToldAndTheStreamEndsWithTheCatalogue() async {
        let catalogue = catalogue(1...1)
        var listener = catalogue.subscribe().makeAsyncIterator()
        catalogue.update(TorrentID(1)) { $0.uploaded = 1 }
        #expect(await listener.next() != nil)
        catalogue.close()
        #expect(await listener.next() == nil)
        var late = catalogue.subscribe().makeAsyncIterator()
        #expect(await late.next() == nil)
    }
}
