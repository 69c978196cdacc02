import Foundation
import Testing

/// The daemon, driven by programs that were written for Transmission.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct TransmissionRPCTests {
    // MARK: Replays

    @Test(
        "what Sonarr, Radarr and Flood send is answered as they need it",
        .timeLimit(.minutes(20)), arguments: ["sonarr", "radarr", "flood"])
    func replays(client: String) async throws {
        try await Arena.with { arena in
            let album = try await Album(in: arena)
            let daemon = try await SwarmDaemon(in: arena, downloads: album.folder)
            let printed = try await daemon.play(
                "rpc_replay.py",
                [client, SwarmDaemon.rpc, album.torrent.source, album.folder.path],
                with: "/usr/bin/python3")
            #expect(printed == "ok\n")
            #expect(daemon.child.ended == nil)
        }
    }

    @Test(
        "PyPI's transmission-rpc takes a torrent through its life", .timeLimit(.minutes(20)),
        .enabled(if: SwarmDaemon.transmissionRPC != nil, "transmission-rpc is not installed"))
    func lifeByTransmissionRPC() async throws {
        try await Arena.with { arena in
            let album = try await Album(in: arena)
            let other = album.folder.appending(path: "other")
            try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
            let daemon = try await SwarmDaemon(in: arena, downloads: album.folder)
            let printed = try await daemon.play(
                "rpc_lifecycle.py",
                [
                    "127.0.0.1", "\(SwarmDaemon.port)", album.torrent.source, album.folder.path,
                    other.path,
                ], with: try #require(SwarmDaemon.transmissionRPC))
            #expect(printed == "ok\n")
        }
    }

    // MARK: transmission-remote

    @Test(
        "transmission-remote shows of ours what it shows of Transmission",
        .timeLimit(.minutes(20)))
    func transmissionRemoteShowsTheSame() async throws {
        try await Arena.with { arena in
            let (album, tracker) = try await Album.tracked(in: arena)
            let theirs = try await Theirs(of: album, in: arena)
            let ours = try await SwarmDaemon(in: arena, downloads: album.folder)
            try await ours.remote(["-a", album.torrent.source, "-w", album.folder.path])
            for remote in [ours.remote, theirs.remote] {
                try await eventually("it seeds", within: .seconds(60)) {
                    let info = try await remote(["-t", "1", "-i"])
                    return info.contains("Percent Done: 100%") && info.contains("State: Idle")
                        && info.contains("Hash: ") && !info.contains("Have: None")
                }
                try await eventually("it is announced", within: .seconds(60)) {
                    try await remote(["-t", "1", "-it"]).contains("Got a list of")
                }
            }

            let info = try await Report.of(["-t", "1", "-i"], ours.remote, theirs.remote)
            let missing = info.missing.filter { !Self.known.contains($0) }
            #expect(missing == [], "missing: \(missing) \(info)")
            let differing = info.differing.filter { !Self.known.contains($0) }
            #expect(differing == [], "differ: \(differing) \(info)")

            for option in ["-f", "-ic"] {
                let pair = (
                    try await ours.remote(["-t", "1", option]),
                    try await theirs.remote(["-t", "1", option])
                )
                #expect(pair.0 == pair.1, "\(option)")
            }
            let list = (try await ours.remote(["-l"]), try await theirs.remote(["-l"]))
            #expect(Self.words(list.0) == Self.words(list.1), "\(list.0)\n\(list.1)")
            let trackers = try await ours.remote(["-t", "1", "-it"])
            #expect(trackers.contains("Tracker 0: http://\(tracker.ipv4):6969"))
            #expect(trackers.contains("Active in tier 0"))
            #expect(trackers.contains("Asking for more peers in"))
        }
    }

    /// What transmission-remote prints differently, and why it may.
    private static let known: Set<String> = [
        // Transmission lets a link have the length of the content; ours has what finds peers.
        "Magnet",
        // Each is in a folder of its own.
        "Location",
        // Seconds pass between one and the other.
        "Date added", "Latest activity", "Seeding Time", "Downloading Time",
        // Ours is also told of content that was there already; theirs is not.
        "Date finished",
        // Ours is not kept.
        "Date started",
        // As many peers as the settings of each allow.
        "Peer limit",
    ]

    @Test("transmission-remote limits, moves and removes", .timeLimit(.minutes(20)))
    func transmissionRemoteCommands() async throws {
        try await Arena.with { arena in
            let album = try await Album.tracked(in: arena).album
            let daemon = try await SwarmDaemon(in: arena, downloads: album.folder)
            let added = try await daemon.remote(["-a", album.torrent.source])
            #expect(added.contains(#"responded: "success""#))
            try await daemon.remote(["-t", "1", "-u", "40", "-d", "70", "-pr", "17", "-Bh"])
            try await daemon.remote(["-t", "1", "-sr", "3.5", "-L", "first,second"])
            let info = try await daemon.remote(["-t", "1", "-i"])
            for line in [
                "Upload Limit: 40 kB/s", "Download Limit: 70 kB/s", "Ratio Limit: 3.5",
                "Peer limit: 17", "Bandwidth Priority: High", "Labels: first, second",
            ] { #expect(info.contains(line), "\(line)") }
            try await daemon.remote(["-d", "900", "-u", "800"])
            let session = try await daemon.remote(["-si"])
            #expect(session.contains("Upload speed limit: 800 kB/s (Enabled limit"))
            #expect(session.contains("Download speed limit: 900 kB/s (Enabled limit"))
            #expect(try await daemon.remote(["-st"]).contains("Started 1 times"))
            try await eventually("it seeds", within: .seconds(60)) {
                try await daemon.remote(["-t", "1", "-i"]).contains("Percent Done: 100%")
            }

            try await peersAreShown(of: album, by: daemon, in: arena)

            try await daemon.remote(["-t", "1", "-g", "1"])
            try await daemon.remote(["-t", "1", "-G", "1", "-ph", "0"])
            let files = try await daemon.remote(["-t", "1", "-f"])
            #expect(files.contains("0: 100% High     Yes"), "\(files)")
            #expect(files.contains("1: 100% Normal   No"), "\(files)")
            await #expect(throws: GroundError.self, "there is no file 9") {
                try await daemon.remote(["-t", "1", "-G", "9"])
            }

            let other = album.folder.appending(path: "other")
            try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
            try await daemon.remote(["-t", "1", "--move", other.path])
            try await eventually("it is moved", within: .seconds(60)) {
                try await daemon.remote(["-t", "1", "-i"]).contains("Location: \(other.path)\n")
            }
            try await daemon.remote(["-t", "1", "-S"])
            #expect(try await daemon.remote(["-l"]).contains("Stopped"))
            try await daemon.remote(["-t", "1", "-rad"])
            try await eventually("all is gone", within: .seconds(60)) {
                let list = try await daemon.remote(["-l"])
                let content = other.appending(path: album.name).path
                return !list.contains(album.name)
                    && !FileManager.default.fileExists(atPath: content)
            }
        }
    }

    /// Somebody who fetches slowly is seen doing so.
    private func peersAreShown(
        of album: Album, by daemon: SwarmDaemon, in arena: Arena
    ) async throws {
        // So slowly that it is seen before it has all.
        try await daemon.remote(["-u", "20"])
        let leecher = try await ClientKind.libtorrent.start(
            .stay, album.torrent, folder: try arena.makeFolder("leech"), in: arena)
        try await eventually("a peer is shown, and that it is sent to", within: .seconds(60)) {
            let lines = try await daemon.remote(["-t", "1", "-ip"]).split(separator: "\n")
            let flags = lines.first { $0.contains("libtorrent") }?.split(separator: " ").dropFirst()
            return flags?.first?.contains("U") == true
        }
        await leecher.child.stop()
    }

    private static func words(_ text: String) -> [[Substring]] {
        text.split(separator: "\n").map { $0.split(separator: " ") }
    }
}

