import Discovery
import Metainfo
import SwarmScheduler
import Transport
import Units

extension Torrent {
    /// What the torrent is doing now.
    public func status() -> TorrentStatus {
        let now = MonotonicClock.now
        let content =
            machine?.wantedBytes ?? (wanted: lastTransfer.wanted, had: lastTransfer.had)
        return TorrentStatus(
            infoHash: infoHash, name: name, state: presentState,
            have: machine?.have ?? Bitfield(count: metainfo?.layout.pieceCount ?? 0),
            availability: machine?.availability ?? [],
            bytesWanted: content.wanted, bytesDone: content.had,
            downloaded: machine?.downloaded ?? lastTransfer.downloaded,
            uploaded: machine?.uploaded ?? lastTransfer.uploaded,
            downloadRate: machine?.downloadRate(now: now) ?? .zero,
            uploadRate: machine?.uploadRate(now: now) ?? .zero,
            peersConnected: machine?.peerCount ?? seeker?.peerCount ?? 0,
            seedsConnected: machine?.seedCount ?? 0,
            peersKnown: machine?.knownPeerCount ?? seeker?.knownPeerCount ?? 0,
            rehashedBytes: rehashedBytes,
            counters: machine?.counters ?? TorrentCounters())
    }

    private var presentState: TorrentStatus.State {
        guard case .fetchingMetadata = state, let seeker else { return state }
        let progress = seeker.progress
        return .fetchingMetadata(done: progress.bytesReceived, total: progress.byteCount)
    }
}

/// What is left to be said of a torrent whose machine has stopped.
struct LastTransfer: Sendable {
    var uploaded: Int64 = 0
    var downloaded: Int64 = 0
    var wanted: Int64
    var had: Int64 = 0
    var left: Int64 { max(0, wanted - had) }

    init(contentLength: Int64) { self.wanted = contentLength }

    init(_ machine: TorrentMachine) {
        self.uploaded = machine.uploaded
        self.downloaded = machine.downloaded
        (self.wanted, self.had) = machine.wantedBytes
    }
}
