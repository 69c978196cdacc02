import Foundation
import Metainfo
import Storage
import SwarmEngine
import SwarmScheduler
import Units

/// What is told of one torrent. From the torrent itself if it is active, else from the session
/// store; never by way of the seedbox's own turn, which may be waiting for a disk.
extension Seedbox {
    public nonisolated func files(of id: TorrentID) async throws(SeedboxError) -> [FileRow] {
        try expectRow(id)
        var files: [FileStatus] = []
        if let torrent = torrent(id), torrent.metainfo != nil {
            files = await torrent.files()
        } else if catalogue.row(id)?.content != nil {
            files = try storedFiles(of: id)
        }
        return files.enumerated().map { FileRow($1, number: $0) }
    }

    nonisolated func storedFiles(of id: TorrentID) throws(SeedboxError) -> [FileStatus] {
        let (record, metainfo) = try known(id)
        let have = try have(id, metainfo.layout.pieceCount)
        let kept = try stored { store throws(SessionStoreError) in
            (try store.filePriorities(of: id.record), try store.renamedPaths(of: id.record))
        }
        var priorities: [FileIndex: DownloadPriority] = [:]
        for (file, value) in kept.0 {
            priorities[FileIndex(file)] = DownloadPriority(rawValue: Int(value))
        }
        return FileStatus.all(
            of: metainfo, have: have, wanted: record.wantedFiles.map { Set($0) },
            priorities: priorities, renamed: kept.1)
    }

    nonisolated func have(
        _ id: TorrentID, _ pieceCount: Int
    ) throws(SeedboxError) -> Bitfield {
        try stored { store throws(SessionStoreError) in
            try store.pieces(of: id.record, pieceCount: pieceCount)
        }
    }

    public nonisolated func peers(of id: TorrentID) async throws(SeedboxError) -> [PeerRow] {
        try expectRow(id)
        return await torrent(id)?.peers().map { PeerRow($0) } ?? []
    }

    public nonisolated func trackers(
        of id: TorrentID
    ) async throws(SeedboxError) -> [TrackerRow] {
        try expectRow(id)
        let active = await sessionTrackers(id)
        if !active.isEmpty { return active.map { TrackerRow($0) } }
        let tiers = try knownTrackers(of: id)
        return tiers.enumerated().flatMap { tier, urls in
            urls.map { TrackerRow(url: $0, tier: tier) }
        }
    }

    public nonisolated func pieces(of id: TorrentID) async throws(SeedboxError) -> PieceMap {
        let row = try expectRow(id)
        if let pieces = await torrent(id)?.pieces(), pieces.have.count > 0 {
            return PieceMap(have: pieces.have, availability: pieces.availability)
        }
        guard let content = row.content else {
            return PieceMap(have: Bitfield(count: 0), availability: [])
        }
        return PieceMap(have: try have(id, content.pieceCount), availability: [])
    }

    /// The bytes of the `.torrent`.
    public nonisolated func manifest(of id: TorrentID) async throws(SeedboxError) -> [UInt8] {
        let row = try expectRow(id)
        let known = try stored { store throws(SessionStoreError) in
            try store.torrent(id.record)
        }
        guard let bytes = known?.metainfo else { throw .noMetadata(row.name) }
        // Nobody could do anything with it.
        guard (try? Metainfo(bytes)) != nil else { throw .lacksHashes(row.name) }
        return bytes
    }

    public nonisolated func magnet(of id: TorrentID) async throws(SeedboxError) -> String {
        let row = try expectRow(id)
        var link = MagnetLink(infoHash: row.infoHash)
        link.displayName = row.name
        for tracker in try await trackers(of: id) { link.trackers.append(tracker.url) }
        return link.text
    }

    /// What the maker of the torrent says of it.
    public nonisolated func about(of id: TorrentID) async throws(SeedboxError) -> TorrentAbout {
        let row = try expectRow(id)
        guard row.content != nil else { return TorrentAbout() }
        var metainfo = torrent(id)?.metainfo
        if metainfo == nil { metainfo = try known(id).1 }
        return TorrentAbout(
            comment: metainfo?.comment, creator: metainfo?.createdBy,
            created: metainfo?.creationDate)
    }

