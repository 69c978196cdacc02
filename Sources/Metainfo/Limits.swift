/// What a torrent may take, whoever made it.
public enum MetainfoLimits {
    /// Pieces of a torrent: what bitfields and pickers are built for.
    public static let pieceCountMax = 2_097_152
    /// Bytes of a piece, 256 MiB: the largest that is in use. Pieces are hashed as they stream by
    /// and never held whole.
    public static let pieceLengthMax: Int64 = 256 << 20
    /// Bytes of a piece of a v2 torrent: one block (BEP 52, "piece length").
    public static let pieceLengthMinV2: Int64 = 16 << 10
    /// Elements of a path: no file system is used deeper, and some fail.
    public static let pathDepthMax = 100
    /// Files that may be given another name because theirs was taken.
    public static let renamedFileCountMax = 500
    /// Bytes of a path element: what file systems take.
    public static let pathElementBytesMax = 255
    /// Bytes of a path within the torrent, with its separators: a system takes 4,096, of which the
    /// other half is for the folder that it is saved in.
    public static let pathBytesMax = 2_048
    /// Bytes of a file name's extension that outlive a cut.
    public static let extensionBytesMax = 16
    /// Symbolic links that may stand on the way from a link to its file: what systems take.
    public static let symlinkChainMax = 40
    /// Trackers, over all tiers: more than a client ever announces to.
    public static let trackerCountMax = 200
    /// Web seeds: more than a client ever downloads from at a time.
    public static let webSeedCountMax = 50
    /// DHT nodes to begin with.
    public static let nodeCountMax = 100
    /// Bytes of an address of a tracker or web seed: the longest that servers take is 8,000.
    public static let urlBytesMax = 4_096
    /// Bytes of a host name (RFC 1035).
    public static let hostBytesMax = 255
    /// Bytes of a comment and other text for people; more is cut.
    public static let textBytesMax = 16_384
    /// Warnings that are kept of one torrent.
    public static let warningCountMax = 100
    /// Bytes of a magnet link: a hundred trackers fit.
    public static let magnetBytesMax = 65_536
    /// Bytes of a feed's salt (BEP 44, "Mutable Items").
    static let feedSaltBytesMax = 64
    /// Peers of a magnet link.
    public static let magnetPeerCountMax = 100
    /// Ranges of files that a magnet link selects.
    public static let magnetRangeCountMax = 1_000
}

extension MetainfoLimits {
    /// Path elements that are looked up to find what all symbolic links of a torrent point to.
    static let symlinkStepCountMax = 1_000_000
}

/// Within this room they need no longer name.
typealias Limits = MetainfoLimits
