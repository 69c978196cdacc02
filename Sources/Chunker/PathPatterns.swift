/// Patterns as `ChunkOptions.include` has them, for whoever chooses among the files of a manifest
/// that is there already.
public struct PathPatterns: Sendable {
    private let filter: PathFilter
    private let isEmpty: Bool

    public init(_ patterns: [String]) throws(ChunkerError) {
        self.filter = try PathFilter(include: patterns, exclude: [])
        self.isEmpty = patterns.isEmpty
    }

    /// Whether the file at `path`, or a folder that it lies in, matches one of the patterns.
    public func match(_ path: [String]) -> Bool {
        guard !isEmpty else { return false }
        var prefix: [UInt8] = []
        for (depth, name) in path.enumerated() {
            if depth > 0 { prefix.append(slash) }
            prefix += name.utf8
            let isFolder = depth < path.count - 1
            if filter.verdict(on: prefix, isFolder: isFolder, isInside: false) == .take {
                return true
            }
        }
        return false
    }
}
