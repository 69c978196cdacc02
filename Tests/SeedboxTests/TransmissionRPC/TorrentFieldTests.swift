import Hashing
import JSONText
import Testing
import Units

@testable import Seedbox

@Suite struct TorrentFieldTests {
    @Test func everyFieldIsKnownInBothSpellingsAndWritten() throws {
        for field in TorrentField.allCases {
            #expect(TorrentField(spelled: field.rawValue) == field)
            #expect(TorrentField(spelled: Spelling.plain(field.rawValue)) == field)
            #expect(try Self.value(of: field, Self.row()) != nil)
        }
    }

    @Test func fieldsAreAnsweredUnderTheNamesThatWereAsked() throws {
        let answer = try Self.answer(
            #"{"fields":["id","fileCount","file-count","nothing","id"]}"#, [Self.row()])
        #expect(answer == #"{"torrents":[{"id":7,"fileCount":2,"file-count":2}]}"#)
    }

    @Test func aTableBeginsWithTheNames() throws {
        let answer = try Self.answer(
            #"{"fields":["name","id"],"format":"table"}"#, [Self.row(), Self.row()])
        #expect(answer == #"{"torrents":[["name","id"],["one",7],["one",7]]}"#)
    }

    @Test func fieldsAreNeeded() throws {
        #expect(throws: RPCFailure.self) { try Self.answer("{}", []) }
        #expect(throws: RPCFailure.self) {
            try Self.answer(#"{"fields":["id"],"format":"csv"}"#, [])
        }
        let many = JSON.array(Array(repeating: "id", count: Limits.rpcFieldsMax + 1))
        #expect(throws: RPCFailure.self) {
            try TorrentFields(RPCArguments(.object([("fields", many)])))
        }
    }

    @Test("what transmission-remote lists is whole where it expects whole numbers")
    func wholeNumbers() throws {
        let whole: [TorrentField] = [
            .eta, .id, .leftUntilDone, .rateDownload, .rateUpload, .sizeWhenDone, .status, .error,
            .peersGettingFromUs, .peersSendingToUs,
        ]
        for field in whole {
            let value = try #require(try Self.value(of: field, Self.row()))
            guard case .integer = value else {
                Issue.record("\(field) is \(value)")
                continue
            }
        }
    }

    @Test(
        "a tracker that says nothing is no error, what it says is one",
        arguments: [
            (TorrentTrouble.Kind.trackerSilent, 0, ""), (.trackerWarning, 1, "words"),
            (.trackerError, 2, "words"), (.local, 3, "words"),
        ])
    func errors(kind: TorrentTrouble.Kind, number: Int64, text: String) throws {
        var row = Self.row()
        row.error = TorrentTrouble(kind: kind, text: "words")
        #expect(try Self.value(of: .error, row)?.integer == number)
        #expect(try Self.value(of: .errorString, row)?.string == text)
    }

    @Test(
        "a state is one of Transmission's seven",
        arguments: [
            (TorrentState.paused, false, 0), (.paused, true, 0), (.queued, false, 3),
            (.queued, true, 5), (.checking, true, 2), (.fetchingMetadata, false, 4),
            (.downloading, false, 4), (.seeding, true, 6), (.moving, true, 2),
            (.waitingForStorage, false, 3), (.waitingForStorage, true, 5), (.noSpace, false, 4),
            (.failed, false, 0),
        ])
    func statusOfState(state: TorrentState, isComplete: Bool, status: Int64) throws {
        var row = Self.row()
        row.state = state
        row.bytesDone = isComplete ? row.bytesWanted : 0
        #expect(try Self.value(of: .status, row)?.integer == status)
    }

    @Test func timeLeftIsUnknownOrNone() throws {
        var row = Self.row()
        row.state = .downloading
        #expect(try Self.value(of: .eta, row)?.integer == -2)
        row.downloadRate = 100
        #expect(try Self.value(of: .eta, row)?.integer == 4)
        row.state = .paused
        #expect(try Self.value(of: .eta, row)?.integer == -1)
    }

    @Test func whatHasReachedItsRatioAndStoppedIsFinished() throws {
        var row = Self.row()
        (row.bytesDone, row.downloaded, row.uploaded) = (1000, 1000, 1500)
        #expect(try Self.value(of: .isFinished, row)?.bool == false)
        row.seedingLimits.ratio = .atMost(1.5)
        #expect(try Self.value(of: .isFinished, row)?.bool == true)
        #expect(try Self.value(of: .seedRatioMode, row)?.integer == 1)
        #expect(try Self.value(of: .seedRatioLimit, row)?.number == 1.5)
        row.state = .seeding
        #expect(try Self.value(of: .isFinished, row)?.bool == false)
    }

    @Test func aCategoryIsALabel() throws {
        var row = Self.row()
        row.labels = ["b"]
        row.category = "a"
        #expect(try Self.value(of: .labels, row) == ["a", "b"])
        row.labels = ["b", "a"]
        #expect(try Self.value(of: .labels, row) == ["b", "a"])
    }

    @Test func limitsAreKilobytesAndMinutes() throws {
        var row = Self.row()
        #expect(try Self.value(of: .downloadLimited, row)?.bool == false)
        #expect(try Self.value(of: .downloadLimit, row)?.integer == 100)
        row.downloadLimit = 50_000
        row.seedingLimits.idle = .atMost(600)
        #expect(try Self.value(of: .downloadLimited, row)?.bool == true)
        #expect(try Self.value(of: .downloadLimit, row)?.integer == 50)
        #expect(try Self.value(of: .seedIdleLimit, row)?.integer == 10)
        #expect(try Self.value(of: .seedIdleMode, row)?.integer == 1)
    }

    @Test func filesAreWrittenInTheSpellingThatIsSpoken() throws {
        var details = FetchedDetails()
        details.files = [
            FileRow(
                index: 0, path: "one/a.mkv", length: 400, bytesDone: 100, isWanted: true,
                priority: .high, pieces: 0..<2),
            FileRow(
                index: 1, path: "one/b.txt", length: 600, bytesDone: 0, isWanted: false,
                priority: .normal, pieces: 1..<4),
        ]
        let old = try #require(try Self.value(of: .files, Self.row(), details)?.elements)
        #expect(old.count == 2)
        #expect(old.first?["bytesCompleted"]?.integer == 100)
        #expect(old.last?["endPiece"]?.integer == 4)
        #expect(try Self.value(of: .wanted, Self.row(), details) == [1, 0])
        #expect(try Self.value(of: .priorities, Self.row(), details) == [1, 0])
        #expect(try Self.value(of: .primaryMIMEType, Self.row(), details) == "text/plain")
        let new = try #require(
            try Self.value(of: .fileStats, Self.row(), details, .new)?.elements)
        #expect(new.last?["bytes_completed"]?.integer == 0)
        #expect(new.last?["wanted"]?.bool == false)
        #expect(try Self.value(of: .wanted, Self.row(), details, .new) == [true, false])
    }

