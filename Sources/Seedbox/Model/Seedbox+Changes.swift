import Metainfo
import Storage
import SwarmEngine
public import Units

// MARK: - Wishes

extension Seedbox {
    /// Changes what is wanted of torrents. Either all of it is possible, or nothing is changed.
    public func change(
        _ ids: [TorrentID], _ changes: TorrentChanges
    ) async throws(SeedboxError) {
        try expect(ids)
        try check(changes, of: ids)
        var selections: [TorrentID: Selection] = [:]
        if !changes.wanted.isEmpty || !changes.filePriorities.isEmpty {
            for id in ids { selections[id] = try selection(of: id, with: changes) }
        }
        let labels = try changes.labels.map { labels throws(SeedboxError) in
            try Labels.checked(labels)
        }
        for id in ids {
            catalogue.update(id) { row in
                if let labels { row.labels = labels }
                row.take(changes)
            }
        }
        if changes.seedingLimits != nil || changes.category != nil { forgetLiftedLimits() }
        if let position = changes.queuePosition {
            for id in ids { try reorder { $0.moving(id, toIndex: position) } }
        }
        try save(ids)
        for id in ids {
            if let selection = selections[id] { try await select(selection, of: id) }
            if let trackers = changes.trackers { try await setTrackers(trackers, of: id) }
            await apply(changes, to: id)
        }
        if changes.queuePosition != nil || !selections.isEmpty { followQueue() }
    }

    private func check(
        _ changes: TorrentChanges, of ids: [TorrentID]
    ) throws(SeedboxError) {
        let settings = settings
        if let name = changes.category ?? nil,
            !settings.categories.contains(where: { $0.name == name })
        {
            throw .noSuchCategory(name)
        }
        if let name = changes.group ?? nil,
            !settings.limits.groups.contains(where: { $0.name == name })
        {
            throw .noSuchGroup(name)
        }
        try Self.checkRate(changes.downloadLimit ?? nil, "downloadLimit")
        try Self.checkRate(changes.uploadLimit ?? nil, "uploadLimit")
        try Self.checkPeersMax(changes.peersMax ?? nil)
        if let limits = changes.seedingLimits { try Self.check(limits) }
        guard let tiers = changes.trackers else { return }
        // Who writes back what was shown may change the rest.
        var known: Set<String> = []
        for id in ids { known.formUnion(try knownTrackers(of: id).joined()) }
        try Self.check(tiers, knowing: known)
    }

    static func check(
        _ tiers: [[String]], knowing known: Set<String> = []
    ) throws(SeedboxError) {
        guard tiers.reduce(0, { $0 + $1.count }) <= Limits.trackersMax else {
            throw .badValue(field: "trackers", reason: "more than \(Limits.trackersMax)")
        }
        for url in tiers.joined() where !known.contains(url) && !isTracker(url) {
            throw .badValue(field: "trackers", reason: "'\(url.prefix(200))' is no tracker's URL")
        }
    }

    private static func isTracker(_ url: String) -> Bool {
        let isKnown = ["http://", "https://", "udp://"].contains {
            url.lowercased().hasPrefix($0) && url.utf8.count > $0.utf8.count
        }
        return isKnown && url.utf8.count <= Limits.trackerURLBytesMax
            && url.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
    }

    /// Tells an active torrent.
    private func apply(_ changes: TorrentChanges, to id: TorrentID) async {
        guard let torrent = torrent(id), let row = catalogue.row(id) else { return }
        if changes.downloadLimit != nil || changes.uploadLimit != nil {
            await torrent.setLimits(
                download: row.downloadLimit.map { ByteRate(bytesPerSecond: $0) },
                upload: row.uploadLimit.map { ByteRate(bytesPerSecond: $0) })
        }
        if changes.group != nil || changes.honoursSessionLimits != nil {
            await torrent.setGroup(row.group, honouringSessionLimits: row.honoursSessionLimits)
        }
        if let priority = changes.priority {
            await torrent.setPriority(DownloadPriority(priority))
        }
        if changes.peersMax != nil { await torrent.setMaxPeers(row.peersMax) }
        if let isSequential = changes.isSequential { await torrent.setSequential(isSequential) }
    }

