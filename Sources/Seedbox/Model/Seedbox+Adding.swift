import Foundation
import Hashing
import Metainfo
import Storage
import SwarmEngine
import Synchronization
import Units

extension Seedbox {
    /// Adds a torrent, or finds it if it is there already.
    public func add(_ request: AddRequest) async throws(SeedboxError) -> Added {
        guard !isStopping else { throw .stopping }
        let source: TorrentSource
        switch request.source {
        case .manifest(let bytes): source = try TorrentSource(manifest: bytes)
        case .link(let text): source = try TorrentSource(link: text)
        case .url(let url): source = try TorrentSource(manifest: try await download(url))
        }
        return try enlist(source, request)
    }

    private func download(_ url: String) async throws(SeedboxError) -> [UInt8] {
        do throws(EngineError) {
            return try await Session.download(
                url: url, maxBytes: Limits.manifestBytesMax,
                mayBeNear: settings.network.allowsPrivateURLs)
        } catch {
            guard case .privateAddress = error else { throw .badSource("\(error)") }
            throw .badSource("\(error), \(Settings.Network.allowingPrivateURLs)")
        }
    }

    /// In one turn, so that nothing can be added twice.
    private func enlist(
        _ source: TorrentSource, _ request: AddRequest
    ) throws(SeedboxError) -> Added {
        guard !isStopping else { throw .stopping }
        if let known = catalogue.row(named: source.infoHash) {
            if let file = source.metainfo, known.content == nil {
                try learn(file, from: source, known)
            } else {
                try learnTrackers(of: source, known)
            }
            return Added(id: known.id, isNew: false)
        }
        guard catalogue.count < Limits.torrentsMax else {
            throw .storage("there are \(Limits.torrentsMax) torrents already, which is the limit")
        }
        let settings = settings
        let category = try category(request.category ?? settings.adding.category, settings)
        let folder = try AllowedRoots(settings).checked(
            request.folder ?? category?.folder ?? settings.storage.downloadFolder)
        let labels = try Labels.checked(request.labels)
        let files = try source.files(request)
        try checkLimits(request)

        var arrival = SeedboxArrival(
            infoHash: source.infoHash, name: source.name, folder: folder)
        arrival.metainfo = source.metainfo?.encoded()
        arrival.link = source.link?.text
        arrival.peers = request.peers
        arrival.wantedFiles = files.wanted.map { $0.sorted { $0.rawValue < $1.rawValue } }
        let now = Self.now
        let member = Member(
            isPaused: request.startsPaused ?? settings.adding.startsPaused,
            filePriorities: files.priorities)
        let position = lastPosition + 1
        let isPaused = member.isPaused
        // Its number is known once it is in the store.
        @Sendable func row(_ id: TorrentID) -> TorrentRow {
            var row = TorrentRow(
                id: id, infoHash: source.infoHash, name: source.name, folder: folder,
                state: RestartRule.state(isPaused: isPaused), added: now)
            row.tracker = source.link?.trackers.first
            if let metainfo = source.metainfo { row.learn(metainfo, wanted: files.wanted) }
            (row.labels, row.category, row.queuePosition) = (labels, category?.name, position)
            (row.isSequential, row.priority) = (request.isSequential, request.priority)
            row.seedingLimits = request.seedingLimits
            (row.downloadLimit, row.uploadLimit) = (request.downloadLimit, request.uploadLimit)
            row.peersMax = request.peersMax
            return row
        }
        let record = try stored { store throws(SessionStoreError) in
            try store.enlist(arrival, now: now) { SeedboxRecord(row(TorrentID($0)), member) }
        }
        let id = TorrentID(record.id)
        lastPosition = position
        members[id] = member
        firstPeers[id] = request.peers.isEmpty ? nil : request.peers
        catalogue.insert(row(id))
        if request.goesToTopOfQueue { try moveInQueue([id], .top) }
        shared.statistics.withLock { $0.count(\.torrentsAdded, 1) }
        tell(.added, id)
        followQueue()
        return Added(id: id, isNew: true)
    }

