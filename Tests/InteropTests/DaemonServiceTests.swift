import Foundation
import Testing

/// How a daemon ends, and how it shares what it has on the disk with other programs.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct DaemonServiceTests {
    @Test(.timeLimit(.minutes(20)))
    func endsInTimeThoughTrackersAndHooksHang() async throws {
        try await Arena.with { arena in
            let tracker = try await SilentTracker(in: arena)
            let state = try arena.makeFolder("state")
            let mark = arena.folder.appending(path: "hook")
            let settings = """
                [hooks]
                added = ["/bin/sh", "-c", "trap '' TERM; touch \(mark.path); sleep 1000"]

                """
            let daemon = try await SwarmDaemon(in: arena, state: state, settings: settings)
            for number in 0..<8 { try await tracker.add(number, to: daemon) }
            try await eventually("all are announced", within: .seconds(60)) {
                tracker.announces("started") == 8
            }
            try await eventually("the hook runs", within: .seconds(30)) {
                FileManager.default.fileExists(atPath: mark.path)
            }
            // Somebody who waits for news, and somebody who does not end his request.
            _ = try arena.start(
                "events", on: daemon.host,
                ["curl", "-sN", "http://127.0.0.1:\(SwarmDaemon.port)/api/v1/events"])
            _ = try arena.start(
                "half", on: daemon.host,
                [
                    "bash", "-c",
                    "exec 3<>/dev/tcp/127.0.0.1/$0; printf 'GET / HT' >&3; sleep 99",
                    "\(SwarmDaemon.port)",
                ])
            let asked = ContinuousClock.now
            daemon.child.signal(SIGTERM)
            #expect(try await daemon.child.end(within: .seconds(10)) == .exit(143))
            print("it ended \(ContinuousClock.now - asked) after it was asked to")
            #expect(tracker.announces("stopped") == 8, "trackers are told")
            #expect(!daemon.child.output.contains("not all could be saved"))

            // Twice as much, and at once: as somebody who has no time.
            for (number, status) in [(SIGINT, Int32(130)), (SIGTERM, 143)] {
                let before = tracker.announces("started")
                let next = try await SwarmDaemon(in: arena, on: daemon.host, state: state)
                #expect(try await next.api.torrents().count == 8)
                try await eventually("all are announced", within: .seconds(60)) {
                    tracker.announces("started") == before + 8
                }
                next.child.signal(SIGTERM)
                try await eventually("it is stopping", within: .seconds(5)) {
                    next.child.output.contains("stopping")
                }
                // Two that come together are one.
                next.child.signal(SIGTERM)
                try await Task.sleep(for: .milliseconds(700))
                #expect(next.child.ended == nil)
                next.child.signal(number)
                #expect(try await next.child.end(within: .seconds(1)) == .exit(status))
            }
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func sharesItsStateWithProgramsThatLookAndWithNoOtherDaemon() async throws {
        try await Arena.with { arena in
            let daemon = try await SwarmDaemon(in: arena)
            try await daemon.api.tell("PATCH", "/settings", ["limits": ["up": 123 << 20]])
            let hash = String(repeating: "ab", count: 20)
            try await daemon.api.tell(
                "POST", "/torrents", ["link": "magnet:?xt=urn:btih:\(hash)"])

            let second = try await SwarmDaemon(
                startingIn: arena, on: daemon.host, downloads: daemon.downloads,
                state: daemon.state, more: ["--api", "127.0.0.1:9092"])
            #expect(try await second.child.end(within: .seconds(10)) == .exit(1))
            let words = second.child.output
            #expect(words.contains("\(daemon.state.path): another seedbox is using it"), "\(words)")
            #expect(words.split(separator: "\n").count == 1, "\(words)")
            #expect(try await daemon.api.torrents().count == 1, "the socket is still the first's")

            // Others open the store of the daemon, and leave it.
            let content = try Content.make(.file, in: arena.makeFolder("content"))
            let torrent = try await SwarmClient.create(
                .v1, of: content, tracker: "http://192.0.2.1/announce", in: arena)
            for _ in 0..<2 {
                let shown = try await run([
                    SwarmClient.program, "config", "show", "--no-config", "--state-dir",
                    daemon.state.path,
                ])
                #expect(shown.contains("limits.up = 128974848"), "\(shown)")
                try await run([
                    SwarmClient.program, "fetch", torrent.source, "--output", content.folder.path,
                    "--no-seed", "--no-dht", "--no-lsd", "--no-trackers", "--port", "0",
                    "--state-dir", daemon.state.path, "--quiet",
                ])
                // What is answered afterwards is kept as what was answered before.
                try await daemon.api.tell("PATCH", "/torrents/1", ["labels": ["kept"]])
            }
            daemon.child.signal(SIGKILL)
            _ = try await daemon.child.end(within: .seconds(5))
            let again = try await SwarmDaemon(
                in: arena, on: daemon.host, downloads: daemon.downloads, state: daemon.state)
            #expect(try await again.api.torrent(1)["labels"] as? [String] == ["kept"])
            let limits = try await again.api.tell("GET", "/settings").members["limits"]
            #expect((limits as? [String: Any])?["up"] as? Int == 123 << 20)
        }
    }
}

/// A tracker that answers who begins, and lets who leaves wait for ever.
private struct SilentTracker {
    private let child: Child
    private let host: Host

    init(in arena: Arena) async throws {
        host = try await arena.network.addHost()
        let script = """
            import os, socket, threading, time

            def serve(client):
                with client.makefile("rb") as request:
                    line = request.readline().decode("latin-1").strip()
                    while request.readline().strip():
                        pass
                # In one piece: print writes the end of the line by itself, and another between.
                os.write(1, (line + "\\n").encode("latin-1"))
                if "event=stopped" in line:
                    time.sleep(1000)
                body = b"d8:intervali1800e5:peers0:e"
                head = b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
                client.sendall(head + body)
                client.close()

            server = socket.create_server(("0.0.0.0", 80), backlog=500)
            print("ready", flush=True)
            while True:
                client, _ = server.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()
            """
        child = try arena.start("tracker", on: host, ["python3", "-c", script])
        let child = child
        try await eventually("the tracker listens", within: .seconds(10)) {
            child.output.contains("ready")
        }
    }

    func add(_ number: Int, to daemon: SwarmDaemon) async throws {
        let hash = String(format: "%040x", number + 1)
        try await daemon.api.tell(
            "POST", "/torrents",
            ["link": "magnet:?xt=urn:btih:\(hash)&tr=http%3A%2F%2F\(host.ipv4)%2Fannounce"])
    }

    func announces(_ event: String) -> Int {
        child.output.split(separator: "\n").count { $0.contains("event=\(event)") }
    }
}
