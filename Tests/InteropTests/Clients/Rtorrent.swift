import Foundation

/// rtorrent without its screen. It touches a file when it has everything.
struct RtorrentClient: Client {
    let child: Child
    private let finished: URL
    private let messages: URL

    init(_ order: Order) throws {
        let home = try order.arena.makeFolder("rtorrent")
        finished = home.appending(path: "finished")
        let session = home.appending(path: "session")
        try FileManager.default.createDirectory(at: session, withIntermediateDirectories: true)
        let rc = home.appending(path: "rc")
        let log = home.appending(path: "messages.log").path
        try Data(
            """
            directory.default.set = \(order.folder.path)
            session.path.set = \(session.path)
            network.port_range.set = 6881-6881
            network.port_random.set = no
            network.max_open_files.set = 512
            dht.mode.set = off
            trackers.use_udp.set = yes
            system.daemon.set = true
            system.umask.set = 0000
            protocol.encryption.set = allow_incoming,try_outgoing,enable_retry
            log.open_file = "messages", "\(log)"
            log.add_output = "info", "messages"
            log.add_output = "torrent_info", "messages"
            log.add_output = "connection_debug", "messages"
            method.set_key = event.download.finished, told, "execute2 = touch, \(finished.path)"
            load.start = "\(order.source)"

            """.utf8
        ).write(to: rc)
        child = try order.start(
            .rtorrent, ["rtorrent", "-n", "-o", "import=\(rc.path)"],
            environment: ["HOME": home.path, "TERM": "xterm"])
        messages = URL(filePath: log)
    }

    func isComplete() -> Bool { FileManager.default.fileExists(atPath: finished.path) }

    /// rtorrent says nothing of a piece that fails its hash: it only never finishes. What it says
    /// is that it refuses a peer that has sent too many of them.
    func complaints() -> [String] {
        let text = (try? String(contentsOf: messages, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init).filter {
            $0.contains("failed chunks") || $0.contains("banned")
        }
    }
}
