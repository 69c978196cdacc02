import Foundation
import Logging
import Metainfo
import Testing
import Units

@testable import Seedbox

@Suite(.timeLimit(.minutes(10))) struct SeedboxTests {
    private let scratch: ModelScratch

    init() throws { scratch = try ModelScratch() }

    @Test func aTorrentComesFromOneSeedboxToAnother() async throws {
        let torrent = TestTorrent("Album")
        let seed = try await TestBox.open("seed", in: scratch)
        try torrent.write(to: seed.folder)
        let seeding = try await seed.box.add(AddRequest(.manifest(torrent.manifest)))
        #expect(seeding.isNew)
        let row = try await seed.wait(for: seeding.id, "seeds") {
            $0.state == .seeding && $0.completed != nil
        }
        #expect(row.isComplete)
        #expect(row.content?.fileCount == 2)

        let leech = try await TestBox.open("leech", in: scratch)
        var request = AddRequest(.manifest(torrent.manifest))
        request.peers = [seed.endpoint]
        request.labels = ["music"]
        let fetching = try await leech.box.add(request)
        let done = try await leech.wait(for: fetching.id, "fetches") { $0.completed != nil }
        #expect(torrent.isWhole(in: leech.folder))
        #expect(done.labels == ["music"])
        try await seed.wait(for: seeding.id, "counts", seconds: 60) { $0.uploaded >= 170_000 }
        try await leech.wait(for: fetching.id, "counts") { $0.downloaded >= 170_000 }
        await leech.box.shutdown()
        await seed.box.shutdown()
        #expect(leech.box.statistics.thisRun.downloaded >= 170_000)
    }

    @Test func aMagnetLinkBecomesItsTorrentAndKeepsItsNumber() async throws {
        let torrent = TestTorrent("Album")
        let seed = try await TestBox.open("seed", in: scratch)
        try torrent.write(to: seed.folder)
        let id = try await seed.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await seed.wait(for: id, "seeds") { $0.state == .seeding }
        let hash = try #require(seed.box.catalogue.row(id)?.infoHash)

        let leech = try await TestBox.open("leech", in: scratch)
        var request = AddRequest(.link("\(hash)"))
        request.peers = [seed.endpoint]
        let fetching = try await leech.box.add(request)
        #expect(leech.box.catalogue.row(fetching.id)?.content == nil)
        let row = try await leech.wait(for: fetching.id, "fetches") { $0.completed != nil }
        #expect((row.name, row.content?.fileCount) == ("Album", 2))
        await leech.box.shutdown()
        await seed.box.shutdown()

        let again = try await TestBox.open("leech", in: scratch)
        #expect(again.box.catalogue.row(fetching.id)?.content?.length == 170_000)
        try await again.wait(for: fetching.id, "seeds again") { $0.state == .seeding }
        await again.box.shutdown()
    }

    @Test func filesOfAMagnetLinkAreChosenBeforeTheyAreKnown() async throws {
        let torrent = TestTorrent("Album", files: [("a", 100_000), ("b", 70_000), ("c", 9)])
        let seed = try await TestBox.open("seed", in: scratch)
        try torrent.write(to: seed.folder)
        let id = try await seed.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await seed.wait(for: id, "seeds") { $0.state == .seeding }
        let hash = try #require(seed.box.catalogue.row(id)?.infoHash)

        var leech = try await TestBox.open("leech", in: scratch)
        var request = AddRequest(.link("\(hash)"))
        request.wantedFiles = [-1]
        await #expect(throws: SeedboxError.noSuchFile(-1)) { try await leech.box.add(request) }
        (request.wantedFiles, request.startsPaused) = ([0, 99], true)
        let fetching = try await leech.box.add(request).id
        await leech.box.shutdown()
        // The choice is kept.
        leech = try await TestBox.open("leech", in: scratch)
        try await leech.box.addPeers(fetching, [seed.endpoint])
        try await leech.box.start([fetching])
        try await leech.wait(for: fetching, "fetches") {
            $0.state == .seeding && $0.isComplete && $0.downloaded > 0
        }
        #expect(try await leech.box.files(of: fetching).map(\.isWanted) == [true, false, false])
        let all = try FileManager.default.contentsOfDirectory(atPath: leech.folder + "/Album")
        #expect(all == ["a"])
        await leech.box.shutdown()
        await seed.box.shutdown()
    }

    @Test func whatIsWantedOfTorrentsSurvivesARestart() async throws {
        let first = try await TestBox.open("box", in: scratch)
        var request = AddRequest(.manifest(TestTorrent("Album").manifest))
        request.startsPaused = true
        request.labels = ["a", "b"]
        request.wantedFiles = [1]
        request.filePriorities = [1: .high]
        request.seedingLimits.ratio = .atMost(2)
        request.uploadLimit = 5_000
        let id = try await first.box.add(request).id
        let other = try await first.box.add(
            AddRequest(.link("magnet:?xt=urn:btih:" + String(repeating: "a", count: 40)))
        ).id
        try await first.box.moveInQueue([other], .top)
        var before = try #require(first.box.catalogue.row(id))
        await first.box.shutdown()

        let second = try await TestBox.open("box", in: scratch)
        var after = try #require(second.box.catalogue.row(id))
        (before.revision, after.revision) = (0, 0)
        #expect(after == before)
        #expect(after.state == .paused)
        #expect(after.bytesWanted == Int64(170_000 - 3 * TestTorrent.pieceLength))
        let files = try await second.box.files(of: id)
        #expect(files.map(\.isWanted) == [false, true])
        #expect(files.map(\.priority) == [.normal, .high])
        let places = [other, id].compactMap { second.box.catalogue.row($0)?.queuePosition }
        #expect(places == places.sorted() && Set(places).count == 2)
        #expect(second.box.statistics.allTime.sessions == 2)
        #expect(second.box.statistics.allTime.torrentsAdded == 2)
        await second.box.shutdown()
    }

    @Test func aTorrentThatIsThereAlreadyIsFoundAndNotChanged() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        var request = AddRequest(.manifest(torrent.manifest))
        request.startsPaused = true
        let first = try await box.box.add(request)
        request.labels = ["new"]
        let second = try await box.box.add(request)
        #expect(second.id == first.id)
        #expect(!second.isNew)
        #expect(box.box.catalogue.row(first.id)?.labels == [])
        await box.box.shutdown()
    }

    @Test func trackersOfASecondLinkAreAddedToThoseOfTheFirst() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let link = "magnet:?xt=urn:btih:" + String(repeating: "a", count: 40)
        var request = AddRequest(.link(link + "&tr=http://one.example/a"))
        request.startsPaused = true
        let id = try await box.box.add(request).id
        request.source = .link(link + "&tr=http://two.example/a&tr=http://one.example/a")
        #expect(try await box.box.add(request).isNew == false)
        let urls = try await box.box.trackers(of: id).map(\.url)
        #expect(urls == ["http://one.example/a", "http://two.example/a"])
        await box.box.shutdown()
    }

    /// The next change is not refused for it.
    @Test func settingsThatCannotBeTakenLeaveThoseThatWere() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let other = try await TestBox.open("other", in: scratch)
        var settings = box.box.settings
        settings.network.port = other.box.port
        settings.queue.activeDownloads = 3
        let taken = settings
        await #expect(throws: SeedboxError.self) { try await box.box.reload(taken) }
        #expect(box.box.settings.queue.activeDownloads == 8)
        var wanted = box.box.settings
        wanted.queue.activeSeeds = 5
        try await box.box.changeSettings(SettingsChanges(from: box.box.settings, to: wanted))
        #expect(box.box.settings.queue.activeSeeds == 5)
        await other.box.shutdown()
        await box.box.shutdown()
    }

    @Test func pausingEndsItAndStartingGoesOn() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        try torrent.write(to: box.folder)
        let id = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await box.wait(for: id, "seeds") { $0.state == .seeding }
        try await box.box.pause([id])
        #expect(box.box.catalogue.row(id)?.state == .paused)
        #expect(box.box.catalogue.row(id)?.isComplete == true)
        try await box.box.start([id])
        try await box.wait(for: id, "seeds again") { $0.state == .seeding }
        await #expect(throws: SeedboxError.noSuchTorrent("99")) {
            try await box.box.pause([id, TorrentID(99)])
        }
        await box.box.shutdown()
    }

    @Test func removingLeavesTheContentUnlessItIsToGoToo() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album", files: [("deep/a.bin", 50_000), ("b.bin", 10)])
        try torrent.write(to: box.folder)
        try Data([1]).write(to: URL(fileURLWithPath: box.folder + "/Album/mine.txt"))
        let first = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await box.wait(for: first, "seeds") { $0.state == .seeding }
        try await box.box.remove([first])
        #expect(box.box.catalogue.count == 0)
        #expect(torrent.isWhole(in: box.folder))

        let second = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        #expect(second > first)
        try await box.wait(for: second, "seeds") { $0.state == .seeding }
        try await box.box.remove([second], deletingData: true)
        let left = try FileManager.default.subpathsOfDirectory(atPath: box.folder)
        // What is not the torrent's stays, and so does the folder that it is in.
        #expect(left.sorted() == ["Album", "Album/mine.txt"])
        await box.box.shutdown()
        let again = try await TestBox.open("box", in: scratch)
        #expect(again.box.catalogue.count == 0)
        await again.box.shutdown()
    }

    @Test func aSecondSeedboxOnTheSameStateIsRefused() async throws {
        let first = try await TestBox.open("box", in: scratch)
        await #expect {
            _ = try await TestBox.open("box", in: scratch)
        } throws: { error in
            "\(error)".contains("another seedbox is using it")
        }
        await first.box.shutdown()
    }

    @Test func whoMayNotUseAStateFolderOpensNothingInIt() async throws {
        let state = try scratch.folder("box/state")
        let lock = try StateLock(folder: state)
        await #expect(throws: SeedboxError.self) { _ = try await TestBox.open("box", in: scratch) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: state) == ["seedbox.lock"])
        lock.giveUp()
    }

    @Test func endsAtItsDeadlineWhateverIsStillUnderWay() async throws {
        let begun = ContinuousClock.now
        let isDone = await finishes(by: begun + .milliseconds(20)) {
            try? await Task.sleep(for: .seconds(600))
        }
        #expect(!isDone)
        #expect(ContinuousClock.now - begun < .seconds(300))
        #expect(await finishes(by: begun + .seconds(600)) {})
        // A deadline that has passed is no reason not to save.
        let box = try await TestBox.open("box", in: scratch)
        await box.box.shutdown(by: .now - .seconds(1))
        let again = try await TestBox.open("box", in: scratch)
        await again.box.shutdown()
    }

    @Test("R8 content is put under the allowed folders only")
    func foldersOutsideAreRefused() async throws {
        let box = try await TestBox.open("box", in: scratch)
        for folder in ["/etc", "downloads", box.folder + "/../x"] {
            var request = AddRequest(.manifest(TestTorrent("Album").manifest))
            request.folder = folder
            await #expect(throws: SeedboxError.self) { try await box.box.add(request) }
        }
        #expect(box.box.catalogue.count == 0)
        await box.box.shutdown()
    }

    @Test("R9 a torrent by URL is not fetched from near, nor from files")
    func urlsThatLeadNearAreRefused() async throws {
        let box = try await TestBox.open("box", in: scratch)
        for url in [
            "http://127.0.0.1:\(box.box.port)/a.torrent", "http://169.254.169.254/latest",
            "http://[::1]:9/a", "file:///etc/passwd", "ftp://192.0.2.1/a",
        ] {
            await #expect(throws: SeedboxError.self, "\(url)") {
                try await box.box.add(AddRequest(.url(url)))
            }
        }
        await box.box.shutdown()
    }

    @Test("R7 file numbers that are none are refused, and nothing is changed")
    func fileNumbersAreChecked() async throws {
        let box = try await TestBox.open("box", in: scratch)
        var request = AddRequest(.manifest(TestTorrent("Album").manifest))
        request.startsPaused = true
        let id = try await box.box.add(request).id
        for number in [-1, 2, Int.max, Int.min] {
            var changes = TorrentChanges()
            changes.labels = ["changed"]
            changes.wanted = [number: false]
            await #expect(throws: SeedboxError.noSuchFile(number)) {
                try await box.box.change([id], changes)
            }
        }
        #expect(box.box.catalogue.row(id)?.labels == [])
        await box.box.shutdown()
    }

    @Test func settingsThatAreChangedHoldAfterARestart() async throws {
        let first = try await TestBox.open("box", in: scratch)
        var films = Category(name: "films")
        films.folder = first.folder + "/films"
        try await first.box.setCategory(Category(name: "films"))
        try await first.box.setCategory(Category(name: "music"))
        // Who is changed keeps its place.
        try await first.box.setCategory(films)
        var new = first.box.settings
        new.limits.up = ByteRate(bytesPerSecond: 12_345)
        try await first.box.changeSettings(
            SettingsChanges(from: first.box.settings, to: new))
        var request = AddRequest(.manifest(TestTorrent("Album").manifest))
        (request.category, request.startsPaused) = ("films", true)
        let id = try await first.box.add(request).id
        #expect(first.box.catalogue.row(id)?.folder == first.folder + "/films")
        await first.box.shutdown()

        let second = try await TestBox.open("box", in: scratch)
        #expect(second.box.settings.limits.up == ByteRate(bytesPerSecond: 12_345))
        #expect(second.box.categories == [films, Category(name: "music")])
        #expect(second.box.catalogue.row(id)?.category == "films")
        try await second.box.removeCategory("films")
        #expect(second.box.catalogue.row(id)?.category == nil)
        await #expect(throws: SeedboxError.noSuchCategory("films")) {
            try await second.box.removeCategory("films")
        }
        await second.box.shutdown()
    }
}

