import Hashing
import Logging
import Metainfo
import NIOCore
import PeerWire
import Storage
import SwarmScheduler
import Synchronization
import Transport
import Units

extension Torrent {
    /// Runs `body` on the torrent's loop, from a thread of the disk.
    nonisolated func onLoop(_ body: @escaping @Sendable (isolated Torrent) -> Void) {
        loop.execute { self.assumeIsolated { body($0) } }
    }
}

// MARK: - Opening and closing

extension Torrent {
    /// Finds out what the torrent is and what is there of its content, then takes part.
    func start() {
        takeUp()
        // On a thread of the disk, since it asks the session store.
        isOpening = services.startup.run(.sync) {
            switch self.request.source {
            case .metainfo(let metainfo): self.open(metainfo)
            case .magnet(let link): self.recall(link)
            }
        }
        if !isOpening { fail(.stopped) }
    }

    /// On a thread of the disk.
    nonisolated func open(
        _ metainfo: Metainfo, _ content: TorrentOpening.Options.Content = .asRecorded
    ) {
        do throws(EngineError) {
            let selection = try request.selection(of: metainfo)
            let record = try services.record(metainfo, request, selection: selection)
            amend { $0.record = record }
            let totals = try services.totals(of: record)
            let peers = services.peers(of: record, naming: request.peers)
            onLoop { $0.took(totals, peers) }
            guard try !finishesMove(metainfo, content) else { return }
            let renamed = try services.renamedPaths(of: record)
            amend { $0.renamed = renamed }
            guard !request.wantsMetadataOnly else { return onLoop { $0.endWithMetadata() } }
            var options = TorrentOpening.Options(folder: request.directory)
            options.record = record
            options.wanted = selection
            options.createsFolder = request.mode == .fetch
            options.missesContent = request.missesContent
            options.content = request.contentIsFresh ? .hashedJustNow : content
            let opening = TorrentOpening.open(
                metainfo, options, resources: services.resources(for: request.directory),
                progress: { progress in self.onLoop { $0.checking(progress, of: metainfo) } },
                events: { event in self.onLoop { $0.happened(event) } },
                completion: { result in self.onLoop { $0.opened(result, metainfo) } })
            onLoop { $0.keep(opening) }
        } catch {
            onLoop { $0.failedToOpen(error) }
        }
    }

    /// A move or renaming that a crash interrupted is finished first. It may take long, so it is
    /// for another thread, which then goes on here.
    private nonisolated func finishesMove(
        _ metainfo: Metainfo, _ content: TorrentOpening.Options.Content
    ) throws(EngineError) -> Bool {
        guard let target = try services.pendingMove(of: request) else { return false }
        let files = services.content(of: metainfo, request)
        let total = metainfo.layout.contentLength
        onLoop { $0.state = .moving(done: 0, total: total) }
        let pool = services.resources(for: target).pool
        let isTaken = pool.run(.check(key: 0)) {
            do throws(StorageError) {
                let stops = self.stopsMoving
                let folder = try files.finishMove { progress in
                    self.showMove(progress)
                    return !stops.isStopping
                }
                if let folder {
                    self.amend { $0.directory = folder }
                    self.tell(.moved(folder))
                }
                try self.services.content(of: metainfo, self.request).finishRenaming()
                let isTaken = self.services.startup.run(.sync) { self.open(metainfo, content) }
                if !isTaken { self.onLoop { $0.failedToOpen(.stopped) } }
            } catch {
                self.onLoop { $0.failedToOpen(error) }
            }
        }
        if !isTaken { throw .stopped }
        return true
    }

    /// What earlier runs counted, and whom they knew. It is read once.
    private func took(_ totals: TorrentTotals, _ peers: [Endpoint]) {
        guard !tookTotals else { return }
        tookTotals = true
        (earlierTotals, savedTotals) = (totals, totals)
        earlierPeers = peers
    }

    private func keep(_ opening: TorrentOpening) {
        guard isOpening else { return }
        self.opening = opening
        if isStopping { opening.cancel() }
    }

    func failedToOpen(_ error: StorageError) {
        if error.kind == .missingVolume, request.waitsForStorage {
            waitForStorage(EngineError(error))
        } else {
            failedToOpen(EngineError(error))
        }
    }

    func failedToOpen(_ error: EngineError) {
        isOpening = false
        guard !isStopping else { return finishStopping() }
        closeConnections()
        fail(error)
    }

    private func checking(_ progress: ContentChecker.Progress, of metainfo: Metainfo) {
        guard isOpening else { return }
        if case .moving = state { return }
        let unit = Int64(metainfo.layout.pieceLength)
        let total = min(Int64(progress.totalPieces) * unit, metainfo.layout.totalLength)
        rehashedBytes = progress.hashedBytes
        state = .checking(done: min(Int64(progress.checkedPieces) * unit, total), total: total)
    }

