import Foundation

/// What is shared: files with random bytes, whose shape depends on a seed only.
struct Content: Sendable {
    enum Shape: String, Sendable, CaseIterable {
        /// 64 MiB less a few bytes, in one file.
        case file
        /// 300 files in folders: names in many scripts, empty ones, sizes around the block's.
        case tree
    }

    /// The folder that holds the content, as a client's download folder would.
    let folder: URL
    /// The name of the file or folder in it.
    let name: String

    static func make(_ shape: Shape, in folder: URL) throws -> Content {
        switch shape {
        case .file:
            try fill(folder.appending(path: "payload.bin"), count: (64 << 20) - 12_345)
            return Content(folder: folder, name: "payload.bin")
        case .tree:
            try makeTree(at: folder.appending(path: "árbol 木 🌳"))
            return Content(folder: folder, name: "árbol 木 🌳")
        }
    }

    /// The same content in another folder.
    func copy(to other: URL) async throws -> Content {
        try await run([
            "cp", "-r", "--preserve=timestamps", folder.appending(path: name).path, other.path,
        ])
        try await run(["chmod", "-R", "a+rwX", other.path])
        return Content(folder: other, name: name)
    }

    /// Turns over one byte in each mebibyte of the (one) file.
    func spoil() throws {
        let file = try FileHandle(forUpdating: folder.appending(path: name))
        defer { try? file.close() }
        for offset in stride(from: UInt64(0), to: try file.seekToEnd(), by: 1 << 20) {
            try file.seek(toOffset: offset)
            let byte = try file.read(upToCount: 1)?.first ?? 0
            try file.seek(toOffset: offset)
            try file.write(contentsOf: [~byte])
        }
    }

    /// What differs between this and what `other` holds under the same name: nothing, if all is
    /// well. Files of no length count only if `emptyFiles` says so.
    func differences(from other: URL, emptyFiles: Bool = true) throws -> [String] {
        let (ours, theirs) = (
            try Self.files(at: folder.appending(path: name)),
            try Self.files(at: other.appending(path: name))
        )
        var found: [String] = []
        for (path, url) in ours {
            guard let match = theirs[path] else {
                if try emptyFiles || Self.size(of: url) > 0 { found.append("missing: \(path)") }
                continue
            }
            if try !Self.isSame(url, match) { found.append("differs: \(path)") }
        }
        for path in theirs.keys where ours[path] == nil { found.append("too many: \(path)") }
        return found.sorted()
    }

    /// The files below `url`, by their path from there; the file itself by the empty path.
    private static func files(at url: URL) throws -> [String: URL] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            return [:]
        }
        guard isFolder.boolValue else { return ["": url] }
        var files: [String: URL] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: url.path) {
            let file = url.appending(path: path)
            let exists = FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder)
            if exists, !isFolder.boolValue { files[path] = file }
        }
        return files
    }

    private static func size(of url: URL) throws -> Int {
        try FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int ?? 0
    }

    private static func isSame(_ one: URL, _ other: URL) throws -> Bool {
        try Data(contentsOf: one, options: .alwaysMapped)
            == Data(contentsOf: other, options: .alwaysMapped)
    }

    /// No quotation marks, colons and the like in the names: Transmission puts `_` in their place.
    private static func makeTree(at root: URL) throws {
        let sizes = [
            0, 1, 2, 16_383, 16_384, 16_385, 32_768, 65_535, 99_991, 131_072, 262_143, 262_145, 7,
        ]
        let folders = [
            "", "ünïcödé", "日本語/深い/場所", "кириллица", "a b+c&d#e%20f", "עברית", ".hidden",
        ]
        let words = ["plain", "naïve", "データ", "файл", "😀😀", "e\u{301}clair", "100%", "q'uote"]
        for number in 0..<300 {
            let folder = root.appending(path: folders[number % folders.count])
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let name = "\(words[number % words.count])-\(number).dat"
            try fill(folder.appending(path: name), count: sizes[number % sizes.count])
        }
    }

    private static func fill(_ url: URL, count: Int) throws {
        let source = try FileHandle(forReadingFrom: URL(filePath: "/dev/urandom"))
        defer { try? source.close() }
        try (source.read(upToCount: count) ?? Data()).write(to: url)
    }
}
