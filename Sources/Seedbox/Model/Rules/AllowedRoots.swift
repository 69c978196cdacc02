import Foundation

/// The folders under which content may be put, and nothing else (R8).
struct AllowedRoots {
    /// Without a slash at their ends.
    let roots: [String]

    init(_ settings: Settings) {
        let named =
            [settings.storage.downloadFolder] + settings.categories.compactMap(\.folder)
            + settings.watch.compactMap(\.downloadFolder) + settings.storage.allowedRoots
        var seen: Set<String> = []
        roots = named.filter { !$0.isEmpty }.map(Self.trimmed).filter { seen.insert($0).inserted }
    }

    /// The folder as it is kept: absolute, under one of the roots both as it is written and where
    /// its links lead.
    func checked(_ folder: String) throws(SeedboxError) -> String {
        guard folder.utf8.count <= Limits.folderBytesMax else {
            throw .forbiddenPath(String(folder.prefix(64)) + "...")
        }
        let elements = folder.split(separator: "/", omittingEmptySubsequences: true)
        let isSafe = elements.allSatisfy { element in
            element != ".." && element != "."
                && element.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        }
        guard folder.hasPrefix("/"), isSafe else { throw .forbiddenPath(folder) }
        let path = "/" + elements.joined(separator: "/")
        guard roots.contains(where: { Self.contains(path, in: $0) }) else {
            throw .forbiddenPath(path)
        }
        // What is not there yet will be made below what is.
        let real = Self.resolved(path)
        guard roots.contains(where: { Self.contains(real, in: Self.resolved($0)) }) else {
            throw .forbiddenPath(path)
        }
        return path
    }

    private static func contains(_ path: String, in root: String) -> Bool {
        path == root || root == "/" || path.hasPrefix(root + "/")
    }

    private static func trimmed(_ path: String) -> String {
        "/" + path.split(separator: "/").joined(separator: "/")
    }

    /// Where the links of the part that exists lead, with the rest behind it.
    static func resolved(_ path: String) -> String {
        var (existing, rest) = (path, "")
        while existing != "/", !existing.isEmpty {
            if let real = realpath(existing, nil) {
                defer { free(real) }
                let base = String(cString: real)
                return (base == "/" ? "" : base) + rest
            }
            // A link that leads nowhere is resolved to what is missing, and so is outside.
            if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: existing) {
                return (target.hasPrefix("/") ? target : "/?/" + target) + rest
            }
            let cut = existing.lastIndex(of: "/") ?? existing.startIndex
            rest = String(existing[cut...]) + rest
            existing = String(existing[..<cut])
        }
        return rest.isEmpty ? "/" : rest
    }
}
