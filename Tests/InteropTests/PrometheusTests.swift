import Foundation
import Testing

/// Prometheus itself reads the metrics of a daemon that fetches something.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct PrometheusTests {
    @Test(.timeLimit(.minutes(20)))
    func prometheusScrapesADaemonAndUnderstandsTheDashboard() async throws {
        try await Arena.with { arena in
            let host = try await arena.network.addHost()
            let daemon = try await startDaemon(on: host, in: arena)
            let page = try await get("http://127.0.0.1:9091/metrics", on: host)
            #expect(page.contains("\nswarm_up 1\n"))
            try await check(page, on: host, in: arena)

            _ = try startPrometheus(on: host, in: arena)
            // On a busy machine one scrape may take longer than Prometheus waits; the next may not.
            try await eventually("the daemon is scraped", within: .seconds(60)) {
                (try? await query("up{job=\"swarm\"}", on: host))?.values == ["1"]
            }
            try await eventually("a scrape without an error", within: .seconds(60)) {
                try await get("http://127.0.0.1:9090/api/v1/targets", on: host)
                    .contains("\"lastError\":\"\"")
            }
            for (question, value) in [
                ("swarm_up", "1"), ("sum(swarm_torrents{state=\"paused\"})", "1"),
            ] {
                try await eventually("\(question) is \(value)", within: .seconds(60)) {
                    try await query(question, on: host).values == [value]
                }
            }
            for question in try Self.dashboardQueries() {
                let answer = try await query(question, on: host)
                #expect(answer.status == "success", "\(question): \(answer)")
            }
            daemon.signal(SIGTERM)
            #expect(try await daemon.end(within: .seconds(60)) == .exit(143))
        }
    }

    // MARK: - The ground

    private func startDaemon(on host: Host, in arena: Arena) async throws -> Child {
        let folder = try arena.makeFolder("daemon")
        let watched = try arena.makeFolder("watched")
        let config = folder.appending(path: "config.toml")
        let lines = [
            "watch = [{ folder = \"\(watched.path)\", paused = true }]",
            "[network]", "port = 6881", "dht = false", "lsd = false",
            "[storage]", "download-folder = \"\(folder.path)/downloads\"",
            "state-folder = \"\(folder.path)/state\"",
            "[api]", "metrics-per-torrent = true",
        ]
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: config)
        let daemon = try arena.start(
            "daemon", on: host, [SwarmClient.program, "daemon", "--config", config.path])
        try await eventually("the daemon answers", within: .seconds(60)) {
            (try? await get("http://127.0.0.1:9091/metrics", on: host)) != nil
        }
        let link = "magnet:?xt=urn:btih:\(String(repeating: "ab", count: 20))&dn=A%22%0Aname\n"
        try Data(link.utf8).write(to: watched.appending(path: "a.magnet"))
        try await eventually("the link is added", within: .seconds(60)) {
            let page = try await get("http://127.0.0.1:9091/metrics", on: host)
            return page.contains("swarm_torrent_info{infohash=")
        }
        return daemon
    }

    private func startPrometheus(on host: Host, in arena: Arena) throws -> Child {
        let folder = try arena.makeFolder("prometheus")
        let config = folder.appending(path: "prometheus.yml")
        let text = """
            global:
              scrape_interval: 3s
              scrape_timeout: 3s
            scrape_configs:
              - job_name: swarm
                static_configs:
                  - targets: ["127.0.0.1:9091"]

            """
        try Data(text.utf8).write(to: config)
        return try arena.start(
            "prometheus", on: host,
            [
                "prometheus", "--config.file=\(config.path)",
                "--storage.tsdb.path=\(folder.path)/data",
                "--web.listen-address=127.0.0.1:9090",
            ])
    }

    private func check(_ page: String, on host: Host, in arena: Arena) async throws {
        let file = try arena.makeFolder("page").appending(path: "page")
        try Data(page.utf8).write(to: file)
        let words = try await host.run([
            "sh", "-c", "promtool check metrics < \"$0\" 2>&1", file.path,
        ])
        #expect(words == "")
    }

    /// By Python, which the tests need anyway.
    private func get(_ url: String, on host: Host) async throws -> String {
        let script = """
            import sys, urllib.request
            sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())
            """
        return try await host.run(["python3", "-c", script, url])
    }

    private struct Answer {
        var status: String
        var values: [String]
    }

    private func query(_ question: String, on host: Host) async throws -> Answer {
        let words = question.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let text = try await get("http://127.0.0.1:9090/api/v1/query?query=\(words)", on: host)
        let answer = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let data = answer?["data"] as? [String: Any]
        let results = data?["result"] as? [[String: Any]] ?? []
        return Answer(
            status: answer?["status"] as? String ?? "",
            values: results.compactMap { ($0["value"] as? [Any])?.last as? String })
    }

    /// Those of the dashboard's panels, with its choices made.
    private static func dashboardQueries() throws -> [String] {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try Data(contentsOf: root.appending(path: "Docs/grafana-dashboard.json"))
        let dashboard = try JSONSerialization.jsonObject(with: text) as? [String: Any]
        let panels = dashboard?["panels"] as? [[String: Any]] ?? []
        let queries = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }
            .compactMap { $0["expr"] as? String }
        try #require(queries.count > 20)
        return queries.map {
            $0.replacingOccurrences(of: "$job", with: ".*")
                .replacingOccurrences(of: "$instance", with: ".*")
        }
    }
}
