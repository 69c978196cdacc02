import Glibc

/// Says what symbolic links point at, as a manifest does: below the folder (BEP 47).
struct LinkResolver {
    private let root: SourceRoot
    private let rootPath: [[UInt8]]
    /// All files and links that are shared, and the folders that they are in.
    private var known: Set<[UInt8]> = []

    init(root: SourceRoot, paths: [[UInt8]]) throws(ChunkerError) {
        guard let real = root.realPath() else {
            throw SourceRoot.failure(path: root.path, errno)
        }
        self.root = root
        self.rootPath = Self.elements(real)
        for path in paths {
            known.insert(path)
            // A folder that is known brings its own folders with it.
            var end = path.lastIndex(of: slash)
            while let length = end, known.insert(Array(path[..<length])).inserted {
                end = path[..<length].lastIndex(of: slash)
            }
        }
    }

    /// The target below the folder. What the text of the link says is taken where that is right,
    /// so that a link to a link stays one.
    func target(of link: [UInt8], pointingAt text: [UInt8]) throws(ChunkerError) -> [String] {
        let shown = (path: root.display(link), target: printable(text))
        let dangles = ChunkerError.linkDangles(path: shown.path, target: shown.target)
        guard let reached = root.statusFollowingLinks(link) else { throw dangles }
        if let said = below(absolute(text, from: link)), !said.isEmpty,
            let there = root.statusFollowingLinks(joined(said)),
            there.st_ino == reached.st_ino, there.st_dev == reached.st_dev,
            isShared(said, by: link)
        {
            return said.map { String(decoding: $0, as: UTF8.self) }
        }
        guard let real = root.realPath(link) else { throw dangles }
        guard let meant = below(Self.elements(real)), !meant.isEmpty else {
            throw .linkLeavesFolder(path: shown.path, target: shown.target)
        }
        guard isShared(meant, by: link) else { throw dangles }
        return meant.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether `target` is shared, and not a folder that `link` is in: nobody would follow that.
    private func isShared(_ target: [[UInt8]], by link: [UInt8]) -> Bool {
        known.contains(joined(target)) && !Self.elements(link).starts(with: target)
    }

    /// The path that `text` spells in a link at `link`, without looking at what is there.
    private func absolute(_ text: [UInt8], from link: [UInt8]) -> [[UInt8]] {
        var elements: [[UInt8]] =
            text.first == slash ? [] : rootPath + Self.elements(link).dropLast()
        for element in Self.elements(text) {
            if element == [UInt8(ascii: "."), UInt8(ascii: ".")] {
                _ = elements.popLast()
            } else if element != [UInt8(ascii: ".")] {
                elements.append(element)
            }
        }
        return elements
    }

    private func below(_ path: [[UInt8]]) -> [[UInt8]]? {
        guard path.starts(with: rootPath) else { return nil }
        return Array(path.dropFirst(rootPath.count))
    }

    private func joined(_ elements: [[UInt8]]) -> [UInt8] {
        Array(elements.joined(separator: [slash]))
    }

    private static func elements(_ path: [UInt8]) -> [[UInt8]] {
        path.split(separator: slash).map { Array($0) }
    }
}
