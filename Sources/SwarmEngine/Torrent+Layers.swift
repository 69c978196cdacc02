import Hashing
import Logging
import Metainfo
import Storage
import SwarmScheduler
import Units

// MARK: - The hashes of pieces that nobody sent (BEP 52)

extension Torrent {
    /// A hybrid torrent that is known by its v1 hash may have been fetched from peers that speak
    /// v1 only. Its v2 hashes are made of the content then, so that a whole `.torrent` is kept.
    func tellCompleted() {
        guard let storage, let metainfo, metainfo.version == .hybrid,
            machine?.isSeeding == true, !metainfo.filesWithoutPieceLayer.isEmpty,
            storage.resources.pool.run(.check(key: 0), { self.makeLayers(of: metainfo, storage) })
        else { return tell(.completed) }
    }

    /// On a thread of the disk.
    private nonisolated func makeLayers(of metainfo: Metainfo, _ storage: TorrentStorage) {
        var made = metainfo
        do {
            for file in metainfo.filesWithoutPieceLayer {
                try made.setPieceLayer(storage.pieceLayer(of: file), of: file)
            }
        } catch {
            log.warning("v2 hashes not made", metadata: ["error": "\(error)"])
        }
        let known = made
        onLoop { me in
            if known.filesWithoutPieceLayer.isEmpty, !me.isStopping { me.layersComplete(known) }
            me.tell(.completed)
        }
    }
}

extension TorrentStorage {
    /// The hashes of the pieces of a file, from its content.
    fileprivate func pieceLayer(
        of file: FileIndex
    ) throws(StorageError) -> [SHA256Digest] {
        let layout = metainfo.layout
        let leafCount = Int((layout.files[file.position].length - 1) / Int64(blockLength)) + 1
        let leavesPerPiece = Int(layout.pieceLength / blockLength)
        var layer: [SHA256Digest] = []
        for first in stride(from: 0, to: leafCount, by: leavesPerPiece) {
            var leaves: [SHA256Digest] = []
            for leaf in first..<min(first + leavesPerPiece, leafCount) {
                leaves.append(try leafHash(leaf, of: file))
            }
            layer.append(MerkleTree.root(of: leaves, padTo: leavesPerPiece))
        }
        return layer
    }
}