    @Test func piecesAreBase64AndAvailabilityHasOneForEach() throws {
        var have = Bitfield(count: 10)
        have.insert(PieceIndex(0))
        have.insert(PieceIndex(9))
        var details = FetchedDetails()
        details.pieces = PieceMap(have: have, availability: [3, 0, 2, 0, 0, 0, 0, 0, 0, 1])
        #expect(try Self.value(of: .pieces, Self.row(), details) == "gEA=")
        #expect(
            try Self.value(of: .availability, Self.row(), details)
                == [-1, 0, 2, 0, 0, 0, 0, 0, 0, -1])
        #expect(try Self.value(of: .desiredAvailable, Self.row(), details)?.integer == 100)
        // Nobody is connected: still one for each piece.
        details.pieces = PieceMap(have: have, availability: [])
        #expect(try Self.value(of: .availability, Self.row(), details)?.elements?.count == 10)
    }

    @Test("trackers have all that transmission-remote looks up, in its types")
    func trackerStats() throws {
        var tracker = TrackerRow(url: "http://tracker.example.org:6969/announce?k=1", tier: 0)
        tracker.state = .working
        (tracker.seeds, tracker.lastAnnounce) = (3, 1000)
        var details = FetchedDetails()
        details.trackers = [tracker, TrackerRow(url: "udp://b:1", tier: 0)]
        let stats = try #require(try Self.value(of: .trackerStats, Self.row(), details)?.elements)
        let first = try #require(stats.first)
        let integers = [
            "downloadCount", "id", "lastAnnouncePeerCount", "lastAnnounceStartTime",
            "lastAnnounceTime", "lastScrapeStartTime", "lastScrapeTime", "leecherCount",
            "nextAnnounceTime", "nextScrapeTime", "seederCount", "tier", "announceState",
            "scrapeState",
        ]
        let flags = [
            "hasAnnounced", "hasScraped", "isBackup", "lastAnnounceSucceeded",
            "lastAnnounceTimedOut", "lastScrapeSucceeded", "lastScrapeTimedOut",
        ]
        for name in integers { #expect(first[name]?.integer != nil, "\(name)") }
        for name in flags { #expect(first[name]?.bool != nil, "\(name)") }
        #expect(first["host"] == "http://tracker.example.org:6969")
        #expect(first["sitename"] == "example")
        #expect(first["scrape"] == "http://tracker.example.org:6969/scrape?k=1")
        #expect(first["lastAnnounceResult"] == "Success")
        #expect(stats.map { $0["isBackup"]?.bool } == [false, true])
        #expect(
            try Self.value(of: .trackerList, Self.row(), details)
                == "http://tracker.example.org:6969/announce?k=1\nudp://b:1")
    }

    @Test func aTryThatFailedCountsAsOne() throws {
        var tracker = TrackerRow(url: "http://tracker.example.org/announce", tier: 0)
        (tracker.state, tracker.lastTry, tracker.message) = (.failed, 2000, "Connection refused")
        var details = FetchedDetails()
        details.trackers = [tracker]
        let stats = try Self.value(of: .trackerStats, Self.row(), details)?.elements?.first
        #expect(stats?["hasAnnounced"] == true)
        #expect(stats?["lastAnnounceTime"] == 2000)
        #expect(stats?["lastAnnounceSucceeded"] == false)
        #expect(stats?["lastAnnounceResult"] == "Connection refused")
    }

    @Test(
        "a site is known by its name, or by its address",
        arguments: [
            ("udp://10.1.2.3:80", "10.1.2.3"), ("http://[::1]:80/announce", "::1"),
            ("http://localhost/announce", "localhost"), ("garbage", "garbage"), ("", ""),
        ])
    func site(url: String, site: String) {
        #expect(TrackerView.site(url) == site)
    }

    // MARK: -

    static func row() -> TorrentRow {
        var row = TorrentRow(
            id: TorrentID(7), infoHash: InfoHash(v1: SHA1Digest.hash([1])), name: "one",
            folder: "/d", state: .paused, added: 100)
        row.content = ContentShape(length: 1000, fileCount: 2, pieceCount: 10, pieceLength: 100)
        (row.bytesWanted, row.bytesDone) = (1000, 600)
        return row
    }

    @Test func timesThatLimitsLeaveAreTold() throws {
        var row = Self.row()
        (row.state, row.bytesDone, row.started) = (.seeding, 1000, 500)
        #expect(try Self.value(of: .startDate, row)?.integer == 500)
        #expect(try Self.value(of: .eta, row)?.integer == -1)
        #expect(try Self.value(of: .etaIdle, row)?.integer == -1)
        row.seedingLimits.ratio = .atMost(2)
        (row.uploaded, row.uploadRate) = (500, 10)
        // Twice the thousand bytes that are there, of which 500 have gone.
        #expect(try Self.value(of: .eta, row)?.integer == 150)
        row.uploadRate = 0
        #expect(try Self.value(of: .eta, row)?.integer == -1)
        row.seedingLimits.idle = .atMost(600)
        #expect(try Self.value(of: .etaIdle, row, now: 600)?.integer == 500)
        row.lastActive = 590
        #expect(try Self.value(of: .etaIdle, row, now: 600)?.integer == 590)
        #expect(try Self.value(of: .etaIdle, row, now: 5_000)?.integer == 0)
        row.state = .paused
        #expect(try Self.value(of: .etaIdle, row, now: 600)?.integer == -1)
    }

    static func value(
        of field: TorrentField, _ row: TorrentRow, _ details: FetchedDetails = FetchedDetails(),
        _ spelling: Spelling = .old, now: Int64 = 0
    ) throws -> JSON? {
        var out = JSONWriter()
        var defaults = TorrentDefaults()
        defaults.now = now
        defaults.spelling = spelling
        TorrentView(defaults: defaults, details: details).write(field, of: row, into: &out)
        return try JSON(parsing: out.bytes)
    }

    static func answer(_ arguments: String, _ rows: [TorrentRow]) throws -> String {
        let fields = try TorrentFields(
            RPCArguments(try JSON(parsing: Array(arguments.utf8))))
        var out = JSONWriter()
        fields.begin(removed: nil, into: &out)
        for row in rows {
            fields.write(row, TorrentView(defaults: TorrentDefaults()), into: &out)
        }
        fields.end(into: &out)
        return String(decoding: out.bytes, as: UTF8.self)
    }
}

@Suite struct RecentMarksTests {
    @Test func theCountOfAMinuteAgoIsFound() {
        let marks = RecentMarks(RecentMarks.Mark(time: 1000, revision: 5))
        #expect(marks.revision(aMinuteBefore: 1010) == 5)
        marks.note(time: 1030, revision: 8)
        marks.note(time: 1030, revision: 9)
        #expect(marks.revision(aMinuteBefore: 1089) == 5)
        #expect(marks.revision(aMinuteBefore: 1090) == 8)
        for time in Int64(1100)..<5000 { marks.note(time: time, revision: UInt64(time)) }
        #expect(marks.revision(aMinuteBefore: 5000) == 4940)
    }
}