    private func opened(_ result: Result<TorrentStorage, OpeningError>, _ metainfo: Metainfo) {
        opening = nil
        switch result {
        case .failure(.cancelled): failedToOpen(.stopped)
        case .failure(.inconsistent): failedToOpen(.inconsistentHashes(name: name))
        case .failure(.storage(let error)): failedToOpen(error)
        case .failure(.store(let error)):
            let path = services.configuration.stateDirectory ?? ""
            failedToOpen(EngineError(error, store: path))
        case .success(let storage):
            isOpening = false
            self.storage = storage
            guard !isStopping else { return closeStorage() }
            begin(metainfo, with: storage)
        }
    }

    private func begin(_ metainfo: Metainfo, with storage: TorrentStorage) {
        let (had, wanted) = (storage.had, storage.files.wantedPieces)
        let waitedFor = state
        let missing = wanted.setCount(without: had)
        guard request.mode == .fetch || missing == 0 else {
            fail(.incomplete(name: name, missingPieces: missing, pieces: wanted.setCount))
            return closeStorage()
        }
        if case .waitingForStorage = waitedFor { tell(.storageFound) }
        probedFolder = nil
        guard machine == nil else { return goOn(having: had, wanted) }
        let wasSeeking = seeker != nil
        let machine = TorrentMachine(
            metainfo: metainfo, have: had, wanted: wanted, configuration: machineConfiguration,
            seed: services.makeSeed(), inheriting: takeHandover())
        self.machine = machine
        state = contentState
        prioritizePieces()
        startedComplete = machine.isFinished
        let done = machine.wantedBytes.had
        tell(.resumed(bytesDone: done, rehashedBytes: rehashedBytes))
        if wasSeeking {
            tellPieceCount(metainfo.layout.pieceCount)
        } else {
            seekPeers()
        }
        if startedComplete { tellCompleted() }
        admitWaiting()
    }

    /// The machine has waited for the content, and has its connections still.
    private func goOn(having had: Bitfield, _ wanted: Bitfield) {
        run(.resume(have: had, wanted: wanted))
        state = contentState
        startedComplete = machine?.isFinished ?? false
        tell(
            .resumed(bytesDone: machine?.wantedBytes.had ?? 0, rehashedBytes: rehashedBytes))
        admitWaiting()
        tellDHT()
    }

    /// It seeds once all that is wanted is verified and has its final name.
    private var contentState: TorrentStatus.State {
        let isPartial = storage?.files.hasPartialFiles ?? false
        return machine?.isFinished == true && !isPartial ? .seeding : .downloading
    }

    /// What is there, or wanted, has changed.
    func followContent() {
        switch state {
        case .downloading, .seeding: state = contentState
        default: break
        }
    }

    var machineConfiguration: TorrentMachine.Configuration {
        let (session, request) = (services.configuration, request)
        var configuration = TorrentMachine.Configuration(ourID: ourID)
        configuration.listenPort = listenPort
        configuration.clientName = session.clientName
        configuration.connectionsMax = request.maxPeers ?? session.maxPeers
        configuration.uploadSlots = session.uploadSlots
        (configuration.downloadLimit, configuration.uploadLimit) = presentLimits
        configuration.isSequential = request.isSequential
        configuration.usesPEX = session.usesPEX
        return configuration
    }

    /// Keeps those whom it knows for the next run.
    func savePeers() {
        guard let record, let peers = takePeers() else { return }
        _ = services.startup.run(.sync) { self.services.save(peers: [record: peers]) }
    }

    /// Lets go of the content once everything verified is recorded.
    func closeStorage() {
        if let record, let totals = takeTotals() {
            _ = services.startup.run(.sync) { self.services.save(totals: [record: totals]) }
        }
        guard let storage else { return finishStopping() }
        self.storage = nil
        storage.close { _ in self.onLoop { $0.finishStopping() } }
    }
}

// MARK: - The way of blocks

extension Torrent {
    func write(_ bytes: ByteBuffer, to piece: PieceIndex, begin: UInt32) {
        guard let storage else { return }
        _ = bytes.withUnsafeReadableBytes { storage.write(piece, begin: begin, bytes: $0) }
        if storage.isCongested, !isReadingPaused { pauseReading(true) }
        noteRoom(bytes.readableBytes, for: storage)
    }

    /// While the disk is behind, peers are not read from: TCP makes them wait.
    func pauseReading(_ isPaused: Bool) {
        isReadingPaused = isPaused
        for conduit in conduits { conduit?.setReading(!isPaused) }
        run(.diskCongested(isPaused))
    }

