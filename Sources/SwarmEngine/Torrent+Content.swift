import Logging
import Metainfo
import NIOCore
import Storage
import SwarmScheduler
import Transport
import Units

// MARK: - What can be done with the content of a torrent

extension Torrent {
    /// Believes nothing of what is known of the content, and hashes all of it again. Connections
    /// wait meanwhile. Returns when that has begun; a torrent that had failed begins anew.
    public func recheck() async throws(EngineError) {
        try await letGoOfContent()
        reopen(.checkAll)
    }

    /// Keeps the content in another folder from now on: moved there, or, without `movingData`,
    /// taken to be there already. What stands there already is never written over. Returns when it
    /// is done; if it fails, the content stays where it was.
    public func move(to folder: String, movingData: Bool) async throws(EngineError) {
        guard metainfo != nil else {
            amend { $0.directory = folder }
            return try await services.recordFolder(folder, of: record)
        }
        try await letGoOfContent()
        let failure = movingData ? await moveContent(to: folder) : await adopt(folder)
        let isAlive = !isStopping
        if failure == nil { amend { $0.directory = folder } }
        if isAlive { reopen(.asRecorded) } else { giveUpOpening() }
        if let failure { throw failure }
        tell(.moved(folder))
    }

    /// Renames a file of the torrent, a folder in it, or the torrent itself: on the disk and in
    /// all that is told of it, not towards peers. Nothing is hashed again, and what stands there
    /// already is never written over. Returns when it is done.
    ///
    /// - Parameters:
    ///   - path: as `files` tells it now, or the path of a folder.
    ///   - newName: one element of a path.
    public func rename(_ path: String, to newName: String) async throws(EngineError) {
        try await letGoOfContent()
        guard let metainfo else { return giveUpOpening() }
        let content = services.content(of: metainfo, request)
        let result = await services.onDisk(of: request.directory) {
            Result { () throws(RenameError) in try content.rename(path, to: newName) }
        }
        if isStopping { giveUpOpening() } else { reopen(.asRecorded) }
        switch result {
        case .success(let renamed): amend { $0.renamed = renamed }
        case .failure(.storage(let error)): throw EngineError(error)
        case .failure(let error): throw .badName(name: name, reason: "\(error)")
        case nil: throw .stopped
        }
    }

    /// Leaves the swarm, and removes what is there of the content: the torrent's files only, and
    /// the folders that become empty by that. The torrent is to be removed from its session then.
    public func deleteContent() async throws(EngineError) {
        guard let metainfo else { return }
        if case .failed = state, storage == nil {} else { try await letGoOfContent() }
        let content = services.content(of: metainfo, request)
        let failure = await services.onDisk(of: request.directory) { () -> EngineError? in
            do throws(StorageError) {
                _ = try content.remove()
                return nil
            } catch {
                return EngineError(error)
            }
        }
        giveUpOpening()
        if !isStopping {
            closeConnections()
            settleCounters()
            machine = nil
            state = .stopped
        }
        if let failure = failure ?? EngineError.stopped { throw failure }
    }

    private func adopt(_ folder: String) async -> EngineError? {
        do throws(EngineError) {
            try await services.recordFolder(folder, of: record)
            return nil
        } catch {
            return error
        }
    }

    private func moveContent(to folder: String) async -> EngineError? {
        guard let metainfo else { return nil }
        state = .moving(done: 0, total: metainfo.layout.contentLength)
        let (content, stops) = (services.content(of: metainfo, request), stopsMoving)
        let outcome = await services.onDisk(of: folder) { [weak self] () -> EngineError? in
            do throws(StorageError) {
                try content.move(to: folder) { progress in
                    self?.showMove(progress)
                    return !stops.isStopping
                }
                return nil
            } catch {
                return EngineError(error)
            }
        }
        return outcome ?? .stopped
    }

    nonisolated func showMove(_ progress: MoveProgress) {
        onLoop { me in
            guard case .moving = me.state else { return }
            me.state = .moving(done: progress.done, total: progress.total)
        }
    }
}

