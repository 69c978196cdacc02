import SwarmScheduler
import Transport
import Units

/// How the limits of a session are divided among its torrents, a few times a second: each torrent
/// keeps to its share by itself, so that none waits for another.
struct LimitShares {
    /// What one torrent wants of one direction.
    struct Appetite: Hashable, Sendable {
        /// What passes now.
        var rate: ByteRate
        /// How often the limit kept something from passing since the start.
        var timesLimited: Int
    }

    /// By torrent: how often it had been limited when it was last asked.
    private var limited: [ObjectIdentifier: Int] = [:]

    /// The shares of `limit`, in the order of `appetites`. Who was held back by its share since the
    /// last time wants all it can get; others want some more than they use. A little is kept for
    /// each, to begin with.
    mutating func divide(
        _ limit: ByteRate, among appetites: [(torrent: ObjectIdentifier, Appetite)]
    ) -> [ByteRate] {
        guard !appetites.isEmpty else { return [] }
        let divisor = Limits.idleShareDivisor.multipliedSaturating(by: Int64(appetites.count))
        let least = max(1, limit.bytesPerSecond / divisor)
        let demands = appetites.map { torrent, appetite -> ByteRate? in
            if appetite.timesLimited != limited[torrent] ?? 0 { return nil }
            let used = appetite.rate.bytesPerSecond
            return ByteRate(bytesPerSecond: max(least, used.addingSaturating(used / 4)))
        }
        limited = Dictionary(
            appetites.map { ($0.torrent, $0.1.timesLimited) }, uniquingKeysWith: max)
        return limit.shares(for: demands)
    }
}

extension Session {
    /// Divides the limits among the torrents until the session ends.
    func divideLimits() async {
        let configuration = services.configuration
        guard configuration.uploadLimit != nil || configuration.downloadLimit != nil else {
            return
        }
        var (up, down) = (LimitShares(), LimitShares())
        while !Task.isCancelled {
            let torrents = services.directory.all
            var appetites: [(up: LimitShares.Appetite, down: LimitShares.Appetite)] = []
            for torrent in torrents { appetites.append(await torrent.appetites) }
            let uploads = configuration.uploadLimit.map { limit in
                up.divide(
                    limit, among: zip(torrents, appetites).map { (ObjectIdentifier($0), $1.up) })
            }
            let downloads = configuration.downloadLimit.map { limit in
                down.divide(
                    limit, among: zip(torrents, appetites).map { (ObjectIdentifier($0), $1.down) })
            }
            for (position, torrent) in torrents.enumerated() {
                await torrent.setShares(
                    upload: uploads?[position], download: downloads?[position])
            }
            try? await Task.sleep(for: .nanoseconds(Limits.shareInterval.nanoseconds))
        }
    }
}

extension Torrent {
    var appetites: (up: LimitShares.Appetite, down: LimitShares.Appetite) {
        let now = MonotonicClock.now
        return (
            LimitShares.Appetite(
                rate: machine?.uploadRate(now: now) ?? .zero,
                timesLimited: machine?.counters.limitedServes ?? 0),
            LimitShares.Appetite(
                rate: machine?.downloadRate(now: now) ?? .zero,
                timesLimited: machine?.counters.limitedRequests ?? 0)
        )
    }

    /// Keeps to these shares of the session's limits, and to its own limits.
    func setShares(upload: ByteRate?, download: ByteRate?) {
        guard upload != uploadShare || download != downloadShare else { return }
        (uploadShare, downloadShare) = (upload, download)
        run(
            .setLimits(
                download: lower(request.downloadLimit, download),
                upload: lower(request.uploadLimit, upload)))
    }

    func lower(_ a: ByteRate?, _ b: ByteRate?) -> ByteRate? {
        [a, b].compactMap(\.self).min()
    }
}
