import Hashing
import Logging
import Metainfo
import NIOCore
import PeerWire
import Storage
import SwarmScheduler
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
    nonisolated func open(_ metainfo: Metainfo) {
        do throws(EngineError) {
            let selection = try request.selection(of: metainfo)
            let record = try services.record(metainfo, request, selection: selection)
            amend { $0.record = record }
            guard !request.wantsMetadataOnly else { return onLoop { $0.endWithMetadata() } }
            var options = TorrentOpening.Options(folder: request.directory)
            options.record = record
            options.wanted = selection
            options.createsFolder = request.mode == .fetch
            options.content = request.contentIsFresh ? .hashedJustNow : .asRecorded
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

    private func keep(_ opening: TorrentOpening) {
        guard isOpening else { return }
        self.opening = opening
        if isStopping { opening.cancel() }
    }

    func failedToOpen(_ error: EngineError) {
        isOpening = false
        guard !isStopping else { return finishStopping() }
        closeConnections()
        fail(error)
    }

    private func checking(_ progress: ContentChecker.Progress, of metainfo: Metainfo) {
        guard isOpening else { return }
        let unit = Int64(metainfo.layout.pieceLength)
        let total = min(Int64(progress.totalPieces) * unit, metainfo.layout.totalLength)
        rehashedBytes = min(Int64(progress.checkedPieces) * unit, total)
        state = .checking(done: rehashedBytes, total: total)
    }

    private func opened(_ result: Result<TorrentStorage, OpeningError>, _ metainfo: Metainfo) {
        opening = nil
        switch result {
        case .failure(.cancelled): failedToOpen(.stopped)
        case .failure(.inconsistent): failedToOpen(.inconsistentHashes(name: name))
        case .failure(.storage(let error)): failedToOpen(EngineError(error))
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
        let missing = wanted.setCount(without: had)
        guard request.mode == .fetch || missing == 0 else {
            fail(.incomplete(name: name, missingPieces: missing, pieces: wanted.setCount))
            return closeStorage()
        }
        let wasSeeking = seeker != nil
        let machine = TorrentMachine(
            metainfo: metainfo, have: had, wanted: wanted, configuration: machineConfiguration,
            seed: services.makeSeed(), inheriting: takeHandover())
        state = machine.isFinished ? .seeding : .downloading
        self.machine = machine
        prioritizePieces()
        startedComplete = machine.isFinished
        let done = machine.wantedBytes.had
        tell(.resumed(bytesDone: done, rehashedBytes: rehashedBytes))
        if wasSeeking {
            tellPieceCount(metainfo.layout.pieceCount)
        } else {
            seekPeers()
        }
        if startedComplete { tell(.completed) }
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

    /// Lets go of the content once everything verified is recorded.
    func closeStorage() {
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
    }

    /// While the disk is behind, peers are not read from: TCP makes them wait.
    private func pauseReading(_ isPaused: Bool) {
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
        storage?.probe { error in
            self.onLoop { torrent in
                if error == nil {
                    torrent.state = .downloading
                    torrent.tell(.diskRelieved)
                }
                torrent.run(.diskProbed(works: error == nil))
            }
        }
    }

    func completed(_ piece: PieceIndex) { tell(.pieceCompleted(piece)) }

    /// What the disk has to say by itself.
    private func happened(_ event: TorrentStorage.Event) {
        switch event {
        case .relieved:
            if isReadingPaused { pauseReading(false) }
        case .fault(let error):
            let fault = EngineError(error)
            lastDiskError = fault
            state = .diskFull
            log.error("cannot write", metadata: ["error": "\(fault)"])
            tell(.diskFull(fault))
            run(.diskFaulted)
        case .completed:
            // Of what was whole from the start the disk may say so before it is open.
            guard machine != nil, !startedComplete else { return }
            tell(.completed)
        case .piecesLost(let pieces):
            run(.piecesLost(pieces))
        case .notRecorded(let error):
            log.error("progress not recorded", metadata: ["error": "\(error)"])
        case .fileCompleted:
            break
        }
    }
}

// MARK: - Serving

/// Where blocks are read into on a thread of the disk, and sent from on the loop. It is kept for
/// the next batch: each new one of this size costs the kernel a page fault for every 4 KiB.
// SAFETY: it has one owner at a time: the pool, then the disk's job, then the write under way.
final class UploadBuffer: @unchecked Sendable {
    fileprivate var bytes = ByteBuffer()

    /// Fills it with the blocks as they go over the wire; gives those that could not be read.
    fileprivate func fill(
        with requests: [BlockRequest], byteCount: Int, from storage: TorrentStorage
    ) -> [BlockRequest] {
        bytes.clear()
        bytes.reserveCapacity(byteCount + requests.count * PeerMessage.pieceHeaderByteCount)
        return requests.filter { !append($0, from: storage) }
    }

    private func append(_ request: BlockRequest, from storage: TorrentStorage) -> Bool {
        let start = bytes.writerIndex
        let length = Int(request.length)
        PeerMessage.encodePieceHeader(
            piece: request.piece, begin: request.begin, length: request.length, into: &bytes)
        do {
            try bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { space in
                try storage.read(
                    request.piece, begin: request.begin,
                    into: UnsafeMutableRawBufferPointer(rebasing: space[..<length]))
                return length
            }
            return true
        } catch {
            bytes.moveWriterIndex(to: start)
            return false
        }
    }
}

extension Torrent {
    func submitUploads() {
        guard !uploads.batches.isEmpty, let storage else { return }
        for batch in uploads.take() {
            let buffer = uploadBuffers.popLast() ?? UploadBuffer()
            let isQueued = storage.resources.pool.run(.read(key: Int(batch.key.slot))) {
                let failed = buffer.fill(
                    with: batch.requests, byteCount: batch.bytes, from: storage)
                self.onLoop { $0.sendBlocks(batch, buffer, failed: failed) }
            }
            if !isQueued { onLoop { $0.sendBlocks(batch, buffer, failed: batch.requests) } }
        }
    }

    private func sendBlocks(
        _ batch: UploadBatches.Batch, _ buffer: UploadBuffer, failed: [BlockRequest]
    ) {
        for request in failed { run(.serveFailed(batch.key, request)) }
        let bytes = batch.bytes - failed.reduce(0) { $0 + Int($1.length) }
        guard bytes > 0, let conduit = conduit(batch.key) else { return recycle(buffer) }
        let sent = loop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { result in
            let wasSent = if case .success = result { true } else { false }
            self.assumeIsolated { torrent in
                torrent.recycle(buffer)
                if wasSent { torrent.run(.served(batch.key, bytes: bytes)) }
            }
        }
        conduit.sendBlocks(buffer.bytes, promise: sent)
    }

    private func recycle(_ buffer: UploadBuffer) {
        guard uploadBuffers.count < Limits.uploadBuffersKept else { return }
        uploadBuffers.append(buffer)
    }

    /// Answers a request for hashes, from the torrent itself or from the content (BEP 52).
    func serveHashes(_ request: HashRequest, to key: PeerKey) {
        guard let storage, let answer = HashAnswer(request, storage.metainfo),
            answer.piecesRead.allSatisfy({ storage.had.contains(PieceIndex($0)) })
        else { return send(.hashReject(request), to: key) }
        let isQueued = storage.resources.pool.run(.read(key: Int(key.slot))) {
            let hashes = try? answer.hashes { leaf throws(StorageError) in
                try storage.leafHash(leaf, of: answer.file)
            }
            self.onLoop { torrent in
                torrent.send(hashes.map { .hashes(request, $0) } ?? .hashReject(request), to: key)
                torrent.flushConduits()
            }
        }
        if !isQueued { send(.hashReject(request), to: key) }
    }
}

extension TorrentStorage {
    /// The SHA-256 of a block of a file, by its number in the file.
    func leafHash(_ leaf: Int, of file: FileIndex) throws(StorageError) -> SHA256Digest {
        let layout = metainfo.layout
        let blocksPerPiece = Int(layout.pieceLength / blockLength)
        let piece = PieceIndex(layout.pieces(of: file).lowerBound + leaf / blocksPerPiece)
        let begin = UInt32(leaf % blocksPerPiece) * blockLength
        let inFile = layout.files[file.position].length - Int64(leaf) * Int64(blockLength)
        let length = Int(min(Int64(blockLength), inFile))
        var result = Result<SHA256Digest, StorageError>.success(.zero)
        withUnsafeTemporaryAllocation(byteCount: length, alignment: 16) { bytes in
            do throws(StorageError) {
                try self.read(piece, begin: begin, into: bytes)
                result = .success(SHA256Digest.hash(UnsafeRawBufferPointer(bytes)))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
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
        default:
            // Its description is "PATH: REASON".
            let reason = "\(error)".dropFirst(error.path.count + 2)
            self = .storage(path: error.path, reason: String(reason))
        }
    }
}
