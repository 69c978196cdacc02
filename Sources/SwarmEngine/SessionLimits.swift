import SwarmScheduler
import Synchronization
import Transport
public import Units

/// Limits of both directions; nil is none.
public struct RateLimits: Hashable, Sendable {
    public var download: ByteRate?
    public var upload: ByteRate?

    public init(download: ByteRate? = nil, upload: ByteRate? = nil) {
        self.download = download
        self.upload = upload
    }

    var isUnlimited: Bool { download == nil && upload == nil }
}

/// How the limits of a session and of its groups are divided among torrents, a few times a second:
/// each torrent keeps to its share by itself, so that none waits for another.
struct LimitShares {
    /// What one torrent wants of one direction.
    struct Appetite: Hashable, Sendable {
        /// What passes now.
        var rate: ByteRate
        /// How often the limit kept something from passing since the start.
        var timesLimited: Int
        /// The limits that bind it, apart from the session's.
        var own: ByteRate?
        var group: String?
        /// Whether the limits of the session and of the group bind it.
        var honoursSession = true
        var priority = DownloadPriority.normal
    }

    /// By torrent: how often it had been limited when it was last asked.
    private var limited: [ObjectIdentifier: Int] = [:]

    /// The shares of `limit` and of the limits of groups, in the order of `appetites`; nil for a
    /// torrent that nothing binds. Who was held back by its share since the last time wants all it
    /// can get; others want some more than they use. A little is kept for each, to begin with.
    mutating func divide(
        _ limit: ByteRate?, groups: [String: ByteRate] = [:],
        among appetites: [(torrent: ObjectIdentifier, Appetite)]
    ) -> [ByteRate?] {
        var demands = appetites.map { torrent, appetite -> ByteRate? in
            demand(torrent, appetite, of: lower(limit, groups[appetite.group ?? ""]), appetites)
        }
        limited = Dictionary(
            appetites.map { ($0.torrent, $0.1.timesLimited) }, uniquingKeysWith: max)
        var shares = [ByteRate?](repeating: nil, count: appetites.count)
        // First each group among its own: what a torrent may have of that is all that it can ask
        // of the session.
        for (name, groupLimit) in groups {
            let members = appetites.indices.filter {
                appetites[$0].1.honoursSession && appetites[$0].1.group == name
            }
            let parts = groupLimit.shares(for: members.map { demands[$0] })
            for (member, part) in zip(members, parts) {
                shares[member] = part
                demands[member] = part
            }
        }
        guard let limit else { return shares }
        var left = limit
        let bound = appetites.indices.filter { appetites[$0].1.honoursSession }
        for priority in DownloadPriority.allCases.sorted(by: >) {
            let members = bound.filter { appetites[$0].1.priority == priority }
            let after = bound.count { appetites[$0].1.priority < priority }
            // Those that come later are not starved.
            let kept = after > 0 ? left.bytesPerSecond / Limits.laterShareDivisor : 0
            let here = ByteRate(bytesPerSecond: left.bytesPerSecond - kept)
            let parts = here.shares(for: members.map { demands[$0] })
            for (member, part) in zip(members, parts) {
                shares[member] = part
                left = ByteRate(
                    bytesPerSecond: max(0, left.bytesPerSecond - part.bytesPerSecond))
            }
        }
        return shares
    }

    private func demand(
        _ torrent: ObjectIdentifier, _ appetite: Appetite, of limit: ByteRate?,
        _ appetites: [(torrent: ObjectIdentifier, Appetite)]
    ) -> ByteRate? {
        if appetite.timesLimited != limited[torrent] ?? 0 { return appetite.own }
        let divisor = Limits.idleShareDivisor.multipliedSaturating(by: Int64(appetites.count))
        let least = max(1, (limit ?? .zero).bytesPerSecond / divisor)
        let used = appetite.rate.bytesPerSecond
        let wanted = ByteRate(bytesPerSecond: max(least, used.addingSaturating(used / 4)))
        return lower(wanted, appetite.own)
    }
}

/// The lower of two limits.
func lower(_ a: ByteRate?, _ b: ByteRate?) -> ByteRate? { [a, b].compactMap(\.self).min() }

extension Session {
    /// Changes what all torrents together may use, at once.
    public func setLimits(download: ByteRate?, upload: ByteRate?) async {
        services.adjust { ($0.downloadLimit, $0.uploadLimit) = (download, upload) }
        await divideAnew()
    }