    /// Why the torrent is not faster: what weighs most comes first.
    public nonisolated func slowness(
        of id: TorrentID
    ) async throws(SeedboxError) -> [SlownessReason] {
        let row = try expectRow(id)
        let incoming = await session.network().incomingConnections
        return await slowness(of: row, incomingConnections: incoming)
    }

    nonisolated func slowness(
        of row: TorrentRow, incomingConnections: Int64
    ) async -> [SlownessReason] {
        let torrent = row.state.isActive ? torrent(row.id) : nil
        var facts = SlownessFacts(
            row, counters: await torrent?.slowness() ?? SlownessCounters(),
            trackers: await sessionTrackers(row.id).map { TrackerRow($0) })
        facts.secondsListening = statistics.thisRun.secondsActive
        facts.incomingConnections = incomingConnections
        return Slowness.reasons(of: facts)
    }

    /// Asks the disk, which may take long to answer.
    static func freeSpace(
        at path: String, within roots: AllowedRoots
    ) throws(SeedboxError) -> (free: Int64, total: Int64) {
        let path = try roots.checked(path)
        var existing = path
        var space = statvfs()
        while statvfs(existing, &space) != 0 {
            guard errno == ENOENT, existing != "/" else {
                throw .storage("\(path): \(String(cString: strerror(errno)))")
            }
            existing = (existing as NSString).deletingLastPathComponent
        }
        let unit = Int64(clamping: space.f_frsize)
        return (
            Int64(clamping: space.f_bavail).multipliedReportingOverflow(by: unit).partialValue,
            Int64(clamping: space.f_blocks).multipliedReportingOverflow(by: unit).partialValue
        )
    }

    @discardableResult
    private nonisolated func expectRow(_ id: TorrentID) throws(SeedboxError) -> TorrentRow {
        guard let row = catalogue.row(id) else { throw .noSuchTorrent("\(id.rawValue)") }
        return row
    }
}

// MARK: - In the seedbox's words

extension FileRow {
    fileprivate init(_ file: FileStatus, number: Int) {
        self.init(
            index: number, path: file.path, length: file.length, bytesDone: file.bytesDone,
            isWanted: file.isWanted, priority: FilePriority(file.priority), pieces: file.pieces)
    }
}

extension PeerRow {
    fileprivate init(_ peer: PeerStatus) {
        self.init(
            endpoint: peer.endpoint, client: String(peer.client.prefix(Limits.clientNameMax)),
            isIncoming: peer.isIncoming, progress: peer.progress,
            rateToUs: peer.downloadRate.bytesPerSecond, rateToPeer: peer.uploadRate.bytesPerSecond,
            downloaded: peer.downloaded, uploaded: peer.uploaded,
            weAreInterested: peer.isInterestingToUs, weAreChoked: peer.isChokingUs,
            peerIsInterested: peer.isInterestedInUs, peerIsChoked: peer.isChokedByUs,
            sources: peer.origins.words)
    }
}

extension PeerOrigins {
    fileprivate var words: [String] {
        let names: [(PeerOrigins, String)] = [
            (.tracker, "tracker"), (.dht, "dht"), (.pex, "pex"), (.lsd, "lsd"),
            (.incoming, "incoming"), (.explicit, "link"), (.resume, "earlier"),
        ]
        return names.filter { contains($0.0) }.map(\.1)
    }
}

extension TrackerRow {
    fileprivate init(_ tracker: TrackerStatus) {
        self.init(url: tracker.url, tier: tracker.tier)
        switch tracker.state {
        case .idle: state = .unused
        case .announcing: state = .announcing
        case .working: state = .working
        case .failing, .disabled: state = .failed
        }
        message = tracker.message
        (seeds, leechers, downloads) = (tracker.seeds, tracker.leechers, tracker.downloads)
        peersInAnswer = tracker.peersInAnswer
        (lastAnnounce, nextAnnounce) = (tracker.lastAnnounce, tracker.nextAnnounce)
        lastTry = tracker.lastTry
    }
}
