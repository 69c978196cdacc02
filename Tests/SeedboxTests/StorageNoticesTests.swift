import Hashing
import Testing
import Units

@testable import Seedbox

@Suite struct StorageNoticesTests {
    private func row(_ id: Int64, _ state: TorrentState, in folder: String = "/a") -> TorrentRow {
        TorrentRow(
            id: TorrentID(id), infoHash: InfoHash(v1: .zero), name: "", folder: folder,
            state: state, added: 0)
    }

    private func moment(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

    @Test func aFullDiskIsToldOnceForAllItsTorrents() {
        var notices = StorageNotices()
        let first = notices.changed(row(1, .noSpace))
        #expect(first?.trouble == .noSpace)
        #expect(first?.isOver == false)
        for id in 2...100 { #expect(notices.changed(row(Int64(id), .noSpace)) == nil) }
        #expect(notices.changed(row(101, .noSpace, in: "/b"))?.folder == "/b")
        #expect(notices.changed(row(1, .waitingForStorage))?.trouble == .missing)
    }

    @Test func thatItIsWellIsToldOnceAllAreAndStayedSo() {
        var notices = StorageNotices()
        _ = notices.changed(row(1, .noSpace))
        _ = notices.changed(row(2, .noSpace))
        _ = notices.changed(row(1, .downloading))
        #expect(notices.notices(now: moment(0)).isEmpty)
        #expect(notices.notices(now: moment(100)).isEmpty)
        notices.removed(TorrentID(2))
        #expect(notices.notices(now: moment(100)).isEmpty)
        #expect(notices.notices(now: moment(129)).isEmpty)
        let over = notices.notices(now: moment(130))
        #expect(over.map(\.isOver) == [true])
        #expect(notices.notices(now: moment(200)).isEmpty)
    }

    @Test func whatComesAndGoesIsNotToldEachTime() {
        var notices = StorageNotices()
        #expect(notices.changed(row(1, .noSpace)) != nil)
        for second in 1...60 {
            let state = second % 2 == 0 ? TorrentState.noSpace : .downloading
            #expect(notices.changed(row(1, state)) == nil)
            #expect(notices.notices(now: moment(Int64(second))).isEmpty)
        }
    }

    @Test func aNewTroubleIsToldAgain() {
        var notices = StorageNotices()
        _ = notices.changed(row(1, .waitingForStorage))
        _ = notices.changed(row(1, .seeding))
        _ = notices.notices(now: moment(0))
        #expect(notices.notices(now: moment(31)).count == 1)
        #expect(notices.changed(row(1, .waitingForStorage)) != nil)
    }
}
