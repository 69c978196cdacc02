import Foundation

/// The program under test: SWARM in the environment, or what was built beside the tests.
struct SwarmClient: Client {
    let child: Child
    private let role: Role
    private let finished: URL

    /// - Parameters:
    ///   - without: the ways of finding peers that are turned off.
    ///   - state: the folder that it keeps its state in, for one that goes on.
    init(
        _ order: Order, more: [String] = [], without: [String] = ["--no-dht", "--no-lsd"],
        state: URL? = nil
    ) throws {
        role = order.role
        let state = try state ?? order.arena.makeFolder("state")
        finished = state.appending(path: "finished")
        let words =
            switch order.role {
            case .seed: ["seed", order.source, "--data", order.folder.path]
            case .leech: ["fetch", order.source, "--output", order.folder.path, "--no-seed"]
            case .stay:
                [
                    "fetch", order.source, "--output", order.folder.path, "--seed",
                    "--on-complete", "touch '\(finished.path)'",
                ]
            }
        child = try order.start(
            .swarm,
            [Self.program] + words + ["--port", "6881", "--json", "--state-dir", state.path]
                + without + more,
            splitErrors: true)
    }

    func isComplete() throws -> Bool {
        guard let ended = child.ended else {
            return role == .stay && FileManager.default.fileExists(atPath: finished.path)
        }
        guard role == .leech, ended == .exit(0) else { throw GroundError("swarm ended: \(ended)") }
        return true
    }

    func complaints() -> [String] { lines(with: ["hash_failed", "peer_banned"]) }

    /// The objects that it has printed so far.
    var events: [[String: Any]] {
        child.output.split(separator: "\n").compactMap { line in
            try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        }
    }

    /// Makes a torrent with the program under test; its info-hashes are those that libtorrent
    /// computes from it.
    static func create(
        _ kind: Torrent.Kind, of content: Content, tracker: String, pieceLength: String = "256KiB",
        in arena: Arena
    ) async throws -> Torrent {
        let file = try arena.makeFolder("torrent").appending(path: "made.torrent").path
        try await run([
            program, "create", content.folder.appending(path: content.name).path, "-o", file,
            "--format", kind.rawValue, "-t", tracker, "--piece-length", pieceLength,
            "--quiet",
        ])
        return try await LibtorrentClient.read(file)
    }

    /// The magnet link of a torrent, as the program under test writes it.
    static func magnet(of torrent: Torrent) async throws -> Torrent {
        let text = try await run([program, "magnet", torrent.source])
        let link = text.split(separator: "\n").first { $0.hasPrefix("magnet:") } ?? ""
        let read = try await LibtorrentClient.read(String(link))
        guard Set(read.infoHashes) == Set(torrent.infoHashes) else {
            throw GroundError("the link is of another torrent: \(link)")
        }
        return read
    }

    static let program: String = {
        if let path = ProcessInfo.processInfo.environment["SWARM"] { return path }
        let bundle = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        return bundle.appending(path: "swarm").path
    }()
}
