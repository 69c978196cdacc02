import Foundation
import Testing

/// Disks that are full, and disks that are away.
@Suite(.enabled(if: Disk.obstacle == nil, "\(Disk.obstacle ?? "")"))
struct DaemonDiskTests {
    /// Less than there is of a small disk.
    private static let environment = ["SWARM_STORAGE_MINIMUM_FREE": "1"]

    @Test(.timeLimit(.minutes(20)))
    func aFullDiskPausesFetchingAndNotSeedingAndGoesOnByItself() async throws {
        try await Arena.with { arena in
            let shared = try await Shared(in: arena)
            try await Disk.with(mebibytes: 9, in: arena) { disk in
                let daemon = try await SwarmDaemon(
                    in: arena, downloads: disk.place,
                    environment: Self.environment, through: disk.attached)
                let id = try await shared.add(to: daemon)
                let full = try await daemon.torrent(id, becomes: "noSpace", within: .seconds(60))
                let had = try await daemon.torrent(id, has: 1 << 20)
                let error = try #require(full["error"] as? [String: Any])
                #expect(
                    (error["text"] as? String)?.contains("goes on by itself") == true, "\(error)")
                #expect(try await daemon.reasons(of: id).first == "noSpace")

                // What is there is given to others meanwhile.
                let leech = try SwarmClient(
                    Order(
                        role: .leech, source: shared.torrent.source,
                        folder: try arena.makeFolder("leech"),
                        host: try await arena.network.addHost(), arena: arena),
                    more: ["--peer", "\(daemon.host.ipv4):6881", "--no-trackers"])
                try await eventually("it seeds on", within: .seconds(60)) {
                    try await daemon.api.torrent(id)["uploaded"] as? Int ?? 0 > 1 << 20
                }
                let now = try await daemon.api.torrent(id)
                #expect(now["state"] as? String == "noSpace")
                #expect(now["bytesDone"] as? Int ?? 0 >= had)

                try await disk.resize(mebibytes: 48)
                let roomCame = ContinuousClock.now
                try await eventually("it goes on", within: .seconds(60)) {
                    try await daemon.api.torrent(id)["state"] as? String != "noSpace"
                }
                print("it went on \(ContinuousClock.now - roomCame) after there was room")
                try await daemon.torrent(id, becomes: "seeding", within: .seconds(60))
                let last = try await daemon.api.torrent(id)["error"] as? [String: Any]
                #expect(last?["kind"] as? String != "local", "\(last ?? [:])")
                #expect(try shared.content.differences(from: disk.inside) == [])
                try await leech.complete(within: .seconds(60))
                #expect(daemon.child.ended == nil)
            }
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func aDiskThatIsAwayIsWaitedFor() async throws {
        try await Arena.with { arena in
            let whole = try await Shared(in: arena)
            let partly = try await Shared(in: arena)
            try await Disk.with(mebibytes: 64, in: arena) { disk in
                let state = try arena.makeFolder("state")
                let host = try await arena.network.addHost()
                let first = try await SwarmDaemon(
                    in: arena, on: host, downloads: disk.place, state: state,
                    environment: Self.environment, through: disk.attached)
                let one = try await whole.add(to: first)
                let other = try await partly.add(
                    to: first,
                    [
                        "folder": disk.place.path + "/deeper", "downloadLimit": 1 << 19,
                    ])
                try await first.torrent(one, becomes: "seeding", within: .seconds(60))
                let had = try await first.torrent(other, has: 1 << 20)
                first.child.signal(SIGTERM)
                #expect(try await first.child.end(within: .seconds(10)) == .exit(143))

                // Gone at the start.
                let daemon = try await SwarmDaemon(
                    in: arena, on: host, downloads: disk.place, state: state,
                    environment: Self.environment)
                for id in [one, other] {
                    let row = try await daemon.torrent(
                        id, becomes: "waitingForStorage", within: .seconds(60))
                    let error = try #require(row["error"] as? [String: Any])
                    #expect((error["text"] as? String)?.contains("mounted") == true, "\(error)")
                    #expect(try await daemon.reasons(of: id).first == "waitingForStorage")
                }
                #expect(try disk.litter == [])
                try await disk.attach(to: daemon.child)
                try await daemon.torrent(one, becomes: "seeding", within: .seconds(60))
                try await daemon.torrent(other, becomes: "downloading", within: .seconds(60))
                #expect(try await daemon.api.torrent(other)["bytesDone"] as? Int ?? 0 >= had)

                // Gone while files of it are open.
                let before = try await daemon.torrent(other, has: had + 1 << 19)
                try await disk.detach(from: daemon.child)
                for id in [one, other] {
                    try await daemon.torrent(
                        id, becomes: "waitingForStorage", within: .seconds(60))
                }
                #expect(try disk.litter == [])
                try await disk.attach(to: daemon.child)
                try await daemon.torrent(one, becomes: "seeding", within: .seconds(60))
                try await daemon.torrent(other, becomes: "downloading", within: .seconds(60))
                #expect(try await daemon.api.torrent(other)["bytesDone"] as? Int ?? 0 >= before)
                try await daemon.api.tell(
                    "PATCH", "/torrents/\(other)", ["downloadLimit": NSNull()])
                try await daemon.torrent(other, becomes: "seeding", within: .seconds(60))
                #expect(try whole.content.differences(from: disk.inside) == [])
                let deeper = disk.inside.appending(path: "deeper")
                #expect(try partly.content.differences(from: deeper) == [])
                #expect(try disk.litter == [])
            }
        }
    }
}

/// Content that somebody seeds without a tracker.
private struct Shared {
    let content: Content
    let torrent: Torrent
    let peer: String

