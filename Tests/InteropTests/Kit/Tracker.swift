import Foundation

/// opentracker, answering HTTP and UDP on one port. Debian's build serves listed torrents only,
/// and refuses to stay root, so its folder has to be readable by all.
struct Opentracker: Sendable {
    enum Scheme: String, Sendable, CaseIterable { case http, udp }

    let host: Host
    let port = 6969
    private let child: Child

    /// `infoHashes` are 40 hex digits each.
    init(in arena: Arena, on host: Host, serving infoHashes: [String]) async throws {
        self.host = host
        let folder = try arena.makeFolder("tracker")
        let list = folder.appending(path: "whitelist")
        try Data((infoHashes.joined(separator: "\n") + "\n").utf8).write(to: list)
        child = try arena.start(
            "opentracker", on: host,
            [
                "opentracker", "-i", host.ipv4, "-p", "\(port)", "-P", "\(port)",
                "-d", folder.path, "-u", "nobody", "-w", "whitelist",
            ])
        let tracker = self
        try await eventually("opentracker answers", within: .seconds(60)) {
            try await tracker.get("/scrape").hasPrefix("HTTP/1.")
        }
    }

    /// What a tracker on `host` is announced to by: needed before it starts, since it starts with
    /// the info-hashes of torrents that name it.
    static func address(_ scheme: Scheme, of host: Host) -> String {
        "\(scheme.rawValue)://\(host.ipv4):6969/announce"
    }

    /// How many complete peers the tracker knows.
    func seeds(of infoHash: String) async throws -> Int {
        try await count("complete", of: infoHash)
    }

    /// How many incomplete peers the tracker knows.
    func leechers(of infoHash: String) async throws -> Int {
        try await count("incomplete", of: infoHash)
    }

    private func count(_ key: String, of infoHash: String) async throws -> Int {
        var query = ""
        for (place, digit) in infoHash.enumerated() {
            query += place % 2 == 0 ? "%\(digit)" : "\(digit)"
        }
        let reply = try await get("/scrape?info_hash=\(query)")
        let field = "\(key.utf8.count):\(key)i"
        guard let start = reply.firstRange(of: field)?.upperBound else { return 0 }
        return Int(reply[start...].prefix { $0 != "e" }) ?? 0
    }

    /// A request from the tracker's own machine, by the shell, which every machine has.
    private func get(_ path: String) async throws -> String {
        let script = """
            exec 3<>/dev/tcp/\(host.ipv4)/\(port) || exit 0
            printf 'GET %s HTTP/1.0\\r\\n\\r\\n' "$0" >&3
            timeout 5 cat <&3
            """
        return (try? await host.run(["bash", "-c", script, path])) ?? ""
    }
}
