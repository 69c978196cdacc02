import Dispatch
import Foundation
import GRDB
import Hashing
import Metainfo
import Testing
import Units

@testable import Storage

@Suite struct SessionStoreTests {
    private let scratch: Scratch
    private var path: String { scratch.path + "/state/deep/session.db" }

    init() throws { self.scratch = try Scratch() }

    private func hash(_ byte: UInt8) throws -> InfoHash {
        InfoHash(v1: try #require(SHA1Digest(bytes: Array(repeating: byte, count: 20))))
    }

    @Test func keepsTorrentsAndFindsThemByTheirHash() throws {
        let store = try SessionStore(path: path)
        let v2 = try #require(SHA256Digest(bytes: Array(repeating: 9, count: 32)))
        let v1 = try #require(SHA1Digest(bytes: Array(repeating: 8, count: 20)))
        let hybrid = InfoHash(v1: v1, v2: v2)
        let first = try store.add(
            hybrid, name: "a", folder: "/x", metainfo: [1, 2], wantedFiles: [FileIndex(3)],
            now: 1000)
        _ = try store.add(hash(1), name: "b", folder: "/x", now: 1001)
        _ = try store.add(InfoHash(v2: v2), name: "c", folder: "/y", now: 1002)
        let again = try SessionStore(path: path)
        #expect(try again.torrents().map(\.name) == ["a", "b", "c"])
        #expect(try again.torrents().first == first)
        #expect(first.metainfo == [1, 2])
        #expect(first.wantedFiles == [FileIndex(3)])
        #expect(first.infoHash == hybrid)
        #expect(try again.torrents(matching: InfoHash(v2: v2)).map(\.name) == ["c", "a"])
        #expect(try again.torrents(matching: InfoHash(v1: v1)).map(\.name) == ["a"])
        // A link may know the second name of a hybrid torrent by its first 20 bytes alone.
        let short = InfoHash(v1: v2.truncated)
        #expect(try again.torrents(matching: short).map(\.name) == ["c", "a"])
        #expect(try again.torrents(matching: hash(7)).isEmpty)
    }

    @Test func addingTwiceFindsTheFirstAndAnotherFolderIsAnotherTorrent() throws {
        let store = try SessionStore(path: path)
        let first = try store.add(hash(1), name: "a", folder: "/x", now: 1)
        let second = try store.add(hash(1), name: "z", folder: "/x", metainfo: [5], now: 2)
        #expect(second.id == first.id)
        #expect(second.added == 1)
        #expect(second.metainfo == [5])
        let third = try store.add(hash(1), name: "a", folder: "/y", now: 3)
        #expect(third.id != first.id)
        #expect(try store.torrents(matching: hash(1)).map(\.folder) == ["/y", "/x"])
    }

    @Test func aLinkIsKeptAndTheMetadataThatCameForItGivesTheTorrentItsNames() throws {
        let store = try SessionStore(path: path)
        let v1 = try #require(SHA1Digest(bytes: Array(repeating: 8, count: 20)))
        let v2 = try #require(SHA256Digest(bytes: Array(repeating: 9, count: 32)))
        let link = "magnet:?xt=urn:btih:\(v1)&x.pe=192.0.2.1:6881"
        let first = try store.add(
            InfoHash(v1: v1), name: "said", folder: "/x", link: link, now: 1)
        #expect(first.link == link)
        #expect(first.metainfo == nil)
        let second = try store.add(
            InfoHash(v1: v1, v2: v2), name: "true", folder: "/x", metainfo: [7], now: 2)
        #expect(second.id == first.id)
        #expect(second.infoHash == InfoHash(v1: v1, v2: v2))
        #expect(second.name == "true")
        #expect(second.link == link)
        // The link again, without the metadata, takes nothing away.
        let third = try store.add(InfoHash(v1: v1), name: "said", folder: "/x", now: 3)
        #expect(third == second)
    }

    @Test func aStoreOfTheFirstVersionIsBroughtUpToDate() throws {
        let store = try SessionStore(path: path)
        _ = try store.add(hash(1), name: "a", folder: "/x", metainfo: [1], now: 1)
        try store.queue.write { db in
            try db.execute(sql: "ALTER TABLE torrents DROP COLUMN link")
            try db.execute(sql: "DROP TABLE seedbox; DROP TABLE seedbox_values")
            try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier IN ('2', '3')")
        }
        let record = try SessionStore(path: path).torrents().first
        #expect(record?.metainfo == [1])
        #expect(record?.link == nil)
    }

    @Test func changesAreKept() throws {
        let store = try SessionStore(path: path)
        let id = try store.add(hash(1), name: "magnet", folder: "/x", now: 1).id
        try store.set(metainfo: [1, 2, 3], name: "real", of: id)
        try store.set(wantedFiles: [FileIndex(0), FileIndex(2)], of: id)
        try store.set(completed: 77, of: id)
        try store.set(totals: [id: (uploaded: 5, downloaded: .max)])
        let record = try #require(try SessionStore(path: path).torrents().first)
        #expect(record.name == "real")
        #expect(record.metainfo == [1, 2, 3])
        #expect(record.wantedFiles == [FileIndex(0), FileIndex(2)])
        #expect(record.completed == 77)
        #expect(record.uploaded == 5)
        #expect(record.downloaded == .max)
        try store.set(wantedFiles: nil, of: id)
        #expect(try store.torrents().first?.wantedFiles == nil)
    }

    @Test func removingATorrentRemovesItsClaims() throws {
        let store = try SessionStore(path: path)
        let id = try store.add(hash(1), name: "a", folder: "/x", now: 1).id
        let identity = FileIdentity(device: .max, inode: 2, size: 3, modified: 4)
        try store.record(
            Bitfield(allSet: 20), files: [0: KnownFile(identity: identity, isWhole: true)],
            ended: true, folder: FolderIdentity(device: .max, inode: 1), of: id
        ) { [PieceIndex(3)] }
        let (claims, folder) = try #require(try store.claims(of: id, pieceCount: 20))
        #expect(claims.recorded.isFull)
        #expect(claims.tail == [PieceIndex(3)])
        #expect(claims.endedInOrder)
        #expect(claims.files == [0: KnownFile(identity: identity, isWhole: true)])
        #expect(folder == FolderIdentity(device: .max, inode: 1))
        try store.remove(id)
        #expect(try store.torrents().isEmpty)
        #expect(try store.claims(of: id, pieceCount: 20) == nil)
        let left = try store.reading { db in
            try ["resume", "tails", "files"].map {
                try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") ?? -1
            }
        }
        #expect(left == [0, 0, 0])
    }

    @Test("F7 claims that are damaged or of another torrent are not believed")
    func f7() throws {
        let store = try SessionStore(path: path)
        let id = try store.add(hash(1), name: "a", folder: "/x", now: 1).id
        let folder = FolderIdentity(device: 1, inode: 1)
        try store.record(Bitfield(allSet: 20), files: [:], ended: true, folder: folder, of: id) {
            [PieceIndex(3), PieceIndex(19), PieceIndex(UInt32.max)]
        }
        let other = try #require(try store.claims(of: id, pieceCount: 19)).claims
        #expect(other.recorded.isEmpty)
        #expect(other.tail == [PieceIndex(3)], "pieces that do not exist are left out")
        try store.durably { db in
            try db.execute(sql: "UPDATE resume SET pieces = x'FFFFE0'")
        }
        #expect(try #require(try store.claims(of: id, pieceCount: 20)).claims.recorded.isEmpty)
        for change in [
            "UPDATE tails SET pieces = 'text'", "UPDATE tails SET ended = 'text'",
            "UPDATE resume SET folder_inode = 'text'",
        ] {
            try store.durably { db in try db.execute(sql: change) }
            // An error or nothing believed, and no trap.
            let claims = try? store.claims(of: id, pieceCount: 20)
            #expect(claims?.claims.recorded.isEmpty ?? true)
        }
    }

    @Test("F7 a damaged row costs its torrent and no other")
    func f7Row() throws {
        let store = try SessionStore(path: path)
        for byte in 1...3 as ClosedRange<UInt8> {
            _ = try store.add(hash(byte), name: "\(byte)", folder: "/x", now: 1)
        }
        try store.durably { db in
            try db.execute(sql: "UPDATE torrents SET v1 = x'00', v2 = 5 WHERE name = '1'")
            try db.execute(sql: "UPDATE torrents SET added = 'soon' WHERE name = '2'")
        }
        #expect(try store.torrents().map(\.name) == ["3"])
    }

    @Test("F7 what is no database is kept aside and a new store begun")
    func f7File() throws {
        for damage in [0, 1, 2] {
            let path = scratch.path + "/\(damage)/session.db"
            do {
                let store = try SessionStore(path: path)
                _ = try store.add(hash(1), name: "a", folder: "/x", now: 1)
                #expect(store.setAside == nil)
                try store.queue.close()
            }
            switch damage {
            case 0: try Data(repeating: 0x5A, count: 8192).write(to: URL(fileURLWithPath: path))
            case 1: try Data("short".utf8).write(to: URL(fileURLWithPath: path))
            default:
                var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                for index in 100..<4096 { bytes[index] = 0xFF }
                try bytes.write(to: URL(fileURLWithPath: path))
            }
            let store = try SessionStore(path: path)
            #expect(store.setAside == path + ".broken-1", "damage \(damage)")
            #expect(FileManager.default.fileExists(atPath: path + ".broken-1"))
            #expect(try store.torrents().isEmpty)
            _ = try store.add(hash(2), name: "b", folder: "/x", now: 1)
        }
    }

    @Test("F7 an empty file is a new store")
    func f7Empty() throws {
        try scratch.write([], to: "session.db")
        let store = try SessionStore(path: scratch.path + "/session.db")
        #expect(store.setAside == nil)
        #expect(try store.torrents().isEmpty)
    }

    @Test("F7 a store of a newer version is left alone")
    func f7Newer() throws {
        do {
            let store = try SessionStore(path: path)
            try store.durably { db in
                try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('99')")
            }
        }
        #expect(throws: SessionStoreError.newerSchema(path: path)) {
            try SessionStore(path: path)
        }
    }

