import JSONText
import Seedbox

/// A torrent as the daemon tells of it. What it did not tell is what there is of nothing.
struct RemoteTorrent: Sendable {
    /// All that was told, as it came.
    let json: JSON
    let id: Int64
    /// In hex; all names by which a torrent of both versions is known.
    let infoHashes: [String]
    let name: String
    let stateName: String

    init?(_ json: JSON) {
        guard let id = json["id"]?.integer else { return nil }
        self.json = json
        self.id = id
        infoHashes = ["infoHash", "infoHashV2"].compactMap { json[$0]?.string }
        let name = json["name"]?.string ?? ""
        self.name = name.isEmpty ? infoHashes.first ?? "\(id)" : name
        stateName = json["state"]?.string ?? ""
    }

    /// What names it, for answers that are about something else.
    var naming: [JSON.Member] {
        [
            ("id", .integer(id)), ("infoHash", .optional(infoHashes.first)),
            ("name", .string(name)),
        ]
    }

    var state: TorrentState? { TorrentState(rawValue: stateName) }

    // MARK: - Amounts

    func integer(_ name: String) -> Int64? { json[name]?.integer }
    func text(_ name: String) -> String? { json[name]?.string }

    /// The number of things, where no number is none.
    func count(_ name: String) -> Int { Int(clamping: json[name]?.integer ?? 0) }

    var bytesWanted: Int64 { integer("bytesWanted") ?? 0 }
    var bytesDone: Int64 { integer("bytesDone") ?? 0 }
    var downloadRate: Int64 { integer("downloadRate") ?? 0 }
    var uploadRate: Int64 { integer("uploadRate") ?? 0 }
    var added: Int64 { integer("added") ?? 0 }
    var labels: [String] { json["labels"]?.elements?.compactMap(\.string) ?? [] }
    var category: String? { text("category") }
    var ratio: Double? { json["ratio"]?.number }
    var secondsLeft: Int64? { integer("secondsLeft") }

    /// What is wrong, in words.
    var trouble: String? { json["error"]?["text"]?.string }

    /// Whether what is wrong keeps it from working.
    var isInTrouble: Bool { json["error"]?["kind"]?.string == TorrentTrouble.Kind.local.rawValue }

    /// Whether what it holds is known.
    var hasMetadata: Bool { json["content"]?.members != nil }

    var isComplete: Bool { hasMetadata && bytesDone >= bytesWanted }

    /// How much is done, in thousandths: of the metadata, a check or the content.
    var permilleDone: Int64 {
        switch state {
        case .fetchingMetadata, .checking:
            let progress = json["progress"]?.number ?? 0
            return Int64(min(max(progress, 0), 1) * 1_000)
        default: return hasMetadata ? permille(bytesDone, of: bytesWanted) : 0
        }
    }

    /// The word by which `list --state` knows it.
    var stateWord: String { state.map { TorrentFilter.State.state($0).word } ?? stateName }

    var stateStyle: Style {
        switch state {
        case .failed: .bad
        case .waitingForStorage, .noSpace: .warning
        case .seeding: .good
        case .paused, .queued: .dim
        case .checking, .fetchingMetadata, .downloading, .moving, nil:
            isInTrouble ? .warning : .plain
        }
    }
}

// MARK: - Which are meant

/// Torrents that a list is narrowed to.
struct TorrentFilter: Equatable, Sendable {
    /// A state of the daemon's, or one of several.
    enum State: Equatable, Sendable, CaseIterable {
        case state(TorrentState)
        case active
        case complete
        case incomplete
        case trouble

        static let allCases =
            TorrentState.allCases.map(State.state) + [.active, .complete, .incomplete, .trouble]

        /// `no-space`.
        var word: String {
            switch self {
            case .state(.fetchingMetadata): "metadata"
            case .state(.waitingForStorage): "no-disk"
            case .state(.noSpace): "no-space"
            case .state(let state): state.rawValue
            case .active: "active"
            case .complete: "complete"
            case .incomplete: "incomplete"
            case .trouble: "trouble"
            }
        }

        func admits(_ torrent: RemoteTorrent) -> Bool {
            switch self {
            case .state(let state): torrent.state == state
            case .active: torrent.downloadRate > 0 || torrent.uploadRate > 0
            case .complete: torrent.isComplete
            case .incomplete: !torrent.isComplete
            case .trouble: torrent.trouble != nil
            }
        }
    }

    /// Any of these; none is all.
    var states: [State] = []
    /// All of these.
    var labels: [String] = []
    /// Any of these; an empty name is none at all.
    var categories: [String] = []

    func admits(_ torrent: RemoteTorrent) -> Bool {
        (states.isEmpty || states.contains { $0.admits(torrent) })
            && labels.allSatisfy(torrent.labels.contains)
            && (categories.isEmpty || categories.contains(torrent.category ?? ""))
    }
}

/// An order for a list.
enum TorrentOrder: String, CaseIterable, Sendable {
    case id, name, state, size, done, down, up, left, ratio, peers, added, queue

    /// Numbers of which much is looked for come with the greatest first.
    private var isDescending: Bool {
        switch self {
        case .id, .name, .state, .left, .queue: false
        case .size, .done, .down, .up, .ratio, .peers, .added: true
        }
    }

    func sorted(_ torrents: [RemoteTorrent], isReversed: Bool = false) -> [RemoteTorrent] {
        switch self {
        case .name: sorted(torrents, isReversed) { $0.name.lowercased() }
        case .state: sorted(torrents, isReversed) { $0.stateWord }
        case .ratio: sorted(torrents, isReversed) { $0.ratio ?? -1 }
        default: sorted(torrents, isReversed, by: number)
        }
    }

    private func number(_ torrent: RemoteTorrent) -> Int64 {
        switch self {
        case .size: torrent.bytesWanted
        case .done: torrent.permilleDone
        case .down: torrent.downloadRate
        case .up: torrent.uploadRate
        case .left: torrent.secondsLeft ?? .max
        case .peers: torrent.integer("peersConnected") ?? 0
        case .added: torrent.added
        case .queue: torrent.integer("queuePosition") ?? 0
        case .id, .name, .state, .ratio: torrent.id
        }
    }

    /// Equal ones stay in the order of their ids.
    private func sorted<Key: Comparable>(
        _ torrents: [RemoteTorrent], _ isReversed: Bool, by key: (RemoteTorrent) -> Key
    ) -> [RemoteTorrent] {
        torrents.map { (torrent: $0, key: key($0)) }
            .sorted { a, b in
                guard a.key != b.key else { return a.torrent.id < b.torrent.id }
                return (a.key < b.key) != (isDescending != isReversed)
            }
            .map(\.torrent)
    }
}
