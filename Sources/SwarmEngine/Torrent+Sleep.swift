import Discovery
import Metainfo
import SwarmScheduler
import Units

// MARK: - Falling asleep and waking

extension Torrent {
    /// Gives its place to a dormant seed, and begins to close. False if it has something to do.
    func fallAsleep() -> Bool {
        guard let seed = dormantSeed, let machine else { return false }
        var continuity = continuity
        continuity.uploaded += machine.uploaded
        continuity.downloaded += machine.downloaded
        continuity.peerID = ourID
        continuity.announcing = trackers.map { .underWay($0) } ?? .notYet
        continuity.trackers = services.naming(announceTiers)
        continuity.named = []
        guard services.lay(seed, continuity, inPlaceOf: self) else { return false }
        trackers = nil
        closeQuietly()
        return true
    }

    /// Nil unless it may sleep.
    private var dormantSeed: DormantSeed? {
        guard case .seeding = state, !isOpening, !isStopping, storage != nil, isQuiet,
            let machine, machine.isFinished, let record, let metainfo
        else { return nil }
        return DormantSeed(
            record: record, infoHash: metainfo.infoHash, isPrivate: isPrivate,
            isWhole: machine.isSeeding)
    }

    private var isQuiet: Bool { connectionCount == 0 && arrivals.isEmpty && waiting.isEmpty }

    /// Whether it slept before, so that others know of it already.
    var hasWoken: Bool { continuity.peerID != nil }

    /// Goes on with what was done for it while it slept.
    func takeUp() {
        takeUpTrackers()
        if !isPrivate, services.dht != nil, hasWoken { dhtNames = wireNames }
    }

    /// What others had to say while it slept.
    func hearOfSleep() {
        for named in continuity.named {
            run(.peersFound(named.peers, named.origin, from: named.source))
        }
        continuity.named = []
    }
}