    /// Peers that the user knows of.
    public func addPeers(_ id: TorrentID, _ peers: [Endpoint]) async throws(SeedboxError) {
        try expect([id])
        guard peers.count <= Limits.peersNamedMax else {
            throw .badValue(field: "peers", reason: "more than \(Limits.peersNamedMax)")
        }
        if let torrent = torrent(id) { return await torrent.addPeers(peers) }
        // For when it is active.
        try stored { store throws(SessionStoreError) in
            try store.add(peers: peers, of: id.record)
        }
        let known = firstPeers[id] ?? []
        firstPeers[id] = Array((known + peers).suffix(Limits.peersNamedMax))
        rouse(id)
    }

    public func reannounce(_ ids: [TorrentID]) async throws(SeedboxError) {
        try expect(ids)
        for id in ids {
            if members[id]?.isDormant == true { session.reannounce(dormant: id.record) }
            await torrent(id)?.reannounce()
        }
    }
}

extension TorrentRow {
    fileprivate mutating func take(_ changes: TorrentChanges) {
        if let category = changes.category { self.category = category }
        if let group = changes.group { self.group = group }
        if let priority = changes.priority { self.priority = priority }
        if let isSequential = changes.isSequential { self.isSequential = isSequential }
        if let honours = changes.honoursSessionLimits { honoursSessionLimits = honours }
        if let limit = changes.downloadLimit { downloadLimit = limit }
        if let limit = changes.uploadLimit { uploadLimit = limit }
        if let count = changes.peersMax { peersMax = count }
        if let limits = changes.seedingLimits { seedingLimits = limits }
    }
}

extension DownloadPriority {
    init(_ priority: FilePriority) {
        switch priority {
        case .low: self = .low
        case .normal: self = .normal
        case .high: self = .high
        }
    }
}

extension FilePriority {
    init(_ priority: DownloadPriority) {
        switch priority {
        case .low: self = .low
        case .normal: self = .normal
        case .high: self = .high
        }
    }
}

// MARK: - Files

extension Seedbox {
    private struct Selection {
        /// Nil is all.
        var wanted: Set<FileIndex>?
        var priorities: [FileIndex: DownloadPriority]
        var bytesWanted: Int64
    }

    private func selection(
        of id: TorrentID, with changes: TorrentChanges
    ) throws(SeedboxError) -> Selection {
        let (known, metainfo) = try known(id)
        let shown = ShownFiles(metainfo.layout)
        var wanted = known.wantedFiles.map { Set($0) } ?? Set(shown.indices)
        for (number, isWanted) in changes.wanted {
            let file = try shown.index(of: number)
            if isWanted { wanted.insert(file) } else { wanted.remove(file) }
        }
        var priorities = priorities(of: id)
        for (number, priority) in changes.filePriorities {
            priorities[try shown.index(of: number)] =
                priority == .normal ? nil : DownloadPriority(priority)
        }
        let isAll = wanted.count == shown.indices.count
        return Selection(
            wanted: isAll ? nil : wanted, priorities: priorities,
            bytesWanted: metainfo.layout.bytes(of: isAll ? nil : wanted))
    }

    func priorities(of id: TorrentID) -> [FileIndex: DownloadPriority] {
        var priorities: [FileIndex: DownloadPriority] = [:]
        for (file, value) in members[id]?.filePriorities ?? [:] {
            priorities[FileIndex(file)] = DownloadPriority(rawValue: Int(value)) ?? .normal
        }
        return priorities
    }

