import Hashing
import Testing

@testable import Seedbox

@Suite struct RowTests {
    private var row: TorrentRow {
        var row = TorrentRow(
            id: TorrentID(1), infoHash: InfoHash(v1: .zero), name: "a", folder: "/",
            state: .downloading, added: 0)
        (row.bytesWanted, row.bytesDone, row.downloadRate) = (1_000, 400, 60)
        return row
    }

    @Test func theTimeLeftIsThatOfWhatIsMissing() {
        #expect(row.secondsLeft == 10)
        var stalled = row
        stalled.downloadRate = 0
        #expect(stalled.secondsLeft == nil)
    }

    @Test func theRatioIsOfWhatWasFetchedOrElseOfWhatIsThere() {
        var row = row
        row.uploaded = 800
        #expect(row.ratio == 2)
        row.downloaded = 200
        #expect(row.ratio == 4)
        (row.downloaded, row.bytesDone) = (0, 0)
        #expect(row.ratio == nil)
    }
}