    @Test func manyOpenAndWriteItAtOnce() throws {
        let path = path
        let failures = Collected<String>()
        let hashes = try (1...8).map { try hash(UInt8($0)) }
        DispatchQueue.concurrentPerform(iterations: 8) { number in
            do {
                let store = try SessionStore(path: path)
                let id = try store.add(
                    hashes[number], name: "\(number)", folder: "/x", now: 1
                ).id
                let folder = FolderIdentity(device: 1, inode: 1)
                for round in 0..<20 {
                    var pieces = Bitfield(count: 1000)
                    for piece in 0...round { pieces.insert(PieceIndex(piece)) }
                    try store.record(pieces, files: [:], ended: false, folder: folder, of: id) {
                        []
                    }
                    try store.journal(files: [:], of: id) { [PieceIndex(round)] }
                    try store.set(totals: [id: (uploaded: Int64(round), downloaded: 0)])
                }
            } catch {
                failures.append("\(error)")
            }
        }
        #expect(failures.all.isEmpty, "\(failures.all.first ?? "")")
        let store = try SessionStore(path: path)
        #expect(try store.torrents().count == 8)
        for record in try store.torrents() {
            #expect(record.uploaded == 19)
            let claims = try #require(try store.claims(of: record.id, pieceCount: 1000)).claims
            #expect(claims.recorded.setCount == 20)
        }
    }

