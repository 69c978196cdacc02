import Testing
import Units

@testable import Seedbox

@Suite struct WatchFolderTests {
    private typealias Entry = WatchFolder.Entry

    private func moment(_ seconds: Double) -> Instant {
        .zero + .milliseconds(Int64(seconds * 1_000))
    }

    private func file(_ name: String, size: Int64 = 10, isRegularFile: Bool = true) -> Entry {
        Entry(
            name: name, sight: .init(size: size, modified: 1, inode: 1),
            isRegularFile: isRegularFile)
    }

    @Test func aFileIsTakenOnceItHasStoppedChanging() {
        var folder = WatchFolder(.events, now: .zero)
        #expect(folder.listed([file("a.torrent", size: 1)], now: .zero) == [])
        #expect(folder.nextListing == moment(2))
        #expect(folder.listed([file("a.torrent", size: 2)], now: moment(2)) == [])
        #expect(folder.listed([file("a.torrent", size: 2)], now: moment(3.9)) == [])
        #expect(
            folder.listed([file("a.torrent", size: 2)], now: moment(4))
                == [.take(name: "a.torrent")])
    }

    @Test func aFileIsTakenOnce() {
        var folder = WatchFolder(.events, now: .zero)
        _ = folder.listed([file("a.torrent")], now: .zero)
        #expect(folder.listed([file("a.torrent")], now: moment(2)) == [.take(name: "a.torrent")])
        #expect(folder.listed([file("a.torrent")], now: moment(3)) == [])
        #expect(
            folder.took("a.torrent", .added, now: moment(3)) == [.putAway(name: "a.torrent")])
        #expect(folder.took("a.torrent", .added, now: moment(3)) == [])
    }

    @Test func aFileThatCannotBePutAwayIsLeftUntilItChanges() {
        var folder = WatchFolder(.polling(every: .seconds(5)), now: .zero)
        _ = folder.listed([file("a.torrent")], now: .zero)
        _ = folder.listed([file("a.torrent")], now: moment(2))
        _ = folder.took("a.torrent", .added, now: moment(2))
        #expect(folder.listed([file("a.torrent")], now: moment(60)) == [])
        #expect(folder.listed([file("a.torrent")], now: moment(120)) == [])
        #expect(folder.listed([file("a.torrent", size: 11)], now: moment(180)) == [])
        #expect(
            folder.listed([file("a.torrent", size: 11)], now: moment(190))
                == [.take(name: "a.torrent")])
    }

    @Test func anotherFileOfTheSameNameIsTakenToo() {
        var folder = WatchFolder(.events, now: .zero)
        _ = folder.listed([file("a.torrent")], now: .zero)
        _ = folder.listed([file("a.torrent")], now: moment(2))
        _ = folder.took("a.torrent", .added, now: moment(2))
        folder.isOut("a.torrent")
        _ = folder.listed([file("a.torrent")], now: moment(3))
        #expect(folder.listed([file("a.torrent")], now: moment(5)) == [.take(name: "a.torrent")])
    }

    @Test func aSlowCopyIsGivenTimeBeforeItIsGivenUp() {
        var folder = WatchFolder(.events, now: .zero)
        _ = folder.listed([file("a.torrent")], now: .zero)
        _ = folder.listed([file("a.torrent")], now: moment(2))
        #expect(folder.took("a.torrent", .refused(reason: "cut"), now: moment(2)) == [])
        #expect(folder.listed([file("a.torrent")], now: moment(4)) == [])
        #expect(folder.nextListing == moment(30))
        #expect(folder.listed([file("a.torrent")], now: moment(30)) == [.take(name: "a.torrent")])
        #expect(
            folder.took("a.torrent", .refused(reason: "cut"), now: moment(30))
                == [.giveUp(name: "a.torrent", reason: "cut")])
    }

    @Test func aCopyThatGoesOnIsTakenWhenItIsWhole() {
        var folder = WatchFolder(.events, now: .zero)
        _ = folder.listed([file("a.torrent")], now: .zero)
        _ = folder.listed([file("a.torrent")], now: moment(2))
        _ = folder.took("a.torrent", .refused(reason: "cut"), now: moment(2))
        _ = folder.listed([file("a.torrent", size: 20)], now: moment(10))
        #expect(
            folder.listed([file("a.torrent", size: 20)], now: moment(12))
                == [.take(name: "a.torrent")])
    }

    @Test(arguments: [".a.torrent", "a.txt", "torrent", ".magnet", "a.torrent.added"])
    func othersAreNotTouched(name: String) {
        var folder = WatchFolder(.events, now: .zero)
        _ = folder.listed([file(name)], now: .zero)
        #expect(folder.listed([file(name)], now: moment(60)) == [])
    }

    @Test func aLinkIsNotFollowed() {
        var folder = WatchFolder(.events, now: .zero)
        let link = file("a.torrent", isRegularFile: false)
        _ = folder.listed([link], now: .zero)
        #expect(folder.listed([link], now: moment(60)) == [])
    }

    @Test func anEmptyFileIsNotTakenAndNotAskedFor() {
        var folder = WatchFolder(.events, now: .zero)
        _ = folder.listed([file("a.magnet", size: 0)], now: .zero)
        #expect(folder.listed([file("a.magnet", size: 0)], now: moment(60)) == [])
        #expect(folder.nextListing == moment(60) + Limits.watchRelistTime)
    }

    @Test func eventsThatComeTogetherAreOneListing() {
        var folder = WatchFolder(.events, now: .zero)
        _ = folder.listed([], now: .zero)
        folder.changed(now: moment(10))
        let due = folder.nextListing
        #expect(due == moment(10) + Limits.watchSettleTime)
        folder.changed(now: moment(10.1))
        #expect(folder.nextListing == due)
    }

    @Test func withoutEventsTheFolderIsListedAsOftenAsIsSaid() {
        var folder = WatchFolder(.polling(every: .seconds(20)), now: .zero)
        _ = folder.listed([], now: .zero)
        #expect(folder.nextListing == moment(20))
        folder.watching = .polling(every: .zero)
        _ = folder.listed([], now: moment(20))
        #expect(folder.nextListing == moment(20) + Limits.watchPollTimeMin)
    }

    @Test func aFolderThatIsGoneIsLookedForAgain() {
        var folder = WatchFolder(.events, now: .zero)
        folder.listingFailed(now: moment(1))
        #expect(folder.nextListing == moment(1) + Limits.watchRetryTime)
    }

    @Test func aFloodIsTakenInTurns() {
        var folder = WatchFolder(.events, now: .zero)
        let files = (0..<100).map { file("\($0).torrent") }
        _ = folder.listed(files, now: .zero)
        let first = folder.listed(files, now: moment(2))
        #expect(first.count == Limits.watchedTakenMax)
        #expect(folder.nextListing < moment(3))
        for case .take(let name) in first { _ = folder.took(name, .gone, now: moment(2)) }
        #expect(folder.listed(files, now: moment(3)).count == Limits.watchedTakenMax)
    }
}
