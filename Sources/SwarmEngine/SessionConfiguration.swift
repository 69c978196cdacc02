public import Logging
public import Metainfo
public import Units

/// How a session behaves.
public struct SessionConfiguration: Sendable {
    /// The TCP port to accept peers at; 0 takes any that is free.
    public var port: UInt16 = 0
    /// The local address to accept at and dial from; nil is every address.
    public var bindAddress: String?
    /// Connections of one torrent.
    public var maxPeers = 200
    public var uploadLimit: ByteRate?
    public var downloadLimit: ByteRate?
    /// Peers served at once; nil finds out how many go well.
    public var uploadSlots: Int?
    public var usesTrackers = true
    /// Where the session remembers its torrents; nil remembers nothing.
    public var stateDirectory: String?
    /// Event loops; a torrent lives on one of them.
    public var loopCount: Int
    public var logger = Logger(label: "swarm")
    public var clientName = "swarm 0.1"

    public init() {
        self.loopCount = Platform.coreCount
    }
}

/// A torrent to take part in.
public struct TorrentRequest: Sendable {
    public enum Mode: Hashable, Sendable {
        /// Get what is missing, and serve meanwhile.
        case fetch
        /// Serve what is there, all of which must be.
        case seed
    }

    public var metainfo: Metainfo
    /// The folder that the content is in, or will be.
    public var directory: String
    public var mode: Mode
    /// The files to fetch; nil is all of them.
    public var selectedFiles: Set<FileIndex>?
    /// Pieces in order rather than rarest first.
    public var isSequential = false
    /// Peers known from elsewhere.
    public var peers: [Endpoint] = []
    public var uploadLimit: ByteRate?
    public var downloadLimit: ByteRate?
    /// The metainfo was just made of this very content, which need not be hashed again.
    public var contentIsFresh = false

    public init(metainfo: Metainfo, directory: String, mode: Mode) {
        self.metainfo = metainfo
        self.directory = directory
        self.mode = mode
    }
}
