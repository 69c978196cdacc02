import Discovery
import Foundation
import Metainfo
import Storage
public import SwarmScheduler
import Tracker
import Transport
import Units

extension Torrent {
    /// What the torrent is doing now.
    public func status() -> TorrentStatus {
        let now = MonotonicClock.now
        let content =
            machine?.wantedBytes ?? (wanted: lastTransfer.wanted, had: lastTransfer.had)
        let transferring = machine?.transferringPeers(now: now) ?? (toUs: 0, fromUs: 0)
        return TorrentStatus(
            infoHash: infoHash, name: name, state: presentState,
            bytesWanted: content.wanted, bytesDone: content.had,
            downloaded: machine?.downloaded ?? lastTransfer.downloaded,
            uploaded: machine?.uploaded ?? lastTransfer.uploaded,
            totals: presentTotals,
            downloadRate: machine?.downloadRate(now: now) ?? .zero,
            uploadRate: machine?.uploadRate(now: now) ?? .zero,
            peersConnected: machine?.peerCount ?? seeker?.peerCount ?? 0,
            seedsConnected: machine?.seedCount ?? 0,
            peersSendingToUs: transferring.toUs, peersGettingFromUs: transferring.fromUs,
            peersKnown: machine?.knownPeerCount ?? seeker?.knownPeerCount ?? 0,
            rehashedBytes: rehashedBytes,
            counters: machine?.counters ?? TorrentCounters())
    }

    /// The connected peers, in the order in which they came.
    public func peers() -> [PeerStatus] {
        let now = MonotonicClock.now
        return machine?.peerStatuses(now: now) ?? seeker?.peerStatuses(now: now) ?? []
    }

    /// Which pieces are there, and how many connected peers have each.
    public func pieces() -> PieceStatus {
        PieceStatus(
            have: machine?.have ?? Bitfield(count: metainfo?.layout.pieceCount ?? 0),
            availability: machine?.availability ?? [])
    }

    /// Why the torrent is not faster.
    public func slowness() -> SlownessCounters {
        machine?.slowness() ?? seeker?.slowness() ?? SlownessCounters()
    }

    /// The files, without padding; none before the metadata is known. Counted off the torrent's
    /// event loop, since there may be very many.
    public nonisolated func files() async -> [FileStatus] {
        guard let metainfo else { return [] }
        let (have, request) = (await pieces().have, request)
        let wanted = (try? request.selection(of: metainfo)) ?? nil
        return FileStatus.all(
            of: metainfo, have: have, wanted: wanted, priorities: request.filePriorities,
            renamed: request.renamed ?? services.renamedPaths(of: request))
    }

    /// The trackers, by tier.
    public func trackers() async -> [TrackerStatus] {
        guard let trackers else { return [] }
        return TrackerStatus.all(await trackers.snapshot(), named: services.naming(announceTiers))
    }

    /// What earlier runs counted, and this one.
    var presentTotals: TorrentTotals {
        var totals = earlierTotals
        totals.uploaded += machine?.uploaded ?? lastTransfer.uploaded
        totals.downloaded += machine?.downloaded ?? lastTransfer.downloaded
        return totals
    }

    /// The totals, if they are not written down yet.
    func takeTotals() -> TorrentTotals? {
        let totals = presentTotals
        guard totals != savedTotals else { return nil }
        savedTotals = totals
        return totals
    }

    /// Whom to dial first in the next run, if that is not written down yet. A torrent that has all
    /// needs nobody; one that has nobody may just have lost the network.
    func takePeers() -> [Endpoint]? {
        let peers: [Endpoint]
        if machine?.isFinished == true {
            peers = []
        } else {
            let count = SessionStore.peersKeptMax
            peers = machine?.peersWorthKeeping(count) ?? seeker?.peersWorthKeeping(count) ?? []
            if peers.isEmpty { return nil }
        }
        guard peers != savedPeers else { return nil }
        savedPeers = peers
        return peers
    }

    /// All of that which is not written down yet.
    func takeNews() -> (totals: TorrentTotals?, peers: [Endpoint]?) { (takeTotals(), takePeers()) }

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

    init(contentLength: Int64, isThere: Bool = false) {
        self.wanted = contentLength
        self.had = isThere ? contentLength : 0
    }

    init(_ machine: TorrentMachine) {
        self.uploaded = machine.uploaded
        self.downloaded = machine.downloaded
        (self.wanted, self.had) = machine.wantedBytes
    }
}

extension TrackerStatus {
    /// As a driver knows them at one moment.
    ///
    /// - Parameter named: all that the torrent has, if the driver was not given all of them.
    static func all(
        _ snapshot: TrackerDriver.Snapshot, named: NamedTrackers?
    ) -> [TrackerStatus] {
        let asked = all(snapshot)
        guard let named else { return asked }
        let byURL = Dictionary(asked.map { ($0.url, $0) }) { first, _ in first }
        return named.places.map { place in
            var status =
                switch place.tracker {
                case .usable(let url): byURL[url.given] ?? unasked(url.given)
                case .unusable(let text): unasked(text)
                }
            status.tier = place.tier
            return status
        }
    }

    private static func unasked(_ text: String) -> TrackerStatus {
        var fault: String?
        do throws(TrackerURLError) { _ = try TrackerURL(text) } catch { fault = "\(error)" }
        return TrackerStatus(
            url: text, tier: 0, state: .idle, message: fault, failCount: 0, isSilent: false)
    }

    private static func all(_ snapshot: TrackerDriver.Snapshot) -> [TrackerStatus] {
        let wallClock = Services.now
        func time(_ instant: Instant?) -> Int64? {
            instant.map { wallClock + Int64(($0 - snapshot.now).seconds.rounded()) }
        }
        return snapshot.trackers.map { tracker in
            let swarm = tracker.swarms.first { $0.state != .idle } ?? tracker.swarms.first
            return TrackerStatus(
                url: tracker.url.given, tier: tracker.tier, state: .init(swarm?.state),
                message: swarm?.lastError.map { "\($0)" } ?? swarm?.warning,
                failCount: swarm?.failCount ?? 0,
                isSilent: swarm?.lastError.map { $0.ending != .answered } ?? false,
                seeds: tracker.counts.seeders,
                leechers: tracker.counts.leechers, downloads: tracker.counts.downloads,
                peersInAnswer: tracker.peersFound,
                lastAnnounce: time(swarm?.lastAnswer), lastTry: time(swarm?.lastTry),
                nextAnnounce: time(swarm?.nextAnnounce))
        }
    }
}

extension TrackerStatus.State {
    fileprivate init(_ state: Tracker.TrackerStatus.Swarm.State?) {
        switch state {
        case .idle, nil: self = .idle
        case .announcing: self = .announcing
        case .working: self = .working
        case .failing: self = .failing
        case .disabled: self = .disabled
        }
    }
}
