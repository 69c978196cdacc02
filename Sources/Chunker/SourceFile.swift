import Glibc

/// A file as the scan found it.
struct SourceFile: Sendable {
    /// Below the folder, with `/`; empty for a single file.
    let path: [UInt8]
    /// The same as the manifest has it; the name for a single file.
    var components: [String]
    let length: Int64
    let stamp: FileStamp
    let isExecutable: Bool
    /// What a symbolic link points at, below the folder; nil for what is not a link.
    var linkTarget: [String]?

    /// As the manifest has it, with `/`.
    var name: String { components.joined(separator: "/") }
}

/// What changes if a file is written to, or if another takes its place.
struct FileStamp: Equatable, Sendable {
    let device: UInt64
    let inode: UInt64
    let length: Int64
    let seconds: Int
    let nanoseconds: Int

    init(_ status: stat) {
        self.device = UInt64(status.st_dev)
        self.inode = UInt64(status.st_ino)
        self.length = Int64(status.st_size)
        self.seconds = status.st_mtim.tv_sec
        self.nanoseconds = status.st_mtim.tv_nsec
    }
}

/// A file or folder that is open until nobody holds this any more.
final class OpenFile: Sendable {
    let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    func status() -> stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : nil
    }
}

/// The file or folder that a manifest is made of.
struct SourceRoot: Sendable {
    /// As the user named it.
    let path: String
    let isFolder: Bool
    /// An open folder, so that files are found in it even if it is moved; a single file's is only
    /// held.
    private let file: OpenFile

    /// Follows the path itself if it is a link: who names it means what it points at.
    init(path: String) throws(ChunkerError) {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw .notFound(path: path) }
        var status = stat()
        guard stat(path, &status) == 0 else { throw Self.failure(path: path, errno) }
        let kind = status.st_mode & S_IFMT
        if let special = ChunkerError.SpecialFile(mode: status.st_mode), kind != S_IFDIR {
            throw .specialFile(path: printable(path.utf8), special)
        }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.failure(path: path, errno) }
        self.path = path
        self.isFolder = kind == S_IFDIR
        self.file = OpenFile(descriptor: descriptor)
    }

    static func failure(path: String, _ errno: Int32) -> ChunkerError {
        let path = printable(path.utf8)
        return errno == ENOENT || errno == ENOTDIR
            ? .notFound(path: path) : .unreadable(path: path, errno: errno)
    }

    /// The status of the single file, by the descriptor that is held.
    func status() throws(ChunkerError) -> stat {
        guard let status = file.status() else { throw Self.failure(path: path, errno) }
        return status
    }

    /// The file's path as people know it.
    func display(_ below: [UInt8]) -> String {
        guard !below.isEmpty else { return printable(path.utf8) }
        let separator = path.utf8.last == UInt8(ascii: "/") ? "" : "/"
        return printable(path.utf8) + separator + printable(below)
    }

    /// Opens what is at `below` to read it; nil sets `errno`. Never waits, and never follows a link
    /// at the path's end: between the scan and now anything may have taken the file's place.
    func open(_ below: [UInt8], flags: Int32 = 0) -> OpenFile? {
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags
        guard isFolder else {
            let descriptor = Glibc.open(path, flags)
            return descriptor >= 0 ? OpenFile(descriptor: descriptor) : nil
        }
        let descriptor = withCString(below.isEmpty ? [UInt8(ascii: ".")] : below) {
            openat(file.descriptor, $0, flags | O_NOFOLLOW)
        }
        return descriptor >= 0 ? OpenFile(descriptor: descriptor) : nil
    }

    /// Whether what is at `below` may be read; if not, `errno` says why.
    func isReadable(_ below: [UInt8]) -> Bool {
        withCString(below) { faccessat(file.descriptor, $0, R_OK, AT_EACCESS) } == 0
    }

    /// The status of what is at `below`, following links, or nil and `errno`.
    func statusFollowingLinks(_ below: [UInt8]) -> stat? {
        var status = stat()
        let result = withCString(below) { fstatat(file.descriptor, $0, &status, 0) }
        return result == 0 ? status : nil
    }

    /// The folder's path without links and with all its elements, or nil and `errno`.
    func realPath(_ below: [UInt8] = []) -> [UInt8]? {
        let path = below.isEmpty ? Array(path.utf8) : Array(path.utf8) + [slash] + below
        guard let real = withCString(path, { realpath($0, nil) }) else { return nil }
        defer { free(real) }
        return Array(UnsafeRawBufferPointer(start: real, count: strlen(real)))
    }
}

let slash = UInt8(ascii: "/")

/// Calls `body` with `bytes` and a zero after them.
func withCString<Result>(
    _ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result
) -> Result {
    (bytes + [0]).withUnsafeBufferPointer { text in
        text.withMemoryRebound(to: CChar.self) { text in
            guard let base = text.baseAddress else { return body("") }
            return body(base)
        }
    }
}

extension ChunkerError.SpecialFile {
    /// Nil for regular files, and for links, which have a case of their own.
    init?(mode: mode_t) {
        switch mode & S_IFMT {
        case S_IFREG, S_IFLNK: return nil
        case S_IFIFO: self = .fifo
        case S_IFSOCK: self = .socket
        case S_IFCHR, S_IFBLK: self = .device
        default: self = .other
        }
    }
}
