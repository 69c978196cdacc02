public import Metainfo
public import Units

/// Why a file or folder of a torrent is not renamed.
public enum RenameError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The torrent has nothing of that path now.
    case noSuchPath(String)
    /// No name that a file can have; `reason` says why.
    case badName(reason: String)
    /// Another file or folder of the torrent, or of somebody else, has that name.
    case taken(String)
    /// Nothing is remembered of the torrent, so its new names could not be either.
    case notRemembered
    case storage(StorageError)

    public var description: String {
        switch self {
        case .noSuchPath(let path): "'\(path)': the torrent has no such file or folder"
        case .badName(let reason): reason
        case .taken(let name): "'\(name)': is there already"
        case .notRemembered: "the session keeps no state, so it cannot keep new names"
        case .storage(let error): "\(error)"
        }
    }
}

/// What a user calls files and folders of a torrent, where that is not what the torrent calls them.
public struct RenamedPaths: Hashable, Sendable {
    /// New names by the path that the torrent itself has for the file or folder, from the save
    /// folder down and with `/` between its elements.
    private(set) var names: [String: String]

    public init() { self.names = [:] }

    init(names: [String: String]) { self.names = names }

    /// The name that the torrent has now.
    public func name(of metainfo: Metainfo) -> String { names[metainfo.name] ?? metainfo.name }

    /// Where the file stands now, as elements from the save folder down.
    public func path(of file: FileIndex, in metainfo: Metainfo) -> [String] {
        current(metainfo.originalPath(of: file.position))
    }

    /// What has become of a path of the torrent's own.
    func current(_ path: [String]) -> [String] {
        guard !names.isEmpty else { return path }
        var (original, current) = ("", path)
        for (index, element) in path.enumerated() {
            original += index == 0 ? element : "/" + element
            if let name = names[original] { current[index] = name }
        }
        return current
    }
}

extension Metainfo {
    /// Elements from the save folder down to the file, as the torrent names them.
    func originalPath(of file: Int) -> [String] {
        isSingleFile ? [name] : [name] + layout.files[file].path
    }
}

/// One file or folder of a torrent that is to get another name.
struct Renaming: Hashable, Sendable {
    /// The path that the torrent itself has for it.
    var original: String
    /// Where it is now, and where it will be.
    var from: [String]
    var to: [String]
    var name: String { to.last ?? "" }
    /// It gets the name back that the torrent has for it.
    var isOriginal: Bool
    /// The files that it is, or holds.
    var files: [Int]

    /// - Parameters:
    ///   - path: where it is now, from the save folder down, with `/` between its elements.
    ///   - name: one element of a path.
    init(
        _ path: String, to name: String, of metainfo: Metainfo, _ renamed: RenamedPaths
    ) throws(RenameError) {
        let from = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let to = from.dropLast() + [name]
        var (files, siblings): ([Int], Set<String>) = ([], [])
        var found: [String]?
        for (index, file) in metainfo.layout.files.enumerated() where !file.isPad {
            let original = metainfo.originalPath(of: index)
            let current = renamed.current(original)
            guard current.count >= from.count,
                current.prefix(from.count - 1).elementsEqual(from.dropLast())
            else { continue }
            if current[from.count - 1] == from.last {
                found = Array(original.prefix(from.count))
                files.append(index)
            } else {
                siblings.insert(current[from.count - 1].lowercased())
            }
        }
        guard let found else { throw .noSuchPath(path) }
        // As for the torrent's own paths, letters' case tells no two names apart.
        guard !siblings.contains(name.lowercased()) else { throw .taken(name) }
        self.isOriginal = name.utf8.elementsEqual((found.last ?? "").utf8)
        if !isOriginal { try Self.check(name, tag: FileNames.tag(of: metainfo)) }
        (self.original, self.from) = (found.joined(separator: "/"), from)
        (self.to, self.files) = (Array(to), files)
    }

    private static func check(_ name: String, tag: String) throws(RenameError) {
        guard !name.isEmpty else { throw .badName(reason: "a name cannot be empty") }
        guard name.utf8.count <= Limits.nameBytesMax else {
            throw .badName(reason: "a name has at most \(Limits.nameBytesMax) bytes")
        }
        guard Metainfo.isFileName(name) else {
            throw .badName(
                reason: "a name is one element of a path, without slashes, '..' and controls")
        }
        guard !FileNames.isReserved(name, tag: tag) else {
            throw .badName(reason: "'\(name)': such names are for what is not whole yet")
        }
    }

    /// Whether that is what it is called already, byte for byte.
    var changesNothing: Bool { name.utf8.elementsEqual((from.last ?? "").utf8) }

    func applied(to renamed: RenamedPaths) -> RenamedPaths {
        var names = renamed.names
        names[original] = isOriginal ? nil : name
        return RenamedPaths(names: names)
    }
}
