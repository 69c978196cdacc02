import Foundation
import Testing

/// A seedbox that is killed without warning has forgotten nothing that it has answered for.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct DaemonKillTests {
    private static let killCount = 50
    /// What a download may fall back by: what has been verified is noted every 16 MiB, and four
    /// times a second.
    private static let bytesLostMax = 20 << 20

    @Test(.timeLimit(.minutes(20)))
    func keepsAllThatItHasAnsweredForWhenItIsKilled() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("moments of death: seed \(seed)")
        try await Arena.with { arena in
            let content = try Content.make(.file, in: arena.makeFolder("content"))
            let torrent = try await SwarmClient.create(
                .v1, of: content, tracker: "http://192.0.2.1/announce", in: arena)
            let source = Order(
                role: .seed, source: torrent.source, folder: content.folder,
                host: try await arena.network.addHost(), arena: arena)
            _ = try SwarmClient(source)
            try await eventually("the seed is ready", within: .seconds(60)) {
                try await source.host.accepts(port: 6881)
            }
            let downloads = try arena.makeFolder("downloads")
            var script = Script(
                dice: Dice(state: seed), torrent: torrent, peer: "\(source.host.ipv4):6881",
                downloads: downloads)
            let (state, host) = (try arena.makeFolder("state"), try await arena.network.addHost())
            // Slow enough that fifty lives do not finish it.
            let slow = ["--down-limit", "1400KiB"]
            for life in 0..<Self.killCount {
                let daemon = try await SwarmDaemon(
                    startingIn: arena, on: host, downloads: downloads, state: state, more: slow)
                let death: Script.Death =
                    life % 8 == 7 ? .starting : life % 4 == 1 ? .soon : .working
                try await script.live(daemon, until: death)
                try #require(daemon.child.ended == .signal(SIGKILL), "it ended, seed \(seed)")
            }
            let last = try await SwarmDaemon(
                in: arena, on: host, downloads: downloads, state: state)
            try await script.expectAll(of: last.api)
            try await eventually("all has come", within: .seconds(60)) {
                try await last.api.torrents().contains {
                    $0["name"] as? String == content.name && $0["progress"] as? Double == 1
                }
            }
            let place = try await last.api.torrents().first {
                $0["name"] as? String == content.name
            }
            let folder = URL(filePath: try #require(place?["folder"] as? String))
            #expect(try content.differences(from: folder) == [], "seed \(seed)")
            print(
                "\(script.answered) answers, \(script.looks) looks, \(script.torrents.count) left")
            print("at most \(script.worstFall) bytes fallen back")
            #expect(script.answered > 100 && script.looks > 20)
            #expect(script.worstFall <= Self.bytesLostMax, "seed \(seed)")
        }
    }
}

/// Chance that can be had again. SplitMix64.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Somebody who uses a daemon, and remembers what it has answered.
private struct Script {
    /// What was wished of a torrent.
    struct Wishes: Equatable {
        var labels: [String] = []
        var category: String?
        var downloadLimit: Int?
        var isPaused: Bool
        var folder: String
    }

    /// All that a daemon must not forget.
    struct Memory: Equatable {
        var torrents: [String: Wishes] = [:]
        var categories: Set<String> = []
        var upLimit: Int?
    }

    private var dice: Dice
    private let torrent: Torrent
    private let big: String
    private let peer: String
    private let downloads: URL
    private var memory = Memory()
    /// What it may be instead, as the last question got no answer.
    private var inDoubt: [Memory] = []
    private var ids: [String: Int] = [:]
    private var bytesSeen = 0
    private(set) var worstFall = 0
    private(set) var answered = 0
    private(set) var looks = 0

    var torrents: [String: Wishes] { memory.torrents }

    init(dice: Dice, torrent: Torrent, peer: String, downloads: URL) {
        self.dice = dice
        self.torrent = torrent
        big = torrent.infoHashes.first ?? ""
        self.peer = peer
        self.downloads = downloads
    }

    /// When a daemon is killed: while it starts, at any time after it answers, or at any time once
    /// it has been seen to know everything.
    enum Death { case starting, soon, working }

