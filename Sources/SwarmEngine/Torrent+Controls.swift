import Discovery
import Metainfo
import Storage
import SwarmScheduler
import Synchronization
import Tracker
public import Units

// MARK: - What can be changed of a torrent while it runs

extension Torrent {
    /// Its own limits; nil is none.
    public func setLimits(download: ByteRate?, upload: ByteRate?) {
        amend { ($0.downloadLimit, $0.uploadLimit) = (download, upload) }
        followLimits()
    }

    /// The group whose limit it shares, and whether that and the session's bind it.
    public func setGroup(_ name: String?, honouringSessionLimits honours: Bool = true) {
        amend { ($0.group, $0.honoursSessionLimits) = (name, honours) }
        forgetShares()
    }

    /// Whether the session's rate goes to this torrent before others, or after them.
    public func setPriority(_ priority: DownloadPriority) { amend { $0.priority = priority } }

    /// Connections at most; nil is what the session gives each torrent. Those that are too many
    /// end.
    public func setMaxPeers(_ count: Int?) {
        amend { $0.maxPeers = count }
        followConfiguration()
    }

    /// Pieces in order, or rarest first.
    public func setSequential(_ isSequential: Bool) {
        amend { $0.isSequential = isSequential }
        run(.setOrder(sequential: isSequential))
    }

    /// Takes over what may change of the session's configuration.
    func followConfiguration() {
        let session = services.configuration
        let count = request.maxPeers ?? session.maxPeers
        run(.setConnectionsMax(max(0, count)))
        run(.setUploadSlots(session.uploadSlots))
        run(.setPeerExchange(session.usesPEX))
    }

    /// Peers that the user knows. They are dialled before others.
    public func addPeers(_ peers: [Endpoint]) {
        guard machine != nil || seeker != nil else { return amend { $0.peers += peers } }
        run(.peersFound(peers, .explicit))
    }

    /// Asks for peers now: trackers as soon as they allow it.
    public func reannounce() async {
        seekNeighbours()
        await trackers?.reannounce()
    }

    /// Announces to these trackers, by tier, in place of those that there were. Those that are no
    /// URLs of trackers are said by events, and left out.
    public func setTrackers(_ tiers: [[String]]) async {
        amend { $0.trackers = tiers }
        link?.trackers = tiers.flatMap(\.self)
        guard services.trackers != nil, machine != nil || seeker != nil else { return }
        guard let trackers else { return startTrackers() }
        await trackers.setTrackers(usableTrackers)
    }
}

// MARK: - Which files, and which of them first

extension Torrent {
    /// Fetches these files and no others; nil is all. With it come the files that matter more or
    /// less than others; those that are not named are normal.
    ///
    /// Returns when it is recorded. Of a torrent whose metadata is not known yet it is remembered.
    public func select(
        _ wanted: Set<FileIndex>?, priorities: [FileIndex: DownloadPriority]? = nil
    ) async throws(EngineError) {
        if let metainfo, let wrong = wanted?.first(where: { !metainfo.hasFile($0) }) {
            throw .badSelection(name: name, reason: "there is no file \(wrong.rawValue)")
        }
        amend { request in
            request.selectedFiles = wanted
            if wanted == nil { request.chooseFiles = nil }
            request.wantsAllFiles = wanted == nil
            if let priorities { request.filePriorities = priorities }
        }
        try await services.recordSelection(wanted, of: record)
        prioritizePieces()
        guard let storage, let metainfo else { return }
        let all = Set(metainfo.layout.files.indices.map { FileIndex($0) }.filter(metainfo.hasFile))
        guard (wanted ?? all) != all.filter(storage.files.isWanted) else { return }
        if let error = await storage.want(wanted ?? all) { throw EngineError(error) }
        guard self.storage === storage else { return }
        startedComplete = false
        run(.select(storage.files.wantedPieces))
        noteSelection()
    }

    /// The download may be complete by what is not wanted any more, or go on: then peers are
    /// looked for at once.
    private func noteSelection() {
        let wasSeeding = state == .seeding
        followContent()
        if wasSeeding, state == .downloading { Task { await reannounce() } }
        tellDHT()
    }

    /// Tells the machine which pieces go first.
    func prioritizePieces() {
        guard machine != nil, let layout = metainfo?.layout else { return }
        let priorities = request.filePriorities
        var high = Bitfield(count: layout.pieceCount)
        var normal = high
        var low = high
        for file in layout.files.indices where !layout.files[file].isPad {
            for piece in layout.pieces(of: FileIndex(file)) {
                switch priorities[FileIndex(file)] ?? .normal {
                case .high: high.insert(PieceIndex(piece))
                case .normal: if !priorities.isEmpty { normal.insert(PieceIndex(piece)) }
                case .low: low.insert(PieceIndex(piece))
                }
            }
        }
        // A piece of several files matters as much as the most important of them.
        normal.forEach { low.remove($0) }
        run(.prioritize(high: high, low: low))
    }
}

extension Metainfo {
    /// Whether it has a file of this number that anybody can want.
    fileprivate func hasFile(_ file: FileIndex) -> Bool {
        file.position < layout.files.count && !layout.files[file.position].isPad
    }
}

extension TorrentStorage {
    fileprivate func want(_ files: Set<FileIndex>) async -> StorageError? {
        await withCheckedContinuation { done in setWanted(files) { done.resume(returning: $0) } }
    }
}

// MARK: - The session

extension Session {
    /// Changes how the session behaves, as far as that can be while it runs: limits, how many
    /// peers and connections, upload slots, trackers, peer exchange, the DHT, the local network,
    /// and how much of a disk stays free. The rest of `configuration` counts when a session is
    /// made; the port is `listen`'s.
    public func setConfiguration(_ configuration: SessionConfiguration) async {
        services.adjust { present in
            present.maxPeers = configuration.maxPeers
            present.maxConnections = configuration.maxConnections
            present.uploadSlots = configuration.uploadSlots
            present.usesTrackers = configuration.usesTrackers
            present.usesPEX = configuration.usesPEX
            present.usesDHT = configuration.usesDHT
            present.usesLSD = configuration.usesLSD
            present.minimumFree = configuration.minimumFree
            present.uploadLimit = configuration.uploadLimit
            present.downloadLimit = configuration.downloadLimit
        }
        services.room.withLock { $0.forget() }
        await followSwitches()
        await divideAnew()
        for torrent in services.directory.all { await torrent.followConfiguration() }
    }
}
