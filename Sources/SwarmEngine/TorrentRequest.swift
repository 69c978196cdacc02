public import Hashing
public import Metainfo
public import Storage
public import Units

/// What is served or fetched first.
public enum DownloadPriority: Int, CaseIterable, Comparable, Sendable {
    case low = -1
    case normal = 0
    case high = 1

    public static func < (a: DownloadPriority, b: DownloadPriority) -> Bool {
        a.rawValue < b.rawValue
    }
}

/// A torrent to take part in.
public struct TorrentRequest: Sendable {
    /// What is known of the torrent.
    public enum Source: Sendable {
        case metainfo(Metainfo)
        /// Its name; peers give the rest (BEP 9).
        case magnet(MagnetLink)
    }

    public enum Mode: Hashable, Sendable {
        /// Get what is missing, and serve meanwhile.
        case fetch
        /// Serve what is there, all of which must be.
        case seed
    }

    /// Chooses files once it is known which there are; nil is what the link selects, or all.
    public typealias FileChoice =
        @Sendable (Metainfo) throws(EngineError) -> Set<FileIndex>?

    public var source: Source
    /// The folder that the content is in, or will be.
    public var directory: String
    public var mode: Mode
    /// The files to fetch; nil is what the link selects (BEP 53), or all.
    public var selectedFiles: Set<FileIndex>?
    /// The same before it is known which files there are, by their places among those that are
    /// shown, from 0: padding is not counted. In place of what the link selects.
    public var shownFiles: Set<Int>?
    /// Asked when the metadata is there, unless `selectedFiles` says it already.
    public var chooseFiles: FileChoice?
    /// The metadata is all that is wanted: nothing of the content is looked for or fetched.
    public var wantsMetadataOnly = false
    /// Whether a disk that is not there is waited for. Otherwise the torrent fails.
    public var waitsForStorage = false
    /// Whether content that was complete and is not there at all is an error
    /// (`EngineError.missingContent`). Otherwise it is fetched again.
    public var missesContent = false
    /// Pieces in order rather than rarest first.
    public var isSequential = false
    /// Files that matter more or less than others.
    public var filePriorities: [FileIndex: DownloadPriority] = [:]
    /// Peers known from elsewhere.
    public var peers: [Endpoint] = []
    /// The trackers by tier, in place of those of the metainfo or the link.
    public var trackers: [[String]]?
    public var uploadLimit: ByteRate?
    public var downloadLimit: ByteRate?
    /// The group of torrents whose limit it shares (`Session.setGroups`).
    public var group: String?
    /// Whether the limits of the session and of the group bind it.
    public var honoursSessionLimits = true
    /// Whether the session's rate goes to this torrent before others, or after them.
    public var priority = DownloadPriority.normal
    /// Connections; nil is as many as the session gives each torrent.
    public var maxPeers: Int?
    /// Its place in the session store, if it has one already: nothing is written there then that
    /// is known to be there.
    public var record: TorrentRecord.ID?
    /// Told what happens, on the torrent's event loop, in place of `Torrent.events`: for who has
    /// many torrents. Must not wait for anything.
    public var onEvent: (@Sendable (TorrentEvent) -> Void)?
    /// The metainfo was just made of this very content, which need not be hashed again.
    public var contentIsFresh = false

    public init(metainfo: Metainfo, directory: String, mode: Mode) {
        self.source = .metainfo(metainfo)
        self.directory = directory
        self.mode = mode
    }

    /// To fetch what a magnet link names.
    public init(magnet: MagnetLink, directory: String) {
        self.source = .magnet(magnet)
        self.directory = directory
        self.mode = .fetch
    }

    /// To fetch what an info-hash names: peers have to be found without a tracker.
    public init(infoHash: InfoHash, directory: String) {
        self.init(magnet: MagnetLink(infoHash: infoHash), directory: directory)
    }

    /// What the torrent is known by from the beginning. The metadata may tell a second name.
    public var infoHash: InfoHash {
        switch source {
        case .metainfo(let metainfo): metainfo.infoHash
        case .magnet(let link): link.infoHash
        }
    }

    /// Safe as a file's name only if it is that of a metainfo.
    var name: String {
        switch source {
        case .metainfo(let metainfo): metainfo.name
        case .magnet(let link): link.displayName ?? "\(link.infoHash)"
        }
    }

    /// The user has said so since, whatever a link selects.
    var wantsAllFiles = false
    /// What the session store says that files and folders are called; nil until it was asked.
    var renamed: RenamedPaths?

    /// Which files are wanted of those that there are.
    public func selection(of metainfo: Metainfo) throws(EngineError) -> Set<FileIndex>? {
        guard !wantsAllFiles else { return nil }
        if let selectedFiles { return selectedFiles }
        let all = metainfo.layout.files.indices.map { FileIndex($0) }
            .filter { !metainfo.layout.files[$0.position].isPad }
        if let shownFiles {
            let files = all.enumerated().filter { shownFiles.contains($0.offset) }.map(\.element)
            guard !files.isEmpty || shownFiles.isEmpty else {
                throw .badSelection(
                    name: metainfo.name, reason: "it has none of the files that were asked for")
            }
            return Set(files)
        }
        if let chosen = try chooseFiles?(metainfo) { return chosen }
        guard case .magnet(let link) = source, let selected = link.selectedFiles else {
            return nil
        }
        // Pad files have numbers too, and are no files that anybody can want.
        let files = all.filter { selected.contains($0) }
        guard !files.isEmpty else {
            throw .badSelection(
                name: metainfo.name, reason: "the link selects none of its files")
        }
        return Set(files)
    }
}

extension Metainfo {
    /// With the trackers and web seeds of the link that led here, each tracker in a tier of its
    /// own. Those that are known stay where they are.
    public func adding(_ link: MagnetLink) -> Metainfo {
        var metainfo = self
        var known = Set(announceTiers.flatMap(\.self))
        for tracker in link.trackers where known.insert(tracker).inserted {
            metainfo.announceTiers.append([tracker])
        }
        let seeds = Set(webSeeds)
        metainfo.webSeeds += link.webSeeds.filter { !seeds.contains($0) }
        return metainfo
    }
}

extension MagnetLink {
    /// With what another link to the same torrent knows.
    func merging(_ other: MagnetLink) -> MagnetLink {
        var link = self
        link.displayName = displayName ?? other.displayName
        link.trackers += other.trackers.filter { !trackers.contains($0) }
        link.webSeeds += other.webSeeds.filter { !webSeeds.contains($0) }
        link.peers += other.peers.filter { !peers.contains($0) }
        link.selectedFiles = selectedFiles ?? other.selectedFiles
        link.exactLength = exactLength ?? other.exactLength
        return link
    }
}
