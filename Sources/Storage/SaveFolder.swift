import CLinux
import Glibc

/// What the file system says that tells a file from any other, and from itself before a change.
public struct FileIdentity: Hashable, Sendable {
    public let device: UInt64
    public let inode: UInt64
    public let size: Int64
    /// Nanoseconds since 1970.
    public let modified: Int64

    /// What is at the path now, links followed; nil if nothing is. Asks the file system.
    public init?(at path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        self.device = UInt64(status.st_dev)
        self.inode = UInt64(status.st_ino)
        self.size = Int64(status.st_size)
        self.modified =
            Int64(status.st_mtim.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
            .partialValue &+ Int64(status.st_mtim.tv_nsec)
    }

    init(device: UInt64, inode: UInt64, size: Int64, modified: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
    }
}

/// The folder under which a torrent is kept, and the only way to a file in it: element by element
/// from the folder down, never through a symbolic link, so that nothing outside is ever touched
/// whatever the torrent's paths say and whatever was put into the folder meanwhile.
///
/// The folder itself may be reached by links: the user named it. It is looked up anew each time
/// and must be the one it was in the beginning, so that an unmounted disk is noticed.
struct SaveFolder: Sendable {
    let path: String
    let device: UInt64
    let inode: UInt64

    /// Opens `path`; `creating` makes it and its parents.
    init(path: String, creating: Bool) throws(StorageError) {
        if creating { try Self.create(path) }
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            let kind: StorageError.Kind = code == ENOENT ? .missingVolume : .other
            throw kind == .missingVolume
                ? StorageError(kind, path: path, errno: code)
                : StorageError(errno: code, path: path)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StorageError(.existsWithOtherContent, path: path, errno: ENOTDIR)
        }
        self.path = path
        self.device = UInt64(status.st_dev)
        self.inode = UInt64(status.st_ino)
    }

    /// How the user would name the file.
    func name(of elements: some Sequence<String>) -> String {
        (path == "/" ? "" : path) + "/" + elements.joined(separator: "/")
    }

    // MARK: - Files

