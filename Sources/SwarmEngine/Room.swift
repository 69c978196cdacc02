import Logging
import Storage
import SwarmScheduler
import Synchronization
import Units

/// When it has to be looked how much is free of a disk: the nearer it is to what is to stay free,
/// the sooner, by the bytes that come and not by time.
struct RoomMeter: Sendable {
    private var untilLook: [ObjectIdentifier: Int64] = [:]
    /// Disks that somebody looks at, and who waits for that.
    private var beingLookedAt: [ObjectIdentifier: [Torrent]] = [:]

    enum Step: Hashable, Sendable {
        case goOn
        /// It is time to look.
        case look
        /// Somebody looks, and too much would come meanwhile.
        case wait
    }

    /// Bytes that are to be written have come.
    ///
    /// - Parameter torrent: who waits, if it has to, and does not yet.
    mutating func took(
        _ bytes: Int, for disk: ObjectIdentifier, of torrent: Torrent? = nil
    ) -> Step {
        let left = untilLook[disk, default: 0].subtractingSaturating(Int64(bytes))
        untilLook[disk] = left
        guard left <= 0 else { return .goOn }
        if beginLook(at: disk) { return .look }
        guard left <= -Limits.roomStepMin else { return .goOn }
        if let torrent { beingLookedAt[disk]?.append(torrent) }
        return .wait
    }

    /// False if somebody looks at it already.
    mutating func beginLook(at disk: ObjectIdentifier) -> Bool {
        guard beingLookedAt[disk] == nil else { return false }
        beingLookedAt[disk] = []
        return true
    }

    /// - Parameter room: bytes that may still come.
    mutating func saw(_ room: Int64, on disk: ObjectIdentifier) {
        untilLook[disk] = max(room / 2, Limits.roomStepMin)
    }

    /// Gives those that have waited for it.
    mutating func lookIsOver(of disk: ObjectIdentifier) -> [Torrent] {
        beingLookedAt.removeValue(forKey: disk) ?? []
    }

    /// What is to stay free is another amount than before.
    mutating func forget() { untilLook = [:] }
}

/// What torrents still write to one disk.
struct WritingDisk: Sendable {
    let pool: DiskPool
    let memory: ExtentMemory
    /// One of the folders on it.
    let folder: String
    /// Bytes that peers were asked for and have not sent.
    var asked: Int64 = 0
    /// Bytes that are wanted and not verified: no more than that can come.
    var missing: Int64 = 0

    mutating func add(_ other: WritingDisk) {
        asked = asked.addingSaturating(other.asked)
        missing = missing.addingSaturating(other.missing)
    }

    /// Bytes that are on their way to the disk, from peers and in memory.
    var coming: Int64 { min(missing, asked.addingSaturating(Int64(memory.usedBytes))) }
}

extension Services {
    /// Stops writing where less would be free than is to stay free, once all has been written that
    /// is on its way. Each torrent looks by itself when it may go on. Does not wait for the disks:
    /// one of them may hang.
    func guardRoom() async {
        guard configuration.minimumFree > 0 else { return }
        for (key, written) in await disksWritten()
        where room.withLock({ $0.beginLook(at: key) }) {
            Task { await look(at: key, written) }
        }
    }

    /// The same for one disk, and waits for it. The look has begun.
    func lookForRoom(on pool: DiskPool) async {
        let key = ObjectIdentifier(pool)
        let isGuarded = configuration.minimumFree > 0
        await look(at: key, isGuarded ? await disksWritten(on: pool)[key] : nil)
    }

    private typealias Written = (disk: WritingDisk, torrents: [Torrent])

    /// - Parameter only: nil is all disks.
    private func disksWritten(on only: DiskPool? = nil) async -> [ObjectIdentifier: Written] {
        var disks: [ObjectIdentifier: Written] = [:]
        for torrent in directory.all where torrent.connectionCount > 0 {
            guard let writing = await torrent.writing, only == nil || writing.pool === only else {
                continue
            }
            let key = ObjectIdentifier(writing.pool)
            disks[key, default: (WritingDisk(writing), [])].disk.add(writing)
            disks[key]?.torrents.append(torrent)
        }
        return disks
    }

    /// Those go on afterwards that have waited for it.
    private func look(at key: ObjectIdentifier, _ written: Written?) async {
        // Where nobody writes, or nobody knows, what still comes begins no look with each block.
        var left: Int64 = configuration.minimumFree > 0 ? 0 : .max
        if let written { left = await roomLeft(on: written.disk) ?? 0 }
        room.withLock { $0.saw(left, on: key) }
        if left < 0, let written {
            for torrent in written.torrents { await torrent.pauseForRoom() }
        }
        let waiting = room.withLock { $0.lookIsOver(of: key) }
        for torrent in waiting { await torrent.roomIsKnown() }
    }

    /// Bytes that may still be asked for; nil if nobody knows.
    private func roomLeft(on disk: WritingDisk) async -> Int64? {
        await withCheckedContinuation { done in
            // Where neither reads for peers nor other disks are waited for.
            let isTaken = disk.pool.run(.journal) {
                // In this order: what is written meanwhile counts twice rather than not at all.
                let coming = disk.coming
                done.resume(returning: self.roomLeft(in: disk.folder, coming: coming))
            }
            if !isTaken { done.resume(returning: nil) }
        }
    }

    /// Bytes that are free on the disk of the folder beyond what is to stay free and what is still
    /// to be written. Asks the file system.
    func roomLeft(in folder: String, coming: Int64) -> Int64 {
        let (minimum, freeBytes) = (configuration.minimumFree, configuration.freeBytes)
        guard minimum > 0, let free = freeBytes(folder) else { return .max }
        return free.subtractingSaturating(minimum).subtractingSaturating(coming)
    }
}

extension WritingDisk {
    fileprivate init(_ other: WritingDisk) {
        self.init(pool: other.pool, memory: other.memory, folder: other.folder)
    }
}

extension Torrent {
    /// What it still writes, if it does.
    var writing: WritingDisk? {
        guard case .downloading = state, let storage, let machine else { return nil }
        return WritingDisk(
            pool: storage.resources.pool, memory: storage.resources.memory,
            folder: storage.files.folder, asked: machine.bytesAskedFor, missing: missingBytes)
    }

    var missingBytes: Int64 {
        guard let (wanted, had) = machine?.wantedBytes else { return 0 }
        return max(0, wanted - had)
    }

    /// Bytes have come that are to be written.
    func noteRoom(_ bytes: Int, for storage: TorrentStorage) {
        let (pool, services) = (storage.resources.pool, services)
        let waiter = waitsForRoom ? nil : self
        let step = services.room.withLock { room in
            room.took(bytes, for: ObjectIdentifier(pool), of: waiter)
        }
        switch step {
        case .goOn: break
        case .look: Task { await services.lookForRoom(on: pool) }
        case .wait:
            waitsForRoom = true
            if !isReadingPaused { pauseReading(true) }
        }
    }

    /// It is known how much is free.
    func roomIsKnown() {
        guard waitsForRoom else { return }
        waitsForRoom = false
        if isReadingPaused, storage?.isCongested != true { pauseReading(false) }
    }

    func pauseForRoom() {
        guard case .downloading = state, storage != nil else { return }
        pauseWriting(.noSpace(path: request.directory))
    }
}