@Suite(.timeLimit(.minutes(10))) struct SeedboxContentTests {
    private let scratch: ModelScratch

    init() throws { scratch = try ModelScratch() }

    private func seeding(
        _ torrent: TestTorrent, in box: TestBox
    ) async throws -> TorrentID {
        try torrent.write(to: box.folder)
        let id = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await box.wait(for: id, "seeds") { $0.state == .seeding }
        return id
    }

    @Test func aCheckFindsWhatHasBeenDamagedAndAPausedTorrentIsPausedAfterIt() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        let id = try await seeding(torrent, in: box)
        try await box.box.pause([id])
        let file = FileHandle(forUpdatingAtPath: box.folder + "/Album/a.bin")
        try file?.write(contentsOf: Data([1, 2, 3]))
        try file?.close()
        try await box.box.recheck([id])
        let row = try await box.wait(for: id, "is checked") {
            $0.state == .paused && !$0.isComplete
        }
        #expect(row.bytesDone == 170_000 - Int64(TestTorrent.pieceLength))
        let map = try await box.box.pieces(of: id)
        #expect(map.have.setCount == map.have.count - 1)
        await box.box.shutdown()
    }

    @Test func theFilesThatAreWantedCanChangeWhileItRunsAndWhileItDoesNot() async throws {
        let seed = try await TestBox.open("seed", in: scratch)
        let torrent = TestTorrent("Album")
        _ = try await seeding(torrent, in: seed)
        let box = try await TestBox.open("box", in: scratch)
        var request = AddRequest(.manifest(torrent.manifest))
        (request.wantedFiles, request.startsPaused) = ([0], true)
        let id = try await box.box.add(request).id
        var changes = TorrentChanges()
        changes.wanted = [0: false, 1: true]
        try await box.box.change([id], changes)
        // The pieces that hold any of it, whether it runs or not.
        let wanted = Int64(170_000 - 3 * TestTorrent.pieceLength)
        #expect(box.box.catalogue.row(id)?.bytesWanted == wanted)
        try await box.box.start([id])
        try await box.box.addPeers(id, [seed.endpoint])
        let one = try await box.wait(for: id, "fetches one file") {
            $0.state == .seeding && $0.isComplete && $0.downloaded > 0
        }
        #expect(one.bytesWanted == wanted)
        try await box.box.pause([id])
        let paused = box.box.catalogue.row(id)
        #expect((paused?.bytesWanted, paused?.bytesDone) == (wanted, wanted))
        try await box.box.start([id])
        try await box.wait(for: id, "seeds again") { $0.state == .seeding }
        changes.wanted = [0: true]
        try await box.box.change([id], changes)
        #expect(box.box.catalogue.row(id)?.bytesWanted == 170_000)
        // Two that both have all they want have parted, and meet again.
        let all = try await box.wait(for: id, "fetches the other", seconds: 300) {
            $0.state == .seeding && $0.bytesDone == 170_000
        }
        #expect(all.bytesWanted == 170_000)
        #expect(torrent.isWhole(in: box.folder))
        await box.box.shutdown()
        await seed.box.shutdown()
    }

    /// What is shown of them is what programs write back.
    @Test func passkeysAndPasswordsOfTrackersAreShownAsTheyAre() async throws {
        let key = "http://127.0.0.1:1/0123456789abcdef/announce?auth=1"
        let word = "http://me:word@127.0.0.1:1/announce.php"
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album", tracker: key)
        let id = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await box.wait(for: id, "is active") { $0.state == .downloading }
        #expect(try await box.box.trackers(of: id).map(\.url) == [key])
        var changes = TorrentChanges()
        changes.trackers = [[key], [word]]
        try await box.box.change([id], changes)
        #expect(try await box.box.trackers(of: id).map(\.url) == [key, word])
        #expect(try Metainfo(await box.box.manifest(of: id)).announceTiers == [[key], [word]])
        #expect(try await MagnetLink(box.box.magnet(of: id)).trackers == [key, word])
        await box.box.shutdown()
    }

    @Test func trackersThatAreSetAreKeptAndShown() async throws {
        let box = try await TestBox.open("box", in: scratch) { $0.network.usesTrackers = false }
        var request = AddRequest(.manifest(TestTorrent("Album", tracker: "http://a/x").manifest))
        request.startsPaused = true
        let id = try await box.box.add(request).id
        #expect(try await box.box.trackers(of: id).map(\.url) == ["http://a/x"])
        var changes = TorrentChanges()
        changes.trackers = [["udp://b:1"], ["http://c/y", "http://d/z"]]
        try await box.box.change([id], changes)
        let rows = try await box.box.trackers(of: id)
        #expect(rows.map(\.tier) == [0, 1, 1])
        #expect(box.box.catalogue.row(id)?.tracker == "udp://b:1")
        for bad in ["file:///etc/passwd", "gopher://x", "http://", "http://a b"] {
            changes.trackers = [[bad]]
            await #expect(throws: SeedboxError.self) { try await box.box.change([id], changes) }
        }
        #expect(try await box.box.trackers(of: id).count == 3)
        await box.box.shutdown()
    }

    @Test func aCrashLosesNoTorrentAndNoWish() async throws {
        let first = try await TestBox.open("box", in: scratch)
        var ids: [TorrentID] = []
        for number in 0..<5 {
            var request = AddRequest(.manifest(TestTorrent("t\(number)").manifest))
            request.startsPaused = true
            ids.append(try await first.box.add(request).id)
        }
        var changes = TorrentChanges()
        changes.labels = ["kept"]
        try await first.box.change([ids[1]], changes)
        try await first.box.remove([ids[0]])
        // What another process would find now is what a crash leaves.
        let copy = try scratch.folder("copy")
        for file in ["session.db", "session.db-wal"] {
            try FileManager.default.copyItem(
                atPath: scratch.path + "/box/state/" + file, toPath: copy + "/" + file)
        }
        let second = try await TestBox.open("second", in: scratch) {
            $0.storage.stateFolder = copy
        }
        let rows = second.box.catalogue.withRows { $0 }
        #expect(rows.map(\.id) == Array(ids.dropFirst()))
        #expect(rows.first?.labels == ["kept"])
        await second.box.shutdown()
        await first.box.shutdown()
    }

    @Test func contentThatIsMovedIsServedFromThereWithoutBeingCheckedAgain() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        let id = try await seeding(torrent, in: box)
        let target = box.folder + "/other/deep"
        try await box.box.move([id], to: target, movingData: true)
        let row = try await box.wait(for: id, "seeds from there") { $0.state == .seeding }
        #expect(row.folder == target)
        var isWhole = torrent.isWhole(in: target)
        #expect(isWhole)
        #expect(!FileManager.default.fileExists(atPath: box.folder + "/Album"))

        try await box.box.pause([id])
        try await box.box.move([id], to: box.folder, movingData: true)
        #expect(box.box.catalogue.row(id)?.state == .paused)
        isWhole = torrent.isWhole(in: box.folder)
        #expect(isWhole)
        await box.box.shutdown()
        let again = try await TestBox.open("box", in: scratch)
        #expect(again.box.catalogue.row(id)?.folder == box.folder)
        await again.box.shutdown()
    }

    @Test(arguments: [true, false])
    func whatIsRenamedIsShownAndServedUnderItsNewName(isPaused: Bool) async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album", files: [("a.bin", 100_000), ("deep/b.bin", 70_000)])
        let id = try await seeding(torrent, in: box)
        if isPaused { try await box.box.pause([id]) }
        try await box.box.rename(id, path: "Album/deep", to: "low")
        try await box.box.rename(id, path: "Album", to: "Sammlung")
        try await box.box.rename(id, path: "Sammlung/a.bin", to: "first.bin")
        let paths = ["Sammlung/first.bin", "Sammlung/low/b.bin"]
        #expect(try await box.box.files(of: id).map(\.path) == paths)
        #expect(box.box.catalogue.row(id)?.name == "Sammlung")
        let all = try FileManager.default.subpathsOfDirectory(atPath: box.folder).sorted()
        #expect(all == ["Sammlung", paths[0], "Sammlung/low", paths[1]])
        // One that runs is opened anew.
        try await eventually { try await box.box.pieces(of: id).have.isFull }

        // Adding it again finds it, and changes no name.
        let again = try await box.box.add(AddRequest(.manifest(torrent.manifest)))
        #expect((again.id, again.isNew) == (id, false))
        var changes = TorrentChanges()
        changes.trackers = [["http://a.example/x"]]
        try await box.box.change([id], changes)
        #expect(box.box.catalogue.row(id)?.name == "Sammlung")
        await box.box.shutdown()

        let second = try await TestBox.open("box", in: scratch)
        #expect(second.box.catalogue.row(id)?.name == "Sammlung")
        #expect(try await second.box.files(of: id).map(\.path) == paths)
        try await second.box.recheck([id])
        try await second.wait(for: id, "is checked") {
            $0.state == (isPaused ? .paused : .seeding) && $0.isComplete
        }
        try await second.box.remove([id], deletingData: true)
        #expect(try FileManager.default.subpathsOfDirectory(atPath: box.folder) == [])
        await second.box.shutdown()
    }

    @Test("R8 no file of a torrent gets a name that leads elsewhere or is taken")
    func namesAreChecked() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        let id = try await seeding(torrent, in: box)
        try Data([7]).write(to: URL(fileURLWithPath: box.folder + "/Album/theirs"))
        for name in ["../../x", "..", "/etc/x", "a/b", "", "x\0", "x.part"] {
            await #expect("\(name) is refused") {
                try await box.box.rename(id, path: "Album/a.bin", to: name)
            } throws: { error in
                if case .badValue? = error as? SeedboxError { true } else { false }
            }
        }
        for name in ["theirs", "b.bin"] {
            await #expect(throws: SeedboxError.exists(name)) {
                try await box.box.rename(id, path: "Album/a.bin", to: name)
            }
        }
        await #expect(throws: SeedboxError.self) {
            try await box.box.rename(id, path: "Album/../../x", to: "y")
        }
        #expect(torrent.isWhole(in: box.folder))
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: box.folder + "/Album/theirs")) == Data([7]))
        try await box.wait(for: id, "goes on") { $0.state == .seeding }
        let link = try await box.box.add(AddRequest(.link(String(repeating: "a", count: 40))))
        await #expect(throws: SeedboxError.self) {
            try await box.box.rename(link.id, path: "x", to: "y")
        }
        await box.box.shutdown()
    }

    @Test("R8 content is not moved out of the allowed folders, nor over what stands there")
    func movesAreKeptWithinTheRoots() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        let id = try await seeding(torrent, in: box)
        for folder in ["/etc", "../x", box.folder + "/../../x"] {
            await #expect(throws: SeedboxError.self) {
                try await box.box.move([id], to: folder, movingData: true)
            }
        }
        let taken = try scratch.folder("box/downloads/taken/Album")
        try Data([7]).write(to: URL(fileURLWithPath: taken + "/a.bin"))
        await #expect(throws: SeedboxError.self) {
            try await box.box.move(
                [id], to: box.folder + "/taken", movingData: true)
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: taken + "/a.bin")) == Data([7]))
        #expect(box.box.catalogue.row(id)?.folder == box.folder)
        try await box.wait(for: id, "goes on where it was") { $0.state == .seeding }
        await box.box.shutdown()
    }
}
