import Discovery
import Hashing
import Storage
import SwarmEngine
import SwarmScheduler
import Testing
import Units

@testable import Seedbox

@Suite struct MetricsReadingTests {
    @Test func countersEndInTotalAndNothingElseDoes() {
        let lines = MetricsReading.sample().page.text.split(separator: "\n")
        let heads = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ") }
        #expect(heads.count > 60)
        for head in heads {
            #expect(head[2].hasSuffix("_total") == (head[3] == "counter"), "\(head[2])")
        }
    }

    @Test func noSeriesIsThereTwice() {
        let lines = MetricsReading.sample().page.text.split(separator: "\n")
        let series = lines.filter { !$0.hasPrefix("#") }.compactMap { line in
            line.lastIndex(of: " ").map { line[..<$0] }
        }
        #expect(Set(series).count == series.count)
    }

    @Test func whatIsNotKnownIsNotTold() {
        let reading = MetricsReading(version: "1", uptime: 1)
        let text = reading.page.text
        #expect(!text.contains("swarm_dht_nodes"))
        #expect(!text.contains("swarm_tracker"))
        #expect(text.contains("swarm_rate_limit_bytes{direction=\"up\"} +Inf\n"))
        #expect(text.contains("swarm_torrents_slow{reason=\"noSpace\"} 0\n"))
    }
}

extension MetricsReading {
    /// One in which nothing is missing.
    static func sample(name: String = "An Album") -> MetricsReading {
        var histogram = LatencyHistogram()
        histogram.record(.milliseconds(3))
        var reading = MetricsReading(version: "0.1.0", uptime: 12.5)
        reading.received = Traffic(payload: 1, overhead: 2)
        reading.sent = Traffic(payload: 3, overhead: 4)
        (reading.downloadRate, reading.uploadRate) = (5, 6)
        reading.uploadLimit = 1_000_000
        var network = SessionNetwork()
        (network.halfOpen, network.incomingConnections) = (7, 8)
        network.hasBeenReached = true
        (network.dhtNodesIPv4, network.dhtNodesIPv6) = (200, 100)
        network.dht = DHTTraffic()
        network.trackers = TrackerClient.Activity()
        reading.network = network
        reading.disks = SessionDisks(counters: DiskCounters.Reading(), queue: DiskQueue())
        reading.swarms = TorrentCounters()
        reading.eventLoopLag = histogram
        reading.folders = [FolderSpace.Folder(path: "/downloads", free: 1 << 40, total: 1 << 42)]
        reading.slowness = [.noPeersKnown: 2]
        reading.hindrances = [.noPeersKnown: 2, .trackersFail: 1]
        var row = TorrentRow(
            id: TorrentID(1), infoHash: InfoHash(v1: .zero), name: name, folder: "/",
            state: .downloading, added: 0)
        row.category = name
        reading.tally.count(row)
        reading.series.add(row)
        let counters = AutomationCounters()
        counters.count(.hooks, "completed", "ok")
        counters.count(.webhooks, "added", "failed")
        counters.count(.watchedFiles, "torrent", "added")
        reading.automation = counters
        reading.process = ProcessReading.now()
        return reading
    }
}
