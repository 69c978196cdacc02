public import Hashing
public import Units

/// A file of a torrent.
public struct FileEntry: Hashable, Sendable {
    /// Where it is, below the torrent's name: elements that are safe to hand to a file system, and
    /// that no other file of the torrent has, not even in other case or other Unicode form. Of a
    /// torrent that is one file: its name.
    public var path: [String]
    /// Bytes.
    public var length: Int64
    /// Where its first byte is in the torrent's address space.
    public internal(set) var offset: Int64
    /// Zeros that only push the next file to a piece's boundary, and are never written (BEP 47).
    public var isPad: Bool
    public var isExecutable: Bool
    public var isHidden: Bool
    /// What the file is a symbolic link to: a file or folder of the same torrent, its path below
    /// the torrent's name (BEP 47).
    public var symlinkTarget: [String]?
    /// The root of the file's hash tree (BEP 52); `nil` of an empty file and of v1 torrents.
    public var piecesRoot: SHA256Digest?
    /// A hint only: what the creator said the file's SHA-1 is (BEP 47).
    public var sha1: SHA1Digest?
    /// Only where it is not `path`.
    private var differentRawPath: [[UInt8]]?

    public init(
        path: [String], length: Int64, rawPath: [[UInt8]]? = nil, isPad: Bool = false,
        isExecutable: Bool = false, isHidden: Bool = false, symlinkTarget: [String]? = nil,
        piecesRoot: SHA256Digest? = nil, sha1: SHA1Digest? = nil
    ) {
        self.path = path
        self.length = length
        self.offset = 0
        self.isPad = isPad
        self.isExecutable = isExecutable
        self.isHidden = isHidden
        self.symlinkTarget = symlinkTarget
        self.piecesRoot = piecesRoot
        self.sha1 = sha1
        self.differentRawPath = rawPath.flatMap { Self.isSame($0, path) ? nil : $0 }
    }

    /// The path as the info dictionary has it: for web seeds, never for a file system.
    public var rawPath: [[UInt8]] { differentRawPath ?? path.map { Array($0.utf8) } }

    /// Whether `path` is not what the info dictionary says, since that was not safe or not unique.
    public var isRenamed: Bool { differentRawPath != nil }

    /// Gives the file another path; `rawPath` stays.
    mutating func rename(to newPath: [String]) {
        let rawPath = rawPath
        path = newPath
        differentRawPath = Self.isSame(rawPath, newPath) ? nil : rawPath
    }

    private static func isSame(_ rawPath: [[UInt8]], _ path: [String]) -> Bool {
        rawPath.count == path.count
            && zip(rawPath, path).allSatisfy { $0.elementsEqual($1.utf8) }
    }
}

/// A part of a file.
public struct FileSegment: Hashable, Sendable {
    public let file: FileIndex
    /// Of the part's first byte, in the file.
    public let offset: Int64
    /// Bytes, at least 1.
    public let length: Int64
    /// The bytes are zeros that are in no file on disk.
    public let isPad: Bool

    public init(file: FileIndex, offset: Int64, length: Int64, isPad: Bool) {
        self.file = file
        self.offset = offset
        self.length = length
        self.isPad = isPad
    }
}
