import Foundation
import Units

/// A folder of the test's own, removed with it.
final class ModelScratch: Sendable {
    let path: String

    init() throws {
        // Without the links that a temporary folder may be reached by.
        let made = NSTemporaryDirectory() + "/swarm-box-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: made, withIntermediateDirectories: true)
        path = URL(fileURLWithPath: made).resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func folder(_ name: String) throws -> String {
        let folder = path + "/" + name
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Writes a file of bytes that follow from `seed`.
    func write(_ name: String, bytes: Int, seed: UInt64) throws {
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
    }
}