/// Three files, one of them of a few bytes.
private struct Album {
    let folder: URL
    let name = "album"
    let torrent: Torrent

    init(in arena: Arena, tracker: String = "http://10.77.0.200:6969/announce") async throws {
        folder = try arena.makeFolder("content")
        let album = folder.appending(path: name)
        try FileManager.default.createDirectory(at: album, withIntermediateDirectories: true)
        var generator = SystemRandomNumberGenerator()
        for (name, count) in [("one.bin", 1_300_000), ("two.flac", 300_000), ("zero.txt", 5)] {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            try Data(bytes).write(to: album.appending(path: name))
        }
        try await run(["chmod", "-R", "a+rwX", folder.path])
        torrent = try await SwarmClient.create(
            .v1, of: Content(folder: folder, name: name), tracker: tracker,
            pieceLength: "64KiB", in: arena)
    }

    /// With a tracker that serves it.
    static func tracked(in arena: Arena) async throws -> (album: Album, tracker: Host) {
        let host = try await arena.network.addHost()
        let album = try await Album(in: arena, tracker: Opentracker.address(.http, of: host))
        _ = try await Opentracker(in: arena, on: host, serving: album.torrent.infoHashes)
        return (album, host)
    }
}

/// The real daemon, with a copy of the content.
private struct Theirs {
    private let client: TransmissionClient
    private let host: Host

    init(of album: Album, in arena: Arena) async throws {
        host = try await arena.network.addHost()
        let copy = try await Content(folder: album.folder, name: album.name)
            .copy(to: arena.makeFolder("theirs"))
        client = try await TransmissionClient(
            Order(
                role: .seed, source: album.torrent.source, folder: copy.folder, host: host,
                arena: arena))
    }

    func remote(_ arguments: [String]) async throws -> String {
        try await host.run(["transmission-remote", "127.0.0.1:9091"] + arguments)
    }
}

/// Two answers to one question, as `Name: value` lines.
private struct Report: CustomStringConvertible {
    private let ours: [String: String]
    private let theirs: [String: String]

    static func of(
        _ arguments: [String], _ ours: ([String]) async throws -> String,
        _ theirs: ([String]) async throws -> String
    ) async throws -> Report {
        Report(ours: try await read(ours(arguments)), theirs: try await read(theirs(arguments)))
    }

    /// What they say and we do not, or the other way round.
    var missing: [String] { Set(ours.keys).symmetricDifference(theirs.keys).sorted() }

    var differing: [String] {
        ours.keys.filter { theirs[$0] != nil && ours[$0] != theirs[$0] }.sorted()
    }

    var description: String { "\nours: \(ours)\ntheirs: \(theirs)" }

    private static func read(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].trimmingCharacters(in: .whitespaces)
            fields[name] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return fields
    }
}
