import Hashing
import Testing
import Units

@testable import Storage

@Suite struct SeedboxRecordTests {
    private let scratch: Scratch
    private let store: SessionStore

    init() throws {
        scratch = try Scratch()
        store = try SessionStore(path: scratch.path + "/session.db")
    }

    private func arrival(_ byte: UInt8) throws -> SeedboxArrival {
        let digest = try #require(SHA1Digest(bytes: Array(repeating: byte, count: 20)))
        var arrival = SeedboxArrival(infoHash: InfoHash(v1: digest), name: "a", folder: "/x")
        arrival.metainfo = [1, 2, 3]
        return arrival
    }

    private func full(_ id: TorrentRecord.ID, _ arrival: SeedboxArrival) -> SeedboxRecord {
        var record = SeedboxRecord(
            id: id, infoHash: arrival.infoHash, folder: arrival.folder, name: arrival.name,
            added: 9)
        (record.isPaused, record.queuePosition, record.bypassesQueue) = (true, 7, true)
        record.labels = ["one", "two words"]
        (record.category, record.group, record.priority) = ("films", "slow", -1)
        (record.isSequential, record.honoursSessionLimits) = (true, false)
        (record.downloadLimit, record.uploadLimit, record.peersMax) = (1, 2, 3)
        (record.ratioLimit, record.seedTimeLimit, record.idleLimit) = (1.5, -1, 60)
        record.limitAction = "remove"
        record.filePriorities = [0: 1, 70_000: -1]
        record.shape = SeedboxRecord.Shape(
            length: 1 << 40, fileCount: 3, pieceCount: 4, pieceLength: 5, isPrivate: true)
        record.tracker = "http://a/b"
        (record.bytesWanted, record.bytesDone) = (10, 11)
        (record.downloaded, record.uploaded, record.wasted) = (12, 13, 14)
        (record.secondsDownloading, record.secondsSeeding) = (15, 16)
        (record.completed, record.lastActive) = (17, 18)
        return record
    }

    @Test func everythingThatIsKeptComesBack() throws {
        let arrival = try arrival(1)
        let record = try store.enlist(arrival, now: 9) { full($0, arrival) }
        #expect(try store.records() == [record])
        #expect(try store.torrent(record.id)?.metainfo == [1, 2, 3])
        let plain = try self.arrival(2)
        let second = try store.enlist(plain, now: 9) {
            SeedboxRecord(
                id: $0, infoHash: plain.infoHash, folder: plain.folder, name: "a", added: 3)
        }
        #expect(try store.records() == [record, second])
    }

    @Test func torrentsThatAreNotOfTheSeedboxAreNotItsOwn() throws {
        _ = try store.add(arrival(3).infoHash, name: "b", folder: "/y", now: 1)
        #expect(try store.records().isEmpty)
    }

    @Test func whatIsRemovedStaysRemovedWhenItsCountersAreWrittenLate() throws {
        let arrival = try arrival(1)
        let record = try store.enlist(arrival, now: 9) { full($0, arrival) }
        try store.remove([record.id])
        try store.note([record])
        #expect(try store.records().isEmpty)
        #expect(try store.torrents().isEmpty)
    }

    @Test func aNumberIsNotGivenTwice() throws {
        let arrival = try arrival(1)
        let first = try store.enlist(arrival, now: 9) { full($0, arrival) }
        try store.remove([first.id])
        let second = try store.enlist(arrival, now: 9) { full($0, arrival) }
        #expect(second.id != first.id)
    }

    @Test func aTorrentKeepsItsNumberWhenItsMetadataTellsAnotherName() throws {
        let arrival = try arrival(1)
        let record = try store.enlist(arrival, now: 9) { full($0, arrival) }
        let v2 = try #require(SHA256Digest(bytes: Array(repeating: 9, count: 32)))
        let v1 = try #require(SHA1Digest(bytes: Array(repeating: 8, count: 20)))
        let whole = InfoHash(v1: v1, v2: v2)
        try store.learn(
            [7], infoHash: whole, name: "true", wantedFiles: [FileIndex(1)], of: record.id)
        let known = try #require(try store.torrent(record.id))
        #expect((known.infoHash, known.name) == (whole, "true"))
        #expect(known.wantedFiles == [FileIndex(1)])
        #expect(try store.records().map(\.infoHash) == [whole])
    }

    @Test func valuesAreKeptByTheirNames() throws {
        #expect(try store.value(named: "settings") == nil)
        try store.set("{}", named: "settings")
        try store.note([], values: ["settings": "[]", "totals": "1"])
        #expect(try store.value(named: "settings") == "[]")
        #expect(try store.value(named: "totals") == "1")
    }
}

extension SessionStore {
    fileprivate func records() throws(SessionStoreError) -> [SeedboxRecord] {
        var records: [SeedboxRecord] = []
        try eachSeedboxRecord { records.append($0) }
        return records
    }
}
