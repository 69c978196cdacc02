import Foundation
import Glibc
import Metainfo
import Testing
import Units

@testable import Storage

/// What disks do, with the numbers of the catalogue of faults.
@Suite struct FaultTests {
    private let torrent: TestTorrent
    private let bench: Bench
    private let disk = FakeMedium()
    private let events = Collected<TorrentStorage.Event>()
    private let id: TorrentRecord.ID

    init() throws {
        self.torrent = try TestTorrent(single: 320 << 10)
        self.bench = try Bench()
        self.id = try bench.store().add(torrent, in: bench.folder).id
    }

    private func open(
        pace: ResumeJournal.Pace = ResumeJournal.Pace()
    ) throws -> TorrentStorage {
        try bench.open(
            torrent, record: id, store: bench.store(), medium: disk.medium, pace: pace,
            events: { [events] in events.append($0) })
    }

    /// What the kernel could not write it drops; a later read gets the disk's old bytes.
    private func lose(_ range: Range<Int>) {
        let descriptor = Glibc.open(bench.folder + "/film.mkv.part", O_WRONLY)
        let zeros = [UInt8](repeating: 0, count: range.count)
        #expect(pwrite(descriptor, zeros, range.count, off_t(range.lowerBound)) == range.count)
        Glibc.close(descriptor)
    }

    private func write(_ block: Int, of piece: Int, _ storage: TorrentStorage) {
        let begin = block * Int(blockLength)
        torrent.bytes(of: piece)[begin..<(begin + Int(blockLength))].withUnsafeBytes { bytes in
            _ = storage.write(PieceIndex(piece), begin: UInt32(begin), bytes: bytes)
        }
    }

