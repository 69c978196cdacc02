import FoundationEssentials
import HTTPTypes
import NIOCore
import NIOPosix
import SwarmEngine
import SwarmScheduler
import Synchronization
import Units

/// What Prometheus asks for. All of it is read when it asks, and nothing waits for a disk.
public struct Metrics: Sendable {
    private let seedbox: Seedbox
    private let counters: AutomationCounters
    private let lag: LagProbe

    public init(_ seedbox: Seedbox, counters: AutomationCounters) {
        self.seedbox = seedbox
        self.counters = counters
        lag = LagProbe(seedbox.session.eventLoops)
        seedbox.space.refresh(seedbox.settings.contentFolders)
    }

    public var routes: [Route] {
        [
            Route(
                .get, "/metrics", .read, "Metrics for Prometheus, as text.",
                replyType: Exposition.contentType
            ) { [self] _ throws(HTTPFailure) in
                HTTPReply(type: Exposition.contentType, await reading().page.bytes)
            }
        ]
    }

    func reading() async -> MetricsReading {
        let settings = seedbox.settings
        let statistics = seedbox.statistics
        let now = Int64(Date().timeIntervalSince1970)
        var reading = MetricsReading(
            version: programVersion, uptime: Double(max(0, now - statistics.started)))
        reading.received = MetricsReading.Traffic(payload: statistics.thisRun.downloaded)
        reading.sent = MetricsReading.Traffic(payload: statistics.thisRun.uploaded)
        (reading.downloadRate, reading.uploadRate) =
            (statistics.downloadRate, statistics.uploadRate)
        let rates = settings.limits
        let isAlternative = statistics.usesAlternativeLimits
        reading.downloadLimit = Self.limit(isAlternative ? rates.alternativeDown : rates.down)
        reading.uploadLimit = Self.limit(isAlternative ? rates.alternativeUp : rates.up)
        let walk = seedbox.catalogue.withRows { rows in
            Walk(rows, isPerTorrent: settings.api.metricsPerTorrent)
        }
        (reading.tally, reading.series) = (walk.tally, walk.series)
        let network = await seedbox.session.network()
        reading.network = network
        (reading.slowness, reading.hindrances) = (walk.atRest, walk.atRest)
        for row in walk.slow + walk.seeds.prefix(Limits.reasonedTorrentsMax - walk.slow.count) {
            let reasons = await seedbox.slowness(
                of: row, incomingConnections: network.incomingConnections)
            if let first = reasons.first { reading.slowness[first.kind, default: 0] += 1 }
            for reason in reasons { reading.hindrances[reason.kind, default: 0] += 1 }
        }
        let folders = settings.contentFolders
        reading.folders = seedbox.space.latest(folders)
        seedbox.space.refresh(folders)
        reading.eventLoopLag = lag.reading
        reading.disks = seedbox.session.disks
        reading.swarms = await seedbox.session.torrentCounters()
        reading.automation = counters
        reading.process = ProcessReading.now()
        return reading
    }

    /// What one pass over the rows collects.
    private struct Walk: Sendable {
        var tally = TorrentTally()
        var series = TorrentSeries()
        /// What is not there yet: few of many, as the others wait in the queue or are paused.
        var slow: [TorrentRow] = []
        /// What is there and takes no part in its swarm, by why it does not.
        var atRest: [SlownessReason.Kind: Int] = [:]
        /// What is there and has peers, who might be given more, or trouble.
        var seeds: [TorrentRow] = []

        init(_ rows: [TorrentRow], isPerTorrent: Bool) {
            for row in rows {
                tally.count(row)
                if isPerTorrent { series.add(row) }
                if !row.isComplete {
                    if slow.count < Limits.reasonedTorrentsMax { slow.append(row) }
                } else if let kind = Slowness.standstill(in: row.state) {
                    atRest[kind, default: 0] += 1
                } else if row.peersKnown > 0 || row.peersConnected > 0 || row.error != nil {
                    if seeds.count < Limits.reasonedTorrentsMax { seeds.append(row) }
                }
            }
        }
    }

    private static func limit(_ rate: ByteRate?) -> Double {
        rate.map { Double($0.bytesPerSecond) } ?? .infinity
    }
}

/// How late the event loops are that torrents are on.
final class LagProbe: Sendable {
    private let histogram = Mutex(LatencyHistogram())

    init(_ loops: any EventLoopGroup) {
        for loop in loops.makeIterator() { arm(loop) }
    }

    /// Ends with the probe, or the loop.
    private func arm(_ loop: any EventLoop) {
        let due = NIODeadline.now() + .seconds(1)
        loop.scheduleTask(deadline: due) { [weak self] in
            guard let self else { return }
            let late = Interval(nanoseconds: (NIODeadline.now() - due).nanoseconds)
            histogram.withLock { $0.record(late) }
            arm(loop)
        }
    }

    var reading: LatencyHistogram { histogram.withLock(\.self) }
}
