import SwarmEngine
import SwarmScheduler
import Units

/// All that a scrape tells, read at one moment. What nobody knows is nil, and is not told.
struct MetricsReading {
    /// Bytes by what they were for.
    struct Traffic {
        var payload: Int64
        /// Messages, handshakes and trackers: what is not content.
        var overhead: Int64?
    }

    var version: String
    /// Seconds since the start.
    var uptime: Double
    var isReady = true

    var received: Traffic?
    var sent: Traffic?
    /// Bytes of payload a second.
    var downloadRate: Int64?
    var uploadRate: Int64?
    /// Bytes a second that are allowed now; infinite if there is no limit.
    var downloadLimit = Double.infinity
    var uploadLimit = Double.infinity

    var network: SessionNetwork?
    var disks: SessionDisks?
    /// What happened in the swarms, over all torrents.
    var swarms: TorrentCounters?
    var eventLoopLag: LatencyHistogram?

    var folders: [FolderSpace.Folder] = []
    /// Torrents by the first reason why they are not faster.
    var slowness: [SlownessReason.Kind: Int] = [:]
    /// Torrents by each reason that holds for them.
    var hindrances: [SlownessReason.Kind: Int] = [:]
    var tally = TorrentTally()
    var series = TorrentSeries()
    var automation: AutomationCounters?
    var process: ProcessReading?

    /// The page that Prometheus reads.
    var page: Exposition {
        var page = Exposition()
        page.family("swarm_build_info", .gauge, "The version that runs; always 1.") {
            $0.add(1, ["version": version])
        }
        page.gauge("swarm_up", "Whether the session is loaded.", isReady)
        page.gauge("swarm_uptime_seconds", "Seconds since the start.", uptime)
        writeTraffic(into: &page)
        network?.write(into: &page)
        swarms?.write(into: &page)
        disks?.write(into: &page)
        writeMachine(into: &page)
        tally.write(into: &page)
        write(
            slowness, "swarm_torrents_slow",
            "Torrents by the first reason why they are not faster.",
            &page)
        write(
            hindrances, "swarm_torrents_hindered",
            "Torrents by each reason why they are not faster; one can have many.", &page)
        automation?.write(into: &page)
        process?.write(into: &page)
        series.write(into: &page)
        return page
    }

    private func writeTraffic(into page: inout Exposition) {
        func write(_ traffic: Traffic?, _ name: String, _ help: String) {
            guard let traffic else { return }
            page.family(name, .counter, help) {
                $0.add(traffic.payload, ["transport": "tcp", "kind": "payload"])
                if let overhead = traffic.overhead {
                    $0.add(overhead, ["transport": "tcp", "kind": "protocol"])
                }
            }
        }
        write(received, "swarm_received_bytes_total", "Bytes from peers.")
        write(sent, "swarm_sent_bytes_total", "Bytes to peers.")
        if let downloadRate, let uploadRate {
            page.family("swarm_rate_bytes", .gauge, "Payload a second, in bytes.") {
                $0.add(downloadRate, ["direction": "down"])
                $0.add(uploadRate, ["direction": "up"])
            }
        }
        page.family("swarm_rate_limit_bytes", .gauge, "Allowed payload a second, in bytes.") {
            $0.add(downloadLimit, ["direction": "down"])
            $0.add(uploadLimit, ["direction": "up"])
        }
    }

    private func write(
        _ counts: [SlownessReason.Kind: Int], _ name: String, _ help: String,
        _ page: inout Exposition
    ) {
        page.family(name, .gauge, help) {
            for kind in SlownessReason.Kind.allCases {
                $0.add(counts[kind, default: 0], ["reason": kind.rawValue])
            }
        }
    }

    private func writeMachine(into page: inout Exposition) {
        if let eventLoopLag {
            page.histogram(
                "swarm_eventloop_lag_seconds", "How late event loops are.", eventLoopLag)
        }
        page.family("swarm_free_space_bytes", .gauge, "Free space of a folder's file system.") {
            for folder in folders { $0.add(folder.free, ["path": folder.path]) }
        }
        page.family("swarm_total_space_bytes", .gauge, "Size of a folder's file system.") {
            for folder in folders { $0.add(folder.total, ["path": folder.path]) }
        }
    }
}
