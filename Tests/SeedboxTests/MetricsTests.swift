import Foundation
import HTTPTypes
import Logging
import Testing
import Units

@testable import Seedbox

/// Metrics and automation of a real seedbox.
@Suite(.timeLimit(.minutes(10))) struct MetricsTests {
    private let scratch: ModelScratch
    private let counters = AutomationCounters()

    init() throws { scratch = try ModelScratch() }

    private func text(_ metrics: Metrics) async throws -> String {
        let route = try #require(metrics.routes.first)
        #expect((route.pattern, route.scope) == ("/metrics", .read))
        let reply = try await route.handler(HTTPCall(method: .get, path: "/metrics"))
        #expect(reply.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        guard case .bytes(let bytes) = reply.body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func value(_ series: String, in text: String) -> Double? {
        for line in text.split(separator: "\n") where line.hasPrefix(series + " ") {
            return line.split(separator: " ").last.flatMap { Double($0) }
        }
        return nil
    }

    @Test func whatASeedboxDoesIsToldAsNumbers() async throws {
        let torrent = TestTorrent("Album")
        let seed = try await TestBox.open("seed", in: scratch)
        try torrent.write(to: seed.folder)
        let id = try await seed.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await seed.wait(for: id, "seeds") { $0.state == .seeding }
        let leech = try await TestBox.open("leech", in: scratch) {
            $0.api.metricsPerTorrent = true
        }
        let metrics = Metrics(leech.box, counters: counters)
        var request = AddRequest(.manifest(torrent.manifest))
        request.peers = [seed.endpoint]
        let fetching = try await leech.box.add(request).id
        try await leech.wait(for: fetching, "fetches") {
            $0.completed != nil && $0.downloaded >= 170_000
        }
        var page = try await text(metrics)
        // Free space is what it was at the last scrape, and totals are counted each second.
        try await eventually {
            page = try await text(metrics)
            let free = value("swarm_free_space_bytes{path=\"\(leech.folder)\"}", in: page)
            let received = value(
                #"swarm_received_bytes_total{transport="tcp",kind="payload"}"#, in: page)
            return free ?? 0 > 0 && received ?? 0 >= 170_000
        }
        #expect(value(#"swarm_torrents{state="seeding",category=""}"#, in: page) == 1)
        #expect(value("swarm_content_bytes", in: page) == 170_000)
        #expect(value("swarm_up", in: page) == 1)
        #expect(page.contains("swarm_torrent_info{infohash="))
        // Six pieces came, and each was hashed once; the seed has hashed what it found.
        #expect(value("swarm_hash_checked_pieces_total", in: page) == 6)
        #expect(value("swarm_hash_failed_pieces_total", in: page) == 0)
        #expect(value("swarm_disk_write_bytes_total", in: page) ?? 0 >= 170_000)
        #expect(
            value(#"swarm_disk_latency_seconds_count{operation="write"}"#, in: page) ?? 0 > 0)
        #expect(value("swarm_dials_total", in: page) ?? 0 >= 1)
        #expect(value("swarm_half_open_connections", in: page) == 0)
        #expect(
            value(#"swarm_connections{transport="tcp",direction="out"}"#, in: page) ?? 2 <= 1)
        let seedPage = try await text(Metrics(seed.box, counters: counters))
        #expect(value("swarm_incoming_connections_total", in: seedPage) == 1)
        #expect(value("swarm_listen_port_open", in: seedPage) == 0)
        #expect(value("swarm_disk_read_bytes_total", in: seedPage) ?? 0 >= 340_000)
        #expect(value("swarm_hash_checked_pieces_total", in: seedPage) == 6)
        #expect(!seedPage.contains("swarm_torrent_info"))
        if Promtool.isThere {
            #expect(try await Promtool.complaints(of: Array(page.utf8)) == "")
        }
        await leech.box.shutdown()
        await seed.box.shutdown()
    }

    @Test func completeTorrentsAreCountedByWhyTheyAreSlow() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        try torrent.write(to: box.folder)
        let id = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await box.wait(for: id, "seeds") { $0.state == .seeding && $0.completed != nil }
        try await box.box.pause([id])
        let page = try await text(Metrics(box.box, counters: counters))
        #expect(value(#"swarm_torrents_slow{reason="paused"}"#, in: page) == 1)
        #expect(value(#"swarm_torrents_hindered{reason="paused"}"#, in: page) == 1)
        await box.box.shutdown()
    }

    @Test("R10 a torrent named as a command comes in by a watch folder, and its hook is inert")
    func theWholeWayIsInert() async throws {
        let watched = try scratch.folder("watched")
        let out = try scratch.folder("out")
        let script = out + "/script"
        try Data("#!/bin/sh\nprintf '%s' \"$TR_TORRENT_NAME\" > \(out)/name\n".utf8).write(
            to: URL(filePath: script))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        let box = try await TestBox.open("box", in: scratch) { settings in
            var folder = Settings.WatchFolder(folder: watched)
            folder.labels = ["seen"]
            folder.startsPaused = true
            settings.watch = [folder]
            settings.hooks.added = [script]
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let service = AutomationService(
            box.box, counters: counters, environment: ["PATH": "/usr/bin:/bin"], logger: logger)
        let task = Task { try await service.run() }
        let name = "$(reboot)`reboot`;reboot"
        let torrent = TestTorrent(name)
        try Data(torrent.manifest).write(to: URL(filePath: watched + "/.part"))
        try FileManager.default.moveItem(
            atPath: watched + "/.part", toPath: watched + "/a.torrent")
        var said = ""
        let added = watched + "/.added/a.torrent"
        try await eventually {
            said = (try? String(contentsOfFile: out + "/name", encoding: .utf8)) ?? ""
            return !said.isEmpty && FileManager.default.fileExists(atPath: added)
        }
        #expect(said == name)
        let row = box.box.catalogue.withRows { $0.first }
        #expect(row?.labels == ["seen"])
        task.cancel()
        _ = await task.result
        await box.box.shutdown()
    }
}