extension Services {
    func content(of metainfo: Metainfo, _ request: TorrentRequest) -> TorrentContent {
        TorrentContent(metainfo, in: request.directory, store: store, record: request.record)
    }

    /// Does what takes long on the disk that holds `folder`; nil when the session has stopped.
    func onDisk<Value: Sendable>(
        of folder: String, _ body: @escaping @Sendable () -> Value
    ) async -> Value? {
        let pool = await onStartup { self.resources(for: folder).pool }
        guard let pool else { return nil }
        return await withCheckedContinuation { done in
            let isTaken = pool.run(.check(key: 0)) { done.resume(returning: body()) }
            if !isTaken { done.resume(returning: nil) }
        }
    }
}

// MARK: - Letting go of the content and opening it again

extension Torrent {
    /// What was verified is recorded; connections stay, and wait.
    private func letGoOfContent() async throws(EngineError) {
        guard !isOpening, !isStopping, metainfo != nil, seeker == nil else {
            throw .busy(name: name)
        }
        isOpening = true
        run(.suspend)
        guard let storage else { return }
        self.storage = nil
        await withCheckedContinuation { done in storage.close { _ in done.resume() } }
        setReadingAgain()
        guard !isStopping else {
            giveUpOpening()
            throw .stopped
        }
    }

    /// Opens the content again. `isOpening` is true already.
    func reopen(_ content: TorrentOpening.Options.Content) {
        guard let metainfo else { return }
        if case .failed = state {
            keepTotals()
            settleCounters()
            machine = nil
            closeConnections()
        }
        state = .checking(done: 0, total: 0)
        rehashedBytes = 0
        isOpening = services.startup.run(.sync) { self.open(metainfo, content) }
        if !isOpening { failedToOpen(.stopped) }
    }

    private func giveUpOpening() {
        isOpening = false
        if isStopping { finishStopping() }
    }

    private func setReadingAgain() {
        // It may come to another disk than the one it has waited for.
        waitsForRoom = false
        guard isReadingPaused else { return }
        isReadingPaused = false
        for conduit in conduits { conduit?.setReading(true) }
    }

    /// What the machine counted is kept when another takes its place.
    private func keepTotals() {
        guard let machine else { return }
        earlierTotals.uploaded += machine.uploaded
        earlierTotals.downloaded += machine.downloaded
        lastTransfer.uploaded = 0
        lastTransfer.downloaded = 0
    }
}

// MARK: - A disk that is not there

extension Torrent {
    /// The content goes on where it was when its disk is back.
    func waitForStorage(_ error: EngineError) {
        guard !isStopping else { return giveUpOpening() }
        let isNews = if case .waitingForStorage = state { false } else { true }
        state = .waitingForStorage(error)
        run(.suspend)
        if let storage {
            self.storage = nil
            isOpening = true
            storage.close { _ in self.onLoop { $0.storageGone() } }
        } else {
            storageGone()
        }
        guard isNews else { return }
        log.warning("the disk of the content is missing", metadata: ["error": "\(error)"])
        tell(.storageMissing(error))
    }

    private func storageGone() {
        guard !isStopping else { return giveUpOpening() }
        isOpening = true
        setReadingAgain()
        loop.scheduleTask(in: .nanoseconds(Limits.storageProbeInterval.nanoseconds)) {
            [weak self] in
            self?.assumeIsolated { $0.probeStorage() }
        }
    }

    private func probeStorage() {
        guard !isStopping else { return giveUpOpening() }
        guard case .waitingForStorage = state, let metainfo else { return }
        let (folder, before) = (request.directory, probedFolder)
        isOpening = services.startup.run(.sync) {
            let now = FileIdentity(at: folder)
            // As long as the folder is as it was, opening it again would come to the same.
            if let before, before == now { return self.onLoop { $0.storageGone() } }
            self.onLoop { $0.probedFolder = .some(now) }
            self.open(metainfo)
        }
        if !isOpening { failedToOpen(.stopped) }
    }
}
