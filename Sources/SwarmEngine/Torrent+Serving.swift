import Hashing
import Metainfo
import NIOCore
import PeerWire
import Storage
import SwarmScheduler
import Transport
import Units

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
        guard !uploads.batches.isEmpty else { return }
        guard let storage else {
            _ = uploads.take()
            return
        }
        for batch in uploads.take() {
            let buffer = uploadBuffers.popLast() ?? UploadBuffer()
            let isQueued = storage.resources.pool.run(.read(key: Int(batch.key.slot))) {
                let failed = buffer.fill(
                    with: batch.requests, byteCount: batch.bytes, from: storage)
                // No piece is lost whose disk is only away.
                if !failed.isEmpty, self.request.waitsForStorage, let gone = storage.missingVolume {
                    return self.onLoop { $0.lostVolume(gone, storage, buffer) }
                }
                if !failed.isEmpty, self.request.missesContent, let gone = storage.missingContent {
                    return self.onLoop { torrent in
                        guard torrent.storage === storage, case .seeding = torrent.state else {
                            // What is not whole is fetched again, as after any read that failed.
                            return torrent.sendBlocks(batch, buffer, failed: failed)
                        }
                        torrent.lostContent(gone, buffer)
                    }
                }
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

    private func lostVolume(
        _ error: StorageError, _ storage: TorrentStorage, _ buffer: UploadBuffer
    ) {
        recycle(buffer)
        if self.storage === storage { waitForStorage(EngineError(error)) }
    }

    private func lostContent(_ error: StorageError, _ buffer: UploadBuffer) {
        recycle(buffer)
        run(.suspend)
        closeConnections()
        fail(EngineError(error))
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