    private func category(
        _ name: String?, _ settings: Settings
    ) throws(SeedboxError) -> Category? {
        guard let name else { return nil }
        guard let category = settings.categories.first(where: { $0.name == name }) else {
            throw .noSuchCategory(name)
        }
        return category
    }

    private func checkLimits(_ request: AddRequest) throws(SeedboxError) {
        try Self.checkRate(request.downloadLimit, "downloadLimit")
        try Self.checkRate(request.uploadLimit, "uploadLimit")
        try Self.checkPeersMax(request.peersMax)
        try Self.check(request.seedingLimits)
        guard request.peers.count <= Limits.peersNamedMax else {
            throw .badValue(field: "peers", reason: "more than \(Limits.peersNamedMax)")
        }
    }

    /// The file of a torrent that was known by its link only says what its peers would.
    private func learn(
        _ file: Metainfo, from source: TorrentSource, _ row: TorrentRow
    ) throws(SeedboxError) {
        guard row.infoHash.names(file.infoHash) else {
            throw .badSource("\(file.name): has one hash of \(row.name), and not the other")
        }
        // A link may have named each of the two hashes of a hybrid torrent.
        if let v2 = file.infoHash.v2, let other = catalogue.row(named: InfoHash(v2: v2)),
            other.id != row.id
        {
            throw .exists(other.name)
        }
        let request = try bareRequest(for: row)
        guard case .magnet(let link) = request.source else {
            // Its peers were faster, by no more than it takes to say so.
            return try learnTrackers(of: source, row)
        }
        let metainfo = file.adding(link)
        let wanted: Set<FileIndex>?
        do throws(EngineError) {
            wanted = try request.selection(of: metainfo)
        } catch {
            throw .badSource("\(error)")
        }
        try stored { store throws(SessionStoreError) in
            try store.learn(
                metainfo.encoded(), infoHash: metainfo.infoHash, name: metainfo.name,
                wantedFiles: wanted.map { $0.sorted { $0.rawValue < $1.rawValue } },
                of: row.id.record)
        }
        learn(metainfo, of: row.id)
        guard let torrent = torrent(row.id) else { return }
        Task {
            await torrent.setTrackers(metainfo.announceTiers)
            await torrent.learn(from: metainfo)
        }
    }

    /// A link or a file that names more trackers than are known adds those.
    private func learnTrackers(
        of source: TorrentSource, _ row: TorrentRow
    ) throws(SeedboxError) {
        guard let link = source.link ?? source.metainfo?.magnetLink, !row.isPrivate else { return }
        let known = try knownTrackers(of: row.id)
        let old = Set(known.joined())
        let new = link.trackers.filter { !old.contains($0) }
        guard !new.isEmpty, old.count + new.count <= Limits.trackersMax else { return }
        let tiers = known + new.map { [$0] }
        try keepTrackers(tiers, of: row.id)
        if let torrent = torrent(row.id) { Task { await torrent.setTrackers(tiers) } }
        rouse(row.id)
    }
}

extension Seedbox {
    static func checkRate(_ rate: Int64?, _ field: String) throws(SeedboxError) {
        guard (rate ?? 0) >= 0 else { throw .badValue(field: field, reason: "below 0") }
    }

    static func checkPeersMax(_ count: Int?) throws(SeedboxError) {
        guard let count, !(1...Limits.peersMaxMax).contains(count) else { return }
        throw .badValue(field: "peersMax", reason: "not between 1 and \(Limits.peersMaxMax)")
    }

    static func check(_ limits: SeedingLimits) throws(SeedboxError) {
        if case .atMost(let ratio) = limits.ratio, !(ratio >= 0 && ratio.isFinite) {
            throw .badValue(field: "ratio", reason: "not a number of at least 0")
        }
        for (rule, field) in [(limits.seedTime, "seedTime"), (limits.idle, "idle")] {
            if case .atMost(let seconds) = rule, seconds < 0 {
                throw .badValue(field: field, reason: "below 0")
            }
        }
    }
}

