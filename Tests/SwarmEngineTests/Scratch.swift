import Chunker
import Foundation
import Metainfo
import Units

/// A folder of the test's own, removed with it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/swarm-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func folder(_ name: String) throws -> String {
        let folder = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Writes a file of bytes that follow from `seed`.
    @discardableResult
    func write(_ name: String, bytes: Int, seed: UInt64) throws -> String {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        var generator = SeededGenerator(seed: seed)
        var data = Data(capacity: bytes + 8)
        while data.count < bytes {
            withUnsafeBytes(of: generator.next()) { data.append(contentsOf: $0) }
        }
        try data.prefix(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    func manifest(of name: String, _ format: ChunkFormat) throws -> Metainfo {
        var options = ChunkOptions()
        options.format = format
        options.pieceLength = 64 * 1024
        return try Chunker(path: path + "/" + name, options: options).run(progress: nil)
    }

    /// The files below a folder by their relative paths.
    static func files(below folder: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        guard let walk = FileManager.default.enumerator(atPath: folder) else { return files }
        for case let name as String in walk {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder)
            guard !isFolder.boolValue else { continue }
            files[name] = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        }
        return files
    }
}
