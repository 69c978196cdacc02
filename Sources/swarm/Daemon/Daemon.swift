import Glibc
import JSONText
import Terminal
import Units

/// What the daemon can be asked, in the words of its API.
struct Daemon: Sendable {
    let client: APIClient

    // MARK: - Torrents

    /// All torrents, with these members of each or with all.
    func torrents(_ fields: [String] = []) throws(Failure) -> [RemoteTorrent] {
        let query = fields.isEmpty ? "" : "?fields=" + fields.joined(separator: ",")
        return Self.torrents(in: try client.get("/torrents" + query))
    }

    static func torrents(in answer: JSON) -> [RemoteTorrent] {
        (answer["torrents"]?.elements ?? []).compactMap(RemoteTorrent.init)
    }

    /// What changed after a moment in the daemon's own count; all there is if it is too long ago.
    func changes(since revision: Int64) throws(Failure) -> JSON {
        try client.get("/torrents?since=\(revision)")
    }

    func torrent(_ id: Int64) throws(Failure) -> RemoteTorrent {
        guard let torrent = RemoteTorrent(try client.get("/torrents/\(id)")) else {
            throw Failure(.daemonUnreachable, "\(client.place)", "an answer without the torrent")
        }
        return torrent
    }

    /// The torrents that are meant, with no more than what names them.
    func find(_ words: [String]) throws(Failure) -> [RemoteTorrent] {
        let fields = ["id", "infoHash", "infoHashV2", "name"]
        return try TorrentNames(torrents(fields)).find(words)
    }

    /// The torrents that are meant, with all that a list tells of them.
    func findWhole(_ words: [String]) throws(Failure) -> [RemoteTorrent] {
        try TorrentNames(torrents()).find(words)
    }

    /// One of a torrent's lists: `files`, `peers`, `trackers`, `why`.
    func list(_ name: String, of id: Int64) throws(Failure) -> [JSON] {
        let answer = try client.get("/torrents/\(id)/\(name)")
        return answer.elements ?? answer[name == "why" ? "reasons" : name]?.elements ?? []
    }

    // MARK: - Commands

    func add(_ body: JSON) throws(Failure) -> JSON { try client.send("POST", "/torrents", body) }

    /// Does the same to several torrents.
    func act(
        _ action: String, on torrents: [RemoteTorrent], _ members: [JSON.Member] = []
    ) throws(Failure) {
        // Nothing is meant by no torrents.
        guard !torrents.isEmpty else { return }
        try act(action, onIDs: torrents.map(\.id), members)
    }

    func act(
        _ action: String, onIDs ids: [Int64], _ members: [JSON.Member] = []
    ) throws(Failure) {
        let body: [JSON.Member] = [
            ("action", .string(action)), ("ids", .array(ids.map(JSON.integer))),
        ]
        try client.send("POST", "/torrents/actions", .object(body + members))
    }

    /// Changes several alike. Limits of seeding are given one by one: what is not named of them
    /// stays as each torrent has it.
    func change(_ torrents: [RemoteTorrent], _ members: [JSON.Member]) throws(Failure) {
        guard torrents.count > 1, !members.contains(where: { $0.name == "seedingLimits" }) else {
            for torrent in torrents { try change(torrent, members) }
            return
        }
        try act("change", on: torrents, [("changes", .object(members))])
    }

    func change(_ torrent: RemoteTorrent, _ members: [JSON.Member]) throws(Failure) {
        try client.send("PATCH", "/torrents/\(torrent.id)", .object(members))
    }

    /// A folder as the daemon has it. On this machine a path may begin where the user is.
    func folder(_ path: String) throws(Failure) -> String {
        if path.hasPrefix("/") { return path }
        guard client.place.isThisMachine, !path.isEmpty else {
            throw Failure(
                .badUsage, path, "is not a path from the top of the daemon's machine",
                remedy: "write it with a / first")
        }
        guard let here = getcwd(nil, 0) else { throw Failure(.failed, ".", errno: errno) }
        defer { free(here) }
        return joinedPath(String(cString: here), path)
    }

    func rename(_ id: Int64, path: String, to name: String) throws(Failure) {
        try client.send(
            "POST", "/torrents/\(id)/rename", ["path": .string(path), "name": .string(name)])
    }

    func tell(_ id: Int64, of peers: [HostPort]) throws(Failure) {
        try client.send(
            "POST", "/torrents/\(id)/peers", ["peers": .strings(peers.map(\.description))])
    }

    // MARK: - What others need

    func magnetLink(of id: Int64) throws(Failure) -> String {
        try client.get("/torrents/\(id)/magnet")["magnet"]?.string ?? ""
    }

    /// The bytes of its `.torrent`.
    func manifest(of id: Int64) throws(Failure) -> [UInt8] {
        try client.bytes("/torrents/\(id)/manifest")
    }

    // MARK: - The session

    func session() throws(Failure) -> JSON { try client.get("/session") }

    func settings() throws(Failure) -> JSON { try client.get("/settings") }

    /// - Returns: all settings, as they are then.
    @discardableResult
    func changeSettings(_ body: JSON) throws(Failure) -> JSON {
        try client.send("PATCH", "/settings", body)
    }

    /// - Returns: all settings, as they are then.
    @discardableResult
    func unsetSetting(_ name: String) throws(Failure) -> JSON {
        try client.send("DELETE", "/settings/" + segment(name))
    }

    // MARK: - Categories and groups

    /// What has names of the user's choosing.
    enum Named: String {
        case categories, groups
    }

    func all(_ kind: Named) throws(Failure) -> [JSON] {
        try client.get("/\(kind.rawValue)")["\(kind.rawValue)"]?.elements ?? []
    }

    func set(_ kind: Named, _ name: String, _ members: [JSON.Member]) throws(Failure) {
        try client.send("PUT", "/\(kind.rawValue)/" + segment(name), .object(members))
    }

    func remove(_ kind: Named, _ name: String) throws(Failure) {
        try client.send("DELETE", "/\(kind.rawValue)/" + segment(name))
    }

    /// A name as a part of a path (RFC 3986, section 3.3).
    private func segment(_ name: String) throws(Failure) -> String {
        // What programs between here and there could take for something else, the daemon refuses.
        guard !name.isEmpty, name != ".", name != "..",
            !name.contains(where: { "/\\#%".contains($0) })
        else {
            throw Failure(
                .badUsage, name.isEmpty ? "''" : name, "is no name that can be spoken of here",
                remedy: "choose one without / \\ # and %")
        }
        let digits = Array("0123456789ABCDEF")
        return name.utf8.reduce(into: "") { out, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"), UInt8(ascii: "~"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                out += ["%", digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }
}