    /// The locks of this process on the file, as the kernel lists them.
    private func lockCount(on path: String) throws -> Int {
        var status = stat()
        try #require(stat(path, &status) == 0)
        let (own, inode) = ("\(getpid())", ":\(status.st_ino)")
        return try String(contentsOfFile: "/proc/locks", encoding: .utf8)
            .split(separator: "\n").count { line in
                let words = line.split(separator: " ")
                return words.contains { $0 == "POSIX" } && words.contains { $0 == own }
                    && words.contains { $0.hasSuffix(inode) }
            }
    }

    /// Without them the next program that closes the store takes its journal away.
    @Test func openingItOnceMoreTakesNoLocksAway() throws {
        let first = try SessionStore(path: path)
        _ = try first.add(hash(1), name: "a", folder: "/x", now: 1)
        #expect(try lockCount(on: path) == 1)
        let second = try SessionStore(path: path)
        _ = try second.torrents()
        #expect(try lockCount(on: path) == 1)
        withExtendedLifetime(first) {}
    }

    @Test func lookingAtAKeptValueChangesNothing() throws {
        #expect(throws: SessionStoreError.self) {
            try SessionStore.keptValue(named: "settings", in: path)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        let store = try SessionStore(path: path)
        #expect(try SessionStore.keptValue(named: "settings", in: path) == nil)
        try store.set("{}", named: "settings")
        #expect(try SessionStore.keptValue(named: "settings", in: path) == "{}")

        let broken = scratch.path + "/broken.db"
        try Data(repeating: 7, count: 4_096).write(to: URL(filePath: broken))
        #expect(throws: SessionStoreError.self) {
            try SessionStore.keptValue(named: "settings", in: broken)
        }
        #expect(try Data(contentsOf: URL(filePath: broken)).count == 4_096)
    }

    @Test func aStoreThatCannotBeMadeSaysWhere() throws {
        try scratch.write([], to: "file")
        let path = scratch.path + "/file/session.db"
        let error = #expect(throws: SessionStoreError.self) { try SessionStore(path: path) }
        guard case .cannotOpen(let named, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(named == scratch.path + "/file")
    }
}