    /// Uses it until it is killed, which it is at a moment that nobody knows before.
    mutating func live(_ daemon: SwarmDaemon, until death: Death) async throws {
        let child = daemon.child
        if death == .starting {
            try await Task.sleep(for: .microseconds(Int.random(in: 0..<400_000, using: &dice)))
            child.signal(SIGKILL)
            _ = try await child.end(within: .seconds(5))
            return
        }
        try await daemon.answers()
        let rest = Duration.microseconds(Int.random(in: 0..<900_000, using: &dice))
        var killer = death == .soon ? Self.kill(child, after: rest) : nil
        defer { killer?.cancel() }
        do {
            try await expectAll(of: daemon.api)
            if killer == nil { killer = Self.kill(child, after: rest) }
            while true {
                try await watch(daemon.api)
                try await act(daemon.api)
            }
        } catch let error as GroundError {
            // No answer, as there is nobody to give one.
            _ = await killer?.value
            _ = try await child.end(within: .seconds(5))
            guard child.ended == .signal(SIGKILL) else { throw error }
        }
    }

    private static func kill(_ child: Child, after rest: Duration) -> Task<Void, Never> {
        Task {
            try? await Task.sleep(for: rest)
            child.signal(SIGKILL)
        }
    }

    struct Forgotten: Error, CustomStringConvertible {
        let description: String
    }

    // MARK: Looking

    /// Compares all that it says with all that it has answered.
    mutating func expectAll(of api: LocalAPI) async throws {
        if memory.torrents[big] != nil,
            inDoubt.contains(where: { $0.torrents[big]?.folder != memory.torrents[big]?.folder })
        {
            // A move that was interrupted is finished before the content is opened.
            _ = try await read(api)
            try await eventually("the download goes on", within: .seconds(30)) {
                let row = try await api.torrent(ids[big] ?? 0)
                return ["downloading", "seeding"].contains(row["state"] as? String)
            }
        }
        let found = try await read(api)
        let possible = [memory] + inDoubt
        guard possible.contains(found) else {
            throw Forgotten(description: "it should be \(possible), and is \(found)")
        }
        memory = found
        inDoubt = []
        looks += 1
    }

    private mutating func read(_ api: LocalAPI) async throws -> Memory {
        var found = Memory()
        ids = [:]
        for row in try await api.torrents() {
            guard let hash = row["infoHash"] as? String, let id = row["id"] as? Int else {
                throw Forgotten(description: "a row without a name: \(row)")
            }
            ids[hash] = id
            found.torrents[hash] = Wishes(
                labels: row["labels"] as? [String] ?? [], category: row["category"] as? String,
                downloadLimit: row["downloadLimit"] as? Int,
                isPaused: row["state"] as? String == "paused",
                folder: row["folder"] as? String ?? "")
        }
        let settings = try await api.tell("GET", "/settings").members
        found.upLimit = (settings["limits"] as? [String: Any])?["up"] as? Int
        let categories = try await api.tell("GET", "/categories").members["categories"]
        found.categories = Set(
            (categories as? [[String: Any]] ?? []).compactMap { $0["name"] as? String })
        return found
    }

    /// How far the download is, once its content has been opened.
    private mutating func watch(_ api: LocalAPI) async throws {
        guard let id = ids[big] else { return }
        let row = try await api.torrent(id)
        guard row["state"] as? String == "downloading", let done = row["bytesDone"] as? Int
        else { return }
        worstFall = max(worstFall, bytesSeen - done)
        bytesSeen = max(bytesSeen, done)
    }

    // MARK: Acting

    /// Asks for a change that leads to `after`.
    private mutating func ask(
        _ api: LocalAPI, _ method: String, _ target: String, _ body: [String: Any]? = nil,
        by way: [Memory] = [], after: Memory
    ) async throws -> LocalAPI.Answer {
        inDoubt = way + [after]
        let answer = try await api.tell(method, target, body)
        memory = after
        inDoubt = []
        answered += 1
        return answer
    }

