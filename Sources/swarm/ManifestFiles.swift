import Glibc
import Metainfo
import Terminal

/// Manifests as files.
enum ManifestFiles {
    /// The manifest that a command's argument names: a file, or `-` for standard input.
    static func read(_ word: String) throws(Failure) -> Metainfo {
        let source = Source(word)
        switch source {
        case .file, .standardInput: return try parse(try bytes(of: source), source.subject)
        case .url:
            throw Failure(
                .unreadableSource, word, "is not a file", remedy: "download the torrent first")
        case .magnet, .infoHash:
            throw Failure(
                .unreadableSource, word, "names a torrent but does not hold it",
                remedy: "have it written by 'swarm fetch --list --save-torrent FILE LINK'")
        }
    }

    static func parse(_ bytes: [UInt8], _ subject: String) throws(Failure) -> Metainfo {
        do {
            return try Metainfo(bytes)
        } catch {
            throw Failure(.unreadableSource, subject, "\(error)")
        }
    }

    // MARK: - Reading

    /// The content of a file or of standard input, if it is not longer than any manifest.
    static func bytes(of source: Source) throws(Failure) -> [UInt8] {
        guard case .file(let path) = source else {
            return try bytes(from: STDIN_FILENO, source.subject)
        }
        guard !path.isEmpty else {
            throw Failure(.unreadableSource, "''", "no file has an empty name")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOENT, let scheme = scheme(of: path) {
                throw Failure(
                    .unreadableSource, path, "torrents are not fetched by \(scheme)",
                    remedy: "name an http or https URL, or download it first")
            }
            throw Failure(.unreadableSource, path, errno: code)
        }
        defer { close(descriptor) }
        return try bytes(from: descriptor, path)
    }

    /// What stands before `://` of a URL (RFC 3986, section 3.1).
    private static func scheme(of path: String) -> String? {
        guard let range = path.firstRange(of: "://") else { return nil }
        let scheme = path[..<range.lowerBound].lowercased()
        let isOne = scheme.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || "+-.".utf8.contains($0)
        }
        return isOne && scheme.first?.isLetter == true ? scheme : nil
    }

    private static func bytes(
        from descriptor: Int32, _ subject: String
    ) throws(Failure) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count == 0 { return all }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw Failure(.unreadableSource, subject, errno: errno)
            }
            all += buffer.prefix(count)
            guard all.count <= Limits.manifestBytesMax else {
                throw Failure(
                    .unreadableSource, subject,
                    "more than \(groupedText(Int64(Limits.manifestBytesMax))) bytes: not a torrent")
            }
        }
    }

    // MARK: - Writing

    /// What may be replaced.
    enum Overwriting: Equatable, Sendable {
        /// Nothing but the same torrent, as its info-hash says.
        case sameTorrent
        case anything
    }

    /// Writes a manifest so that its name is never that of a half-written one. `-` is standard
    /// output.
    static func write(
        _ metainfo: Metainfo, to path: String, _ overwriting: Overwriting
    ) throws(Failure) {
        let bytes = metainfo.encoded()
        guard path != "-" else { return try Console.standard.print(bytes: bytes) }
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw unwritable(path, errno) }
            return try create(path, bytes, mode: nil, replacing: false)
        }
        // A device or a pipe is written to, never replaced.
        guard status.st_mode & S_IFMT == S_IFREG else { return try overwrite(path, bytes) }
        if overwriting == .sameTorrent, torrent(at: path)?.infoHash != metainfo.infoHash {
            throw notThisTorrent(path)
        }
        try create(path, bytes, mode: status.st_mode & 0o7777, replacing: true)
    }

    /// Whether a torrent of this name and length could be written, as far as it can be told before
    /// it is made.
    static func checkPlace(
        _ path: String, _ overwriting: Overwriting, name: String, length: Int64
    ) throws(Failure) {
        guard path != "-" else { return }
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw unwritable(path, errno) }
            guard access(try splitPath(path).folder, W_OK) == 0 else {
                throw unwritable(path, errno)
            }
            return
        }
        guard status.st_mode & S_IFMT == S_IFREG, overwriting == .sameTorrent else { return }
        let old = torrent(at: path)
        guard old?.name == name, old?.layout.contentLength == length else {
            throw notThisTorrent(path)
        }
    }

    private static func torrent(at path: String) -> Metainfo? {
        (try? bytes(of: .file(path))).flatMap { try? Metainfo($0) }
    }

    private static func notThisTorrent(_ path: String) -> Failure {
        Failure(
            .unwritable, path, "exists and is not this torrent",
            remedy: "replace it with --force, or name another file with -o")
    }

    private static func overwrite(_ path: String, _ bytes: [UInt8]) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unwritable(path, errno) }
        defer { close(descriptor) }
        let code = writeAll(bytes, to: descriptor)
        guard code == 0 else { throw unwritable(path, code) }
    }

    /// Writes beside the file, and gives the name only to what is whole and on disk.
    private static func create(
        _ path: String, _ bytes: [UInt8], mode: mode_t?, replacing: Bool
    ) throws(Failure) {
        let draft = "\(path).\(getpid()).part"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw unwritable(path, errno) }
        var code = writeAll(bytes, to: descriptor)
        if code == 0, let mode, fchmod(descriptor, mode) != 0 { code = errno }
        if code == 0, fsync(descriptor) != 0 { code = errno }
        if close(descriptor) != 0, code == 0 { code = errno }
        if code == 0 { code = replacing ? move(draft, path) : moveToFreeName(draft, path) }
        guard code == 0 else {
            unlink(draft)
            throw unwritable(path, code)
        }
    }

    private static func move(_ draft: String, _ path: String) -> Int32 {
        rename(draft, path) == 0 ? 0 : errno
    }

    /// A link fails where a rename would replace a file that came meanwhile. Not all file systems
    /// have links.
    private static func moveToFreeName(_ draft: String, _ path: String) -> Int32 {
        if link(draft, path) == 0 {
            unlink(draft)
            return 0
        }
        guard errno != EEXIST else { return EEXIST }
        return access(path, F_OK) == 0 ? EEXIST : move(draft, path)
    }

    private static func unwritable(_ path: String, _ code: Int32) -> Failure {
        Failure(
            .unwritable, path, errno: code,
            remedy: [EACCES, EPERM, EROFS].contains(code) ? "name another file with -o" : nil)
    }
}

// MARK: - Paths

/// The folder that the file or folder at `path` lies in, and its name there.
func splitPath(_ path: String) throws(Failure) -> (folder: String, name: String) {
    var trimmed = path[...]
    while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
    let name = trimmed.split(separator: "/").last.map(String.init) ?? ""
    if ["", ".", ".."].contains(name) {
        guard let real = realpath(path, nil) else {
            throw Failure(.unreadableSource, path, errno: errno)
        }
        defer { free(real) }
        trimmed = String(cString: real)[...]
        guard trimmed != "/" else {
            throw Failure(.unreadableSource, path, "the whole file system cannot be a torrent")
        }
    }
    guard let slash = trimmed.lastIndex(of: "/") else { return (".", String(trimmed)) }
    let folder = trimmed[..<slash]
    return (folder.isEmpty ? "/" : String(folder), String(trimmed[trimmed.index(after: slash)...]))
}

/// Whether there is a folder at the path.
func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// `name` in `folder`; the name alone in the current folder.
func joinedPath(_ folder: String, _ name: String) -> String {
    if folder == "." { return name }
    return folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
}