    init(in arena: Arena) async throws {
        content = try Content.make(.tree, in: arena.makeFolder("content"))
        torrent = try await SwarmClient.create(
            .v1, of: content, tracker: "http://192.0.2.1/announce", pieceLength: "64KiB", in: arena)
        let order = Order(
            role: .seed, source: torrent.source, folder: content.folder,
            host: try await arena.network.addHost(), arena: arena)
        _ = try SwarmClient(order, more: ["--no-trackers"])
        peer = "\(order.host.ipv4):6881"
    }

    func add(to daemon: SwarmDaemon, _ more: [String: Any] = [:]) async throws -> Int {
        let manifest = try Data(contentsOf: URL(filePath: torrent.source))
        let body: [String: Any] = ["manifest": manifest.base64EncodedString(), "peers": [peer]]
        let answer = try await daemon.api.tell("POST", "/torrents", body.merging(more) { $1 })
        return try #require(answer.members["id"] as? Int)
    }
}

extension SwarmDaemon {
    @discardableResult
    fileprivate func torrent(
        _ id: Int, becomes state: String, within limit: Duration
    ) async throws -> [String: Any] {
        var last: [String: Any] = [:]
        do {
            return try await eventually("\(id) becomes \(state)", within: limit) {
                last = try await api.torrent(id)
                return last["state"] as? String == state ? last : nil
            }
        } catch {
            throw GroundError("\(error): \(last)")
        }
    }

    /// Waits until it has so many bytes; gives how many it has.
    fileprivate func torrent(_ id: Int, has bytes: Int) async throws -> Int {
        try await eventually("\(id) has \(bytes) bytes", within: .seconds(60)) {
            let done = try await api.torrent(id)["bytesDone"] as? Int ?? 0
            return done >= bytes ? done : nil
        }
    }

    /// What keeps the torrent from being faster, most important first.
    fileprivate func reasons(of id: Int) async throws -> [String] {
        let reasons = try await api.tell("GET", "/torrents/\(id)/why").members["reasons"]
        return (reasons as? [[String: Any]] ?? []).compactMap { $0["kind"] as? String }
    }
}