    func finish(_ piece: PieceIndex) {
        storage?.finish(piece) { outcome in
            self.onLoop { $0.finished(piece, outcome) }
        }
    }

    private func finished(_ piece: PieceIndex, _ outcome: PieceOutcome) {
        switch outcome {
        case .verdict(.verified): run(.pieceChecked(piece, .verified))
        case .verdict(.mismatch(let leaves)):
            tell(.hashFailed(piece))
            run(.pieceChecked(piece, .mismatch(leaves: leaves)))
        case .verdict(.inconsistent): run(.pieceChecked(piece, .inconsistent))
        case .verdict(.unverifiable): run(.pieceChecked(piece, .failed))
        case .failed(let error):
            lastDiskError = EngineError(error)
            run(.pieceChecked(piece, .failed))
        }
    }

    func discard(_ piece: PieceIndex) { storage?.discard(piece) }

    func digestBlocks(of piece: PieceIndex) {
        storage?.blockDigests(of: piece) { result in
            // Bytes that cannot be read back cannot be told apart either.
            let digests = (try? result.get()) ?? []
            self.onLoop { $0.run(.blockDigests(piece, digests)) }
        }
    }

    func probeDisk() {
        guard let storage else { return }
        // Not for a moment only: enough for the rest, or to be busy with for some time.
        let coming = min(missingBytes, Limits.roomToGoOn)
        let isTaken = storage.resources.pool.run(.sync) {
            guard self.services.roomLeft(in: storage.files.folder, coming: coming) >= 0 else {
                return self.onLoop { $0.run(.diskProbed(works: false)) }
            }
            self.probe(storage)
        }
        if !isTaken { run(.diskProbed(works: false)) }
    }

    private nonisolated func probe(_ storage: TorrentStorage) {
        storage.probe { error in
            self.onLoop { torrent in
                if let error, error.kind == .missingVolume, torrent.request.waitsForStorage {
                    return torrent.waitForStorage(EngineError(error))
                }
                if error == nil {
                    torrent.state = torrent.contentState
                    torrent.tell(.diskRelieved)
                }
                torrent.run(.diskProbed(works: error == nil))
            }
        }
    }

    func completed(_ piece: PieceIndex) { tell(.pieceCompleted(piece)) }

    /// Nothing is asked for until the disk takes something again; what is there is served.
    func pauseWriting(_ fault: EngineError) {
        lastDiskError = fault
        state = .diskFull
        if case .noSpace(let path) = fault {
            log.error("no room to write; it goes on when there is", metadata: ["path": "\(path)"])
        } else {
            log.error("cannot write", metadata: ["error": "\(fault)"])
        }
        tell(.diskFull(fault))
        run(.diskFaulted)
    }

    /// All that was wanted has come, in this run.
    private func noteCompleted() {
        guard earlierTotals.completed == nil else { return }
        let (now, record) = (Services.now, record)
        earlierTotals.completed = now
        savedTotals.completed = now
        _ = services.startup.run(.sync) { self.services.saveCompleted(record, at: now) }
    }

    /// What the disk has to say by itself.
    private func happened(_ event: TorrentStorage.Event) {
        switch event {
        case .relieved:
            if isReadingPaused, !waitsForRoom { pauseReading(false) }
        case .fault(let error):
            if error.kind == .missingVolume, request.waitsForStorage {
                return waitForStorage(EngineError(error))
            }
            pauseWriting(EngineError(error))
        case .completed:
            followContent()
            // Of what was whole from the start the disk may say so before it is open.
            guard machine != nil, !startedComplete else { return }
            noteCompleted()
            tellCompleted()
        case .piecesLost(let pieces):
            run(.piecesLost(pieces))
            followContent()
        case .notRecorded(let error):
            log.error("progress not recorded", metadata: ["error": "\(error)"])
        case .fileCompleted:
            break
        }
    }
}

extension EngineError {
    init(_ error: SessionStoreError, store path: String) {
        switch error {
        case .cannotOpen(let path, let reason): self = .state(path: path, reason: reason)
        case .newerSchema(let path):
            self = .state(path: path, reason: "was written by a newer version of this program")
        case .failed(let reason): self = .state(path: path, reason: reason)
        case .unknownTorrent: self = .state(path: path, reason: "the torrent is not there any more")
        }
    }

    init(_ error: StorageError) {
        switch error.kind {
        case .noSpace: self = .noSpace(path: error.path)
        case .missingContent: self = .missingContent(path: error.path)
        default:
            // Its description is "PATH: REASON".
            let reason = "\(error)".dropFirst(error.path.count + 2)
            self = .storage(path: error.path, reason: String(reason))
        }
    }
}
