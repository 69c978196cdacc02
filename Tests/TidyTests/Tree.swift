import Foundation

/// The files of the repository, as they lie beside this test.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    static func names(in folder: String) -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(
            atPath: root.appending(path: folder).path)
        return (names ?? []).sorted()
    }

    /// The paths of the files below `folder` that end in `.ending`, in order.
    static func files(below folder: String, ending: String) -> [String] {
        let base = root.appending(path: folder).path
        let paths = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
        return paths.filter { $0.hasSuffix(".\(ending)") }.map { "\(folder)/\($0)" }.sorted()
    }

    static func swift(below folder: String) throws -> [SourceText] {
        try files(below: folder, ending: "swift").map { SourceText(path: $0, try text(of: $0)) }
    }
}
