import CLinux
import Glibc
import Units

/// An open folder that is watched: what is in it is reached by names in it only, and no link is
/// followed, so nothing outside can be read or moved by what somebody puts there. All of this
/// waits for the disk.
final class WatchedDirectory: Sendable {
    enum Fault: Error, Sendable, CustomStringConvertible {
        case system(String, code: Int32)
        /// What has the name is a link, a folder or a device.
        case notAFile(String)
        case tooLarge(String, bytesMax: Int)

        var description: String {
            switch self {
            case .system(let name, let code): "\(name): \(String(cString: strerror(code)))"
            case .notAFile(let name): "\(name): not a regular file"
            case .tooLarge(let name, let bytesMax): "\(name): larger than \(bytesMax) bytes"
            }
        }
    }

    /// Where files go that were added, and those that could not be.
    static let addedFolder = ".added"
    static let failedFolder = ".failed"

    let path: String
    let descriptor: Int32

    init(_ path: String) throws(Fault) {
        self.path = path
        descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path, code: errno) }
    }

    deinit { close(descriptor) }

    /// Which folder it is, whatever it is called.
    var identity: [UInt64] {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return [] }
        return [UInt64(facts.st_dev), UInt64(facts.st_ino)]
    }

    /// Whether the kernel tells of what happens in it. Not where other machines may write too, nor
    /// where a program is the file system.
    var tellsEvents: Bool {
        let kind = UInt32(truncatingIfNeeded: file_system_kind(descriptor))
        let silent: [UInt32] = [
            0x6969,  // NFS
            0x517B, 0xFF53_4D42, 0xFE53_4D42,  // SMB, CIFS, SMB2
            0x6573_5546,  // FUSE
            0x0102_1997,  // 9P
            0x5346_414F, 0x6B41_4653,  // AFS
            0x00C3_6400,  // Ceph
            0x7461_636F,  // OCFS2
            0x0116_1970,  // GFS2
            0x786F_4256,  // VirtualBox's shared folders
        ]
        return !silent.contains(kind)
    }

    // MARK: What is in it

    func list() throws(Fault) -> [WatchFolder.Entry] {
        // One of its own, as a descriptor has only one place to read a folder from.
        let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { throw .system(path, code: errno) }
        guard let stream = fdopendir(copy) else {
            close(copy)
            throw .system(path, code: errno)
        }
        defer { closedir(stream) }
        var entries: [WatchFolder.Entry] = []
        var count = 0
        while count < Limits.watchedEntriesMax, let entry = readdir(stream) {
            count += 1
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard WatchFolder.isWanted(name) else { continue }
            var facts = stat()
            guard fstatat(descriptor, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            entries.append(
                WatchFolder.Entry(
                    name: name, sight: WatchFolder.Sight(facts), isRegularFile: facts.isFile))
        }
        return entries
    }

    /// The bytes of a file of at most so many.
    func read(_ name: String, bytesMax: Int) throws(Fault) -> [UInt8] {
        // Not waiting, as opening a pipe would; it is refused below.
        let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else {
            let code = errno
            throw code == ELOOP ? .notAFile(name) : .system(name, code: code)
        }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0 else { throw .system(name, code: errno) }
        guard facts.isFile else { throw .notAFile(name) }
        guard facts.st_size <= bytesMax else { throw .tooLarge(name, bytesMax: bytesMax) }
        // One more than its size shows that it has grown meanwhile.
        var bytes = [UInt8](repeating: 0, count: max(0, Int(clamping: facts.st_size)) + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { room in
                Glibc.read(file, room.baseAddress?.advanced(by: count), room.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .system(name, code: errno) }
            if got == 0 { break }
            count += got
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    // MARK: What becomes of it

    /// Moves a file into a folder of this one, under a name that is free there, and says which.
    @discardableResult
    func move(_ name: String, to folder: String) throws(Fault) -> String {
        let target = try openFolder(folder)
        defer { close(target) }
        for number in 1...Limits.putAwayNamesMax {
            let free = number == 1 ? name : Self.numbered(name, number)
            if try rename(name, into: target, as: free) { return free }
        }
        throw .system("\(folder)/\(name)", code: EEXIST)
    }

    /// Writes a small file into a folder of this one, in place of one that is there.
    func write(_ text: String, to name: String, in folder: String) throws(Fault) {
        let target = try openFolder(folder)
        defer { close(target) }
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let file = openat(target, name, flags, 0o644)
        guard file >= 0 else { throw .system("\(folder)/\(name)", code: errno) }
        defer { close(file) }
        let bytes = Array(text.utf8)
        let count = Glibc.write(file, bytes, bytes.count)
        guard count == bytes.count else {
            throw .system("\(folder)/\(name)", code: count < 0 ? errno : ENOSPC)
        }
    }

    private func openFolder(_ folder: String) throws(Fault) -> Int32 {
        if mkdirat(descriptor, folder, 0o755) != 0, errno != EEXIST {
            throw .system(folder, code: errno)
        }
        let opened = openat(descriptor, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { throw .system(folder, code: errno) }
        return opened
    }

    /// False if the name is taken.
    private func rename(
        _ name: String, into target: Int32, as free: String
    ) throws(Fault) -> Bool {
        if rename_without_replacing(descriptor, name, target, free) == 0 { return true }
        if errno == EEXIST { return false }
        guard errno == EINVAL || errno == ENOSYS else { throw .system(name, code: errno) }
        // A file system that cannot look and rename at once; nobody else writes there.
        var facts = stat()
        if fstatat(target, free, &facts, AT_SYMLINK_NOFOLLOW) == 0 { return false }
        guard renameat(descriptor, name, target, free) == 0 else {
            throw .system(name, code: errno)
        }
        return true
    }

    /// `a.torrent`, `a (2).torrent`.
    private static func numbered(_ name: String, _ number: Int) -> String {
        guard let dot = name.lastIndex(of: ".") else { return "\(name) (\(number))" }
        return "\(name[..<dot]) (\(number))\(name[dot...])"
    }
}

extension stat {
    fileprivate var isFile: Bool { st_mode & S_IFMT == S_IFREG }
}

extension WatchFolder.Sight {
    fileprivate init(_ facts: stat) {
        let seconds = Int64(facts.st_mtim.tv_sec).multipliedSaturating(by: 1_000_000_000)
        self.init(
            size: Int64(facts.st_size),
            modified: seconds.addingSaturating(Int64(facts.st_mtim.tv_nsec)),
            inode: UInt64(facts.st_ino))
    }
}
