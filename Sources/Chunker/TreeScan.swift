import Glibc

/// Finds the files below a folder, in the order of the manifest: folder by folder, names by their
/// bytes. That is the order of a v2 file tree (BEP 52), and hybrid manifests must have their v1
/// list in the same; it is not that of whole paths, where `a.txt` comes before `a/b`.
struct TreeScan {
    private let root: SourceRoot
    private let filter: PathFilter
    private var files: [SourceFile] = []
    private var links: [Link] = []
    private var stack: [Folder] = []

    struct Link {
        let file: Int
        let target: [UInt8]
    }

    private struct Entry {
        let name: [UInt8]
        let status: stat
        let target: [UInt8]?
    }

    private struct Folder {
        let path: [UInt8]
        let components: [String]
        /// Whether a pattern took the folder as a whole.
        let isTaken: Bool
        /// The names that are not yet visited, the next one last.
        var entries: [Entry]
    }

    /// The files of `root`, or the one that it is.
    static func files(of root: SourceRoot, filter: PathFilter) throws(ChunkerError) -> [SourceFile]
    {
        guard root.isFolder else { return try singleFile(root, filter) }
        var scan = TreeScan(root: root, filter: filter)
        try scan.run()
        return scan.files
    }

    private init(root: SourceRoot, filter: PathFilter) {
        self.root = root
        self.filter = filter
    }

    private static func singleFile(
        _ root: SourceRoot, _ filter: PathFilter
    ) throws(ChunkerError) -> [SourceFile] {
        let status = try root.status()
        let name = root.path.utf8.split(separator: slash).last.map { Array($0) } ?? []
        guard case .take = filter.verdict(on: name, isFolder: false, isInside: false) else {
            return []
        }
        return [
            SourceFile(
                path: [], components: [], length: Int64(status.st_size),
                stamp: FileStamp(status), isExecutable: status.st_mode & S_IXUSR != 0)
        ]
    }

    private mutating func run() throws(ChunkerError) {
        stack.append(
            Folder(path: [], components: [], isTaken: false, entries: try list([])))
        while let depth = stack.indices.last {
            guard let entry = stack[depth].entries.popLast() else {
                stack.removeLast()
                continue
            }
            try visit(entry, in: depth)
        }
        try resolveLinks()
    }

    private mutating func visit(_ entry: Entry, in depth: Int) throws(ChunkerError) {
        let folder = stack[depth].path
        let path = folder.isEmpty ? entry.name : folder + [slash] + entry.name
        let isFolder = entry.status.st_mode & S_IFMT == S_IFDIR
        let verdict = filter.verdict(on: path, isFolder: isFolder, isInside: stack[depth].isTaken)
        if case .leaveOut = verdict { return }
        guard let name = String(validating: entry.name, as: UTF8.self) else {
            throw .nameNotUTF8(path: root.display(path))
        }
        let components = stack[depth].components + [name]
        guard !isFolder else {
            guard depth < Limits.folderDepthMax else {
                throw .tooDeep(path: root.display(path), max: Limits.folderDepthMax)
            }
            var isTaken = false
            if case .take = verdict { isTaken = true }
            stack.append(
                Folder(
                    path: path, components: components, isTaken: isTaken, entries: try list(path)))
            return
        }
        try add(entry, path: path, components: components)
    }

    private mutating func add(
        _ entry: Entry, path: [UInt8], components: [String]
    ) throws(ChunkerError) {
        guard files.count < Limits.fileCountMax else {
            throw .tooManyFiles(path: root.display([]), max: Limits.fileCountMax)
        }
        if let special = ChunkerError.SpecialFile(mode: entry.status.st_mode) {
            throw .specialFile(path: root.display(path), special)
        }
        // Told now and not when a day's hashing has come to this file.
        let isLink = entry.target != nil
        guard isLink || root.isReadable(path) else {
            throw .unreadable(path: root.display(path), errno: errno)
        }
        if let target = entry.target { links.append(Link(file: files.count, target: target)) }
        files.append(
            SourceFile(
                path: path, components: components,
                length: isLink ? 0 : Int64(entry.status.st_size), stamp: FileStamp(entry.status),
                // A link's mode lets everybody execute it, and libtorrent writes that down.
                isExecutable: entry.status.st_mode & S_IXUSR != 0))
    }

    private mutating func resolveLinks() throws(ChunkerError) {
        guard !links.isEmpty else { return }
        let resolver = try LinkResolver(root: root, paths: files.map(\.path))
        for link in links {
            files[link.file].linkTarget = try resolver.target(
                of: files[link.file].path, pointingAt: link.target)
        }
    }

    // MARK: - One folder

    /// What is in the folder, the last name first.
    private func list(_ path: [UInt8]) throws(ChunkerError) -> [Entry] {
        guard let folder = root.open(path, flags: O_DIRECTORY) else {
            throw SourceRoot.failure(path: root.display(path), errno)
        }
        // The stream closes its descriptor, so it gets one of its own.
        guard let stream = fdopendir(fcntl(folder.descriptor, F_DUPFD_CLOEXEC, 0)) else {
            throw .unreadable(path: root.display(path), errno: errno)
        }
        defer { closedir(stream) }
        var entries: [Entry] = []
        while true {
            errno = 0
            guard let name = nextName(stream) else { break }
            if name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")] {
                continue
            }
            entries.append(try entry(name, in: folder, path))
            guard entries.count + files.count <= 2 * Limits.fileCountMax else {
                throw .tooManyFiles(path: root.display([]), max: Limits.fileCountMax)
            }
        }
        guard errno == 0 else { throw .unreadable(path: root.display(path), errno: errno) }
        entries.sort { precedes($1.name, $0.name) }
        return entries
    }

    private func nextName(_ stream: OpaquePointer) -> [UInt8]? {
        guard let entry = readdir(stream),
            let offset = MemoryLayout<dirent>.offset(of: \.d_name)
        else { return nil }
        let name = UnsafeRawPointer(entry) + offset
        let length = strlen(name.assumingMemoryBound(to: CChar.self))
        return Array(UnsafeRawBufferPointer(start: name, count: length))
    }

    private func entry(
        _ name: [UInt8], in folder: OpenFile, _ path: [UInt8]
    ) throws(ChunkerError) -> Entry {
        var status = stat()
        let result = withCString(name) {
            fstatat(folder.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW)
        }
        guard result == 0 else {
            throw SourceRoot.failure(path: root.display(path + [slash] + name), errno)
        }
        guard status.st_mode & S_IFMT == S_IFLNK else {
            return Entry(name: name, status: status, target: nil)
        }
        let target = Array<UInt8>(unsafeUninitializedCapacity: Limits.linkTargetBytesMax) {
            buffer, count in
            let length = withCString(name) { name in
                buffer.withMemoryRebound(to: CChar.self) { buffer in
                    guard let base = buffer.baseAddress else { return 0 }
                    return readlinkat(folder.descriptor, name, base, buffer.count)
                }
            }
            count = max(0, length)
        }
        return Entry(name: name, status: status, target: target)
    }
}

/// Whether `a` comes before `b`, by bytes.
func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.withUnsafeBytes { a in
        b.withUnsafeBytes { b in
            guard let first = a.baseAddress, let second = b.baseAddress else {
                return a.count < b.count
            }
            let order = memcmp(first, second, min(a.count, b.count))
            return order == 0 ? a.count < b.count : order < 0
        }
    }
}
