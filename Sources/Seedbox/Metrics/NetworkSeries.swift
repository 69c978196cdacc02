import Discovery
import SwarmEngine
import SwarmScheduler
import Units

extension SessionNetwork {
    func write(into page: inout Exposition) {
        writeConnections(into: &page)
        if let trackers { write(trackers, into: &page) }
        page.family("swarm_dht_nodes", .gauge, "Nodes in the routing table.") {
            if let dhtNodesIPv4 { $0.add(dhtNodesIPv4, ["family": "ipv4"]) }
            if let dhtNodesIPv6 { $0.add(dhtNodesIPv6, ["family": "ipv6"]) }
        }
        dht?.write(into: &page)
    }

    private func writeConnections(into page: inout Exposition) {
        page.family("swarm_connections", .gauge, "Connected peers, by who opened it.") {
            $0.add(peersIncoming, ["transport": "tcp", "direction": "in"])
            $0.add(peersOutgoing, ["transport": "tcp", "direction": "out"])
        }
        page.gauge(
            "swarm_half_open_connections", "Connections that are being opened.", halfOpen)
        page.counter(
            "swarm_incoming_connections_total", "Connections that peers have opened.",
            incomingConnections)
        page.gauge(
            "swarm_listen_port_open", "Whether a peer from outside has come in since the start.",
            hasBeenReached)
        page.family(
            "swarm_handshake_failures_total", .counter,
            "Connections that ended before both sides had said hello."
        ) {
            for reason in HandshakeFailure.allCases {
                $0.add(handshakeFailures[reason, default: 0], ["reason": reason.rawValue])
            }
        }
    }

    private func write(_ trackers: TrackerClient.Activity, into page: inout Exposition) {
        page.family("swarm_tracker_announces_total", .counter, "Announces, by outcome.") {
            for outcome in TrackerClient.AnnounceOutcome.allCases {
                $0.add(trackers.announces[outcome, default: 0], ["result": outcome.rawValue])
            }
        }
        page.histogram(
            "swarm_tracker_latency_seconds", "How long announces take.", trackers.latency)
        page.gauge(
            "swarm_tracker_requests_waiting", "Announces and scrapes that wait for their turn.",
            trackers.waiting)
    }
}

extension DHTTraffic {
    func write(into page: inout Exposition) {
        page.counters(
            "swarm_dht_queries_total", "Queries of nodes.", sent: queriesSent,
            received: queriesReceived)
        page.counters(
            "swarm_dht_answers_total", "Answers of nodes.", sent: answersSent,
            received: answersReceived)
        page.counter(
            "swarm_dht_timeouts_total", "Queries of ours that nobody answered.", timeouts)
        page.counter(
            "swarm_dht_limited_queries_total", "Queries that limits left without an answer.",
            limited)
        page.counter(
            "swarm_dht_rejected_packets_total", "Packets that were no message.", rejected)
        page.gauge(
            "swarm_dht_torrents", "Torrents that are looked for, and found, by the DHT.", torrents)
    }
}

extension TorrentCounters {
    func write(into page: inout Exposition) {
        page.counter(
            "swarm_wasted_bytes_total", "Content that came and was had already.", redundantBytes)
        page.counter(
            "swarm_unsolicited_blocks_total", "Blocks that nobody had asked for.",
            unsolicitedBlocks)
        page.counter(
            "swarm_bad_pieces_received_total", "Pieces from peers whose hash was wrong.",
            hashFailures)
        page.counter(
            "swarm_blamed_blocks_total", "Wrong blocks whose sender is known.", blocksBlamed)
        page.counter("swarm_bans_total", "Peers that were banned.", bans)
        page.counter("swarm_snubs_total", "Times that a peer owed blocks and was silent.", snubs)
        page.counters(
            "swarm_rejects_total", "Requests for blocks that were refused.", sent: rejectsSent,
            received: rejectsReceived)
        page.counter("swarm_dials_total", "Connections that were tried.", dials)
        page.counter("swarm_dial_failures_total", "Those that did not come about.", dialFailures)
        page.counter(
            "swarm_refused_connections_total",
            "Connections that were not wanted, for their number or who it was.",
            refusedConnections)
        page.counter(
            "swarm_disk_stalls_total", "Times that peers had to wait for the disk.", diskStalls)
        page.counter(
            "swarm_disk_failures_total", "Times that a torrent could not write.", diskFailures)
        page.family(
            "swarm_rate_limited_total", .counter, "Times that a peer had to wait for a rate limit."
        ) {
            $0.add(limitedRequests, ["direction": "down"])
            $0.add(limitedServes, ["direction": "up"])
        }
        page.counters(
            "swarm_pex_messages_total", "Messages that name peers.", sent: pexMessagesSent,
            received: pexMessagesReceived)
        page.counter(
            "swarm_pex_messages_ignored_total", "Messages that name peers, and were not believed.",
            pexMessagesIgnored)
        page.counter(
            "swarm_pex_peers_total", "Peers that were known by such messages first.",
            pexPeersTaken)
    }
}

extension Exposition {
    /// What goes both ways.
    fileprivate mutating func counters(
        _ name: String, _ help: String, sent: some MetricValue, received: some MetricValue
    ) {
        family(name, .counter, help) {
            $0.add(sent, ["direction": "sent"])
            $0.add(received, ["direction": "received"])
        }
    }
}