    @Test("F1 a full disk is said once, costs nothing that is had, and ends")
    func f1() throws {
        let storage = try open()
        for piece in 0..<3 {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
        disk.set { $0.everyWrite = ENOSPC }
        for piece in 3..<6 {
            let error = try storage.put(torrent.bytes(of: piece), as: piece).error
            #expect(error?.kind == .noSpace)
            #expect(error?.path == bench.folder + "/film.mkv.part")
        }
        #expect(events.all.compactMap(\.fault).map(\.kind) == [.noSpace])
        #expect(storage.had.setCount == 3)
        #expect(try storage.holds(torrent, 2), "it goes on seeding")
        #expect(try answer { storage.probe(completion: $0) }?.kind == .noSpace)
        disk.set { $0.everyWrite = 0 }
        let probed: StorageError? = try answer { storage.probe(completion: $0) }
        #expect(probed == nil)
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
        // A second time is said again.
        storage.drop([PieceIndex(0)])
        disk.set { $0.everyWrite = ENOSPC }
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).error?.kind == .noSpace)
        #expect(events.all.compactMap(\.fault).count == 2)
    }

    @Test("F1 a small file system that is really full")
    func f1Really() throws {
        let scratch = try Scratch()
        let folder = scratch.path + "/small"
        mkdir(folder, 0o777)
        guard mount("tmpfs", folder, "tmpfs", 0, "size=1m") == 0 else { return }
        defer { umount2(folder, 2) }
        let torrent = try TestTorrent(single: 2 << 20)
        let files = try FileStore(torrent.metainfo, in: folder, openFiles: bench.openFiles)
        let failures = Collected<StorageError>()
        let writer = PieceWriter(
            torrent.metainfo, files: files, pool: bench.pool, memory: bench.memory,
            had: Bitfield(count: torrent.layout.pieceCount), relieved: {},
            failed: { failures.append($0) })
        var verified = 0
        for piece in 0..<torrent.layout.pieceCount {
            writer.put(torrent.bytes(of: piece), as: piece)
            let outcome: PieceOutcome = try answer {
                writer.finish(PieceIndex(piece), completion: $0)
            }
            if outcome.isVerified {
                verified += 1
            } else {
                #expect(outcome.error?.kind == .noSpace)
            }
        }
        #expect(verified == 32)
        #expect(failures.all.count == torrent.layout.pieceCount - 32)
        #expect(throws: StorageError.self) { try files.probe() }
        try files.root.remove(["film.mkv.part"])
        files.closeFiles()
        // What was written holds its file until it is synced.
        #expect(files.sync().failed.isEmpty)
        try files.probe()
    }

    @Test("F2 one failed write is tried again; three failed pieces are a fault")
    func f2() throws {
        let storage = try open()
        disk.set { $0.writeErrors = [EIO] }
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        for piece in 1..<3 {
            disk.set { $0.writeErrors = [EIO, EIO] }
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).error?.kind == .io)
        }
        #expect(events.all.compactMap(\.fault).isEmpty)
        #expect(try storage.put(torrent.bytes(of: 1), as: 1).isVerified, "the count starts anew")
        for piece in 2..<5 {
            disk.set { $0.writeErrors = [EIO, EIO] }
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).error?.kind == .io)
        }
        #expect(events.all.compactMap(\.fault).map(\.kind) == [.io])
        #expect(storage.had.setCount == 2)
    }

    @Test("F3 a piece that cannot be read is dropped and can be fetched again")
    func f3() throws {
        let storage = try open()
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        disk.set { $0.readErrors = [EIO] }
        #expect(throws: StorageError(.io, path: bench.folder + "/film.mkv", errno: EIO)) {
            try storage.get(4)
        }
        storage.drop([PieceIndex(4)])
        #expect(storage.had.setCount == 9)
        #expect(try storage.flushed() == nil)
        let claims = try bench.store().claims(of: id, pieceCount: 10)?.claims
        #expect(claims?.recorded.setCount == 9)
        #expect(try storage.put(torrent.bytes(of: 4), as: 4).isVerified)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
        #expect(events.all.count { if case .completed = $0 { true } else { false } } == 2)
    }

    @Test("F4 after a failed sync only what the disk really holds is had")
    func f4() throws {
        let storage = try open()
        for piece in 0..<2 {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
        #expect(try storage.flushed() == nil)
        for piece in 2..<6 {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
        lose(3 * 32768..<3 * 32768 + 3)
        disk.set { $0.syncErrors = [EIO] }
        #expect(try storage.flushed()?.kind == .io)
        #expect(!storage.had.contains(PieceIndex(3)))
        let recorded = try #require(try bench.store().claims(of: id, pieceCount: 10)).claims
            .recorded
        #expect(recorded.setCount == 2 || recorded.setCount == 5, "never before a sync succeeds")
        try wait { !events.all.compactMap(\.lost).isEmpty && storage.had.setCount >= 5 }
        #expect(events.all.compactMap(\.lost) == [[PieceIndex(3)]])
        #expect(storage.had.setCount == 5)
        #expect(try storage.flushed() == nil)
        let claims = try #require(try bench.store().claims(of: id, pieceCount: 10)).claims
        #expect(claims.recorded == storage.had)
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test("F4 what a failed sync lost of a piece that was not complete is fetched again")
    func f4Unfinished() throws {
        let storage = try open()
        write(0, of: 1, storage)
        disk.set { $0.syncErrors = [EIO] }
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        #expect(try storage.flushed()?.kind == .io)
        lose(32768..<49152)
        write(1, of: 1, storage)
        // All of its blocks were right when they came.
        let outcome: PieceOutcome = try answer {
            storage.finish(PieceIndex(1), completion: $0)
        }
        #expect(outcome.isVerified)
        try wait { !events.all.compactMap(\.lost).isEmpty && storage.had.setCount >= 1 }
        #expect(events.all.compactMap(\.lost) == [[PieceIndex(1)]])
        #expect(!storage.had.contains(PieceIndex(1)))
        try storage.putAllMissing(torrent)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test("F4 nobody is blamed for bytes that a failed sync lost")
    func f4Blame() throws {
        let storage = try open()
        write(1, of: 1, storage)
        disk.set { $0.syncErrors = [EIO] }
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        #expect(try storage.flushed()?.kind == .io)
        lose(49152..<65536)
        write(0, of: 1, storage)
        // The block that came too early is read back, to be hashed in order.
        let outcome: PieceOutcome = try answer {
            storage.finish(PieceIndex(1), completion: $0)
        }
        #expect(outcome.error?.kind == .io)
        #expect(try storage.put(torrent.bytes(of: 1), as: 1).isVerified)
    }

    @Test("F4 what could not even be begun with is lost, though a sync has nothing to say")
    func f4NotBegun() throws {
        var pace = ResumeJournal.Pace()
        pace.writeOutBytes = 32768
        pace.writeOutRunMin = 0
        let storage = try open(pace: pace)
        disk.set { $0.writeOutErrors = [0, EUCLEAN, EPERM] }
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        let _: Bool = try answer { answer in bench.pool.run(.sync) { answer(true) } }
        #expect(try storage.put(torrent.bytes(of: 1), as: 1).isVerified)
        let _: Bool = try answer { answer in bench.pool.run(.sync) { answer(true) } }
        lose(32768..<65536)
        #expect(try storage.flushed()?.errno == EUCLEAN)
        try wait { !events.all.compactMap(\.lost).isEmpty && storage.had.setCount >= 1 }
        #expect(events.all.compactMap(\.lost) == [[PieceIndex(1)]])
        // Who may not make the call has lost nothing.
        #expect(try storage.put(torrent.bytes(of: 2), as: 2).isVerified)
        #expect(try storage.flushed() == nil)
        #expect(storage.had.setCount == 2)
    }

    @Test("F4 a sync that goes on failing records nothing and becomes a fault")
    func f4Always() throws {
        let storage = try open()
        disk.set { $0.syncErrors = ArraySlice(repeating: EIO, count: 1000) }
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        for _ in 0..<4 { #expect(try storage.flushed()?.kind == .io) }
        #expect(events.all.compactMap(\.fault).map(\.kind) == [.io])
        let claims = try bench.store().claims(of: id, pieceCount: 10)
        #expect(claims?.claims.recorded.isEmpty ?? true)
    }

    @Test("F8 files that change or go while the torrent runs are found by a sweep")
    func f8() throws {
        let storage = try open()
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        let none: [FileIndex] = try answer { storage.sweep(completion: $0) }
        #expect(none.isEmpty)
        let descriptor = Glibc.open(bench.folder + "/film.mkv", O_WRONLY)
        #expect(pwrite(descriptor, [7, 7, 7], 3, 2 * 32768) == 3)
        Glibc.close(descriptor)
        let changed: [FileIndex] = try answer { storage.sweep(completion: $0) }
        #expect(changed == [FileIndex(0)])
        try wait { !events.all.compactMap(\.lost).isEmpty }
        #expect(events.all.compactMap(\.lost) == [[PieceIndex(2)]])
        #expect(storage.had.setCount == 9)
        storage.files.closeFiles()
        unlink(bench.folder + "/film.mkv")
        let gone: [FileIndex] = try answer { storage.sweep(completion: $0) }
        #expect(gone == [FileIndex(0)])
        try wait { storage.had.isEmpty }
    }

    @Test func interruptedAndShortCallsLoseNothing() throws {
        let storage = try open()
        disk.set {
            $0.interrupts = true
            $0.callMax = 1000
        }
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        for piece in 0..<10 { #expect(try storage.holds(torrent, piece)) }
        disk.set { $0.interrupts = false }
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
    }

    @Test("F11 without descriptors what is kept open is let go")
    func f11() throws {
        let storage = try open()
        try storage.putAll(torrent)
        #expect(try storage.flushed() == nil)
        #expect(StorageError(errno: EMFILE, path: "x").kind == .tooManyOpenFiles)
        #expect(bench.openFiles.count <= 1)
        _ = try storage.get(0)
        #expect(bench.openFiles.count == 1)
        bench.openFiles.shed()
        #expect(bench.openFiles.count == 0)
        #expect(try storage.holds(torrent, 1))
    }

    @Test func errorsOfTheSystemHaveTheirMeaning() {
        let kinds: [(Int32, StorageError.Kind)] = [
            (ENOSPC, .noSpace), (EDQUOT, .noSpace), (EROFS, .readOnly), (EACCES, .permission),
            (EIO, .io), (ENOENT, .missing), (ENAMETOOLONG, .pathTooLong), (ELOOP, .unsafePath),
            (EFBIG, .fileTooLarge), (EMFILE, .tooManyOpenFiles), (EBUSY, .other),
        ]
        for (code, kind) in kinds {
            let error = StorageError(errno: code, path: "/a/b")
            #expect(error.kind == kind)
            #expect(error.description.hasPrefix("/a/b: "))
        }
        #expect(!StorageError(.io, path: "").stopsWriting)
        #expect(StorageError(.noSpace, path: "").stopsWriting)
    }
}

extension PieceWriter {
    func put(_ bytes: [UInt8], as piece: Int) {
        bytes.withUnsafeBytes { bytes in
            for begin in stride(from: 0, to: bytes.count, by: 16384) {
                let end = min(bytes.count, begin + 16384)
                write(
                    PieceIndex(piece), begin: UInt32(begin),
                    bytes: UnsafeRawBufferPointer(rebasing: bytes[begin..<end]))
            }
        }
    }
}
