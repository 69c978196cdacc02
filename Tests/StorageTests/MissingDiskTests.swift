import Hashing
import Testing
import Units

@testable import Storage

/// What can be said of a disk from the folder that is there now.
@Suite struct MissingDiskTests {
    private let scratch: Scratch
    private let store: SessionStore
    private let id: TorrentRecord.ID

    init() throws {
        scratch = try Scratch()
        store = try SessionStore(path: scratch.path + "/session.db")
        let digest = try #require(SHA1Digest(bytes: Array(repeating: 1, count: 20)))
        id = try store.add(
            InfoHash(v1: digest), name: "film.mkv", folder: scratch.path + "/disk", now: 1
        ).id
    }

    private func record(_ folder: FolderIdentity) throws {
        try store.record(
            Bitfield(allSet: 8), files: [:], ended: true, folder: folder, of: id
        ) { [] }
    }

    @Test func anotherFolderWithNothingOfTheTorrentIsAMountPoint() throws {
        #expect(try !store.isDiskMissing(of: id), "nothing is known")
        try scratch.write([], to: "disk/other")
        try record(FolderIdentity(device: 1, inode: 1))
        #expect(try store.isDiskMissing(of: id))
        try scratch.write([1], to: "disk/film.mkv.part")
        #expect(try !store.isDiskMissing(of: id), "it is on another disk now")
    }

    @Test func theSameFolderIsNotMissingThoughItIsEmpty() throws {
        try scratch.write([], to: "disk/other")
        let there = try #require(FileIdentity(at: scratch.path + "/disk"))
        try record(FolderIdentity(device: there.device, inode: there.inode))
        #expect(try !store.isDiskMissing(of: id))
    }

    @Test func aFolderThatIsGoneIsMissingIfItsDiskIs() throws {
        let there = try #require(FileIdentity(at: scratch.path))
        try record(FolderIdentity(device: there.device, inode: 1))
        #expect(try !store.isDiskMissing(of: id), "somebody has removed it")
        try record(FolderIdentity(device: there.device &+ 1, inode: 1))
        #expect(try store.isDiskMissing(of: id))
    }
}
