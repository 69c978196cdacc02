import JSONText

extension TransmissionRPC {
    /// Torrents are written while they are sent, so that ten thousand of them are never in memory
    /// together: all of them from their rows, or one after the other where more is to be fetched.
    func torrentGet(
        _ arguments: RPCArguments, _ spelling: Spelling, hidesSecrets: Bool
    ) async throws(RPCFailure) -> RPCResult {
        let fields = try TorrentFields(arguments)
        let choice = try arguments.torrents()
        let defaults = defaults(spelling)
        let changes = choice == .recentlyActive ? recentChanges : nil
        let removed = changes?.removed.map(\.id)
        guard fields.needs.isEmpty else {
            return .stream(
                TorrentParts(
                    seedbox: seedbox, ids: ids(of: choice), fields: fields, defaults: defaults,
                    removed: removed, hidesSecrets: hidesSecrets))
        }
        let view = TorrentView(defaults: defaults)
        // Where too much has changed, or is forgotten, all of them may have.
        if choice == .all || changes?.isComplete == false {
            return .stream(
                TorrentList(of: seedbox.catalogue) { out, _ in
                    fields.begin(removed: removed, into: &out)
                } row: { row, out in
                    fields.write(row, view, into: &out)
                })
        }
        var out = JSONWriter()
        fields.begin(removed: removed, into: &out)
        for row in changes?.changed ?? rows(of: choice) {
            fields.write(row, view, into: &out)
        }
        fields.end(into: &out)
        return .arguments(out.bytes)
    }

    // MARK: Choosing

    var recentChanges: CatalogueChanges {
        seedbox.catalogue.changes(
            since: seedbox.recent.revision(aMinuteBefore: Seedbox.now),
            atMost: Limits.eventRowsMax)
    }

    /// Torrents that are not there are passed over, as programs expect that ask for what they have
    /// just removed.
    func rows(of choice: TorrentChoice) -> [TorrentRow] {
        switch choice {
        case .all: return seedbox.catalogue.withRows { Array($0) }
        case .recentlyActive:
            let changes = recentChanges
            return changes.isComplete
                ? changes.changed : seedbox.catalogue.withRows { Array($0) }
        case .some(let names):
            return names.compactMap { name in
                switch name {
                case .id(let id): seedbox.catalogue.row(id)
                case .infoHash(let hex): seedbox.catalogue.row(named: hex)
                }
            }
        }
    }

    func ids(of choice: TorrentChoice) -> [TorrentID] {
        if choice == .all { return seedbox.catalogue.withRows { rows in rows.map(\.id) } }
        var seen: Set<TorrentID> = []
        return rows(of: choice).map(\.id).filter { seen.insert($0).inserted }
    }

    func defaults(_ spelling: Spelling) -> TorrentDefaults {
        let settings = seedbox.settings
        var defaults = TorrentDefaults()
        defaults.peersMax = settings.network.maxPeersPerTorrent
        if case .atMost(let ratio) = settings.seeding.ratio { defaults.ratio = ratio }
        if case .atMost(let idle) = settings.seeding.idle { defaults.idle = idle }
        if case .atMost(let time) = settings.seeding.seedTime { defaults.seedTime = time }
        defaults.now = Seedbox.now
        for category in settings.categories {
            defaults.categories[category.name] = category.seedingLimits
        }
        defaults.spelling = spelling
        return defaults
    }
}
