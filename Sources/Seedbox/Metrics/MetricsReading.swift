/// All that a scrape tells, read at one moment. What nobody knows is nil, and is not told.
struct MetricsReading {
    /// Bytes by what they were for.
    struct Traffic {
        var payload: Int64
        /// Messages, handshakes and trackers: what is not content.
        var overhead: Int64?
    }

    struct Folder {
        var path: String
        var free: Int64
        var total: Int64
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

    var halfOpenConnections: Int?
    var incomingConnections: Int64?
    var isListenPortOpen: Bool?
    var dhtNodesIPv4: Int?
    var dhtNodesIPv6: Int?
    var failedPieces: Int64?
    var checkedPieces: Int64?
    var trackerAnnounces: (ok: Int64, failed: Int64)?
    var trackerLatency: Histogram.Reading?
    var diskLatency: Histogram.Reading?
    var diskRead: Int64?
    var diskWritten: Int64?
    var eventLoopLag: Histogram.Reading?

    var folders: [Folder] = []
    /// Torrents by the first reason why they are not faster.
    var slowness: [SlownessReason.Kind: Int] = [:]
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
        writeNetwork(into: &page)
        writeDisk(into: &page)
        tally.write(into: &page)
        page.family(
            "swarm_torrents_slow", .gauge, "Torrents by the first reason why they are not faster."
        ) {
            for kind in SlownessReason.Kind.allCases {
                $0.add(slowness[kind, default: 0], ["reason": kind.rawValue])
            }
        }
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

    private func writeNetwork(into page: inout Exposition) {
        if let halfOpenConnections {
            page.gauge(
                "swarm_half_open_connections", "Connections that are being opened.",
                halfOpenConnections)
        }
        if let incomingConnections {
            page.counter(
                "swarm_incoming_connections_total", "Connections that peers have opened.",
                incomingConnections)
        }
        if let isListenPortOpen {
            page.gauge(
                "swarm_listen_port_open", "Whether a peer from outside has come in.",
                isListenPortOpen)
        }
        page.family("swarm_dht_nodes", .gauge, "Nodes in the routing table.") {
            if let dhtNodesIPv4 { $0.add(dhtNodesIPv4, ["family": "ipv4"]) }
            if let dhtNodesIPv6 { $0.add(dhtNodesIPv6, ["family": "ipv6"]) }
        }
        if let trackerAnnounces {
            page.family("swarm_tracker_announces_total", .counter, "Announces, by outcome.") {
                $0.add(trackerAnnounces.ok, ["result": "ok"])
                $0.add(trackerAnnounces.failed, ["result": "failed"])
            }
        }
        if let trackerLatency {
            page.histogram(
                "swarm_tracker_latency_seconds", "How long trackers take.", trackerLatency)
        }
        if let eventLoopLag {
            page.histogram(
                "swarm_eventloop_lag_seconds", "How late event loops are.", eventLoopLag)
        }
    }

    private func writeDisk(into page: inout Exposition) {
        if let checkedPieces {
            page.counter(
                "swarm_hash_checked_pieces_total", "Pieces that were hashed.", checkedPieces)
        }
        if let failedPieces {
            page.counter(
                "swarm_hash_failed_pieces_total", "Pieces whose hash was wrong.", failedPieces)
        }
        if let diskRead {
            page.counter("swarm_disk_read_bytes_total", "Content read.", diskRead)
        }
        if let diskWritten {
            page.counter("swarm_disk_write_bytes_total", "Content written.", diskWritten)
        }
        if let diskLatency {
            page.histogram("swarm_disk_latency_seconds", "How long the disk takes.", diskLatency)
        }
        page.family("swarm_free_space_bytes", .gauge, "Free space of a folder's file system.") {
            for folder in folders { $0.add(folder.free, ["path": folder.path]) }
        }
        page.family("swarm_total_space_bytes", .gauge, "Size of a folder's file system.") {
            for folder in folders { $0.add(folder.total, ["path": folder.path]) }
        }
    }
}
