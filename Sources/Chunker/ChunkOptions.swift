/// Which of the formats of manifests to make.
public enum ChunkFormat: String, Hashable, Sendable, CaseIterable {
    /// SHA-1 of pieces that run through all files (BEP 3).
    case v1
    /// SHA-256 hash trees, one a file (BEP 52).
    case v2
    /// Both, with pad files that make every file begin at a piece (BEP 52, "upgrade path").
    case hybrid
}

/// How a manifest is made of a file or a folder. The same options and the same content give the
/// same info-hash, on any machine and with any number of threads.
public struct ChunkOptions: Hashable, Sendable {
    public var format: ChunkFormat = .hybrid

    /// Bytes, at most 256 MiB: for v2 and hybrid a power of two from 16 KiB on, for v1 a power of
    /// two or a multiple of 16 KiB. `nil` chooses by the content's length, see
    /// `automaticPieceLength`.
    public var pieceLength: UInt32?

    /// The torrent's name; `nil` takes the name of the file or folder.
    public var name: String?

    /// If there are any, only files that match one of these patterns, or that lie in a folder
    /// that does, are taken; see `exclude` for what a pattern is.
    public var include: [String] = []

    /// Files that match one of these patterns, or that lie in a folder that does, are left out,
    /// even if they are to be included.
    ///
    /// A pattern without `/` is matched with names, wherever they are; one with `/` with the path
    /// below the folder. A `/` at the end lets it match folders only. `*` stands for anything
    /// but `/`, `**` for anything, `**/` for any number of folders or none, `?` for one character
    /// but `/`, `[a-z]` and `[!a-z]` for one that is or is not among these, `\` for the character
    /// after it.
    public var exclude: [String] = []

    /// Trackers, tiers first tried first (BEP 12).
    public var announceTiers: [[String]] = []

    /// Addresses of servers that have the content, too (BEP 19).
    public var webSeeds: [String] = []

    /// Whether peers may come from its trackers only (BEP 27).
    public var isPrivate = false

    public var comment: String?

    /// What tells manifests of the same content apart, for trackers that wish for that; it changes
    /// the info-hash.
    public var source: String?

    public var createdBy: String?

    /// Seconds since 1970 began; not part of the info-hash.
    public var creationDate: Int64?

    /// Threads that read and hash; `nil` takes one for each core.
    public var threads: Int?

    public init() {}
}

/// How far the hashing is.
public struct ChunkProgress: Hashable, Sendable {
    /// Bytes of content that are hashed, and how many there are.
    public let bytesHashed: Int64
    public let bytesTotal: Int64
    /// A file that is being read, below the folder, or the single file's name.
    public let currentFile: String
}

/// The piece length for content of `totalLength` bytes: the least power of two `p` from 16 KiB to
/// 16 MiB with `totalLength <= p² / 100`, which keeps the list of 20-byte hashes near twice the
/// square root of the content's length. libtorrent's automatic choice is the same: 16 KiB to
/// 2.6 MiB of content, 32 KiB to 10 MiB, 1 MiB to 10 GiB, 16 MiB from 655 GiB on.
public func automaticPieceLength(for totalLength: Int64) -> UInt32 {
    var length = Limits.pieceLengthMin
    while length < Limits.automaticPieceLengthMax {
        let square = Int64(length) * Int64(length)
        if totalLength <= (square + 50) / 100 { break }
        length *= 2
    }
    return length
}
