/// Finds what the symbolic links of a torrent point to (BEP 47).
///
/// A link is kept if it leads, by way of other links or not, to a file or folder of the same
/// torrent that it is not itself in; and it is then a link to that. All others become empty files.
struct SymlinkTable {
    private struct Place: Hashable {
        let folder: Int
        let name: [UInt8]
    }

    private enum Node {
        case folder([String])
        case file(Int)
        case link(target: [[UInt8]])
    }

    /// 0 is the torrent's own folder.
    private var nodes: [Node] = [.folder([])]
    private var numbers: [Place: Int] = [:]
    /// How many elements may still be looked up, over all links.
    private var budget = Limits.symlinkStepCountMax

    /// Sets the targets of `links` among `entries`, whose paths are unique by now.
    static func resolve(_ links: [(file: Int, target: [[UInt8]])], in entries: inout [FileEntry]) {
        guard !links.isEmpty else { return }
        var table = SymlinkTable()
        let targets = Dictionary(links.map { ($0.file, $0.target) }) { first, _ in first }
        for index in entries.indices where !entries[index].isPad {
            table.insert(entries[index], targets[index].map { .link(target: $0) } ?? .file(index))
        }
        for (file, target) in links {
            entries[file].symlinkTarget = table.target(target, of: entries[file], in: entries)
        }
    }

    private mutating func insert(_ entry: FileEntry, _ node: Node) {
        var folder = 0
        let rawPath = entry.rawPath
        for (depth, name) in rawPath.enumerated() {
            let place = Place(folder: folder, name: name)
            if depth == rawPath.count - 1 {
                // Of two with the same path the first is meant.
                if numbers[place] == nil { append(node, at: place) }
                return
            }
            folder =
                numbers[place] ?? append(.folder(Array(entry.path.prefix(depth + 1))), at: place)
        }
    }

    @discardableResult
    private mutating func append(_ node: Node, at place: Place) -> Int {
        numbers[place] = nodes.count
        nodes.append(node)
        return nodes.count - 1
    }

    private mutating func target(
        _ target: [[UInt8]], of link: FileEntry, in entries: [FileEntry]
    ) -> [String]? {
        // From the torrent's folder, as BEP 47 says; or from the link's, as some creators do.
        let fromLink = Self.normalised(link.rawPath.dropLast() + target)
        guard let node = follow(target) ?? fromLink.flatMap({ follow($0) }) else { return nil }
        switch node {
        case .file(let index): return entries[index].path
        case .folder(let path): return link.path.starts(with: path) ? nil : path
        case .link: return nil
        }
    }

    /// Walks from the torrent's folder to what `path` leads to in the end.
    private mutating func follow(_ path: [[UInt8]]) -> Node? {
        var ahead = Array(path.reversed())
        var place = 0
        var linkCount = 0
        while let name = ahead.popLast() {
            budget -= 1
            guard budget > 0, case .folder = nodes[place],
                let next = numbers[Place(folder: place, name: name)]
            else { return nil }
            place = next
            if case .link(let target) = nodes[next] {
                linkCount += 1
                guard linkCount <= Limits.symlinkChainMax else { return nil }
                ahead += target.reversed()
                place = 0
            }
        }
        return nodes[place]
    }

    /// Without `.` and `..`; `nil` if it leaves the torrent's folder.
    private static func normalised(_ path: [[UInt8]]) -> [[UInt8]]? {
        var result: [[UInt8]] = []
        for name in path where name != Array(".".utf8) {
            if name != Array("..".utf8) {
                result.append(name)
            } else if result.popLast() == nil {
                return nil
            }
        }
        return result
    }
}
