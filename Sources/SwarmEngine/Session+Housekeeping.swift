import Foundation
public import Metainfo
public import Storage
import Synchronization
import Units

// MARK: - What is done now and then for all torrents

extension Session {
    /// The torrents of this session and of earlier ones; nil if nothing is remembered.
    public nonisolated var store: SessionStore? { services.store }

    /// Removes the content of a torrent that is not in the session: what an earlier run made or
    /// found right, and the folders that become empty by that.
    public func deleteContent(
        of metainfo: Metainfo, in folder: String, record: TorrentRecord.ID?
    ) async throws(EngineError) {
        let content = TorrentContent(
            metainfo, in: folder, store: services.store, record: record)
        let failure = await services.onDisk(of: folder) { () -> EngineError? in
            do throws(StorageError) {
                try content.remove()
                return nil
            } catch {
                return EngineError(error)
            }
        }
        if let failure = failure ?? EngineError.stopped { throw failure }
    }

    /// Writes totals and peers down, looks at what is free on the disks, and gives back memory, as
    /// soon as there is a torrent.
    func keepHouse() {
        guard housekeeping == nil, !isStopped else { return }
        housekeeping = Task { [weak self] in
            var untilTotals = Limits.totalsInterval
            var untilLook = Limits.storageProbeInterval
            var folders: [String: FolderPlace] = [:]
            while !Task.isCancelled {
                try? await Task.sleep(for: .nanoseconds(Limits.freeSpaceInterval.nanoseconds))
                await self?.services.guardRoom()
                untilLook = untilLook - Limits.freeSpaceInterval
                if untilLook <= .zero {
                    untilLook = Limits.storageProbeInterval
                    self?.services.giveBackMemory()
                    await self?.noticeMissingDisks(&folders)
                }
                untilTotals = untilTotals - Limits.freeSpaceInterval
                guard untilTotals <= .zero else { continue }
                untilTotals = Limits.totalsInterval
                await self?.saveNews()
            }
        }
    }

    private func saveNews() async {
        guard services.store != nil else { return }
        var totals: [TorrentRecord.ID: TorrentTotals] = [:]
        var peers: [TorrentRecord.ID: [Endpoint]] = [:]
        // Who had no connection since the last time has counted nothing, and met nobody.
        for torrent in services.directory.all where torrent.takeActivity() {
            guard let record = torrent.record else { continue }
            (totals[record], peers[record]) = await torrent.takeNews()
        }
        let (counted, met) = (totals, peers)
        _ = await services.onStartup {
            self.services.save(totals: counted)
            self.services.save(peers: met)
        }
    }

    /// A disk may be taken away while its files are open, which nobody notices who reads or writes
    /// them. Folders are looked at, and their torrents only if one is not what it was.
    private func noticeMissingDisks(_ known: inout [String: FolderPlace]) async {
        var torrents: [String: [Torrent]] = [:]
        for torrent in services.directory.all {
            torrents[torrent.request.directory, default: []].append(torrent)
        }
        let folders = Array(torrents.keys)
        let places = await services.onStartup {
            folders.map { FolderPlace(FileIdentity(at: $0)) }
        }
        guard let places else { return }
        let now = Dictionary(zip(folders, places)) { first, _ in first }
        for (folder, torrents) in torrents where known[folder] != now[folder] {
            for torrent in torrents { await torrent.lookForDisk() }
        }
        known = now
    }
}

/// What tells a folder from another one of its name; without numbers if there is none.
private struct FolderPlace: Hashable {
    let device: UInt64?
    let inode: UInt64?

    init(_ identity: FileIdentity?) { (device, inode) = (identity?.device, identity?.inode) }
}

extension Torrent {
    /// Whether it has had connections since this was last asked.
    nonisolated func takeActivity() -> Bool {
        let wasActive = hadConnections.exchange(connectionCount > 0, ordering: .relaxed)
        return wasActive || connectionCount > 0
    }

    /// Waits for the disk if it has gone.
    func lookForDisk() {
        guard let storage, request.waitsForStorage else { return }
        _ = services.startup.run(.sync) {
            guard let gone = storage.missingVolume else { return }
            self.onLoop { torrent in
                guard torrent.storage === storage else { return }
                torrent.waitForStorage(EngineError(gone))
            }
        }
    }
}