/// What a torrent to add is known by.
struct TorrentSource {
    let infoHash: InfoHash
    let name: String
    /// One of these two is there.
    let metainfo: Metainfo?
    let link: MagnetLink?

    init(manifest bytes: [UInt8]) throws(SeedboxError) {
        guard bytes.count <= Limits.manifestBytesMax else {
            throw .badSource("larger than \(Limits.manifestBytesMax) bytes: not a torrent")
        }
        do throws(MetainfoError) {
            let metainfo = try Metainfo(bytes)
            (infoHash, name) = (metainfo.infoHash, metainfo.name)
            (self.metainfo, link) = (metainfo, nil)
        } catch {
            throw .badSource("not a torrent: \(error)")
        }
    }

    init(link text: String) throws(SeedboxError) {
        guard text.utf8.count <= Limits.linkBytesMax else {
            throw .badSource("longer than \(Limits.linkBytesMax) bytes: not a link")
        }
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        if let v1 = SHA1Digest(hex: text) {
            self.init(MagnetLink(infoHash: InfoHash(v1: v1)))
        } else if let v2 = SHA256Digest(hex: text) {
            self.init(MagnetLink(infoHash: InfoHash(v2: v2)))
        } else {
            do throws(MagnetError) {
                self.init(try MagnetLink(text))
            } catch {
                throw .badSource("not a magnet link: \(error)")
            }
        }
    }

    private init(_ link: MagnetLink) {
        infoHash = link.infoHash
        // The name is a stranger's: it is only shown until the metadata tells the true one.
        let said = link.displayName.map { name in
            String(String.UnicodeScalarView(name.unicodeScalars.filter { $0.value >= 0x20 }))
        }
        name = said.flatMap { $0.isEmpty ? nil : $0 } ?? "\(link.infoHash)"
        metainfo = nil
        self.link = link
    }

    /// The numbers of a request, which count files that are shown, as those of the metainfo. Until
    /// that is known they stay as they are.
    func files(
        _ request: AddRequest
    ) throws(SeedboxError) -> (wanted: Set<FileIndex>?, priorities: [UInt32: Int8]) {
        guard request.wantedFiles != nil || !request.filePriorities.isEmpty else {
            return (nil, [:])
        }
        guard let metainfo else {
            guard request.filePriorities.isEmpty else { throw .noMetadata(name) }
            return (try request.wantedFiles.map(Self.unchecked), [:])
        }
        let shown = ShownFiles(metainfo.layout)
        var wanted: Set<FileIndex>?
        if let numbers = request.wantedFiles {
            wanted = []
            for number in numbers { wanted?.insert(try shown.index(of: number)) }
        }
        var priorities: [UInt32: Int8] = [:]
        for (number, priority) in request.filePriorities where priority != .normal {
            let file = try shown.index(of: number)
            priorities[file.rawValue] = Int8(truncatingIfNeeded: priority.rawValue)
        }
        return (wanted, priorities)
    }
}

extension TorrentSource {
    fileprivate static func unchecked(
        _ numbers: Set<Int>
    ) throws(SeedboxError) -> Set<FileIndex> {
        var files: Set<FileIndex> = []
        for number in numbers {
            guard let raw = UInt32(exactly: number) else { throw .noSuchFile(number) }
            files.insert(FileIndex(raw))
        }
        return files
    }
}

/// Users count the files that they see: those without padding.
struct ShownFiles {
    /// In their order.
    let indices: [FileIndex]

    init(_ layout: ContentLayout) {
        indices = layout.files.indices.filter { !layout.files[$0].isPad }.map { FileIndex($0) }
    }

    func index(of number: Int) throws(SeedboxError) -> FileIndex {
        guard indices.indices.contains(number) else { throw .noSuchFile(number) }
        return indices[number]
    }
}