    private func select(_ selection: Selection, of id: TorrentID) async throws(SeedboxError) {
        members[id]?.filePriorities = [:]
        for (file, priority) in selection.priorities {
            members[id]?.filePriorities[file.rawValue] =
                Int8(truncatingIfNeeded: priority.rawValue)
        }
        let files = selection.wanted.map { $0.sorted { $0.rawValue < $1.rawValue } }
        try stored { store throws(SessionStoreError) in
            try store.set(wantedFiles: files, of: id.record)
        }
        catalogue.update(id) { $0.bytesWanted = selection.bytesWanted }
        try save([id])
        guard let torrent = torrent(id) else {
            try recount(id, selection.wanted)
            return rouse(id)
        }
        if catalogue.row(id)?.isComplete == false { members[id]?.isAwaited = true }
        do throws(EngineError) {
            try await torrent.select(selection.wanted, priorities: selection.priorities)
        } catch {
            throw .storage("\(error)")
        }
        await poll(id, torrent, now: Self.now)
    }

    /// What is there of the files that are wanted now, of a torrent that is not active.
    private func recount(_ id: TorrentID, _ wanted: Set<FileIndex>?) throws(SeedboxError) {
        let layout = try known(id).1.layout
        let done = layout.bytes(of: wanted, in: try have(id, layout.pieceCount))
        catalogue.update(id) { row in
            row.bytesDone = done
            row.progress =
                row.bytesWanted > 0 ? Double(done) / Double(row.bytesWanted) : 1
        }
    }

    /// What the store has of a torrent whose metadata is known.
    nonisolated func known(
        _ id: TorrentID
    ) throws(SeedboxError) -> (TorrentRecord, Metainfo) {
        let record = try stored { store throws(SessionStoreError) in
            try store.torrent(id.record)
        }
        guard let record else { throw .noSuchTorrent("\(id.rawValue)") }
        guard let bytes = record.metainfo else { throw .noMetadata(record.name) }
        do throws(MetainfoError) {
            return (record, try Metainfo(kept: bytes))
        } catch {
            throw .badSource("\(record.name): its metainfo is damaged: \(error)")
        }
    }
}

// MARK: - Trackers

extension Seedbox {
    func setTrackers(_ tiers: [[String]], of id: TorrentID) async throws(SeedboxError) {
        let tiers = tiers.filter { !$0.isEmpty }
        try keepTrackers(tiers, of: id)
        await torrent(id)?.setTrackers(tiers)
        rouse(id)
    }

    /// Those that its metainfo names, or its link as long as that is all that is known.
    nonisolated func knownTrackers(of id: TorrentID) throws(SeedboxError) -> [[String]] {
        switch try origin(of: id) {
        case .metainfo(let metainfo): metainfo.announceTiers
        case .link(let link): link.trackers.map { [$0] }
        }
    }

    func keepTrackers(_ tiers: [[String]], of id: TorrentID) throws(SeedboxError) {
        switch try origin(of: id) {
        case .metainfo(var metainfo):
            metainfo.announceTiers = tiers
            let (bytes, name) = (metainfo.encoded(), metainfo.name)
            try stored { store throws(SessionStoreError) in
                try store.set(metainfo: bytes, name: name, of: id.record)
            }
        case .link(var link):
            link.trackers = tiers.flatMap(\.self)
            let text = link.text
            try stored { store throws(SessionStoreError) in
                try store.set(link: text, of: id.record)
            }
        }
        catalogue.update(id) { $0.tracker = tiers.first?.first }
        try save([id])
    }

    private enum Origin {
        case metainfo(Metainfo)
        case link(MagnetLink)
    }

    private nonisolated func origin(of id: TorrentID) throws(SeedboxError) -> Origin {
        let known = try stored { store throws(SessionStoreError) in
            try store.torrent(id.record)
        }
        guard let known else { throw .noSuchTorrent("\(id.rawValue)") }
        guard let bytes = known.metainfo else {
            let link = known.link.flatMap { try? MagnetLink($0) }
            return .link(link ?? MagnetLink(infoHash: known.infoHash))
        }
        guard let metainfo = try? Metainfo(kept: bytes) else {
            throw .badSource("\(known.name): its metainfo is damaged")
        }
        return .metainfo(metainfo)
    }
}
