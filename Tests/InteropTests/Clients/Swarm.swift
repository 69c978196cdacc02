import Foundation

/// The program under test: SWARM in the environment, or what was built beside the tests.
struct SwarmClient: Client {
    let child: Child

    init(_ order: Order) throws {
        let quiet = ["--port", "6881", "--no-dht", "--no-lsd", "--json", "--no-config"]
        let state = try order.arena.makeFolder("state").path
        let words =
            order.role == .seed
            ? ["seed", order.torrent.path, "--data", order.folder.path]
            : ["fetch", order.torrent.path, "--output", order.folder.path, "--no-seed"]
        child = try order.start(
            .swarm, [Self.program] + words + quiet + ["--state-dir", state], splitErrors: true)
    }

    func isComplete() throws -> Bool {
        guard let ended = child.ended else { return false }
        guard ended == .exit(0) else { throw GroundError("swarm ended: \(ended)") }
        return true
    }

    func complaints() -> [String] { lines(with: ["hash_failed", "banned"]) }

    static let program: String = {
        if let path = ProcessInfo.processInfo.environment["SWARM"] { return path }
        let bundle = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        return bundle.appending(path: "swarm").path
    }()
}
