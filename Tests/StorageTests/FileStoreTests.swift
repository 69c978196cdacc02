import Foundation
import Glibc
import Metainfo
import Synchronization
import Testing
import Units

@testable import Storage

private typealias File = TestTorrent.File

@Suite struct FileStoreTests {
    private func album(_ kind: TestTorrent.Kind = .v1) throws -> TestTorrent {
        try TestTorrent(
            [
                File(path: ["a.flac"], bytes: TestTorrent.random(40_000, seed: 1)),
                File(path: ["disc 2", "b.flac"], bytes: TestTorrent.random(70_000, seed: 2)),
                File(path: ["disc 2", "c.flac"], bytes: TestTorrent.random(9, seed: 3)),
                File(path: ["empty.txt"], bytes: []),
                File(path: ["z.nfo"], bytes: TestTorrent.random(30_000, seed: 4), attributes: "x"),
            ], kind: kind)
    }

    @Test(arguments: TestTorrent.Kind.allCases)
    func piecesSpanFilesAndPadFilesAreNeverOnDisk(kind: TestTorrent.Kind) throws {
        let bench = try Bench()
        let torrent = try album(kind)
        let storage = try bench.open(torrent)
        try storage.putAll(torrent)
        for piece in 0..<torrent.layout.pieceCount {
            #expect(try storage.holds(torrent, piece))
        }
        #expect(try storage.closed() == nil)
        #expect(
            bench.scratch.names == [
                "save", "save/album", "save/album/a.flac", "save/album/disc 2",
                "save/album/disc 2/b.flac", "save/album/disc 2/c.flac", "save/album/empty.txt",
                "save/album/z.nfo",
            ])
        for (index, file) in torrent.layout.files.enumerated() where !file.isPad {
            let name = "save/album/" + file.path.joined(separator: "/")
            #expect(bench.scratch.holds(torrent.bytes(ofFile: index), in: name))
        }
        #expect(access(bench.folder + "/album/z.nfo", X_OK) == 0)
        #expect(access(bench.folder + "/album/a.flac", X_OK) != 0 || getuid() == 0)
        var status = stat()
        stat(bench.folder + "/album/a.flac", &status)
        #expect(status.st_mode & 0o111 == 0)
    }

    @Test func whereNoFolderCanBeIsSaidInThoseWords() throws {
        for path in ["/proc/nope/deeper", "/dev/null/x"] {
            let error = #expect(throws: StorageError.self) {
                try SaveFolder(path: path, creating: true)
            }
            #expect(error?.kind == .folderNotPossible)
            #expect(error?.description.contains(": no folder can be made there") == true)
        }
    }

    @Test func twoDoNotWriteIntoAFileAtOnceButIntoTwo() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(
            [
                File(path: ["a"], bytes: TestTorrent.random(32_768, seed: 1)),
                File(path: ["b"], bytes: TestTorrent.random(32_768, seed: 2)),
            ], kind: .v1)
        let writing = Mutex<[Int32: Int]>([:])
        let inB = DispatchSemaphore(value: 0)
        let crowds = Collected<Int>()
        var medium = Medium()
        medium.write = { file, bytes, offset in
            crowds.append(
                writing.withLock { writing in
                    writing[file, default: 0] += 1
                    return writing[file] ?? 0
                })
            if bytes.count == 2 {
                // Long enough for the other write into `a`, if nothing kept it from beginning.
                usleep(50_000)
                for _ in 0..<2 { inB.signal() }
            } else {
                _ = inB.wait(timeout: .now() + 60)
            }
            let count = pwrite(file, bytes.baseAddress, bytes.count, off_t(offset))
            writing.withLock { $0[file, default: 0] -= 1 }
            return count
        }
        let files = try FileStore(
            torrent.metainfo, in: bench.folder, wanted: nil, creatingFolder: true,
            allocation: .sparse, openFiles: bench.openFiles, medium: medium)
        let pool = DiskPool(writeLanes: 3)
        for (key, offset, count) in [(0, Int64(0), 1), (1, 100, 1), (2, 32_768, 2)] {
            pool.run(.write(key: key)) {
                let bytes = [UInt8](repeating: 7, count: count)
                try? bytes.withUnsafeBytes { try files.write($0, at: offset) }
            }
        }
        pool.stop()
        #expect(crowds.all == [1, 1, 1])
    }

    @Test func bytesBeginTheirWayToTheDiskWhereverTheyAreKept() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(
            [
                File(path: ["a"], bytes: TestTorrent.random(20_000, seed: 1)),
                File(path: ["b"], bytes: TestTorrent.random(7 << 20, seed: 2)),
                File(path: ["c"], bytes: TestTorrent.random(1 << 20, seed: 3)),
            ], pieceLength: 6 << 20, kind: .v1)
        let begun = Collected<[Int64?]>()
        let inode = { @Sendable (file: Int32) -> Int64 in
            var status = stat()
            fstat(file, &status)
            return Int64(status.st_ino)
        }
        var medium = Medium()
        medium.writeOut = {
            begun.append([inode($0), $1, $2])
            return 0
        }
        let files = try FileStore(
            torrent.metainfo, in: bench.folder, wanted: [FileIndex(1)], creatingFolder: true,
            allocation: .sparse, openFiles: bench.openFiles, medium: medium)
        files.beginToWriteOut([PieceIndex(0)])
        #expect(begun.all.isEmpty, "nothing was written")
        try torrent.bytes(of: 0).withUnsafeBytes { try files.write($0, at: 0) }
        files.beginToWriteOut([PieceIndex(0)])
        let parts = begun.all.first?.first ?? nil
        let wanted = begun.all.last?.first ?? nil
        #expect(parts != wanted)
        let rest = Int64((2 << 20) - 20_000)
        #expect(
            begun.all == [
                [parts, 0, 20_000], [wanted, 0, 4 << 20], [wanted, 4 << 20, rest],
            ])
        try torrent.bytes(of: 1).withUnsafeBytes { try files.write($0, at: 6 << 20) }
        files.beginToWriteOut([PieceIndex(1)])
        #expect(begun.all.count == 5)
        #expect(begun.all.last == [parts, torrent.layout.files[2].offset, 1 << 20])
        #expect(files.sync().failed.isEmpty)
        files.beginToWriteOut([PieceIndex(0), PieceIndex(1)])
        #expect(begun.all.count == 5, "all is on the disk")
    }

    @Test func theEndOfAFileIsAnError() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000)
        let storage = try bench.open(torrent)
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        #expect(truncate(bench.folder + "/film.mkv", 50_000) == 0)
        #expect(try storage.holds(torrent, 0))
        #expect(throws: StorageError(.truncated, path: bench.folder + "/film.mkv")) {
            try storage.get(1)
        }
        #expect(throws: StorageError(.truncated, path: bench.folder + "/film.mkv")) {
            try storage.lease(PieceIndex(3), begin: 0, length: 100)
        }
    }

    @Test func rangesOutsideTheTorrentAreRefused() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000)
        let storage = try bench.open(torrent)
        try storage.putAll(torrent)
        var buffer = [UInt8](repeating: 0, count: 2000)
        let last = UInt32(100_000 % 32768)
        for (piece, begin) in [(4, 0), (3, last - 1000), (.max, 0), (0, .max)] as [(UInt32, UInt32)]
        {
            let kind = buffer.withUnsafeMutableBytes { buffer in
                Result { () throws(StorageError) in
                    try storage.read(PieceIndex(piece), begin: begin, into: buffer)
                }
            }
            #expect(throws: (any Error).self) { try kind.get() }
        }
        let block = [UInt8](repeating: 1, count: 16384)
        block.withUnsafeBytes { block in
            let short = UnsafeRawBufferPointer(rebasing: block[..<100])
            #expect(storage.write(PieceIndex(4), begin: 0, bytes: block) == .outOfRange)
            #expect(storage.write(PieceIndex(0), begin: 1, bytes: block) == .outOfRange)
            #expect(storage.write(PieceIndex(0), begin: 32768, bytes: block) == .outOfRange)
            #expect(storage.write(PieceIndex(0), begin: 0, bytes: short) == .outOfRange)
            #expect(storage.write(PieceIndex(3), begin: 0, bytes: block) == .outOfRange)
        }
        let outcome: PieceOutcome = try answer { storage.finish(PieceIndex(9), completion: $0) }
        #expect(outcome.error?.kind == .outOfRange)
    }

    @Test func aLeaseNamesTheFileAndThePlaceIfThereIsOnlyOne() throws {
        let bench = try Bench()
        let torrent = try album()
        let storage = try bench.open(torrent)
        try storage.putAll(torrent)
        let lease = try #require(try storage.lease(PieceIndex(2), begin: 16384, length: 1000))
        let begin = 2 * 32768 + 16384 - 40_000
        #expect(lease.offset == Int64(begin))
        storage.files.closeFiles()
        var bytes = [UInt8](repeating: 0, count: 1000)
        #expect(pread(lease.descriptor.rawValue, &bytes, 1000, off_t(lease.offset)) == 1000)
        #expect(bytes == Array(torrent.bytes(ofFile: 1)[begin..<(begin + 1000)]))
        #expect(try storage.lease(PieceIndex(1), begin: 0, length: 16384) == nil)
    }

    @Test func onlySoManyFilesStayOpen() throws {
        let bench = try Bench(openFilesLimit: 4)
        let files = (0..<40).map {
            File(path: ["\($0)"], bytes: TestTorrent.random(5000, seed: UInt64($0)))
        }
        let torrent = try TestTorrent(files, pieceLength: 16 << 10)
        let storage = try bench.open(torrent)
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        for piece in 0..<torrent.layout.pieceCount {
            #expect(try storage.holds(torrent, piece))
        }
        #expect(bench.openFiles.count == 4)
        storage.files.closeFiles()
        #expect(bench.openFiles.count == 0)
    }

    @Test("M6 links that somebody puts in the way are not followed")
    func m6() throws {
        let bench = try Bench()
        let torrent = try album()
        let outside = bench.scratch.path + "/outside"
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
        let storage = try bench.open(torrent)
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        symlink(outside, bench.folder + "/album/disc 2")
        let outcome = try storage.put(torrent.bytes(of: 1), as: 1)
        #expect(outcome.error?.kind == .unsafePath)
        #expect(outcome.error?.path == bench.folder + "/album/disc 2")
        // Nor is a link under the name of a file.
        unlink(bench.folder + "/album/disc 2")
        mkdir(bench.folder + "/album/disc 2", 0o777)
        symlink(outside + "/file", bench.folder + "/album/disc 2/b.flac.part")
        #expect(try storage.put(torrent.bytes(of: 1), as: 1).error?.kind == .existsWithOtherContent)
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside).isEmpty)
    }

    @Test("M6 a link in place of a file is not followed, not even to read")
    func m6Reading() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000)
        let storage = try bench.open(torrent)
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        storage.files.closeFiles()
        try bench.scratch.write(torrent.bytes, to: "outside")
        unlink(bench.folder + "/film.mkv")
        symlink(bench.scratch.path + "/outside", bench.folder + "/film.mkv")
        #expect(throws: StorageError(.unsafePath, path: bench.folder + "/film.mkv", errno: ELOOP)) {
            try storage.get(0)
        }
        #expect(throws: OpeningError.self) { try bench.open(torrent) }
    }

    @Test("M1 a path that would leave the folder is refused whoever asks")
    func m1() throws {
        let bench = try Bench()
        let root = try SaveFolder(path: bench.folder, creating: true)
        for path in [
            ["..", "x"], ["a", "..", "..", "x"], ["a/../../x"], [""], ["."], ["x\0y"], [],
        ] {
            #expect(throws: (any Error).self, "\(path)") {
                try root.open(path, writing: true, creating: true)
            }
        }
        #expect(bench.scratch.names == ["save", "save/a"])
    }

    @Test("M3 names that are too long with .part get a shorter partial name")
    func m3() throws {
        let bench = try Bench()
        let long = String(repeating: "é", count: 125) + "x.mkv"
        let other = String(repeating: "é", count: 125) + "y.mkv"
        let torrent = try TestTorrent(
            [
                File(path: [long], bytes: TestTorrent.random(20_000, seed: 1)),
                File(path: [other], bytes: TestTorrent.random(20_000, seed: 2)),
            ])
        let storage = try bench.open(torrent)
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        let parts = bench.scratch.names.filter { $0.hasSuffix(".part") }
        #expect(parts.count == 2)
        #expect(parts.allSatisfy { ($0.split(separator: "/").last?.utf8.count ?? 0) <= 255 })
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 0), in: "save/album/\(long)"))
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 1), in: "save/album/\(other)"))
    }

    @Test func aFileOfTheTorrentMayBeCalledLikeAPartialOne() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(
            [
                File(path: ["a"], bytes: TestTorrent.random(40_000, seed: 1)),
                File(path: ["a.part"], bytes: TestTorrent.random(40_000, seed: 2)),
                File(path: ["b"], bytes: TestTorrent.random(40_000, seed: 3)),
                File(path: ["b.part", "c"], bytes: TestTorrent.random(40_000, seed: 4)),
            ])
        let storage = try bench.open(torrent)
        for piece in (0..<torrent.layout.pieceCount).reversed() {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
            #expect(try storage.flushed() == nil)
        }
        for (index, file) in torrent.layout.files.enumerated() {
            let name = "save/album/" + file.path.joined(separator: "/")
            #expect(bench.scratch.holds(torrent.bytes(ofFile: index), in: name))
        }
        #expect(bench.scratch.names.count == 7)
    }

    @Test func symbolicLinksOfTheTorrentAreMadeInTheEnd() throws {
        let bench = try Bench()
        let torrent = try TestTorrent(
            [
                File(path: ["data", "a"], bytes: TestTorrent.random(100, seed: 1)),
                File(path: ["sub", "link"], bytes: [], attributes: "l", target: ["data", "a"]),
            ])
        try #require(torrent.layout.files[1].symlinkTarget == ["data", "a"])
        let storage = try bench.open(torrent)
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        let path = bench.folder + "/album/sub/link"
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "../data/a")
        #expect(bench.scratch.holds(torrent.bytes(ofFile: 0), in: "save/album/sub/link"))
    }

    @Test func filesGrowWithHolesUnlessTheyAreToBeAllocated() throws {
        for allocation in [FileStore.Allocation.sparse, .full] {
            let bench = try Bench()
            let torrent = try TestTorrent(single: 1 << 20)
            let files = try FileStore(
                torrent.metainfo, in: bench.folder, creatingFolder: true, allocation: allocation,
                openFiles: bench.openFiles)
            try files.write([UInt8](repeating: 1, count: 4096), at: 900_000)
            var status = stat()
            stat(bench.folder + "/film.mkv.part", &status)
            #expect((Int(status.st_blocks) * 512 >= 1 << 20) == (allocation == .full))
        }
    }
}

extension FileStore {
    func write(_ bytes: [UInt8], at offset: Int64) throws(StorageError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(StorageError) in try write(bytes, at: offset) }
        }
        try result.get()
    }
}
