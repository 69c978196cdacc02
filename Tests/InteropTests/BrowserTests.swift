import Foundation
import Testing

/// The web page in a real browser, against the real daemon, with a real peer to fetch from.
@Suite(
    .enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"),
    .enabled(if: Browser.obstacle == nil, "\(Browser.obstacle ?? "")"))
struct BrowserTests {
    /// What a stranger may call a torrent, its files and its client.
    static let hostileName = "<img src=x onerror=window.hacked=1>"
    static let hostileFiles = ["<script>window.hacked=2<script>.txt", "plain & simple.txt"]
    static let hostileClient = "<img src=x onerror=window.hacked=3>"

    @Test(
        "R14 the page does all that it is for, and strangers' words stay words",
        .timeLimit(.minutes(20)))
    func thePageDoesAllThatItIsFor() async throws {
        try await Arena.with(taking: 2) { arena in
            let content = try Content.make(.tree, in: arena.makeFolder("content"))
            let meeting = try await Meeting(of: content, by: .http, in: arena) { content, tracker in
                try await SwarmClient.create(.v1, of: content, tracker: tracker, in: arena)
            }
            let seeded = try await content.copy(to: arena.makeFolder("seed"))
            // Slow enough for a slow browser to see the seed before all has come.
            let seed = try LibtorrentClient(
                Order(
                    role: .seed, source: meeting.torrent.source, folder: seeded.folder,
                    host: try await arena.network.addHost(), arena: arena),
                settings: ["user_agent": Self.hostileClient, "upload_limit": 1 << 19])
            try await meeting.seedIsKnown()

            let downloads = try arena.makeFolder("downloads")
            let daemon = try await SwarmDaemon(in: arena, downloads: downloads)
            let shots = try arena.makeFolder("shots")
            let go = arena.folder.appending(path: "go")
            let browser = try Browser.start(
                [
                    "http://127.0.0.1:9091/",
                    try await SwarmClient.magnet(of: meeting.torrent).source,
                    try await hostileTorrent(in: arena).source, shots.path, go.path,
                ], on: daemon.host, in: arena)

            _ = try await browser.event("complete", within: .seconds(180))
            try await eventually("what was fetched is what was shared", within: .seconds(60)) {
                try content.differences(from: downloads).isEmpty
            }
            try Data().write(to: go)
            let done = try await browser.event("done", within: .seconds(180))
            #expect(done["errors"] as? [String] == [])
            try expectWhatWasSeen(by: browser)
            let left = try FileManager.default.contentsOfDirectory(atPath: downloads.path)
            #expect(left == [], "removing with data leaves \(left)")
            let pictures = try FileManager.default.contentsOfDirectory(atPath: shots.path)
            #expect(pictures.count >= 12 && !pictures.contains("failed.png"))
            #expect(seed.complaints() == [])
            #expect(daemon.child.ended == nil)
        }
    }

    private func expectWhatWasSeen(by browser: Browser) throws {
        let inert = try #require(browser.events.first { $0["event"] as? String == "inert" })
        #expect(inert["hacked"] is NSNull)
        #expect(inert["elements"] as? Int == 0)
        let looked = try #require(browser.events.first { $0["event"] as? String == "looked" })
        #expect(looked["width"] as? Int == 390, "the page is wider than a phone")
        let limited = try #require(browser.events.first { $0["event"] as? String == "limited" })
        #expect(limited["down"] as? Int == 512 << 10)
        #expect(limited["alternative"] as? Bool == true)
        let reset = try #require(browser.events.first { $0["event"] as? String == "reset" })
        #expect(reset["down"] is NSNull)
        #expect(browser.events.contains { $0["event"] as? String == "trackers" })
        #expect(browser.events.contains { $0["event"] as? String == "queued" })
    }

    private func hostileTorrent(in arena: Arena) async throws -> Torrent {
        let folder = try arena.makeFolder("hostile")
        let content = folder.appending(path: Self.hostileName)
        try FileManager.default.createDirectory(at: content, withIntermediateDirectories: true)
        for name in Self.hostileFiles {
            try Data(name.utf8).write(to: content.appending(path: name))
        }
        return try await SwarmClient.create(
            .v1, of: Content(folder: folder, name: Self.hostileName),
            tracker: "http://192.0.2.1/announce?<script>window.hacked=4</script>", in: arena)
    }
}

/// Chromium without a screen, driven by a script.
struct Browser: Sendable {
    let child: Child

    /// Why there is none; nil if there is one.
    static let obstacle: String? = {
        let files = FileManager.default
        guard files.isExecutableFile(atPath: "/usr/bin/chromium"),
            files.isExecutableFile(atPath: "/usr/bin/chromedriver")
        else { return "there is no Chromium (packages chromium, chromium-driver)" }
        return files.isExecutableFile(atPath: python) ? nil : "there is no selenium in .build-tools"
    }()

    static func start(_ arguments: [String], on host: Host, in arena: Arena) throws -> Browser {
        let script = tests.appending(path: "Support/web_page.py").path
        return Browser(
            child: try arena.start(
                "browser", on: host, [python, "-B", script] + arguments,
                environment: ["HOME": try arena.makeFolder("home").path, "SE_OFFLINE": "true"],
                splitErrors: true))
    }

    /// The objects that it has printed so far.
    var events: [[String: Any]] {
        child.output.split(separator: "\n").compactMap { line in
            try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        }
    }

    func event(_ name: String, within limit: Duration) async throws -> [String: Any] {
        let line = try await eventually("the browser says \(name)", within: limit) {
            let line = child.output.split(separator: "\n")
                .first { $0.contains("\"event\": \"\(name)\"") }
            if line == nil, let ended = child.ended {
                throw GroundError("the browser ended: \(ended)")
            }
            return line.map(String.init)
        }
        return try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
    }

    private static let tests = URL(filePath: #filePath).deletingLastPathComponent()
    private static let python = tests.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: ".build-tools/selenium/bin/python").path
}
