import Metainfo
public import Units

// MARK: - What can be told of a torrent

extension TorrentMachine {
    public func downloadRate(now: Instant) -> ByteRate { downloadMeter.rate(now: now) }
    public func uploadRate(now: Instant) -> ByteRate { uploadMeter.rate(now: now) }

    /// Connected peers that have everything.
    public var seedCount: Int {
        peers.active.count { peers[$0]?.isSeed == true }
    }

    public var knownPeerCount: Int { peerList.knownCount }

    /// Whom to dial first in the next run, the best first.
    public func peersWorthKeeping(_ count: Int) -> [Endpoint] { peerList.worthKeeping(count) }

    /// How many connected peers have each piece; 255 stands for that many or more.
    public var availability: [UInt8] {
        (0..<layout.pieceCount).map {
            UInt8(clamping: picker.availability(of: PieceIndex($0)))
        }
    }

    /// Content bytes of the wanted pieces, and of those of them that are had.
    public var wantedBytes: (wanted: Int64, had: Int64) { (wantedTotal, wantedHad) }

    /// Bytes that peers were asked for and have not sent yet.
    public var bytesAskedFor: Int64 {
        peers.active.reduce(0) { sum, slot in
            sum + Int64(peers[slot]?.pipeline.outstanding.count ?? 0) * Int64(blockLength)
        }
    }

    mutating func recountWanted() {
        (wantedTotal, wantedHad) = (0, 0)
        let (wanted, have) = (picker.wanted, picker.have)
        wanted.forEach { piece in
            let length = layout.contentLength(of: piece)
            wantedTotal += length
            if have.contains(piece) { wantedHad += length }
        }
    }
}
