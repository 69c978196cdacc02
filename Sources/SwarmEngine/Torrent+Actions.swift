import Discovery
import Logging
import NIOCore
import PeerWire
import SwarmScheduler
import Transport
import Units

// MARK: - Carrying out what the machine decides

extension Torrent {
    func perform(_ action: TorrentAction) {
        switch action {
        case .send(let key, let message): send(message, to: key)
        case .write(let piece, let begin, let bytes): write(bytes, to: piece, begin: begin)
        case .serve(let key, let request): uploads.add(request, for: key)
        case .finish(let piece): finish(piece)
        case .completed(let piece): completed(piece)
        default: performSeldom(action)
        }
    }

    private func performSeldom(_ action: TorrentAction) {
        switch action {
        case .admit(let id, let key): admit(id, as: key)
        case .refuse(let id, _): refuse(id)
        case .disconnect(let key, _): disconnect(key)
        case .dial(let endpoint): dial(endpoint)
        case .discard(let piece): discard(piece)
        case .digestBlocks(let piece): digestBlocks(of: piece)
        case .probeDisk: probeDisk()
        case .serveHashes(let key, let request): serveHashes(request, to: key)
        case .finished: downloadFinished()
        case .banned(let endpoint, let reason):
            log.debug("peer banned", metadata: ["peer": "\(endpoint)", "reason": "\(reason)"])
            tell(.peerBanned(endpoint, reason))
        case .failed(let failure): failed(failure)
        case .metadataVerified(let metainfo): metadataVerified(metainfo)
        case .metadataComplete(let metainfo): metadataComplete(metainfo)
        case .layersComplete(let metainfo): layersComplete(metainfo)
        case .send, .write, .serve, .finish, .completed: break
        }
    }

    private func failed(_ failure: TorrentFailure) {
        switch failure {
        case .inconsistentHashes: fail(.inconsistentHashes(name: name))
        case .disk:
            fail(lastDiskError ?? .storage(path: request.directory, reason: "the disk fails"))
        case .metadata(let error): fail(.metadata(name: name, reason: "\(error)"))
        }
    }

    /// Everything wanted is verified; the disk says when it is safe.
    private func downloadFinished() {
        if let trackers { Task { await trackers.completed() } }
        tellDHT()
    }

    /// The torrent stops here, and says why. Nobody is led to it any more.
    func fail(_ error: EngineError) {
        state = .failed(error)
        leaveNeighbours()
        leaveDHT()
        if let trackers {
            self.trackers = nil
            Task { await trackers.stop() }
        }
        log.error("torrent failed", metadata: ["error": "\(error)"])
        tell(.failed(error))
    }
}

// MARK: - Uploads

/// What is to be served after this turn, in runs of one peer each, so that the disk reads and the
/// kernel takes many blocks at a time.
struct UploadBatches {
    struct Batch {
        let key: PeerKey
        var requests: [BlockRequest]
        var bytes: Int
    }

    private(set) var batches: [Batch] = []

    mutating func add(_ request: BlockRequest, for key: PeerKey) {
        if let last = batches.indices.last, batches[last].key == key,
            batches[last].bytes < Limits.uploadBatchBytesMax
        {
            batches[last].requests.append(request)
            batches[last].bytes += Int(request.length)
        } else {
            batches.append(Batch(key: key, requests: [request], bytes: Int(request.length)))
        }
    }

    mutating func take() -> [Batch] {
        defer { batches.removeAll(keepingCapacity: true) }
        return batches
    }
}
