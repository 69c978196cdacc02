import JSONText

extension TransmissionRPC {
    func torrentSet(_ arguments: RPCArguments) async throws(RPCFailure) {
        let rows = rows(of: try arguments.torrents(emptyIsAll: false))
        guard !rows.isEmpty else { return }
        // All of it is looked at before any is done: a mistake leaves every torrent as it was.
        let folder = try arguments.path("location")
        var changes: [(ids: [TorrentID], change: TorrentChanges)] = []
        if dependsOnTorrent(arguments) {
            for row in rows { changes.append(([row.id], try await change(arguments, of: row))) }
        } else if let first = rows.first {
            changes.append((rows.map(\.id), try await change(arguments, of: first)))
        }
        for (ids, change) in changes {
            try await command { seedbox throws(SeedboxError) in
                try await seedbox.change(ids, change)
            }
        }
        guard let folder else { return }
        try await command { seedbox throws(SeedboxError) in
            try await seedbox.move(rows.map(\.id), to: folder, movingData: true)
        }
    }

    /// Whether the same arguments come to different changes for different torrents.
    private func dependsOnTorrent(_ arguments: RPCArguments) -> Bool {
        let relative = [
            "download_limit", "download_limited", "upload_limit", "upload_limited",
            "seed_ratio_limit", "seed_ratio_mode", "seed_idle_limit", "seed_idle_mode",
            "tracker_add", "tracker_remove", "tracker_replace",
        ]
        return arguments.namesFiles || relative.contains { arguments[$0] != nil }
    }

    private func change(
        _ arguments: RPCArguments, of row: TorrentRow
    ) async throws(RPCFailure) -> TorrentChanges {
        var change = TorrentChanges()
        if let labels = try arguments.texts("labels", countMax: Limits.rpcLabelsMax) {
            let split = split(labels)
            change.category = .some(split.category)
            change.labels = split.labels
        }
        if let group = try arguments.text("group") {
            change.group = group.isEmpty ? .some(nil) : group
        }
        change.priority = try arguments.priority()
        change.isSequential = try arguments.flag("sequential_download")
        change.honoursSessionLimits = try arguments.flag("honors_session_limits")
        if let peers = try arguments.integer("peer_limit", in: 0...Int64(Int32.max)) {
            change.peersMax = .some(Int(peers))
        }
        if let position = try arguments.integer("queue_position", in: 0...Int64(Int32.max)) {
            change.queuePosition = Int(position)
        }
        change.downloadLimit = try arguments.limit("download", now: row.downloadLimit)
        change.uploadLimit = try arguments.limit("upload", now: row.uploadLimit)
        change.seedingLimits = try arguments.seedingLimits(now: row.seedingLimits)
        try takeFiles(arguments, of: row, into: &change)
        change.trackers = try await trackers(arguments, of: row)
        return change
    }

    private func takeFiles(
        _ arguments: RPCArguments, of row: TorrentRow, into change: inout TorrentChanges
    ) throws(RPCFailure) {
        guard arguments.namesFiles else { return }
        guard let count = row.content?.fileCount else {
            throw RPCFailure(SeedboxError.noMetadata(row.name))
        }
        let choice = try arguments.fileChoice(of: count)
        change.wanted = choice.wanted
        change.filePriorities = choice.priorities
    }

    /// A label that names a category is the category: what programs know as labels is both.
    func split(_ labels: [String]) -> (category: String?, labels: [String]) {
        let known = Set(seedbox.settings.categories.map(\.name))
        guard let category = labels.first(where: known.contains) else { return (nil, labels) }
        return (category, labels.filter { $0 != category })
    }

    // MARK: Trackers

    private func trackers(
        _ arguments: RPCArguments, of row: TorrentRow
    ) async throws(RPCFailure) -> [[String]]? {
        if let list = try arguments.text("tracker_list") { return TrackerView.tiers(in: list) }
        let names = ["tracker_add", "tracker_remove", "tracker_replace"]
        guard names.contains(where: { arguments[$0] != nil }) else { return nil }
        let now = try await command { seedbox throws(SeedboxError) in
            try await seedbox.trackers(of: row.id)
        }
        var urls: [(url: String, tier: Int)?] = now.map { ($0.url, $0.tier) }
        for (id, url) in try arguments.trackerReplacements() {
            guard let old = urls.indices.contains(id) ? urls[id] : nil else { throw .noTracker(id) }
            urls[id] = (url, old.tier)
        }
        for element in arguments["tracker_remove"]?.elements ?? [] {
            // Programs also name it by its URL.
            let id =
                element.integer.flatMap { Int(exactly: $0) }
                ?? element.string.flatMap { url in now.firstIndex { $0.url == url } } ?? -1
            guard urls.indices.contains(id), urls[id] != nil else { throw .noTracker(id) }
            urls[id] = nil
        }
        let kept = urls.compactMap(\.self)
        var next = (kept.map(\.tier).max() ?? -1) + 1
        var all = kept
        let added = try arguments.texts("tracker_add", countMax: Limits.rpcLabelsMax) ?? []
        for url in added where !all.contains(where: { $0.url == url }) {
            all.append((url, next))
            next += 1
        }
        return Dictionary(grouping: all, by: \.tier).sorted { $0.key < $1.key }
            .map { $0.value.map(\.url) }
    }
}

extension RPCFailure {
    fileprivate static func noTracker(_ id: Int) -> RPCFailure {
        RPCFailure(.invalidTrackers, "there is no tracker \(id)")
    }
}
