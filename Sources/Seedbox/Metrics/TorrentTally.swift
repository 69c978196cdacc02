import Units

/// What a walk over all rows adds up to.
struct TorrentTally {
    private struct Group: Hashable {
        let state: TorrentState
        let category: String
    }

    /// What those are counted under that are too many to be told apart.
    static let otherCategories = "(others)"

    private var groups: [Group: Int] = [:]
    private var categories: Set<String> = []
    private var troubles: [TorrentTrouble.Kind: Int] = [:]
    private var content: Int64 = 0
    private var left: Int64 = 0
    private var peers = (connected: 0, seeds: 0, sending: 0, getting: 0, known: 0)

    mutating func count(_ row: TorrentRow) {
        var category = row.category ?? ""
        if !category.isEmpty, !categories.contains(category) {
            if categories.count < Limits.countedCategoriesMax {
                categories.insert(category)
            } else {
                category = Self.otherCategories
            }
        }
        groups[Group(state: row.state, category: category), default: 0] += 1
        if let trouble = row.error { troubles[trouble.kind, default: 0] += 1 }
        content = content.addingSaturating(row.bytesDone)
        left = left.addingSaturating(row.bytesLeft)
        peers.connected = peers.connected.addingSaturating(row.peersConnected)
        peers.seeds = peers.seeds.addingSaturating(row.seedsConnected)
        peers.sending = peers.sending.addingSaturating(row.peersSendingToUs)
        peers.getting = peers.getting.addingSaturating(row.peersGettingFromUs)
        peers.known = peers.known.addingSaturating(row.peersKnown)
    }

    func write(into page: inout Exposition) {
        page.family("swarm_torrents", .gauge, "Torrents by what they do, and category.") {
            // A state that nobody is in is told too: an alert on it can then tell 0 from nothing.
            for state in TorrentState.allCases {
                let count = groups[Group(state: state, category: ""), default: 0]
                $0.add(count, ["state": state.rawValue, "category": ""])
            }
            let named = groups.filter { !$0.key.category.isEmpty }
            for (group, count) in named.sorted(by: { Self.precedes($0.key, $1.key) }) {
                $0.add(count, ["state": group.state.rawValue, "category": group.category])
            }
        }
        page.family("swarm_torrents_in_trouble", .gauge, "Torrents with an error or warning.") {
            for kind in TorrentTrouble.Kind.allCases {
                $0.add(troubles[kind, default: 0], ["kind": kind.rawValue])
            }
        }
        page.gauge("swarm_content_bytes", "Content that is there and wanted.", content)
        page.gauge("swarm_content_missing_bytes", "Content that is wanted and not there.", left)
        page.family("swarm_peers", .gauge, "Peers over all torrents; one can be in many states.") {
            $0.add(peers.connected, ["state": "connected"])
            $0.add(peers.seeds, ["state": "seed"])
            $0.add(peers.sending, ["state": "sending"])
            $0.add(peers.getting, ["state": "getting"])
            $0.add(peers.known, ["state": "known"])
        }
    }

    private static func precedes(_ a: Group, _ b: Group) -> Bool {
        (a.category, a.state.rawValue) < (b.category, b.state.rawValue)
    }
}

/// The series of each torrent. Its name stands in one of them, not in all: a name can change.
struct TorrentSeries {
    /// What is told of a torrent; rows are many, and hold more.
    struct Torrent {
        let infoHash: String
        let name: String
        let category: String
        let row: TorrentRow

        init(_ row: TorrentRow) {
            infoHash = "\(row.infoHash)"
            name = row.name.cut(toBytes: Limits.seriesNameBytesMax)
            category = row.category ?? ""
            self.row = row
        }
    }

    private var torrents: [Torrent] = []

    mutating func add(_ row: TorrentRow) {
        guard torrents.count < Limits.torrentSeriesMax else { return }
        torrents.append(Torrent(row))
    }

    func write(into page: inout Exposition) {
        page.family("swarm_torrent_info", .gauge, "The names of a torrent; always 1.") {
            for torrent in torrents {
                $0.add(
                    1,
                    [
                        "infohash": torrent.infoHash, "name": torrent.name,
                        "category": torrent.category,
                    ])
            }
        }
        write("swarm_torrent_downloaded_bytes_total", .counter, "Payload received.", &page) {
            $0.downloaded
        }
        write("swarm_torrent_uploaded_bytes_total", .counter, "Payload sent.", &page) {
            $0.uploaded
        }
        write("swarm_torrent_content_bytes", .gauge, "Wanted content that is there.", &page) {
            $0.bytesDone
        }
        write("swarm_torrent_missing_bytes", .gauge, "Wanted content that is not there.", &page) {
            $0.bytesLeft
        }
        write("swarm_torrent_peers", .gauge, "Connected peers.", &page) {
            Int64($0.peersConnected)
        }
        write("swarm_torrent_active", .gauge, "Whether it takes part in its swarm.", &page) {
            $0.state.isActive ? 1 : 0
        }
    }

    private func write(
        _ name: String, _ kind: Exposition.Kind, _ help: String, _ page: inout Exposition,
        _ value: (TorrentRow) -> Int64
    ) {
        page.family(name, kind, help) {
            for torrent in torrents { $0.add(value(torrent.row), ["infohash": torrent.infoHash]) }
        }
    }
}

extension String {
    /// At most so many bytes from the beginning, without half a character at the end.
    func cut(toBytes countMax: Int) -> String {
        guard utf8.count > countMax else { return self }
        var size = 0
        return String(
            prefix { character in
                size += character.utf8.count
                return size <= countMax
            })
    }
}