    /// Opens a regular file.
    ///
    /// - Parameter creating: makes it, and fails with EEXIST if there is anything of that name.
    func open(
        _ elements: [String], writing: Bool, creating: Bool = false
    ) throws(StorageError) -> Descriptor {
        let (folder, last) = try parent(of: elements, creating: creating)
        var flags = (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        if creating { flags |= O_CREAT | O_EXCL }
        let raw = retrying { openat(folder.rawValue, last, flags, 0o666) }
        guard raw >= 0 else { throw StorageError(errno: errno, path: name(of: elements)) }
        let descriptor = Descriptor(raw, isWritable: writing)
        var status = stat()
        guard fstat(raw, &status) == 0 else {
            throw StorageError(errno: errno, path: name(of: elements))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw StorageError(.existsWithOtherContent, path: name(of: elements))
        }
        return descriptor
    }

    /// What stands at the path itself, without following a link; `nil` if nothing does.
    func status(of elements: [String]) throws(StorageError) -> stat? {
        var visit = FolderVisit(self)
        return try visit.status(of: elements)
    }

    /// Renames within one folder, and fails with `.existsWithOtherContent` if the new name is
    /// taken; then makes the folder's entries durable.
    func rename(_ old: [String], to new: [String]) throws(StorageError) {
        let (folder, oldName) = try parent(of: old, creating: false)
        guard let newName = new.last, Self.isSafe(newName) else {
            throw StorageError(.unsafePath, path: name(of: new))
        }
        do throws(StorageError) {
            try Self.rename(
                folder, oldName, to: folder, newName, path: name(of: new))
        } catch {
            throw error.errno == EEXIST
                ? error : StorageError(errno: error.errno, path: name(of: old))
        }
        try Self.sync(folder, path: name(of: new.dropLast()))
    }

    /// Renames from one open folder to another, where nothing of that name may be.
    static func rename(
        _ from: Descriptor, _ old: String, to folder: Descriptor, _ new: String,
        path: String
    ) throws(StorageError) {
        var result = rename_without_replacing(from.rawValue, old, folder.rawValue, new)
        if result != 0, errno == EINVAL || errno == ENOSYS {
            // The file system cannot promise it, so look first.
            var status = stat()
            guard fstatat(folder.rawValue, new, &status, AT_SYMLINK_NOFOLLOW) != 0 else {
                throw StorageError(errno: EEXIST, path: path)
            }
            result = renameat(from.rawValue, old, folder.rawValue, new)
        }
        guard result == 0 else { throw StorageError(errno: errno, path: path) }
    }

    func remove(_ elements: [String]) throws(StorageError) {
        let (folder, last) = try parent(of: elements, creating: false)
        guard unlinkat(folder.rawValue, last, 0) == 0 || errno == ENOENT else {
            throw StorageError(errno: errno, path: name(of: elements))
        }
    }

    /// Makes a symbolic link that says `text`. One that says so already is left as it is.
    func link(_ elements: [String], text: String) throws(StorageError) {
        let (folder, last) = try parent(of: elements, creating: true)
        guard symlinkat(text, folder.rawValue, last) != 0 else { return }
        let code = errno
        let length = text.utf8.count
        let same = withUnsafeTemporaryAllocation(of: CChar.self, capacity: length + 1) { buffer in
            guard code == EEXIST, let base = buffer.baseAddress else { return false }
            let count = readlinkat(folder.rawValue, last, base, length + 1)
            guard count == length else { return false }
            let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<length])
            return bytes.elementsEqual(text.utf8)
        }
        guard same else { throw StorageError(errno: code, path: name(of: elements)) }
    }

    /// Makes the entries of the folder durable.
    func syncFolder(_ elements: some Sequence<String>) throws(StorageError) {
        let folder = try walk(Array(elements)[...], creating: false)
        try Self.sync(folder, path: name(of: elements))
    }

    static func sync(_ folder: Descriptor, path: String) throws(StorageError) {
        // Some file systems have nothing to sync in a folder and say so.
        guard retrying({ fsync(folder.rawValue) }) == 0 || errno == EINVAL || errno == EROFS else {
            throw StorageError(errno: errno, path: path)
        }
    }

    // MARK: - The walk

    /// The open folder that holds the path's last element, and that element.
    func parent(
        of elements: [String], creating: Bool
    ) throws(StorageError) -> (Descriptor, String) {
        guard let last = elements.last, Self.isSafe(last) else {
            throw StorageError(.unsafePath, path: name(of: elements))
        }
        return (try walk(elements.dropLast(), creating: creating), last)
    }

    private func walk(
        _ elements: ArraySlice<String>, creating: Bool
    ) throws(StorageError) -> Descriptor {
        var folder = try openRoot()
        for (index, element) in elements.enumerated() {
            guard Self.isSafe(element) else {
                throw StorageError(.unsafePath, path: name(of: elements))
            }
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
            var raw = retrying { openat(folder.rawValue, element, flags) }
            if raw < 0, errno == ENOENT, creating {
                let made = mkdirat(folder.rawValue, element, 0o777)
                if made == 0 {
                    try Self.sync(folder, path: name(of: elements.prefix(index)))
                } else if errno != EEXIST {
                    throw StorageError(errno: errno, path: name(of: elements.prefix(index + 1)))
                }
                raw = retrying { openat(folder.rawValue, element, flags) }
            }
            guard raw >= 0 else {
                throw StorageError(errno: errno, path: name(of: elements.prefix(index + 1)))
            }
            folder = Descriptor(raw, isWritable: false)
        }
        return folder
    }

    private func openRoot() throws(StorageError) -> Descriptor {
        let raw = retrying { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard raw >= 0 else {
            let code = errno
            throw code == ENOENT
                ? StorageError(.missingVolume, path: path, errno: code)
                : StorageError(errno: code, path: path)
        }
        let folder = Descriptor(raw, isWritable: false)
        var status = stat()
        guard fstat(raw, &status) == 0, UInt64(status.st_dev) == device,
            UInt64(status.st_ino) == inode
        else { throw StorageError(.missingVolume, path: path) }
        return folder
    }

    /// An element that names an entry of its folder and nothing else.
    private static func isSafe(_ element: String) -> Bool {
        !element.isEmpty && element != "." && element != ".."
            && !element.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }

    private static func create(_ path: String) throws(StorageError) {
        var end = path.startIndex
        while end != path.endIndex {
            let next = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
            let folder = String(path[..<next])
            end = next
            var status = stat()
            if stat(folder, &status) == 0 { continue }
            guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
                let code = errno
                // The folder above is there, so that its kind, not its absence, is the reason.
                guard code != ENOENT, code != ENOTDIR else {
                    throw StorageError(.folderNotPossible, path: folder, errno: code)
                }
                throw StorageError(errno: code, path: folder)
            }
        }
    }
}

/// Looks at many files in turn, and walks to a folder once for all that it holds.
struct FolderVisit {
    private let root: SaveFolder
    private var elements: [String] = []
    private var folder: Descriptor?

    init(_ root: SaveFolder) { self.root = root }

    /// What stands at the path itself, without following a link; `nil` if nothing does.
    mutating func status(of path: [String]) throws(StorageError) -> stat? {
        guard let last = path.last else { return nil }
        if folder == nil || !path.dropLast().elementsEqual(elements) {
            folder = nil
            do throws(StorageError) {
                folder = try root.parent(of: path, creating: false).0
            } catch {
                guard error.kind == .missing else { throw error }
                return nil
            }
            elements = Array(path.dropLast())
        }
        guard let folder else { return nil }
        var status = stat()
        if fstatat(folder.rawValue, last, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
        guard errno == ENOENT else { throw StorageError(errno: errno, path: root.name(of: path)) }
        return nil
    }
}

/// Calls again while a signal interrupts the call.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        guard result == -1, errno == EINTR else { return result }
    }
}