    private mutating func act(_ api: LocalAPI) async throws {
        guard memory.torrents[big] != nil else { return try await addBig(api) }
        let small = memory.torrents.keys.sorted().filter { $0 != big }
        guard let one = small.randomElement(using: &dice), small.count > 3 else {
            return try await addSmall(api)
        }
        switch Int.random(in: 0..<12, using: &dice) {
        case 0, 1: try await addSmall(api)
        case 2: try await remove(one, api)
        case 3: try await move(Bool.random(using: &dice) ? one : big, api)
        case 4: try await changeSettings(api)
        case 5: try await addCategory(api)
        case 6, 7: try await pauseOrStart(one, api)
        case 8: try await change(big, api)
        default: try await change(one, api)
        }
    }

    private mutating func word() -> String {
        String(UInt32.random(in: 0 ... .max, using: &dice), radix: 36)
    }

    private mutating func addBig(_ api: LocalAPI) async throws {
        var after = memory
        after.torrents[big] = Wishes(isPaused: false, folder: downloads.path)
        let manifest = try Data(contentsOf: URL(filePath: torrent.source))
        let answer = try await ask(
            api, "POST", "/torrents",
            ["manifest": manifest.base64EncodedString(), "peers": [peer]], after: after)
        ids[big] = answer.members["id"] as? Int
    }

    private mutating func addSmall(_ api: LocalAPI) async throws {
        let isPaused = Bool.random(using: &dice)
        let hash = (0..<20).map { _ in
            String(format: "%02x", UInt8.random(in: 0 ... .max, using: &dice))
        }.joined()
        var after = memory
        let label = word()
        after.torrents[hash] = Wishes(
            labels: [label], isPaused: isPaused, folder: downloads.path)
        let answer = try await ask(
            api, "POST", "/torrents",
            [
                "link": "magnet:?xt=urn:btih:\(hash)", "startsPaused": isPaused, "labels": [label],
            ], after: after)
        ids[hash] = answer.members["id"] as? Int
    }

    private mutating func change(_ hash: String, _ api: LocalAPI) async throws {
        guard let id = ids[hash], var wishes = memory.torrents[hash] else { return }
        var body: [String: Any] = [:]
        if Bool.random(using: &dice) {
            wishes.labels = [word(), word()].sorted()
            body["labels"] = wishes.labels
        } else if let category = memory.categories.sorted().randomElement(using: &dice) {
            wishes.category = category
            body["category"] = category
        } else {
            let limit = Int.random(in: 4 << 20...8 << 20, using: &dice)
            wishes.downloadLimit = limit
            body["downloadLimit"] = limit
        }
        var after = memory
        after.torrents[hash] = wishes
        _ = try await ask(api, "PATCH", "/torrents/\(id)", body, after: after)
    }

    private mutating func pauseOrStart(_ hash: String, _ api: LocalAPI) async throws {
        guard let id = ids[hash], let wishes = memory.torrents[hash] else { return }
        var after = memory
        after.torrents[hash]?.isPaused.toggle()
        _ = try await ask(
            api, "POST", "/torrents/\(id)/\(wishes.isPaused ? "start" : "pause")", after: after)
    }

    private mutating func move(_ hash: String, _ api: LocalAPI) async throws {
        guard let id = ids[hash] else { return }
        let folder = downloads.path + "/" + ["a", "b", "c/d"][Int.random(in: 0..<3, using: &dice)]
        var after = memory
        after.torrents[hash]?.folder = folder
        _ = try await ask(
            api, "POST", "/torrents/\(id)/move", ["folder": folder], after: after)
    }

    private mutating func remove(_ hash: String, _ api: LocalAPI) async throws {
        guard let id = ids[hash] else { return }
        let withData = Bool.random(using: &dice)
        var (paused, after) = (memory, memory)
        // So that nothing is fetched again while it is being deleted.
        paused.torrents[hash]?.isPaused = true
        after.torrents[hash] = nil
        _ = try await ask(
            api, "DELETE", "/torrents/\(id)?data=\(withData)", by: [paused], after: after)
    }

    private mutating func changeSettings(_ api: LocalAPI) async throws {
        let limit = Int.random(in: 1 << 20...64 << 20, using: &dice)
        var after = memory
        after.upLimit = limit
        _ = try await ask(api, "PATCH", "/settings", ["limits": ["up": limit]], after: after)
    }

    private mutating func addCategory(_ api: LocalAPI) async throws {
        let name = word()
        var after = memory
        after.categories.insert(name)
        _ = try await ask(api, "PUT", "/categories/\(name)", [:], after: after)
    }
}
