import Chunker
import Dispatch
import Foundation
import Storage
import Synchronization
import Testing
import Units

@testable import SwarmEngine

/// What is to stay free of a disk stays free, however fast it is written to.
@Suite(.timeLimit(.minutes(10))) struct RoomTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test func itIsLookedAtTheSoonerTheLessIsLeft() {
        let pools = DiskPools()
        let disk = ObjectIdentifier(pools)
        var meter = RoomMeter()
        func took(_ bytes: Int) -> RoomMeter.Step { meter.took(bytes, for: disk) }
        func over() -> [Torrent] { meter.lookIsOver(of: disk) }
        #expect(took(16_384) == .look)
        #expect(took(16_384) == .goOn)
        // Nothing more may come before somebody has looked.
        #expect(took(Int(Limits.roomStepMin)) == .wait)
        meter.saw(100 << 20, on: disk)
        #expect(over().isEmpty)
        #expect(took((50 << 20) - 1) == .goOn)
        #expect(took(1) == .look)
        meter.saw(-1, on: disk)
        #expect(over().isEmpty)
        #expect(took(Int(Limits.roomStepMin) - 1) == .goOn)
        #expect(took(1) == .look)
        meter.saw(.max, on: disk)
        #expect(over().isEmpty)
        #expect(took(1 << 40) == .goOn)
        meter.forget()
        #expect(took(1) == .look)
    }

    @Test func whatIsOnItsWayIsNoMoreThanWhatIsMissing() {
        let (pool, memory) = (DiskPool(), ExtentMemory())
        var disk = WritingDisk(pool: pool, memory: memory, folder: "/", asked: 7, missing: 5)
        #expect(disk.coming == 5)
        disk.add(WritingDisk(pool: pool, memory: memory, folder: "/", asked: .max, missing: 9))
        #expect(disk.coming == 14)
        pool.stop()
    }

    /// Bytes that files take on the disk below a folder.
    private static func bytesUsed(below folder: String) -> Int64 {
        let names = FileManager.default.enumerator(atPath: folder)?.allObjects ?? []
        return names.reduce(0) { sum, name in
            var file = stat()
            guard let name = name as? String, lstat(folder + "/" + name, &file) == 0,
                file.st_mode & S_IFMT == S_IFREG
            else { return sum }
            return sum + Int64(file.st_blocks) * 512
        }
    }

    @Test func aDownloadAtFullSpeedStopsInTime() async throws {
        try scratch.write("content", bytes: 48 << 20, seed: 1)
        let manifest = try scratch.manifest(of: "content", .v1)
        let seeding = try await TransferTests.session(scratch)
        let fetching = try await TransferTests.session(scratch)
        let seed = try await seeding.add(
            TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
        try await TransferTests.completion(of: seed)
        let folder = try scratch.folder("out")
        let (room, floor) = (Int64(8 << 20), Int64(1 << 30))
        var configuration = fetching.configuration
        configuration.minimumFree = floor
        fetching.services.adjust { present in
            present.freeBytes = { _ in floor + room - Self.bytesUsed(below: folder) }
        }
        await fetching.setConfiguration(configuration)
        var request = TorrentRequest(metainfo: manifest, directory: folder, mode: .fetch)
        request.peers = [TransferTests.endpoint(of: seeding)]
        let fetch = try await fetching.add(request)
        let stopped = Task {
            for await event in fetch.events {
                if case .diskFull = event { return true }
                if case .completed = event { return false }
            }
            return false
        }
        #expect(await stopped.value)
        // All that was asked for before that is written.
        await fetching.shutdown()
        await seeding.shutdown()
        let used = Self.bytesUsed(below: folder)
        #expect(used <= room + Int64(6 << 20), "\(used)")
    }

    /// A torrent that fetches and has a peer that has nothing, with its session and the peer's.
    private func fetching() async throws -> (Torrent, [Session]) {
        try scratch.write("content", bytes: 1 << 20, seed: 1)
        let manifest = try scratch.manifest(of: "content", .v1)
        let sessions = [
            try await TransferTests.session(scratch), try await TransferTests.session(scratch),
        ]
        var request = TorrentRequest(
            metainfo: manifest, directory: try scratch.folder("other"), mode: .fetch)
        _ = try await sessions[1].add(request)
        request.directory = try scratch.folder("out")
        request.peers = [TransferTests.endpoint(of: sessions[1])]
        let torrent = try await sessions[0].add(request)
        try await eventually { torrent.connectionCount > 0 }
        return (torrent, sessions)
    }

    private static func keepFree(
        _ session: Session, of freeBytes: @escaping @Sendable (String) -> Int64?
    ) {
        session.services.adjust { present in
            present.freeBytes = freeBytes
            present.minimumFree = 1 << 30
        }
    }

    @Test func aDiskThatHangsIsNotWaitedFor() async throws {
        let (_, sessions) = try await fetching()
        let hangs = DispatchSemaphore(value: 0)
        let looks = Atomic<Int>(0)
        Self.keepFree(sessions[0]) { _ in
            looks.add(1, ordering: .relaxed)
            hangs.wait()
            hangs.signal()
            return .max
        }
        let isDone = Atomic<Bool>(false)
        let guarding = Task {
            await sessions[0].services.guardRoom()
            isDone.store(true, ordering: .relaxed)
        }
        try await eventually { looks.load(ordering: .relaxed) > 0 }
        try await eventually { isDone.load(ordering: .relaxed) }
        hangs.signal()
        await guarding.value
        for session in sessions { await session.shutdown() }
    }

    /// What still comes when all have paused begins no look with each block.
    @Test func aDiskThatNobodyWritesToIsNotLookedAtAllTheTime() async throws {
        let session = try await TransferTests.session(scratch)
        let services = session.services
        let pool = services.disks.pool(for: scratch.path)
        func took(_ bytes: Int) -> RoomMeter.Step {
            services.room.withLock { $0.took(bytes, for: ObjectIdentifier(pool)) }
        }
        services.adjust { $0.minimumFree = 1 << 30 }
        #expect(took(16_384) == .look)
        await services.lookForRoom(on: pool)
        #expect(took(Int(Limits.roomStepMin) - 1) == .goOn)
        #expect(took(1) == .look)
        await session.shutdown()
    }

    @Test func whatWaitsToBeReadHoldsUpNoLook() async throws {
        let (torrent, sessions) = try await fetching()
        let pool = sessions[0].services.disks.pool(for: scratch.path)
        let reads = DispatchSemaphore(value: 0)
        pool.run(.read(key: 0)) { reads.wait() }
        Self.keepFree(sessions[0]) { _ in 0 }
        let guarding = Task { await sessions[0].services.guardRoom() }
        try await eventually { await torrent.status().state == .diskFull }
        reads.signal()
        await guarding.value
        for session in sessions { await session.shutdown() }
    }
}
