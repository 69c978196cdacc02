import JSONText

extension TransmissionRPC {
    /// Torrents that are asked for what is in their rows only are all written at once, from memory
    /// and under one lock. Others are fetched and sent one after the other, so that ten thousand of
    /// them with all their files are never in memory together.
    func torrentGet(
        _ arguments: RPCArguments, _ spelling: Spelling
    ) async throws(RPCFailure) -> RPCResult {
        let fields = try TorrentFields(arguments)
        let choice = try arguments.torrents()
        let defaults = defaults(spelling)
        let removed = choice == .recentlyActive ? recentChanges.removed.map(\.id) : nil
        guard fields.needs.isEmpty else {
            return .stream(
                TorrentParts(
                    seedbox: seedbox, ids: ids(of: choice), fields: fields, defaults: defaults,
                    removed: removed))
        }
        var out = JSONWriter(reservingBytes: choice == .all ? seedbox.catalogue.count * 512 : 0)
        fields.begin(removed: removed, into: &out)
        switch choice {
        case .all:
            seedbox.catalogue.withRows { rows in
                for row in rows {
                    fields.write(TorrentView(row: row, defaults: defaults), into: &out)
                }
            }
        default:
            for row in rows(of: choice) {
                fields.write(TorrentView(row: row, defaults: defaults), into: &out)
            }
        }
        fields.end(into: &out)
        return .arguments(out.bytes)
    }

    // MARK: Choosing

    var recentChanges: CatalogueChanges {
        seedbox.catalogue.changes(since: marks.revision(aMinuteBefore: now()))
    }

    /// Torrents that are not there are passed over, as programs expect that ask for what they have
    /// just removed.
    func rows(of choice: TorrentChoice) -> [TorrentRow] {
        switch choice {
        case .all: seedbox.catalogue.withRows { Array($0) }
        case .recentlyActive:
            // Where too much is forgotten, all of them may have changed.
            recentChanges.isComplete
                ? recentChanges.changed : seedbox.catalogue.withRows { Array($0) }
        case .some(let names):
            names.compactMap { name in
                switch name {
                case .id(let id): seedbox.catalogue.row(id)
                case .infoHash(let hex): seedbox.catalogue.row(named: hex)
                }
            }
        }
    }

    func ids(of choice: TorrentChoice) -> [TorrentID] {
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
        defaults.now = now()
        for category in settings.categories {
            defaults.categories[category.name] = category.seedingLimits
        }
        defaults.spelling = spelling
        return defaults
    }
}