    /// Says what the torrents of each group may use together. A group that is not named has no
    /// limit.
    public func setGroups(_ groups: [String: RateLimits]) async {
        services.groups.withLock { $0 = groups.filter { !$0.value.isUnlimited } }
        await divideAnew()
    }

    /// A share of what was is worth nothing.
    func divideAnew() async {
        for torrent in services.directory.all { await torrent.forgetShares() }
        divideLimits()
    }

    /// Divides the limits among the torrents as long as there are any.
    func divideLimits() {
        guard dividing == nil, !isStopped, hasLimits else { return }
        dividing = Task { [weak self] in
            var (up, down) = (LimitShares(), LimitShares())
            while !Task.isCancelled, await self?.divideOnce(&up, &down) == true {
                try? await Task.sleep(for: .nanoseconds(Limits.shareInterval.nanoseconds))
            }
        }
    }

    private var hasLimits: Bool {
        let configuration = services.configuration
        return configuration.uploadLimit != nil || configuration.downloadLimit != nil
            || services.groups.withLock { !$0.isEmpty }
    }

    /// False when there is nothing left to divide.
    private func divideOnce(_ up: inout LimitShares, _ down: inout LimitShares) async -> Bool {
        guard hasLimits else {
            dividing = nil
            return false
        }
        let (configuration, groups) = (services.configuration, services.groups.withLock(\.self))
        // Without connections nothing passes, and there may be thousands of such.
        let torrents = services.directory.all.filter { $0.connectionCount > 0 }
        var appetites: [(up: LimitShares.Appetite, down: LimitShares.Appetite)] = []
        for torrent in torrents { appetites.append(await torrent.appetites) }
        let uploads = up.divide(
            configuration.uploadLimit, groups: groups.compactMapValues(\.upload),
            among: zip(torrents, appetites).map { (ObjectIdentifier($0), $1.up) })
        let downloads = down.divide(
            configuration.downloadLimit, groups: groups.compactMapValues(\.download),
            among: zip(torrents, appetites).map { (ObjectIdentifier($0), $1.down) })
        for (position, torrent) in torrents.enumerated() {
            await torrent.setShares(upload: uploads[position], download: downloads[position])
        }
        return true
    }
}

extension Torrent {
    var appetites: (up: LimitShares.Appetite, down: LimitShares.Appetite) {
        let (now, request) = (MonotonicClock.now, request)
        func appetite(_ rate: ByteRate?, _ times: Int?, _ own: ByteRate?) -> LimitShares.Appetite {
            LimitShares.Appetite(
                rate: rate ?? .zero, timesLimited: times ?? 0, own: own, group: request.group,
                honoursSession: request.honoursSessionLimits, priority: request.priority)
        }
        let counters = machine?.counters
        return (
            appetite(
                machine?.uploadRate(now: now), counters?.limitedServes, request.uploadLimit),
            appetite(
                machine?.downloadRate(now: now), counters?.limitedRequests,
                request.downloadLimit)
        )
    }

    /// Keeps to these shares of the limits of session and group, and to its own limits.
    func setShares(upload: ByteRate?, download: ByteRate?) {
        guard upload != uploadShare || download != downloadShare else { return }
        (uploadShare, downloadShare) = (upload, download)
        followLimits()
    }

    /// Keeps to the limits as they are now, until it has a share of them.
    func forgetShares() {
        (uploadShare, downloadShare) = (nil, nil)
        followLimits()
    }

    func followLimits() {
        let (download, upload) = presentLimits
        run(.setLimits(download: download, upload: upload))
    }

    /// What binds the torrent now. Before it has a share, it may use all that there is.
    var presentLimits: (download: ByteRate?, upload: ByteRate?) {
        let (session, request) = (services.configuration, request)
        guard request.honoursSessionLimits else {
            return (request.downloadLimit, request.uploadLimit)
        }
        let group = request.group.flatMap { name in services.groups.withLock { $0[name] } }
        return (
            [request.downloadLimit, downloadShare, session.downloadLimit, group?.download]
                .compactMap(\.self).min(),
            [request.uploadLimit, uploadShare, session.uploadLimit, group?.upload]
                .compactMap(\.self).min()
        )
    }
}
