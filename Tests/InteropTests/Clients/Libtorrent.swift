import Foundation

/// libtorrent, by a script. The newest from PyPI if `make test` has put it into `.build-tools`,
/// Debian's otherwise.
struct LibtorrentClient: Client {
    let child: Child

    /// - Parameters:
    ///   - settings: what differs from a client that keeps to itself, by libtorrent's names.
    ///   - peers: endpoints that it knows of from the start.
    init(_ order: Order, settings: [String: any Sendable] = [:], peers: [String] = []) throws {
        let more = try JSONSerialization.data(withJSONObject: settings)
        child = try order.start(
            .libtorrent,
            Self.command(
                ["peer", order.source, order.folder.path, "6881"]
                    + [String(decoding: more, as: UTF8.self)] + peers))
    }

    func isComplete() -> Bool { child.output.contains(#""event": "complete""#) }

    func complaints() -> [String] {
        lines(with: ["hash_failed_alert", "peer_ban_alert", "_error_alert\"", "invalid_request"])
    }

    /// Makes a torrent as libtorrent does.
    static func create(
        _ kind: Torrent.Kind, of content: Content, tracker: String, in arena: Arena
    ) async throws -> Torrent {
        let file = try arena.makeFolder("torrent").appending(path: "made.torrent")
        let path = content.folder.appending(path: content.name).path
        try await run(
            command(["create", path, file.path, tracker, kind.rawValue, "\(256 << 10)"]))
        return try await read(file.path)
    }

    /// The torrent as libtorrent reads it.
    static func read(_ source: String) async throws -> Torrent {
        let printed = try await run(command(["hashes", source]))
        return Torrent(source: source, infoHashes: printed.split(separator: "\n").map(String.init))
    }

    /// The command of one of the scripts that use libtorrent.
    static func command(
        _ arguments: [String], script: String = "lt_peer.py"
    ) -> [String] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let root = tests.deletingLastPathComponent().deletingLastPathComponent()
        let newest = root.appending(path: ".build-tools/libtorrent/bin/python").path
        let python =
            FileManager.default.isExecutableFile(atPath: newest) ? newest : "/usr/bin/python3"
        return [python, "-B", tests.appending(path: "Support/\(script)").path] + arguments
    }
}
