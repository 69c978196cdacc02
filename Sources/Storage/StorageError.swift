import Glibc

/// Why bytes could not be stored or read, and where.
public struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        /// The file system or the quota is full.
        case noSpace
        /// The file system is mounted read-only.
        case readOnly
        /// The process may not do this.
        case permission
        /// The medium failed.
        case io
        /// A file that held bytes of the torrent is gone: open the torrent anew.
        case missing
        /// The save folder is gone or is another one than before: most likely an unmounted disk.
        case missingVolume
        /// Of a torrent that was complete nothing is there, in a folder that is.
        case missingContent
        /// A folder cannot be made there, by nobody.
        case folderNotPossible
        /// Something else stands where a file of the torrent belongs; it is left alone.
        case existsWithOtherContent
        /// A file ends before the bytes that it should hold.
        case truncated
        /// The system does not take a name or path this long.
        case pathTooLong
        /// An element of the path would leave the folder, or is a symbolic link.
        case unsafePath
        /// The file system or a limit of the process does not allow a file this long.
        case fileTooLarge
        /// The process or the system has no descriptor left.
        case tooManyOpenFiles
        /// The range lies outside the torrent.
        case outOfRange
        /// It was called off.
        case cancelled
        /// Anything else; see `errno`.
        case other
    }

    public let kind: Kind
    /// The file or folder, as the user would name it.
    public let path: String
    /// The system's error number; 0 where the system said nothing.
    public let errno: Int32

    public init(_ kind: Kind, path: String, errno: Int32 = 0) {
        self.kind = kind
        self.path = path
        self.errno = errno
    }

    /// What the system's error number means for `path`.
    init(errno: Int32, path: String) {
        self.init(Self.kind(of: errno), path: path, errno: errno)
    }

    /// Whether trying again at once cannot help, so that the torrent must stop writing until a
    /// probe succeeds. A failing medium may spare the next piece.
    public var stopsWriting: Bool { kind != .io && kind != .outOfRange && kind != .truncated }

    public var description: String {
        let reason = errno == 0 ? "" : " (\(String(cString: strerror(errno))))"
        return "\(path): \(text)\(reason)"
    }

    private var text: String {
        switch kind {
        case .noSpace: "no space left on the disk"
        case .readOnly: "the disk is read-only"
        case .permission: "permission denied"
        case .io: "the disk failed"
        case .missing: "the file is gone"
        case .missingVolume: "the folder is gone; is its disk mounted?"
        case .missingContent: "no data found, where all of it was"
        case .folderNotPossible: "no folder can be made there"
        case .existsWithOtherContent: "there is something else with this name; move it away"
        case .truncated: "the file is shorter than it should be"
        case .pathTooLong: "the path is too long"
        case .unsafePath: "the path leaves the folder or goes through a symbolic link"
        case .fileTooLarge: "the file would be longer than is allowed here"
        case .tooManyOpenFiles: "too many open files"
        case .outOfRange: "outside the torrent"
        case .cancelled: "called off"
        case .other: "cannot be used"
        }
    }

    private static func kind(of errno: Int32) -> Kind {
        switch errno {
        case ENOSPC, EDQUOT: .noSpace
        case EROFS: .readOnly
        case EACCES, EPERM: .permission
        case EIO, ENXIO, ESTALE, EREMOTEIO: .io
        case ENOENT: .missing
        case EEXIST, EISDIR: .existsWithOtherContent
        case ENAMETOOLONG: .pathTooLong
        case ELOOP, ENOTDIR: .unsafePath
        case EFBIG: .fileTooLarge
        case EMFILE, ENFILE: .tooManyOpenFiles
        default: .other
        }
    }
}
